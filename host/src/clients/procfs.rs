//! What `/proc` says of a process. It is of the process with that pid *at that moment*: whoever needs it of a certain
//! process holds a pidfd from before, and finds the process alive afterwards.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::{Pid, SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

/// What is read of a configuration of somebody else's.
const LONGEST_FILE: u64 = 64 * 1024;

/// An executable: the file itself, also when another one has its name by now, as after an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Executable {
    device: u64,
    inode: u64,
    /// For people.
    path: PathBuf,
}

impl Executable {
    /// What the process runs.
    pub(super) fn of(pid: Pid) -> io::Result<Self> {
        let link = file(pid, "exe");
        let about = fs::metadata(&link)?;
        Ok(Self { device: about.dev(), inode: about.ino(), path: fs::read_link(link)? })
    }

    /// What a child runs that was started this moment. It is there a moment before it has become its program, and has
    /// our executable until then.
    pub(super) fn of_new(pid: Pid) -> io::Result<Self> {
        let me = Self::of(Pid::this())?;
        for _ in 0..100 {
            let executable = Self::of(pid)?;
            if !executable.is(&me) {
                return Ok(executable);
            }
            thread::sleep(Duration::from_micros(50));
        }
        Err(io::Error::other("it has not become its program"))
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) parent: Pid,
    /// Clock ticks since the boot.
    pub(super) start_time: u64,
}

impl Stat {
    pub(super) fn of(pid: Pid) -> io::Result<Self> {
        let stat = fs::read_to_string(file(pid, "stat"))?;
        Self::parse(&stat).ok_or_else(|| io::Error::other("/proc/PID/stat is not understood"))
    }

    /// When it was started, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn started_ms(self) -> u64 {
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok());
        self.start_time.saturating_mul(1000) / ticks.filter(|ticks| *ticks > 0).unwrap_or(100)
    }

    /// Fields 4 and 22; the second is the program's name in parentheses, which may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace().skip(4 - 3);
        Some(Self {
            parent: Pid::from_raw(fields.next()?.parse().ok()?),
            start_time: fields.nth(22 - 5)?.parse().ok()?,
        })
    }
}

/// Its command line, the program's name first.
pub(super) fn command_line(pid: Pid) -> io::Result<Vec<OsString>> {
    Ok(strings(&fs::read(file(pid, "cmdline"))?).map(|bytes| OsString::from_vec(bytes.to_vec())).collect())
}

/// The environment that it was started with.
pub(super) struct Environment(Vec<u8>);

impl Environment {
    /// Empty while the process is about to become its program; an error then too.
    pub(super) fn of(pid: Pid) -> io::Result<Self> {
        match fs::read(file(pid, "environ")) {
            Ok(bytes) if bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            read => read.map(Self),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        let value =
            |variable: &'_ [u8]| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::len);
        let found = strings(&self.0).find(|variable| value(variable).is_some())?;
        Some(OsStr::from_bytes(&found[name.len() + 1..]))
    }
}

/// Whether a path means the same file to the process as it means to us, whose mounts may be others.
pub(super) fn shares(pid: Pid, theirs: &Path, ours: &Path) -> bool {
    let theirs = file(pid, "root").join(theirs.strip_prefix("/").unwrap_or(theirs));
    match (fs::metadata(theirs), fs::metadata(ours)) {
        (Ok(theirs), Ok(ours)) => (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()),
        _ => false,
    }
}

/// A small file as the process sees it, by its absolute path; nothing when it is not text.
pub(super) fn file_of(pid: Pid, path: &Path) -> Option<String> {
    let path = file(pid, "root").join(path.strip_prefix("/").ok()?);
    let mut text = String::new();
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).ok()?;
    opened.take(LONGEST_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Its network namespace; interface names mean something within one.
pub(super) fn network_namespace(pid: Pid) -> io::Result<PathBuf> {
    fs::read_link(file(pid, "ns/net"))
}

/// The user that it runs as.
pub(super) fn owner(pid: Pid) -> io::Result<u32> {
    fs::metadata(Path::new("/proc").join(pid.to_string())).map(|about| about.uid())
}

/// All processes.
pub(super) fn all() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw).collect()
}

fn file(pid: Pid, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn strings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).filter(move |_| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_hide_the_start_time() {
        let fields: Vec<String> = (4..=52).map(|number| (number * 100).to_string()).collect();
        let expected = Some(Stat { parent: Pid::from_raw(400), start_time: 2200 });
        let stat = |name: &str| format!("7 ({name}) S {}", fields.join(" "));
        assert_eq!(Stat::parse(&stat("udhcpc")), expected);
        assert_eq!(Stat::parse(&stat(") S 1 2 (")), expected);
        for bad in ["", "7 (udhcpc", "7 (udhcpc) S 1 2", "7 (x) S a b c d e f g h i j k l m n o p q r s t"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn this_process_is_found_and_is_itself() {
        let me = Pid::this();
        assert!(all().contains(&me));
        assert_eq!(Stat::of(me).unwrap().parent, Pid::parent());
        let now = crate::clock::boottime_ms();
        assert!((now - 600_000..=now).contains(&Stat::of(me).unwrap().started_ms()), "ten minutes at most");
        assert!(Executable::of(me).unwrap().is(&Executable::of(me).unwrap()));
        assert_eq!(Executable::of(me).unwrap().path(), std::env::current_exe().unwrap());
        assert_eq!(command_line(me).unwrap(), std::env::args_os().collect::<Vec<_>>());
        let path = Environment::of(me).unwrap().get("PATH").map(OsStr::to_owned);
        assert_eq!(path, std::env::var_os("PATH"));
        assert!(Environment::of(me).unwrap().get("PAT").is_none());
        assert!(shares(me, Path::new("/proc"), Path::new("/proc")));
        assert!(!shares(me, Path::new("/proc"), Path::new("/sys")));
        assert_eq!(network_namespace(me).unwrap(), network_namespace(nix::unistd::gettid()).unwrap());
    }

    #[test]
    fn an_empty_command_line_is_that_of_a_kernel_thread() {
        assert_eq!(strings(b"").count(), 0);
        assert_eq!(strings(b"a\0\0b\0").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
    }
}
