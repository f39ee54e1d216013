//! What a client holds, told as messages come.

use dhcpmgr_message::{Token, VERSION};
use proptest::prelude::*;

use super::*;

fn message(event: ClientEvent, at_ms: u64, report: V6Report) -> LeaseMessage {
    LeaseMessage {
        v: VERSION,
        id: at_ms,
        client: "wan6".parse().unwrap(),
        token: Token::from_random([1; 16]),
        program: "dibbler".into(),
        event,
        interface: "wan0".parse().unwrap(),
        at_ms,
        v4: None,
        v6: Some(report),
        problems: Vec::new(),
    }
}

fn address(text: &str, preferred: u32, valid: u32) -> V6Report {
    let address = V6Address {
        address: text.parse().unwrap(),
        iaid: None,
        temporary: false,
        preferred: Lifetime(preferred),
        valid: Lifetime(valid),
        claimed: false,
    };
    V6Report { addresses: vec![address], ..V6Report::default() }
}

fn prefix(text: &str, preferred: u32, valid: u32) -> V6Prefix {
    V6Prefix {
        prefix: text.parse().unwrap(),
        iaid: None,
        preferred: Lifetime(preferred),
        valid: Lifetime(valid),
        claimed: false,
    }
}

fn prefixes(prefixes: &[V6Prefix]) -> V6Report {
    V6Report { prefixes: prefixes.to_vec(), ..V6Report::default() }
}

fn held(ledger: &Ledger) -> Vec<(String, Option<u64>)> {
    ledger.entries().iter().map(|entry| (entry.value.to_string(), entry.valid_until())).collect()
}

const OLD: &str = "2001:db8:f100::/56";
const NEW: &str = "2001:db8:f200::/56";

#[test]
fn what_a_message_does_not_name_is_not_lost_by_it() {
    let mut ledger = Ledger::default();
    assert!(ledger.take(&message(ClientEvent::Add, 1_000, address("2001:db8::7/128", 40, 60))).is_empty());
    ledger.take(&message(ClientEvent::Add, 2_000, prefixes(&[prefix(OLD, 40, 60)])));
    ledger.take(&message(ClientEvent::Update, 11_000, address("2001:db8::7/128", 40, 60)));
    let expected =
        [("address 2001:db8::7".to_owned(), Some(71_000)), (format!("prefix {OLD}"), Some(62_000))];
    assert_eq!(held(&ledger), expected);
    assert_eq!(ledger.next_end(), Some(62_000));
}

#[test]
fn a_renumbering_gives_the_new_prefix_and_takes_the_old_one_back() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 0, prefixes(&[prefix(OLD, 40, 60)])));
    let said = [prefix(NEW, 40, 60), prefix(OLD, 0, 0)];
    let notes = ledger.take(&message(ClientEvent::Update, 10_000, prefixes(&said)));
    assert_eq!(held(&ledger), [(format!("prefix {NEW}"), Some(70_000))]);
    assert_eq!(notes, [format!("prefix {OLD}: the server took it back (valid lifetime 0)")]);
}

/// A client that was killed and started again, at a server that has forgotten it: the server does not name what it no
/// longer knows.
#[test]
fn what_a_server_gives_on_request_takes_the_place_of_what_was_in_the_same_association() {
    let of = |iaid: u32, text: &str| V6Prefix { iaid: Some(iaid), ..prefix(text, 40, 60) };
    let request = |prefix: V6Prefix| V6Report { answer_to: Some(V6Request::Request), ..prefixes(&[prefix]) };
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 0, request(of(1, OLD))));
    ledger.take(&message(ClientEvent::Add, 1_000, request(of(2, NEW))));
    assert_eq!(held(&ledger).len(), 2, "another association");
    let third = "2001:db8:f300::/56";
    let notes = ledger.take(&message(ClientEvent::Add, 2_000, request(of(1, third))));
    assert_eq!(notes, [format!("prefix {OLD}: the server gave another in its place")]);
    let expected = [(format!("prefix {NEW}"), Some(61_000)), (format!("prefix {third}"), Some(62_000))];
    assert_eq!(held(&ledger), expected);
    // A renewal names what it likes.
    ledger.take(&message(ClientEvent::Update, 3_000, prefixes(&[of(1, OLD)])));
    assert_eq!(held(&ledger).len(), 3);
}

#[test]
fn a_deprecated_prefix_is_held_until_its_end() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 0, prefixes(&[prefix(OLD, 40, 60)])));
    ledger.take(&message(ClientEvent::Update, 10_000, prefixes(&[prefix(OLD, 0, 30)])));
    assert_eq!(ledger.entries()[0].preferred_until(), Some(10_000));
    assert_eq!(ledger.expire(39_999), [""; 0]);
    assert_eq!(ledger.expire(40_000).len(), 1);
    assert!(ledger.is_empty());
}

#[test]
fn a_claim_extends_nothing_and_still_gives_what_was_not_there() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 0, prefixes(&[prefix(OLD, 40, 60)])));
    let claim = |text| V6Prefix { claimed: true, ..prefix(text, 40, 60) };
    let notes = ledger.take(&message(ClientEvent::Update, 10_000, prefixes(&[claim(OLD), claim(NEW)])));
    assert_eq!(
        held(&ledger),
        [(format!("prefix {OLD}"), Some(60_000)), (format!("prefix {NEW}"), Some(70_000))]
    );
    assert!(notes[0].contains("not extended"), "{notes:?}");
    let gone = V6Prefix { claimed: true, ..prefix("2001:db8:f300::/56", 0, 0) };
    ledger.take(&message(ClientEvent::Update, 11_000, prefixes(&[gone])));
    assert_eq!(ledger.entries().len(), 2);
    let zeros = V6Prefix { claimed: true, ..prefix(OLD, 0, 0) };
    ledger.take(&message(ClientEvent::Add, 12_000, prefixes(&[zeros])));
    assert_eq!(ledger.entries().len(), 2, "CONFIRM lists the client's own zeros");
}

#[test]
fn what_is_not_held_cannot_be_taken_back_and_what_was_stays_so_for_late_messages() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 5_000, prefixes(&[prefix(NEW, 40, 60)])));
    assert!(ledger.take(&message(ClientEvent::Update, 6_000, prefixes(&[prefix(OLD, 0, 0)]))).is_empty());
    ledger.take(&message(ClientEvent::Update, 7_000, prefixes(&[prefix(NEW, 0, 0)])));
    let notes = ledger.take(&message(ClientEvent::Update, 6_500, prefixes(&[prefix(NEW, 40, 60)])));
    assert!(ledger.is_empty(), "{notes:?}");
    assert!(notes[0].contains("later message"), "{notes:?}");
    ledger.take(&message(ClientEvent::Update, 8_000, prefixes(&[prefix(NEW, 40, 60)])));
    assert_eq!(ledger.entries().len(), 1, "given anew");
}

#[test]
fn a_message_that_was_overtaken_still_gives_what_nobody_spoke_of_since() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Update, 5_000, prefixes(&[prefix(NEW, 40, 60)])));
    ledger.take(&message(ClientEvent::Add, 4_000, address("2001:db8::7/128", 40, 60)));
    assert_eq!(ledger.entries().len(), 2);
    let last = message(ClientEvent::Add, 4_000, V6Report::default());
    assert_eq!(ledger.whole(&last).at_ms, 5_000, "the lease is as new as the newest of it");
}

#[test]
fn what_waited_while_nobody_looked_counts_although_all_was_looked_at_since() {
    let with =
        |server: &str| V6Report { dns: vec![server.parse().unwrap()], ..prefixes(&[prefix(OLD, 40, 60)]) };
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 1_000, with("2001:db8::1")));
    // The next daemon looks, and then the spool is read.
    ledger.expire(3_000);
    let late = message(ClientEvent::Update, 2_000, with("2001:db8::2"));
    ledger.take(&late);
    let report = ledger.whole(&late).v6.unwrap();
    assert_eq!(report.dns, with("2001:db8::2").dns);
    ledger.take(&message(ClientEvent::Update, 1_500, with("2001:db8::3")));
    assert_eq!(ledger.whole(&late).v6.unwrap().dns, report.dns, "but what was overtaken does not");
}

#[test]
fn a_status_code_takes_what_its_association_held_and_nothing_else() {
    let mut ledger = Ledger::default();
    let of = |iaid, text| V6Prefix { iaid: Some(iaid), ..prefix(text, 40, 60) };
    ledger.take(&message(ClientEvent::Add, 0, prefixes(&[of(1, OLD), of(2, NEW)])));
    let ia = V6Ia { kind: IaKind::Pd, iaid: 1, t1: None, t2: None, status: Some(3) };
    let report = V6Report { ias: vec![ia], ..V6Report::default() };
    let notes = ledger.take(&message(ClientEvent::Update, 10_000, report));
    assert_eq!(held(&ledger), [(format!("prefix {NEW}"), Some(60_000))]);
    assert_eq!(notes, [format!("prefix {OLD}: lost, the server says NoBinding of IA_PD 1")]);
}

#[test]
fn a_delete_takes_what_it_names_or_all() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 0, address("2001:db8::7/128", 40, 60)));
    ledger.take(&message(ClientEvent::Add, 0, prefixes(&[prefix(OLD, 40, 60)])));
    ledger.take(&message(ClientEvent::Delete, 1, prefixes(&[prefix(OLD, 0, 0), prefix(NEW, 0, 0)])));
    assert_eq!(held(&ledger), [("address 2001:db8::7".to_owned(), Some(60_000))]);
    ledger.take(&message(ClientEvent::Delete, 2, V6Report::default()));
    assert!(ledger.is_empty());
}

#[test]
fn the_files_of_the_client_tell_which_association_a_value_is_of_and_when_it_renews() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 1_000, address("2001:db8::7/128", 40, 60)));
    ledger.take(&message(ClientEvent::Add, 1_000, prefixes(&[prefix(OLD, 40, 60)])));
    assert_eq!(ledger.renews_at(), Some(21_000), "half of the preferred lifetime");
    let ia = V6Ia { kind: IaKind::Pd, iaid: 2, t1: Some(Lifetime(15)), t2: Some(Lifetime(25)), status: None };
    let known = [KnownIa { ia, values: vec![OLD.parse().unwrap()] }];
    assert!(ledger.learn(&known));
    assert!(!ledger.learn(&known), "nothing new");
    assert_eq!(ledger.entries()[1].iaid, Some(2));
    assert_eq!(ledger.renews_at(), Some(16_000));
    ledger.take(&message(ClientEvent::Update, 16_000, prefixes(&[prefix(OLD, 40, 60)])));
    assert_eq!(ledger.entries()[1].iaid, Some(2), "kept when the next message does not tell");
}

#[test]
fn for_ever_stays_for_ever() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 0, prefixes(&[prefix(OLD, u32::MAX, u32::MAX)])));
    assert_eq!(ledger.next_end(), None);
    assert!(ledger.expire(u64::MAX).is_empty());
    let whole = ledger.whole(&message(ClientEvent::Add, 0, V6Report::default()));
    assert_eq!(whole.v6.unwrap().prefixes[0].valid, Lifetime::INFINITE);
}

#[test]
fn the_whole_tells_a_later_daemon_the_same() {
    let mut ledger = Ledger::default();
    ledger.take(&message(ClientEvent::Add, 1_000, address("2001:db8::7/128", 40, 60)));
    let dns = V6Report { dns: vec!["2001:db8::53".parse().unwrap()], ..prefixes(&[prefix(OLD, 20, 50)]) };
    let last = message(ClientEvent::Update, 11_000, dns);
    ledger.take(&last);
    let whole = ledger.whole(&last);
    assert_eq!((whole.at_ms, whole.event), (11_000, ClientEvent::Update));
    let report = whole.v6.as_ref().unwrap();
    assert_eq!(report.dns.len(), 1);
    assert_eq!((report.addresses[0].preferred, report.addresses[0].valid), (Lifetime(30), Lifetime(50)));
    let mut later = Ledger::default();
    later.take(&whole);
    assert_eq!(held(&later), held(&ledger));
}

proptest! {
    /// Whatever is said in whatever order: every end lies where the last word on its value put it, nothing that was
    /// taken back last is held, the whole is a message that can be sent, and a later daemon finds the same within the
    /// second that a message can express.
    #[test]
    fn the_last_word_counts(
        words in prop::collection::vec((0_u8..4, 0_u32..100, 0_u32..100, any::<bool>(), 1_u64..3_000), 1..40)
    ) {
        let mut ledger = Ledger::default();
        let mut truth: std::collections::BTreeMap<u8, u64> = Default::default();
        let mut now = 0;
        let mut last = None;
        for (which, preferred, valid, claimed, passes) in words {
            now += passes;
            truth.retain(|_, end| *end > now);
            ledger.expire(now);
            let text = format!("2001:db8:f{which}00::/56");
            let said = V6Prefix { claimed, ..prefix(&text, preferred.min(valid), valid) };
            let message = message(ClientEvent::Update, now, prefixes(&[said]));
            ledger.take(&message);
            match (claimed, valid, truth.contains_key(&which)) {
                (true, _, true) | (_, 0, false) => {}
                (false, 0, true) => { truth.remove(&which); }
                _ => { truth.insert(which, now + u64::from(valid) * 1000); }
            }
            last = Some(message);
        }
        let found: std::collections::BTreeMap<_, _> =
            ledger.entries().iter().map(|entry| (entry.value.to_string(), entry.valid_until().unwrap())).collect();
        let expected: std::collections::BTreeMap<_, _> =
            truth.iter().map(|(which, end)| (format!("prefix 2001:db8:f{which}00::/56"), *end)).collect();
        prop_assert_eq!(&found, &expected);
        let whole = ledger.whole(&last.unwrap());
        let read = LeaseMessage::decode(&whole.encode().unwrap()).unwrap();
        let mut later = Ledger::default();
        later.take(&read);
        for entry in later.entries() {
            let end = expected[&entry.value.to_string()];
            prop_assert!(entry.valid_until().unwrap().abs_diff(end) <= 500);
        }
    }
}
