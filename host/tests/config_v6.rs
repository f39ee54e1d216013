//! Clients for DHCPv6 in the configuration.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use dhcpmgr::clients::Program;
use dhcpmgr::config::{Client, Config, IaConfig, V6, diff, parse, to_toml};
use dhcpmgr_plugin_api::Protocol;

const CLIENT: &str = "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\n";

fn read(text: &str) -> Result<Config, String> {
    parse(vec![("d.toml".into(), text.to_owned())]).map_err(|errors| errors.to_string())
}

fn client(more: &str) -> Client {
    read(&format!("{CLIENT}{more}")).unwrap().clients.into_values().next().unwrap()
}

#[test]
fn a_client_of_three_lines_asks_for_an_address_and_a_prefix() {
    let client = client("");
    assert_eq!((client.protocol, client.program), (Protocol::V6, Program::named("dibbler").unwrap()));
    let one = vec![IaConfig::default()];
    assert_eq!(client.v6, V6 { ia_na: one.clone(), ia_pd: one, ..V6::default() });
    assert_eq!(client.recovery.stuck.as_secs(), 360, "three SOLICITs, however seldom");
    let stateless = read(&format!("{CLIENT}addresses = false\nprefixes = false\n")).unwrap();
    assert_eq!(stateless.clients["wan6"].v6, V6::default());
}

#[test]
fn every_key_is_read_and_written_again() {
    let text = format!(
        "{CLIENT}program = \"dibbler\"\nrequest = [23, 65535]\nrapid_commit = true\nreconfigure_accept = true\n\
         metric = 7\non_stop = \"release\"\n\
         ia_na = [{{ iaid = 4294967295, address = \"2001:db8::7\", t1 = 60, t2 = 90 }}, {{}}]\n\
         ia_pd = [{{ iaid = 0, prefix = \"::/56\" }}]\n\
         [clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\n"
    );
    let config = read(&text).unwrap();
    let v6 = &config.clients["wan6"].v6;
    assert_eq!(v6.ia_na[0].hint, Some("2001:db8::7/128".parse().unwrap()));
    assert_eq!((v6.ia_na[0].t1, v6.ia_na[0].t2, v6.ia_na[0].iaid), (Some(60), Some(90), Some(u32::MAX)));
    assert_eq!(v6.ia_pd, [IaConfig { iaid: Some(0), hint: "::/56".parse().ok(), ..IaConfig::default() }]);
    assert!(v6.rapid_commit && v6.reconfigure_accept);
    assert_eq!(read(&to_toml(&config)).unwrap(), config, "{}", to_toml(&config));
    for more in ["addresses = false\n", "prefixes = false\n"] {
        let config = read(&format!("{CLIENT}{more}")).unwrap();
        assert_eq!(read(&to_toml(&config)).unwrap(), config, "{more}");
    }
}

#[test]
fn options_are_sent_as_their_rfc_codes_them() {
    let client = client(
        "[clients.wan6.send]\n15 = { classes = [\"ab\", { hex = \"ff\" }] }\n\
         16 = { enterprise = 4491, classes = [\"eRouter\"] }\n\
         17 = { enterprise = 4491, options = { 1 = { text = \"a\" }, 0x102 = { hex = \"00\" } } }\n\
         39 = { fqdn = \"gw.example\", server_updates = true }\n0xff01 = { hex = \"0102\" }\n",
    );
    let sent: Vec<String> =
        client.send.iter().map(|(code, value)| format!("{code}={}", value.to_hex())).collect();
    assert_eq!(
        sent,
        [
            "15=000261620001ff",
            "16=0000118b000765526f75746572",
            "17=0000118b0001000161010200010 0".replace(' ', "").as_str(),
            "39=01026777076578616d706c6500",
            "65281=0102",
        ]
    );
    let raw = read(&format!("{CLIENT}send.16 = {{ hex = \"0000118b\" }}\nsend.39 = {{ fqdn = \"gw\" }}\n"))
        .unwrap();
    let raw = &raw.clients["wan6"].send;
    assert_eq!((raw[&16].to_hex(), raw[&39].to_hex()), ("0000118b".into(), "00026777".into()));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_is_accepted() {
    let keys =
        "accepted: enabled, protocol, interface, program, request, send, metric, on_stop, recovery, sysctls";
    let v6_keys = "addresses, prefixes, rapid_commit, reconfigure_accept, ia_na, ia_pd";
    let ia = "every key may be left out";
    for (more, expected) in [
        (
            "hostname = \"gw\"",
            format!("4:1: WAN6.hostname: is for DHCPv4, and this client has protocol = \"v6\"; {keys}, {v6_keys}"),
        ),
        ("program = \"udhcpc\"", "4:11: WAN6.program: \"udhcpc\" does not speak v6; accepted: \"dibbler\"".into()),
        ("request = [0]", "4:12: WAN6.request: 0 is out of range; accepted: a whole number from 1 to 65535 (an option code)".into()),
        ("ia_pd = [{ prefix = \"10.0.0.0/8\" }]", "4:21: WAN6.ia_pd.prefix: \"10.0.0.0/8\": it is not one of IPv6; accepted: an IPv6 prefix, such as \"::/56\" or \"2001:db8:f000::/56\"".into()),
        ("ia_pd = [{ address = \"2001:db8::1\" }]", "4:12: WAN6.ia_pd.address: is not a known key; accepted: iaid, prefix, t1, t2".into()),
        ("ia_na = [{ address = \"2001:db8::1/64\" }]", "4:22: WAN6.ia_na.address: invalid IPv6 address syntax; accepted: an IPv6 address, such as \"2001:db8::7\"".into()),
        ("ia_na = [{ iaid = 1 }, { iaid = 1 }]", "4:24: WAN6.ia_na: has an IAID that is here already; accepted: each once (RFC 8415 section 12)".into()),
        ("ia_na = [{ t1 = 9, t2 = 8 }]", "4:10: WAN6.ia_na: t1 = 9 is later than t2 = 8; accepted: t1 up to t2 (RFC 8415 section 21.4)".into()),
        ("ia_na = []", "4:9: WAN6.ia_na: has 0 associations; accepted: 1 to 8".into()),
        ("ia_na = 1", format!("4:9: WAN6.ia_na: found a whole number; accepted: a list such as [{{ iaid = 1, address = \"2001:db8::7\", t1 = 3600, t2 = 5400 }}]; {ia}")),
        ("addresses = false\nia_na = [{}]", "5:9: WAN6.ia_na: is here, and addresses = false asks for none; accepted: one of the two".into()),
        ("send.1 = { hex = \"00\" }", "4:6: WAN6.send.1: option 1 is the DUID of the device (`dhcpmgr import`); accepted: other options".into()),
        ("send.0 = { hex = \"00\" }", "4:6: WAN6.send.0: \"0\" is not an option code; accepted: an option code from 1 to 65535, such as 16 or 0x10".into()),
        ("send.16 = { enterprise = 4491 }", "4:13: WAN6.send.16: key \"classes\" is missing; accepted: a list of texts or { hex = \"…\" }".into()),
        ("send.15 = { classes = [] }", "4:11: WAN6.send.15: option 15 would have 0 bytes; accepted: 1 to 1024".into()),
    ] {
        let found = read(&format!("{CLIENT}{more}\n")).map(|_| String::new()).unwrap_or_else(|error| error);
        let expected = expected.replace("WAN6", "clients.wan6");
        assert_eq!(found, format!("d.toml:{expected}"), "{more}");
    }
    let v4 = read("[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\nia_pd = [{}]\n").unwrap_err();
    assert!(
        v4.starts_with(
            "d.toml:4:1: clients.wan4.ia_pd: is for DHCPv6, and this client has protocol = \"v4\"; accepted"
        ),
        "{v4}"
    );
    let two = read(&format!("{CLIENT}{}", CLIENT.replace("wan6", "other6"))).unwrap_err();
    assert_eq!(
        two,
        "d.toml:6:13: clients.other6.interface: \"wan0\" already has the v6 client \"wan6\"; accepted: one client of a \
         protocol on an interface"
    );
}

#[test]
fn what_a_client_is_started_with_starts_it_again() {
    let change = |before: &str, after: &str| {
        let config = |more: &str| read(&format!("{CLIENT}{more}")).unwrap();
        let mut diff = diff(&config(before), &config(after));
        diff.clients_changed.pop().map(|change| (change.keys.join(" "), change.restart, change.replan))
    };
    assert_eq!(change("", "prefixes = false\n"), Some(("ia_pd".into(), true, false)));
    assert_eq!(change("", "reconfigure_accept = true\n"), Some(("reconfigure_accept".into(), true, false)));
    assert_eq!(change("", "ia_na = [{}]\n"), None);
}
