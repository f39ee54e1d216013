//! Programs that the laboratory starts: found also where a user's `PATH` does not look, and never left behind.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::Context;
use crate::{Error, Result};

/// Where programs are looked for; the same is the `PATH` of what is started.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file of a program: as it stands when it is a path, else looked for in the usual places.
pub fn program(name: &str) -> Result<PathBuf> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![name.into()]
    } else {
        PATH.split(':').map(|directory| Path::new(directory).join(name)).collect()
    };
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Error::new(format!("the program \"{name}\" is not there")))
}

/// A command for `file` with a bare environment, in its own process group, that the kernel kills when the thread
/// that starts it ends. `setpriv` sets that up and then becomes the program: the process id stays.
pub(crate) fn supervised(file: &Path) -> Result<Command> {
    let mut command = Command::new(program("setpriv")?);
    command.args(["--pdeathsig", "KILL", "--"]).arg(file);
    command.env_clear().env("PATH", PATH).env("LANG", "C").env("TZ", "UTC");
    command.process_group(0);
    Ok(command)
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .context(|| format!("the log {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result {
        kill(self.pid(), signal).context(|| format!("{signal} to {}", self.name))
    }

    /// Its exit status, when it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(Error::new(format!(
                    "{} did not end within {patience:?}\n{}",
                    self.name,
                    self.log_tail()
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it, at once.
    pub fn kill(&mut self) {
        // Already gone is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines that it wrote.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(30)..].join("\n");
        format!("--- the last lines of {}\n{tail}\n---", self.name)
    }

    /// An error when it has ended although it should run.
    pub fn must_run(&mut self) -> Result {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Error::new(format!("{} ended: {status}\n{}", self.name, self.log_tail()))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
