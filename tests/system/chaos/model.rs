//! The reference: what must hold after each thing that happens, in a few lines that know nothing of how it is done.

use super::random::Random;

/// One thing that happens; lines are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    DaemonKilled,
    DaemonStopped,
    DaemonStarted,
    ClientKilled(usize),
    CablePulled(usize),
    CablePlugged(usize),
    ServerDeaf(usize),
    ServerHears(usize),
    /// The server starts anew with another address for its only client.
    ServerForgot(usize),
    InterfaceGone(usize),
    InterfaceBack(usize),
    OperatorRenews(usize),
    OperatorReleases(usize),
    DisksFull,
    DisksFree,
    /// Somebody sets the clock so many seconds forwards or backwards.
    ClockJumps(i64),
}

/// A client, its interface, its cable and its server; addresses by their last byte.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) interface: bool,
    pub(super) cable: bool,
    pub(super) server: bool,
    /// The address that the server gives.
    pub(super) gives: u8,
    /// The addresses that it gave before, and that the client may still believe in.
    gave: Vec<u8>,
    /// The address that is in force, without a moment's gap. Without one, what was given may come and go.
    pub(super) held: Option<u8>,
}

impl Line {
    /// The addresses that may be there.
    pub(super) fn may_have(&self) -> Vec<u8> {
        self.held.map_or_else(|| [&self.gave[..], &[self.gives]].concat(), |host| vec![host])
    }
}

#[derive(Debug)]
pub(super) struct Model {
    /// Whether the clock is ours to set.
    clock: bool,
    pub(super) daemon: bool,
    pub(super) disks: bool,
    pub(super) lines: Vec<Line>,
}

/// The addresses that servers give, one after the other.
const FIRST: u8 = 100;
const LAST: u8 = 180;

/// How far the clock jumps, seconds: what a leap second, a time server after a minute or an hour without one, and a
/// machine without a battery that starts in 1970 make of it.
const JUMPS: [i64; 10] =
    [1, -1, 61, -61, 3_601, -3_601, 400 * 86_400, -400 * 86_400, 60 * 365 * 86_400, -60 * 365 * 86_400];

impl Model {
    /// Everything works and every line has its lease.
    pub(super) fn new(lines: usize, clock: bool) -> Self {
        let (gives, gave, held) = (FIRST, Vec::new(), None);
        let line = Line { interface: true, cable: true, server: true, gives, gave, held };
        Self { clock, daemon: true, disks: true, lines: vec![line; lines] }
    }

    /// Something that can happen now.
    pub(super) fn next(&self, random: &mut Random) -> Event {
        let mut all = Vec::new();
        let mut may = |weight: usize, event: Event| all.extend(std::iter::repeat_n(event, weight));
        if self.daemon {
            may(6, Event::DaemonKilled);
            may(2, Event::DaemonStopped);
        } else {
            // So that what happens meanwhile has a chance.
            may(12, Event::DaemonStarted);
        }
        may(1, if self.disks { Event::DisksFull } else { Event::DisksFree });
        if self.clock {
            may(8, Event::ClockJumps(random.one_of(&JUMPS)));
        }
        for (index, line) in self.lines.iter().enumerate() {
            may(2, if line.server { Event::ServerDeaf(index) } else { Event::ServerHears(index) });
            may(1, Event::ServerForgot(index));
            if !line.interface {
                may(3, Event::InterfaceBack(index));
                continue;
            }
            may(1, Event::InterfaceGone(index));
            may(3, Event::ClientKilled(index));
            may(2, if line.cable { Event::CablePulled(index) } else { Event::CablePlugged(index) });
            if self.daemon {
                may(2, Event::OperatorRenews(index));
                may(1, Event::OperatorReleases(index));
            }
        }
        random.one_of(&all)
    }

    /// It is about to happen.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::DaemonKilled | Event::DaemonStopped => self.daemon = false,
            Event::DaemonStarted => self.daemon = true,
            Event::DisksFull => self.disks = false,
            Event::DisksFree => self.disks = true,
            // Nothing that a client, a cable, silence or the clock on the wall does ends a lease.
            Event::ClientKilled(_) | Event::OperatorRenews(_) | Event::ClockJumps(_) => {}
            Event::CablePulled(line) => self.lines[line].cable = false,
            Event::CablePlugged(line) => self.lines[line].cable = true,
            Event::ServerDeaf(line) => self.lines[line].server = false,
            Event::ServerHears(line) => self.lines[line].server = true,
            Event::ServerForgot(line) => {
                let line = &mut self.lines[line];
                // The client learns of it when it asks next.
                line.held = None;
                line.gave.push(line.gives);
                line.gives = if line.gives == LAST { FIRST } else { line.gives + 1 };
            }
            Event::InterfaceGone(line) => {
                let line = &mut self.lines[line];
                line.interface = false;
                // What comes back may be plugged into another network.
                line.held = None;
                line.gave.clear();
            }
            Event::InterfaceBack(line) => {
                self.lines[line].interface = true;
                self.lines[line].cable = true;
            }
            Event::OperatorReleases(line) => {
                let line = &mut self.lines[line];
                line.gave.extend(line.held.take());
            }
        }
    }

    /// What puts everything right again, in an order that works.
    pub(super) fn repairs(&self) -> Vec<Event> {
        let mut repairs = Vec::new();
        if !self.disks {
            repairs.push(Event::DisksFree);
        }
        for (index, line) in self.lines.iter().enumerate() {
            if !line.interface {
                repairs.push(Event::InterfaceBack(index));
            } else if !line.cable {
                repairs.push(Event::CablePlugged(index));
            }
            if !line.server {
                repairs.push(Event::ServerHears(index));
            }
        }
        if !self.daemon {
            repairs.push(Event::DaemonStarted);
        }
        repairs
    }

    /// Everything is right and every client was seen bound to what its server gives.
    pub(super) fn settled(&mut self) {
        for line in &mut self.lines {
            line.held = Some(line.gives);
            line.gave.clear();
        }
    }
}

#[test]
fn the_same_seed_tells_the_same_story_and_every_story_can_be_repaired() {
    let story = |seed| {
        let (mut model, mut random, mut events) = (Model::new(2, true), Random::new(seed), Vec::new());
        for _ in 0..200 {
            let event = model.next(&mut random);
            model.take(event);
            events.push(event);
        }
        model.repairs().into_iter().for_each(|event| model.take(event));
        assert!(model.repairs().is_empty());
        events
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}

#[test]
fn only_the_server_the_operator_and_the_interface_end_a_lease() {
    let mut model = Model::new(1, true);
    model.settled();
    for event in [
        Event::DaemonKilled,
        Event::ClientKilled(0),
        Event::CablePulled(0),
        Event::ServerDeaf(0),
        Event::ClockJumps(1 << 31),
    ] {
        model.take(event);
        assert_eq!(model.lines[0].held, Some(FIRST), "{event:?}");
    }
    model.take(Event::ServerForgot(0));
    assert_eq!(model.lines[0].held, None);
    assert_eq!(model.lines[0].may_have(), [FIRST, FIRST + 1]);
}
