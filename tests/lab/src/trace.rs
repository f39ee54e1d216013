//! The system calls of a daemon, watched and cut short by strace: what is killed before a call has made exactly the
//! calls before it, so killing it before each one in turn shows it every state that a crash can leave behind.

use std::path::{Path, PathBuf};

use crate::{Result, program};

/// System calls that leave a trace outside the process: in files, in sockets, in the kernel, in other processes.
pub const EFFECTS: &str = "write,pwrite64,writev,pwritev,sendto,sendmsg,sendmmsg,openat,rename,renameat,renameat2,\
    unlink,unlinkat,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,ftruncate,fallocate,fsync,fdatasync,chmod,\
    fchmod,fchmodat,fchown,fchownat,utimensat,bind,listen,kill,tgkill,pidfd_send_signal,vfork,clone,clone3";

/// Every call that a daemon could be killed before, but for `execve`, which strace itself makes.
pub const EVERYTHING: &str = "!execve";

/// What strace shall do with a daemon.
#[derive(Debug, Clone)]
pub struct Trace {
    calls: String,
    /// Nothing for the main thread whatever it touches; else every thread, when it touches one of these.
    files: Vec<PathBuf>,
    threads: bool,
    kill: Option<Point>,
    log: PathBuf,
}

/// The n-th call of one name, counted from 1 over the life of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The name of the system call.
    pub call: String,
    /// Which one.
    pub nth: usize,
    /// The call as strace showed it when it was counted.
    pub shown: String,
}

impl Trace {
    /// Watches these calls of the main thread (a set as strace writes it) and notes them in `log`.
    #[must_use]
    pub fn watch(calls: &str, log: &Path) -> Self {
        Self { calls: calls.to_owned(), files: Vec::new(), threads: false, kill: None, log: log.to_owned() }
    }

    /// The same for all its threads, and not for the programs that it starts.
    #[must_use]
    pub fn threads(self) -> Self {
        Self { threads: true, ..self }
    }

    /// The same for all its threads, and only for calls that touch one of these files.
    #[must_use]
    pub fn files(self, files: Vec<PathBuf>) -> Self {
        Self { files, ..self.threads() }
    }

    /// Kills with SIGKILL before the call that `point` names; the call is not made.
    #[must_use]
    pub fn kill_before(self, point: &Point) -> Self {
        Self { calls: point.call.clone(), kill: Some(point.clone()), ..self }
    }

    /// The command that goes before the program. The program keeps the process id: strace becomes its grandchild.
    pub(crate) fn command(&self) -> Result<Vec<String>> {
        let mut command = vec![program("strace")?.display().to_string()];
        command.extend(["-D", "-qq", "-y", "-s", "48", "-e", "signal=none", "-o"].map(str::to_owned));
        command.push(self.log.display().to_string());
        if self.threads {
            command.extend(["-f", "-b", "execve"].map(str::to_owned));
        }
        for file in &self.files {
            command.extend(["-P".to_owned(), file.display().to_string()]);
        }
        command.extend(["-e".to_owned(), format!("trace={}", self.calls)]);
        if let Some(Point { call, nth, .. }) = &self.kill {
            command.extend(["-e".to_owned(), format!("inject={call}:signal=KILL:when={nth}")]);
        }
        Ok(command)
    }

    fn text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Result<Vec<Point>> {
        Ok(read(&self.text()?))
    }

    /// The files below a directory, and itself, that open descriptors stood for.
    pub fn seen_below(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        let text = self.text()?;
        let files: std::collections::BTreeSet<PathBuf> = text
            .split('<')
            .filter_map(|part| Some(PathBuf::from(part.split_once('>')?.0)))
            .filter(|file| file.starts_with(directory))
            .collect();
        Ok(files.into_iter().collect())
    }
}

fn read(text: &str) -> Vec<Point> {
    let mut counts = std::collections::HashMap::new();
    let named = text.lines().filter_map(|line| {
        // With threads, their number goes first.
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (thread, line) = line.split_at(digits);
        let line = line.trim_start();
        Some((thread, line.split_once('(')?.0, line))
    });
    named
        .filter(|(_, call, _)| call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .map(|(thread, call, line)| {
            let nth = counts.entry((thread, call)).and_modify(|count| *count += 1).or_insert(1);
            Point { call: call.to_owned(), nth: *nth, shown: line.to_owned() }
        })
        .collect()
}

impl Point {
    /// Whether the call leaves a trace outside the process: opening a file to read it, waking an own thread up or
    /// writing a line of the log does not.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        match self.call.as_str() {
            "openat" => self.shown.contains("O_CREAT"),
            "write" | "writev" => !self.shown.contains("anon_inode:") && !self.shown.contains("(2<"),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_name_and_those_without_effect_are_known() {
        let text = "openat(AT_FDCWD</>, \"/etc/x\", O_RDONLY|O_CLOEXEC) = 3</etc/x>\n\
                    write(2</tmp/log>, \"a\", 1) = 1\n\
                    openat(AT_FDCWD</>, \"/run/y\", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 4</run/y>\n\
                    write(4</run/y>, \"b(c\", 3) = 3\n\
                    +++ killed by SIGKILL +++\n";
        let calls = read(text);
        let seen: Vec<(&str, usize, bool)> =
            calls.iter().map(|point| (point.call.as_str(), point.nth, point.has_effect())).collect();
        let expected = [("openat", 1, false), ("write", 1, false), ("openat", 2, true), ("write", 2, true)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn threads_are_counted_each_for_itself_and_a_call_in_two_parts_once() {
        let text = "12 fsync(4</x/a>) = 0\n\
                    345  fsync(5</x/b> <unfinished ...>\n\
                    12 fsync(4</x/a>) = 0\n\
                    345  <... fsync resumed>) = 0\n";
        let seen: Vec<usize> = read(text).iter().map(|point| point.nth).collect();
        assert_eq!(seen, [1, 1, 2]);
    }
}
