//! The project's own commands: `cargo xtask demo | test | bench | chaos | install | ci | fuzz | order | notices | tr181`.
#![allow(clippy::print_stdout, reason = "these are commands for a terminal")]

mod bench;
mod cargo;
mod chaos;
mod demo;
mod enter;
mod fuzz;
mod install;
mod notices;
mod order;
mod package;
mod test;
mod tr181;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dhcpmgr_lab::Result;

/// Everything that one does with this project besides editing it.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show a lease going all the way, in namespaces of its own; under a minute after the build
    Demo {
        /// With the release build: longer to build, and the timings that count
        #[arg(long)]
        release: bool,
    },
    /// The demonstration, once it is where it belongs
    #[command(hide = true)]
    DemoInside,
    /// Run every test, the whole-system ones with the real programs included; installs missing Debian packages
    Test {
        /// Only tests whose name contains this
        filter: Option<String>,
    },
    /// Measure what dhcpmgr costs beside the floor of its design: a table, and JSON in target/bench.json
    Bench {
        /// Only these parts
        parts: Vec<bench::Part>,
    },
    /// The bench, once it is where it belongs
    #[command(hide = true)]
    BenchInside {
        /// These parts
        parts: Vec<bench::Part>,
    },
    /// Kill, unplug and fill up whatever there is, checked against a model; its seed is printed
    Chaos {
        /// For how long
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// In a machine of its own, whose clock jumps; then as long again one whose power goes
        #[arg(long)]
        vm: bool,
        /// The order of things that a run before printed
        #[arg(long)]
        seed: Option<u64>,
        /// Afterwards kill the daemon before every system call that it makes, not only before those with an effect
        #[arg(long)]
        every_call: bool,
    },
    /// Build the release and lay it out below DIR as a package would
    Install {
        /// Where; `dhcpmgrd --root DIR` then uses nothing of ours outside
        dir: PathBuf,
    },
    /// Build the release and make a Debian package of it: target/package/dhcpmgr_VERSION_ARCHITECTURE.deb
    Package,
    /// What `.ci/run` does
    Ci,
    /// Fuzz the decoders of lease messages and of options; needs a nightly toolchain and cargo-fuzz
    Fuzz {
        /// For how long, seconds
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Only say whether the targets compile; needs neither
        #[arg(long)]
        check: bool,
    },
    /// Write down which functions run: the release is linked with those together, and needs less memory
    Order,
    /// The story that is watched, once it is where it belongs
    #[command(hide = true)]
    OrderInside,
    /// Watches a process
    #[command(hide = true)]
    OrderTrace {
        /// The process, which stops itself first
        pid: i32,
        /// Where to write what it met
        result: PathBuf,
        /// The program, then the libraries that it may load
        files: Vec<PathBuf>,
    },
    /// Write THIRD-PARTY.md: the crates that are shipped, with their licences
    Notices {
        /// Only say whether it is current
        #[arg(long)]
        check: bool,
    },
    /// Write the tables of the data model out of the facts of TR-181
    Tr181 {
        /// Only say whether they are current
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    if order::is_linker() {
        return exit(order::link());
    }
    let outcome = match Arguments::parse().command {
        Task::Demo { release } => demo::run(release),
        Task::DemoInside => demo::inside(),
        Task::Test { filter } => test::run(filter.as_deref()),
        Task::Bench { parts } => bench::run(&parts),
        Task::BenchInside { parts } => bench::inside(&parts),
        Task::Chaos { minutes, vm, seed, every_call } => chaos::run(minutes, vm, seed, every_call),
        Task::Install { dir } => install::run(&dir),
        Task::Package => package::run(),
        Task::Ci => ci(),
        Task::Fuzz { check: true, .. } => fuzz::check(),
        Task::Fuzz { seconds, .. } => fuzz::run(seconds),
        Task::Order => order::run(),
        Task::OrderInside => order::inside(),
        Task::OrderTrace { pid, result, files } => order::trace(pid, &result, &files),
        Task::Notices { check } => notices::run(check),
        Task::Tr181 { check } => tr181::run(check),
    };
    exit(outcome)
}

fn exit(outcome: Result) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn ci() -> Result {
    cargo::done(std::process::Command::new(cargo::workspace().join(".ci/run")), ".ci/run")
}
