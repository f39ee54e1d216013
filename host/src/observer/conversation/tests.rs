use Progress::{Rebinding, Renewing, Requesting, Selecting};

use super::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

fn v4(message: Message, transaction: u32) -> Packet {
    let mut hardware = [0; 16];
    hardware[..6].copy_from_slice(&MAC);
    Packet { message, transaction, hardware, unicast: false, has_address: false }
}

fn v6(message: Message, transaction: u32) -> Packet {
    Packet { message, transaction, hardware: [0; 16], unicast: true, has_address: false }
}

fn of(protocol: Protocol, number: usize) -> Message {
    Message::all(protocol).nth(number - 1).unwrap()
}

impl Conversation {
    fn says(&mut self, packet: Packet, now: u64) {
        assert!(self.take(&packet, Way::Out, true, now), "{packet:?}");
    }

    fn hears(&mut self, packet: Packet) -> bool {
        self.take(&packet, Way::In, false, 0)
    }

    fn count(&self, name: &str) -> u64 {
        self.counters()[name]
    }
}

#[test]
fn a_lease_is_followed_from_discover_to_rebinding() {
    let offer = of(Protocol::V4, 2);
    let mut it = Conversation::new(Protocol::V4);
    assert_eq!(it.progress(), None);
    it.says(v4(Message::DISCOVER, 1), 0);
    assert_eq!(it.progress(), Some(Selecting));
    assert!(it.hears(v4(offer, 1)));
    it.says(v4(Message::REQUEST, 1), 10);
    assert_eq!(it.progress(), Some(Requesting));
    assert!(it.hears(v4(Message::ACK, 1)));
    assert_eq!(it.progress(), None);
    it.says(Packet { unicast: true, has_address: true, ..v4(Message::REQUEST, 1) }, 1_000);
    assert_eq!(it.progress(), Some(Renewing));
    it.says(Packet { has_address: true, ..v4(Message::REQUEST, 1) }, 2_000);
    assert_eq!(it.progress(), Some(Rebinding));
    assert_eq!(it.exchanged(5_000).unwrap().sentence(), "2 REQUESTs sent in 4 s, no answer");
    assert!(it.hears(v4(Message::ACK, 1)));
    assert_eq!((it.progress(), it.exchanged(5_000)), (None, None));
    let counts = ["Discover", "Offer", "Request", "ACK", "NACK"].map(|name| it.count(name));
    assert_eq!(counts, [1, 1, 3, 2, 0]);
}

#[test]
fn dhcpv6_says_by_its_messages_what_dhcpv4_says_by_its_fields() {
    let mut it = Conversation::new(Protocol::V6);
    for (message, waits) in [
        (Message::SOLICIT, Selecting),
        (Message::REQUEST6, Requesting),
        (Message::CONFIRM, Requesting),
        (Message::RENEW, Renewing),
        (Message::REBIND, Rebinding),
        (Message::INFORMATION_REQUEST, Requesting),
    ] {
        it.says(v6(message, 5), 0);
        assert_eq!(it.progress(), Some(waits), "{message:?}");
    }
    assert!(it.hears(v6(Message::REPLY, 5)));
    assert_eq!(it.progress(), None);
    assert!(it.hears(v6(Message::RECONFIGURE, 0)), "the server begins it");
    it.says(v6(Message::RENEW, 6), 0);
    it.says(v6(Message::RELEASE6, 7), 0);
    assert_eq!((it.progress(), it.exchanged(0)), (None, None), "nothing is asked any more");
}

#[test]
fn what_others_say_and_hear_is_not_counted() {
    let mut it = Conversation::new(Protocol::V4);
    assert!(!it.hears(v4(Message::ACK, 0)), "before the client has said anything");
    assert!(!it.take(&v4(Message::DISCOVER, 9), Way::Out, false, 0), "bridged through");
    it.says(v4(Message::DISCOVER, 1), 0);
    assert!(!it.hears(v4(Message::ACK, 2)), "another transaction");
    assert!(!it.hears(Packet { hardware: [1; 16], ..v4(Message::ACK, 1) }), "another host");
    let force = Packet { unicast: true, ..v4(Message::FORCERENEW, 0) };
    assert!(it.hears(force) && !it.hears(Packet { unicast: false, ..force }));
    assert!(!it.hears(Packet { hardware: [1; 16], ..force }));
    assert_eq!(it.progress(), Some(Selecting));
    let all: u64 = it.counters().values().sum();
    assert_eq!(all, 2);
}

#[test]
fn the_oldest_transactions_are_forgotten() {
    let mut it = Conversation::new(Protocol::V6);
    for transaction in 0..=TRANSACTIONS as u32 {
        it.says(v6(Message::SOLICIT, transaction), 0);
        it.says(v6(Message::SOLICIT, transaction), 0);
    }
    assert!(!it.hears(v6(Message::REPLY, 0)));
    assert!((1..=TRANSACTIONS as u32).all(|transaction| it.hears(v6(Message::REPLY, transaction))));
}

#[test]
fn who_asks_in_vain_is_told_of() {
    let mut it = Conversation::new(Protocol::V4);
    for second in 0..12 {
        it.says(v4(Message::DISCOVER, 1), second * 3_000);
    }
    let told = it.exchanged(35_000).unwrap();
    assert_eq!(told.sentence(), "12 DISCOVERs sent in 35 s, no answer");
    assert_eq!((told.asked(), told.last_sent), (12, 2));
    it.says(v4(Message::REQUEST, 1), 35_000);
    assert!(it.hears(v4(of(Protocol::V4, 2), 1)));
    assert_eq!(
        it.exchanged(35_000).unwrap().sentence(),
        "12 DISCOVERs and 1 REQUEST sent in 35 s, 1 OFFER received and nothing after"
    );
    assert!(it.hears(v4(Message::NAK, 1)));
    assert_eq!(it.exchanged(35_000), None);
}

#[test]
fn an_answer_that_was_missed_leaves_no_word_behind() {
    let mut it = Conversation::new(Protocol::V6);
    it.says(v6(Message::RENEW, 1), 1_000);
    it.settled(900);
    assert_eq!(it.progress(), Some(Renewing), "what the hook told was before");
    it.settled(1_000);
    assert_eq!(it.progress(), None);
}
