use crate::config::Token;
use crate::delegation::advertise::Lifetimes;
use crate::delegation::tests::house::{HOUR, House, SECOND, address, lan, p};
use crate::delegation::{Delegated, Standing};
use crate::events::EventKind::{PrefixAssigned, PrefixDeprecated, PrefixRefused, PrefixRemoved};
use crate::network::HardwareAddress;

const OLD: &str = "2001:db8:f100::/56";
const NEW: &str = "2001:db8:f200::/56";

fn one_lan() -> House {
    House::new(&[("br-lan", lan(&["wan6"], Some(1), 64))])
}

fn told(kind: crate::events::EventKind, about: &str) -> (crate::events::EventKind, String) {
    (kind, about.to_owned())
}

#[test]
fn a_lan_gets_its_part_and_the_rest_is_unreachable() {
    let mut house = one_lan();
    assert_eq!(
        house.take("wan6", &[(OLD, 600, 1200)]),
        [told(PrefixAssigned, "br-lan 2001:db8:f100:1::/64")]
    );
    assert_eq!(house.addresses("br-lan"), [("2001:db8:f100:1::1/64".to_owned(), 600, 1200)]);
    assert_eq!(house.desired("lo").unwrap().unreachable, [p(OLD)]);
}

#[test]
fn a_renewal_moves_the_lifetimes_and_nothing_else() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    let writes = house.writes;
    for _ in 0..100 {
        assert_eq!(house.pass(300 * SECOND), []);
        assert_eq!(house.take("wan6", &[(OLD, 600, 1200)]), []);
        assert_eq!(house.addresses("br-lan"), [("2001:db8:f100:1::1/64".to_owned(), 600, 1200)]);
    }
    assert_eq!(house.writes, writes, "the flash is not written for renewals");
}

#[test]
fn another_prefix_deprecates_the_old_one_for_what_it_had_and_two_hours_at_most() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 3600)]);
    house.pass(100 * SECOND);
    let events = house.take("wan6", &[(NEW, 600, 86_400)]);
    let expected = [
        told(PrefixAssigned, "br-lan 2001:db8:f200:1::/64"),
        told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64"),
    ];
    assert_eq!(events, expected);
    let fields = &house.last.as_ref().unwrap().events[1].fields;
    assert_eq!((fields["preferred"].as_str(), fields["valid"].as_str()), ("0", "3500"));
    assert_eq!(house.desired("lo").unwrap().unreachable, [p(NEW)], "the old one may be another's by now");
    let events = house.take("wan6", &[(OLD, 600, 86_400)]);
    let expected = [
        told(PrefixAssigned, "br-lan 2001:db8:f100:1::/64"),
        told(PrefixDeprecated, "br-lan 2001:db8:f200:1::/64"),
    ];
    assert_eq!(events, expected, "and back");
    assert_eq!(house.addresses("br-lan")[1], ("2001:db8:f200:1::1/64".to_owned(), 0, 7200));
    assert_eq!(house.pass(7200 * SECOND - 1), [told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64")]);
    assert_eq!(house.pass(1), [told(PrefixRemoved, "br-lan 2001:db8:f200:1::/64")]);
}

#[test]
fn what_ends_by_its_time_goes_although_nobody_says_so() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    assert_eq!(house.pass(600 * SECOND), [told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64")]);
    assert_eq!(house.standing("br-lan")[0].state, Standing::Deprecated);
    assert_eq!(house.pass(600 * SECOND), [told(PrefixRemoved, "br-lan 2001:db8:f100:1::/64")]);
    assert!(house.desired("br-lan").is_none() && house.desired("lo").is_none());
}

#[test]
fn a_prefix_that_was_only_deprecated_by_the_provider_may_come_back() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    assert_eq!(
        house.take("wan6", &[(OLD, 0, 1200)]),
        [told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64")]
    );
    assert_eq!(
        house.take("wan6", &[(OLD, 600, 1200)]),
        [told(PrefixAssigned, "br-lan 2001:db8:f100:1::/64")]
    );
}

#[test]
fn the_loss_of_a_prefix_that_nobody_had_is_nothing() {
    let mut house = one_lan();
    assert_eq!(house.take("wan6", &[]), []);
    house.take("wan6", &[(NEW, 600, 1200)]);
    assert_eq!(house.take("wan6", &[(NEW, 600, 1200), (OLD, 0, 0)]), []);
    assert_eq!(house.take("other", &[]), []);
    assert_eq!(house.addresses("br-lan").len(), 1);
}

#[test]
fn several_lans_share_a_prefix_and_one_gets_parts_of_several() {
    let mut house = House::new(&[
        ("br-guest", lan(&["wan6", "lte6"], None, 64)),
        ("br-iot", lan(&["wan6"], None, 60)),
        ("br-lan", lan(&["wan6"], Some(1), 64)),
    ]);
    house.take("lte6", &[("2001:db8:a::/64", 600, 1200)]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    let got = |lan: &str| house.addresses(lan).into_iter().map(|(address, ..)| address).collect::<Vec<_>>();
    assert_eq!(got("br-guest"), ["2001:db8:a::1/64", "2001:db8:f100::1/64"]);
    assert_eq!(got("br-iot"), ["2001:db8:f100:10::1/60"]);
    assert_eq!(got("br-lan"), ["2001:db8:f100:1::1/64"]);
}

#[test]
fn a_lan_that_does_not_fit_is_refused_and_no_other() {
    let mut house = House::new(&[
        ("br-a", lan(&["wan6"], Some(4), 64)),
        ("br-b", lan(&["wan6"], None, 60)),
        ("br-c", lan(&["wan6"], Some(0), 64)),
        ("br-d", lan(&["wan6"], None, 63)),
        ("br-e", lan(&["wan6"], None, 64)),
        ("br-f", lan(&["wan6"], None, 64)),
    ]);
    let events = house.take("wan6", &[("2001:db8::/62", 600, 1200)]);
    assert_eq!(events.iter().filter(|(kind, _)| *kind == PrefixRefused).count(), 3, "{events:?}");
    assert_eq!(house.refused("br-a"), ["2001:db8::/62 has no subnet 4 of /64; it has 0 to 3"]);
    assert_eq!(house.refused("br-b"), ["2001:db8::/62 is too small for a LAN of /60"]);
    assert_eq!(house.refused("br-f"), ["2001:db8::/62 has no /64 left"]);
    for (lan, expected) in
        [("br-c", "2001:db8::1/64"), ("br-d", "2001:db8:0:2::1/63"), ("br-e", "2001:db8:0:1::1/64")]
    {
        assert_eq!(house.addresses(lan)[0].0, expected);
    }
    assert_eq!(house.take("wan6", &[("2001:db8::/62", 600, 1200)]), [], "it is said once");
}

#[test]
fn nobody_gets_what_is_excluded() {
    let mut house = House::new(&[("br-a", lan(&["wan6"], Some(0), 64)), ("br-b", lan(&["wan6"], None, 64))]);
    let delegated = |exclude: Option<&str>, now| Delegated {
        prefix: p(OLD),
        exclude: exclude.map(p),
        iaid: None,
        preferred_until: None,
        valid_until: Some(now + HOUR),
    };
    let now = house.now;
    house.hand("wan6", vec![delegated(Some("2001:db8:f100::/64"), now)]);
    assert!(house.refused("br-a")[0].contains("is excluded from delegation"), "{:?}", house.refused("br-a"));
    assert_eq!(house.addresses("br-b")[0].0, "2001:db8:f100:1::1/64");
    // It becomes so later: the address goes at once, and hosts are told.
    house.hand("wan6", vec![delegated(Some("2001:db8:f100:1::/64"), now)]);
    assert_eq!(house.addresses("br-a")[0].0, "2001:db8:f100::1/64");
    assert_eq!(house.addresses("br-b")[0].0, "2001:db8:f100:2::1/64");
    assert_eq!(house.standing("br-b")[0].state, Standing::Withdrawn);
    let advertised = &house.last.as_ref().unwrap().advertised[1].prefixes[0];
    assert_eq!(advertised.prefix, p("2001:db8:f100:1::/64"));
    assert_eq!(advertised.lifetimes, Lifetimes::Deprecated { valid: 0 });
}

#[test]
fn the_number_of_a_lan_stays_when_others_come_and_another_prefix_does() {
    let mut house = House::new(&[("br-m", lan(&["wan6"], None, 64))]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.known.lans.delegations.insert("br-a".parse().unwrap(), lan(&["wan6"], None, 64));
    house.decide();
    house.take("wan6", &[(NEW, 600, 1200)]);
    assert_eq!(house.addresses("br-m").last().unwrap().0, "2001:db8:f200::1/64");
    assert_eq!(house.addresses("br-a").last().unwrap().0, "2001:db8:f200:1::1/64");
    house.reboot(HOUR);
    house.settle();
    house.take("wan6", &[("2001:db8:f300::/56", 600, 1200)]);
    assert_eq!(house.addresses("br-m").last().unwrap().0, "2001:db8:f300::1/64");
}

#[test]
fn a_restart_of_the_daemon_is_nothing() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    let writes = house.writes;
    house.pass(60 * SECOND);
    house.restart();
    assert_eq!(house.take("wan6", &[(OLD, 540, 1140)]), []);
    assert_eq!(house.settle(), []);
    assert_eq!(house.addresses("br-lan"), [("2001:db8:f100:1::1/64".to_owned(), 540, 1140)]);
    assert_eq!(house.writes, writes);
}

#[test]
fn what_went_while_the_daemon_was_away_is_deprecated_when_every_client_has_told() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.restart();
    assert_eq!(house.decide(), [], "nobody has told yet");
    assert!(house.desired("br-lan").is_none());
    assert_eq!(house.settle(), [told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64")]);
}

#[test]
fn after_a_reboot_the_same_prefix_deprecates_nothing() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 86_400)]);
    house.reboot(60 * SECOND);
    assert_eq!(house.settle(), []);
    assert_eq!(house.take("wan6", &[]), [], "a lease that has come by half");
    house.pass(30 * SECOND);
    assert_eq!(
        house.take("wan6", &[(OLD, 600, 86_400)]),
        [told(PrefixAssigned, "br-lan 2001:db8:f100:1::/64")]
    );
    assert_eq!(house.pass(300 * SECOND), []);
}

#[test]
fn after_a_reboot_another_prefix_deprecates_the_old_one() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 86_400)]);
    house.pass(24 * HOUR);
    house.take("wan6", &[(OLD, 600, 86_400)]);
    house.reboot(60 * SECOND);
    house.settle();
    let expected = [
        told(PrefixAssigned, "br-lan 2001:db8:f200:1::/64"),
        told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64"),
    ];
    assert_eq!(house.take("wan6", &[(NEW, 600, 86_400)]), expected);
    assert_eq!(house.addresses("br-lan")[0], ("2001:db8:f100:1::1/64".to_owned(), 0, 7200));
    // And once more: what was stale goes on to count down.
    house.pass(600 * SECOND);
    house.reboot(100 * SECOND);
    house.settle();
    assert_eq!(house.addresses("br-lan")[0], ("2001:db8:f100:1::1/64".to_owned(), 0, 6500));
}

#[test]
fn after_a_reboot_a_prefix_that_does_not_come_back_is_deprecated_all_the_same() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.reboot(60 * SECOND);
    house.settle();
    assert_eq!(house.pass(119 * SECOND), []);
    assert_eq!(house.pass(2 * SECOND), [told(PrefixDeprecated, "br-lan 2001:db8:f100:1::/64")]);
    let (_, preferred, valid) = house.addresses("br-lan").remove(0);
    assert!(preferred == 0 && (1200..=1920).contains(&valid), "{valid}");
}

#[test]
fn one_of_two_prefixes_that_came_back_is_no_reason_to_give_the_other_up() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200), (NEW, 600, 1200)]);
    house.reboot(60 * SECOND);
    house.settle();
    assert_eq!(
        house.take("wan6", &[(NEW, 600, 1200)]),
        [told(PrefixAssigned, "br-lan 2001:db8:f200:1::/64")]
    );
    let both = [(OLD, 600, 1200), (NEW, 600, 1200)];
    assert_eq!(house.take("wan6", &both), [told(PrefixAssigned, "br-lan 2001:db8:f100:1::/64")]);
}

#[test]
fn a_lan_that_is_not_configured_any_more_has_nothing() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.known.lans.delegations.clear();
    assert_eq!(house.decide(), [told(PrefixRemoved, "br-lan 2001:db8:f100:1::/64")]);
    assert_eq!(house.on_links(), []);
    assert_eq!(house.desired("lo").unwrap().unreachable, [p(OLD)]);
}

#[test]
fn the_operator_may_give_a_part_to_another_lan() {
    let mut house = House::new(&[("br-a", lan(&["wan6"], None, 64))]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.known.lans.delegations.insert("br-b".parse().unwrap(), lan(&["wan6"], Some(0), 64));
    house.decide();
    assert_eq!(house.addresses("br-b")[0].0, "2001:db8:f100::1/64");
    assert_eq!(house.addresses("br-a")[0].0, "2001:db8:f100:1::1/64");
    assert_eq!(house.addresses("br-a").len(), 1, "a part is on one link only");
    assert_eq!(house.standing("br-a")[0].state, Standing::Withdrawn);
}

#[test]
fn another_token_changes_the_address_and_keeps_the_prefix() {
    let mut house = one_lan();
    house.take("wan6", &[(OLD, 600, 1200)]);
    let lan = house.known.lans.delegations.get_mut("br-lan").unwrap();
    lan.token = Token::Eui64;
    assert_eq!(house.decide(), [], "without an Ethernet address the old one stays");
    house.hardware = Some(HardwareAddress([2, 0, 0, 0, 0, 1]));
    assert_eq!(house.decide(), [told(PrefixAssigned, "br-lan 2001:db8:f100:1::/64")]);
    assert_eq!(house.addresses("br-lan"), [("2001:db8:f100:1:0:ff:fe00:1/64".to_owned(), 600, 1200)]);
    house.hardware = None;
    assert_eq!(house.decide(), [], "a LAN that is away for a moment");
    assert_eq!(house.addresses("br-lan").len(), 1);
}

#[test]
fn local_addresses_are_there_without_a_provider() {
    let mut house = one_lan();
    house.known.ula = Some(p("fd12:3456:789a::/48"));
    assert_eq!(house.decide(), [told(PrefixAssigned, "br-lan fd12:3456:789a:1::/64")]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.reboot(60 * SECOND);
    house.settle();
    assert_eq!(house.addresses("br-lan"), [("fd12:3456:789a:1::1/64".to_owned(), u64::MAX, u64::MAX)]);
    let advertised = &house.last.as_ref().unwrap().advertised[0];
    assert!(!advertised.is_router, "there is nobody to route to");
}

#[test]
fn two_providers_that_delegate_the_same_are_no_reason_for_two_parts() {
    let mut house =
        House::new(&[("br-lan", lan(&["wan6", "lte6"], None, 64)), ("br-b", lan(&["lte6"], None, 64))]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.take("lte6", &[(OLD, 300, 2400)]);
    assert_eq!(house.addresses("br-lan"), [("2001:db8:f100::1/64".to_owned(), 600, 2400)]);
    assert_eq!(house.addresses("br-b").len(), 1);
    assert_eq!(house.take("wan6", &[]), []);
    assert_eq!(house.addresses("br-lan"), [("2001:db8:f100::1/64".to_owned(), 300, 2400)]);
}

#[test]
fn another_providers_prefix_takes_nothing_from_a_lan_that_has_it() {
    let mut house = House::new(&[("br-a", lan(&["wan6"], None, 64)), ("br-b", lan(&["lte6"], Some(0), 64))]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.take("lte6", &[("2001:db8:f100::/60", 600, 1200)]);
    assert_eq!(house.addresses("br-a")[0].0, "2001:db8:f100::1/64");
    assert_eq!(
        house.refused("br-b"),
        ["subnet 0: 2001:db8:f100::/64 overlaps 2001:db8:f100::/64, which br-a has"]
    );
}

#[test]
fn a_restart_gives_no_lan_what_another_one_has_of_the_same_prefix() {
    let mut house =
        House::new(&[("br-a", lan(&["wan6"], Some(5), 64)), ("br-b", lan(&["lte6"], Some(5), 64))]);
    house.take("lte6", &[(OLD, 600, 1200)]);
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.restart();
    house.take("wan6", &[(OLD, 600, 1200)]);
    house.take("lte6", &[(OLD, 600, 1200)]);
    house.settle();
    assert_eq!(house.addresses("br-b").len(), 1, "it had it first");
    assert_eq!(house.addresses("br-a"), []);
}

#[test]
fn a_provider_that_changes_its_mind_all_day_does_not_fill_a_lan() {
    let mut house = one_lan();
    for n in 0..200 {
        house.take("wan6", &[(&format!("2001:db8:{n:x}00::/56"), 600, 86_400)]);
        house.pass(10 * SECOND);
        assert!(house.addresses("br-lan").len() <= 17);
    }
}

#[test]
fn what_is_no_prefix_for_anybody_is_passed_over() {
    let mut house = House::new(&[("br-lan", lan(&["wan6"], Some(0), 64))]);
    let never = ["::/0", "fe80::/64", "ff02::/48", "::ffff:0:0/96", "10.0.0.0/8", "2001:db8::/56"];
    house.take("wan6", &never.map(|prefix| (prefix, 600, if prefix == "2001:db8::/56" { 0 } else { 1200 })));
    assert_eq!(house.on_links(), []);
    assert!(house.desired("lo").is_none());
    house.take("wan6", &[("fd00:1::/56", 600, 1200)]);
    assert_eq!(house.desired("br-lan").unwrap().addresses[0].address.address(), address("fd00:1::1"));
}
