//! What one call of a handler costs: in Rust and in C, in the daemon and in a worker.

use std::process::Command;
use std::time::Duration;

use dhcpmgr_lab::{Binaries, Daemon, Error, Lab, Result, median, program};

use super::scale::{await_bound, config};
use super::table::{Bound, Table};
use super::throughput::renewal;
use crate::cargo::workspace;

/// Messages, with a pause between them: the machine of a gateway has slept when a lease comes.
const RUNS: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// The rows: handler, section, what it is called in the table.
const HANDLERS: [(&str, &str, &str); 4] = [
    ("rust-inside", "module = \"libfixture_good.so\"\nisolation = \"in-process\"", "in Rust, in the daemon"),
    ("rust-worker", "module = \"libfixture_good.so\"", "in Rust, in a worker"),
    ("c-inside", "module = \"libacme_options.so\"\nisolation = \"in-process\"", "in C, in the daemon"),
    ("c-worker", "module = \"libacme_options.so\"", "in C, in a worker"),
];

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_good")?)?;
    compile(&daemon)?;
    let sections = HANDLERS.map(|(name, keys, _)| format!("[handlers.{name}]\n{keys}\n"));
    daemon.configure(&(config(&lab) + &sections.concat()))?;
    daemon.start()?;
    await_bound(&daemon, 1)?;
    let (socket, cli) = (daemon.lease_socket()?, daemon.cli());
    let mut took: [Vec<Duration>; 4] = Default::default();
    for _ in 0..RUNS {
        socket.ask(&renewal(&lab, &daemon)?.bytes()?)?;
        std::thread::sleep(PAUSE);
        let why = cli.json(&["why", "wan0"])?;
        let asked = why["exchanges"][0]["handlers"].as_array().cloned().unwrap_or_default();
        for ((name, ..), took) in HANDLERS.iter().zip(&mut took) {
            let one = asked.iter().find(|handler| handler["name"] == *name);
            took.extend(one.and_then(|handler| handler["took_us"].as_u64()).map(Duration::from_micros));
        }
    }
    for ((name, _, what), took) in HANDLERS.iter().zip(took) {
        let median = median(took).map_err(|error| Error::new(format!("calls of {name}: {error}")))?;
        table.add(
            &format!("a call of a handler {what}, median"),
            "us",
            median.as_micros() as f64,
            Bound::None,
        );
    }
    Ok(())
}

/// The example of the SDK for C, as a vendor would build it.
fn compile(daemon: &Daemon<'_>) -> Result {
    let sdk = workspace().join("plugin-api/c");
    let module = daemon.root().join("usr/lib/dhcpmgr/handlers/libacme_options.so");
    let mut cc = Command::new(program("gcc")?);
    cc.args(["-std=c99", "-O2", "-fvisibility=hidden", "-fPIC", "-shared", "-s", "-I"]).arg(&sdk);
    let status = cc.arg("-o").arg(module).arg(sdk.join("example/acme.c")).status()?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("gcc: {status}"))) }
}
