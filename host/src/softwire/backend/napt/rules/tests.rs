//! The rule set, read back by a reader that knows nothing of how it was written.

use dhcpmgr_plugin_api::Ports;
use proptest::prelude::*;

use super::*;

fn shared(ports: PortSet) -> Softwire {
    Softwire {
        kind: "map-t".into(),
        ipv4: Some("192.0.2.18/32".parse().unwrap()),
        ports: Ports { offset: ports.offset(), psid_len: ports.psid_len(), psid: ports.psid() },
        mtu: Some(1472),
        ..Softwire::default()
    }
}

fn interface() -> IfName {
    "sw-wan0".parse().unwrap()
}

fn text(kind: Kind, softwire: &Softwire) -> String {
    rule_set(&interface(), kind, softwire).unwrap()
}

/// The ranges that flows are translated to, as the rule set has them.
fn translated_to(set: &str) -> Vec<(u16, u16)> {
    let rule = set.lines().find(|line| line.contains(" snat ")).unwrap();
    let span = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        (first.trim().parse().unwrap(), last.trim().parse().unwrap())
    };
    match rule.split_once(" map { ") {
        None => vec![span(rule.split_once("192.0.2.18:").unwrap().1)],
        Some((head, elements)) => {
            let elements: Vec<&str> = elements.trim_end_matches(" }").split(", ").collect();
            assert!(head.ends_with(&format!("mod {}", elements.len())), "{head}");
            let element = |(at, element): (usize, &&str)| {
                let (key, value) = element.split_once(" : ").unwrap();
                assert_eq!(key.parse::<usize>().unwrap(), at);
                span(value.strip_prefix("192.0.2.18 . ").unwrap())
            };
            elements.iter().enumerate().map(element).collect()
        }
    }
}

/// What the rules with this expression drop: `Ok` for a mask and what must be behind it, `Err` for the lowest port.
fn drops(set: &str, expression: &str) -> Vec<Result<(u16, u16), u16>> {
    let number = |text: &str| u16::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let mut found = Vec::new();
    for rule in set.lines().filter(|line| line.ends_with(" drop")) {
        let Some((_, test)) = rule.split_once(&format!(" {expression} ")) else { continue };
        found.push(match test.split(' ').collect::<Vec<_>>().as_slice() {
            ["&", mask, "!=", value, "drop"] => Ok((number(mask), number(value))),
            ["<", lowest, "drop"] => Err(lowest.parse().unwrap()),
            other => panic!("{other:?}"),
        });
    }
    assert!(!found.is_empty(), "{expression}");
    found
}

#[test]
fn the_published_example_is_one_table_that_replaces_itself() {
    let set = text(Kind::MapT, &shared(PortSet::new(6, 8, 0x34).unwrap()));
    assert!(set.starts_with("table ip dhcpmgr-sw-wan0 { }\ndelete table ip dhcpmgr-sw-wan0\n"), "{set}");
    assert!(
        set.contains("numgen inc mod 63 map { 0 : 192.0.2.18 . 1232-1235, 1 : 192.0.2.18 . 2256-2259, "),
        "{set}"
    );
    assert!(
        set.contains("  iifname \"sw-wan0\" meta l4proto { tcp, udp } th dport & 0x03fc != 0x00d0 drop\n"),
        "{set}"
    );
    assert!(set.contains("th dport < 1024 drop"), "{set}");
    assert_eq!(set.matches("maxseg size set 1432").count(), 2, "both ways");
    assert_eq!(set.matches("table").count(), 3, "{set}");
}

#[test]
fn an_address_of_ones_own_keeps_its_ports_and_a_prefix_is_used_whole() {
    let mut softwire = shared(PortSet::default());
    let set = text(Kind::MapE, &softwire);
    assert!(set.contains("oifname \"sw-wan0\" ip saddr != 192.0.2.18/32 snat to 192.0.2.18\n"), "{set}");
    assert!(!set.contains("dport") && !set.contains("numgen"), "{set}");
    softwire.ipv4 = Some("192.0.2.16/29".parse().unwrap());
    let set = text(Kind::MapE, &softwire);
    assert!(set.contains("ip saddr != 192.0.2.16/29 snat to 192.0.2.16-192.0.2.23\n"), "{set}");
}

#[test]
fn the_isp_translates_for_ds_lite_and_only_sizes_are_clamped() {
    let softwire = Softwire { kind: "ds-lite".into(), mtu: Some(1460), ..Softwire::default() };
    let set = text(Kind::DsLite, &softwire);
    assert!(!set.contains("snat") && set.contains("size set 1420"), "{set}");
    assert!(set.contains("iifname \"sw-wan0\" oifname \"sw-wan0\" drop"), "{set}");
    let unknown = Softwire { mtu: None, ..softwire };
    assert!(!text(Kind::DsLite, &unknown).contains("maxseg"));
}

#[test]
fn what_says_no_address_is_no_rule_set() {
    assert_eq!(rule_set(&interface(), Kind::Lw4o6, &Softwire::default()), None);
    let mut softwire = shared(PortSet::new(6, 8, 1).unwrap());
    softwire.ipv4 = Some("192.0.2.0/24".parse().unwrap());
    assert_eq!(rule_set(&interface(), Kind::MapT, &softwire), None, "a shared prefix is nothing");
}

fn port_sets() -> impl Strategy<Value = PortSet> {
    (0..=15_u8, 1..=16_u8)
        .prop_filter("fits into a port", |(offset, psid_len)| offset + psid_len <= 16)
        .prop_flat_map(|(offset, psid_len)| {
            let psids = 0..(1_u32 << psid_len);
            psids.prop_map(move |psid| PortSet::new(offset, psid_len, psid as u16).unwrap())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every port of the set is translated to, every other one is dropped on both ways, for echoes as well.
    #[test]
    fn the_rules_have_every_port_of_the_set_and_no_other(ports in port_sets()) {
        let set = text(Kind::MapT, &shared(ports));
        let mut taken = vec![false; 65536];
        for (first, last) in translated_to(&set) {
            for port in first..=last {
                assert!(!std::mem::replace(&mut taken[usize::from(port)], true), "{port} twice");
            }
        }
        let right: Vec<bool> = (0..=u16::MAX).map(|port| ports.contains(port)).collect();
        prop_assert!(taken == right, "other ports than those of {ports:?}");
        for expression in ["th dport", "th sport", "icmp id"] {
            let rules = drops(&set, expression);
            let dropped = |port: u16| rules.iter().any(|rule| match rule {
                Ok((mask, value)) => port & mask != *value,
                Err(lowest) => port < *lowest,
            });
            let passed: Vec<bool> = (0..=u16::MAX).map(|port| !dropped(port)).collect();
            prop_assert!(passed == right, "{expression} of {ports:?}");
        }
    }

    /// Whatever the softwire says, the text holds only what such a text is made of.
    #[test]
    fn there_is_nothing_to_quote(ports in port_sets(), mtu in any::<Option<u32>>()) {
        let softwire = Softwire { mtu, ..shared(ports) };
        let set = text(Kind::Lw4o6, &softwire);
        let plain = |c: char| c.is_ascii_alphanumeric() || " \n-_.,:;/{}\"&|()!=<>+".contains(c);
        prop_assert!(set.chars().all(plain));
        prop_assert_eq!(set.matches('"').count() % 2, 0);
    }
}
