//! What holds whatever happens in whatever order: a small world of link, process and server acts at random.

use proptest::prelude::*;

use super::tests::{DIBBLER, UDHCPC};
use super::*;
use crate::config::Unneeded;
use crate::recovery::ReportKind;

/// What the world may do next.
#[derive(Debug, Clone)]
enum Act {
    /// Time passes, and every deadline in it is served.
    Wait(u64),
    Link(Option<(bool, bool)>),
    /// The carrier goes and comes.
    Flap,
    /// The process ends, if there is one.
    End(Fault),
    /// The client says something, if there is one.
    Lease(u64),
    Deconfig,
    Nak,
    Leasefail,
    Says(Progress),
    Refused,
    Command(Command),
    LaunchChanged,
    /// IPv4 comes by another way, or does not any more.
    Aside(bool),
    /// The next starts fail like this, or work again.
    Starts(Option<Fault>),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Died("was killed".into())),
        Just(Fault::Ended("ended".into())),
        Just(Fault::Network("no such device".into())),
        Just(Fault::Misconfigured { what: "usage".into(), argument: None }),
        Just(Fault::Missing("not installed".into())),
        Just(Fault::Forbidden("not permitted".into())),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let command = prop::sample::select(vec![
        Command::Renew,
        Command::Release,
        Command::Restart,
        Command::Enable,
        Command::Disable,
    ]);
    prop_oneof![
        4 => (1_u64..300_000).prop_map(Act::Wait),
        8 => (1_u64..5_000).prop_map(Act::Wait),
        4 => Just(Act::Flap),
        2 => prop::option::weighted(0.8, (prop::bool::weighted(0.8), any::<bool>())).prop_map(Act::Link),
        3 => fault().prop_map(Act::End),
        4 => (1_u64..2_000_000).prop_map(Act::Lease),
        2 => Just(Act::Deconfig),
        1 => Just(Act::Nak),
        2 => Just(Act::Leasefail),
        1 => prop::sample::select(vec![Progress::Selecting, Progress::Renewing, Progress::Rebinding])
            .prop_map(Act::Says),
        1 => Just(Act::Refused),
        2 => command.prop_map(Act::Command),
        1 => Just(Act::LaunchChanged),
        1 => any::<bool>().prop_map(Act::Aside),
        1 => prop::option::of(fault()).prop_map(Act::Starts),
    ]
}

fn link(state: Option<(bool, bool)>) -> Input {
    Input::Link(state.map(|(up, carrier)| LinkState {
        up,
        carrier,
        index: 2,
        mtu: 1500,
        min_mtu: 68,
        max_mtu: 9000,
        hardware: None,
        link_local: carrier,
    }))
}

/// The machine and what it acts on.
struct World {
    machine: Machine,
    now: u64,
    runs: bool,
    starts: Option<Fault>,
    /// When the client was last told to renew and has not answered since.
    renewing: Option<u64>,
}

impl World {
    fn carry_out(&mut self, effects: Vec<Effect>) -> std::result::Result<(), TestCaseError> {
        let mut waiting: std::collections::VecDeque<_> = effects.into();
        while let Some(effect) = waiting.pop_front() {
            let answer = match effect {
                Effect::Start(_) => {
                    prop_assert!(!self.runs, "two clients on one interface");
                    match &self.starts {
                        None => {
                            self.runs = true;
                            Input::Started
                        }
                        Some(fault) => Input::NotStarted { fault: fault.clone(), jitter: 127 },
                    }
                }
                Effect::Stop | Effect::Kill => {
                    prop_assert!(self.runs, "nothing to end");
                    self.runs = false;
                    self.renewing = None;
                    Input::Exited { fault: Fault::Died("was ended".into()), jitter: 127 }
                }
                Effect::SignalRenew => {
                    let long_ago = self.renewing.is_none_or(|at| self.now >= at + UDHCPC.renewal_ms);
                    prop_assert!(self.runs && long_ago, "a second signal would make udhcpc drop the lease");
                    self.renewing = Some(self.now);
                    continue;
                }
                Effect::Report(report) => {
                    prop_assert!(!report.detail.is_empty());
                    if report.kind == ReportKind::Escalated {
                        prop_assert_eq!(self.machine.recovery_view(self.now).restarts_left, 0);
                    }
                    continue;
                }
                _ => continue,
            };
            waiting.extend(self.machine.handle(answer, self.now));
        }
        Ok(())
    }

    fn tell(&mut self, input: Input) -> std::result::Result<(), TestCaseError> {
        let effects = self.machine.handle(input, self.now);
        self.carry_out(effects)
    }

    fn wait(&mut self, ms: u64) -> std::result::Result<(), TestCaseError> {
        let end = self.now + ms;
        for ticks in 0.. {
            prop_assert!(ticks < 2_000, "it ticks without end at {}", self.now);
            let Some(deadline) = self.machine.deadline(self.now).filter(|at| *at <= end) else { break };
            self.now = deadline.max(self.now);
            self.tell(Input::Tick)?;
        }
        self.now = end;
        Ok(())
    }

    fn act(&mut self, act: Act) -> std::result::Result<(), TestCaseError> {
        let client_speaks = matches!(
            act,
            Act::Lease(_) | Act::Deconfig | Act::Nak | Act::Leasefail | Act::Says(_) | Act::Refused
        );
        if client_speaks && !self.runs {
            return Ok(());
        }
        if matches!(act, Act::Lease(_) | Act::Deconfig | Act::Nak) {
            self.renewing = None;
        }
        match act {
            Act::Wait(ms) => self.wait(ms),
            Act::Link(state) => self.tell(link(state)),
            Act::Flap => {
                self.tell(link(Some((true, false))))?;
                self.tell(link(Some((true, true))))
            }
            Act::End(fault) if self.runs => {
                (self.runs, self.renewing) = (false, None);
                self.tell(Input::Exited { fault, jitter: 127 })
            }
            Act::End(_) => Ok(()),
            Act::Lease(length) => {
                let ends = self.now + length;
                self.tell(Input::Lease(Held {
                    address: Some(Ipv4Addr::new(192, 0, 2, 7)),
                    valid_until: Some(ends),
                    renews_at: Some(self.now + length / 2),
                }))
            }
            Act::Deconfig => self.tell(Input::Deconfig),
            Act::Nak => self.tell(Input::Nak),
            Act::Leasefail => self.tell(Input::Leasefail),
            Act::Says(progress) => self.tell(Input::Progress(progress)),
            Act::Refused => self.tell(Input::Refused { why: "the mask is /0".into(), jitter: 127 }),
            Act::Command(command) => match self.machine.command(command, self.now) {
                Ok(effects) => self.carry_out(effects),
                Err(_) => Ok(()),
            },
            Act::LaunchChanged => self.tell(Input::LaunchChanged),
            Act::Aside(is) => {
                let lease = if self.now.is_multiple_of(2) { Unneeded::Release } else { Unneeded::Keep };
                let aside = is.then(|| Aside { way: "map-t of wan6".to_owned(), lease });
                self.tell(Input::Aside(aside))
            }
            Act::Starts(fault) => {
                self.starts = fault;
                Ok(())
            }
        }
    }

    /// Nobody waits for ever: there is a next instant, or a cause outside that an operator can read.
    fn check(&self) -> std::result::Result<(), TestCaseError> {
        let Self { machine, now, runs, .. } = self;
        if !machine.enabled() || machine.released || machine.aside.is_some() {
            return Ok(());
        }
        let deadline = machine.deadline(*now);
        if !*runs {
            let reason = machine.reason(*now).unwrap_or_default();
            let outside = ["does not exist", "is down", "has no carrier"];
            let named = !machine.carrier.is_there()
                && (machine.recovery.is_error() || outside.iter().any(|cause| reason.contains(cause)));
            prop_assert!(deadline.is_some() || named, "it waits for nothing: {:?} {:?}", reason, machine);
        } else if machine.carrier.is_there() && machine.lease.is_none() {
            prop_assert!(deadline.is_some(), "nobody would notice if it froze: {:?}", machine);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_order_of_events_leaves_a_client_waiting_for_nothing_or_signals_it_twice(
        manners in prop::sample::select(vec![UDHCPC, DIBBLER]),
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let machine = Machine::new("wan4", "wan0", true, Recovery::default(), manners);
        let mut world = World { machine, now: 1_000, runs: false, starts: None, renewing: None };
        for act in acts {
            world.act(act)?;
            world.check()?;
        }
    }
}
