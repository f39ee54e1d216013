//! What the main loop does for the service manager: says how it goes, and feeds the watchdog while controllers answer.
//!
//! All of it happens in the main loop itself, so that a loop that is stuck is one that starves the watchdog. Without a
//! manager nothing here ever wakes up.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_message::ClientName;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::Daemon;
use crate::control::Controls as _;
use crate::events::{Event, EventKind};
use crate::service::{Service, Tally, Verdict, Watchdog};

/// What a controller may take besides the deadlines of its handlers.
const SLACK: Duration = Duration::from_secs(10);

/// The attendance on the service manager.
pub(super) struct Attendance {
    service: Rc<Service>,
    tally: Tally,
    events: Option<Receiver<Arc<Event>>>,
    watchdog: Option<(Watchdog, Interval)>,
    round: Option<Round>,
}

/// One round of questions to all controllers.
struct Round {
    since: Instant,
    answers: JoinHandle<()>,
    waits_for: Rc<RefCell<Option<ClientName>>>,
}

/// What is to be done.
pub(super) enum Duty {
    Beat,
    AllAnswered,
    Happened(Arc<Event>),
    Missed,
}

impl Attendance {
    pub(super) async fn new(service: Rc<Service>, daemon: &Rc<Daemon>) -> Self {
        let supervised = service.is_supervised();
        let watchdog = Watchdog::from_environment().filter(|_| supervised).map(|watchdog| {
            let mut beats = interval(watchdog.beat());
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            (watchdog, beats)
        });
        let events = supervised.then(|| daemon.shared.events.subscribe().1);
        let mut attendance = Self { service, tally: Tally::default(), events, watchdog, round: None };
        attendance.count(daemon).await;
        attendance
    }

    /// Counts afresh who is bound.
    async fn count(&mut self, daemon: &Daemon) {
        if self.service.is_supervised() {
            for status in daemon.clients().await {
                self.tally.note(&status.name, status.lease.is_some());
            }
        }
    }

    pub(super) fn ready(&mut self, daemon: &Daemon) {
        self.service.ready(self.tally.line(daemon.running().len()));
    }

    pub(super) fn reloading(&self) {
        self.service.reloading();
    }

    pub(super) fn ends(&self) {
        self.service.stopping();
    }

    /// Waits for the next duty; may be cancelled.
    pub(super) async fn next(&mut self) -> Duty {
        let beat = async {
            match &mut self.watchdog {
                Some((_, beats)) => beats.tick().await,
                None => std::future::pending().await,
            }
        };
        let answered = async {
            match &mut self.round {
                Some(round) => (&mut round.answers).await,
                None => std::future::pending().await,
            }
        };
        let happened = async {
            match &mut self.events {
                Some(events) => events.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = answered => Duty::AllAnswered,
            _ = beat => Duty::Beat,
            event = happened => match event {
                Ok(event) => Duty::Happened(event),
                Err(RecvError::Lagged(_)) => Duty::Missed,
                // The log lives as long as the daemon.
                Err(RecvError::Closed) => std::future::pending().await,
            },
        }
    }

    pub(super) async fn attend(&mut self, duty: Duty, daemon: &Rc<Daemon>) {
        match duty {
            Duty::Beat => self.beat(daemon),
            Duty::AllAnswered => {
                self.round = None;
                self.service.alive();
            }
            Duty::Happened(event) => {
                if let Some(client) = &event.client {
                    self.tally.note(client, event.lease.is_some() && event.event != EventKind::LeaseLost);
                }
                self.say_news(daemon);
            }
            Duty::Missed => {
                self.count(daemon).await;
                self.say_news(daemon);
            }
        }
    }

    fn say_news(&mut self, daemon: &Daemon) {
        if let Some(line) = self.tally.news(daemon.running().len()) {
            self.service.status(line);
        }
    }

    fn beat(&mut self, daemon: &Rc<Daemon>) {
        let Some((watchdog, _)) = &self.watchdog else { return };
        let open_for = self.round.as_ref().map(|round| round.since.elapsed());
        match watchdog.verdict(open_for, slowest(daemon)) {
            Verdict::Ask => self.round = Some(Round::start(daemon)),
            Verdict::Feed => self.service.alive(),
            Verdict::Starve => {
                let silent = self.round.as_ref().and_then(|round| round.waits_for.borrow().clone());
                let silent = silent.as_ref().map_or("a client", ClientName::as_str);
                tracing::error!(
                    "{silent}: its controller has not answered for {open_for:?}; the watchdog is not fed"
                );
            }
        }
    }
}

/// How long a controller may rightly be busy: each of its handlers may use its deadline.
fn slowest(daemon: &Daemon) -> Duration {
    daemon.config.borrow().handlers.iter().map(|handler| handler.deadline).sum::<Duration>() + SLACK
}

impl Round {
    fn start(daemon: &Rc<Daemon>) -> Self {
        let waits_for = Rc::new(RefCell::new(None));
        let (daemon, asked) = (Rc::clone(daemon), Rc::clone(&waits_for));
        let answers = spawn_local(async move {
            for running in daemon.running() {
                let name = running.client.name;
                asked.replace(Some(name.clone()));
                let gone = running.controller.status().await.is_none();
                // A client that was removed meanwhile does not answer; one that is still there and cannot is broken.
                if gone && daemon.controllers.borrow().get(&name).is_some_and(|r| r.controller.is_gone()) {
                    std::future::pending::<()>().await;
                }
            }
        });
        Self { since: Instant::now(), answers, waits_for }
    }
}
