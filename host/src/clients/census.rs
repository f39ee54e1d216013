//! The DHCP clients that run in our network namespace: ours, which an earlier daemon started,
//! and those of others, which are none of our business but take our answers.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::str::FromStr;

use dhcpmgr_message::{ClientName, IfName, Token, context};
use dhcpmgr_plugin_api::Protocol;
use nix::unistd::{Pid, geteuid};

use super::procfs::{self, Environment, Stat};
use super::recognition::{Recognised, recognise};
use super::record::Proof;
use super::{CommandLine, Output, Process, Program, RunRecord, forget, process};
use crate::flat::FlatMap;
use crate::order;
use crate::paths::Paths;
use crate::store::Store;

/// All of them.
#[derive(Debug, Default)]
pub struct Census {
    found: Vec<Found>,
    kept: FlatMap<ClientName, OwnedFd>,
}

#[derive(Debug)]
struct Found {
    pid: Pid,
    stat: Stat,
    what: Recognised,
    ours: Option<(ClientName, Token)>,
}

/// What an earlier daemon left of one client.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The process that is the client from now on.
    pub running: Option<Adopted>,
    /// Further ones, which have to end: two clients on one interface take each other's answers.
    pub strays: Vec<Process>,
    /// The client ended while no daemon watched.
    pub ended: Option<u32>,
    /// Somebody else's client on the same interface.
    pub foreign: Option<Foreign>,
    /// What was known of it.
    pub record: RunRecord,
}

/// A running client of an earlier daemon.
#[derive(Debug)]
pub struct Adopted {
    /// The process.
    pub process: Process,
    /// What it writes.
    pub output: Output,
    /// The secret that it was started with.
    pub token: Token,
    /// How it was started.
    pub command: CommandLine,
    /// When it was started, milliseconds of `CLOCK_BOOTTIME`.
    pub started_ms: u64,
}

/// A client of ours that is not configured any more.
#[derive(Debug)]
pub struct LeftOver {
    /// Its name.
    pub client: ClientName,
    /// What it is.
    pub program: Program,
    /// Its process.
    pub process: Process,
}

/// A DHCP client that we did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    pid: Pid,
    stat: Stat,
}

impl Foreign {
    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        Stat::of(self.pid).is_ok_and(|stat| stat.start_time == self.stat.start_time)
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another DHCP client, pid {}", self.pid)
    }
}

impl Census {
    /// Looks at every process once. What cannot be looked at is not found.
    #[must_use]
    pub fn take(paths: &Paths) -> Self {
        let Ok(namespace) = procfs::network_namespace(Pid::this()) else { return Self::default() };
        let spool = paths.spool();
        let mut found: Vec<Found> = (procfs::all().into_iter())
            .filter_map(|pid| {
                let file = |path: &Path| procfs::file_of(pid, path);
                let what = recognise(&procfs::command_line(pid).ok()?, &file)?;
                let here = procfs::network_namespace(pid).is_ok_and(|theirs| theirs == namespace);
                let stat = Stat::of(pid).ok().filter(|_| here)?;
                Some(Found { pid, stat, what, ours: ours(pid, &spool) })
            })
            .collect();
        // A client that is just about to start its hook is there twice.
        let pids: Vec<Pid> = found.iter().map(|found| found.pid).collect();
        found.retain(|found| !pids.contains(&found.stat.parent));
        // The one that was started last comes first.
        order::sort_by_key(&mut found, |found| std::cmp::Reverse(found.stat.start_time));
        Self { found, kept: FlatMap::new() }
    }

    /// The same with the pidfds that the service manager has kept.
    #[must_use]
    pub fn with(self, kept: FlatMap<ClientName, OwnedFd>) -> Self {
        Self { kept, ..self }
    }

    /// What there is of this client of this protocol on this interface. `records` is where [`RunRecord`]s are kept.
    #[must_use]
    pub fn inherit(
        &mut self,
        client: &ClientName,
        protocol: Protocol,
        interface: &IfName,
        records: &Store,
    ) -> Inherited {
        let mut inherited = Inherited::default();
        let fifo = fifo(records, client);
        inherited.record = records.read::<RunRecord>(client.as_str()).unwrap_or_default();
        let process = inherited.record.process.as_ref();
        let record = process.filter(|process| process.interface().0 == interface);
        if let Some(record) = record {
            match record.prove(self.kept.remove(client)) {
                Proof::Proven(process) => {
                    self.found.retain(|found| found.pid.as_raw() != process.pid() as i32);
                    let (token, command, started_ms) =
                        (record.token().clone(), record.command().clone(), record.started_ms());
                    inherited.running =
                        Some(Adopted { process, output: Output::resume(&fifo), token, command, started_ms });
                }
                Proof::Ended => inherited.ended = Some(record.pid()),
                Proof::Failed(why) => {
                    tracing::warn!(
                        "{client}: pid {} is not the client in its record: {why}; it is left alone",
                        record.pid()
                    );
                }
            }
        }
        for found in self.take_ours(|name, found| {
            name == client && (found.runs_on(protocol, interface) || found.what.clients.is_empty())
        }) {
            let Some(stray) = found.adopt(&fifo) else { continue };
            if inherited.running.is_none() {
                tracing::info!(
                    "{client}: pid {} has no record, and its environment proves it ours",
                    found.pid
                );
                inherited.running = Some(stray);
            } else {
                inherited.strays.push(stray.process);
            }
        }
        inherited.foreign = self.foreign(protocol, interface, None);
        inherited
    }

    /// Somebody else's client of this protocol on this interface. `own` is our process: whose environment may not be
    /// read is not known to be ours.
    #[must_use]
    pub fn foreign(&self, protocol: Protocol, interface: &IfName, own: Option<u32>) -> Option<Foreign> {
        // A worker may call itself what it likes; nothing that this daemon started is somebody else's client.
        let other = |found: &&Found| {
            found.ours.is_none() && found.stat.parent != Pid::this() && own != Some(found.pid.as_raw() as u32)
        };
        let mut others = self.found.iter().filter(other);
        let found = others.find(|found| found.runs_on(protocol, interface))?;
        Some(Foreign { pid: found.pid, stat: found.stat })
    }

    /// Clients of ours that are configured no more, or not for the interface that they run on; `interface` is the one
    /// that a client is configured for.
    #[must_use]
    pub fn left_over(
        &mut self,
        interface: impl Fn(&ClientName) -> Option<IfName>,
        records: &Store,
    ) -> Vec<LeftOver> {
        let mut left = Vec::new();
        for name in records.names().iter().filter_map(|name| name.parse::<ClientName>().ok()) {
            let record = records.read::<RunRecord>(name.as_str()).unwrap_or_default();
            let configured = interface(&name);
            match record.process {
                Some(process) if configured.as_ref() != Some(process.interface().0) => {
                    let program = process.program();
                    if let (Proof::Proven(process), Some(program)) = (process.prove(None), program) {
                        self.found.retain(|found| found.pid.as_raw() != process.pid() as i32);
                        left.push(LeftOver { client: name.clone(), program, process });
                    }
                    forget(records, &name);
                }
                None if configured.is_none() => forget(records, &name),
                _ => {}
            }
        }
        let elsewhere = |name: &ClientName, found: &Found| {
            let configured = interface(name);
            // Where it does not say, it is believed to be where it belongs.
            let mut interfaces = found.what.clients.iter().map(|(_, interface)| interface).peekable();
            configured.is_none()
                || interfaces.peek().is_some() && interfaces.all(|name| configured.as_ref() != Some(name))
        };
        for found in self.take_ours(elsewhere) {
            let (Some((client, _)), Some(program)) = (found.ours.clone(), found.what.program) else {
                continue;
            };
            let adopted = found.adopt(&fifo(records, &client));
            left.extend(adopted.map(|Adopted { process, .. }| LeftOver { client, program, process }));
        }
        left
    }

    fn take_ours(&mut self, wanted: impl Fn(&ClientName, &Found) -> bool) -> Vec<Found> {
        let mine = |found: &mut Found| found.ours.as_ref().is_some_and(|(name, _)| wanted(name, found));
        self.found.extract_if(.., mine).collect()
    }
}

impl Found {
    fn runs_on(&self, protocol: Protocol, interface: &IfName) -> bool {
        self.what.clients.iter().any(|(p, name)| *p == protocol && name == interface)
    }

    /// `None` when it is no longer the process that was found.
    fn adopt(&self, fifo: &Path) -> Option<Adopted> {
        let (_, token) = self.ours.clone()?;
        let pidfd = process::open(self.pid).ok()?;
        let command = CommandLine::of_words(&procfs::command_line(self.pid).ok()?);
        if Stat::of(self.pid).ok()? != self.stat || !process::is_alive(&pidfd) {
            return None;
        }
        let process = Process::adopt(self.pid, pidfd).ok()?;
        Some(Adopted {
            process,
            output: Output::resume(fifo),
            token,
            command,
            started_ms: self.stat.started_ms(),
        })
    }
}

/// The client and the token that a process was started with, if we started it: its environment says so, and its spool
/// is our spool. A user who writes the same into an environment of his own is neither root nor us.
fn ours(pid: Pid, spool: &Path) -> Option<(ClientName, Token)> {
    let owner = procfs::owner(pid).ok()?;
    let environment = Environment::of(pid).ok().filter(|_| owner == 0 || owner == geteuid().as_raw())?;
    if !procfs::shares(pid, Path::new(environment.get(context::SPOOL)?), spool) {
        return None;
    }
    Some((parsed(&environment, context::CLIENT)?, parsed(&environment, context::TOKEN)?))
}

fn parsed<T: FromStr>(environment: &Environment, name: &str) -> Option<T> {
    environment.get(name)?.to_str()?.parse().ok()
}

/// The FIFO of a client, beside its record.
#[must_use]
pub fn fifo(records: &Store, client: &ClientName) -> std::path::PathBuf {
    records.path().join(format!("{client}.out"))
}

#[cfg(test)]
mod tests;
