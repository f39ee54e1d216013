//! A first lease goes all the way: address on the WAN, a part of the prefix on the LAN, status and events.

use dhcpmgr_lab::{Change, Kind, Lab, MessageType6, Result, eventually, lab_or_skip};
use serde_json::json;

use super::given::{
    ADDRESS, OLD, V6, address, bound, client, configured, delegation, guarded, home, kea, on_lan, values,
};

const TIMES: (u32, u32, u32, u32) = (1000, 1600, 3000, 4000);

#[test]
fn address_and_prefix_reach_the_kernel_with_the_lifetimes_of_the_lease() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let monitor = lab.monitor()?;
    let (_server, daemon) = bound(&lab, TIMES)?;
    let seen = monitor.take();
    for (interface, wanted) in [("wan0", ADDRESS), ("lan0", &on_lan(OLD))] {
        let subject = |change: &&Change| {
            change.kind == Kind::NewAddr
                && change.subject.is_some_and(|(a, length)| format!("{a}/{length}") == wanted)
        };
        let announced = seen.iter().find(subject).expect("the kernel announced it");
        assert_ne!(announced.protocol, 0, "our addresses carry our tag");
        let found = address(&lab, interface, wanted)?.expect("it is there");
        // The daemon ends it itself, and gives the kernel some seconds more.
        assert!((3900..=4010).contains(&found.valid), "{found:?}");
        assert!((2900..=3000).contains(&found.preferred), "{found:?}");
    }
    let routes = lab.gateway.routes6()?;
    let connected: Vec<_> = routes.iter().filter(|route| route.to == "2001:db8:f000:1::/64").collect();
    assert_eq!(connected.len(), 1, "{routes:?}");
    assert_eq!(connected[0].interface.as_deref(), Some("lan0"));
    assert!(!routes.iter().any(|route| route.to == "default"), "the default route is not ours: {routes:?}");
    // The data model has those that are ours, and no others.
    let shown = daemon.cli().json(&["get", "Device.Routing.Router.1.IPv6Forwarding.*.DestIPPrefix"])?;
    let mut shown: Vec<_> =
        shown.as_object().into_iter().flatten().filter_map(|(_, to)| to.as_str()).collect();
    shown.sort_unstable();
    assert_eq!(shown, ["2001:db8:f000:1::/64", "2001:db8:f000::/56"]);
    let row = "Device.Routing.Router.1.IPv6Forwarding.[Type==\"Normal\"].Interface+.Name";
    let name = daemon.cli().json(&["get", row])?;
    assert_eq!(name.as_object().into_iter().flatten().map(|(_, name)| name).collect::<Vec<_>>(), ["lan0"]);
    Ok(())
}

#[test]
fn status_lease_and_events_say_what_the_contract_says() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = kea(&lab, TIMES).option("domain-search", "isp.example, corp.example").raw(82, "00000E10");
    let _server = server.start()?;
    let packets = lab.capture6(lab.wan())?;
    let daemon = lab.daemon(&home("request = [82]"))?;
    let cli = daemon.cli();
    cli.wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;

    let request = packets.wait_for(MessageType6::Request)?.dhcp;
    let row = eventually("the lease has its IAIDs", || {
        let row = cli.client("wan6")?;
        let known =
            row["lease"]["addresses"][0]["iaid"].is_u64() && row["lease"]["prefixes"][0]["iaid"].is_u64();
        Ok(known.then_some(row))
    })?;
    assert_eq!((&row["protocol"], &row["interface"]), (&json!("v6"), &json!("wan0")));
    let lease = &row["lease"];
    assert_eq!(values(lease, "prefixes", "prefix"), ["2001:db8:f000::/56"]);
    assert_eq!(values(lease, "prefixes", "iaid"), [request.iaids(25)[0].to_string()]);
    assert!(values(lease, "addresses", "address")[0].starts_with("2001:db8:77::100"), "{lease}");
    assert_eq!(values(lease, "addresses", "iaid"), [request.iaids(3)[0].to_string()]);
    for list in ["addresses", "prefixes"] {
        assert_eq!((&lease[list][0]["preferred"], &lease[list][0]["valid"]), (&json!(3000), &json!(4000)));
    }
    assert_eq!(lease["dns"], json!(["2001:db8::53"]));
    assert_eq!(lease["search"], json!(["isp.example", "corp.example"]));
    assert_eq!(lease["server_duid"], "000200007ed96b6561");
    assert_eq!(lease["options"]["82"], "00000e10");
    assert!(daemon.resolv_conf().contains("nameserver 2001:db8::53"), "{}", daemon.resolv_conf());

    let acquired = cli.wait_for_event("wan6", "lease-acquired", 1)?;
    for what in ["address", "prefix", "dns", "lifetime"] {
        assert!(acquired.changed.iter().any(|changed| changed == what), "{what}: {:?}", acquired.changed);
    }
    let kinds = cli.kinds("wan6")?;
    assert_eq!(kinds.iter().filter(|kind| *kind == "lease-acquired").count(), 1, "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind == "lease-lost" || kind == "lease-changed"), "{kinds:?}");
    // For a person too.
    let text = cli.text(&["lease", "wan6"])?;
    assert!(text.contains("2001:db8:f000::/56") && text.contains("2001:db8:77::100"), "{text}");
    Ok(())
}

/// Asking for an option that nothing can carry out costs users (RFC 8026 section 1.4.1): softwires are not requested.
#[test]
fn only_what_can_be_carried_out_is_asked_for_and_rapid_commit_is_never_offered() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = kea(&lab, TIMES).rapid_commit().start()?;
    let packets = lab.capture6(lab.wan())?;
    let daemon = lab.daemon(&home("rapid_commit = true"))?;
    let solicit = packets.wait_for(MessageType6::Solicit)?.dhcp;
    let asked = solicit.requested();
    for code in [23, 24] {
        assert!(asked.contains(&code), "{code} is not in {asked:?}");
    }
    for code in [94, 95, 96] {
        assert!(!asked.contains(&code), "{code} is in {asked:?}");
    }
    // With stock dibbler no hook would run for the REPLY to it.
    assert_eq!(solicit.option(14).count(), 0);
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)
}

#[test]
fn one_prefix_is_enough_for_several_lans_and_one_that_does_not_fit_is_refused_alone() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    lab.lan("lan1")?;
    lab.lan("lan2")?;
    // A /63 has two parts: 0 and 1.
    let _server = kea(&lab, TIMES).prefixes(OLD, 63, 63).start()?;
    let config = client("wan6", "wan0", "")
        + &delegation("lan0", "wan6", 1)
        + &delegation("lan1", "wan6", 0)
        + &delegation("lan2", "wan6", 2)
        + V6;
    let daemon = lab.daemon(&config)?;
    daemon.cli().wait_for("wan6", "Bound")?;
    eventually("lan0 and lan1 have theirs", || {
        let (first, second) =
            (address(&lab, "lan0", &on_lan(OLD))?, address(&lab, "lan1", "2001:db8:f000::1/64")?);
        Ok(first.zip(second).map(drop))
    })?;
    assert!(lab.gateway.addresses6("lan2")?.is_empty());
    assert!(guarded(&lab, "2001:db8:f000::/63")?);
    assert!(daemon.log().contains("lan2"), "the refusal names the LAN: {}", daemon.log());
    Ok(())
}
