//! What holds for every plan, whatever a server sends: what the host's own check of plans demands, and more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_plugin_api::message::{
    Bytes, DomainName, IaKind, InterfaceAddress, Lifetime, Prefix, V6Address, V6Ia, V6Prefix, V6Report, wire,
};
use dhcpmgr_plugin_api::{DATA_LIMITS, Plan};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::support::{addresses, event, ordinary, sub_option, wire as names};

/// Addresses as hostile servers would choose them, besides ordinary ones of one network.
fn some_address() -> impl Strategy<Value = Ipv6Addr> {
    let strange = ["::", "::1", "ff02::1", "fe80::1", "::ffff:192.0.2.7", "::7", "ff05::101", "fec0::1"];
    prop_oneof![
        4 => (0..=9_u16).prop_map(|host| Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, host)),
        2 => any::<u128>().prop_map(Ipv6Addr::from),
        1 => proptest::sample::select(strange.to_vec()).prop_map(|text| text.parse().unwrap()),
    ]
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![Just(0), Just(u32::MAX), 1..5_000_u32, any::<u32>()].prop_map(Lifetime)
}

fn leased() -> impl Strategy<Value = V6Address> {
    let v4 = any::<u32>().prop_map(|bits| InterfaceAddress::new(IpAddr::V4(bits.into()), 32).unwrap());
    let v6 = (some_address(), prop_oneof![4 => Just(128_u8), 1 => 0..=128_u8])
        .prop_map(|(address, len)| InterfaceAddress::new(address.into(), len).unwrap());
    (prop_oneof![9 => v6, 1 => v4], option::of(0..4_u32), any::<bool>(), lifetime(), lifetime()).prop_map(
        |(address, iaid, temporary, preferred, valid)| V6Address {
            address,
            iaid,
            temporary,
            preferred,
            valid,
            claimed: false,
        },
    )
}

fn delegated() -> impl Strategy<Value = V6Prefix> {
    let v4 = (any::<u32>(), 0..=32_u8).prop_map(|(bits, len)| (IpAddr::V4(bits.into()), len));
    let v6 = (some_address(), prop_oneof![Just(56), Just(48), Just(64), 0..=128_u8])
        .prop_map(|(address, len)| (IpAddr::V6(address), len));
    let prefix =
        prop_oneof![9 => v6, 1 => v4].prop_map(|(address, len)| Prefix::containing(address, len).unwrap());
    (prefix, option::of(0..4_u32), lifetime(), lifetime()).prop_map(|(prefix, iaid, preferred, valid)| {
        V6Prefix { prefix, iaid, preferred, valid, claimed: false }
    })
}

fn association() -> impl Strategy<Value = V6Ia> {
    let kind = prop_oneof![Just(IaKind::Na), Just(IaKind::Ta), Just(IaKind::Pd)];
    (kind, 0..4_u32, option::of(lifetime()), option::of(lifetime()), option::of(0..9_u16))
        .prop_map(|(kind, iaid, t1, t2, status)| V6Ia { kind, iaid, t1, t2, status })
}

/// Values that look like options more often than chance would have it.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..24),
        "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}".prop_map(|name| names(&[&name])),
        some_address().prop_map(|address| address.octets().to_vec()),
        (0..10_u16, vec(any::<u8>(), 0..20)).prop_map(|(code, value)| sub_option(code, &value)),
        some_address().prop_map(|address| sub_option(1, &address.octets())),
        "\\PC{0,40}".prop_map(String::into_bytes),
        Just(b"https://portal.example/".to_vec()),
        Just(b"\0\x01\0\x04\x03dot".to_vec()),
        Just(vec![0, 1, 0, 5, 3, b'd', b'o', b't', 0, 0, 16]),
        (56..=70_u8, any::<u8>()).prop_map(|(len, subnet)| vec![len, subnet]),
        Just(vec![0x20; 3000]),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn options() -> impl Strategy<Value = BTreeMap<u16, Vec<Bytes>>> {
    let known =
        vec![7_u16, 12, 13, 17, 21, 22, 23, 24, 31, 32, 39, 41, 42, 56, 59, 60, 64, 67, 82, 83, 103, 144];
    let code = prop_oneof![9 => proptest::sample::select(known), 1 => any::<u16>()];
    let values =
        prop_oneof![9 => vec(value().prop_map(Bytes), 0..4), 1 => vec(value().prop_map(Bytes), 0..40)];
    btree_map(code, values, 0..6)
}

fn report() -> impl Strategy<Value = V6Report> {
    let text = prop_oneof!["[a-z]{1,8}(\\.[a-z]{1,8}){0,3}", any::<String>()];
    let lists = (vec(leased(), 0..80), vec(delegated(), 0..80), vec(association(), 0..8));
    (lists, vec(some_address(), 0..40), vec(text, 0..40), options()).prop_map(
        |((addresses, prefixes, ias), dns, search, options)| V6Report {
            addresses,
            prefixes,
            ias,
            dns,
            search,
            options,
            ..V6Report::default()
        },
    )
}

fn is_host(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    !address.is_unspecified()
        && !address.is_loopback()
        && !address.is_multicast()
        && !address.is_unicast_link_local()
        && address.to_ipv4_mapped().is_none()
}

fn check_values(plan: &Plan) -> Result<(), TestCaseError> {
    let unique: BTreeSet<_> = plan.addresses.iter().map(|a| a.address.address()).collect();
    prop_assert_eq!(unique.len(), plan.addresses.len());
    prop_assert!(plan.addresses.len() <= 64);
    for plan in &plan.addresses {
        prop_assert!(is_host(plan.address.address()));
        prop_assert!((64..=128).contains(&plan.address.prefix_len()));
        prop_assert!(plan.valid.0 > 0 && plan.preferred <= plan.valid);
    }
    let unique: BTreeSet<_> = plan.prefixes.iter().map(|p| p.prefix).collect();
    prop_assert_eq!(unique.len(), plan.prefixes.len());
    prop_assert!(plan.prefixes.len() <= 64);
    for plan in &plan.prefixes {
        prop_assert!((16..=128).contains(&plan.prefix.len()));
        let strange = |address: IpAddr| match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(a) => a.is_multicast() || a.is_unicast_link_local() || a.octets()[0] == 0,
        };
        prop_assert!(!strange(plan.prefix.address()), "{}", plan.prefix);
        prop_assert!(plan.valid.0 > 0 && plan.preferred <= plan.valid);
        if let Some(exclude) = plan.exclude {
            prop_assert!(exclude.len() > plan.prefix.len() && plan.prefix.contains(exclude.address()));
        }
    }
    Ok(())
}

fn check(plan: &Plan) -> Result<(), TestCaseError> {
    check_values(plan)?;
    prop_assert!(plan.notes.len() <= 49);
    prop_assert!(plan.notes.iter().all(|note| note.len() <= 240 && !note.contains(char::is_control)));
    let size = wire::encode(plan).unwrap().len();
    prop_assert!(size <= DATA_LIMITS.bytes, "{size} bytes do not fit an answer");
    let own: BTreeSet<_> = plan.addresses.iter().map(|a| a.address.address()).collect();
    prop_assert!(plan.dns.len() <= 32 && plan.dns.iter().all(|s| is_host(*s) && !own.contains(s)));
    prop_assert_eq!(plan.dns.iter().collect::<BTreeSet<_>>().len(), plan.dns.len());
    prop_assert!(plan.search.len() <= 32);
    prop_assert!(plan.ntp.len() <= 32);
    prop_assert_eq!(plan.ntp.iter().collect::<BTreeSet<_>>().len(), plan.ntp.len());
    for server in &plan.ntp {
        prop_assert!(server.parse().is_ok_and(is_host) || server.parse::<DomainName>().is_ok(), "{}", server);
    }
    prop_assert!(plan.parameters.len() <= 128);
    for (name, value) in &plan.parameters {
        prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{}", name);
        prop_assert!(value.len() <= 4096 && !value.contains(char::is_control), "{}", name);
    }
    let rest = Plan {
        addresses: plan.addresses.clone(),
        prefixes: plan.prefixes.clone(),
        dns: plan.dns.clone(),
        search: plan.search.clone(),
        ntp: plan.ntp.clone(),
        parameters: plan.parameters.clone(),
        notes: plan.notes.clone(),
        ..Plan::default()
    };
    prop_assert_eq!(plan, &rest, "nothing else is ever decided, and no lease is refused");
    Ok(())
}

proptest! {
    #[test]
    fn no_lease_makes_a_plan_that_could_do_harm(report in report()) {
        let event = event(report);
        let plan = dhcpmgr_v6::plan(&event);
        check(&plan)?;
        prop_assert_eq!(plan, dhcpmgr_v6::plan(&event), "the same lease makes the same plan");
    }

    #[test]
    fn no_option_costs_an_address_or_a_prefix(options in options()) {
        let mut options = options;
        // These two decide about name servers, and of a prefix what the ISP keeps.
        options.remove(&67);
        let good = dhcpmgr_v6::plan(&event(ordinary()));
        let plan = dhcpmgr_v6::plan(&event(V6Report { options, ..ordinary() }));
        prop_assert_eq!((plan.addresses, plan.prefixes), (good.addresses, good.prefixes));
    }

    #[test]
    fn a_wrong_address_costs_no_other(wrong in vec(leased(), 0..20)) {
        let mut report = ordinary();
        let good = report.addresses[0].clone();
        report.addresses.extend(wrong.into_iter().filter(|w| w.address.address() != good.address.address()));
        let plan = dhcpmgr_v6::plan(&event(report));
        prop_assert_eq!(plan.addresses[0].address, good.address);
    }
}

#[test]
fn the_largest_lease_still_makes_a_plan_that_fits_an_answer() {
    let long = |i: usize| format!("{i:03}.{}.{}.{}.example", "a".repeat(63), "b".repeat(63), "c".repeat(53));
    let many_names: Vec<_> = (0..200).map(long).collect();
    let many_names = names(&many_names.iter().map(String::as_str).collect::<Vec<_>>());
    let host = |i: u16| Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, i);
    let hosts: Vec<_> = (0..500).map(|i| host(i).to_string()).collect();
    let hosts = addresses(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let template = ordinary();
    let mut report = V6Report {
        addresses: (1000..1512)
            .map(|i| V6Address {
                address: InterfaceAddress::new(host(i).into(), 128).unwrap(),
                ..template.addresses[0].clone()
            })
            .collect(),
        prefixes: (0..512_u16)
            .map(|i| V6Prefix {
                prefix: Prefix::containing(Ipv6Addr::new(0x2001, 0xdb8, i, 0xffff, 0, 0, 0, 0).into(), 64)
                    .unwrap(),
                ..template.prefixes[0].clone()
            })
            .collect(),
        ..V6Report::default()
    };
    let resolver = |i: usize| {
        let name = names(&[&long(i)]);
        let len = u16::try_from(name.len()).unwrap().to_be_bytes();
        let path = format!("/{}{{?dns}}", "p".repeat(248));
        let parameters =
            [sub_option(1, &[&[200][..], &[b'h'; 200]].concat()), sub_option(7, path.as_bytes())];
        [&[0, 1][..], &len, &name, &[0, 16], &hosts[..16], &parameters.concat()].concat()
    };
    for (code, value) in [
        (17, [&[0, 0, 0, 9][..], &sub_option(1, &[0; 2048])].concat()),
        (21, many_names.clone()),
        (22, hosts.clone()),
        (23, hosts.clone()),
        (24, many_names),
        (31, hosts.clone()),
        (41, vec![b'x'; 255]),
        (42, vec![b'x'; 255]),
        (59, format!("https://{}", "p".repeat(1000)).into_bytes()),
        (60, [&[0, 255][..], &[b'x'; 255]].concat().repeat(16)),
        (67, vec![65, 0x80]),
        (103, format!("https://{}", "p".repeat(1000)).into_bytes()),
    ] {
        report.options.insert(code, vec![Bytes(value)]);
    }
    report.options.insert(56, (0..40).map(|i| Bytes(sub_option(3, &names(&[&long(i)])))).collect());
    report.options.insert(144, (0..20).map(|i| Bytes(resolver(i))).collect());
    let plan = dhcpmgr_v6::plan(&event(report));
    assert_eq!((plan.addresses.len(), plan.prefixes.len(), plan.dns.len()), (64, 64, 32));
    assert_eq!((plan.search.len(), plan.ntp.len()), (32, 32));
    assert_eq!(plan.prefixes[63].exclude.map(|exclude| exclude.len()), Some(65));
    assert!(plan.parameters.contains_key("EncryptedDns.8") && plan.parameters.contains_key("SipServers"));
    check(&plan).unwrap();
    let bytes = wire::encode(&plan).unwrap();
    assert_eq!(wire::decode_within::<Plan>(&bytes, &DATA_LIMITS).unwrap(), plan);
}
