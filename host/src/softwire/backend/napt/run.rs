//! Runs `nft`, which reads a rule set from its standard input and loads it in one transaction.
//!
//! It is run by a thread of its own: what it may do belongs to the thread that starts it, and somebody has to wait.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use caps::Capability;
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::clients::confine;

/// How long it may take; a rule set for 32,767 ranges took 0.4 s where it was measured.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where the program is looked for.
const PLACES: [&str; 4] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"];
/// What is read of what it says.
const LONGEST: u64 = 4096;

/// The program.
#[derive(Debug, Clone)]
pub(super) struct Nft {
    program: Option<PathBuf>,
    patience: Duration,
}

impl Default for Nft {
    fn default() -> Self {
        let program = PLACES.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned);
        Self { program, patience: PATIENCE }
    }
}

impl Nft {
    /// Loads a rule set. An error is a sentence.
    pub(super) async fn load(&self, set: String) -> Result<(), String> {
        self.run(&["-f", "-"], set).await
    }

    /// Lets the kernel say whether it would take a rule set.
    pub(super) async fn check(&self, set: String) -> Result<(), String> {
        self.run(&["-c", "-f", "-"], set).await
    }

    async fn run(&self, arguments: &'static [&'static str], set: String) -> Result<(), String> {
        let program = self.program.clone().ok_or("the program nft is not there (package nftables)")?;
        let called = format!("{} {}", program.display(), arguments.join(" "));
        let (begun, child) = oneshot::channel();
        let _running = Running(child);
        let (ended, end) = oneshot::channel();
        let work = move || {
            confine(&[Capability::CAP_NET_ADMIN]);
            let _ = ended.send(start(&program, arguments).and_then(|mut child| {
                if begun.send(handle(&child)).is_err() {
                    // Nobody waits any more.
                    let _ = child.kill();
                }
                talk(&mut child, &set)
            }));
        };
        let thread = thread::Builder::new().name("nft".to_owned()).spawn(work);
        thread.map_err(|error| format!("cannot run {called}: {error}"))?;
        match timeout(self.patience, end).await {
            Ok(Ok(Ok(None))) => Ok(()),
            Ok(Ok(Ok(Some(said)))) => Err(format!("{called}: {said}")),
            Ok(Ok(Err(error))) => Err(format!("cannot run {called}: {error}")),
            Ok(Err(_)) => Err(format!("cannot run {called}: the thread has ended")),
            Err(_) => {
                let seconds = self.patience.as_secs_f32();
                Err(format!("{called} did not end within {seconds} s and was killed"))
            }
        }
    }
}

/// A run that somebody waits for: it is killed when nobody does any more, so that nothing is loaded later.
struct Running(oneshot::Receiver<Option<OwnedFd>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(Some(child)) = self.0.try_recv() {
            // One that has ended is no process any more, and nobody else's.
            let _ = pidfd_send_signal(child, Signal::KILL);
        }
    }
}

fn start(program: &Path, arguments: &[&str]) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

fn handle(child: &Child) -> Option<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(Pid::from_raw(child.id() as i32).as_raw())?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Hands over the rule set and waits; what it said when it failed.
fn talk(child: &mut Child, set: &str) -> io::Result<Option<String>> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says why by its exit status.
        let _ = stdin.write_all(set.as_bytes());
    }
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(LONGEST).read_to_end(&mut said)?;
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&said);
    // The first line says what is wrong, the others show it.
    let first = said.lines().next().unwrap_or_default();
    let first: String = first.chars().take(300).flat_map(char::escape_debug).collect();
    Ok(Some(format!("{status}: {first}")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fake(script: &str) -> (tempfile::TempDir, Nft) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("nft");
        fs::write(&program, format!("#!/bin/sh\nHERE={}\n{script}\n", dir.path().display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (dir, Nft { program: Some(program), patience: Duration::from_millis(1500) })
    }

    #[tokio::test]
    async fn the_rule_set_comes_by_standard_input() {
        let (dir, nft) = fake("echo \"$*\" > $HERE/called; cat > $HERE/input");
        nft.load("table ip a { }\n".to_owned()).await.unwrap();
        let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((read("called").as_str(), read("input").as_str()), ("-f -\n", "table ip a { }\n"));
    }

    #[tokio::test]
    async fn a_refusal_says_what_was_said_first() {
        let (_dir, nft) = fake("echo 'Error: no \u{1b}such thing' >&2; echo more >&2; exit 1");
        let error = nft.check("x".repeat(1 << 20)).await.unwrap_err();
        assert!(error.contains("-c -f -: exit status: 1: Error: no \\u{1b}such thing"), "{error}");
        assert!(!error.contains("more"), "{error}");
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed() {
        let (_dir, nft) = fake("exec sleep 60");
        let error = nft.load(String::new()).await.unwrap_err();
        assert!(error.contains("was killed"), "{error}");
    }

    #[tokio::test]
    async fn one_that_nobody_waits_for_any_more_is_killed() {
        let (dir, nft) = fake("echo $$ > $HERE/pid.new; mv $HERE/pid.new $HERE/pid; exec sleep 60");
        let nft = Nft { patience: PATIENCE, ..nft };
        let file = dir.path().join("pid");
        // Given up while it runs.
        let given_up = async {
            while !file.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = nft.load(String::new()) => panic!("{ended:?}"),
            () = given_up => {}
        }
        let pid = fs::read_to_string(file).unwrap();
        let program = Path::new("/proc").join(pid.trim());
        for _ in 0..1000 {
            if !program.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} lives", program.display());
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_named() {
        let nft = Nft { program: None, patience: PATIENCE };
        assert!(nft.load(String::new()).await.unwrap_err().contains("package nftables"));
    }
}
