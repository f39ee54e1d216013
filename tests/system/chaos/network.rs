//! The real thing: carries out what happens, and compares with the model.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{
    Change, Cli, Daemon, Dnsmasq, Error, Kind, Lab, Monitor, Result, SmallDisks, eventually_within,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::model::{Event, Line, Model};
use crate::given::{V4, client};

/// Room on each disk: plenty, and quickly filled.
const DISK: u64 = 512 * 1024;
/// For so long the servers give addresses, seconds.
const LEASE: u32 = 120;
/// How long everything may take to be right again: a NAK alone costs udhcpc 3 s, and a full disk may have cost a
/// message.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long the daemon may take to put the number of clients right.
const CLIENTS: Duration = Duration::from_secs(10);
/// Lines of history that a failure shows.
const HISTORY: usize = 60;

pub(super) struct Network<'lab> {
    lab: &'lab Lab,
    daemon: Daemon<'lab>,
    disks: SmallDisks,
    servers: Vec<Option<Dnsmasq<'lab>>>,
    monitor: Monitor,
    start: Instant,
    steps: usize,
    history: VecDeque<String>,
}

impl<'lab> Network<'lab> {
    pub(super) fn new(lab: &'lab Lab, model: &Model) -> Result<Self> {
        let servers = model.lines.iter().zip(&lab.uplinks).map(|(line, uplink)| {
            lab.dnsmasq(uplink)
                .range(line.gives, line.gives)
                .lease(LEASE)
                .option("6,192.0.2.53")
                .start()
                .map(Some)
        });
        let servers = servers.collect::<Result<_>>()?;
        let mut daemon = Daemon::install(lab)?;
        let disks = daemon.on_small_disks(DISK)?;
        daemon.configure(&config(lab))?;
        daemon.start()?;
        let (start, monitor) = (Instant::now(), lab.monitor()?);
        Ok(Self { lab, daemon, disks, servers, monitor, start, steps: 0, history: VecDeque::new() })
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn history(&self) -> String {
        self.history.iter().fold(String::new(), |mut text, line| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
            text
        })
    }

    fn note(&mut self, what: &str) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(format!("{:8.3} {what}", self.start.elapsed().as_secs_f64()));
    }

    /// One step: it happens, a moment passes, and everything that must hold does.
    pub(super) fn step(&mut self, model: &mut Model, event: Event, pause: Duration) -> Result {
        self.steps += 1;
        self.note(&format!("{event:?}, then {} ms", pause.as_millis()));
        // Whatever moved before, the model of before must answer for.
        self.nothing_was_taken(model)?;
        model.take(event);
        self.make_happen(model, event)?;
        std::thread::sleep(pause);
        self.check(model)
    }

    fn make_happen(&mut self, model: &Model, event: Event) -> Result {
        match event {
            Event::DaemonKilled => self.daemon.kill(),
            Event::DaemonStopped => self.daemon.stop(),
            Event::DaemonStarted => self.daemon.start(),
            Event::ClientKilled(line) => {
                for pid in self.clients(line) {
                    // It may have ended by itself.
                    let _ = kill(pid, Signal::SIGKILL);
                }
                Ok(())
            }
            Event::CablePulled(line) => self.lab.carrier(&self.lab.uplinks[line], false),
            Event::CablePlugged(line) => self.lab.carrier(&self.lab.uplinks[line], true),
            Event::ServerDeaf(line) => self.server(line)?.freeze(true),
            Event::ServerHears(line) => self.server(line)?.freeze(false),
            Event::ServerForgot(line) => self.forget(line, &model.lines[line]),
            Event::InterfaceGone(line) => self.lab.remove_interface(&self.lab.uplinks[line]),
            Event::InterfaceBack(line) => self.lab.restore_interface(&self.lab.uplinks[line]),
            Event::OperatorRenews(line) => self.order("renew", line),
            Event::OperatorReleases(line) => self.order("release", line),
            Event::ClockJumps(seconds) => crate::clock::jump(seconds),
            Event::DisksFull => self.disks.fill(),
            Event::DisksFree => {
                self.disks.free();
                Ok(())
            }
        }
    }

    /// Makes everything right, and waits until every client is bound to what its server gives.
    pub(super) fn settle(&mut self, model: &mut Model) -> Result {
        for event in model.repairs() {
            self.step(model, event, Duration::ZERO)?;
        }
        self.note("all is right; it has to settle");
        let (start, mut nudged) = (Instant::now(), Instant::now());
        let mut wrong = String::new();
        while let Err(error) = self.is_settled(model) {
            wrong = error.to_string();
            if start.elapsed() > RECOVERY {
                break;
            }
            self.check(model)?;
            // A client that still believes in an address that its server has forgotten, or that was told to give its
            // own back, needs somebody to ask.
            if nudged.elapsed() > Duration::from_secs(4) {
                nudged = Instant::now();
                for line in 0..model.lines.len() {
                    if self.is_bound(line, &model.lines[line]).is_err() {
                        // A client that waits for its next start is not waited for.
                        let verb = if self.row(line)?["pid"].is_null() { "restart" } else { "renew" };
                        self.note(&format!("the operator asks line {line} to {verb}"));
                        self.order(verb, line)?;
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(50));
            wrong.clear();
        }
        if !wrong.is_empty() {
            return Err(Error::new(format!("not right again after {RECOVERY:?}: {wrong}\n{}", self.log())));
        }
        self.note(&format!("settled after {} ms", start.elapsed().as_millis()));
        self.check(model)?;
        model.settled();
        self.monitor.clear();
        Ok(())
    }

    fn is_settled(&self, model: &Model) -> Result {
        model.lines.iter().enumerate().try_for_each(|(index, line)| self.is_bound(index, line))?;
        let left = self.daemon.spooled();
        if left.is_empty() { Ok(()) } else { Err(Error::new(format!("in the spool there is {left:?}"))) }
    }

    fn is_bound(&self, index: usize, line: &Line) -> Result {
        let row = self.row(index)?;
        let address = self.address(index, line.gives);
        let clients = self.clients(index);
        let configured = self.addresses(index)? == [address.clone()] && self.has_default_route(index)?;
        let pid = row["pid"].as_u64();
        let one = clients.len() == 1 && pid == clients.first().map(|pid| pid.as_raw() as u64);
        if row["status"] == "Bound" && row["lease"]["address"] == address && configured && one {
            return Ok(());
        }
        let kernel = self.addresses(index)?;
        Err(Error::new(format!(
            "line {index} shall have {address}; kernel {kernel:?}, clients {clients:?}, {row}"
        )))
    }

    /// What must hold at any time.
    fn check(&mut self, model: &Model) -> Result {
        self.nothing_was_taken(model)?;
        for (index, line) in model.lines.iter().enumerate().filter(|(_, line)| line.interface) {
            let addresses = self.addresses(index)?;
            let may: Vec<String> =
                line.may_have().into_iter().map(|host| self.address(index, host)).collect();
            if let Some(strange) = addresses.iter().find(|address| !may.contains(address)) {
                return Err(Error::new(format!(
                    "line {index} has {strange}, and only {may:?} is allowed\n{}",
                    self.log()
                )));
            }
            if let Some(host) = line.held {
                let address = self.address(index, host);
                if !addresses.contains(&address) || !self.has_default_route(index)? {
                    return Err(Error::new(format!(
                        "line {index} has lost {address} or its route\n{}",
                        self.log()
                    )));
                }
            }
            eventually_within(CLIENTS, &format!("at most one client on line {index}"), || {
                Ok((self.clients(index).len() <= 1).then_some(()))
            })?;
        }
        if model.daemon {
            self.daemon.process()?.must_run()?;
            for (index, line) in model.lines.iter().enumerate() {
                let row = self.row(index)?;
                let Some(host) = line.held else { continue };
                let wrong = if row["lease"]["address"] != self.address(index, host) {
                    "is not known"
                } else if row["lease"]["expires_in"].as_u64().is_none_or(|left| left > LEASE.into()) {
                    "is counted wrongly"
                } else {
                    continue;
                };
                return Err(Error::new(format!(
                    "the lease {host} of line {index} {wrong}: {row}\n{}",
                    self.log()
                )));
            }
        }
        Ok(())
    }

    /// No address and no route of a lease in force was removed, not for a moment.
    fn nothing_was_taken(&self, model: &Model) -> Result {
        let changes = self.monitor.take();
        for (index, line) in model.lines.iter().enumerate() {
            let Some(host) = line.held else { continue };
            let network = |host: u8| Ipv4Addr::new(10, 77, index as u8, host);
            let ours = |change: &&Change| match change.kind {
                Kind::DelAddr => change.subject == Some((network(host).into(), 24)),
                Kind::DelRoute => change.via == Some(network(1).into()),
                _ => false,
            };
            let gone: Vec<&Change> = changes.iter().filter(|change| change.is_v4()).filter(ours).collect();
            if !gone.is_empty() {
                return Err(Error::new(format!("line {index} lost for a moment: {gone:?}\n{}", self.log())));
            }
        }
        Ok(())
    }

    fn forget(&mut self, index: usize, line: &Line) -> Result {
        let Some(server) = self.servers[index].take() else { return Err(Error::new("a server is gone")) };
        if !line.server {
            server.freeze(false)?;
        }
        let server =
            server.forget()?.range(line.gives, line.gives).lease(LEASE).option("6,192.0.2.53").start()?;
        if !line.server {
            server.freeze(true)?;
        }
        self.servers[index] = Some(server);
        Ok(())
    }

    /// Refused is as good as done: the operator asks at any time.
    fn order(&self, verb: &str, line: usize) -> Result {
        let output = self.cli().output(&[verb, &name(line)])?;
        match output.status.code() {
            Some(0 | 1) => Ok(()),
            other => Err(Error::new(format!("{verb}: exit status {other:?}\n{}", self.log()))),
        }
    }

    fn server(&self, line: usize) -> Result<&Dnsmasq<'lab>> {
        self.servers[line].as_ref().ok_or_else(|| Error::new("a server is gone"))
    }

    fn cli(&self) -> Cli {
        self.daemon.cli()
    }

    fn row(&self, line: usize) -> Result<Value> {
        self.cli().client(&name(line)).map_err(|error| Error::new(format!("{error}\n{}", self.log())))
    }

    fn address(&self, line: usize, host: u8) -> String {
        self.lab.uplinks[line].on_link(host)
    }

    fn addresses(&self, line: usize) -> Result<Vec<String>> {
        let addresses = self.lab.addresses(&self.lab.uplinks[line].interface)?;
        Ok(addresses.into_iter().map(|address| address.address).collect())
    }

    fn has_default_route(&self, line: usize) -> Result<bool> {
        let routes = self.lab.routes(&self.lab.uplinks[line].interface)?;
        Ok(routes
            .iter()
            .any(|route| route.to == "default" && route.via == Some(self.lab.uplinks[line].host(1))))
    }

    /// The DHCP clients of a line that run.
    fn clients(&self, line: usize) -> Vec<Pid> {
        let interface = &self.lab.uplinks[line].interface;
        let of_line = |pid: &Pid| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = command.split(|byte| *byte == 0);
            words.next().is_some_and(|program| program.ends_with(b"udhcpc"))
                && words.any(|word| word == interface.as_bytes())
        };
        self.lab.gateway.processes().into_iter().filter(of_line).collect()
    }

    /// The last lines of the daemon's log.
    fn log(&self) -> String {
        let log = self.daemon.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

fn name(line: usize) -> String {
    format!("wan{line}")
}

/// Clients that look for a server again soon, and whose deaths are forgiven soon.
fn config(lab: &Lab) -> String {
    let clients = lab.uplinks.iter().enumerate().map(|(index, uplink)| {
        let name = name(index);
        let keys = format!(
            "discover_interval = 1\ndiscover_pause = 1\n\
             [clients.{name}.recovery]\nrestarts = 1000\nsteady_s = 1\n"
        );
        client(&name, &uplink.interface, 100 + index as u32, &keys)
    });
    clients.collect::<String>() + V4
}
