//! One run for each of many points at which the daemon is killed, in worlds side by side.

use std::borrow::Borrow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use dhcpmgr_lab::{Error, Point, Result, say};

/// Worlds side by side. Most of a run is waiting.
const WORLDS: usize = 4;
/// Enough to see what is wrong.
const FAILURES: usize = 12;

/// The points, and what came of those that were tried.
pub(crate) struct Kills<'a, P> {
    points: &'a [P],
    next: AtomicUsize,
    killed: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl<P: Borrow<Point>> Kills<'_, P> {
    /// Tries points until there is none left, or enough has failed. `survive` says whether its point was reached.
    pub(crate) fn try_each(&self, mut survive: impl FnMut(&P) -> Result<bool>) {
        while let Some(tried) = self.points.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            match survive(tried) {
                Ok(reached) => drop(self.killed.fetch_add(usize::from(reached), Ordering::Relaxed)),
                Err(error) => {
                    let Point { call, nth, shown } = tried.borrow();
                    let what = format!("killed before {call} number {nth}: {shown}\n  {error}");
                    let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                    failures.push(what);
                    if failures.len() >= FAILURES {
                        break;
                    }
                }
            }
        }
    }
}

/// Makes worlds that try the points with [`Kills::try_each`]; an error when one was not survived.
pub(crate) fn everywhere<P: Borrow<Point> + Sync>(
    name: &str,
    points: &[P],
    world: impl Fn(&Kills<'_, P>) -> Result + Sync,
) -> Result {
    let kills = Kills {
        points,
        next: AtomicUsize::new(0),
        killed: AtomicUsize::new(0),
        failures: Mutex::new(Vec::new()),
    };
    std::thread::scope(|scope| {
        let worlds: Vec<_> = (0..WORLDS).map(|_| scope.spawn(|| world(&kills))).collect();
        worlds.into_iter().try_for_each(|world| world.join().map_err(|_| Error::new("a world panicked"))?)
    })?;
    let failures = kills.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (points, killed) = (points.len(), kills.killed.into_inner());
    say(&format!("{name}: {points} points, {killed} kills, {} failures", failures.len()));
    if !failures.is_empty() {
        return Err(Error::new(format!("{} of {points}:\n{}", failures.len(), failures.join("\n"))));
    }
    // Two runs are never the same to the last call, but a point that is not reached shows nothing.
    assert!(killed * 10 >= points * 9, "only {killed} of {points} points were reached");
    Ok(())
}
