//! A world that is used again for each run: the gateway with something of somebody else on its interface, the daemon
//! under strace, and what must hold after its death.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Change, Daemon, Delivery, Error, Lab, MessageType, Monitor, Result, Trace, eventually};
use nix::unistd::Pid;

use super::story::{Step, Story, Terms};
use crate::given::one_client;

/// What somebody else configured on the same interface.
const FOREIGN_ADDRESS: &str = "203.0.113.9/24";
const FOREIGN_ROUTES: [&str; 2] = ["198.18.0.0/15", "default"];
const FOREIGN_ROUTER: &str = "203.0.113.1";
/// Seconds that an address of an hour is valid in the kernel: the daemon adds some, and ends it itself.
const LIFETIME: std::ops::RangeInclusive<u32> = 3500..=3610;

pub(super) struct Gateway<'a, 'lab> {
    lab: &'lab Lab,
    daemon: &'a mut Daemon<'lab>,
    monitor: Monitor,
}

/// What the story came to.
#[derive(Debug)]
pub(super) struct Told {
    /// Whether the daemon was killed in it.
    pub(super) killed: bool,
    /// What may be in force now: one lease or none; two possibilities where nobody was told.
    pub(super) possible: Vec<Option<Terms>>,
    /// What was in force before the last step.
    before: Option<Terms>,
    /// What the client's process was, if it had been started.
    client: Option<Pid>,
    /// Whether the operator gave the lease back, and nobody has asked for another one.
    released: bool,
}

/// Addresses and routes as `ip` shows them, but for the routes that come with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kernel(BTreeSet<String>);

impl<'a, 'lab> Gateway<'a, 'lab> {
    /// As after a boot, with somebody else's address and routes.
    pub(super) fn new(lab: &'lab Lab, daemon: &'a mut Daemon<'lab>) -> Result<Self> {
        // Not running is what is wanted.
        let _ = daemon.kill();
        lab.gateway.kill_all();
        for directory in ["run", "var"] {
            let _ = std::fs::remove_dir_all(daemon.root().join(directory));
        }
        let _ = std::fs::remove_file(lab.dir().join("dhcpmgrd.log"));
        for object in ["addr", "route"] {
            lab.gateway.ip(&["-4", object, "flush", "dev", "wan0"])?;
        }
        lab.gateway.ip(&["addr", "add", FOREIGN_ADDRESS, "dev", "wan0"])?;
        for to in FOREIGN_ROUTES {
            lab.gateway.ip(&[
                "route",
                "add",
                to,
                "via",
                FOREIGN_ROUTER,
                "metric",
                "700",
                "proto",
                "static",
            ])?;
        }
        daemon.configure(&one_client(""))?;
        Ok(Self { lab, daemon, monitor: lab.monitor()? })
    }

    /// Tells the story to a daemon under strace, until its end or the daemon's.
    pub(super) fn tell(&mut self, story: &Story, trace: &Trace) -> Result<Told> {
        self.prepare(story)?;
        let mut told = Told {
            killed: false,
            possible: vec![story.found()],
            before: story.before,
            client: None,
            released: false,
        };
        let packets = self.lab.capture(self.lab.wan())?;
        self.daemon.start_traced(trace)?;
        let ready = self.while_alive("the client runs", |gateway| gateway.daemon_knows_client())?;
        told.client = self.udhcpc().into_iter().next();
        if ready.is_none() || !self.settles(story.found())? {
            return self.ended(told);
        }
        if story.before.is_none() {
            // Its first words are over by then.
            packets.wait_for(MessageType::Discover)?;
        }
        for step in story.steps {
            let start = Instant::now();
            told.before = told.possible[0];
            let alive = self.take(*step, &mut told)?;
            self.nothing_flapped(start, told.before, told.possible[0])?;
            if !alive {
                return self.ended(told);
            }
        }
        // What it still does after the last step counts as well.
        std::thread::sleep(Duration::from_millis(50));
        self.ended(told)
    }

    fn prepare(&mut self, story: &Story) -> Result {
        let Some(terms) = story.before else { return Ok(()) };
        self.daemon.start()?;
        let client = eventually("the client runs", || Ok(self.udhcpc().into_iter().next()))?;
        let shim = self.daemon.shim(client)?;
        if shim.report("bound", &terms.variables())? != Delivery::Acknowledged {
            return Err(Error::new("a healthy daemon did not acknowledge a lease"));
        }
        eventually("the lease is in force", || Ok(self.has(Some(terms))?.then_some(())))?;
        self.daemon.kill()?;
        for (event, terms) in story.meanwhile {
            if shim.report(event, &terms.variables())? != Delivery::Spooled {
                return Err(Error::new("a dead daemon acknowledged a lease"));
            }
        }
        self.monitor.clear();
        Ok(())
    }

    /// Takes a step and waits until it shows; `false` when the daemon is dead.
    fn take(&mut self, step: Step, told: &mut Told) -> Result<bool> {
        match step {
            Step::Says(event, terms) => {
                // A client that is being replaced says nothing more.
                let Some(client) = self.udhcpc().into_iter().next() else {
                    return Err(Error::new(format!("no client runs that could say {event}")));
                };
                let variables = terms.map(Terms::variables).unwrap_or_default();
                self.daemon.shim(client)?.report(event, &variables)?;
                // Acknowledged or in the spool: from here on it must not be lost.
                told.possible = vec![terms];
                self.settles(terms)
            }
            Step::Release => {
                told.released = true;
                let answer = self.daemon.cli().output(&["release", "wan4"])?;
                told.possible = if answer.status.success() { vec![None] } else { vec![told.before, None] };
                self.settles(None)
            }
            Step::Stop => {
                // It may be dead already.
                let _ = self.daemon.process()?.signal(nix::sys::signal::Signal::SIGTERM);
                let _ = self.daemon.process()?.wait(Duration::from_secs(15))?;
                Ok(false)
            }
        }
    }

    /// Waits until the kernel has it or the daemon is dead; whether it lives.
    fn settles(&mut self, terms: Option<Terms>) -> Result<bool> {
        let what = format!("{terms:?} is in force");
        Ok(self.while_alive(&what, |gateway| Ok(gateway.has(terms)?.then_some(())))?.is_some())
    }

    /// Looks until there is something, or the daemon is dead.
    fn while_alive<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        eventually(what, || {
            let runs = self.daemon.runs()?;
            let found = look(self)?;
            Ok((found.is_some() || !runs).then_some(found))
        })
    }

    fn ended(&mut self, mut told: Told) -> Result<Told> {
        use std::os::unix::process::ExitStatusExt as _;
        let process = self.daemon.process()?;
        let status = match process.ended()? {
            Some(status) => status,
            None => {
                process.kill();
                return Ok(told);
            }
        };
        told.killed = status.signal() == Some(9);
        if !told.killed && !status.success() {
            return Err(Error::new(format!("it ended with {status}\n{}", process.log_tail())));
        }
        Ok(told)
    }

    /// Starts it again, and checks everything.
    pub(super) fn holds_after(&mut self, told: &Told) -> Result {
        self.nothing_half(told)?;
        let found = self.kernel()?;
        let alive = told.client.filter(|client| self.udhcpc().contains(client));
        self.monitor.clear();
        self.daemon.start()?;
        let now = eventually(&format!("one of {:?} is in force", told.possible), || {
            // Where the order was heard and nobody was told so, both are possible, but one after the other.
            if self.daemon.cli().client("wan4")?["reason"] == "the lease is being given back" {
                return Ok(None);
            }
            for terms in &told.possible {
                if self.has(*terms)? && self.says(*terms)? {
                    return Ok(Some(*terms));
                }
            }
            Ok(None)
        })
        .map_err(|error| {
            Error::new(format!("{error}; there is {:?}\n{}", self.kernel(), self.daemon.log()))
        })?;
        if told.released && now.is_none() {
            // Whether the daemon still knows of the release depends on how far it had come.
            eventually("the client looks for a server again", || {
                let row = self.daemon.cli().client("wan4")?;
                if row["pid"].is_null() {
                    self.daemon.cli().text(&["renew", "wan4"])?;
                }
                Ok((row["status"] == "Selecting").then_some(()))
            })?;
        }
        let client = eventually("exactly one client runs", || match self.udhcpc().as_slice() {
            [one] => Ok(Some(*one)),
            _ => Ok(None),
        })
        .map_err(|error| {
            Error::new(format!("{error}; there is {:?}\n{}", self.udhcpc(), self.daemon.log()))
        })?;
        if let Some(before) = alive.filter(|before| !told.released && *before != client) {
            return Err(Error::new(format!(
                "the client was {before} and is {client}\n{}",
                self.daemon.log()
            )));
        }
        self.keeps_working(client, now)?;

        let kept: BTreeSet<String> = found.0.intersection(&Kernel::of(now).0).cloned().collect();
        let changes = self.monitor.take();
        let gone: Vec<&Change> = removals(&changes).filter(|change| kept.contains(&object(change))).collect();
        if !gone.is_empty() {
            return Err(Error::new(format!("what was to stay was removed: {gone:?}\n{}", self.daemon.log())));
        }
        self.files_are_in_order()
    }

    /// The client's next word is heard.
    fn keeps_working(&mut self, client: Pid, now: Option<Terms>) -> Result {
        let last = Terms { host: 102, router: 1, dns: "192.0.2.77", route: None };
        let terms = now.unwrap_or(last);
        let delivery = self.daemon.shim(client)?.report("renew", &terms.variables())?;
        if delivery != Delivery::Acknowledged {
            return Err(Error::new("it no longer hears its client"));
        }
        eventually("the renewal is in force", || {
            Ok((self.has(Some(terms))? && self.says(Some(terms))?).then_some(()))
        })
        .map_err(|error| Error::new(format!("{error}; there is {:?}\n{}", self.kernel(), self.daemon.log())))
    }

    /// Between death and start: every file of ours is whole, and no address is there that nobody granted.
    fn nothing_half(&self, told: &Told) -> Result {
        let possible: Vec<Option<Terms>> = told.possible.iter().copied().chain([told.before]).collect();
        let text = self.daemon.resolv_conf();
        let whole =
            |terms: &Option<Terms>| name_servers(&text) == terms.map_or(vec![], |terms| vec![terms.dns]);
        if !possible.iter().any(whole) || !(text.is_empty() || text.ends_with('\n')) {
            return Err(Error::new(format!("resolv.conf belongs to none of {possible:?}: {text}")));
        }
        let allowed: BTreeSet<String> = possible.iter().flat_map(|terms| Kernel::of(*terms).0).collect();
        let kernel = self.kernel()?;
        match kernel.0.iter().find(|object| !allowed.contains(*object)) {
            Some(object) => Err(Error::new(format!("{object} belongs to none of {possible:?}"))),
            None => Ok(()),
        }
    }

    fn files_are_in_order(&self) -> Result {
        if !self.daemon.spooled().is_empty() {
            return Err(Error::new(format!("left in the spool: {:?}", self.daemon.spooled())));
        }
        for directory in ["run", "var"] {
            for file in files(&self.daemon.root().join(directory)) {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if [".refused", ".damaged", ".tmp", ".corrupt"].iter().any(|end| name.contains(end)) {
                    return Err(Error::new(format!(
                        "left behind: {}\n{}",
                        file.display(),
                        self.daemon.log()
                    )));
                }
            }
        }
        Ok(())
    }

    /// While a step went from one lease to another, what is in both stayed.
    fn nothing_flapped(&self, start: Instant, from: Option<Terms>, to: Option<Terms>) -> Result {
        let both: BTreeSet<String> = Kernel::of(from).0.intersection(&Kernel::of(to).0).cloned().collect();
        let changes = self.monitor.all();
        let gone: Vec<&Change> = removals(&changes)
            .filter(|change| change.at >= start && both.contains(&object(change)))
            .collect();
        if gone.is_empty() { Ok(()) } else { Err(Error::new(format!("{from:?} to {to:?} removed {gone:?}"))) }
    }

    fn daemon_knows_client(&self) -> Result<Option<()>> {
        // Not there yet, or no longer.
        let Ok(client) = self.daemon.cli().client("wan4") else { return Ok(None) };
        Ok(client["pid"].as_u64().map(drop))
    }

    /// Whether the kernel and `resolv.conf` have exactly this.
    fn has(&self, terms: Option<Terms>) -> Result<bool> {
        let dns = terms.map_or(vec![], |terms| vec![terms.dns]);
        Ok(self.kernel()? == Kernel::of(terms) && name_servers(&self.daemon.resolv_conf()) == dns)
    }

    /// Whether the daemon says this.
    fn says(&self, terms: Option<Terms>) -> Result<bool> {
        let lease = &self.daemon.cli().client("wan4")?["lease"];
        Ok(match terms {
            None => lease.is_null(),
            Some(terms) => {
                lease["address"] == terms.address()
                    && lease["dns"][0] == terms.dns
                    && lease["expires_in"].as_u64().is_some_and(|left| (3500..=3600).contains(&left))
            }
        })
    }

    fn kernel(&self) -> Result<Kernel> {
        let mut all = BTreeSet::new();
        for address in self.lab.addresses("wan0")? {
            if address.address != FOREIGN_ADDRESS && !LIFETIME.contains(&address.valid) {
                all.insert(format!("lifetime {}", address.valid));
            }
            all.insert(address.address);
        }
        for route in self.lab.routes("wan0")? {
            if let Some(via) = route.via {
                all.insert(format!("{} via {via}", route.to));
            }
        }
        Ok(Kernel(all))
    }

    fn udhcpc(&self) -> Vec<Pid> {
        let named = |pid: &Pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "udhcpc")
        };
        self.lab.gateway.processes().into_iter().filter(named).collect()
    }
}

impl Kernel {
    /// What is there with this lease.
    fn of(terms: Option<Terms>) -> Self {
        let mut all = BTreeSet::from([FOREIGN_ADDRESS.to_owned()]);
        all.extend(FOREIGN_ROUTES.map(|to| format!("{to} via {FOREIGN_ROUTER}")));
        if let Some(terms) = terms {
            all.insert(terms.address());
            all.insert(format!("default via {}", terms.via()));
            all.extend(terms.route.map(|to| format!("{to} via {}", terms.via())));
        }
        Self(all)
    }
}

fn removals(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().filter(|change| change.removes() && change.is_v4())
}

/// A change's object, written as [`Kernel`] writes it.
fn object(change: &Change) -> String {
    let Some((address, length)) = change.subject else { return String::new() };
    match change.via {
        Some(via) if length == 0 => format!("default via {via}"),
        Some(via) => format!("{address}/{length} via {via}"),
        None => format!("{address}/{length}"),
    }
}

fn name_servers(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::trim).collect()
}

fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
