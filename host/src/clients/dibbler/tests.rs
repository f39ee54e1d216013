use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use dhcpmgr_message::{IaKind, Token};
use proptest::prelude::*;

use super::*;
use crate::config::{self, V6};
use crate::flat::{FlatMap, FlatSet};
use crate::handlers::Wants;
use crate::identity::{Ia, WantedIa, wanted_ias};

const CLIENT: &str = "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\n";

fn client(more: &str) -> Client {
    let config = config::parse(vec![("d.toml".into(), format!("{CLIENT}{more}"))]).unwrap();
    config.clients.into_values().next().unwrap()
}

fn conf(client: &Client, wants: &Wants, ias: &[WantedIa]) -> Result<conf::Conf, LaunchError> {
    let (paths, token) = (Paths::new("/r"), Token::from_random([7; 16]));
    let context = LaunchContext {
        paths: &paths,
        wants,
        token: &token,
        last_address: None,
        left_out: &[],
        client_id: None,
        duid: None,
        ias,
    };
    conf::write(client, &context, Path::new("/usr/lib/dhcpmgr/dhcpmgr-dibbler"))
}

/// Parsed by dibbler-client 1.0.1 as it stands here, and seen on the wire.
#[test]
fn a_configuration_with_everything_is_what_dibbler_understands() {
    let client = client(
        "request = [23, 95, 25]\nreconfigure_accept = true\n\
         ia_na = [{ iaid = 7, address = \"2001:db8:6::1777\", t1 = 10, t2 = 20 }, {}]\n\
         ia_pd = [{ iaid = 4294967295, prefix = \"::/56\" }]\n\
         send.16 = { enterprise = 4491, classes = [\"eRouter1.0\"] }\nsend.39 = { fqdn = \"gw\" }\n",
    );
    let stored = [
        Ia { kind: IaKind::Na, iaid: 9, last: vec!["2001:db8:6::9/128".parse().unwrap()] },
        Ia { kind: IaKind::Na, iaid: 5, last: vec!["2001:db8:6::5/128".parse().unwrap()] },
    ];
    let wants = Wants {
        request: FlatSet::from([3, 16, 24, 95]),
        send: FlatMap::from([(15, Bytes(vec![0, 1, 65])), (39, Bytes(vec![9]))]),
        ..Wants::default()
    };
    let written = conf(&client, &wants, &wanted_ias(&client.v6, &stored)).unwrap();
    let expected = "\
script \"/usr/lib/dhcpmgr/dhcpmgr-dibbler\"
log-level 7
log-mode short
inactive-mode
skip-confirm
downlink-prefix-ifaces \"none\"
reconfigure-accept 1
iface \"wan0\" {
	ia 7 {
		t1 10
		t2 20
		address 2001:db8:6::1777
	}
	ia 5 {
		address 2001:db8:6::5
	}
	pd 4294967295 {
		prefix ::/56
	}
	option 0015 hex 0x000141
	option 0016 hex 0x0000118b000a65526f75746572312e30
	option 0039 hex 0x00026777
	option 0023 hex
	option 0024 hex
	option 0095 hex
}
";
    assert_eq!(written.with_wishes, expected);
    let wish = " {\n\t\taddress 2001:db8:6::5\n\t}";
    assert_eq!(written.base, expected.replace(wish, ""), "what was leased is no part of the configuration");
    assert!(written.notes.is_empty());
}

#[test]
fn without_associations_it_asks_for_options_only_and_rapid_commit_is_left_out() {
    let client = client("addresses = false\nprefixes = false\nrapid_commit = true\n");
    assert_eq!(client.v6, V6 { rapid_commit: true, ..V6::default() });
    let written = conf(&client, &Wants::default(), &[]).unwrap();
    assert!(
        written.base.ends_with("iface \"wan0\" {\n\tstateless\n\toption dns-server\n}\n"),
        "{}",
        written.base
    );
    assert!(!written.base.contains("rapid"), "{}", written.base);
    assert!(written.notes[0].starts_with("rapid_commit is left out: dibbler runs no hook"));
}

#[test]
fn a_name_with_quotes_is_quoted_otherwise_or_refused() {
    let mut client = client("");
    client.interface = "wan\"0".parse().unwrap();
    assert!(conf(&client, &Wants::default(), &[]).unwrap().base.contains("iface 'wan\"0' {"));
    client.interface = "w'n\"0".parse().unwrap();
    let error = conf(&client, &Wants::default(), &[]).map(|conf| conf.base).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the name of the interface cannot be written for the client: it has both kinds of quotes"
    );
}

#[test]
fn another_dibbler_is_known_by_its_configuration() {
    let file = |path: &Path| match path.to_str().unwrap() {
        "/etc/dibbler/client.conf" => Some("# iface no\niface eth1 {\n ia\n}\niface 'wan 1'{\n}".to_owned()),
        "/run/x/client.conf" => Some("iface \"wan0\" {\n\tia 1\n}\n".to_owned()),
        _ => None,
    };
    let known = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let found = Dibbler.interfaces(&words, &file)?;
        Some(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(known("/usr/sbin/dibbler-client run -w /run/x").as_deref(), Some("wan0"));
    assert_eq!(known("dibbler-client run -w/run/x").as_deref(), Some("wan0"));
    assert_eq!(known("dibbler-client start").as_deref(), Some("eth1"));
    assert_eq!(known("dibbler-client run -w /gone").as_deref(), Some(""), "somewhere");
    assert_eq!(known("dibbler-client status"), None);
    assert_eq!(known("dibbler-server run"), None);
}

#[test]
fn its_words_tell_its_state() {
    for (line, expected) in [
        (
            "46:49 Client Info      Creating SOLICIT message with 1 IA(s), no TA and 1 PD(s) on wan0/2 interface.",
            Some(Progress::Selecting),
        ),
        (
            "46:50 Client Info      Processing msg (SOLICIT,transID=0xa054f5,opts: 1 3 25 8 39 6)",
            Some(Progress::Selecting),
        ),
        (
            "00:00 Client Info      Creating INFORMATION-REQUEST message on wan0/2 interface.",
            Some(Progress::Selecting),
        ),
        (
            "46:50 Client Info      Creating REQUEST. Backup server list contains 1 server(s).",
            Some(Progress::Requesting),
        ),
        ("47:04 Client Info      Generating RENEW for 0 IA(s) and 1 PD(s). ", Some(Progress::Renewing)),
        (
            "2026.11.23 11:54:05 Client Notice    RENEW remains unanswered and timeout T2 reached, so REBIND will be sent.",
            Some(Progress::Rebinding),
        ),
        ("47:04 Client Info      Received REPLY on wan0/2,trans-id=0xf4662e, 13 opts: 1 2 17", None),
        ("RTNETLINK answers: Operation not permitted", None),
        (" Client ", None),
    ] {
        assert_eq!(Dibbler.progress(line), expected, "{line}");
    }
}

#[test]
fn status_1_means_what_its_last_words_say() {
    let ended = |code: i32, lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Dibbler.ending(ExitReason::Told(ExitStatus::from_raw(code)), &lines, None)
    };
    let date = "2026.11.23 11:53:44 Client";
    for (words, expected) in [
        (
            &[
                "Critical  Config parse error: line 1, unexpected [}] token.",
                "Critical  Fatal error during config parsing.",
            ][..],
            "configuration",
        ),
        (
            &[
                "Error     Interface [unknown]/0 specified in /t/client.conf is not present or does not support IPv6.",
            ],
            "network",
        ),
        (&["Critical  Interface d0/4 is down or doesn't have any link-local address."], "network"),
        (
            &[
                "Error     Unable to bind socket (iface=lo/1, addr=::, port=546).",
                "Error     Low-level layer error message: Unable to bind socket: Permission denied",
                "Critical  Proper socket creation failed.",
            ],
            "cannot-run",
        ),
        (&["Critical  Process already running and it seems to be Dibbler (pid=1)."], "process-died"),
        (&["Critical  Signal received. Shutting down."], "process-died"),
        (&[], "process-died"),
    ] {
        let lines: Vec<String> = words.iter().map(|words| format!("{date} {words}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(ended(1 << 8, &lines).name(), expected, "{words:?}");
    }
    // What the kernel refuses it is what we refuse it: no reason to end.
    let refused = ["RTNETLINK answers: Operation not permitted"];
    assert_eq!(ended(0, &refused), Fault::Ended("the client ended with exit status 0".into()));
    assert_eq!(ended(9, &refused), Fault::Died("the client was killed by SIGKILL".into()));
}

#[test]
fn its_memory_is_read_as_far_as_a_server_has_answered() {
    let directory = tempfile::tempdir().unwrap();
    let client = client("");
    assert!(Dibbler.ias(&client, directory.path()).is_empty(), "nothing is written yet");
    let xml = "<AddrMgr>\n  <AddrClient>\n    <duid length=\"10\">00:03:00:01:aa:bb:cc:dd:ee:ff</duid>\n\
        <AddrIA unicast=\"\" T1=\"15\" T2=\"25\" IAID=\"7\" state=\"CONFIGURED\" ifacename=\"wan0\" iface=\"2\">\n\
        <duid length=\"14\">00:01:00:01:32:96:e4:28:5e:69:ac:8d:b6:ec</duid>\n\
        <AddrAddr timestamp=\"1795434887\" pref=\"40\" valid=\"60\" prefix=\"128\">2001:db8:6::1002</AddrAddr>\n\
        <!--<fqdnDnsServer>-->\n</AddrIA>\n\
        <AddrIA unicast=\"\" T1=\"4294967295\" T2=\"4294967295\" IAID=\"8\" state=\"INPROCESS\" ifacename=\"wan0\" iface=\"2\">\n</AddrIA>\n\
        <AddrPD unicast=\"\" T1=\"16\" T2=\"26\" IAID=\"18446744073709551615\" state=\"CONFIGURED\" ifacename=\"wan0\" iface=\"2\">\n\
        <AddrPrefix timestamp=\"1795434887\" pref=\"40\" valid=\"60\" length=\"56\">2001:db8:f000:200::</AddrPrefix>\n</AddrPD>\n";
    std::fs::write(directory.path().join(ADDRESSES), xml).unwrap();
    let ias = Dibbler.ias(&client, directory.path());
    let shown: Vec<String> = ias
        .iter()
        .map(|KnownIa { ia, values }| {
            format!("{} {} {:?} {}", ia.kind, ia.iaid, ia.t1.map(|t1| t1.0), values[0])
        })
        .collect();
    assert_eq!(
        shown,
        ["IA_NA 7 Some(15) 2001:db8:6::1002/128", "IA_PD 4294967295 Some(16) 2001:db8:f000:200::/56"]
    );
    std::fs::write(directory.path().join(ADDRESSES), "x".repeat(LONGEST_MEMORY as usize + 1)).unwrap();
    assert!(Dibbler.ias(&client, directory.path()).is_empty(), "nobody's memory is so long");
}

proptest! {
    #[test]
    fn nothing_makes_the_readers_panic(text in "(<|>|\"|=|/|AddrIA|IAID|duid| |!--|-->|iface|'|\\{|é|\n|.){0,60}") {
        let _ = (AddressManager::parse(&text), conf::interfaces(&text), said(&text));
    }
}
