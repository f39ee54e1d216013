//! What holds for every rule: the library's sums agree with those of `support`, and each way has its way back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_softwire::{
    Content, Destination, Input, InterfaceId, Ipv4Prefix, Ipv6Prefix, Kind, PortSet, Quirk, Quirks, Remote,
    Softwire, decode, rfc6052,
};
use proptest::prelude::*;
use support::{Figures, digits, hex, option, v4_digits, v6_digits};

/// Figures that fit each other.
fn figures() -> impl Strategy<Value = Figures> {
    (0..=32_u8, 0..=32_u8, 0..=15_u8, any::<[u8; 4]>())
        .prop_flat_map(|(v4_len, suffix, offset, wishes)| {
            let suffix = suffix.min(32 - v4_len);
            // A PSID takes a whole address.
            let most_psid =
                if v4_len + suffix == 32 { 16 - offset.max(6 * u8::from(wishes[0] % 2 == 0)) } else { 0 };
            (Just((v4_len, suffix, offset, wishes)), 0..=most_psid, any::<(Ipv6Addr, Ipv4Addr, u16)>())
        })
        .prop_map(|((v4_len, suffix, offset, wishes), psid_len, (v6, v4, psid))| {
            let explicit = suffix == 0 && v4_len == 32 && wishes[1] % 2 == 0;
            let ea_len = if explicit { 0 } else { suffix + psid_len };
            let said = if explicit || wishes[2] % 3 == 0 { psid_len } else { 0 };
            let psid = if explicit { psid & ((1_u32 << said) - 1) as u16 } else { 0 };
            // Without parameters the offset is 6, and has been made to fit.
            let params = (explicit || wishes[0] % 2 == 1).then_some((offset, said, psid));
            let v6_len = wishes[3] % (129 - ea_len);
            Figures { flags: wishes[3] & 1, v6, v6_len, v4, v4_len, ea_len, params }
        })
}

/// A customer of the rule: a delegated prefix that may be longer than rule and EA bits.
fn customer() -> impl Strategy<Value = (Figures, Ipv6Addr, u8)> {
    (figures(), any::<u128>(), any::<u8>()).prop_map(|(figures, ea, longer)| {
        let least = figures.v6_len + figures.ea_len;
        let len = least + longer % (129 - least).min(12);
        let rule = &v6_digits(figures.v6)[..usize::from(figures.v6_len)];
        let ea = digits(ea, usize::from(figures.ea_len));
        let prefix = support::v6(&(rule.to_owned() + &ea));
        (figures, prefix, len)
    })
}

fn container(rules: &[&Figures]) -> Vec<u8> {
    let mut container: Vec<u8> = rules.iter().flat_map(|figures| figures.option()).collect();
    container.extend(option(91, &hex("40 20010db8ffff0000")));
    container
}

fn configured(figures: &Figures, prefix: Ipv6Addr, len: u8) -> Softwire {
    let bytes = container(&[figures]);
    let decoded = decode(Kind::MapT, Input::value(&bytes).unwrap(), Quirks::NONE, &mut ()).unwrap();
    decoded.configure(&[Ipv6Prefix::containing(prefix, len).unwrap()]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_customer_has_what_another_calculation_says((figures, prefix, len) in customer()) {
        let softwire = configured(&figures, prefix, len);
        let edge = softwire.customer.unwrap();
        let expected = figures.expect(prefix, len);
        prop_assert_eq!(edge.ea_bits, expected.ea_bits);
        prop_assert_eq!((edge.ipv4.address(), edge.ipv4.len()), (expected.ipv4, expected.ipv4_len));
        let ports = edge.ports;
        prop_assert_eq!((ports.psid_len(), ports.psid()), (expected.psid_len, expected.psid));
        prop_assert_eq!(ports.offset(), expected.offset);
        prop_assert_eq!(edge.ipv6, expected.ce);
        prop_assert_eq!(u64::from(ports.sharing_ratio()), 1_u64 << expected.psid_len);
    }

    #[test]
    fn what_is_written_is_what_is_read(figures in figures(), other in figures(), brs in prop::collection::vec(any::<Ipv6Addr>(), 1..4)) {
        let mut bytes = container(&[&figures, &other]);
        let read = decode(Kind::MapT, Input::value(&bytes).unwrap(), Quirks::NONE, &mut ());
        if figures.v6_len == other.v6_len && v6_digits(figures.v6)[..usize::from(figures.v6_len)] == v6_digits(other.v6)[..usize::from(other.v6_len)] {
            prop_assert!(read.is_err());
            return Ok(());
        }
        let content = read.unwrap().content().clone();
        let again = content.encode();
        let twice = decode(Kind::MapT, Input::value(&again).unwrap(), Quirks::NONE, &mut ()).unwrap();
        prop_assert_eq!(twice.content(), &content);
        prop_assert_eq!(twice.remarks(), []);
        bytes.truncate(bytes.len() - 13);
        brs.iter().for_each(|br| bytes.extend(option(90, &br.octets())));
        let e = decode(Kind::MapE, Input::value(&bytes).unwrap(), Quirks::NONE, &mut ()).unwrap();
        let again = e.content().encode();
        let twice = decode(Kind::MapE, Input::value(&again).unwrap(), Quirks::NONE, &mut ()).unwrap();
        prop_assert_eq!(twice.content(), e.content());
    }

    #[test]
    fn an_address_leads_back_to_its_customer((figures, prefix, len) in customer(), port: u16, legacy: bool) {
        let softwire = configured(&figures, prefix, len);
        let (edge, rule) = (softwire.customer.unwrap(), softwire.rules[0]);
        let form = if legacy { InterfaceId::Legacy } else { InterfaceId::Rfc7597 };
        let ce = rule.ce_address(edge.prefix, form).unwrap();
        let back = rule.unmap(ce, form).unwrap();
        prop_assert_eq!((back.ea_bits, back.ipv4, back.ports), (edge.ea_bits, edge.ipv4, edge.ports));
        // From address and port the border relay computes the same address, for all ports of the customer.
        let mapped = rule.map(Kind::MapT, edge.ipv4.address(), port, form);
        match edge.ports.owner(port) {
            Some(psid) if psid == edge.ports.psid() => prop_assert_eq!(mapped, Some(ce)),
            _ => prop_assert_ne!(mapped, Some(ce)),
        }
        // The identifier is part of the address, so a flipped bit of it is nobody's.
        if edge.prefix.len() <= 64 && edge.ipv4.len() == 32 {
            let flipped = Ipv6Addr::from(u128::from(ce) ^ 1 << (port % 64));
            prop_assert_eq!(rule.unmap(flipped, form), None);
        }
    }

    #[test]
    fn another_address_of_a_customers_prefix_is_the_customers((figures, prefix, len) in customer(), host: u32) {
        let softwire = configured(&figures, prefix, len);
        let (edge, rule) = (softwire.customer.unwrap(), softwire.rules[0]);
        let within = &v4_digits(edge.ipv4.address())[..usize::from(edge.ipv4.len())];
        let address = support::v4(&(within.to_owned() + &v4_digits(host.into())[within.len()..]));
        let Some(port) = edge.ports.ranges().next().map(|(first, _)| first) else { panic!("no port") };
        prop_assert_eq!(softwire.destination(address, port), Destination::Ours);
        let translated = rule.map(Kind::MapT, address, port, InterfaceId::Rfc7597).unwrap();
        prop_assert_eq!(rule.unmap(translated, InterfaceId::Rfc7597).map(|customer| customer.ipv4), Some(edge.ipv4));
        let tunnelled = rule.map(Kind::MapE, address, port, InterfaceId::Rfc7597).unwrap();
        prop_assert_eq!(Some(tunnelled), rule.map(Kind::MapE, edge.ipv4.address(), port, InterfaceId::Rfc7597));
    }

    #[test]
    fn ipv4_within_ipv6_comes_out_again(prefix: Ipv6Addr, address: Ipv4Addr, bit in 0..128_u32) {
        for len in rfc6052::LENGTHS {
            let dmr = Ipv6Prefix::containing(prefix, len).unwrap();
            let embedded = rfc6052::embed(dmr, address).unwrap();
            prop_assert!(dmr.contains(embedded));
            // RFC 6052 section 2.2: without bits 64 to 71 the address stands right after the prefix.
            let mut all = v6_digits(embedded);
            if len < 96 {
                prop_assert_eq!(&all[64..72], "00000000");
                all.replace_range(64..72, "");
            }
            let start = usize::from(len);
            prop_assert_eq!(&all[start..start + 32], v4_digits(address));
            prop_assert!(!all[start + 32..].contains('1'));
            prop_assert_eq!(rfc6052::extract(dmr, embedded), Some(address));
            // Any other address stands for another one or for none.
            let other = Ipv6Addr::from(u128::from(embedded) ^ 1 << bit);
            prop_assert_ne!(rfc6052::extract(dmr, other), Some(address));
        }
        let other = Ipv6Prefix::containing(prefix, 63).unwrap();
        prop_assert_eq!(rfc6052::embed(other, address), None);
        prop_assert_eq!(rfc6052::extract(other, prefix), None);
    }

    #[test]
    fn of_several_rules_the_longest_that_matches_is_selected((figures, prefix, len) in customer(), shorter in 1..128_u8, order: bool) {
        prop_assume!(figures.v6_len > 0);
        let wider = Figures { v6_len: shorter % figures.v6_len, ea_len: 0, v4_len: 24, params: None, ..figures.clone() };
        let foreign = Figures { v6: Ipv6Addr::from(!u128::from(figures.v6)), ..figures.clone() };
        let mut rules = vec![&wider, &figures, &foreign];
        if order {
            rules.reverse();
        }
        let bytes = container(&rules);
        let decoded = decode(Kind::MapT, Input::value(&bytes).unwrap(), Quirks::NONE, &mut ()).unwrap();
        let all = decoded.configure(&[Ipv6Prefix::containing(prefix, len).unwrap()]).unwrap();
        prop_assert_eq!((all.selected, all.rules.len()), (Some(1), 3));
        prop_assert_eq!(all.customer, configured(&figures, prefix, len).customer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn each_port_is_in_the_set_of_one_psid_or_of_none((figures, prefix, len) in customer()) {
        let ports = configured(&figures, prefix, len).customer.unwrap().ports;
        let expected = figures.ports_of(ports.psid());
        let listed: Vec<u16> = ports.ranges().flat_map(|(first, last)| first..=last).collect();
        prop_assert_eq!(&listed, &expected);
        prop_assert_eq!(ports.count() as usize, expected.len());
        prop_assert_eq!(ports.ranges().len(), ports.ranges().count());
        let ours: BTreeSet<u16> = expected.into_iter().collect();
        let (a, k) = (ports.offset(), ports.psid_len());
        for port in 0..=u16::MAX {
            prop_assert_eq!(ports.contains(port), ours.contains(&port));
            let owner = ports.owner(port);
            // Exactly one, but for the first block, which has all-zero offset bits.
            prop_assert_eq!(owner.is_none(), k > 0 && a > 0 && u32::from(port) < 1 << (16 - a));
            if let Some(psid) = owner {
                prop_assert!(ports.with_psid(psid).unwrap().contains(port));
            }
        }
    }
}

#[test]
fn every_split_of_ports_is_a_partition() {
    for offset in 0..=15 {
        for psid_len in 0..=16 - offset {
            let one = PortSet::new(offset, psid_len, 0).unwrap();
            let total: u32 = one.count() << psid_len;
            let excluded = if offset == 0 || psid_len == 0 { 0 } else { 1 << (16 - offset) };
            assert_eq!(total + excluded, 1 << 16, "offset {offset}, PSID of {psid_len} bits");
            let last = PortSet::new(offset, psid_len, ((1_u32 << psid_len) - 1) as u16).unwrap();
            assert_eq!(last.ranges().next_back().unwrap().1, u16::MAX);
        }
        assert_eq!(PortSet::new(offset, 17 - offset, 0), None);
    }
    assert_eq!(PortSet::new(16, 0, 0), None);
    assert_eq!(PortSet::new(0, 4, 16), None, "a PSID that does not fit into its bits");
}

#[test]
fn the_end_user_prefix_of_an_address_of_one_bit_more_is_another_customer() {
    let figures = Figures {
        flags: 0,
        v6: "2001:db8::".parse().unwrap(),
        v6_len: 40,
        v4: [192, 0, 2, 0].into(),
        v4_len: 24,
        ea_len: 16,
        params: None,
    };
    let ours = configured(&figures, "2001:db8:12:3400::".parse().unwrap(), 56);
    let next = configured(&figures, "2001:db8:12:3500::".parse().unwrap(), 56);
    let (ours, next) = (ours.customer.unwrap(), next.customer.unwrap());
    assert_eq!((ours.ipv4, ours.ports.psid() + 1), (next.ipv4, next.ports.psid()));
    assert_eq!(ours.ipv4, Ipv4Prefix::from(Ipv4Addr::new(192, 0, 2, 18)));
}

#[test]
fn the_mtu_leaves_room_for_what_is_added() {
    let at = |kind: Kind, link| kind.ipv4_mtu(link);
    assert_eq!([at(Kind::MapT, 1500), at(Kind::MapE, 1500)], [1472, 1460]);
    assert_eq!([at(Kind::Lw4o6, 1492), at(Kind::DsLite, 9000)], [1452, 8960]);
    assert_eq!([at(Kind::MapT, 0), at(Kind::DsLite, 1279)], [1252, 1240], "IPv6 needs 1280");
    assert_eq!(at(Kind::MapE, u32::MAX), u32::MAX - 40);
}

#[test]
fn bouygues_telecom_is_understood_when_it_is_asked_for() {
    let bytes = hex(
        "0059 0018 00 0c 17 c0000200 2c 20010db81230 0000 005d 0004 00 00 0000 005b 0009 40 20010db8ffff0000",
    );
    let input = || Input::value(&bytes).unwrap();
    let error = decode(Kind::MapT, input(), Quirks::NONE, &mut ()).unwrap_err();
    assert_eq!(error.offset, 18);
    assert!(error.to_string().contains("spare-bytes-before-portparams"), "{error}");
    let quirks = [Quirk::SpareBytesBeforePortparams].into_iter().collect();
    let decoded = decode(Kind::MapT, input(), quirks, &mut ()).unwrap();
    let prefix = Ipv6Prefix::containing("2001:db8:1234:5600::".parse().unwrap(), 56).unwrap();
    let softwire = decoded.configure(&[prefix]).unwrap();
    let edge = softwire.customer.unwrap();
    assert_eq!((edge.ports.offset(), edge.ports.psid_len(), edge.ports.psid()), (0, 3, 6));
    assert_eq!(
        softwire.remote,
        Remote::Dmr(Ipv6Prefix::containing("2001:db8:ffff::".parse().unwrap(), 64).unwrap())
    );
    let Content::Map { .. } = decode(Kind::MapT, input(), quirks, &mut ()).unwrap().content() else {
        panic!()
    };
}
