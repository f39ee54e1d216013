//! The option pack, from a real server's bytes to parameters and events.

use dhcpmgr_lab::{Daemon, Lab, MessageType, Result, eventually, lab_or_skip};

use crate::given::{one_client, removals};

/// Option 43 with the ACS's URL in its sub-option 1.
fn acs(url: &str) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    format!("43,{}", hex(&[&[1, url.len() as u8], url.as_bytes()].concat()))
}

/// Option 125 of the Broadband Forum: the OUI of the gateway.
const GATEWAY: &str = "125,00:00:0d:e9:08:04:06:30:30:32:35:36:44";
const SIP: &str = "120,01:c0:00:02:14";
const PACK: &str = "[handlers.vendor]\nmodule = \"libdhcpmgr_vendor.so\"\n";

fn daemon<'lab>(lab: &'lab Lab, settings: &str) -> Result<Daemon<'lab>> {
    let daemon = lab.daemon(&(one_client("") + PACK + settings))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    Ok(daemon)
}

#[test]
fn what_the_server_says_is_published_and_another_acs_is_noticed_at_a_renewal() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100);
    let server = server.force(&acs("http://acs.example/1")).force(GATEWAY).force(SIP).start()?;
    let daemon = daemon(&lab, "")?;
    let cli = daemon.cli();
    let parameters = cli.client("wan4")?["lease"]["parameters"].clone();
    assert_eq!(parameters["ManagementServer.URL"], "http://acs.example/1", "{parameters}");
    assert_eq!(parameters["GatewayInfo.ManufacturerOUI"], "00256D", "{parameters}");
    assert_eq!(parameters["SipServers"], "192.0.2.20", "{parameters}");
    let found = cli.wait_for_event("wan4", "acs-found", 1)?;
    assert_eq!(found.changed, ["vendor"]);
    assert_eq!(found.fields["url"], "http://acs.example/1");

    // The same again is a renewal and nothing more.
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    let count =
        |kind: &str| Ok::<_, dhcpmgr_lab::Error>(cli.kinds("wan4")?.iter().filter(|k| *k == kind).count());
    assert_eq!((count("acs-found")?, count("lease-changed")?), (1, 0));

    server.stop()?;
    let other = lab.dnsmasq(lab.wan()).range(100, 100);
    let _server = other.force(&acs("http://acs.example/2")).force(GATEWAY).force(SIP).start()?;
    let monitor = lab.monitor()?;
    cli.text(&["renew", "wan4"])?;
    let changed = cli.wait_for_event("wan4", "lease-changed", 1)?;
    assert!(changed.changed.contains(&"vendor".to_owned()), "{:?}", changed.changed);
    assert!(!changed.changed.iter().any(|what| ["address", "route", "dns", "meta"].contains(&&**what)));
    let found = cli.wait_for_event("wan4", "acs-found", 2)?;
    assert_eq!(found.fields["url"], "http://acs.example/2");
    assert!(removals(&monitor.take()).is_empty());
    assert_eq!(count("gateway-found")?, 1, "the gateway is the same");
    Ok(())
}

#[test]
fn a_malformed_option_is_told_and_costs_nothing_else() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).force("43,01:40:68:74").force(GATEWAY).start()?;
    let daemon = daemon(&lab, "")?;
    let parameters = daemon.cli().client("wan4")?["lease"]["parameters"].clone();
    assert_eq!(parameters["GatewayInfo.ManufacturerOUI"], "00256D", "{parameters}");
    assert!(parameters["ManagementServer.URL"].is_null(), "{parameters}");
    eventually("it is told", || {
        let why = daemon.cli().json(&["why", "wan4"])?.to_string();
        Ok(why.contains("option 43 ends within the sub-option at byte 0").then_some(()))
    })
}

#[test]
fn what_the_gateway_says_of_itself_is_sent_and_its_options_are_requested() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture(lab.wan())?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let settings = "[handlers.vendor.settings.send]\nvendor_class = \"dslforum.org\"\noui = \"00256D\"\n";
    let _daemon = daemon(&lab, settings)?;
    let discover = packets.wait_for(MessageType::Discover)?.dhcp;
    assert_eq!(discover.options[&60], b"dslforum.org");
    assert_eq!(discover.options[&124], b"\0\0\x0d\xe9\x0d\x0cdslforum.org");
    assert_eq!(discover.options[&125], b"\0\0\x0d\xe9\x08\x01\x0600256D");
    assert!(
        [43, 122, 125].iter().all(|code| discover.options[&55].contains(code)),
        "{:?}",
        discover.options[&55]
    );
    Ok(())
}
