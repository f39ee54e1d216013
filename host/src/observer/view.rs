//! What the observer shows.

use serde::{Deserialize, Serialize};

use crate::flat::FlatMap;

/// The observer, in `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserverView {
    /// Why it does not run although it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Packets of clients and to them.
    pub packets: u64,
    /// Packets that were none of theirs: to others, of others, or no message.
    pub others: u64,
    /// Packets that the kernel dropped because too many came: the counts are too low by as many of them as were clients'.
    pub dropped: u64,
}

/// What a client and its servers said since the last answer that settled something, in `why`: ACK, NAK or REPLY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// Messages of the client by their names in the RFCs, and how often.
    pub sent: FlatMap<String, u32>,
    /// Messages to the client.
    #[serde(default)]
    pub received: FlatMap<String, u32>,
    /// Since when, seconds.
    pub since: u64,
    /// When the last was sent, seconds ago.
    pub last_sent: u64,
}

impl Exchanged {
    /// How many times the client asked.
    #[must_use]
    pub fn asked(&self) -> u32 {
        self.sent.values().sum()
    }

    /// `12 DISCOVERs sent in 35 s, no answer`
    #[must_use]
    pub fn sentence(&self) -> String {
        let said = |messages: &FlatMap<String, u32>| {
            let each = messages.iter().map(|(name, count)| match count {
                1 => format!("1 {name}"),
                count => format!("{count} {name}s"),
            });
            each.collect::<Vec<_>>().join(" and ")
        };
        let answer = match said(&self.received) {
            none if none.is_empty() => "no answer".to_owned(),
            some => format!("{some} received and nothing after"),
        };
        format!("{} sent in {} s, {answer}", said(&self.sent), self.since)
    }
}
