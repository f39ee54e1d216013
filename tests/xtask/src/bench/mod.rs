//! `cargo xtask bench`: what dhcpmgr costs, beside the floor of its design, in one run; a table and JSON.

mod calls;
mod growth;
mod handlers;
mod harness;
mod model;
mod observer;
mod recovery;
mod scale;
mod size;
mod softwire;
mod table;
mod throughput;
mod v6;

use std::path::Path;

use clap::ValueEnum;
use dhcpmgr_lab::{Result, packages};

use crate::cargo::{cargo, done, target};
use crate::{enter, install};
use table::Table;

/// The parts of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Exec of the shim → address, default route, exit
    Handler,
    /// 64 and 256 links that come up at once
    Burst,
    /// 64 clients that renew every 15 s for a minute
    Renew,
    /// Lease messages a second, through an in-process handler; the median of a worker call
    Throughput,
    /// A handler that crashes in a loop, beside another client's leases; a worker is started again
    Handlers,
    /// One call of a handler: in Rust and in C, in the daemon and in a worker
    Calls,
    /// 64 clients, five handlers, 100,000 leases: memory
    Growth,
    /// DHCPv6: hook → address, hook → prefix on the LAN; 64 prefixes with 4 LANs each
    V6,
    /// MAP-T: an option's sums; hook → softwire up and down
    Softwire,
    /// Memory and wake-ups with 64 bound clients
    Idle,
    /// The data model with 64 clients: all of it read, 1,000 changes a second told, memory for each client
    Model,
    /// The packet observer: forwarding beside it, and a flood
    Observer,
    /// Client killed → running again; daemon killed → managing again; durable writes for 1,000 renewals
    Recovery,
    /// Sizes of the binaries
    Size,
}

/// Builds the release, then measures inside.
pub(crate) fn run(parts: &[Part]) -> Result {
    packages::ensure(packages::LAB)?;
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    if parts
        .iter()
        .any(|part| matches!(part, Part::Handler | Part::Burst | Part::Renew | Part::Calls | Part::V6))
    {
        packages::ensure(packages::BENCH)?;
    }
    let root = target().join("bench-root");
    install::run(&root)?;
    done(
        cargo(&["build", "--release", "-p", "fixture-good", "-p", "fixture-misbehaving"]),
        "building the workers' modules",
    )?;
    // Measured with the release of this program too: it sends the messages.
    done(cargo(&["build", "--release", "-p", "xtask"]), "building the bench")?;
    let mut inside = enter::command(target().join("release/xtask"))?;
    inside.env("DHCPMGR_INSTALLED", &root).arg("bench-inside");
    inside.args(parts.iter().filter_map(ValueEnum::to_possible_value).map(|part| part.get_name().to_owned()));
    done(inside, "the bench")
}

/// The measurements, in a world of their own.
pub(crate) fn inside(parts: &[Part]) -> Result {
    let root = target().join("bench-root");
    let mut table = Table::default();
    for part in parts {
        eprintln!("measuring: {part:?}");
        let measured = match part {
            Part::Handler => harness::handler(&root, &mut table),
            Part::Burst => harness::burst(&root, &mut table),
            Part::Renew => harness::renew(&root, &mut table),
            Part::Throughput => throughput::run(&mut table),
            Part::Handlers => handlers::run(&mut table),
            Part::Calls => calls::run(&mut table),
            Part::Growth => growth::run(&mut table),
            Part::V6 => v6::run(&mut table),
            Part::Softwire => softwire::run(&mut table),
            Part::Idle => scale::run(&mut table),
            Part::Model => model::run(&mut table),
            Part::Observer => observer::run(&mut table),
            Part::Recovery => recovery::run(&mut table),
            Part::Size => size::run(&root, &mut table),
        };
        if let Err(error) = measured {
            table.failed(&format!("{part:?}"), &error);
        }
    }
    table.finish(&result_file())
}

/// What the bench lets a daemon do of which it does not matter here how long it takes.
pub(crate) fn live_through() -> Result {
    let mut table = Table::default();
    scale::run(&mut table)?;
    v6::run(&mut table)
}

fn result_file() -> std::path::PathBuf {
    Path::new(&target()).join("bench.json")
}
