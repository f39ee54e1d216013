//! A machine of the test's own: user-mode Linux, which is a kernel as an ordinary process. Its clock can be set and its
//! power can go; the laboratory's programs run in it as they do outside.
//!
//! It sees the files of the host, read-only, and has a disk of its own when it is given one. It has no network but
//! what is made in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::error::Context;
use crate::process::supervised;
use crate::{Error, Result, eventually_within, packages, program};

const INIT: &str = include_str!("init.sh");
/// At most; the host gives it what it touches.
const MEMORY: &str = "mem=1G";
/// What the machine says first: `up VERSION`.
const UP: &str = "up ";
/// What it says last: `ended STATUS`.
const ENDED: &str = "ended ";
/// How long it may take to come up; about three seconds are usual.
const BOOT: Duration = Duration::from_secs(90);

/// A running machine; its power goes when this is dropped.
#[derive(Debug)]
pub struct Vm {
    machine: Child,
    console: Console,
    reader: JoinHandle<()>,
    /// Of its kernel.
    version: String,
    _dir: TempDir,
}

type Console = Arc<Mutex<Vec<String>>>;

/// Whether this process runs in such a machine: only there the clock is the test's to set.
#[must_use]
pub fn in_vm() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|about| about.contains("User Mode Linux"))
}

/// Why there can be no machine here, or nothing. Tried once, for real.
#[must_use]
pub fn missing() -> Option<String> {
    static ANSWER: OnceLock<Option<String>> = OnceLock::new();
    let look = || {
        let absent = packages::missing(packages::VM);
        if !absent.is_empty() {
            return Some(format!("programs are missing; run: {}", packages::install_line(&absent)));
        }
        let tried = Vm::boot(&["true"], None).and_then(|vm| vm.end(BOOT));
        tried.err().map(|error| format!("user-mode Linux does not run here: {error}"))
    };
    ANSWER.get_or_init(look).clone()
}

/// A disk that outlives the machines that it is in.
#[derive(Debug)]
pub struct Disk(TempDir);

impl Disk {
    /// As a machine calls it.
    pub const DEVICE: &str = "/dev/ubda";

    /// An empty disk of so many bytes with ext4 on it.
    pub fn new(bytes: u64) -> Result<Self> {
        let disk = Self(tempfile::Builder::new().prefix("dhcpmgr-disk-").tempdir()?);
        fs::File::create(disk.file())?.set_len(bytes)?;
        let mut make = Command::new(program("mke2fs")?);
        let output = make.args(["-q", "-F", "-t", "ext4"]).arg(disk.file()).output()?;
        if output.status.success() {
            return Ok(disk);
        }
        Err(Error::new(format!("mke2fs: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("disk")
    }
}

impl Vm {
    /// Boots a machine that runs this command, `VARIABLE=value` before it, and waits until it is up.
    pub fn boot(command: &[&str], disk: Option<&Disk>) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("dhcpmgr-vm-").tempdir()?;
        let init = dir.path().join("init.sh");
        fs::write(&init, INIT)?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        fs::write(dir.path().join("arguments"), command.join("\n"))?;
        let mut machine = supervised(&program("linux.uml")?)?;
        machine.args([MEMORY, "quiet", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]);
        machine.args(["con=null", "con0=null,fd:1", "ssl=null"]);
        machine.arg(format!("init={}", init.display())).arg(format!("uml_dir={}", dir.path().display()));
        machine.arg(format!("TMPDIR={}", scratch(command).display()));
        machine.args(disk.map(|disk| format!("ubd0={}", disk.file().display())));
        let mut machine = machine
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context(|| "starting user-mode Linux".to_owned())?;
        let output = machine.stdout.take().ok_or_else(|| Error::new("the machine has no console"))?;
        let (console, reader) = record(output)?;
        let mut vm = Self { machine, console, reader, version: String::new(), _dir: dir };
        vm.version = vm.wait_for(BOOT, UP)?;
        Ok(vm)
    }

    /// The version of its kernel.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Waits until it says a line that starts so, and returns what follows; an error when it ends before.
    pub fn wait_for(&self, patience: Duration, start: &str) -> Result<String> {
        self.wait_for_nth(patience, start, 1)
    }

    /// As [`Vm::wait_for`], for the `count`-th such line, counted from 1.
    pub fn wait_for_nth(&self, patience: Duration, start: &str, count: usize) -> Result<String> {
        let found = eventually_within(patience, &format!("the machine says \"{start}\""), || {
            // Asked first: what comes last is said before the end.
            let over = self.reader.is_finished();
            let lines = self.lines();
            let mut found = lines.iter().filter_map(|line| line.strip_prefix(start).map(str::to_owned));
            match found.nth(count.saturating_sub(1)) {
                None if over => Ok(Some(Err(Error::new("the machine ended")))),
                found => Ok(found.map(Ok)),
            }
        });
        found.and_then(|found| found).map_err(|error| Error::new(format!("{error}\n{}", self.tail())))
    }

    /// Waits for the end of its program; a status other than 0 is an error with what was said last.
    pub fn end(&self, patience: Duration) -> Result {
        match self.wait_for(patience, ENDED)?.as_str() {
            "0" => Ok(()),
            status => {
                Err(Error::new(format!("the program in the machine ended with {status}\n{}", self.tail())))
            }
        }
    }

    /// The lines on its console so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tail(&self) -> String {
        let lines = self.lines();
        let tail = lines[lines.len().saturating_sub(120)..].join("\n");
        format!("--- the machine's console\n{tail}\n---")
    }

    /// Cuts the power: what its kernel has not given to its disk is lost. Returns what it said.
    pub fn cut_power(mut self) -> Vec<String> {
        self.off();
        self.lines()
    }

    fn off(&mut self) {
        // Its processors and disks are processes of the same group.
        let _ = killpg(Pid::from_raw(self.machine.id() as i32), Signal::SIGKILL);
        let _ = self.machine.wait();
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.off();
    }
}

/// A directory that the machine may hide behind files of its own: nothing that the command names lies in it.
fn scratch(command: &[&str]) -> PathBuf {
    let free = |directory: &&str| !command.iter().any(|word| Path::new(word).starts_with(directory));
    ["/tmp", "/mnt", "/srv"].into_iter().find(free).unwrap_or("/media").into()
}

fn record(output: ChildStdout) -> Result<(Console, JoinHandle<()>)> {
    let console = Console::default();
    let lines = Arc::clone(&console);
    let reader = std::thread::Builder::new().name("console".to_owned()).spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        // Bounded: a machine that has gone mad must not take the memory of this one.
        while output.by_ref().take(64 * 1024).read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            // Half a line is what the power was cut in.
            if line.pop() == Some(b'\n') {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
            line.clear();
        }
    })?;
    Ok((console, reader))
}
