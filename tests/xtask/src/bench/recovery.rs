//! How long it takes until all is well again: after the death of a client, after the death of the daemon; and what
//! the flash pays for a thousand renewals.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, EFFECTS, Error, Forged, Lab, Result, Trace, eventually};
use dhcpmgr_message::ClientEvent;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::scale::{await_bound, config};
use super::table::{Bound, Table};
use super::throughput::report;

const CLIENTS: u8 = 64;
/// Deaths of the daemon for each number of clients.
const DEATHS: usize = 5;
const RENEWALS: u64 = 1000;
/// The longest time that is waited for anything.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(table: &mut Table) -> Result {
    durable_writes(table)?;
    for clients in [1, CLIENTS] {
        let lab = Lab::with_uplinks(clients)?;
        let _server = lab.kea().lease(7200).option("domain-name-servers", "192.0.2.53").start()?;
        let mut daemon = lab.daemon(&config(&lab))?;
        await_bound(&daemon, usize::from(clients))?;
        if clients == CLIENTS {
            client_deaths(&mut daemon, table)?;
            await_bound(&daemon, usize::from(clients))?;
        }
        daemon_deaths(&mut daemon, clients, table)?;
    }
    Ok(())
}

/// Kills every client once, one after the other: each is started again without delay the first time.
fn client_deaths(daemon: &mut Daemon<'_>, table: &mut Table) -> Result {
    let parent = daemon.process()?.pid();
    let mut took = Vec::new();
    for pid in pids(&status(daemon)?).into_values() {
        let before = children(parent)?;
        let start = Instant::now();
        kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        let again = || {
            let new = children(parent)?.into_iter().filter(|child| !before.contains(child));
            Ok::<_, Error>(new.filter(|child| runs(*child, b"udhcpc")).count() > 0)
        };
        while !again()? {
            if start.elapsed() > PATIENCE {
                return Err(Error::new(format!("the client with pid {pid} was not started again")));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        took.push(start.elapsed());
    }
    took.sort_unstable();
    let ms = |place: usize| took[place.min(took.len() - 1)].as_secs_f64() * 1e3;
    table.add("client killed: its successor runs, median", "ms", ms(took.len() / 2), Bound::AtMost(20.0));
    table.add("client killed: its successor runs, p95", "ms", ms(took.len() * 95 / 100), Bound::None);
    Ok(())
}

/// Kills the daemon and starts it at once, until it says that every client is bound, with the process that it had.
fn daemon_deaths(daemon: &mut Daemon<'_>, clients: u8, table: &mut Table) -> Result {
    let expected = pids(&status(daemon)?);
    let mut took = Vec::new();
    for _ in 0..DEATHS {
        let start = Instant::now();
        daemon.kill()?;
        daemon.launch()?;
        loop {
            // Nobody listens for a while.
            if let Ok(status) = status(daemon)
                && bound(&status) == expected.len()
            {
                took.push(start.elapsed());
                if pids(&status) != expected {
                    return Err(Error::new("it manages again, but not the clients that were there"));
                }
                break;
            }
            if start.elapsed() > PATIENCE {
                let status = status(daemon)?;
                let not = self::clients(&status).find(|client| client["status"] != "Bound");
                return Err(Error::new(format!(
                    "not all of {clients} clients are bound after {PATIENCE:?}: {}",
                    not.unwrap_or(&Value::Null)
                )));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    took.sort_unstable();
    let median = took[took.len() / 2].as_secs_f64() * 1e3;
    let bound = if clients == CLIENTS { Bound::AtMost(150.0) } else { Bound::None };
    table.add(&format!("daemon killed: {clients} clients managed again, median"), "ms", median, bound);
    Ok(())
}

/// Calls that touch durable storage while a lease is renewed a thousand times, each a second and a half after the one
/// before; and, so that it is known that somebody looks, when it changes once.
fn durable_writes(table: &mut Table) -> Result {
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&config(&lab))?;
    let trace = Trace::watch(EFFECTS, &lab.dir().join("strace")).threads();
    daemon.start_traced(&trace)?;
    eventually("the daemon answers", || Ok(status(&daemon).ok()))?;
    await_bound(&daemon, 1)?;
    let durable = || -> Result<usize> {
        let calls = trace.calls()?;
        Ok(calls.iter().filter(|call| call.has_effect() && call.shown.contains("/var/lib/dhcpmgr")).count())
    };
    let client = daemon.cli().client("wan0")?;
    let socket = daemon.lease_socket()?;
    let message = Forged::of(&client, ClientEvent::Renew, report(&lab))?.message;
    // The first says something else than the server did, and that counts as a change.
    socket.ask(&Forged { message: message.clone() }.bytes()?)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = durable()?;
    for number in 0..RENEWALS {
        let mut message = message.clone();
        message.id = message.id.wrapping_add(1 << 32).wrapping_add(number);
        message.at_ms = message.at_ms.saturating_sub(1500 * (RENEWALS - number));
        let answer = socket.ask(&Forged { message }.bytes()?)?;
        if !answer.ok {
            return Err(Error::new(format!("refused: {}", answer.error.unwrap_or_default())));
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let after = durable()?;
    let mut other = message;
    other.id = other.id.wrapping_add(1 << 33);
    other.v4 = Some(dhcpmgr_message::V4Report { address: Some(lab.wan().host(101)), ..report(&lab) });
    socket.ask(&Forged { message: other }.bytes()?)?;
    std::thread::sleep(Duration::from_secs(1));
    table.add("durable writes in 1,000 renewals", "", (after - before) as f64, Bound::AtMost(0.0));
    table.add("durable calls when the address changes", "", (durable()? - after) as f64, Bound::None);
    Ok(())
}

/// `status` without a process in between: that would be part of what is measured.
fn status(daemon: &Daemon<'_>) -> Result<Value> {
    ask(&daemon.root().join("run/dhcpmgr/control.sock"), "{\"command\":\"status\"}\n")
}

fn ask(socket: &Path, request: &str) -> Result<Value> {
    let mut stream = BufReader::new(UnixStream::connect(socket)?);
    stream.get_ref().set_read_timeout(Some(PATIENCE))?;
    stream.get_mut().write_all(request.as_bytes())?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut answer: Value = serde_json::from_str(&line)?;
    Ok(answer["result"].take())
}

fn clients(status: &Value) -> impl Iterator<Item = &Value> {
    status["clients"].as_array().into_iter().flatten()
}

fn bound(status: &Value) -> usize {
    clients(status).filter(|client| client["status"] == "Bound").count()
}

/// The process of each client.
fn pids(status: &Value) -> BTreeMap<String, i32> {
    let pid = |client: &Value| {
        Some((client["name"].as_str()?.to_owned(), i32::try_from(client["pid"].as_i64()?).ok()?))
    };
    clients(status).filter_map(pid).collect()
}

fn children(parent: Pid) -> Result<Vec<i32>> {
    let mut children = Vec::new();
    // One of its threads starts the clients.
    for task in std::fs::read_dir(format!("/proc/{parent}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        for pid in text.split_whitespace() {
            children.push(pid.parse()?);
        }
    }
    Ok(children)
}

fn runs(pid: i32, program: &[u8]) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).next().is_some_and(|word| word.ends_with(program))
}
