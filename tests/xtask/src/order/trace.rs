//! Which functions of a program run, and whether they do so again and again: each gets a breakpoint that is gone when it
//! was met, and set again every now and then.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Error, Result};
use nix::errno::Errno;
use nix::libc::{PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::names::{Symbol, functions, lasting};

/// `int3`
const BREAKPOINT: u8 = 0xcc;
/// How long a breakpoint that was met stays away. What runs in more than one such time runs again and again.
const PERIOD: Duration = Duration::from_secs(2);
/// Between looks at what the traced processes do.
const PAUSE: Duration = Duration::from_micros(200);

/// A program or a library whose functions are watched for.
struct Watched {
    path: PathBuf,
    /// Not moved when it is loaded.
    fixed: bool,
    functions: Vec<Symbol>,
    /// The byte that each breakpoint stands for; empty before the first time.
    bytes: Vec<u8>,
    /// In how many periods each was met.
    met: BTreeMap<usize, usize>,
}

/// Where in a process what is.
#[derive(Clone, Default)]
struct Images(Vec<(usize, u64)>);

struct Tracer {
    watched: Vec<Watched>,
    processes: HashMap<Pid, Images>,
    result: PathBuf,
}

/// Watches the process, which is to stop itself and then to execute the first of the files, and writes for each function
/// that was met a line: the file, in how many periods, the name.
pub(super) fn run(pid: i32, result: &Path, files: &[PathBuf]) -> Result {
    let pid = Pid::from_raw(pid);
    // Somebody may wait for the end of what was inherited.
    for descriptor in 3..64 {
        let _ = nix::unistd::close(descriptor);
    }
    while !fs::read_to_string(format!("/proc/{pid}/stat"))?.contains(") T ") {
        sleep(PAUSE);
    }
    let watched = files.iter().map(|path| Watched::of(path)).collect::<Result<_>>()?;
    let mut tracer = Tracer { watched, processes: HashMap::new(), result: result.to_owned() };
    ptrace::seize(
        pid,
        Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC,
    )?;
    kill(pid, Signal::SIGCONT)?;
    tracer.follow(pid)
}

impl Watched {
    fn of(path: &Path) -> Result<Self> {
        let mut kind = [0; 2];
        File::open(path)?.read_exact_at(&mut kind, 16)?;
        let mut functions = functions(path)?;
        functions.dedup_by_key(|symbol| symbol.address);
        let path = path.canonicalize()?;
        // ET_EXEC
        let fixed = u16::from_le_bytes(kind) == 2;
        Ok(Self { path, fixed, functions, bytes: Vec::new(), met: BTreeMap::new() })
    }

    /// Where it begins in a process that has it.
    fn base(&self, maps: &str) -> Option<u64> {
        let name = self.path.file_name()?.to_str()?;
        let line = maps.lines().find(|line| line.rsplit('/').next() == Some(name))?;
        if self.fixed { Some(0) } else { u64::from_str_radix(line.split('-').next()?, 16).ok() }
    }

    fn arm(&mut self, memory: &File, base: u64) -> Result {
        if self.bytes.is_empty() {
            for function in &self.functions {
                let mut byte = [0];
                memory.read_exact_at(&mut byte, base + function.address)?;
                self.bytes.push(byte[0]);
            }
        }
        self.functions
            .iter()
            .try_for_each(|function| Ok(memory.write_all_at(&[BREAKPOINT], base + function.address)?))
    }
}

impl Tracer {
    fn follow(&mut self, root: Pid) -> Result {
        let mut since = Instant::now();
        loop {
            if since.elapsed() > PERIOD {
                self.arm_again();
                self.save()?;
                since = Instant::now();
            }
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::StillAlive) => sleep(PAUSE),
                Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => {
                    self.processes.remove(&pid);
                    if pid == root {
                        return self.save();
                    }
                }
                Ok(WaitStatus::PtraceEvent(pid, _, PTRACE_EVENT_EXEC)) => self.executed(pid)?,
                Ok(WaitStatus::PtraceEvent(
                    pid,
                    _,
                    PTRACE_EVENT_FORK | PTRACE_EVENT_VFORK | PTRACE_EVENT_CLONE,
                )) => {
                    if let (Ok(child), Some(images)) = (ptrace::getevent(pid), self.images(pid)) {
                        // It may have executed something already.
                        self.processes.entry(Pid::from_raw(i32::try_from(child)?)).or_insert(images);
                    }
                    go_on(pid, None);
                }
                Ok(WaitStatus::Stopped(pid, Signal::SIGTRAP)) => {
                    let met = self.meet(pid)?;
                    go_on(pid, (!met).then_some(Signal::SIGTRAP));
                }
                Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, Some(signal)),
                Ok(status) => status.pid().into_iter().for_each(|pid| go_on(pid, None)),
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return self.save(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A process executes something: ours is watched, anything else goes its own way.
    fn executed(&mut self, pid: Pid) -> Result {
        self.processes.remove(&pid);
        let executable = fs::read_link(format!("/proc/{pid}/exe"))?;
        if self.watched.first().is_none_or(|program| program.path != executable) {
            let _ = ptrace::detach(pid, None);
            return Ok(());
        }
        self.processes.insert(pid, Images::default());
        self.look_for_images(pid)?;
        go_on(pid, None);
        Ok(())
    }

    /// What a process has; a new one has what its parent or its other threads have.
    fn images(&mut self, pid: Pid) -> Option<Images> {
        if !self.processes.contains_key(&pid) {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let field = |name: &str| -> Option<Pid> {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                line.trim().parse().ok().map(Pid::from_raw)
            };
            let known = [field("Tgid:"), field("PPid:")].into_iter().flatten();
            let images = known.filter_map(|pid| self.processes.get(&pid)).next()?.clone();
            self.processes.insert(pid, images);
        }
        self.processes.get(&pid).cloned()
    }

    /// Puts breakpoints into what a process has loaded since.
    fn look_for_images(&mut self, pid: Pid) -> Result {
        let Some(Images(known)) = self.processes.get_mut(&pid) else { return Ok(()) };
        if known.len() == self.watched.len() {
            return Ok(());
        }
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
        for (index, watched) in self.watched.iter_mut().enumerate() {
            if known.iter().any(|(known, _)| *known == index) {
                continue;
            }
            if let Some(base) = watched.base(&maps) {
                watched.arm(&memory(pid)?, base)?;
                known.push((index, base));
            }
        }
        Ok(())
    }

    /// Whether a breakpoint of ours was met. It is taken away, and the function begins.
    fn meet(&mut self, pid: Pid) -> Result<bool> {
        let Some(images) = self.images(pid) else { return Ok(false) };
        let mut registers = ptrace::getregs(pid)?;
        let at = registers.rip.wrapping_sub(1);
        for (index, base) in images.0 {
            let watched = &mut self.watched[index];
            let place = at.wrapping_sub(base);
            let Ok(function) = watched.functions.binary_search_by_key(&place, |symbol| symbol.address) else {
                continue;
            };
            memory(pid)?.write_all_at(&watched.bytes[function..=function], at)?;
            *watched.met.entry(function).or_default() += 1;
            registers.rip = at;
            ptrace::setregs(pid, registers)?;
            self.look_for_images(pid)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn arm_again(&mut self) {
        for (pid, Images(images)) in &self.processes {
            let Ok(memory) = memory(*pid) else { continue };
            for (index, base) in images {
                // It may be about to end.
                let _ = self.watched[*index].arm(&memory, *base);
            }
        }
    }

    fn save(&self) -> Result {
        let mut text = String::new();
        for watched in &self.watched {
            for (function, periods) in &watched.met {
                let name = lasting(&watched.functions[*function].name);
                text += &format!("{}\t{periods}\t{name}\n", watched.path.display());
            }
        }
        let new = self.result.with_extension("new");
        fs::write(&new, text)?;
        Ok(fs::rename(&new, &self.result)?)
    }
}

/// It may have been killed meanwhile.
fn go_on(pid: Pid, signal: Option<Signal>) {
    let _ = ptrace::cont(pid, signal);
}

fn memory(pid: Pid) -> Result<File> {
    let path = format!("/proc/{pid}/mem");
    File::options().read(true).write(true).open(&path).map_err(|error| Error::new(format!("{path}: {error}")))
}
