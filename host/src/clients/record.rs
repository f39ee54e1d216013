//! What is written down of a running client, so that the next daemon knows it again, and the proof that it is the one.

use std::io;
use std::os::fd::OwnedFd;

use dhcpmgr_message::{ClientName, IfName, Token, context};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::procfs::{self, Environment, Executable};
use super::recognition::recognise;
use super::{CommandLine, Process, Program, process};
use crate::store::{self, Store};

/// What is known of a client besides its lease: `/run/dhcpmgr/clients/NAME.state`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Its process.
    pub process: Option<ProcessRecord>,
    /// A lease is in force that the client itself does not hold, because it gave up early or was started again.
    pub without_lease: bool,
    /// The client was told to give its lease back, or is about to be; a daemon that finds this goes on with it.
    pub giving_back: Option<GivingBack>,
    /// The operator gave the lease back, and wants none until he says so.
    pub released: bool,
}

/// What comes after a lease was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GivingBack {
    /// The operator said so: the client stays without a lease until it is told otherwise.
    StaysWithout,
    /// The client was disabled or the daemon stopped: where it is to run, it asks again.
    MayAskAgain,
}

impl store::Record for RunRecord {
    const KIND: [u8; 4] = *b"RUNS";
    const VERSION: u16 = 1;
}

impl RunRecord {
    /// Keeps it for the next daemon. The store says in the log why it cannot.
    pub fn save(&self, records: &Store, client: &ClientName) {
        if *self == Self::default() {
            forget(records, client);
        } else {
            let _ = records.write(client.as_str(), self);
        }
    }
}

/// Forgets everything of a client that is no more.
pub fn forget(records: &Store, client: &ClientName) {
    if let Err(error) = records.remove(client.as_str()) {
        tracing::warn!("{client}: {error}");
    }
}

/// A client that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    pid: i32,
    /// Clock ticks since the boot: no two processes have this and the pid in common.
    start_time: u64,
    executable: Executable,
    token: Token,
    command: CommandLine,
    interface: IfName,
    /// Index of the interface then: a client keeps it, and is deaf on a new interface of the same name.
    index: u32,
}

/// What became of the process in a record.
#[derive(Debug)]
pub(super) enum Proof {
    /// It is this one, and it runs.
    Proven(Process),
    /// It has ended.
    Ended,
    /// Another process has its pid, or it cannot be told: hands off.
    Failed(String),
}

impl ProcessRecord {
    /// The record of a process that was just started.
    pub fn of(
        process: &Process,
        command: CommandLine,
        token: Token,
        interface: IfName,
        index: u32,
    ) -> io::Result<Self> {
        let pid = Pid::from_raw(process.pid() as i32);
        Ok(Self {
            pid: pid.as_raw(),
            start_time: procfs::Stat::of(pid)?.start_time,
            executable: Executable::of_new(pid)?,
            token,
            command,
            interface,
            index,
        })
    }

    /// Its process id, which proves nothing.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// The secret that it was started with.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Its interface then: name and index.
    #[must_use]
    pub fn interface(&self) -> (&IfName, u32) {
        (&self.interface, self.index)
    }

    /// When it was started, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn started_ms(&self) -> u64 {
        procfs::Stat { parent: Pid::from_raw(0), start_time: self.start_time }.started_ms()
    }

    /// How it was started.
    #[must_use]
    pub fn command(&self) -> &CommandLine {
        &self.command
    }

    /// What it is, by its command line.
    pub(super) fn program(&self) -> Option<Program> {
        let words: Vec<_> = self.command.words().map(ToOwned::to_owned).collect();
        recognise(&words, &|_| None)?.program
    }

    /// Finds the process, and proves that it is the one: by pid, start time and executable, and by the token in its
    /// environment where that can be read.
    ///
    /// A pidfd that the service manager has kept since then cannot stand for another process.
    pub(super) fn prove(&self, kept: Option<OwnedFd>) -> Proof {
        let pid = Pid::from_raw(self.pid);
        let kept = kept.filter(|pidfd| process::stands_for(pidfd) == Some(pid));
        // The pidfd first: when its process lives at the end, everything in between was read of it.
        let Ok(pidfd) = kept.map_or_else(|| process::open(pid), Ok) else { return Proof::Ended };
        let compared = self.compare(pid);
        if !process::is_alive(&pidfd) {
            return Proof::Ended;
        }
        match compared.map(|()| Process::adopt(pid, pidfd)) {
            Ok(Ok(process)) => Proof::Proven(process),
            Ok(Err(error)) => Proof::Failed(format!("it cannot be watched: {error}")),
            Err(reason) => Proof::Failed(reason),
        }
    }

    fn compare(&self, pid: Pid) -> Result<(), String> {
        let unread = |error: io::Error| format!("what runs there cannot be looked at: {error}");
        if procfs::Stat::of(pid).map_err(unread)?.start_time != self.start_time {
            return Err("the process with this pid was started at another time".to_owned());
        }
        let executable = Executable::of(pid).map_err(unread)?;
        if !executable.is(&self.executable) {
            return Err(format!("the process with this pid runs {}", executable.path().display()));
        }
        match Environment::of(pid) {
            Ok(environment) if environment.get(context::TOKEN) != Some(self.token.as_str().as_ref()) => {
                Err("the process with this pid was not started with the token in the record".to_owned())
            }
            // It may have put others off looking; the rest is proof enough.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use nix::sys::signal::Signal;

    use super::*;
    use crate::clients::Launch;
    use crate::clock::BootId;

    async fn start(directory: &std::path::Path) -> (Process, ProcessRecord) {
        let token = Token::from_random([1; 16]);
        let launch = Launch {
            program: "/usr/bin/sleep".into(),
            args: vec!["60".into()],
            env: vec![(context::TOKEN.into(), token.as_str().into())],
            ..Launch::default()
        };
        let (process, _output) = Process::spawn(&launch, &directory.join("wan4.out")).await.unwrap();
        // Its environment is in place a moment after it has become its program.
        while Environment::of(Pid::from_raw(process.pid() as i32)).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let record =
            ProcessRecord::of(&process, CommandLine::of(&launch), token, "wan0".parse().unwrap(), 7).unwrap();
        assert_eq!(*record.command(), CommandLine::of(&launch));
        (process, record)
    }

    fn failed(record: &ProcessRecord) -> String {
        match record.prove(None) {
            Proof::Failed(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_running_client_is_known_again_from_what_was_written_down() {
        let directory = tempfile::tempdir().unwrap();
        let (mut process, record) = start(directory.path()).await;
        let store = Store::volatile(directory.path(), BootId::current());
        let name = "wan4".parse().unwrap();
        RunRecord { process: Some(record.clone()), ..RunRecord::default() }.save(&store, &name);
        let read = store.read::<RunRecord>("wan4").unwrap().process.unwrap();
        assert_eq!(read, record);
        let Proof::Proven(again) = read.prove(None) else { panic!("it runs") };
        assert!(again.signal(Signal::SIGTERM));
        process.wait().await;
        assert!(matches!(record.prove(None), Proof::Ended));
        RunRecord::default().save(&store, &name);
        assert!(store.names().is_empty(), "nothing to know is no file");
    }

    #[tokio::test]
    async fn a_pidfd_that_was_kept_stands_for_its_process_and_for_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let (mut process, record) = start(directory.path()).await;
        let kept = process.as_fd().try_clone_to_owned().unwrap();
        assert_eq!(process::stands_for(&kept), Some(Pid::from_raw(record.pid)));
        assert!(matches!(record.prove(Some(kept)), Proof::Proven(_)));
        let of_another = process::open(Pid::this()).unwrap();
        let Proof::Proven(found) = record.prove(Some(of_another)) else { panic!("it runs") };
        assert_eq!(found.pid(), record.pid());
        let no_pidfd = tempfile::tempfile().unwrap().into();
        assert_eq!(process::stands_for(&no_pidfd), None);
        let kept = process.as_fd().try_clone_to_owned().unwrap();
        process.kill();
        process.wait().await;
        assert_eq!(process::stands_for(&kept), None);
        assert!(matches!(record.prove(Some(kept)), Proof::Ended));
    }

    #[tokio::test]
    async fn a_client_that_nobody_waited_for_has_ended_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let (process, record) = start(directory.path()).await;
        let pidfd = process::open(Pid::from_raw(record.pid)).unwrap();
        process.kill();
        while process::is_alive(&pidfd) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        assert!(matches!(record.prove(None), Proof::Ended), "a zombie");
    }

    #[tokio::test]
    async fn a_record_with_one_thing_wrong_proves_nothing_and_nothing_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let (process, record) = start(directory.path()).await;
        let later = ProcessRecord { start_time: record.start_time + 1, ..record.clone() };
        assert!(failed(&later).contains("started at another time"));
        let token = Token::from_random([2; 16]);
        assert!(failed(&ProcessRecord { token, ..record.clone() }).contains("not started with the token"));
        let executable = Executable::of(Pid::this()).unwrap();
        let reason = failed(&ProcessRecord { executable, ..record.clone() });
        assert!(reason.contains("sleep"), "{reason}");
        let me = ProcessRecord { pid: Pid::this().as_raw(), ..record.clone() };
        let reason = failed(&me);
        // Both may have been started within the hundredth of a second in which the kernel counts.
        assert!(reason.contains("started at another time") || reason.contains("sleep"), "{reason}");
        for pid in [0, -1, i32::MAX] {
            assert!(matches!(ProcessRecord { pid, ..record.clone() }.prove(None), Proof::Ended));
        }
        assert!(matches!(record.prove(None), Proof::Proven(_)), "it lives");
        process.kill();
    }
}
