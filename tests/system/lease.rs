//! A lease goes all the way: from the server into the kernel, the resolver file, the status and the events.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};
use serde_json::json;

use crate::given::{addresses, bound, configured, default_routes, one_client};

#[test]
fn a_lease_reaches_the_kernel_with_the_metric_of_its_client() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, _daemon) = bound(&lab)?;

    let addresses = lab.addresses("wan0")?;
    let address = &addresses[0];
    assert_eq!(address.address, "10.77.0.100/24");
    assert_eq!(address.broadcast, Some(lab.wan().host(255)));
    // udhcpc may be slow to give up, so a little more than the lease is fine; for ever is not.
    assert!((3000..=3700).contains(&address.valid), "valid for {} s", address.valid);
    assert!(address.preferred <= address.valid);

    let routes = lab.routes("wan0")?;
    let default = routes.iter().find(|route| route.to == "default").expect("a default route");
    assert_eq!(default.via, Some(lab.wan().host(1)));
    assert_eq!(default.metric, 100);
    assert_ne!(default.protocol, "boot", "our routes carry our tag");
    let connected: Vec<_> = routes.iter().filter(|route| route.to == "10.77.0.0/24").collect();
    assert_eq!(connected.len(), 1, "{routes:?}");
    assert_eq!(connected[0].metric, 100);
    assert_eq!(routes.len(), 2, "{routes:?}");
    Ok(())
}

#[test]
fn status_and_lease_say_what_the_contract_says() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100).lease(3600);
    let server = server
        .option("6,192.0.2.53,192.0.2.54")
        .option("15,isp.example")
        .option("119,isp.example,corp.example");
    let server = server.option("42,192.0.2.123").option("26,1492").force("43,01:04:de:ad:be:ef");
    let _server = server.start()?;
    let daemon = lab.daemon(&one_client("request = [43]"))?;
    let cli = daemon.cli();
    let client = cli.wait_for("wan4", "Bound")?;

    assert_eq!(client["protocol"], "v4");
    assert_eq!(client["interface"], "wan0");
    assert_eq!(client["enabled"], true);
    assert_eq!(client["restarts"], 0);
    assert!(lab.gateway.processes().iter().any(|pid| client["pid"] == pid.as_raw()), "{client}");

    let lease = &client["lease"];
    assert_eq!(lease["address"], "10.77.0.100/24");
    assert_eq!(lease["routers"], json!(["10.77.0.1"]));
    assert_eq!(lease["dns"], json!(["192.0.2.53", "192.0.2.54"]));
    assert_eq!(lease["domain"], "isp.example");
    assert_eq!(lease["search"], json!(["isp.example", "corp.example"]));
    assert_eq!(lease["ntp"], json!(["192.0.2.123"]));
    assert_eq!(lease["mtu"], 1492);
    assert_eq!(lease["server"], "10.77.0.1");
    assert_eq!(lease["lease_time"], 3600);
    assert_eq!(lease["t1"], 1800);
    assert_eq!(lease["t2"], 3150);
    assert!(lease["expires_in"].as_u64().is_some_and(|left| (3500..=3600).contains(&left)), "{lease}");
    assert_eq!(lease["options"]["43"], "0104deadbeef");

    let listed = cli.json(&["lease"])?;
    assert_eq!(listed[0]["client"], "wan4");
    assert_eq!(listed[0]["lease"]["address"], lease["address"]);

    let handler = cli.handler("v4")?;
    assert_eq!(handler["isolation"], "in-process");
    assert_eq!(handler["state"], "healthy");
    assert_eq!(handler["failures"], 0);
    assert!(handler["calls"].as_u64().is_some_and(|calls| calls >= 1), "{handler}");

    eventually("the link has the MTU of the lease", || Ok((lab.mtu("wan0")? == 1492).then_some(())))?;
    let resolv = daemon.resolv_conf();
    let servers: Vec<_> = resolv.lines().filter(|line| line.starts_with("nameserver")).collect();
    assert_eq!(servers, ["nameserver 192.0.2.53", "nameserver 192.0.2.54"]);
    let search: Vec<_> = resolv.lines().filter(|line| line.starts_with("search")).collect();
    assert_eq!(search, ["search isp.example corp.example"]);
    Ok(())
}

#[test]
fn events_tell_the_story_in_order_with_what_changed() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let acquired = daemon.cli().wait_for_event("wan4", "lease-acquired", 1)?;
    for what in ["address", "route", "dns", "lifetime"] {
        assert!(
            acquired.changed.iter().any(|changed| changed == what),
            "{what} is not in {:?}",
            acquired.changed
        );
    }
    assert_eq!(acquired.lease["address"], "10.77.0.100/24");
    let kinds = daemon.cli().kinds("wan4")?;
    let at = |kind: &str| kinds.iter().position(|found| found == kind);
    assert!(
        at("client-started").expect("client-started") < at("lease-acquired").expect("lease-acquired"),
        "{kinds:?}"
    );
    assert_eq!(kinds.iter().filter(|kind| *kind == "lease-acquired").count(), 1, "{kinds:?}");
    assert!(at("lease-lost").is_none(), "{kinds:?}");
    Ok(())
}

#[test]
fn events_can_be_followed_while_they_happen() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = lab.daemon(&one_client(""))?;
    let follow = daemon.cli().follow(&lab.dir().join("follow.log"))?;
    eventually("the follower is connected", || Ok((!follow.events()?.is_empty()).then_some(())))?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let acquired = eventually("the follower is told", || {
        Ok(follow.events()?.into_iter().find(|event| event.event == "lease-acquired"))
    })?;
    assert_eq!(acquired.lease["address"], "10.77.0.100/24");
    configured(&lab, 100)
}

#[test]
fn why_shows_the_exchange_from_the_hook_to_the_kernel() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let why = daemon.cli().json(&["why", "wan4"])?;
    let exchanges = why["exchanges"].as_array().expect("exchanges");
    let bound = exchanges.iter().find(|exchange| exchange["event"] == "bound").expect("the bound exchange");
    assert!(bound["handlers"].to_string().contains("\"v4\""), "{bound}");
    assert!(bound["applied"].to_string().contains("10.77.0.100"), "{bound}");
    assert!(why["command"].to_string().contains("udhcpc"), "{why}");
    assert!(
        why["requested"].get("121").is_some(),
        "the handler's options are asked for: {}",
        why["requested"]
    );
    Ok(())
}

#[test]
fn classless_routes_override_the_router_option() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100);
    // RFC 3442: with option 121 the router option is not used; a router of 0.0.0.0 means on-link.
    let routes = "121,0.0.0.0/0,10.77.0.2,198.51.100.0/24,10.77.0.3,203.0.113.0/24,0.0.0.0";
    let _server = server.option(routes).start()?;
    let daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    assert_eq!(default_routes(&lab)?[0].via, Some(lab.wan().host(2)));
    let routes = lab.routes("wan0")?;
    let via = |to: &str| routes.iter().find(|route| route.to == to).map(|route| route.via);
    assert_eq!(via("198.51.100.0/24"), Some(Some(lab.wan().host(3))), "{routes:?}");
    assert_eq!(via("203.0.113.0/24"), Some(None), "{routes:?}");
    Ok(())
}

#[test]
fn options_are_sent_as_configured() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture(lab.wan())?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let keys = "hostname = \"gw1\"\nrequest = [43, 125]\n[clients.wan4.send]\n60 = { text = \"acme gw/2.1\" }\n\
                61 = { hex = \"01020304050607\" }\n";
    let daemon = lab.daemon(&one_client(keys))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let discover = packets.wait_for(dhcpmgr_lab::MessageType::Discover)?.dhcp;
    assert_eq!(discover.options[&60], b"acme gw/2.1");
    assert_eq!(discover.options[&61], [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(discover.options[&12], b"gw1");
    for code in [43, 125, 1, 3, 6, 121] {
        assert!(
            discover.options[&55].contains(&code),
            "{code} is not requested: {:?}",
            discover.options[&55]
        );
    }
    assert_eq!(addresses(&lab)?.len(), 1);
    Ok(())
}
