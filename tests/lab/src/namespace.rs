//! A network and mount namespace, held by one thread.
//!
//! A thread may leave the namespaces of its process alone: `unshare(2)` and everything it starts from then on are
//! its own. So the thread is the namespace: jobs are sent to it, programs that it starts are in it, and when it
//! ends, the kernel kills those programs (`setpriv --pdeathsig`) and takes the namespace down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread::JoinHandle;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, gettid};

use crate::error::Context;
use crate::process::{Process, program, supervised};
use crate::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with a private `/run`; see the module.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    tid: Pid,
    /// What `/proc/PID/ns/net` of a process in it reads.
    identity: String,
}

impl Namespace {
    /// A fresh namespace with its loopback up.
    pub fn new(name: &str) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (ready, entered) = mpsc::channel();
        let thread = std::thread::Builder::new().name(format!("ns-{name}")).spawn(move || {
            let outcome = enter();
            let go_on = outcome.is_ok();
            // The receiver waits for exactly this; it cannot be gone.
            let _ = ready.send(outcome);
            if go_on {
                inbox.into_iter().for_each(|job| job());
            }
        })?;
        let (tid, identity) = entered.recv()?.context(|| format!("the namespace \"{name}\""))?;
        let namespace = Self { name: name.to_owned(), jobs: Some(jobs), thread: Some(thread), tid, identity };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Switches duplicate address detection off: what is not under test keeps quiet and is ready at once. A Kea that
    /// starts while its link-local address is tentative stays deaf.
    pub(crate) fn ready_at_once(&self) -> Result {
        self.run(|| {
            for knob in ["all", "default"] {
                // A kernel without IPv6 has no such file, and nothing to switch off.
                let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{knob}/accept_dad"), "0");
            }
            Ok(())
        })
    }

    /// Runs a job on the namespace's thread and waits for it.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let gone = || Error::new(format!("the thread of the namespace \"{}\" is gone", self.name));
        let (answer, result) = mpsc::channel();
        let job: Job = Box::new(move || {
            let _ = answer.send(job());
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?
    }

    /// Runs a program to its end; an exit status other than 0 is an error with what the program said.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Result<Output> {
        let output = self.output(name, arguments)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::new(format!("{name} {}: {}: {}", arguments.join(" "), output.status, said.trim())))
    }

    /// Runs a program to its end, whatever it answers.
    pub fn output(&self, name: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(program(name)?);
        command.args(arguments).stdin(std::process::Stdio::null());
        let what = format!("{name} {}", arguments.join(" "));
        self.run(move || command.output().context(|| what))
    }

    /// `ip ARGUMENTS`.
    pub fn ip(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.command("ip", arguments)?.stdout).into_owned())
    }

    /// Starts a program in the namespace: with a bare environment, its output in `log`, and killed by the kernel at
    /// the latest when the namespace ends.
    pub fn spawn(
        &self,
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Result<Process> {
        let mut command = supervised(&program(name)?)?;
        command.args(arguments);
        command.envs(environment.iter().copied());
        let (name, log) = (name.to_owned(), log.to_owned());
        self.run(move || Process::start(&name, command, &log))
    }

    /// The namespace as a file, for `ip link … netns FILE`.
    #[must_use]
    pub fn file(&self) -> String {
        format!("/proc/{}/task/{}/ns/net", std::process::id(), self.tid)
    }

    /// A file of it as everybody sees it, with the mounts that only it has.
    #[must_use]
    pub(crate) fn view(&self, file: &Path) -> PathBuf {
        let root = format!("/proc/{}/task/{}/root", std::process::id(), self.tid);
        Path::new(&root).join(file.strip_prefix("/").unwrap_or(file))
    }

    /// The processes in it, whoever started them.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| *pid != std::process::id() as i32)
            .filter(|pid| {
                fs::read_link(format!("/proc/{pid}/ns/net"))
                    .is_ok_and(|link| link.to_string_lossy() == self.identity)
            })
            .map(Pid::from_raw)
            .collect()
    }

    /// Kills whatever runs in it, also what outlives its own parent on purpose.
    pub fn kill_all(&self) {
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for pid in left {
                // Gone in the meantime is what is wanted.
                let _ = kill(pid, Signal::SIGKILL);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.kill_all();
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            // A job that panicked has already failed the test.
            let _ = thread.join();
        }
    }
}

/// Makes the namespaces of the calling thread: private mounts, an own `/run`, `/etc` protected.
fn enter() -> Result<(Pid, String)> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .context(|| "unshare(2) of mounts and network".to_owned())?;
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .context(|| "private mounts".to_owned())?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=755"))
        .context(|| "a private /run".to_owned())?;
    protect("/etc").context(|| "protecting /etc".to_owned())?;
    let identity = fs::read_link("/proc/thread-self/ns/net")?.to_string_lossy().into_owned();
    Ok((gettid(), identity))
}

/// Makes a directory read-only for whatever runs here. In a user namespace the kernel wants the flags that the
/// mount already has to be named again.
fn protect(path: &str) -> Result {
    use nix::sys::statvfs::{FsFlags, statvfs};
    let nothing: Option<&str> = None;
    mount(Some(path), path, nothing, MsFlags::MS_BIND | MsFlags::MS_REC, nothing)?;
    let has = statvfs(path)?.flags();
    let pairs = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept = pairs.iter().filter(|(flag, _)| has.contains(*flag)).map(|(_, flag)| *flag);
    let flags =
        kept.fold(MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, |all, flag| all | flag);
    mount(nothing, path, nothing, flags, nothing)?;
    Ok(())
}
