//! One client process: started with a scrubbed environment in a process group of its own, listened to, and ended.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dhcpmgr_message::{Token, context};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::Launch;
use crate::recovery::Fault;

/// How long a client may take to end after SIGTERM before it is killed. udhcpc sleeps up to 3 s after a NAK and
/// does not hear signals meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The longest line of a client that is kept.
const LONGEST_LINE: usize = 400;

/// A client process that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {program}: {source}")]
pub struct SpawnError {
    program: PathBuf,
    source: io::Error,
}

impl SpawnError {
    /// What that is for recovery.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match (self.source.kind(), self.source.raw_os_error().map(Errno::from_raw)) {
            (io::ErrorKind::NotFound, _) => Fault::Missing(self.to_string()),
            (io::ErrorKind::PermissionDenied, _) | (_, Some(Errno::ENOEXEC)) => {
                Fault::Forbidden(self.to_string())
            }
            // Out of processes or memory for now.
            _ => Fault::Died(self.to_string()),
        }
    }
}

/// How a client process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitReason(ExitStatus);

impl From<ExitStatus> for ExitReason {
    fn from(status: ExitStatus) -> Self {
        Self(status)
    }
}

impl ExitReason {
    /// The exit status, when it ended by itself.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        self.0.code()
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "ended with exit status {code}"),
            (None, Some(number)) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
            (None, None) => f.write_str("ended"),
        }
    }
}

/// A running client process. Dropping it leaves the process alone.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
}

/// What a client writes, standard output and error together: a datagram for each write, which is a line.
///
/// It is read when somebody wants to know, not when it is written: a wake-up for each line would cost more than the
/// lease. Until then the kernel keeps the first lines (`net.unix.max_dgram_qlen`, 10 as a rule), and the client drops
/// what does not fit. Not a pipe: when the daemon dies, the next write to a pipe would kill the client with SIGPIPE,
/// and a daemon that stands still would block it.
#[derive(Debug)]
pub struct Output(UnixDatagram);

impl Output {
    /// What the client has written since the last time, shortened and without control characters.
    pub fn lines(&self) -> Vec<String> {
        let mut line = [0; LONGEST_LINE];
        std::iter::from_fn(|| self.0.recv(&mut line).ok().map(|length| printable(&line[..length]))).collect()
    }
}

fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The daemon's end and the client's.
fn output_pair() -> io::Result<(UnixDatagram, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Datagram, None, flags)?;
    Ok((ours.into(), theirs))
}

impl Process {
    /// Starts the client and gives what it writes.
    pub fn spawn(launch: &Launch) -> Result<(Self, Output), SpawnError> {
        let error = |source: io::Error| SpawnError { program: launch.program.clone(), source };
        let (output, writer) = output_pair().map_err(error)?;
        let copy = writer.try_clone().map_err(error)?;
        let child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::from(writer))
            .stderr(Stdio::from(copy))
            .process_group(0)
            .spawn()
            .map_err(error)?;
        // A child that was not yet waited for has a pid.
        let pid = Pid::from_raw(child.id().map_or(0, |pid| pid as i32));
        Ok((Self { child, pid }, Output(output)))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw() as u32
    }

    /// Waits until it has ended. May be cancelled and called again.
    pub async fn wait(&mut self) -> ExitReason {
        match self.child.wait().await {
            Ok(status) => ExitReason(status),
            // Somebody else waited for it: all that is known is that it is gone.
            Err(_) => ExitReason(ExitStatus::from_raw(0)),
        }
    }

    /// Sends it a signal; `false` when it is already gone.
    pub fn signal(&self, signal: Signal) -> bool {
        // Until `wait` has returned, the pid cannot belong to another process.
        self.child.id().is_some() && kill(self.pid, signal).is_ok()
    }

    /// Kills it and its group at once: a hook that hangs is what keeps udhcpc from ending.
    pub fn kill(&self) {
        if self.child.id().is_some() {
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

impl Process {
    /// Writes down what proves to [`end_stray`] of a later daemon that the pid is still this client: the token of this
    /// start, which nobody else has in its environment.
    pub fn record(&self, file: &Path, token: &Token) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
        file.write_all(format!("{} {token}\n", self.pid).as_bytes())
    }
}

/// Ends the client that an earlier daemon left running, if the record proves that it still is that client: two
/// clients on one interface take each other's answers. The lease is not given back. Says what was done.
pub fn end_stray(file: &Path) -> Option<String> {
    let record = fs::read_to_string(file).ok()?;
    let _ = fs::remove_file(file);
    let (pid, token) = record.trim_end().split_once(' ')?;
    let (pid, token) = (pid.parse().ok()?, token.parse::<Token>().ok()?);
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let proof = format!("{}={token}", context::TOKEN);
    if !environment.split(|byte| *byte == 0).any(|variable| variable == proof.as_bytes()) {
        return None;
    }
    match kill(Pid::from_raw(pid), Signal::SIGKILL) {
        Ok(()) => Some(format!("ended pid {pid}, a client that an earlier daemon left running")),
        Err(Errno::ESRCH) => None,
        Err(error) => {
            Some(format!("cannot end pid {pid}, a client that an earlier daemon left running: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(program: &str, args: &[&str]) -> Launch {
        let args = args.iter().map(Into::into).collect();
        Launch { program: program.into(), args, env: vec![("A".into(), "b".into())] }
    }

    #[tokio::test]
    async fn a_client_sees_its_own_environment_only_and_both_its_outputs_are_heard() {
        let (mut process, output) = Process::spawn(&launch("/usr/bin/env", &[])).unwrap();
        assert_eq!(process.wait().await.to_string(), "ended with exit status 0");
        assert_eq!(output.lines(), ["A=b"]);
        let (mut process, output) = Process::spawn(&launch("/usr/bin/env", &["--no-such"])).unwrap();
        process.wait().await;
        assert!(output.lines().concat().contains("unrecognized option"));
    }

    #[tokio::test]
    async fn lines_are_shortened_and_cleaned() {
        let text = format!("a\u{1b}[31mb{}", "x".repeat(5000));
        let (mut process, output) = Process::spawn(&launch("/usr/bin/printf", &["%s", &text])).unwrap();
        process.wait().await;
        let lines = output.lines();
        assert!(lines[0].starts_with("a\u{fffd}[31mbxxx"), "{lines:?}");
        assert_eq!(lines.iter().map(|line| line.chars().count()).max(), Some(LONGEST_LINE));
    }

    #[tokio::test]
    async fn a_client_outlives_the_end_that_listens_to_it() {
        let (mut process, output) = Process::spawn(&launch("/usr/bin/printf", &["%s", "late"])).unwrap();
        drop(output);
        let reason = process.wait().await.to_string();
        assert!(reason.starts_with("ended with exit status"), "{reason}");
    }

    #[tokio::test]
    async fn a_client_is_stopped_and_the_reason_is_told() {
        let (mut process, _output) = Process::spawn(&launch("/usr/bin/sleep", &["60"])).unwrap();
        assert!(process.signal(Signal::SIGTERM));
        assert_eq!(process.wait().await.to_string(), "was killed by SIGTERM");
        assert!(!process.signal(Signal::SIGUSR1));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = Process::spawn(&launch("/no/such", &[])).unwrap_err();
        assert!(error.to_string().starts_with("cannot start /no/such: No such file"), "{error}");
    }

    #[tokio::test]
    async fn a_stray_is_ended_only_when_it_is_proven() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("wan4");
        let (token, other) = (Token::from_random([1; 16]), Token::from_random([2; 16]));
        let mut launch = launch("/usr/bin/sleep", &["60"]);
        launch.env.push((context::TOKEN.into(), token.as_str().into()));
        let (mut process, _output) = Process::spawn(&launch).unwrap();

        process.record(&file, &other).unwrap();
        assert_eq!(end_stray(&file), None, "the pid belongs to somebody else by now");
        fs::write(&file, "rubbish").unwrap();
        assert_eq!(end_stray(&file), None);
        assert!(process.signal(Signal::SIGCONT), "it lives");

        process.record(&file, &token).unwrap();
        assert!(end_stray(&file).unwrap().starts_with("ended pid "));
        assert_eq!(process.wait().await.to_string(), "was killed by SIGKILL");
        assert_eq!(end_stray(&file), None);
    }
}
