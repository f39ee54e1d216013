//! What LANs get, in the configuration: delegations, unique local addresses, router advertisements.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use dhcpmgr::config::{
    Config, Delegation, Lans, RaBackend, RaDns, RouterAdvertisements, Token, Ula, diff, parse, to_toml,
};

const CLIENTS: &str = "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\n\
                       [clients.lte6]\nprotocol = \"v6\"\ninterface = \"wwan0\"\n\
                       [clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\n";

fn read(text: &str) -> Result<Config, String> {
    parse(vec![("d.toml".into(), text.to_owned())]).map_err(|errors| errors.to_string())
}

fn lans(text: &str) -> Lans {
    read(&format!("{CLIENTS}{text}")).unwrap().lans
}

#[test]
fn a_lan_of_one_line_gets_a_64_of_its_own() {
    let lans = lans("[delegations.br-lan]\nfrom = \"wan6\"\n");
    let expected = Delegation {
        from: vec!["wan6".parse().unwrap()],
        subnet: None,
        length: 64,
        token: Token::Bits("::1".parse().unwrap()),
        ula: true,
    };
    assert_eq!(lans.delegations["br-lan"], expected);
    assert_eq!((lans.ula, lans.router_advertisements), (None, RouterAdvertisements::default()));
}

#[test]
fn everything_can_be_said_and_is_shown_as_it_is() {
    let text = format!(
        "{CLIENTS}\
         [delegations.br-lan]\nfrom = [\"lte6\", \"wan6\"]\nsubnet = 3\nlength = 60\ntoken = \"eui64\"\nula = false\n\
         [delegations.\"br-iot.7\"]\nsubnet = 5\ntoken = \"::a:1\"\n\
         [ula]\nprefix = \"fd12:3456:789a::/48\"\n\
         [router_advertisements]\nbackend = \"radvd\"\nconfig = \"/etc/radvd.conf\"\npidfile = \"/var/run/r\"\ndns = \"lease\"\n"
    );
    let config = read(&text).unwrap();
    let lan = &config.lans.delegations["br-lan"];
    assert_eq!(lan.from.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["lte6", "wan6"], "best first");
    assert_eq!((lan.subnet, lan.length, lan.token, lan.ula), (Some(3), 60, Token::Eui64, false));
    let iot = &config.lans.delegations["br-iot.7"];
    assert!(iot.from.is_empty(), "a LAN of local addresses only");
    assert_eq!(iot.token, Token::Bits("::a:1".parse().unwrap()));
    assert_eq!(config.lans.ula, Some(Ula::Prefix("fd12:3456:789a::/48".parse().unwrap())));
    let advertised = &config.lans.router_advertisements;
    assert_eq!((advertised.backend, advertised.dns), (RaBackend::Radvd, RaDns::Lease));
    assert_eq!(advertised.pidfile.as_deref(), Some("/var/run/r".as_ref()));
    assert_eq!(read(&to_toml(&config)).unwrap(), config);
    assert_eq!(lans("[ula]\n").ula, Some(Ula::Generated));
}

#[test]
fn each_mistake_is_said_with_its_place() {
    let token = "accepted: an interface identifier such as \"::1\", or \"eui64\"";
    let from = "accepted: the name of a v6 client, or a list of them, best first";
    let ula = "accepted: \"auto\", or a /48 below fd00::/8 such as \"fd12:3456:789a::/48\"";
    // The keys of br-lan, from the eleventh line on.
    let of_lan = [
        ("subnet = 1", format!("10:14: delegations.br-lan: key \"from\" is missing; {from}")),
        ("from = []", format!("11:8: delegations.br-lan.from: is empty; {from}")),
        ("from = 6", format!("11:8: delegations.br-lan.from: found a whole number; {from}")),
        (
            "from = \"wan9\"",
            "11:8: delegations.br-lan.from: \"wan9\" is not a client of this configuration; accepted: \"lte6\", \"wan4\", \"wan6\"".to_owned(),
        ),
        (
            "from = \"wan4\"",
            format!("11:8: delegations.br-lan.from: \"wan4\" is a v4 client, and gets no prefixes; {from}"),
        ),
        (
            "from = [\"wan6\", \"wan6\"]",
            "11:17: delegations.br-lan.from: \"wan6\" is listed twice; accepted: each client once".to_owned(),
        ),
        (
            "from = \"wan6\"\nsubnet = -1",
            "12:10: delegations.br-lan.subnet: -1 is out of range; accepted: a whole number from 0 to 4294967295".to_owned(),
        ),
        (
            "from = \"wan6\"\nlength = 128",
            "12:10: delegations.br-lan.length: 128 is out of range; accepted: a whole number from 1 to 127 bits".to_owned(),
        ),
        (
            "from = \"wan6\"\ntoken = \"::\"",
            format!("12:9: delegations.br-lan.token: \"::\" is the anycast address of all routers (RFC 4291); {token}"),
        ),
        (
            "from = \"wan6\"\ntoken = \"1::1\"",
            format!("12:9: delegations.br-lan.token: \"1::1\" is longer than the 64 bits that a LAN of /64 leaves to hosts; {token}"),
        ),
        (
            "from = \"wan6\"\ntoken = \"eui-64\"",
            format!("12:9: delegations.br-lan.token: invalid IPv6 address syntax; {token}"),
        ),
        (
            "from = \"wan6\"\nlength = 80\ntoken = \"eui64\"",
            "13:9: delegations.br-lan.token: \"eui64\" is 64 bits long, which a LAN of /80 has no room for; accepted: an interface identifier such as \"::1\"".to_owned(),
        ),
        (
            "from = \"wan6\"\nsubnt = 1",
            "12:1: delegations.br-lan.subnt: is not a known key (did you mean \"subnet\"?); accepted: from, subnet, length, token, ula".to_owned(),
        ),
    ];
    for (keys, expected) in of_lan {
        let error = read(&format!("{CLIENTS}[delegations.br-lan]\n{keys}\n")).unwrap_err();
        assert_eq!(error, format!("d.toml:{expected}"));
    }
    let others = [
        (
            "[delegations.wan0]\nfrom = \"wan6\"\n",
            "11:8: delegations.wan0.from: \"wan6\" gets its prefixes through wan0 itself; accepted: clients on other interfaces".to_owned(),
        ),
        (
            "[delegations.a]\nfrom = \"wan6\"\nsubnet = 16\n[delegations.b]\nfrom = [\"lte6\", \"wan6\"]\nsubnet = 1\nlength = 60\n",
            "15:10: delegations.b.subnet: this part of a prefix is given to a already; accepted: a subnet that no other LAN has".to_owned(),
        ),
        ("[ula]\nprefix = \"2001:db8::/48\"\n", format!("11:10: ula.prefix: 2001:db8::/48 is no prefix of unique local addresses (RFC 4193); {ula}")),
        ("[ula]\nprefix = \"fd00::/64\"\n", format!("11:10: ula.prefix: fd00::/64 is no prefix of unique local addresses (RFC 4193); {ula}")),
        (
            "[router_advertisements]\nbackend = \"radv\"\n",
            "11:11: router_advertisements.backend: \"radv\" is not a router-advertisement daemon (did you mean \"radvd\"?); accepted: \"none\", \"radvd\"".to_owned(),
        ),
        (
            "[router_advertisements]\nconfig = \"radvd.conf\"\n",
            "11:10: router_advertisements.config: \"radvd.conf\" is no absolute path of a file; accepted: an absolute path, such as \"/run/dhcpmgr/radvd.conf\"".to_owned(),
        ),
    ];
    for (text, expected) in others {
        assert_eq!(read(&format!("{CLIENTS}{text}")).unwrap_err(), format!("d.toml:{expected}"));
    }
    let share_nothing = "[delegations.a]\nfrom = \"wan6\"\nsubnet = 1\nula = false\n[delegations.b]\nfrom = \"lte6\"\nsubnet = 1\nula = false\n";
    assert_eq!(lans(share_nothing).delegations.len(), 2);
}

#[test]
fn a_reload_names_what_differs() {
    let before =
        read(&format!("{CLIENTS}[delegations.a]\nfrom = \"wan6\"\n[delegations.b]\nfrom = \"wan6\"\n"))
            .unwrap();
    let after = read(&format!(
        "{CLIENTS}[delegations.b]\nfrom = \"wan6\"\nsubnet = 2\ntoken = \"::2\"\n[delegations.c]\nfrom = \"wan6\"\n[ula]\n\
         [router_advertisements]\nbackend = \"radvd\"\n"
    ))
    .unwrap();
    let expected = [
        "delegation to a: removed",
        "delegation to b: subnet, token changed",
        "delegation to c: added",
        "ula: prefix changed",
        "router_advertisements: backend changed",
    ];
    assert_eq!(diff(&before, &after).lines(), expected);
    assert!(diff(&after, &after).is_empty());
}
