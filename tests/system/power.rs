//! The power goes, at instants that follow from a seed: also between the lease and the write, and in the middle of it.
//! The machine that comes back asks for an address that it had, under the identity that it had, and no file is half
//! true. It is a machine of the test's own, with a disk; what its kernel keeps back from that is lost.
//!
//! `boot` is what happens in it, `memory` says what its disk has to remember.

mod boot;
mod memory;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Disk, Error, Result, Vm, say, vm_or_skip};

use crate::chaos;
use crate::chaos::random::Random;
use memory::Memory;

/// Cuts, however slow the machine is.
const CUTS: usize = 4;
/// How long one boot may take until it has come to where it is cut.
const PATIENCE: Duration = Duration::from_secs(150);

/// When the power goes.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// After the line of the console that starts so.
    After(&'static str, Duration),
    /// After so many changes of the lease.
    Leased(usize, Duration),
}

impl Cut {
    fn any(random: &mut Random) -> Self {
        let mut ms = |most| Duration::from_millis(random.below(most));
        let (early, late) = (ms(4000), ms(1500));
        match random.below(6) {
            0 => Self::After(boot::STARTING, early),
            1 => Self::After(boot::SETTLED, Duration::ZERO),
            _ => Self::Leased(1 + random.below(boot::CHANGES) as usize, late),
        }
    }
}

#[test]
fn power_that_goes_at_any_time_costs_no_identity_and_leaves_no_half_truth() -> Result {
    vm_or_skip!();
    let (seed, end) = (chaos::seed()?, Instant::now() + chaos::duration()?);
    let disk = Disk::new(32 << 20)?;
    let (mut random, mut memory, mut history) = (Random::new(seed), Memory::default(), String::new());
    let mut boots = 0;
    let mut last = false;
    loop {
        // What the last cut left has to be looked at too.
        let cut = if last { Cut::After(boot::SETTLED, Duration::ZERO) } else { Cut::any(&mut random) };
        boots += 1;
        let told = |error: Error| {
            Error::new(format!("seed {seed}, boot {boots}, {cut:?}: {error}\nbefore:\n{history}"))
        };
        let said = run(&disk, boots, random.below(u64::MAX), cut).map_err(told)?;
        memory
            .judge(boots, &said)
            .map_err(|error| told(Error::new(format!("{error}\n{}", said.join("\n")))))?;
        // Writing to a String cannot fail.
        let _ = writeln!(history, "boot {boots}, {cut:?}: {memory:?}");
        if last {
            break;
        }
        last = boots >= CUTS && Instant::now() > end;
    }
    say(&format!(
        "power: seed {seed}: {boots} boots, {} of them after a loss that could be seen",
        memory.losses
    ));
    // Or else it is not the power that goes here.
    assert!(memory.losses > 0, "nothing was ever lost, not even what nobody had synchronised\n{history}");
    Ok(())
}

/// What the machine says in one boot, which is cut.
fn run(disk: &Disk, number: usize, seed: u64, cut: Cut) -> Result<Vec<String>> {
    let program = std::env::current_exe()?.display().to_string();
    let (number, seed) = (format!("{}={number}", boot::NUMBER), format!("{}={seed}", boot::SEED));
    let how = ["--ignored", "--nocapture", "--exact", "power::boot::one_boot"];
    let settings = ["DHCPMGR_BUILT=1", "DHCPMGR_REQUIRE_LAB=1", &number, &seed, &program];
    let vm = Vm::boot(&[&settings[..], &how].concat(), Some(disk))?;
    let pause = match cut {
        Cut::After(line, pause) => {
            vm.wait_for(PATIENCE, line)?;
            pause
        }
        Cut::Leased(count, pause) => {
            vm.wait_for_nth(PATIENCE, boot::LEASED, count)?;
            pause
        }
    };
    std::thread::sleep(pause);
    Ok(vm.cut_power())
}
