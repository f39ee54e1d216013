//! What a daemon learns from the messages, compared with what the server really said: of every captured call the
//! server's words are known, from its configuration or because it is ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{scenario, values, variables};
use dhcpmgr_dibbler::environment;
use dhcpmgr_message::V6Report;

/// What is held, with its lifetimes.
type Held = BTreeMap<String, String>;

/// The rule of the daemon, in the words of [`values`].
fn learn(held: &mut Held, report: &V6Report) {
    for value in values(report) {
        let (value, claimed) = value.strip_suffix('?').map_or((&*value, false), |value| (value, true));
        let (what, lifetimes) = value.split_once(' ').unwrap();
        match (claimed, held.contains_key(what), lifetimes.ends_with(" 0")) {
            (true, true, _) | (true, false, true) => {}
            (false, _, true) => {
                held.remove(what);
            }
            _ => {
                held.insert(what.to_owned(), lifetimes.to_owned());
            }
        }
    }
}

/// What the server's words mean.
fn truth(held: &mut Held, said: &[&str]) {
    for value in said {
        let (what, lifetimes) = value.split_once(' ').unwrap();
        if lifetimes.ends_with(" 0") {
            held.remove(what);
        } else {
            held.insert(what.to_owned(), lifetimes.to_owned());
        }
    }
}

/// Follows a scenario call by call: what is learnt must be what is true.
fn follow(name: &str, said: &[&[&str]]) {
    let files = scenario(name);
    assert_eq!(files.len(), said.len(), "{name}");
    let (mut learnt, mut real) = (Held::new(), Held::new());
    for (file, said) in files.iter().zip(said) {
        // Different lifetimes, or the same value would not show that it was learnt again.
        for lifetimes in learnt.values_mut().chain(real.values_mut()) {
            *lifetimes = "before".to_owned();
        }
        learn(&mut learnt, &environment::read(common::context(), variables(file)).unwrap().report);
        truth(&mut real, said);
        assert_eq!(learnt, real, "{}", file.display());
    }
}

const KEA_NA: &[&str] = &["2001:db8:6::1000 40 60"];
const KEA_PD: &[&str] = &["2001:db8:f000::/56 40 60"];

#[test]
fn renewals() {
    let both: &[&str] = &[KEA_NA[0], KEA_PD[0]];
    let renewals = [KEA_PD, KEA_NA].into_iter().cycle().take(12);
    follow("kea-full", &std::iter::once(both).chain(renewals).collect::<Vec<_>>());
    follow("na2", &[&["2001:db8:10::1000 40 60"]]);
    follow("pd2", &[&["2001:db8:f100::/56 40 60"]]);
    follow("stateless2", &[&[]]);
}

#[test]
fn a_renumbering() {
    let (na, pd) = (&["2001:db8:8::2000 40 60"][..], &["2001:db8:f200::/56 40 60"][..]);
    follow(
        "renum",
        &[
            &["2001:db8:8::1000 40 60", "2001:db8:f100::/56 40 60"],
            &["2001:db8:f200::/56 40 60", "2001:db8:f100::/56 0 0"],
            pd,
            &["2001:db8:8::2000 40 60", "2001:db8:8::1000 0 0"],
            pd,
            na,
            pd,
            na,
            pd,
            na,
        ],
    );
}

const NA: &str = "2001:db8:8::1000 20 30";
const PD: &str = "2001:db8:f100::/56 20 30";
const BOTH: &[&str] = &[NA, PD];

#[test]
fn what_was_offered_and_then_refused_was_not_given() {
    // dibbler shows the prefix of the ADVERTISE, which it asked for in its REQUEST, as if it had got it.
    follow("request-pd-refused", &[&[NA]]);
    follow("request-pd-passed-over", &[&[NA], &[]]);
}

#[test]
fn a_binding_that_the_server_does_not_know_is_not_extended() {
    follow("renew-no-binding", &[BOTH, &[], &[]]);
    follow("rebind-no-binding", &[BOTH, &[]]);
    follow("rebind-passed-over", &[BOTH, &[], &[]]);
}

#[test]
fn an_answer_to_a_rebind_extends() {
    follow("rebind-options", &[BOTH, &[NA]]);
    follow("duplicates", &[BOTH, &[PD]]);
}

#[test]
fn a_server_that_puts_its_identity_associations_first_is_understood_as_well() {
    let (na, pd) = ("2001:db8:8::33fb 20 30", "2001:db8:f36a:ae00::/56 20 30");
    // It was away until T2, and then found no prefix for the first REBIND.
    follow("dibbler-server", &[&[na, pd], &[], &[na], &[pd], &[pd], &[na]]);
}

#[test]
fn the_zeros_of_a_confirm_withdraw_nothing() {
    // The third was an answer for the prefix that dibbler took for the answer to the renewal of the address: both
    // had the same transaction id.
    follow("confirm", &[BOTH, &[], &[PD], &[PD], &[PD]]);
}

#[test]
fn prefixes_that_no_network_delegates_are_told_apart_all_the_same() {
    let kept = ["2001:db8:f100::/56 20 30", "2001:db8:f100:1::/124 20 30", "::/0 20 30", NA];
    follow("odd-prefixes", &[&kept]);
    let reading = common::capture("odd-prefixes/0001-add.env");
    assert_eq!(
        reading.problems.lines(),
        [
            "PREFIX1: 2001:db8:f100:0:1::/56 has host bits set, 2001:db8:f100::/56 is meant",
            "PREFIX3 is left out: prefix \"2001:db8:f100:2::/200\" is longer than its address family allows",
            "PREFIX4: 2001:db8:f300::/0 has host bits set, ::/0 is meant",
        ]
    );
}

/// Where the environment does not say enough, of an address in an answer to REQUEST or REBIND after which there is no
/// other option. What dibbler holds after the call (`client-AddrMgr.xml`) would.
mod doubt {
    use super::*;

    fn told(name: &str) -> Vec<Vec<String>> {
        let read = |file: &std::path::PathBuf| {
            values(&environment::read(common::context(), variables(file)).unwrap().report)
        };
        scenario(name).iter().map(read).collect()
    }

    #[test]
    fn an_address_that_was_offered_and_then_refused_looks_given() {
        assert_eq!(told("request-na-refused"), [[NA, PD]]);
    }

    #[test]
    fn an_address_that_a_rebind_extended_is_only_claimed() {
        assert_eq!(told("rebind-bare")[1..], [[PD.to_owned()], [format!("{NA}?")]]);
        let renumbered = ["2001:db8:8::2000 20 30?", "2001:db8:8::1000 0 0?"];
        assert_eq!(told("rebind-renumbered")[1], renumbered);
    }
}

#[test]
fn what_the_server_did_not_answer_is_said_so() {
    let problems = |name: &str| common::capture(name).problems.lines();
    assert_eq!(
        problems("request-pd-refused/0001-add.env"),
        ["2001:db8:f100::/56 was asked for and is not in the answer"]
    );
    assert_eq!(
        problems("renew-no-binding/0003-update.env"),
        ["2001:db8:8::1000 was asked for and is not in the answer"]
    );
    // The status of the server, which dibbler shows without its value.
    assert_eq!(
        problems("confirm/0002-add.env"),
        ["option 13 (SRV_OPTION13): \"[generic]\" means that dibbler does not tell the value"]
    );
}

/// To count how often an address or prefix is listed is not enough: a server that answers a REBIND is listed once like
/// one that does not, and one that refuses a REQUEST is believed.
#[test]
fn the_count_alone_would_be_wrong() {
    let once = |name: &str, variable: &str| {
        let variables = variables(&common::captures().join(name));
        variables.iter().filter(|(_, value)| value == variable.as_bytes()).count() == 1
    };
    // Given, and not given.
    assert!(once("rebind-bare/0002-update.env", "2001:db8:f100::"));
    assert!(once("rebind-passed-over/0003-update.env", "2001:db8:f100::"));
    assert!(once("rebind-options/0002-update.env", "2001:db8:8::1000"));
    assert!(once("rebind-no-binding/0002-update.env", "2001:db8:8::1000"));
    // Given, and not given.
    assert!(once("pd2/0001-add.env", "2001:db8:f100::"));
    assert!(once("request-pd-refused/0001-add.env", "2001:db8:f100::"));
}
