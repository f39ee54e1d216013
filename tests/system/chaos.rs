//! Chaos: clients and daemons are killed, cables pulled, servers go deaf or forget, interfaces vanish, disks fill up,
//! in an order that follows from a seed. A small reference model says what must hold after each step. In a machine of
//! its own, where `clock` runs it, the clock jumps too.
//!
//! `DHCPMGR_CHAOS_SECONDS` and `DHCPMGR_CHAOS_SEED` set how long and which; `cargo xtask chaos` sets them.

mod model;
mod network;
pub(crate) mod random;

use std::time::{Duration, Instant, SystemTime};

use dhcpmgr_lab::vm::in_vm;
use dhcpmgr_lab::{Error, Lab, Result, lab_or_skip, say};

use model::Model;
use network::Network;
use random::Random;

/// Clients, each with a server of its own.
const LINES: u8 = 2;
/// How long a run goes on unless it is told.
const SECONDS: u64 = 30;

#[test]
fn whatever_happens_in_whatever_order_leases_stay_and_service_comes_back() -> Result {
    lab_or_skip!();
    let seed = seed()?;
    let end = Instant::now() + duration()?;
    say(&format!("chaos: seed {seed}"));
    // One is enough where everything is slow, and it is about something else.
    let lines = if in_vm() { 1 } else { LINES };
    let lab = Lab::with_uplinks(lines)?;
    let mut model = Model::new(lines.into(), in_vm());
    let mut network = Network::new(&lab, &model)?;
    let mut random = Random::new(seed);
    let told = |network: &Network<'_>, error: Error| {
        Error::new(format!("seed {seed}: {error}\nwhat happened, newest last:\n{}", network.history()))
    };
    network.settle(&mut model).map_err(|error| told(&network, error))?;
    let mut epochs = 0;
    while Instant::now() < end {
        for _ in 0..3 + random.below(8) {
            let event = model.next(&mut random);
            let pause = Duration::from_millis(random.one_of(&[0, 0, 20, 100, 300, 1000]));
            network.step(&mut model, event, pause).map_err(|error| told(&network, error))?;
        }
        network.settle(&mut model).map_err(|error| told(&network, error))?;
        epochs += 1;
    }
    say(&format!("chaos: seed {seed}: {} steps, everything right again {epochs} times", network.steps()));
    Ok(())
}

/// The seed that was asked for, else a fresh one.
pub(crate) fn seed() -> Result<u64> {
    Ok(number("DHCPMGR_CHAOS_SEED")?.unwrap_or_else(fresh_seed))
}

/// For how long.
pub(crate) fn duration() -> Result<Duration> {
    Ok(Duration::from_secs(number("DHCPMGR_CHAOS_SECONDS")?.unwrap_or(SECONDS)))
}

fn number(variable: &str) -> Result<Option<u64>> {
    let Some(text) = std::env::var_os(variable) else { return Ok(None) };
    let text = text.to_string_lossy();
    text.parse().map(Some).map_err(|_| Error::new(format!("{variable} must be a number and is {text}")))
}

fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 % 1_000_000_007
}
