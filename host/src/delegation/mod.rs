//! What LANs get out of delegated prefixes, and that a LAN never holds a dead one.
//!
//! It stands between the controllers and the network: the controller of a client hands over what its lease delegates
//! ([`Delegations::take`]), and every LAN gets its part, its address, and its words to the hosts. What is gone is
//! deprecated at once and kept for as long as hosts may hold it (RFC 7084 L-13, RFC 9096), across restarts and reboots.
//! It knows nothing of DHCP messages, and of the kernel only what it desires of it.

mod advertise;
mod allocate;
mod desired;
mod known;
mod memory;
mod news;
mod planner;
mod radvd;
mod record;
mod space;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::cell::RefCell;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{ClientName, DomainName, IfName, Prefix};
use tokio::sync::{Mutex, Notify};

pub use allocate::Refusal;
pub use memory::Source;
pub use view::{LanPrefix, LanView, Standing};

use crate::clock::{BootId, boottime_ms};
use crate::config::{Config, Lans};
use crate::events::Event;
use crate::network::{Action, Network};
use crate::store::{Deferred, Store};
use record::Record;
use state::State;

/// The longest sleep: `CLOCK_BOOTTIME` runs on through a suspend that the timer does not see.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// One delegated prefix of one client. Instants are milliseconds of `CLOCK_BOOTTIME`, `None` for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    /// The prefix.
    pub prefix: Prefix,
    /// The part of it that belongs to the link to the provider (RFC 6603).
    pub exclude: Option<Prefix>,
    /// The identity association, where it is known.
    pub iaid: Option<u32>,
    /// End of the preferred lifetime.
    pub preferred_until: Option<u64>,
    /// End of the valid lifetime. What has ended is as good as not there.
    pub valid_until: Option<u64>,
}

/// What a client has for LANs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    /// All its delegated prefixes.
    pub prefixes: Vec<Delegated>,
    /// Name servers, for router advertisements.
    pub dns: Vec<Ipv6Addr>,
    /// Search domains, likewise.
    pub search: Vec<DomainName>,
}

impl From<Vec<Delegated>> for Handed {
    fn from(prefixes: Vec<Delegated>) -> Self {
        Self { prefixes, ..Self::default() }
    }
}

/// What came of something.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// To be published, in this order.
    pub events: Vec<Event>,
    /// Sentences for the person who asks why.
    pub lines: Vec<String>,
    /// What the kernel was told, in order.
    pub applied: Vec<Action>,
}

impl Outcome {
    /// Whether nothing happened that is worth a word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.lines.is_empty() && self.applied.is_empty()
    }
}

/// Where things are.
#[derive(Debug)]
pub struct DelegationOptions {
    /// The kernel.
    pub network: Network,
    /// `/var/lib/dhcpmgr`.
    pub store: Store,
    /// `/run/dhcpmgr`.
    pub runtime: PathBuf,
    /// This boot.
    pub boot: BootId,
}

/// What LANs have. Shared by all controllers; one thing happens after the other.
#[derive(Debug)]
pub struct Delegations {
    state: Mutex<State>,
    /// When something ends by itself may have changed.
    changed: Notify,
    record: Rc<Deferred<Record>>,
    /// Interfaces that we may have left something on: those of the configuration, and those of the record.
    interfaces: RefCell<Vec<IfName>>,
}

impl Delegations {
    /// Reads what an earlier daemon gave to LANs. Changes nothing yet: what was current then may still be.
    #[must_use]
    pub fn start(options: DelegationOptions, config: &Config) -> Rc<Self> {
        let record = Deferred::new(options.store.clone(), record::NAME);
        let state = State::restore(options, config.lans.clone(), boottime_ms());
        let interfaces = RefCell::new(state.known.interfaces());
        Rc::new(Self { state: Mutex::new(state), changed: Notify::new(), record, interfaces })
    }

    /// Takes what a client has now in place of what it had before; nothing at all when its lease is gone. Everything
    /// about it has been done when this returns.
    pub async fn take(&self, client: &ClientName, handed: impl Into<Handed>) -> Outcome {
        let mut state = self.state.lock().await;
        state.known.hand(client, handed.into());
        self.carry_out(&mut state).await
    }

    /// To be called once, when after the start every controller has handed over what it found of its lease, and before
    /// the network is swept. What no client has any more is gone; after a reboot it is waited for a little longer.
    pub async fn settle(&self) -> Outcome {
        let mut state = self.state.lock().await;
        state.known.settle(boottime_ms());
        self.carry_out(&mut state).await
    }

    /// Takes another configuration.
    pub async fn reconfigure(&self, lans: Lans) -> Outcome {
        let mut state = self.state.lock().await;
        state.reconfigure(lans);
        self.interfaces.replace(state.known.interfaces());
        self.carry_out(&mut state).await
    }

    /// A link appeared, or has another Ethernet address.
    pub async fn link(&self, name: &IfName) -> Outcome {
        let mut state = self.state.lock().await;
        if !state.known.depends_on(name) {
            return Outcome::default();
        }
        self.carry_out(&mut state).await
    }

    /// Does what time asks for, as long as it is polled, and hands out what came of it.
    pub async fn run(&self, mut publish: impl FnMut(Outcome)) {
        loop {
            let next = self.state.lock().await.next(boottime_ms());
            let sleep = async {
                match next {
                    Some(at) => {
                        let wait = Duration::from_millis(at.saturating_sub(boottime_ms()));
                        tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep => {
                    let mut state = self.state.lock().await;
                    let outcome = self.carry_out(&mut state).await;
                    drop(state);
                    if !outcome.is_empty() {
                        publish(outcome);
                    }
                }
            }
        }
    }

    /// The interfaces to sweep after the start.
    #[must_use]
    pub fn interfaces(&self) -> Vec<IfName> {
        self.interfaces.borrow().clone()
    }

    /// Every LAN: what it has, had and did not get.
    pub async fn lans(&self) -> Vec<LanView> {
        self.state.lock().await.known.views(boottime_ms())
    }

    /// Returns when the record is on the flash, or could not be written.
    pub async fn finish(&self) {
        self.record.finish().await;
    }

    async fn carry_out(&self, state: &mut State) -> Outcome {
        let (outcome, record) = state.carry_out(boottime_ms()).await;
        if let Some(record) = record {
            self.record.keep(record);
        }
        self.changed.notify_one();
        outcome
    }
}
