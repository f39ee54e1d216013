//! Every way in which an option can be wrong, with the byte that is; and what looks wrong and is not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dhcpmgr_softwire::{
    Content, Input, Ipv6Prefix, Kind, Malformed, Quirks, Remote, Softwire, decode, decode_priority,
};
use support::{hex, option};

const RULE: &str = "0059 000d 00 10 18 c0000200 28 20010db800";
const DMR: &str = "005b 0009 40 20010db8ffff0000";
const BR: &str = "005a 0010 20010db8ffff00000000000000000001";
const CUSTOMER: (&str, u8) = ("2001:db8:12:3400::", 56);

fn read(kind: Kind, text: &str, (prefix, len): (&str, u8)) -> Result<Softwire, Malformed> {
    let bytes = hex(text);
    let decoded = decode(kind, Input::pasted(kind.option(), &bytes)?, Quirks::NONE, &mut ())?;
    decoded.configure(&[Ipv6Prefix::containing(prefix.parse().unwrap(), len).unwrap()])
}

/// Checks that the text is refused at the byte, in such words.
#[track_caller]
fn refused(kind: Kind, text: &str, offset: usize, words: &str) {
    let error = read(kind, text, CUSTOMER).unwrap_err();
    assert_eq!((error.offset, error.to_string().contains(words)), (offset, true), "{kind} {text}\n{error}");
    assert!(offset <= hex(text).len());
}

fn mapt(rule: &str) -> String {
    let rule = option(89, &hex(rule));
    let rule: String = rule.iter().map(|byte| format!("{byte:02x}")).collect();
    rule + DMR
}

#[test]
fn the_examples_are_right_before_they_are_spoilt() {
    assert!(read(Kind::MapT, &[RULE, DMR].concat(), CUSTOMER).is_ok());
    assert!(read(Kind::MapE, &[RULE, BR].concat(), CUSTOMER).is_ok());
}

#[test]
fn options_that_end_too_early_or_too_late() {
    let cases = [
        ("", 0, "no S46_RULE"),
        ("00", 0, "1 byte left over"),
        ("005900", 0, "3 bytes left over"),
        ("0059 0001", 2, "says it has 1 byte, but only 0 are left"),
        ("0059 0000", 4, "within its flags"),
        ("0059 0001 00", 5, "within its ea-len"),
        ("0059 0002 00 10", 6, "within its prefix4-len"),
        ("0059 0005 00 10 18 c000", 7, "within its ipv4-prefix, which has 4 bytes"),
        ("0059 0007 00 10 18 c0000200", 11, "within its prefix6-len"),
        ("0059 000a 00 10 18 c0000200 28 2001", 12, "within its ipv6-prefix, which has 5 bytes"),
        ("0059 ffff 00 10 18 c0000200 28 20010db800", 2, "says it has 65535 bytes"),
        ("0059 000e 00 10 18 c0000200 28 20010db800 00", 17, "1 byte left over at the end of S46_RULE"),
        ("0059 0011 00 10 18 c0000200 28 20010db800 005d0004", 19, "S46_PORTPARAMS (93) says it has 4 bytes"),
        ("0059 0014 00 10 18 c0000200 28 20010db800 005d0003 060000", 23, "within its PSID"),
        ("0059 0016 00 10 18 c0000200 28 20010db800 005d0005 0600000000", 25, "goes on after its last field"),
        ("0059 0011 00 10 18 c0000200 28 20010db800 005d0000", 21, "within its offset"),
        ("0059 0012 00 10 18 c0000200 28 20010db800 005d0001 06", 22, "within its PSID-len"),
    ];
    for (text, offset, words) in cases {
        refused(Kind::MapT, text, offset, words);
    }
    let ending = [
        ("005b 0000", 21, "within its dmr-prefix6-len"),
        ("005b 0008 40 20010db8ffff00", 22, "within its dmr-ipv6-prefix, which has 8 bytes"),
        ("005b 000a 40 20010db8ffff000000", 30, "S46_DMR (91) goes on after its last field: 1 byte"),
        (&[DMR, "00"].concat(), 30, "1 byte left over at the end of S46_CONT_MAPT"),
        (&[DMR, "0017 0001"].concat(), 32, "option 23 says it has 1 byte"),
    ];
    for (text, offset, words) in ending {
        refused(Kind::MapT, &[RULE, text].concat(), offset, words);
    }
    refused(Kind::MapE, &[RULE, "005a 000f 20010db8ffff000000000000000000"].concat(), 21, "br-ipv6-address");
    refused(
        Kind::MapE,
        &[RULE, "005a 0011 20010db8ffff0000000000000000000100"].concat(),
        37,
        "goes on after",
    );
}

#[test]
fn every_cut_of_a_right_option_is_refused_within_it() {
    let (t, e) = ([RULE, DMR].concat(), [RULE, BR].concat());
    let lw = ["005c 0015 c0000212 38 20010db8001234 005d0004 06083400", BR].concat();
    for (kind, text) in
        [(Kind::MapT, t), (Kind::MapE, e), (Kind::Lw4o6, lw), (Kind::DsLite, "01610162 00".into())]
    {
        let text: String = text.split_whitespace().collect();
        for len in 0..text.len() / 2 {
            let error = read(kind, &text[..2 * len], CUSTOMER).unwrap_err();
            assert!(error.offset <= len, "{kind} cut to {len} bytes: {error} at {}", error.offset);
        }
    }
}

#[test]
fn numbers_that_cannot_be() {
    let cases = [
        ("00 31 18 c0000200 28 20010db800", 5, "ea-len is 49"),
        ("00 ff 18 c0000200 28 20010db800", 5, "ea-len is 255"),
        ("00 10 21 c0000200 28 20010db800", 6, "prefix4-len is 33"),
        ("00 10 ff c0000200 28 20010db800", 6, "prefix4-len is 255"),
        ("00 10 18 c0000200 81 20010db8000000000000000000000000ff", 11, "prefix6-len is 129"),
        ("00 10 18 c0000200 c1 20010db800", 11, "prefix6-len is 193"),
        ("00 10 18 c0000200 ff", 11, "prefix6-len is 255"),
        ("00 19 18 c0000200 28 20010db800", 5, "24 bits are all that a /24"),
        ("00 11 20 c0000200 28 20010db800", 5, "16 bits are all that a /32"),
        ("00 10 18 c0000200 79 20010db8000000000000000000000000", 5, "more than an IPv6 address has"),
        // Offset 6 by default, and 16 bits of PSID.
        ("00 10 20 c0000200 28 20010db800", 5, "PSID offset 6 and the 16 bits"),
        ("00 10 18 c0000200 28 20010db800 005d0004 10000000", 21, "PSID offset is 16"),
        ("00 10 18 c0000200 28 20010db800 005d0004 ff000000", 21, "PSID offset is 255"),
        ("00 00 20 c0000200 28 20010db800 005d0004 00110000", 22, "PSID-len is 17"),
        ("00 00 20 c0000200 28 20010db800 005d0004 00ff0000", 22, "PSID-len is 255"),
        ("00 00 20 c0000200 28 20010db800 005d0004 0a080000", 22, "PSID offset 10 and PSID-len 8"),
        ("00 10 18 c0000200 28 20010db800 005d0004 0a000000", 21, "PSID offset 10 and the 8 bits"),
    ];
    for (rule, offset, words) in cases {
        refused(Kind::MapT, &mapt(rule), offset, words);
    }
    for len in (0..=255).filter(|len| !matches!(len, 32 | 40 | 48 | 56 | 64 | 96)) {
        let octets = "00".repeat(usize::from(u8::div_ceil(len, 8)));
        let dmr = format!("005b 00{:02x} {len:02x} {octets}", u8::div_ceil(len, 8) + 1);
        let words = if len > 128 { "at most 128" } else { "32, 40, 48, 56, 64 or 96" };
        refused(Kind::MapT, &[RULE, &dmr].concat(), 21, words);
    }
}

#[test]
fn parts_that_contradict_each_other() {
    let cases = [
        ("00 10 18 c0000200 28 20010db800 005d0004 06070000", 22, "PSID-len is 7, but 8 follows"),
        ("00 08 18 c0000200 30 20010db80012 005d0004 06083400", 23, "PSID-len is 8, but 0 follows"),
        ("00 04 18 c0000200 34 20010db8001234 005d0004 06083400", 24, "a whole address can be shared"),
        ("00 00 18 c0000200 38 20010db8001234 005d0004 06083400", 24, "IPv4 prefix of 24 bits"),
        ("00 10 18 c0000200 28 20010db800 005d0004 06083500", 23, "the PSID is 53, but the EA bits"),
    ];
    for (rule, offset, words) in cases {
        refused(Kind::MapT, &mapt(rule), offset, words);
    }
}

#[test]
fn options_in_the_wrong_place_or_number() {
    let together = |parts: &[&str]| parts.concat();
    let params = "005d 0004 06000000";
    let binding = "005c 000d c0000212 38 20010db8001234 00";
    let t = [
        (together(&[DMR]), 13, "S46_CONT_MAPT (95) has no S46_RULE"),
        (together(&[RULE]), 17, "has no S46_DMR"),
        (together(&[RULE, DMR, DMR]), 30, "a second S46_DMR"),
        (together(&[BR, RULE, DMR]), 0, "S46_BR (90) is not permitted in S46_CONT_MAPT"),
        (together(&[RULE, DMR, BR]), 30, "S46_BR (90) is not permitted"),
        (together(&[RULE, DMR, params]), 30, "S46_PORTPARAMS (93) is not permitted"),
        (together(&[RULE, binding, DMR]), 17, "S46_V4V6BIND (92) is not permitted"),
        (together(&["005e 001e", RULE, DMR]), 0, "S46_CONT_MAPE (94) is not permitted"),
        (together(&[RULE, RULE, DMR]), 28, "a second rule for 2001:db8::/40"),
        (mapt("00 10 18 c0000200 28 20010db800 005a0000"), 17, "S46_BR (90) is not permitted in S46_RULE"),
        (mapt("00 10 18 c0000200 28 20010db800 00590000"), 17, "S46_RULE (89) is not permitted in S46_RULE"),
        (
            mapt("00 10 18 c0000200 28 20010db800 005d000406000000 005d000406000000"),
            25,
            "a second S46_PORTPARAMS",
        ),
    ];
    for (text, offset, words) in t {
        refused(Kind::MapT, &text, offset, words);
    }
    refused(Kind::MapE, &together(&[RULE]), 17, "S46_CONT_MAPE (94) has no S46_BR");
    refused(Kind::MapE, &together(&[BR]), 20, "has no S46_RULE");
    refused(Kind::MapE, &together(&[RULE, BR, DMR]), 37, "S46_DMR (91) is not permitted");
    refused(Kind::Lw4o6, &together(&[RULE, BR]), 0, "S46_RULE (89) is not permitted in S46_CONT_LW");
    let binding = "005c 000c c0000212 38 20010db8001234";
    refused(Kind::Lw4o6, binding, 16, "S46_CONT_LW (96) has no S46_BR");
    refused(Kind::Lw4o6, &together(&[binding, binding, BR]), 16, "a second S46_V4V6BIND");
    refused(Kind::Lw4o6, "", 0, "has no S46_BR");
    refused(Kind::Lw4o6, "005c 0003 c00002", 4, "within its ipv4-address");
    refused(Kind::Lw4o6, "005c 0005 c0000212 81", 8, "bindprefix6-len is 129");
}

#[test]
fn rules_that_are_not_for_this_customer() {
    let of = |prefix, text: &str| read(Kind::MapT, text, prefix).unwrap_err();
    let right = [RULE, DMR].concat();
    let error = of(("2001:db9::", 56), &right);
    assert_eq!(
        (error.offset, error.to_string().as_str()),
        (11, "no rule has an IPv6 prefix that contains 2001:db9::/56")
    );
    let error = of(("2001:db8::", 32), &right);
    assert!(
        error.offset == 11 && error.to_string().starts_with("no rule"),
        "a prefix that contains the rule's"
    );
    let error = of(("2001:db8:12:3400::", 55), &right);
    assert_eq!(error.offset, 5);
    assert!(error.to_string().ends_with("40 bits of the rule and 16 EA bits need a /56"), "{error}");
    let decoded = decode(Kind::MapT, Input::value(&hex(&right)).unwrap(), Quirks::NONE, &mut ()).unwrap();
    let error = decoded.configure(&[]).unwrap_err();
    assert_eq!((error.offset, error.to_string().contains("no delegated prefix")), (11, true));
}

#[test]
fn a_header_must_be_true() {
    let right = [RULE, DMR].concat();
    refused(Kind::MapT, &["005f 001d", &right].concat(), 2, "says 29 bytes, and 30 follow");
    refused(Kind::MapT, &["005f ffff", &right].concat(), 2, "says 65535 bytes");
    refused(Kind::MapT, "005f 0000", 4, "has no S46_RULE");
    refused(Kind::MapT, &["005f 001e", "0059 ffff", &right[9..]].concat(), 6, "says it has 65535 bytes");
    let long = vec![0; 65_536];
    let error = Input::value(&long).unwrap_err();
    assert_eq!((error.offset, error.to_string().contains("65536 bytes")), (65_535, true));
}

#[test]
fn names_that_are_none() {
    let cases = [
        ("", 0, "empty"),
        ("00", 0, "empty"),
        ("0040 0000", 4, "empty"),
        ("0361", 1, "ends within a label"),
        ("0161", 2, "without the root label"),
        ("0161 00 00", 3, "1 byte after the end"),
        ("0161 00 0162 00", 3, "3 bytes after the end"),
        ("c00c", 0, "at most 63"),
        ("0161 c000", 2, "at most 63"),
        ("40", 0, "at most 63"),
        ("03 61 2e 62 00", 2, "the byte 0x2e"),
        ("03 61 0a 62 00", 2, "the byte 0x0a"),
        ("02 c3a4 00", 1, "the byte 0xc3"),
        ("02 2d61 00", 0, "hyphen"),
    ];
    for (text, offset, words) in cases {
        refused(Kind::DsLite, text, offset, words);
    }
    let label = ["3f", &"61".repeat(63)].concat();
    refused(Kind::DsLite, &[&label.repeat(4), "00"].concat(), 0, "253");
    let aftr = read(Kind::DsLite, &[&label.repeat(3), "0361625f 00"].concat(), CUSTOMER).unwrap();
    assert!(matches!(aftr.remote, Remote::Aftr(name) if name.as_str().ends_with(".ab_")));
}

#[test]
fn priorities() {
    let read = |text: &str| decode_priority(Input::pasted(111, &hex(text)).unwrap(), &mut ());
    for (text, offset) in [("", 0), ("00", 1), ("005f00", 3), ("006f 0000", 4)] {
        assert_eq!(read(text).unwrap_err().offset, offset, "{text}");
    }
    let priority = read("005f 0040 0058 005f 005e 0060").unwrap();
    assert_eq!(priority.kinds, [Kind::MapT, Kind::DsLite, Kind::MapE, Kind::Lw4o6]);
    assert_eq!(priority.remarks.len(), 1, "88 is DHCPv4 over DHCPv6, which is no softwire of its own");
    assert_eq!(read("006f 0002 005e").unwrap().kinds, [Kind::MapE]);
}

#[test]
fn what_a_receiver_ignores_is_ignored_and_remarked() {
    let plain = read(Kind::MapT, &[RULE, DMR].concat(), CUSTOMER).unwrap();
    let same = [
        ("bits past prefix4-len", mapt("00 10 18 c00002ff 28 20010db800"), 7),
        ("reserved flags", mapt("7e 10 18 c0000200 28 20010db800"), 4),
        ("Kea's flag", mapt("80 10 18 c0000200 28 20010db800"), 4),
        ("an unknown option", [RULE, DMR, "0017 0002 abcd"].concat(), 30),
        ("an unknown option in a rule", mapt("00 10 18 c0000200 28 20010db800 fffe 0000"), 17),
        ("PSID-len 0 with a PSID", mapt("00 10 18 c0000200 28 20010db800 005d0004 0600ffff"), 23),
        ("bits past PSID-len", mapt("00 10 18 c0000200 28 20010db800 005d0004 060834ff"), 23),
    ];
    for (what, text, offset) in same {
        let softwire = read(Kind::MapT, &text, CUSTOMER).unwrap();
        assert_eq!(softwire.customer, plain.customer, "{what}");
        let offsets: Vec<_> = softwire.remarks.iter().map(|remark| remark.offset).collect();
        assert_eq!(offsets, [offset], "{what}: {:?}", softwire.remarks);
    }
    let padded = read(Kind::MapT, &mapt("00 0f 18 c0000200 29 20010db8007f"), CUSTOMER).unwrap();
    assert_eq!(padded.rules[0].ipv6_prefix().to_string(), "2001:db8::/41");
    assert_eq!(padded.remarks.len(), 1);
    let many = "fffe 0000".repeat(500);
    let softwire = read(Kind::MapT, &[RULE, DMR, &many].concat(), CUSTOMER).unwrap();
    assert_eq!(softwire.remarks.len(), 32, "a server cannot make them many");
}

#[test]
fn the_length_of_a_psid_may_be_given_for_clarity() {
    let plain = read(Kind::MapT, &[RULE, DMR].concat(), CUSTOMER).unwrap().customer;
    for params in ["06000000", "06080000", "06083400"] {
        let text = mapt(&format!("00 10 18 c0000200 28 20010db800 005d0004 {params}"));
        assert_eq!(read(Kind::MapT, &text, CUSTOMER).unwrap().customer, plain, "{params}");
    }
}

#[test]
fn prefixes_longer_than_rule_and_ea_bits() {
    let text = [RULE, DMR].concat();
    let longer = |prefix, len| read(Kind::MapT, &text, (prefix, len)).unwrap();
    let plain = longer("2001:db8:12:3400::", 56).customer.unwrap();
    for len in 56..=96 {
        let softwire = longer("2001:db8:12:3400::", len);
        let edge = softwire.customer.unwrap();
        assert_eq!((edge.ipv4, edge.ports, edge.ipv6), (plain.ipv4, plain.ports, plain.ipv6), "/{len}");
        // From bit 80 on stands the IPv4 address, which a prefix with zeros there does not contain.
        assert_eq!(softwire.remarks.len(), usize::from(len > 80), "/{len}");
    }
    let with_more = longer("2001:db8:12:34ab::", 64);
    assert_eq!(with_more.customer.unwrap().ipv6.to_string(), "2001:db8:12:34ab:0:c000:212:34");
    assert!(with_more.remarks[0].oddity.to_string().contains("after the EA bits"));
}

#[test]
fn of_several_prefixes_the_longest_match_counts() {
    let prefixes: Vec<_> = ["2001:db9::", "2001:db8:12::", "2001:db8:12:3400::", "2001:db8:12:3500::"]
        .map(|text| text.parse().unwrap())
        .into_iter()
        .zip([56, 48, 56, 56])
        .map(|(address, len)| Ipv6Prefix::containing(address, len).unwrap())
        .collect();
    let bytes = hex(&[RULE, DMR].concat());
    let decoded = decode(Kind::MapT, Input::value(&bytes).unwrap(), Quirks::NONE, &mut ()).unwrap();
    assert_eq!(decoded.clone().configure(&prefixes).unwrap().customer.unwrap().prefix, prefixes[2]);
    assert_eq!(decoded.configure(&prefixes[..2]).unwrap_err().offset, 5, "none is long enough");
}

#[test]
fn bindings() {
    let read = |text: &str, prefix| read(Kind::Lw4o6, &[text, BR].concat(), prefix);
    let plain = "005c 0014 c0000212 38 20010db8001234 005d0004 06083400";
    let edge = read(plain, CUSTOMER).unwrap().customer.unwrap();
    assert_eq!(edge.ipv6.to_string(), "2001:db8:12:3400:0:c000:212:34");
    assert_eq!((edge.ports.psid(), edge.ports.psid_len(), edge.ports.offset()), (52, 8, 6));
    assert_eq!(read(plain, ("2001:db8::", 32)).unwrap().customer.unwrap().ipv6, edge.ipv6, "a part of ours");
    let longer = read(plain, ("2001:db8:12:34cd::", 64)).unwrap().customer.unwrap();
    assert_eq!(longer.ipv6.to_string(), "2001:db8:12:34cd:0:c000:212:34", "ours is a part of it");
    let error = read(plain, ("2001:db9::", 56)).unwrap_err();
    assert_eq!((error.offset, error.to_string().contains("2001:db9::/56 is no part")), (8, true));
    let whole = read("005c 0015 c0000212 80 20010db8001234000000000000000005", CUSTOMER).unwrap();
    let edge = whole.customer.unwrap();
    assert_eq!((edge.ipv6.to_string().as_str(), edge.ports.count()), ("2001:db8:12:3400::5", 65_536));
    let any = read("005c 0005 c0000212 00", CUSTOMER).unwrap().customer.unwrap();
    assert_eq!(any.ipv6.to_string(), "2001:db8:12:3400:0:c000:212:0");
    assert_eq!(read("", CUSTOMER).unwrap().customer, None, "the address comes by other means");
    assert_eq!(read("005c 0005 00000000 00", CUSTOMER).unwrap_err().offset, 4);
    let bytes = hex(&[plain, BR].concat());
    let decoded = decode(Kind::Lw4o6, Input::value(&bytes).unwrap(), Quirks::NONE, &mut ()).unwrap();
    let Content::Lw4o6 { .. } = decoded.content() else { panic!() };
    assert_eq!(decoded.content().encode(), bytes);
    assert_eq!(
        decoded.configure(&[]).unwrap().customer.unwrap().ipv6.to_string(),
        "2001:db8:12:3400:0:c000:212:34"
    );
}
