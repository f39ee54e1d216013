//! One run of a hook: an argument vector, an environment of its own, the event on its standard input, and an end.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;

use super::permission::{self, Identity};
use crate::clients::{Confinement, spawn_confined, watched_process};
use crate::config::ProgramHook;
use crate::events::Event;
use crate::flat::FlatMap;

/// Lines of one run that are logged, and bytes of one.
const LINES: usize = 20;
const LINE_BYTES: usize = 400;
/// How long the kernel may take to end a killed process.
const DEATH: Duration = Duration::from_secs(1);

/// Everything that a run needs.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) hook: ProgramHook,
    pub(super) identity: Result<Identity, String>,
    pub(super) variables: FlatMap<String, String>,
}

/// Why a run was no success.
#[derive(Debug)]
pub(super) struct Failure {
    /// A sentence.
    pub(super) what: String,
    /// Its exit status, where it had one.
    pub(super) status: Option<i32>,
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self { what, status: None }
    }
}

impl Order {
    /// Runs it to its end, or to the end of its time. Dropped, it ends at once.
    pub(super) async fn run(self, event: &Event) -> Result<(), Failure> {
        let Self { hook, identity, variables } = self;
        let program = &hook.run[0];
        let identity = identity?;
        permission::check(program)?;
        let cannot = |what: &str| {
            let program = program.clone();
            let what = what.to_owned();
            move |error: io::Error| format!("cannot {what} {program}: {error}")
        };
        let told = event_file(event).map_err(cannot("tell"))?;
        let (output, writer) = io::pipe().map_err(cannot("listen to"))?;
        let errors = writer.try_clone().map_err(cannot("listen to"))?;
        let passed = hook.environment.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(program);
        command
            .args(&hook.run[1..])
            .env_clear()
            .envs(&variables)
            .envs(passed)
            .current_dir("/")
            .stdin(Stdio::from(told))
            .stdout(Stdio::from(OwnedFd::from(writer)))
            .stderr(Stdio::from(OwnedFd::from(errors)))
            .process_group(0);
        if identity.changes {
            // Without supplementary groups, which the standard library gives up with the user.
            command.uid(identity.uid.as_raw()).gid(identity.gid.as_raw());
        }
        let output = pipe::Receiver::from_owned_fd(output.into()).map_err(cannot("listen to"))?;
        let started = Instant::now();
        let child = spawn_confined(&Confinement::default(), command).await.map_err(cannot("run"))?;
        let mut running = Running { child };
        let limit = hook.timeout;
        let ended = running.watch().map_err(cannot("watch"))?;
        let mut said = Said::new(&hook.name);
        let in_time = tokio::select! {
            // First what it says: its last words count.
            biased;
            () = said.listen(&output) => None,
            () = has_ended(&ended) => Some(true),
            () = tokio::time::sleep(limit) => Some(false),
        };
        // It has closed its output: only its end is waited for.
        let in_time = match in_time {
            Some(in_time) => in_time,
            None => {
                let left = limit.saturating_sub(started.elapsed());
                tokio::time::timeout(left, has_ended(&ended)).await.is_ok()
            }
        };
        said.rest(&output);
        // What it left behind in its group ends with it. Not waited for yet, so the number is still its own.
        running.kill();
        let died = tokio::time::timeout(DEATH, has_ended(&ended)).await.is_ok();
        let last = said.last();
        if !in_time {
            return Err(format!("was killed after {} ms, its time limit{last}", limit.as_millis()).into());
        }
        let status = if died { running.child.try_wait().ok().flatten() } else { None };
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                Err(Failure { what: format!("{}{last}", describe(status)), status: status.code() })
            }
            None => Err("ended, nobody knows how".to_owned().into()),
        }
    }
}

/// The event as one line of JSON, in a file of memory: a program that does not read it holds nobody up.
fn event_file(event: &Event) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"event", MFdFlags::MFD_CLOEXEC)?);
    serde_json::to_writer(&mut file, event)?;
    file.write_all(b"\n")?;
    file.rewind()?;
    Ok(file.into())
}

/// Readable for good from its end on.
async fn has_ended(process: &pipe::Receiver) {
    let _ = process.readable().await;
}

/// A started program. Dropped, it and its group are killed.
struct Running {
    child: Child,
}

impl Running {
    fn watch(&self) -> io::Result<pipe::Receiver> {
        watched_process(self.pid())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Kills the group. The number is that of no other group as long as the program was not waited for.
    fn kill(&self) {
        // An error means that there is nobody left in it.
        let _ = killpg(self.pid(), Signal::SIGKILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill();
            // Killed, it ends at once; where it does not, it is left to the kernel.
            let _ = self.child.try_wait();
        }
    }
}

/// What a run wrote: the first lines are logged, the last one is remembered, all of it is read.
struct Said<'a> {
    hook: &'a str,
    pending: Vec<u8>,
    lines: usize,
    last: String,
}

impl<'a> Said<'a> {
    fn new(hook: &'a str) -> Self {
        Self { hook, pending: Vec::new(), lines: 0, last: String::new() }
    }

    /// Until nobody has the other end any more.
    async fn listen(&mut self, output: &pipe::Receiver) {
        let mut chunk = [0; 1024];
        while output.readable().await.is_ok() {
            match output.try_read(&mut chunk) {
                Ok(0) => return,
                Ok(read) => self.feed(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// What is there already, at most so much that a program that writes for ever is no matter.
    fn rest(&mut self, output: &pipe::Receiver) {
        let mut chunk = [0; 1024];
        for _ in 0..256 {
            let Ok(read @ 1..) = output.try_read(&mut chunk) else { break };
            self.feed(&chunk[..read]);
        }
        if !self.pending.is_empty() {
            self.line();
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.line();
            } else if self.pending.len() < LINE_BYTES {
                self.pending.push(byte);
            }
        }
    }

    fn line(&mut self) {
        let text = String::from_utf8_lossy(&self.pending);
        let line: String =
            text.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        self.pending.clear();
        if line.is_empty() {
            return;
        }
        self.lines += 1;
        match self.lines {
            ..LINES => tracing::info!("hook {}: {line}", self.hook),
            LINES => tracing::info!("hook {}: {line} (and more, not logged)", self.hook),
            _ => {}
        }
        self.last = line;
    }

    fn last(&self) -> String {
        if self.last.is_empty() { String::new() } else { format!("; its last words: {}", self.last) }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {number}"),
        },
        (None, None) => "ended".to_owned(),
    }
}
