//! udhcpc as TR-181 sees it: which of its parameters it obeys, and what its words tell of the statistics.

use super::super::adapter::InEffect;
use crate::config::Client;

/// What it requests unless it is told `-o`.
pub(super) const REQUESTED: &[u16] = &[1, 3, 6, 12, 15, 28, 42];

/// It sends no INFORM, and says nothing of offers, of what it ignored, or of what it could not send.
pub(super) const COUNTED: &[&str] = &["Discover", "Request", "Decline", "Release", "Inform"];

/// Its timers do not grow: `-T` for DISCOVER and REQUEST alike, without a random part and for as long as it takes.
pub(super) fn in_effect(client: &Client, parameter: &str) -> Option<InEffect> {
    let interval = u32::try_from(client.discover_interval.as_secs()).unwrap_or(u32::MAX);
    let (value, can_be_told) = match parameter {
        "Retransmission.DiscoverInitialTimeout" => (interval, true),
        "Retransmission.DiscoverMaxTimeout"
        | "Retransmission.RequestInitialTimeout"
        | "Retransmission.RequestMaxTimeout" => (interval, false),
        "Retransmission.DiscoverMaxDuration"
        | "Retransmission.RequestMaxDuration"
        | "Retransmission.TimeoutRandomize" => (0, false),
        // Neither its raw packets nor its socket say anything.
        "DSCPMark" => (0, false),
        _ => return None,
    };
    Some(InEffect { value, can_be_told })
}

/// `broadcasting discover`, in older versions `sending discover`.
pub(super) fn counts(line: &str) -> Option<&'static str> {
    let words = line.strip_prefix("udhcpc: ")?;
    let what = words.strip_prefix("broadcasting ").or_else(|| words.strip_prefix("sending "))?;
    let message = what.split([' ', ':']).next()?;
    match message {
        "discover" => Some("Discover"),
        "select" | "renew" => Some("Request"),
        "decline" => Some("Decline"),
        "release" => Some("Release"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn its_words_are_counted_as_the_messages_that_they_tell_of() {
        let cases = [
            ("udhcpc: broadcasting discover", Some("Discover")),
            ("udhcpc: broadcasting select for 10.77.0.100, server 10.77.0.1", Some("Request")),
            ("udhcpc: sending renew to server 10.77.0.1", Some("Request")),
            ("udhcpc: broadcasting renew", Some("Request")),
            ("udhcpc: sending release", Some("Release")),
            ("udhcpc: broadcasting decline", Some("Decline")),
            ("udhcpc: lease of 10.77.0.100 obtained from 10.77.0.1, lease time 3600", None),
            ("udhcpc: started, v1.35.0", None),
        ];
        for (line, counted) in cases {
            assert_eq!(counts(line), counted, "{line}");
        }
    }
}
