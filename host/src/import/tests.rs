//! The files of the real programs, and files that no program would write.

use proptest::prelude::*;

use super::*;
use crate::identity::{IaKind, Identities};
use crate::paths::Paths;
use dhcpmgr_plugin_api::Protocol;

const DIBBLER_DUID: &[u8] = include_bytes!("samples/dibbler/client-duid");
const DIBBLER_XML: &[u8] = include_bytes!("samples/dibbler/client-AddrMgr.xml");
const NETWORKD_LEASE: &[u8] = include_bytes!("samples/networkd/lease");
const ODHCP6C_ENV: &[u8] = include_bytes!("samples/odhcp6c/variables");
const UDHCPC_ENV: &[u8] = include_bytes!("samples/udhcpc/variables");

fn one(file: &str, bytes: &[u8]) -> Found {
    let mut all = parse(Path::new(file), None, None, bytes).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn error(file: &str, bytes: &[u8]) -> String {
    parse(Path::new(file), None, None, bytes).unwrap_err().to_string()
}

/// As in `/proc/PID/cmdline`.
fn cmdline(words: &str) -> Vec<u8> {
    words.split(' ').flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
}

fn hex(bytes: &Option<Bytes>) -> String {
    bytes.as_ref().map(Bytes::to_hex).unwrap_or_default()
}

#[test]
fn dibblers_duid_is_read() {
    let found = one("/var/lib/dibbler/client-duid", DIBBLER_DUID);
    assert_eq!(hex(&found.duid), "00030001020000000c06");
}

#[test]
fn dibblers_address_manager_gives_our_duid_and_not_the_servers_with_iaids_and_leases() {
    let found = one("client-AddrMgr.xml", DIBBLER_XML);
    assert_eq!(hex(&found.duid), "00030001020000000c06");
    assert_eq!(found.interface, Some("erouter0".parse().unwrap()));
    let ias: Vec<_> = found.ias.iter().map(|ia| (ia.kind, ia.iaid, ia.last[0].to_string())).collect();
    assert_eq!(
        ias,
        [
            (IaKind::Na, 1, "2001:db8:10::1000/128".to_owned()),
            (IaKind::Pd, 2, "2001:db8:f000::/56".to_owned())
        ]
    );
}

#[test]
fn dibblers_associations_are_told_apart_by_interface() {
    let xml = b"<AddrMgr><AddrClient><duid length=\"3\">00:03:01</duid>\
        <AddrPD IAID=\"1\" ifacename=\"wan1\"><AddrPrefix length=\"48\">2001:db8::</AddrPrefix></AddrPD>\
        <AddrIA IAID=\"4294967295\" ifacename=\"wan0\"></AddrIA></AddrClient></AddrMgr>";
    let all = parse(Path::new("x"), None, None, xml).unwrap();
    let names: Vec<_> = all.iter().filter_map(|f| f.interface.as_ref().map(ToString::to_string)).collect();
    assert_eq!(names, ["wan0", "wan1"]);
    assert_eq!(all[0].ias[0].iaid, u32::MAX);
    assert_eq!((hex(&all[0].duid), hex(&all[1].duid)), ("000301".to_owned(), String::new()));
}

#[test]
fn a_lease_of_networkd_gives_address_client_id_and_the_duid_within() {
    let found = one("/run/systemd/netif/leases/3", NETWORKD_LEASE);
    assert_eq!(found.address, Some([10, 77, 4, 102].into()));
    assert_eq!(found.server, Some([10, 77, 4, 1].into()));
    assert_eq!(hex(&found.client_id), "fffa3353ad00020000ab110033bdebf95e192c");
    assert_eq!(hex(&found.duid), "00020000ab110033bdebf95e192c");
}

#[test]
fn networkds_configuration_gives_a_duid_only_where_it_says_one() {
    let found =
        one("10-wan.network", b"[DHCPv6]\nDUIDType=link-layer\nDUIDRawData=00:01:02:00:00:00:00:01\n");
    assert_eq!(hex(&found.duid), "00030001020000000001");
    let found = one("networkd.conf", b"[DHCPv6]\nDUIDType=vendor\n");
    assert_eq!(found.duid, None);
    assert!(found.notes[0].contains("machine-id"), "{:?}", found.notes);
    assert!(error("10.network", b"DUIDRawData=zz").contains("not a list of bytes"));
    assert!(error("10.network", b"DUIDType=9999999\nDUIDRawData=00").contains("neither a number"));
}

#[test]
fn the_variables_of_odhcp6c_give_the_duid_and_say_what_they_lack() {
    let found = one("/tmp/odhcp6c.env", ODHCP6C_ENV);
    assert_eq!(hex(&found.duid), "00030001020000000c09");
    assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
    assert!(found.notes[0].contains("IAID is not in"), "{:?}", found.notes);
}

#[test]
fn the_command_line_of_odhcp6c_gives_the_duid() {
    let line = cmdline("odhcp6c -s /lib/netifd/dhcpv6.script -c 0003000102000000000a -P0 -t120 eth1");
    let found = one("/proc/700/cmdline", &line);
    assert_eq!(hex(&found.duid), "0003000102000000000a");
    assert_eq!(found.interface, Some("eth1".parse().unwrap()));
}

#[test]
fn the_variables_of_udhcpc_give_address_server_and_client_id() {
    let found = one("/tmp/udhcpc.wan.lease", UDHCPC_ENV);
    assert_eq!(found.interface, Some("erouter0".parse().unwrap()));
    assert_eq!((found.address, found.server), (Some([10, 77, 5, 100].into()), Some([10, 77, 5, 1].into())));
    assert_eq!(hex(&found.client_id), "01020000000c05");
}

#[test]
fn the_command_line_of_udhcpc_gives_client_id_and_address() {
    for line in [
        cmdline("/sbin/udhcpc -i wan0 -x 0x3d:0102aabb -r 192.0.2.7"),
        cmdline("busybox udhcpc -iwan0 -x61:0102aabb -r192.0.2.7 -x 61:ffff"),
        b"#!/bin/sh\n# starts udhcpc\nexec udhcpc -i wan0 -x 61:0102aabb -r 192.0.2.7\n".to_vec(),
    ] {
        let found = one("cmdline", &line);
        assert_eq!(hex(&found.client_id), "0102aabb");
        assert_eq!(found.address, Some([192, 0, 2, 7].into()));
        assert_eq!(found.interface, Some("wan0".parse().unwrap()));
    }
    let found = one("start.sh", b"udhcpc -i wan0 -x '61:\"gw-1\"' &");
    assert_eq!(found.client_id, Some(Bytes(b"gw-1".to_vec())));
}

#[test]
fn what_cannot_be_right_is_said_and_not_imported() {
    assert_eq!(error("x", b"hello"), "it is not known whose file this is; name the program with --from");
    assert!(error("x", b"udhcpc -i wan0").contains("no identity and no lease"));
    assert!(error("x", b"interface=wan0\nip=192.0.2.7\nopt61=0g\n").contains("not hex"));
    assert!(error("x", b"interface=wan0\nip=192.0.2.7\nopt61=01\n").contains("2 to 255 bytes"));
    assert!(error("client-duid", b"00").contains("3 to 130 bytes"));
    assert!(error("x", b"<AddrMgr><AddrIA></AddrIA></AddrMgr>").contains("no IAID"));
    let many = format!("<AddrMgr>{}</AddrMgr>", "<AddrIA IAID=\"1\"></AddrIA>".repeat(17));
    assert!(error("x", many.as_bytes()).contains("more than 16"));
    assert!(error("x", &vec![b'a'; LONGEST_FILE + 1]).contains("more than 1048576 bytes"));
    for address in ["0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", "192.0.2.7; reboot"] {
        assert!(
            error("x", format!("interface=a\nip={address}\n").as_bytes()).contains("no lease"),
            "{address}"
        );
    }
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        program in prop_oneof![
            Just(None), Just(Some(Program::Udhcpc)), Just(Some(Program::Dibbler)),
            Just(Some(Program::Odhcp6c)), Just(Some(Program::Networkd)),
        ],
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = parse(Path::new("x"), program, None, &bytes);
    }

    #[test]
    fn no_damage_to_a_real_file_makes_it_panic(
        which in 0_usize..5,
        at in any::<prop::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = [DIBBLER_DUID, DIBBLER_XML, NETWORKD_LEASE, ODHCP6C_ENV, UDHCPC_ENV][which].to_vec();
        let at = at.index(bytes.len());
        let end = (at + with.len()).min(bytes.len());
        bytes.splice(at..end, with);
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(all) = parse(Path::new("client-duid"), None, None, &bytes) {
            prop_assert!(all.iter().all(|found| found.duid.as_ref().is_none_or(|duid| duid.0.len() <= 130)));
        }
    }

    #[test]
    fn no_tags_make_dibblers_reader_panic(
        xml in "(<(/?(AddrMgr|AddrClient|AddrIA|AddrPD|duid|AddrPrefix|!--)( IAID=\"?[0-9]{0,12}\"?)?( length=\"[0-9]{0,4}\")?>?)|[0-9a-f:]{0,20}|-->){0,20}"
    ) {
        let _ = parse(Path::new("client-duid"), Some(Program::Dibbler), None, xml.as_bytes());
    }
}

fn known() -> Vec<Known> {
    let client = |name: &str, interface: &str| Known {
        name: name.parse().unwrap(),
        interface: interface.parse().unwrap(),
        protocol: Protocol::V4,
    };
    vec![client("wan4", "wan0"), client("iptv", "wan1")]
}

fn identities() -> (tempfile::TempDir, Identities) {
    let root = tempfile::tempdir().unwrap();
    let identities = Identities::new(&Paths::new(root.path()));
    (root, identities)
}

fn lease(interface: &str, id: u8, host: u8) -> Found {
    Found {
        file: format!("{interface}.env"),
        interface: Some(interface.parse().unwrap()),
        client_id: Some(Bytes(vec![1, id])),
        address: Some([192, 0, 2, host].into()),
        ..Found::default()
    }
}

fn verdicts(outcome: &Outcome) -> Vec<&Verdict> {
    outcome.lines.iter().map(|line| &line.verdict).collect()
}

fn refusal(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_goes_to_the_client_on_its_interface_once() {
    let (_root, identities) = identities();
    let order = Order { found: vec![lease("wan1", 7, 9)], ..Order::default() };
    let dry = carry_out(&Order { dry_run: true, ..order.clone() }, &known(), &identities);
    assert_eq!(verdicts(&dry), [&Verdict::WouldBeStored, &Verdict::WouldBeStored]);
    assert_eq!(identities.client(&"iptv".parse().unwrap()).client_id, None);
    let first = carry_out(&order, &known(), &identities);
    assert_eq!(verdicts(&first), [&Verdict::Stored, &Verdict::Stored]);
    assert_eq!(first.lines[0].what, "client-id 0107 of iptv");
    let record = identities.client(&"iptv".parse().unwrap());
    assert_eq!(record.client_id, Some(Bytes(vec![1, 7])));
    assert_eq!(record.last_lease.unwrap().address.to_string(), "192.0.2.9");
    let again = carry_out(&order, &known(), &identities);
    assert_eq!(verdicts(&again), [&Verdict::Already, &Verdict::Already]);
}

#[test]
fn an_identity_that_is_kept_is_given_up_only_when_that_is_asked_for() {
    let (_root, identities) = identities();
    let import = |id, replace| {
        let order = Order { found: vec![lease("wan0", id, id)], replace, ..Order::default() };
        carry_out(&order, &known(), &identities)
    };
    import(1, false);
    let refused = import(2, false);
    assert!(refusal(&refused.lines[0].verdict).contains("0101 is kept already; --replace"));
    let wan4 = "wan4".parse().unwrap();
    assert_eq!(identities.client(&wan4).client_id, Some(Bytes(vec![1, 1])));
    assert_eq!(verdicts(&import(2, true)), [&Verdict::Stored, &Verdict::Stored]);
    assert_eq!(identities.client(&wan4).client_id, Some(Bytes(vec![1, 2])));
}

#[test]
fn files_that_contradict_each_other_are_not_both_believed() {
    let (_root, identities) = identities();
    let order =
        Order { found: vec![lease("wan0", 1, 7), lease("wan0", 2, 7)], replace: true, ..Order::default() };
    let outcome = carry_out(&order, &known(), &identities);
    assert!(refusal(&outcome.lines[2].verdict).contains("another file of this import says 0101"));
    assert_eq!(outcome.lines[3].verdict, Verdict::Already);
}

#[test]
fn it_is_never_guessed_whose_something_is() {
    let (_root, identities) = identities();
    let mut nobody = lease("wan0", 1, 7);
    nobody.interface = None;
    let import = |found: Found, client: Option<&str>| {
        let client = client.map(|name| name.parse().unwrap());
        carry_out(&Order { found: vec![found], client, ..Order::default() }, &known(), &identities)
    };
    assert!(refusal(&import(nobody.clone(), None).lines[0].verdict).contains("several DHCPv4 clients"));
    assert!(
        refusal(&import(lease("eth7", 1, 7), None).lines[0].verdict).contains("no DHCPv4 client on eth7")
    );
    let xml = one("x", DIBBLER_XML);
    let outcome = import(xml.clone(), None);
    assert_eq!(outcome.lines[0].verdict, Verdict::Stored, "the DUID is the device's");
    assert!(refusal(&outcome.lines[1].verdict).contains("no DHCPv6 client on erouter0"));
    assert!(
        refusal(&import(xml.clone(), Some("wan4")).lines[1].verdict).contains("wan4 is no DHCPv6 client")
    );
    // A client that is configured later finds its identity.
    assert_eq!(import(xml, Some("wan6")).lines[1].verdict, Verdict::Stored);
    assert_eq!(identities.client(&"wan6".parse().unwrap()).ias.len(), 2);
    assert_eq!(import(nobody, Some("wan4")).lines[0].verdict, Verdict::Stored);
}

#[test]
fn values_that_no_parser_would_give_are_refused() {
    let (_root, identities) = identities();
    let wrong = [
        Found { client_id: Some(Bytes(vec![1; 256])), ..Found::default() },
        Found { duid: Some(Bytes(vec![1; 2])), ..Found::default() },
        Found { address: Some([127, 0, 0, 1].into()), ..Found::default() },
    ];
    let order = Order { found: wrong.to_vec(), client: Some("wan4".parse().unwrap()), ..Order::default() };
    let outcome = carry_out(&order, &known(), &identities);
    assert_eq!(outcome.lines.len(), 3);
    assert!(outcome.lines.iter().all(|line| matches!(line.verdict, Verdict::Refused(_))), "{outcome:?}");
    assert_eq!(identities.client(&"wan4".parse().unwrap()), Default::default());
}

#[test]
fn what_cannot_be_written_is_not_called_stored() {
    let (root, identities) = identities();
    std::fs::write(root.path().join("var"), "in the way").unwrap();
    let order = Order { found: vec![lease("wan0", 1, 7)], ..Order::default() };
    let outcome = carry_out(&order, &known(), &identities);
    assert!(refusal(&outcome.lines[0].verdict).contains("cannot make the state directory"), "{outcome:?}");
}
