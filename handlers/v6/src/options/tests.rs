//! The decoders alone: what is accepted, and where the first wrong byte is.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// `3"dot"0` is a label of three bytes and the root.
fn wire(names: &[&str]) -> Vec<u8> {
    let mut raw = Vec::new();
    for name in names {
        for label in name.split('.') {
            raw.push(u8::try_from(label.len()).unwrap());
            raw.extend(label.bytes());
        }
        raw.push(0);
    }
    raw
}

fn domains(raw: &[u8]) -> Result<Vec<Result<String, String>>, String> {
    let names = names(raw).map_err(|wrong| wrong.to_string())?;
    let domain = |name: &WireName<'_>| name.domain().map(String::from).map_err(|wrong| wrong.to_string());
    Ok(names.iter().map(domain).collect())
}

fn wrong<T: std::fmt::Debug>(result: Result<T, Wrong>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn numbers_have_their_length_and_no_more() {
    assert_eq!(byte(&[255]), Ok(255));
    assert_eq!(seconds(&[0, 0, 0x0e, 0x10]), Ok(3600));
    assert_eq!(wrong(seconds(&[0, 0, 1])), "the number of seconds has 3 of 4 bytes (byte 0)");
    assert_eq!(wrong(seconds(&[0; 6])), "2 more bytes after the value (byte 4)");
    assert_eq!(wrong(byte(&[])), "the value has 0 of 1 bytes (byte 0)");
}

#[test]
fn a_list_of_addresses_has_whole_addresses() {
    assert_eq!(addresses(&[1; 32]).unwrap().len(), 2);
    assert_eq!(wrong(addresses(&[1; 35])), "an address of the list has 3 of 16 bytes (byte 32)");
    assert_eq!(wrong(addresses(&[])), "an address of the list has 0 of 16 bytes (byte 0)");
}

#[test]
fn names_are_read_one_after_the_other() {
    let raw = wire(&["isp.example", "corp.isp.example"]);
    assert_eq!(domains(&raw), Ok(vec![Ok("isp.example".to_owned()), Ok("corp.isp.example".to_owned())]));
}

#[test]
fn a_pointer_is_refused_where_it_stands() {
    let mut raw = wire(&["isp.example"]);
    raw.extend([4, b'c', b'o', b'r', b'p', 0xc0, 0]);
    let error = domains(&raw).unwrap_err();
    assert_eq!(error, "a name is compressed, which DHCPv6 forbids (RFC 8415 section 10) (byte 18)");
    assert_eq!(domains(&[0x40, 1]).unwrap_err(), "a label cannot have 64 bytes (byte 0)");
}

#[test]
fn a_name_that_is_cut_is_refused_where_it_ends() {
    let raw = wire(&["isp.example"]);
    assert_eq!(domains(&raw[..12]).unwrap_err(), "the length of a label has 0 of 1 bytes (byte 12)");
    assert_eq!(domains(&raw[..8]).unwrap_err(), "a label has 3 of 7 bytes (byte 5)");
}

#[test]
fn a_label_with_a_dot_or_a_quote_costs_its_name_only() {
    let mut raw = wire(&["isp.example"]);
    raw.extend([3, b'a', b'.', b'b', 0]);
    raw.extend([2, b'a', b'"', 0]);
    raw.extend(wire(&["corp.example"]));
    let read = domains(&raw).unwrap();
    assert_eq!(read[1], Err("the byte 0x2e is in no domain name (byte 15)".to_owned()));
    assert_eq!(read[2], Err("the byte 0x22 is in no domain name (byte 20)".to_owned()));
    assert_eq!(read[3], Ok("corp.example".to_owned()));
    assert_eq!(domains(&[0]).unwrap(), [Err("the name is empty (byte 0)".to_owned())]);
}

#[test]
fn a_name_of_255_bytes_is_the_longest() {
    let fits = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    assert_eq!(wire(&[&fits]).len(), 255);
    assert_eq!(domains(&wire(&[&fits])).unwrap(), [Ok(fits.clone())]);
    let error = domains(&wire(&[&format!("{fits}d")])).unwrap_err();
    assert_eq!(error, "a name has more than 255 bytes (byte 192)");
}

#[test]
fn the_clients_name_may_lack_its_end() {
    assert_eq!(client_fqdn(b"\x04\x05gatew").unwrap().as_str(), "gatew");
    assert_eq!(client_fqdn(b"\x00\x02vm\x03isp\x00").unwrap().as_str(), "vm.isp");
    assert_eq!(wrong(client_fqdn(b"\x00")), "the name is empty (byte 1)");
    assert_eq!(wrong(client_fqdn(b"\x00\x02vm\x00\x01")), "1 more bytes after the value (byte 5)");
}

#[test]
fn a_vendors_sub_options_have_their_lengths() {
    let raw = [0, 0, 0x11, 0x8b, 0, 1, 0, 2, 0xde, 0xad, 0, 2, 0, 0];
    let read = vendor(&raw).unwrap();
    assert_eq!((read.enterprise, read.options), (4491, vec![(1, &[0xde, 0xad][..]), (2, &[][..])]));
    assert_eq!(wrong(vendor(&raw[..9])), "sub-option 1 has 1 of 2 bytes (byte 8)");
    assert_eq!(wrong(vendor(&raw[..3])), "the enterprise number has 3 of 4 bytes (byte 0)");
}

#[test]
fn time_sources_are_addresses_groups_and_names() {
    let mut raw = vec![0, 1, 0, 16];
    raw.extend([0x20; 16]);
    raw.extend([0, 2, 0, 16]);
    raw.extend([0xff; 16]);
    raw.extend([0, 9, 0, 1, 7, 0, 3, 0, 5, 3, b'n', b't', b'p', 0]);
    let [TimeSource::Server(_), TimeSource::Group(_), TimeSource::Name(name)] =
        &time_sources(&raw).unwrap()[..]
    else {
        panic!("three sources")
    };
    assert_eq!(name.as_str(), "ntp");
    assert_eq!(wrong(time_sources(&[0, 1, 0, 4, 1, 2, 3, 4])), "sub-option 1 has 4 of 16 bytes (byte 4)");
    assert_eq!(wrong(time_sources(&[0, 9, 0, 0])), "it names no time source (byte 0)");
    let mut long = vec![0, 1, 0, 17];
    long.extend([1; 17]);
    assert_eq!(wrong(time_sources(&long)), "1 more bytes after sub-option 1 (byte 20)");
}

#[test]
fn boot_parameters_are_texts() {
    assert_eq!(boot_parameters(b"\0\x03a=1\0\x02-v").unwrap(), ["a=1", "-v"]);
    assert_eq!(wrong(boot_parameters(b"\0\x03a\xff1")), "a parameter is not text (UTF-8) (byte 3)");
    assert_eq!(wrong(boot_parameters(b"")), "it carries no parameter (byte 0)");
}

/// Priority 1, `dot.example`, 2001:db8::53, then these service parameters.
fn dnr(params: &[u8]) -> Vec<u8> {
    let mut raw = vec![0, 1, 0, 13];
    raw.extend(wire(&["dot.example"]));
    raw.extend([0, 16]);
    raw.extend("2001:db8::53".parse::<Ipv6Addr>().unwrap().octets());
    raw.extend(params);
    raw
}

#[test]
fn a_resolver_is_read_with_its_parameters() {
    let raw = dnr(b"\0\x01\0\x07\x03dot\x02h2\0\x03\0\x02\x03\x55\0\x07\0\x10/dns-query{?dns}");
    let shown = resolver(&raw).unwrap().to_string();
    let expected = "dot.example addresses=2001:db8::53 alpn=dot,h2 port=853 dohpath=/dns-query{?dns}";
    assert_eq!(shown, expected);
    let only_name = resolver(&raw[..17]).unwrap();
    assert_eq!((only_name.to_string().as_str(), only_name.priority), ("dot.example", 1));
}

#[test]
fn a_resolver_that_cannot_be_right_says_where() {
    for (params, why) in [
        (&b""[..], "the service parameters name no protocol (alpn) (byte 35)"),
        (b"\0\x01\0\x04\x03do", "the service parameter 1 has 3 of 4 bytes (byte 39)"),
        (b"\0\x01\0\x04\x04dot", "a protocol's name has 3 of 4 bytes (byte 40)"),
        (b"\0\x01\0\x04\x03d\nt", "a protocol's name (alpn) has strange characters (byte 41)"),
        (b"\0\x01\0\x04\x03dot\0\x01\0\0", "the service parameter 1 is out of order (RFC 9460) (byte 43)"),
        (
            b"\0\x01\0\x04\x03dot\0\x06\0\0",
            "address hints have no place in it (RFC 9463 section 3.1.8) (byte 43)",
        ),
        (b"\0\x01\0\x04\x03dot\0\x03\0\x02\0\0", "port 0 is none (byte 47)"),
        (b"\0\x01\0\x03\x02h3", "DNS over HTTPS needs a path (dohpath, RFC 9461 section 5) (byte 35)"),
        (
            b"\0\x01\0\x03\x02h3\0\x07\0\x04/ {?",
            "the path (dohpath) has a character that no URI has (byte 47)",
        ),
        (
            b"\0\0\0\x02\0\x05\0\x01\0\x04\x03dot\0\x05\0\x01x",
            "the service parameter 5 is mandatory, but not there or not known (byte 39)",
        ),
    ] {
        assert_eq!(wrong(resolver(&dnr(params))), why);
    }
    let mut loopback = dnr(b"\0\x01\0\x04\x03dot");
    loopback[19..35].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
    assert_eq!(wrong(resolver(&loopback)), "::1 is the loopback address (byte 19)");
    let mut alias = dnr(b"");
    alias[1] = 0;
    assert!(wrong(resolver(&alias)).starts_with("priority 0"));
    let mut long = dnr(b"");
    long[3] = 14;
    assert_eq!(wrong(resolver(&long)), "1 more bytes after the name (byte 17)");
}

/// Bytes that look like options more often than chance would have it.
fn raw() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..20),
        "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}".prop_map(|name| wire(&[&name])),
        (0..10_u8, 0..40_u8).prop_map(|(code, len)| vec![0, code, 0, len]),
        Just("2001:db8::53".parse::<Ipv6Addr>().unwrap().octets().to_vec()),
        Just(b"\0\x01\0\x04\x03dot".to_vec()),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic_and_every_fault_lies_within(raw in raw()) {
        let within = |wrong: Option<Wrong>| match wrong {
            None => true,
            Some(wrong) => {
                let text = wrong.to_string();
                let at = text.rsplit_once("(byte ").unwrap().1.trim_end_matches(')').parse::<usize>().unwrap();
                at <= raw.len() && !text.contains(char::is_control)
            }
        };
        prop_assert!(within(byte(&raw).err()));
        prop_assert!(within(seconds(&raw).err()));
        prop_assert!(within(address(&raw).err()));
        prop_assert!(within(addresses(&raw).err()));
        prop_assert!(within(one_name(&raw).err()));
        prop_assert!(within(client_fqdn(&raw).err()));
        prop_assert!(within(status(&raw).err()));
        prop_assert!(within(vendor(&raw).err()));
        prop_assert!(within(time_sources(&raw).err()));
        prop_assert!(within(boot_parameters(&raw).err()));
        prop_assert!(within(resolver(&raw).err()));
        match names(&raw) {
            Err(wrong) => prop_assert!(within(Some(wrong))),
            Ok(names) => prop_assert!(names.iter().all(|name| within(name.domain().err()))),
        }
    }

    #[test]
    fn every_name_comes_back(offered in vec("[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?(\\.[a-z0-9]{1,20}){0,8}", 1..8)) {
        let texts: Vec<_> = offered.iter().map(String::as_str).collect();
        let read = domains(&wire(&texts)).unwrap();
        prop_assert_eq!(read, offered.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn every_sub_option_comes_back(
        enterprise: u32,
        sent in vec((any::<u16>(), vec(any::<u8>(), 0..300)), 0..6),
    ) {
        let mut raw = enterprise.to_be_bytes().to_vec();
        for (code, data) in &sent {
            raw.extend(code.to_be_bytes());
            raw.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            raw.extend(data);
        }
        let read = vendor(&raw).unwrap();
        prop_assert_eq!(read.enterprise, enterprise);
        prop_assert!(read.options.iter().map(|(code, data)| (*code, data.to_vec())).eq(sent));
    }
}
