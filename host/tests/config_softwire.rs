//! The way that IPv4 takes, in the configuration.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use dhcpmgr::config::{Config, Provider, Softwire, Unneeded, diff, parse, to_toml};

fn read(text: &str) -> Result<Config, String> {
    parse(vec![("s.toml".into(), text.to_owned())]).map_err(|errors| errors.to_string())
}

#[test]
fn without_a_word_of_it_every_softwire_goes_before_dhcpv4_and_the_lease_is_given_back() {
    let softwire = read("").unwrap().softwire;
    assert_eq!(softwire, Softwire::default());
    assert_eq!(softwire.order.providers(), Provider::ALL);
    assert_eq!(softwire.order.providers().last(), Some(&Provider::Dhcpv4));
    assert_eq!(softwire.dhcpv4_lease, Unneeded::Release);
}

#[test]
fn everything_can_be_said_and_is_shown_as_it_is() {
    let text = "[softwire]\norder = [\"ds-lite\", \"map-t\"]\ndhcpv4_lease = \"keep\"\n\
                [softwire.interfaces.\"wan0.7\"]\norder = [\"dhcpv4\", \"lw4o6\"]\n\
                [softwire.interfaces.wan1]\norder = []\n";
    let config = read(text).unwrap();
    let order = |wan: &str| config.softwire.order_of(&wan.parse().unwrap()).providers().to_vec();
    assert_eq!(order("wan0"), [Provider::DsLite, Provider::MapT, Provider::Dhcpv4], "DHCPv4 comes last");
    assert_eq!(order("wan0.7"), [Provider::Dhcpv4, Provider::Lw4o6]);
    assert_eq!(order("wan1"), [Provider::Dhcpv4], "no softwire there");
    assert_eq!(config.softwire.dhcpv4_lease, Unneeded::Keep);
    assert_eq!(read(&to_toml(&config)).unwrap(), config);
}

#[test]
fn each_mistake_is_said_with_its_place() {
    for (text, expected) in [
        ("[softwire]\nordr = []\n", "2:1: softwire.ordr: is not a known key (did you mean \"order\"?)"),
        (
            "[softwire]\norder = [\"mapt\"]\n",
            "2:10: softwire.order: \"mapt\" is not a way to IPv4 (did you mean \"map-t\"?)",
        ),
        ("[softwire]\norder = [\"map-t\", \"map-t\"]\n", "2:19: softwire.order: is listed twice"),
        ("[softwire]\norder = \"map-t\"\n", "2:9: softwire.order: found a string; accepted: a list out of"),
        ("[softwire]\ndhcpv4_lease = true\n", "2:16: softwire.dhcpv4_lease: found a boolean"),
        (
            "[softwire.interfaces.wan0]\nmetric = 1\n",
            "2:1: softwire.interfaces.wan0.metric: is not a known key",
        ),
        ("[softwire.interfaces.\"a/b\"]\norder = []\n", "softwire.interfaces.\"a/b\": "),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}{error}");
    }
}

#[test]
fn a_difference_is_told() {
    let (old, new) = (read("").unwrap(), read("[softwire]\ndhcpv4_lease = \"keep\"\norder = []\n").unwrap());
    assert_eq!(diff(&old, &new).lines(), ["softwire: order, dhcpv4_lease changed"]);
    assert!(diff(&new, &new).is_empty());
}
