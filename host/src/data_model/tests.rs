//! The tree of a gateway with two clients, read and written.

use super::desired::{Desired, Whole};
use super::edit::{Order, Outcome, Trial};
use super::error::{Fault, code};
use super::live::{Asked, Carrier, Facts, Inputs};
use super::notice::Notice;
use super::numbers::Numbers;
use super::read;
use super::replay::replay;
use super::subscription::Subscription;
use super::value::Value;
use super::watchers::Watchers;
use crate::config::{self, Config};
use crate::control::views::{ClientStatus, WanView};
use crate::events::{Event, EventKind, Lease, LeaseV4};
use crate::flat::FlatMap;
use crate::handlers::VendorParameter;
use crate::network::OwnRoute;
use dhcpmgr_plugin_api::ParameterKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const FILES: &str = "[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\nrequest = [43]\nmetric = 100\n\
    [clients.wan4.send]\n60 = { text = \"acme\" }\n\
    [clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\n[delegations.br-lan]\nfrom = \"wan6\"\n";

const BOUND4: &str = r#"{"name":"wan4","protocol":"v4","interface":"wan0","enabled":true,"status":"Bound","pid":7,"restarts":0,
    "lease":{"address":"10.77.0.100/24","routers":["10.77.0.1"],"routes":[{"to":"0.0.0.0/0","via":"10.77.0.1"}],
    "dns":["192.0.2.53","192.0.2.54","192.0.2.55"],"domain":null,"search":[],"ntp":[],"mtu":null,"server":"10.77.0.1",
    "lease_time":3600,"t1":1800,"t2":3150,"expires_in":3500,"parameters":{"X_ACME_Url":"http://x","plain":"1"},
    "options":{"43":"0104","3":"0a4d00010a4d0002"}},"counters":{"Discover":3,"ACK":2}}"#;

const BOUND6: &str = r#"{"name":"wan6","protocol":"v6","interface":"wan0","enabled":true,"status":"Renewing","pid":8,"restarts":0,
    "lease":{"addresses":[{"address":"2001:db8::7/128","iaid":1,"preferred":1800,"valid":3600,"expires_in":3000}],
    "prefixes":[{"prefix":"2001:db8:f000::/56","iaid":2,"preferred":1800,"valid":3600,"expires_in":3000}],
    "ias":[{"kind":"na","iaid":1,"t1":900,"t2":1440},{"kind":"pd","iaid":2,"t1":900,"t2":1440}],
    "dns":["2001:db8::53"],"search":[],"ntp":[],"aftr":null,"softwire":null,"server_duid":"00030001aabbccddeeff",
    "expires_in":3000,"options":{"23":"20010db8000000000000000000000053","17":"0000,0001"}},"counters":{"Solicit":1}}"#;

const LANS: &str = r#"[{"interface":"br-lan","prefixes":[{"prefix":"2001:db8:f000::/64","address":"2001:db8:f000::1/64",
    "delegated":"2001:db8:f000::/56","client":"wan6","state":"preferred","preferred":1200,"valid":3000}],"refused":[]}]"#;

/// The lease's, the LAN's, and that of the rest of the delegated prefix.
fn routes() -> Vec<OwnRoute> {
    let route = |to: &str, interface: Option<&str>, metric| OwnRoute {
        to: to.parse().unwrap(),
        via: None,
        metric,
        interface: interface.map(|name| name.parse().unwrap()),
    };
    vec![
        OwnRoute { via: Some("10.77.0.1".parse().unwrap()), ..route("0.0.0.0/0", Some("wan0"), 100) },
        route("2001:db8:f000::/64", Some("br-lan"), 256),
        route("2001:db8:f000::/56", None, i32::MAX as u32),
        OwnRoute { via: Some("fe80::1".parse().unwrap()), ..route("::/0", Some("sw-wan0"), 99) },
    ]
}

/// A gateway without a daemon.
struct House {
    files: Config,
    inputs: Inputs,
    desired: Desired,
    passing: Numbers,
}

impl House {
    fn new() -> Self {
        let files = config::parse(vec![("test".into(), FILES.to_owned())]).unwrap();
        let statuses: Vec<ClientStatus> =
            [BOUND4, BOUND6].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let asked = Asked { requested: [(121, "handler v4".to_owned())].into(), ..Asked::default() };
        let inputs = Inputs {
            statuses,
            handlers: [("wan4".parse().unwrap(), asked)].into(),
            vendor: FlatMap::new(),
            lans: serde_json::from_str(LANS).unwrap(),
            wans: Vec::new(),
            carriers: FlatMap::new(),
            routes: routes(),
            duid: "000300010203".to_owned(),
            baselines: FlatMap::new(),
            wall_ms: 1_800_000_000_000,
        };
        Self { files, inputs, desired: Desired::default(), passing: Numbers::default() }
    }

    fn facts(&mut self) -> Facts {
        let whole = self.desired.over(&self.files);
        Facts::gather(&self.files, &whole, self.inputs.clone(), &mut self.desired, &mut self.passing)
    }

    fn get(&mut self, path: &str) -> Vec<(String, String)> {
        let flat = read::get(&self.facts(), &[path.to_owned()], 0).expect(path);
        flat.0.into_iter().map(|(path, value)| (path, value.to_string())).collect()
    }

    fn one(&mut self, path: &str) -> String {
        let found = self.get(path);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        found[0].1.clone()
    }

    fn try_out(
        &mut self,
        change: impl FnOnce(&mut Trial<'_>) -> Result<(), Fault>,
    ) -> Result<Outcome, Vec<Fault>> {
        self.facts();
        let mut trial = Trial::new(&self.files, &self.inputs, self.desired.clone(), self.passing.clone());
        change(&mut trial).map_err(|fault| vec![fault])?;
        let outcome = trial.finish()?;
        self.desired = outcome.desired.clone();
        Ok(outcome)
    }

    fn set(&mut self, path: &str, value: impl Into<Value>) -> Result<Outcome, Vec<Fault>> {
        self.try_out(|trial| trial.set(path, &value.into()))
    }

    fn refused(&mut self, path: &str, value: impl Into<Value>) -> u16 {
        self.set(path, value).expect_err(path)[0].code
    }

    fn add(&mut self, path: &str, values: &[(&str, &str)]) -> Result<String, Vec<Fault>> {
        let values: Vec<_> =
            values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let mut added = String::new();
        self.try_out(|trial| trial.add(path, &values).map(|path| added = path))?;
        Ok(added)
    }

    fn whole(&self) -> Whole {
        self.desired.over(&self.files)
    }
}

const C4: &str = "Device.DHCPv4.Client.1.";
const C6: &str = "Device.DHCPv6.Client.1.";

#[test]
fn a_lease_shows_as_the_standard_has_it() {
    let mut house = House::new();
    let cases = [
        ("Enable", "true"),
        ("Alias", "wan4"),
        ("Interface", "Device.IP.Interface.2"),
        ("Interface+.Name", "wan0"),
        ("Status", "Enabled"),
        ("DHCPStatus", "Bound"),
        ("IPAddress", "10.77.0.100"),
        ("SubnetMask", "255.255.255.0"),
        ("IPRouters", "10.77.0.1,10.77.0.2"),
        ("DNSServers", "192.0.2.53,192.0.2.54,192.0.2.55"),
        ("LeaseTimeRemaining", "3500"),
        ("DHCPServer", "10.77.0.1"),
        ("SentOptionNumberOfEntries", "1"),
        ("SentOption.1.Value", "61636d65"),
        ("ReqOption.[Tag==43].Value", "0104"),
        ("ReqOption.[Tag==121].Enable", "true"),
        ("Stats.Discover", "3"),
        ("Stats.Offer", "18446744073709551615"),
        ("Retransmission.DiscoverInitialTimeout", "3"),
        ("X_RDK_LinuxInterface", "wan0"),
        ("X_DHCPMGR_Published.[Name==\"plain\"].Value", "1"),
        ("X_ACME_Url", "http://x"),
        ("Renew", "false"),
    ];
    for (name, value) in cases {
        assert_eq!(house.one(&format!("{C4}{name}")), value, "{name}");
    }
    let cases = [
        ("Status", "Enabled"),
        ("X_DHCPMGR_DHCPStatus", "Renewing"),
        ("DUID", "000300010203"),
        ("RequestAddresses", "true"),
        ("RequestPrefixes", "true"),
        ("RapidCommit", "false"),
        ("ForceSolicitPolicy", "true"),
        ("SuggestedT1", "-1"),
        ("Server.1.DUID", "00030001aabbccddeeff"),
        ("Server.1.InformationRefreshTime", "0001-01-01T00:00:00Z"),
        ("ReceivedOptionNumberOfEntries", "3"),
        ("ReceivedOption.1.Server", "Device.DHCPv6.Client.1.Server.1"),
        ("X_DHCPMGR_IA.[Type==\"IA_PD\"].Values", "2001:db8:f000::/56"),
        ("X_RDKCENTRAL-COM_RcvOption.MapTransportMode", "NONE"),
        ("Retransmission.SolicitMaxTimeout", "120"),
        ("Stats.Solicit", "1"),
    ];
    for (name, value) in cases {
        assert_eq!(house.one(&format!("{C6}{name}")), value, "{name}");
    }
}

#[test]
fn a_lease_feeds_addresses_prefixes_routes_and_name_servers() {
    let mut house = House::new();
    let wan = "Device.IP.Interface.[Name==\"wan0\"].";
    assert_eq!(house.one(&format!("{wan}IPv4Address.*.IPAddress")), "10.77.0.100");
    assert_eq!(house.one(&format!("{wan}IPv6Address.*.Origin")), "DHCPv6");
    assert_eq!(house.one(&format!("{wan}IPv6Prefix.*.Origin")), "PrefixDelegation");
    // 600 of the 3600 seconds have passed, so 1200 of the 1800 preferred ones are left.
    assert_eq!(house.one(&format!("{wan}IPv6Prefix.*.PreferredLifetime")), "2027-01-15T08:20:00Z");
    let lan = "Device.IP.Interface.[Name==\"br-lan\"].";
    assert_eq!(house.one(&format!("{lan}IPv6Prefix.*.Origin")), "Child");
    assert_eq!(house.one(&format!("{lan}IPv6Prefix.*.ParentPrefix+.Prefix")), "2001:db8:f000::/56");
    assert_eq!(house.one(&format!("{lan}IPv6Address.*.Prefix+.Prefix")), "2001:db8:f000::/64");
    for (row, of) in [
        (
            "IPv4Forwarding.1.",
            [("DestIPAddress", ""), ("GatewayIPAddress", "10.77.0.1"), ("Origin", "DHCPv4")],
        ),
        (
            "IPv4Forwarding.1.",
            [("DestSubnetMask", ""), ("Interface+.Name", "wan0"), ("ForwardingMetric", "100")],
        ),
        (
            "IPv6Forwarding.[DestIPPrefix==\"2001:db8:f000::/64\"].",
            [("Type", "Normal"), ("Interface+.Name", "br-lan"), ("ExpirationTime", "2027-01-15T08:50:00Z")],
        ),
        (
            "IPv6Forwarding.[Type==\"Unreachable\"].",
            [("DestIPPrefix", "2001:db8:f000::/56"), ("Interface", ""), ("ForwardingMetric", "2147483647")],
        ),
        (
            "IPv6Forwarding.[DestIPPrefix==\"::/0\"].",
            [("NextHop", "fe80::1"), ("Interface", ""), ("ExpirationTime", "9999-12-31T23:59:59Z")],
        ),
    ] {
        for (name, value) in of {
            assert_eq!(house.one(&format!("Device.Routing.Router.1.{row}{name}")), value, "{row}{name}");
        }
    }
    assert_eq!(house.one("Device.Routing.Router.1.IPv6ForwardingNumberOfEntries"), "3");
    assert_eq!(house.one("Device.DNS.Client.Server.[DNSServer==\"2001:db8::53\"].Type"), "DHCPv6");
    assert_eq!(house.one("Device.DNS.Client.ServerNumberOfEntries"), "4");
    let all = house.get("Device.");
    assert!(all.len() > 200, "{}", all.len());
    assert_eq!(read::instances(&house.facts(), "Device.DHCPv4.Client.").unwrap()[0], C4);
}

#[test]
fn a_lan_that_is_named_as_a_softwire_is_one_row() {
    let mut house = House::new();
    let files = format!("{FILES}[delegations.sw-wan0]\nfrom = \"wan6\"\n");
    house.files = config::parse(vec![("test".into(), files)]).unwrap();
    house.inputs.carriers.insert("sw-wan0".parse().unwrap(), Carrier::default());
    let names = house.get("Device.IP.Interface.*.Name");
    let names: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["br-lan", "sw-wan0", "wan0"]);
}

/// What carries IPv4 on wan0, as `status` shows it.
fn carried(softwire: &str) -> Vec<WanView> {
    let text = format!(
        r#"[{{"interface":"wan0","owner":"dhcpv4","reason":"","order":[],"softwire_interface":"sw-wan0","softwire_up_s":42,
        "stats":{{"packets":3,"bytes":300,"sent":{{"packets":1,"bytes":100}},"received":{{"packets":2,"bytes":200}}}},
        "softwire":{softwire}}}]"#
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_softwire_shows_while_it_carries_ipv4_and_no_longer() {
    let mut house = House::new();
    let kinds = |house: &mut House| {
        let mut one = |name: &str| house.one(&format!("Device.{name}"));
        (one("MAP.Enable"), one("MAP.DomainNumberOfEntries"), one("DSLite.InterfaceSettingNumberOfEntries"))
    };
    let nothing = ("false".to_owned(), "0".to_owned(), "0".to_owned());
    assert_eq!(kinds(&mut house), nothing);
    house.inputs.wans = carried(r#"{"kind":"ds-lite","aftr":"aftr.isp.example"}"#);
    let carrier = Carrier {
        remote: Some("2001:db8:1::1".parse().unwrap()),
        addresses: vec!["192.0.0.2/29".parse().unwrap()],
    };
    house.inputs.carriers.insert("sw-wan0".parse().unwrap(), carrier);
    let default = OwnRoute {
        to: "0.0.0.0/0".parse().unwrap(),
        via: None,
        metric: 100,
        interface: Some("sw-wan0".parse().unwrap()),
    };
    house.inputs.routes.push(default);
    assert_eq!(house.one("Device.DSLite.Enable"), "true");
    let row = house.get("Device.DSLite.InterfaceSetting.");
    let expected = [
        ("Enable", "true"),
        ("Status", "Enabled"),
        ("Alias", "cpe-1"),
        ("EndpointAssignmentPrecedence", "DHCPv6"),
        ("EndpointAddressTypePrecedence", "FQDN"),
        ("EndpointAddressInUse", "2001:db8:1::1"),
        ("EndpointName", "aftr.isp.example"),
        ("EndpointAddress", ""),
        ("Origin", "DHCPv6"),
        ("TunnelInterface", "Device.IP.Interface.3"),
        ("TunneledInterface", ""),
    ];
    let expected =
        expected.map(|(name, value)| (format!("Device.DSLite.InterfaceSetting.1.{name}"), value.to_owned()));
    assert_eq!(row, expected);
    let way = "Device.Routing.Router.1.IPv4Forwarding.[Interface==\"Device.IP.Interface.3\"].";
    for (path, value) in [
        ("Device.IP.Interface.3.Name".to_owned(), "sw-wan0"),
        ("Device.IP.Interface.3.IPv4Address.*.IPAddress".to_owned(), "192.0.0.2"),
        ("Device.IP.Interface.3.IPv4Address.*.AddressingType".to_owned(), "Static"),
        (format!("{way}DestIPAddress"), ""),
        (format!("{way}GatewayIPAddress"), ""),
        (format!("{way}Origin"), "Static"),
    ] {
        assert_eq!(house.one(&path), value, "{path}");
    }
    // The lease offers something else besides: what carries is what counts.
    house.inputs.wans = carried(
        r#"{"kind":"map-e","br":["2001:db8:ffff::1"],"selected":0,"rules":[{"ipv6_prefix":"2001:db8:f000::/40",
        "ipv4_prefix":"192.0.2.0/24","ea_len":16,"psid_offset":6,"psid_len":8,"fmr":true}]}"#,
    );
    assert_eq!(kinds(&mut house), ("true".to_owned(), "1".to_owned(), "0".to_owned()));
    for (name, value) in [
        ("TransportMode", "Encapsulation"),
        ("WANInterface+.Name", "wan0"),
        ("IPv6Prefix+.Prefix", "2001:db8:f000::/56"),
        ("BRIPv6Prefix", "2001:db8:ffff::1/128"),
        ("Interface.Name", "sw-wan0"),
        ("Interface.LowerLayers#*+.Name", "wan0"),
        ("Interface.LastChange", "42"),
        ("Interface.Stats.BytesSent", "100"),
        ("Interface.Stats.PacketsReceived", "2"),
        ("Interface.Stats.UnicastPacketsSent", "18446744073709551615"),
        ("Rule.1.IPv4Prefix", "192.0.2.0/24"),
        ("Rule.1.IsFMR", "true"),
    ] {
        assert_eq!(house.one(&format!("Device.MAP.Domain.1.{name}")), value, "{name}");
    }
    let carrier = house.inputs.carriers.remove("sw-wan0").unwrap();
    house.inputs.wans.clear();
    assert_eq!(kinds(&mut house), nothing);
    assert_eq!(house.one("Device.IP.InterfaceNumberOfEntries"), "2");
    // It comes back under its number.
    house.inputs.carriers.insert("sw-wan0".parse().unwrap(), carrier);
    assert_eq!(house.one("Device.IP.Interface.3.Alias"), "cpe-sw-wan0");
}

#[test]
fn writing_changes_the_configuration_and_nothing_else() {
    let mut house = House::new();
    let outcome = house.set(&format!("{C4}Enable"), false).unwrap();
    assert!(!outcome.whole.config.clients["wan4"].enabled);
    assert_eq!(outcome.switched.len(), 1);
    house.set(&format!("{C4}Retransmission.DiscoverInitialTimeout"), "5").unwrap();
    house.set(&format!("{C4}SentOption.[Tag==60].Value"), "616263").unwrap();
    house.set(&format!("{C6}RequestPrefixes"), "false").unwrap();
    house.set(&format!("{C6}SuggestedT1"), Value::Int(600)).unwrap();
    house.set(&format!("{C6}RequestedOptions"), "23,24,56").unwrap();
    let whole = house.whole();
    let (wan4, wan6) = (&whole.config.clients["wan4"], &whole.config.clients["wan6"]);
    assert_eq!(wan4.discover_interval.as_secs(), 5);
    assert_eq!(wan4.send[&60].0, b"abc");
    assert!(wan6.v6.ia_pd.is_empty() && wan6.v6.ia_na[0].t1 == Some(600));
    assert_eq!(wan6.request, [23, 24, 56].into());
    assert_eq!(house.one(&format!("{C6}RequestedOptions")), "23,24,56");
    assert_eq!(house.files, House::new().files);
}

#[test]
fn what_cannot_be_written_says_why_with_the_code_of_usp() {
    let mut house = House::new();
    for (name, value, expected) in [
        ("IPAddress", "1.2.3.4", code::READ_ONLY),
        ("Alias", "other", code::READ_ONLY),
        ("Enable", "maybe", code::TYPE),
        ("DSCPMark", "64", code::VALUE),
        ("DSCPMark", "46", code::NOT_HONOURED),
        ("Retransmission.DiscoverMaxTimeout", "64", code::NOT_HONOURED),
        ("Retransmission.DiscoverInitialTimeout", "0", code::VALUE),
        ("PassthroughEnable", "true", code::NOT_HONOURED),
        ("AuthenticationProtocol", "DelayedAuthentication", code::NOT_HONOURED),
        ("Interface", "Device.IP.Interface.99", code::VALUE),
        ("SentOption.1.Tag", "50", code::VALUE),
        ("SentOption.1.Tag", "255", code::VALUE),
        ("SentOption.1.Value", "0", code::TYPE),
        ("ReqOption.[Tag==121].Enable", "false", code::READ_ONLY),
        ("ReqOption.1.Order", "9", code::NOT_HONOURED),
        ("X_ACME_Url", "x", code::READ_ONLY),
        ("Nothing", "x", code::UNKNOWN_PARAMETER),
    ] {
        assert_eq!(house.refused(&format!("{C4}{name}"), value), expected, "{name} = {value}");
    }
    // What is so already may be said again.
    house.set(&format!("{C4}DSCPMark"), "0").unwrap();
    house.set(&format!("{C4}PassthroughEnable"), false).unwrap();
    assert_eq!(house.refused(&format!("{C6}RapidCommit"), true), code::NOT_HONOURED);
    assert_eq!(house.refused("Device.DNS.Client.Server.1.DNSServer", "192.0.2.1"), code::READ_ONLY);
    assert!(house.one(&format!("{C6}X_DHCPMGR_NotSupported")).contains("RapidCommit"));
}

#[test]
fn parameters_of_handlers_are_read_searched_and_tried_out_like_any_other() {
    let mut house = House::new();
    let parameter = |name: &str, kind: ParameterKind, writable: bool, value: &str| VendorParameter {
        name: name.to_owned(),
        kind,
        writable,
        value: value.to_owned(),
        description: "of the lamp".to_owned(),
        handler: "acme".to_owned(),
    };
    let all = vec![
        parameter("X_ACME_Colour", ParameterKind::Text, true, "red"),
        parameter("X_ACME_Level", ParameterKind::Unsigned, true, "7"),
        parameter("X_ACME_Url", ParameterKind::Text, false, "http://handler"),
    ];
    house.inputs.vendor.insert("wan4".parse().unwrap(), all);
    assert_eq!(house.one(&format!("{C4}X_ACME_Colour")), "red");
    assert_eq!(house.one(&format!("{C4}X_ACME_Url")), "http://handler", "before what the lease publishes");
    assert_eq!(house.one("Device.DHCPv4.Client.[X_ACME_Level>6&&X_ACME_Colour==\"red\"].Alias"), "wan4");
    assert!(house.get("Device.DHCPv6.Client.[X_ACME_Level>6].Alias").is_empty());
    let supported = read::supported("Device.DHCPv4.Client.{i}.", &house.facts().supported()).unwrap();
    let level = supported.iter().find(|item| item.path == "Device.DHCPv4.Client.{i}.X_ACME_Level").unwrap();
    assert_eq!((level.kind.as_str(), level.writable), ("unsignedLong", true));
    assert_eq!(level.detail, "of the lamp; a whole number of 64 bits");
    for (name, value, expected) in [
        ("X_ACME_Level", "x", code::TYPE),
        ("X_ACME_Level", "-1", code::VALUE),
        ("X_ACME_Colour", "re\nd", code::VALUE),
        ("X_ACME_Url", "x", code::READ_ONLY),
        ("X_ACME_Smell", "x", code::UNKNOWN_PARAMETER),
    ] {
        assert_eq!(house.refused(&format!("{C4}{name}"), value), expected, "{name} = {value}");
    }
    let outcome = house.set(&format!("{C4}X_ACME_Level"), "8").unwrap();
    let [write] = &outcome.vendor[..] else { panic!("{:?}", outcome.vendor) };
    assert_eq!((write.handler.as_str(), write.value.as_str(), write.before.as_str()), ("acme", "8", "7"));
    assert_eq!(outcome.whole.config, house.files, "no client is configured otherwise");
    let kept = house.desired.parameters();
    assert_eq!(kept["wan4"]["acme"], [("X_ACME_Level".to_owned(), "8".to_owned())].into());
    let again = house.set(&format!("{C4}X_ACME_Level"), "8").unwrap();
    assert!(again.vendor.is_empty(), "it says so already");
    // The files know no such handler: what is kept goes with its section.
    house.desired.forget_all_but(&house.files);
    assert!(house.desired.parameters().is_empty());
}

#[test]
fn rows_come_and_go_and_their_numbers_are_used_up() {
    let mut house = House::new();
    let first = house
        .add(&format!("{C4}SentOption."), &[("Tag", "77"), ("Value", "01"), ("Enable", "true")])
        .unwrap();
    assert_eq!(first, format!("{C4}SentOption.2."));
    assert_eq!(house.whole().config.clients["wan4"].send[&77].0, [1]);
    house.try_out(|trial| trial.delete(&first).map(drop)).unwrap();
    assert!(!house.whole().config.clients["wan4"].send.contains_key(&77));
    let second = house.add(&format!("{C4}SentOption."), &[]).unwrap();
    assert_eq!(second, format!("{C4}SentOption.3."));
    assert_eq!(house.one(&format!("{second}Tag")), "224", "a key that is not given is found for it");
    let double = house.add(&format!("{C4}SentOption."), &[("Tag", "60")]).unwrap_err();
    assert_eq!(double[0].code, code::DUPLICATE);
    let client = house
        .add("Device.DHCPv4.Client.", &[("Alias", "lte4"), ("Interface", "wwan0"), ("Enable", "1")])
        .unwrap();
    assert_eq!(client, "Device.DHCPv4.Client.2.");
    assert_eq!(house.whole().config.clients["lte4"].interface.as_str(), "wwan0");
    let same = house.add("Device.DHCPv4.Client.", &[("X_RDK_LinuxInterface", "wan0")]).unwrap_err();
    assert_eq!((same[0].code, same[0].path.as_str()), (code::DUPLICATE, "Device.DHCPv4.Client.3.Interface"));
    let bare = house.add("Device.DHCPv4.Client.", &[("Enable", "true")]).unwrap();
    assert_eq!(house.one(&format!("{bare}Status")), "Error_Misconfigured");
    house.try_out(|trial| trial.delete(C4).map(drop)).unwrap();
    assert!(!house.whole().config.clients.contains_key("wan4"));
    let wan6 = house.try_out(|trial| trial.delete(C6).map(drop)).unwrap_err();
    assert_eq!(wan6[0].code, code::CONFIGURATION, "a LAN gets its prefix from it: {}", wan6[0]);
    let fed = house.try_out(|trial| trial.delete("Device.DNS.Client.Server.4.").map(drop)).unwrap_err();
    assert_eq!(fed[0].code, code::DELETE);
    let not_a_table = house.add("Device.DHCPv4.", &[]).unwrap_err();
    assert_eq!(not_a_table[0].code, code::NOT_A_TABLE);
}

#[test]
fn two_rows_may_exchange_their_keys_in_one_go() {
    let mut house = House::new();
    house.add(&format!("{C4}SentOption."), &[("Tag", "77"), ("Value", "01"), ("Enable", "true")]).unwrap();
    assert_eq!(house.refused(&format!("{C4}SentOption.1.Tag"), "77"), code::DUPLICATE);
    house
        .try_out(|trial| {
            trial.set(&format!("{C4}SentOption.1.Tag"), &"77".into())?;
            trial.set(&format!("{C4}SentOption.2.Tag"), &"60".into())
        })
        .unwrap();
    let send = &house.whole().config.clients["wan4"].send;
    assert_eq!((send[&77].0.as_slice(), send[&60].0.as_slice()), (b"acme".as_slice(), [1].as_slice()));
}

#[test]
fn commands_and_parameters_that_stand_for_them_are_orders() {
    let mut house = House::new();
    let wan4 = || "wan4".parse().unwrap();
    let call = |house: &mut House, command: &str| house.try_out(|trial| trial.operate(command).map(drop));
    assert_eq!(call(&mut house, &format!("{C4}Renew()")).unwrap().orders, [Order::Renew(wan4())]);
    assert_eq!(
        call(&mut house, &format!("{C4}Stats.Reset()")).unwrap().orders,
        [Order::ResetCounters(wan4())]
    );
    assert_eq!(house.set(&format!("{C4}Renew"), true).unwrap().orders, [Order::Renew(wan4())]);
    assert!(house.set(&format!("{C4}Renew"), false).unwrap().orders.is_empty());
    assert_eq!(
        call(&mut house, "Device.DHCPv4.Client.*.Release()").unwrap().orders,
        [Order::Release(wan4())]
    );
    assert_eq!(call(&mut house, &format!("{C4}Stop()")).unwrap_err()[0].code, code::COMMAND);
    let outcome = house.set(&format!("{C4}X_RDK_Release"), true).unwrap();
    assert!(!outcome.whole.config.clients[&wan4()].enabled);
}

#[test]
fn the_supported_model_is_told_without_any_row() {
    let all = read::supported("Device.DHCPv4.Client.{i}.", &[]).unwrap();
    assert!(all.iter().any(|item| item.path == "Device.DHCPv4.Client.{i}.Renew()" && item.kind == "command"));
    assert!(all.iter().all(|item| item.path.starts_with("Device.DHCPv4.Client.{i}.")));
    let one = read::supported("Device.DHCPv4.Client.7.SentOption.9.Tag", &[]).unwrap();
    assert_eq!((one.len(), one[0].kind.as_str(), one[0].writable), (1, "unsignedInt", true));
    assert_eq!(one[0].detail, "a whole number from 1 to 254");
    assert_eq!(read::supported("Device.WiFi.", &[]).unwrap_err().code, code::UNKNOWN_PARAMETER);
}

/// An event of wan4 with the lease after it.
fn event(kind: EventKind, lease: Option<Lease>) -> Arc<Event> {
    let client = Some("wan4".parse().unwrap());
    Arc::new(Event { client, lease, time: format!("{kind:?}"), ..Event::now(kind) })
}

/// The lease of wan4 with another name server, and whatever else is other.
fn lease4(dns: &str, change: impl FnOnce(&mut LeaseV4)) -> Option<Lease> {
    let status: ClientStatus = serde_json::from_str(BOUND4).unwrap();
    let Some(Lease::V4(mut lease)) = status.lease else { unreachable!() };
    lease.dns = vec![dns.parse().unwrap()];
    change(&mut lease);
    Some(Lease::V4(lease))
}

/// What somebody who watches some paths is told of events between two looks. The client shows the last lease already when
/// it is looked at.
async fn told_of(paths: &[&str], events: &[Arc<Event>]) -> Vec<Notice> {
    let (mut house, mut watchers) = (House::new(), Watchers::default());
    let references = paths.iter().map(|path| (*path).to_owned()).collect();
    let wants = Subscription { references, ..Subscription::default() };
    let mut notices = watchers.add(wants, &house.facts(), "before").unwrap();
    house.inputs.statuses[0].lease = events.last().unwrap().lease.clone();
    let mut facts = house.facts();
    replay(&mut watchers, &mut facts, &mut house.passing, events);
    watchers.look(&facts, "after");
    let mut told = Vec::new();
    while let Ok(notice) = timeout(Duration::from_secs(1), notices.next()).await {
        assert_eq!(notice.lost, 0);
        told.push(notice);
    }
    told
}

#[tokio::test(start_paused = true)]
async fn each_of_several_changes_between_two_looks_is_told() {
    let events: Vec<_> =
        (1..=5).map(|n| event(EventKind::LeaseChanged, lease4(&format!("192.0.2.{n}"), |_| {}))).collect();
    let told = told_of(&["Device.DHCPv4.Client.*.DNSServers"], &events).await;
    let values: Vec<_> =
        told.iter().flat_map(|notice| notice.values.values()).map(ToString::to_string).collect();
    assert_eq!(values, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_lost_and_is_there_again_was_lost() {
    let back = || lease4("192.0.2.53", |_| {});
    let events = [
        event(EventKind::LeaseLost, None),
        // Says nothing about the lease.
        event(EventKind::KernelRepaired, None),
        event(EventKind::LeaseAcquired, back()),
    ];
    let told = told_of(&["Device.DHCPv4.Client.1.IPAddress"], &events).await;
    let values: Vec<_> = told
        .iter()
        .map(|notice| (notice.time.as_str(), notice.values[&format!("{C4}IPAddress")].to_string()))
        .collect();
    assert_eq!(values, [("LeaseLost", String::new()), ("after", "10.77.0.100".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_came_and_went_between_two_looks_is_told_with_both() {
    let publish = |lease: &mut LeaseV4| {
        lease.parameters.insert("brief".to_owned(), "2".to_owned());
        lease.parameters.insert("X_ACME_Brief".to_owned(), "3".to_owned());
    };
    let events = [
        event(EventKind::LeaseChanged, lease4("192.0.2.1", publish)),
        event(EventKind::LeaseChanged, lease4("192.0.2.2", |_| {})),
    ];
    let told = told_of(&["Device.DHCPv4.Client.1."], &events).await;
    let [first, second] = told.as_slice() else { unreachable!("{told:?}") };
    assert_eq!(first.created, second.deleted);
    assert_eq!(first.created.len(), 2);
    assert_eq!(first.values[&format!("{C4}X_ACME_Brief")], "3".into());
    let names: Vec<_> =
        first.created.iter().map(|row| first.values[&format!("{row}Name")].to_string()).collect();
    assert_eq!(names, ["X_ACME_Brief", "brief"]);
}
