//! The packet observer: listens to what clients and their servers say to each other, and tells what the clients
//! themselves do not: TR-181's statistics, the state that a client is in, and how often it asked in vain.
//!
//! It sends nothing and decides nothing. Packets are forged easily: they change words and numbers that are shown, and no
//! lease ever.

mod conversation;
mod filter;
mod packet;
mod socket;
mod view;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::Protocol;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep_until};

pub use packet::{Message, Packet, Way};
pub use view::{Exchanged, ObserverView};

use crate::clients::Progress;
use crate::clock;
use crate::flat::FlatMap;
use crate::network::{HardwareAddress, LinkState};
use crate::order;
use conversation::Conversation;
use packet::ENOUGH;
use socket::{Received, Tap};

/// Packets that are taken within [`PERIOD`]; a flood waits, and what there is no room for is dropped by the kernel.
const MOST: u32 = 128;
const PERIOD: Duration = Duration::from_millis(100);

/// The observer, which may be off.
#[derive(Debug, Default)]
pub struct Observer(RefCell<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Off,
    /// It is wanted, and cannot be had.
    Failed(String),
    On(Box<Observed>),
}

/// What it knows while it is on.
#[derive(Debug)]
struct Observed {
    tap: Rc<Tap>,
    listener: AbortHandle,
    clients: Vec<Watched>,
    seen: ObserverView,
}

/// A client that is listened to.
#[derive(Debug)]
struct Watched {
    client: ClientName,
    protocol: Protocol,
    /// Interface index; `None` while there is none.
    interface: Option<u32>,
    hardware: Option<HardwareAddress>,
    conversation: Conversation,
}

impl Observer {
    /// Turns it on or off; needs a `LocalSet`. Off it has no socket and remembers nothing.
    pub fn set(self: &Rc<Self>, enabled: bool) {
        match (&*self.0.borrow(), enabled) {
            (State::Off, false) | (State::On(_), true) => return,
            _ => {}
        }
        if !enabled {
            *self.0.borrow_mut() = State::Off;
            return;
        }
        match Tap::open() {
            Err(error) => self.fail(&error),
            Ok(tap) => {
                let tap = Rc::new(tap);
                let listener = spawn_local(Rc::clone(self).listen(Rc::clone(&tap))).abort_handle();
                let (clients, seen) = (Vec::new(), ObserverView::default());
                let observed = Observed { tap, listener, clients, seen };
                *self.0.borrow_mut() = State::On(Box::new(observed));
            }
        }
    }

    /// Listens to a client on its interface as it is now.
    pub fn watch(&self, client: &ClientName, protocol: Protocol, link: Option<&LinkState>) {
        let interface = link.map(|link| link.index);
        let hardware = link.and_then(|link| link.hardware);
        let result = match &mut *self.0.borrow_mut() {
            State::On(observed) => match observed.watch(client, protocol, interface, hardware) {
                true => observed.listen_where_clients_are(),
                false => return,
            },
            State::Off | State::Failed(_) => return,
        };
        if let Err(error) = result {
            self.fail(&error);
        }
    }

    /// Forgets a client.
    pub fn forget(&self, client: &ClientName) {
        if let State::On(observed) = &mut *self.0.borrow_mut() {
            observed.clients.retain(|watched| watched.client != *client);
            // A filter that lets too much pass does no harm, and the next client's sets it right.
            let _ = observed.listen_where_clients_are();
        }
    }

    /// What a client asked for until then (milliseconds of `CLOCK_BOOTTIME`) is settled, whether or not a packet told so.
    pub fn settled(&self, client: &ClientName, at_ms: u64) {
        if let State::On(observed) = &mut *self.0.borrow_mut()
            && let Some(watched) = observed.clients.iter_mut().find(|watched| watched.client == *client)
        {
            watched.conversation.settled(at_ms);
        }
    }

    /// What a client waits for; `None` when it waits for nothing, or nobody listens.
    #[must_use]
    pub fn progress(&self, client: &ClientName) -> Option<Progress> {
        self.of(client, Conversation::progress)?
    }

    /// How often each message was seen, by the names of TR-181's statistics; `None` when nobody listens.
    #[must_use]
    pub fn counters(&self, client: &ClientName) -> Option<FlatMap<String, u64>> {
        self.of(client, Conversation::counters)
    }

    /// What was said since the last answer that settled something.
    #[must_use]
    pub fn exchanged(&self, client: &ClientName) -> Option<Exchanged> {
        self.of(client, |conversation| conversation.exchanged(clock::boottime_ms()))?
    }

    /// How it is; `None` when it is off.
    #[must_use]
    pub fn view(&self) -> Option<ObserverView> {
        match &*self.0.borrow() {
            State::Off => None,
            State::Failed(reason) => {
                Some(ObserverView { reason: Some(reason.clone()), ..ObserverView::default() })
            }
            State::On(observed) => Some(observed.seen.clone()),
        }
    }

    fn of<T>(&self, client: &ClientName, tell: impl FnOnce(&Conversation) -> T) -> Option<T> {
        match &*self.0.borrow() {
            State::On(observed) => {
                let watched = observed.clients.iter().find(|watched| watched.client == *client)?;
                Some(tell(&watched.conversation))
            }
            State::Off | State::Failed(_) => None,
        }
    }

    async fn listen(self: Rc<Self>, tap: Rc<Tap>) {
        let mut buffer = [0; ENOUGH as usize];
        let (mut period, mut taken) = (Instant::now(), 0);
        loop {
            let mut readable = match tap.readable().await {
                Ok(readable) => readable,
                Err(error) => return self.fail(&error),
            };
            if period.elapsed() >= PERIOD {
                (period, taken) = (Instant::now(), 0);
            }
            while taken < MOST {
                match tap.receive(&mut buffer) {
                    Ok(Some(received)) => self.take(received, &buffer),
                    Ok(None) => {
                        readable.clear_ready();
                        break;
                    }
                    Err(error) => return self.fail(&error),
                }
                taken += 1;
            }
            if taken == MOST {
                sleep_until(period + PERIOD).await;
            }
        }
    }

    fn take(&self, received: Received, buffer: &[u8]) {
        if let State::On(observed) = &mut *self.0.borrow_mut() {
            let bytes = buffer.get(..received.length).unwrap_or(buffer);
            observed.take(received, bytes);
        }
    }

    fn fail(&self, error: &io::Error) {
        let needs =
            if error.kind() == io::ErrorKind::PermissionDenied { ", which takes CAP_NET_RAW" } else { "" };
        let reason = format!(
            "cannot listen on a packet socket{needs}: {error}; states and counters are what the clients themselves tell"
        );
        tracing::warn!("packet observer: {reason}");
        *self.0.borrow_mut() = State::Failed(reason);
    }
}

impl Observed {
    /// Says whether the client is somewhere else than it was.
    fn watch(
        &mut self,
        client: &ClientName,
        protocol: Protocol,
        interface: Option<u32>,
        hardware: Option<HardwareAddress>,
    ) -> bool {
        match self
            .clients
            .iter_mut()
            .find(|watched| watched.client == *client && watched.protocol == protocol)
        {
            Some(watched) => {
                watched.hardware = hardware;
                std::mem::replace(&mut watched.interface, interface) != interface
            }
            None => {
                let conversation = Conversation::new(protocol);
                let client = client.clone();
                self.clients.push(Watched { client, protocol, interface, hardware, conversation });
                true
            }
        }
    }

    fn listen_where_clients_are(&self) -> io::Result<()> {
        let mut interfaces: Vec<u32> = self.clients.iter().filter_map(|watched| watched.interface).collect();
        order::sort_once(&mut interfaces);
        self.tap.listen_on(&interfaces)
    }

    fn take(&mut self, received: Received, bytes: &[u8]) {
        let Received { ethertype, way, interface, from, dropped, .. } = received;
        self.seen.dropped = dropped.into();
        let ours = Packet::read(ethertype, way, bytes).is_some_and(|packet| {
            let of = |watched: &&mut Watched| {
                watched.interface == Some(interface) && watched.protocol == packet.message.protocol
            };
            self.clients.iter_mut().find(of).is_some_and(|watched| {
                // What a bridge passes on comes from somebody else.
                let from_us = match (watched.hardware, from) {
                    (Some(own), Some(from)) => own.0 == from,
                    _ => true,
                };
                watched.conversation.take(&packet, way, from_us, clock::boottime_ms())
            })
        });
        *if ours { &mut self.seen.packets } else { &mut self.seen.others } += 1;
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
