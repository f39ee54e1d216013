//! The typed values: what they accept, and that text and value are the same thing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::wire;
use dhcpmgr_message::{
    Bytes, ClientName, DomainName, HostName, IfName, InterfaceAddress, Lifetime, Prefix, Token,
};
use proptest::prelude::*;

fn containing(address: &str, len: u8) -> String {
    Prefix::containing(address.parse().unwrap(), len).unwrap().to_string()
}

#[test]
fn a_prefix_of_each_interesting_length_clears_the_host_bits() {
    for (address, len, expected) in [
        ("255.255.255.255", 0, "0.0.0.0/0"),
        ("255.255.255.255", 1, "128.0.0.0/1"),
        ("10.1.2.3", 8, "10.0.0.0/8"),
        ("172.31.255.255", 12, "172.16.0.0/12"),
        ("192.0.2.200", 25, "192.0.2.128/25"),
        ("192.0.2.255", 31, "192.0.2.254/31"),
        ("192.0.2.255", 32, "192.0.2.255/32"),
        ("ffff::ffff", 0, "::/0"),
        ("ffff::ffff", 1, "8000::/1"),
        ("2001:db8:1:2:3:4:5:6", 33, "2001:db8::/33"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:7", 127, "2001:db8:1:2:3:4:5:6/127"),
        ("2001:db8:1:2:3:4:5:7", 128, "2001:db8:1:2:3:4:5:7/128"),
    ] {
        assert_eq!(containing(address, len), expected);
    }
}

#[test]
fn a_prefix_that_cannot_be_is_refused_with_its_text() {
    for (text, why) in [
        ("10.0.0.0/33", "longer than its address family allows"),
        ("2001:db8::/129", "longer than its address family allows"),
        ("10.0.0.1/8", "has host bits set"),
        ("10.0.0.0", "must be written as ADDRESS/LENGTH"),
        ("10.0.0.0/", "must be written as ADDRESS/LENGTH"),
        ("10.0.0.0/+8", "must be written as ADDRESS/LENGTH"),
        ("10.0.0.0/-1", "must be written as ADDRESS/LENGTH"),
        ("10.0.0.0/08", "must be written as ADDRESS/LENGTH"),
        ("10.0.0.0/256", "must be written as ADDRESS/LENGTH"),
        ("10.0.0.0/4294967304", "must be written as ADDRESS/LENGTH"),
        ("10.0.0/8", "must be written as ADDRESS/LENGTH"),
        ("010.0.0.0/8", "must be written as ADDRESS/LENGTH"),
        ("fe80::%eth0/64", "must be written as ADDRESS/LENGTH"),
        (" 10.0.0.0/8", "must be written as ADDRESS/LENGTH"),
        ("", "must be written as ADDRESS/LENGTH"),
    ] {
        let error = text.parse::<Prefix>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!(
        "10.0.0.1/8".parse::<Prefix>().unwrap_err().to_string(),
        "prefix \"10.0.0.1/8\" has host bits set"
    );
    assert!("192.0.2.7/33".parse::<InterfaceAddress>().is_err());
    assert!("2001:db8::7/129".parse::<InterfaceAddress>().is_err());
}

#[test]
fn containment_minds_the_family() {
    let net: Prefix = "192.0.2.0/24".parse().unwrap();
    assert!(net.contains("192.0.2.255".parse().unwrap()));
    assert!(!net.contains("192.0.3.0".parse().unwrap()));
    assert!(!net.contains("::ffff:192.0.2.1".parse().unwrap()));
    assert!(Prefix::DEFAULT_V4.contains("255.255.255.255".parse().unwrap()));
    assert!(!Prefix::DEFAULT_V4.contains("::".parse().unwrap()));
    assert!(Prefix::DEFAULT_V4.is_default());
    let address: InterfaceAddress = "192.0.2.7/24".parse().unwrap();
    assert_eq!(address.prefix(), net);
}

#[test]
fn host_names_follow_rfc_1123() {
    let label63 = "a".repeat(63);
    let name253 = [&*label63, &*label63, &*label63, &"a".repeat(61)].join(".");
    for good in ["a", "A", "9", "3com", "a-b", "a--b", "isp.example", "x.y.z", &label63, &name253] {
        assert_eq!(good.parse::<HostName>().unwrap().as_str(), good);
    }
    assert_eq!("isp.example.".parse::<HostName>().unwrap().as_str(), "isp.example");
    assert_eq!("Isp.Example".parse::<HostName>().unwrap().as_str(), "Isp.Example");

    let label64 = "a".repeat(64);
    let name254 = format!("{name253}a");
    let many = [&*label63; 4].join(".");
    for bad in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a. b",
        "-a",
        "a-",
        "a.-b",
        "a-.b",
        "a_b",
        "_tcp.example",
        "a b",
        "a\"b",
        "a'b",
        "a\nb",
        "isp.example\n",
        "a\0b",
        "a;b",
        "a$b",
        "a/b",
        "bücher.example",
        "xn--bücher",
        "a\u{202e}b",
        "💥",
        &label64,
        &name254,
        &many,
    ] {
        assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
    }
    let error = "evil\"\nnameserver 6.6.6.6".parse::<HostName>().unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    let error = "x".repeat(100_000).parse::<HostName>().unwrap_err().to_string();
    assert!(error.len() < 200, "{error}");
}

#[test]
fn domains_may_have_underscores_but_nothing_else_more() {
    for good in ["_tcp.example", "a_b", "_", "isp.example"] {
        assert!(good.parse::<DomainName>().is_ok(), "{good:?}");
    }
    for bad in ["", "a b", "a\nb", "-a", "a..b", "a\"", "é.example"] {
        assert!(bad.parse::<DomainName>().is_err(), "{bad:?}");
    }
}

#[test]
fn interface_and_client_names_can_be_used_as_they_are() {
    for good in ["eth0", "wan0.35", "br-lan", "ppp0@eth0", "a", "fifteen-bytes-x", "..."] {
        assert!(good.parse::<IfName>().is_ok(), "{good:?}");
    }
    for bad in ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\0", "sixteen-bytes-xx", "é"] {
        assert!(bad.parse::<IfName>().is_err(), "{bad:?}");
    }
    let long = "a".repeat(64);
    for good in ["wan4", "4wan", "a.b_c-d", &long] {
        assert!(good.parse::<ClientName>().is_ok(), "{good:?}");
    }
    let longer = "a".repeat(65);
    for bad in ["", ".", "..", ".hidden", "-x", "_x", "a/b", "a b", "a\n", "é", &longer] {
        assert!(bad.parse::<ClientName>().is_err(), "{bad:?}");
    }
}

#[test]
fn hex_is_read_in_both_cases_and_written_in_lower_case() {
    assert_eq!(Bytes::from_hex("").unwrap(), Bytes(vec![]));
    assert_eq!(Bytes::from_hex("00ffAb").unwrap(), Bytes(vec![0, 0xff, 0xab]));
    assert_eq!(Bytes(vec![0, 0xff, 0xab]).to_hex(), "00ffab");
    for bad in ["0", "0g", "0x00", "00 ", "+1", "é0", "00\n0"] {
        assert!(Bytes::from_hex(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_token_is_neither_shown_nor_repeated_in_errors() {
    let token = Token::from_random([0xa5; 16]);
    assert_eq!(token.as_str(), "a5".repeat(16));
    assert_eq!(format!("{token:?}"), "Token(…)");
    assert!(token.matches(&"a5".repeat(16).parse().unwrap()));
    assert!(!token.matches(&Token::from_random([0xa4; 16])));
    for bad in ["", "a5", &"A5".repeat(16), &"a5".repeat(17), &"g5".repeat(16)] {
        let error = bad.parse::<Token>().unwrap_err().to_string();
        assert_eq!(error, "token \"(hidden)\" must be 32 lower-case hex digits");
    }
}

#[test]
fn the_largest_lifetime_means_for_ever() {
    assert_eq!(Lifetime(u32::MAX - 1).seconds(), Some(u32::MAX - 1));
    assert_eq!(Lifetime::INFINITE.seconds(), None);
    assert_eq!(Lifetime(120).to_string(), "120 s");
    assert_eq!(Lifetime::INFINITE.to_string(), "for ever");
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|a| IpAddr::V4(Ipv4Addr::from(a))),
        any::<u128>().prop_map(|a| IpAddr::V6(Ipv6Addr::from(a))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_prefix_contains_what_shares_its_leading_bits(address in address(), len in 0_u8..=128, other in any::<u128>()) {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let made = Prefix::containing(address, len);
        prop_assert_eq!(made.is_ok(), len <= width);
        if let Ok(prefix) = made {
            prop_assert!(prefix.contains(address));
            prop_assert_eq!(prefix.to_string().parse::<Prefix>().unwrap(), prefix);
            prop_assert_eq!(Prefix::new(prefix.address(), len).unwrap(), prefix);
            let other = match address {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(other as u32)),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(other)),
            };
            let bits = |a: IpAddr| match a {
                IpAddr::V4(a) => format!("{:032b}", u32::from(a)),
                IpAddr::V6(a) => format!("{:0128b}", u128::from(a)),
            };
            let shared = bits(address)[..usize::from(len)] == bits(other)[..usize::from(len)];
            prop_assert_eq!(prefix.contains(other), shared);
        }
    }

    #[test]
    fn text_and_messagepack_give_the_same_value_back(address in address(), len in 0_u8..=32, bytes in any::<Vec<u8>>()) {
        let value = InterfaceAddress::new(address, len).unwrap();
        prop_assert_eq!(value.to_string().parse::<InterfaceAddress>().unwrap(), value);
        prop_assert_eq!(wire::decode::<InterfaceAddress>(&wire::encode(&value).unwrap()).unwrap(), value);
        let bytes = Bytes(bytes);
        prop_assert_eq!(&Bytes::from_hex(&bytes.to_hex()).unwrap(), &bytes);
        prop_assert_eq!(wire::decode::<Bytes>(&wire::encode(&bytes).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn a_name_that_is_accepted_is_safe_to_write_anywhere(text in any::<String>()) {
        if let Ok(name) = text.parse::<HostName>() {
            prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'));
            prop_assert_eq!(name.as_str().parse::<HostName>().unwrap(), name);
        }
    }

    #[test]
    fn texts_of_the_right_alphabet_are_judged_by_their_labels(text in "[a-b.-]{0,12}") {
        let name = text.strip_suffix('.').unwrap_or(&text);
        let good = name.split('.').all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-'));
        prop_assert_eq!(text.parse::<HostName>().is_ok(), good);
    }
}
