//! What one client and its servers say to each other, as packets show it: counted, and the state that follows from the last
//! request. Pure: packets and instants in (milliseconds of `CLOCK_BOOTTIME`).
//!
//! Packets can be forged. What comes of them is a number and a word that are shown, and never more.

use dhcpmgr_plugin_api::Protocol;

use super::packet::{Message, Packet, Way};
use super::view::Exchanged;
use crate::clients::Progress;
use crate::flat::FlatMap;

/// Transactions that answers are still taken for: dibbler has one for each identity association at a time.
const TRANSACTIONS: usize = 8;

/// One client's.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    protocol: Protocol,
    counts: [u64; Message::COUNT],
    /// Since the server last granted or refused something.
    round: Round,
    /// The last that were begun, the oldest of which is overwritten, and how many there ever were.
    transactions: ([u32; TRANSACTIONS], usize),
    /// `chaddr`, as the client last sent it.
    hardware: [u8; 16],
    /// What the client waits for.
    progress: Option<Progress>,
}

/// Messages since something was settled.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    counts: [u32; Message::COUNT],
    first_ms: u64,
    sent_ms: u64,
}

impl Conversation {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            counts: [0; Message::COUNT],
            round: Round::default(),
            transactions: ([0; TRANSACTIONS], 0),
            hardware: [0; 16],
            progress: None,
        }
    }

    /// Takes in a packet on the client's interface. Says whether it belongs to the client: `from_us` is whether the link
    /// says that a packet that goes out was sent by the interface itself, not bridged through it.
    pub(super) fn take(&mut self, packet: &Packet, way: Way, from_us: bool, now: u64) -> bool {
        let ours = match way {
            Way::Out => from_us,
            Way::In => self.is_addressed(packet),
        };
        if ours {
            self.counts[packet.message.place()] += 1;
            match way {
                Way::Out => self.sent(packet, now),
                Way::In => self.received(packet.message),
            }
        }
        ours
    }

    fn sent(&mut self, packet: &Packet, now: u64) {
        if !self.knows(packet.transaction) {
            let (known, begun) = &mut self.transactions;
            known[*begun % TRANSACTIONS] = packet.transaction;
            *begun += 1;
        }
        self.hardware = packet.hardware;
        if self.round.counts == [0; Message::COUNT] {
            self.round.first_ms = now;
        }
        self.round.counts[packet.message.place()] += 1;
        self.round.sent_ms = now;
        self.progress = match packet.message {
            Message::DISCOVER | Message::SOLICIT => Some(Progress::Selecting),
            Message::REQUEST if !packet.has_address => Some(Progress::Requesting),
            Message::REQUEST if packet.unicast => Some(Progress::Renewing),
            Message::REQUEST => Some(Progress::Rebinding),
            Message::REQUEST6 | Message::CONFIRM | Message::INFORMATION_REQUEST => Some(Progress::Requesting),
            Message::RENEW => Some(Progress::Renewing),
            Message::REBIND => Some(Progress::Rebinding),
            // Nothing is asked any more.
            Message::RELEASE | Message::DECLINE | Message::RELEASE6 | Message::DECLINE6 => {
                self.round = Round::default();
                None
            }
            _ => self.progress,
        };
    }

    fn received(&mut self, message: Message) {
        if let Message::ACK | Message::NAK | Message::REPLY = message {
            self.settle();
        } else {
            self.round.counts[message.place()] += 1;
        }
    }

    fn knows(&self, transaction: u32) -> bool {
        let (known, begun) = &self.transactions;
        known.iter().take(*begun).any(|known| *known == transaction)
    }

    /// Whether a packet that comes in answers something, or asks the client to ask.
    fn is_addressed(&self, packet: &Packet) -> bool {
        match packet.message {
            // RFC 3203 section 3.1, RFC 8415 section 18.3.11: to one host, of no transaction.
            Message::FORCERENEW => {
                packet.unicast && self.transactions.1 > 0 && packet.hardware == self.hardware
            }
            Message::RECONFIGURE => packet.unicast,
            _ => self.knows(packet.transaction) && packet.hardware == self.hardware,
        }
    }

    /// The client has what it asked for, or begins anew.
    fn settle(&mut self) {
        (self.progress, self.round) = (None, Round::default());
    }

    /// As [`Conversation::settle`], for what was asked until then: its hook said so, or its process has ended.
    pub(super) fn settled(&mut self, at_ms: u64) {
        if self.round.sent_ms <= at_ms {
            self.settle();
        }
    }

    /// What the client waits for; `None` when it waits for nothing.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.progress
    }

    /// All counts, by the names of TR-181's statistics.
    pub(super) fn counters(&self) -> FlatMap<String, u64> {
        let count = |message: Message| (message.statistic().to_owned(), self.counts[message.place()]);
        Message::all(self.protocol).map(count).collect()
    }

    /// What was said since something was settled; `None` when nothing was.
    pub(super) fn exchanged(&self, now: u64) -> Option<Exchanged> {
        let told = |of_client: bool| -> FlatMap<String, u32> {
            Message::all(self.protocol)
                .filter(|message| message.is_of_a_client() == of_client)
                .map(|message| (message.name().to_owned(), self.round.counts[message.place()]))
                .filter(|(_, count)| *count > 0)
                .collect()
        };
        let (sent, received) = (told(true), told(false));
        let ago = |ms: u64| now.saturating_sub(ms) / 1000;
        (!sent.is_empty()).then(|| Exchanged {
            since: ago(self.round.first_ms),
            last_sent: ago(self.round.sent_ms),
            sent,
            received,
        })
    }
}

#[cfg(test)]
mod tests;
