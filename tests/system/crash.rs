//! The daemon is killed with SIGKILL before every single write, rename, netlink call, signal and answer that it makes
//! while leases change, and started again: every lease that was acknowledged is there, nothing is half done, and
//! nothing has moved that was to stay.
//!
//! A first run under strace counts the calls of a story; then there is one run for each of them. A call that is not
//! made leaves the state after the call before it, so together the runs see every state that a crash can leave.

mod gateway;
mod story;

use std::borrow::Borrow;
use std::path::PathBuf;

use dhcpmgr_lab::{Daemon, EFFECTS, EVERYTHING, Error, Lab, Point, Result, Trace, lab_or_skip, say};

use gateway::Gateway;
use story::Story;

use crate::kills;

#[test]
fn a_first_life_survives_a_kill_before_every_effect() -> Result {
    lab_or_skip!();
    enumerate(&story::first_life(), EFFECTS)
}

#[test]
fn a_second_life_survives_a_kill_before_every_effect() -> Result {
    lab_or_skip!();
    enumerate(&story::second_life(), EFFECTS)
}

#[test]
#[ignore = "some minutes; `cargo xtask chaos` runs it"]
fn every_system_call_of_a_first_life() -> Result {
    lab_or_skip!();
    enumerate(&story::first_life(), EVERYTHING)
}

#[test]
#[ignore = "some minutes; `cargo xtask chaos` runs it"]
fn every_system_call_of_a_second_life() -> Result {
    lab_or_skip!();
    enumerate(&story::second_life(), EVERYTHING)
}

/// Where a run is cut short.
struct Cut {
    point: Point,
    /// The point is counted over the calls of any thread that touch these files, as names below the root.
    files: Vec<PathBuf>,
}

impl Borrow<Point> for Cut {
    fn borrow(&self) -> &Point {
        &self.point
    }
}

/// Tells the story once to count, then once for each point.
fn enumerate(story: &Story, calls: &str) -> Result {
    let cuts = count(story, calls)?;
    say(&format!("{}: {} points", story.name, cuts.len()));
    kills::everywhere(story.name, &cuts, |kills| {
        let lab = Lab::new()?;
        let mut daemon = Daemon::install(&lab)?;
        kills.try_each(|cut| survive(&lab, &mut daemon, story, cut));
        Ok(())
    })
}

/// The points of a story: the calls with an effect, or when it is about all of them, all. Durable files are written by
/// other threads than the main one, whose calls are counted by the files that they touch.
fn count(story: &Story, calls: &str) -> Result<Vec<Cut>> {
    let lab = Lab::new()?;
    let mut daemon = Daemon::install(&lab)?;
    let all = calls == EVERYTHING;
    let mut tell = |trace: &Trace| -> Result<Vec<Point>> {
        let mut gateway = Gateway::new(&lab, &mut daemon)?;
        let told = gateway.tell(story, trace)?;
        if told.killed {
            return Err(Error::new(format!("{} does not survive being watched", story.name)));
        }
        let fine = gateway.holds_after(&told);
        fine.map_err(|error| Error::new(format!("{}: nobody killed it, and yet: {error}", story.name)))?;
        Ok(trace.calls()?.into_iter().filter(|point| all || point.has_effect()).collect())
    };
    let trace = Trace::watch(calls, &lab.dir().join("strace"));
    let main = tell(&trace)?.into_iter().map(|point| Cut { point, files: Vec::new() });
    let mut cuts: Vec<Cut> = main.collect();

    let threads = trace.clone().threads();
    tell(&threads)?;
    let root = lab.dir().join("root");
    let durable = threads.seen_below(&root.join("var/lib/dhcpmgr"))?;
    if !durable.is_empty() {
        let files: Vec<PathBuf> =
            durable.iter().filter_map(|file| Some(file.strip_prefix(&root).ok()?.to_owned())).collect();
        let points = tell(&trace.files(durable))?;
        cuts.extend(points.into_iter().map(|point| Cut { point, files: files.clone() }));
    }
    Ok(cuts)
}

/// One run: whether the point was reached; an error when something did not survive.
fn survive<'lab>(lab: &'lab Lab, daemon: &mut Daemon<'lab>, story: &Story, cut: &Cut) -> Result<bool> {
    let mut trace = Trace::watch(EFFECTS, &lab.dir().join("strace"));
    if !cut.files.is_empty() {
        trace = trace.files(cut.files.iter().map(|file| daemon.root().join(file)).collect());
    }
    let mut gateway = Gateway::new(lab, daemon)?;
    let told = gateway.tell(story, &trace.kill_before(&cut.point))?;
    gateway.holds_after(&told)?;
    Ok(told.killed)
}
