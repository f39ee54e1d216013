//! One client process: started with a scrubbed environment in a process group of its own, or taken over from an
//! earlier daemon; signalled and waited for through its pidfd, which never means another process.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use tokio::net::unix::pipe;

use super::{Launch, Output, privileges};
use crate::recovery::Fault;

/// How long a client may take to end after SIGTERM before it is killed. udhcpc sleeps up to 3 s after a NAK and
/// does not hear signals meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(5);

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
pub enum ExitReason {
    /// The kernel told its parent, the daemon.
    Told(ExitStatus),
    /// An earlier daemon was its parent: how it ended was told to somebody else.
    Untold,
}

impl ExitReason {
    /// Its exit status; `None` when a signal ended it, or nobody knows.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        if let Self::Told(status) = self { status.code() } else { None }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Told(status) = self else {
            return f.write_str("ended; how is not known, because an earlier daemon had started it");
        };
        match (status.code(), status.signal()) {
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
    pid: Pid,
    /// A pipe to the runtime: something that becomes readable, which it does when the process ends.
    pidfd: pipe::Receiver,
    /// `None` for one that was taken over: it is not our child, and only its parent is told how it ended.
    child: Option<Child>,
}

impl Process {
    /// Starts the client; what it writes goes through a FIFO of this name. Needs a tokio runtime.
    pub async fn spawn(launch: &Launch, fifo: &Path) -> Result<(Self, Output), SpawnError> {
        let error = |source: io::Error| SpawnError { program: launch.program.clone(), source };
        launch.write_files().map_err(error)?;
        let (output, writer) = Output::create(fifo, launch.output).map_err(error)?;
        let copy = writer.try_clone().map_err(error)?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .current_dir(launch.directory.as_deref().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::from(writer))
            .stderr(Stdio::from(copy))
            .process_group(0);
        let mut child = privileges::spawn(&launch.confinement, command).await.map_err(error)?;
        let pid = Pid::from_raw(child.id() as i32);
        // A child that was not waited for yet keeps its pid, so this is its pidfd.
        match open(pid).and_then(watched) {
            Ok(pidfd) => Ok((Self { pid, pidfd, child: Some(child) }, output)),
            Err(source) => {
                // Nobody could watch or stop it.
                let _ = child.kill();
                let _ = child.wait();
                Err(error(source))
            }
        }
    }

    /// Takes over a process that an earlier daemon started. The caller has proven what the pidfd is.
    pub(super) fn adopt(pid: Pid, pidfd: OwnedFd) -> io::Result<Self> {
        Ok(Self { pid, pidfd: watched(pidfd)?, child: None })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw() as u32
    }

    /// Waits until it has ended. May be cancelled and called again.
    pub async fn wait(&mut self) -> ExitReason {
        // Readable for good from its end on; an error would come from the runtime's own end.
        let _ = self.pidfd.readable().await;
        // Somebody else waited for it: all that is known is that it is gone.
        match self.child.as_mut().map(Child::wait) {
            Some(Ok(status)) => ExitReason::Told(status),
            Some(Err(_)) | None => ExitReason::Untold,
        }
    }

    /// Sends it a signal; `false` when it is already gone.
    pub fn signal(&self, signal: Signal) -> bool {
        rustix::process::Signal::from_named_raw(signal as i32)
            .is_some_and(|signal| pidfd_send_signal(&self.pidfd, signal).is_ok())
    }

    /// Kills it and its group at once: a hook that hangs is what keeps udhcpc from ending.
    pub fn kill(&self) {
        // Not every kernel signals groups through pidfds. While its leader lives, the number is that of no other group.
        if is_alive(&self.pidfd) && killpg(self.pid, Signal::SIGKILL).is_err() {
            self.signal(Signal::SIGKILL);
        }
    }
}

impl AsFd for Process {
    /// The pidfd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Whether this kernel can do what processes are watched with; the error says what is missing.
pub fn check_kernel() -> Result<(), String> {
    open(Pid::this()).map(drop).map_err(|error| {
        format!("cannot open a pidfd ({error}); dhcpmgrd needs Linux 5.3 or later, and a sandbox that allows pidfd_open")
    })
}

/// The pidfd of a process, whichever has this pid now.
pub(super) fn open(pid: Pid) -> io::Result<OwnedFd> {
    let positive = Some(pid.as_raw()).filter(|pid| *pid > 0);
    let pid = positive.and_then(rustix::process::Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// The pid of the process that a pidfd stands for; `None` when that is gone, or this is no pidfd.
pub(super) fn stands_for(pidfd: &OwnedFd) -> Option<Pid> {
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let pid = about.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    Some(Pid::from_raw(pid)).filter(|pid| pid.as_raw() > 0)
}

/// Whether the process has not ended.
pub(super) fn is_alive(pidfd: &impl AsFd) -> bool {
    poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(0)
}

/// Something that becomes readable when a child ends that was not waited for.
pub(crate) fn watched_process(child: Pid) -> io::Result<pipe::Receiver> {
    open(child).and_then(watched)
}

fn watched(pidfd: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd_unchecked(pidfd)
}

#[cfg(test)]
mod tests;
