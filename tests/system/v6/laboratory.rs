//! The laboratory itself for DHCPv6, without anything of ours in it: if these fail, the other failures mean nothing.

use std::time::Duration;

use dhcpmgr_lab::{Lab, MessageType6, Process, Result, eventually, eventually_within, lab_or_skip};
use nix::sys::signal::Signal;

/// dibbler-client alone, with an IA_NA and an IA_PD, asking for option 23 and one that it does not know.
fn raw_dibbler(lab: &Lab) -> Result<Process> {
    let config = "log-level 7\nlog-mode full\nduid-type duid-ll\ninactive-mode\niface wan0 {\n ia 1\n pd 2\n option dns-server\n \
                  option 0095 hex\n}\nskip-confirm\ndownlink-prefix-ifaces \"none\"\n";
    lab.write("dibbler/client.conf", config)?;
    lab.write("dibbler/client-duid", "00:03:00:01:02:00:00:00:00:77")?;
    let directory = lab.dir().join("dibbler").display().to_string();
    lab.gateway.spawn("dibbler-client", &["run", "-w", &directory], &[], &lab.dir().join("dibbler.log"))
}

#[test]
fn a_real_client_gets_an_address_and_a_prefix_from_a_real_kea_and_renews_every_second() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.kea6().times(1, 60, 100, 120).option("dns-servers", "2001:db8::53");
    let _server = server.map_t("0, 16, 24, 192.0.2.0, 2001:db8:f000::/40", "64:ff9b::/96").start()?;
    let packets = lab.capture6(lab.wan())?;
    let client = raw_dibbler(&lab)?;
    let request = packets.wait_for(MessageType6::Request)?;
    assert_eq!(request.dhcp.client_duid(), [0, 3, 0, 1, 2, 0, 0, 0, 0, 0x77]);
    assert_eq!((request.dhcp.iaids(3), request.dhcp.iaids(25)), (vec![1], vec![2]));
    assert_eq!(request.dhcp.requested(), [23, 95]);
    let reply = packets.wait_for(MessageType6::Reply)?;
    let values: Vec<String> =
        reply.dhcp.ias().iter().flat_map(|ia| &ia.values).map(|v| v.prefix.0.to_string()).collect();
    assert_eq!(values, ["2001:db8:77::100", "2001:db8:f000::"]);
    assert_eq!(reply.dhcp.ias()[0].times, (1, 60));
    let map = reply.dhcp.option(95).next().expect("option 95");
    assert_eq!(map[..4], [0, 89, 0, 13], "a rule is its first part: {map:?}");
    eventually(
        "it is renewed four times",
        || Ok((packets.of(MessageType6::Renew).len() >= 4).then_some(())),
    )?;

    client.signal(Signal::SIGTERM)?;
    packets.wait_for(MessageType6::Release).map(drop)
}

#[test]
fn a_restart_with_other_pools_renumbers_and_without_pools_refuses() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.kea6().times(1, 60, 100, 120).prefix(0xf000).start()?;
    let packets = lab.capture6(lab.wan())?;
    let client = raw_dibbler(&lab)?;
    packets.wait_for(MessageType6::Renew)?;
    let server = server.stop().times(1, 60, 100, 120).prefix(0xf100).start()?;
    let withdrawn = eventually("the old prefix has no lifetime left and there is a new one", || {
        let replies = packets.of(MessageType6::Reply);
        let last = replies.iter().flat_map(|reply| reply.dhcp.ias()).find(|ia| ia.values.len() == 2);
        Ok(last)
    })?;
    let mut seen: Vec<_> = withdrawn.values.iter().map(|v| (v.prefix.0.to_string(), v.valid)).collect();
    seen.sort();
    assert_eq!(seen, [("2001:db8:f000::".to_owned(), 0), ("2001:db8:f100::".to_owned(), 120)]);
    drop(client);

    server.reload(&server.config().no_addresses().no_prefixes())?;
    packets.clear();
    let _client = raw_dibbler(&lab)?;
    let refused = packets.wait_for(MessageType6::Advertise)?;
    // NoAddrsAvail and NoPrefixAvail (RFC 8415 section 21.13).
    let codes: Vec<_> = refused.dhcp.ias().iter().map(|ia| ia.status).collect();
    assert_eq!(codes, [Some(2), Some(6)]);
    Ok(())
}

#[test]
fn a_dibbler_server_that_lost_its_leases_says_nothing_about_the_prefix() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dibbler_server().times(2, 4, 100, 120).line("option dns-server 2001:db8::53").start()?;
    let packets = lab.capture6(lab.wan())?;
    let _client = raw_dibbler(&lab)?;
    let reply = packets.wait_for(MessageType6::Reply)?;
    let values: Vec<String> =
        reply.dhcp.ias().iter().flat_map(|ia| &ia.values).map(|v| v.prefix.0.to_string()).collect();
    assert_eq!(values, ["2001:db8:77::100", "2001:db8:f000::"]);
    let stopped = server.forget()?;
    packets.wait_for(MessageType6::Rebind)?;
    packets.clear();
    let _server = stopped.times(2, 4, 100, 120).prefix(0xf100).start()?;
    // dibbler repeats a REBIND later and later.
    let patience = Duration::from_secs(60);
    let empty =
        eventually_within(patience, "an answer to REBIND without a prefix and without a status", || {
            let ias = packets.of(MessageType6::Reply).into_iter().flat_map(|reply| reply.dhcp.ias());
            Ok(ias.into_iter().find(|ia| ia.code == 25 && ia.values.is_empty()))
        })?;
    assert_eq!(empty.status, None);
    Ok(())
}

#[test]
fn router_advertisements_give_the_default_route_and_say_that_there_is_dhcpv6() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _router = lab.router_advertisements()?;
    let route = eventually("the kernel has a default route of its own", || {
        Ok(lab.gateway.default_routes6()?.into_iter().next())
    })?;
    assert_eq!((route.interface.as_deref(), route.protocol.as_str()), (Some("wan0"), "ra"));
    assert!(route.via.is_some_and(|via| via.is_unicast_link_local()));
    assert!(lab.gateway.addresses6("wan0")?.is_empty(), "nothing to make an address of");
    Ok(())
}

#[test]
fn a_host_on_the_lan_follows_what_radvd_says() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    lab.forward_v6()?;
    let host = lab.lan_host("lan0")?;
    lab.gateway.ip(&["addr", "add", "2001:db8:f000:1::1/64", "dev", "lan0"])?;
    let text = |prefixes: &str| {
        format!(
            "interface lan0 {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; {prefixes} }};\n"
        )
    };
    let file = lab.write("radvd.conf", &text("prefix 2001:db8:f000:1::/64 { };"))?;
    let radvd = lab.radvd(&file)?;
    eventually("it has an address", || Ok(host.addresses()?.first().cloned()))?;
    eventually("and a router", || Ok(host.default_routes()?.first().cloned()))?;
    assert!(host.source()?.starts_with("2001:db8:f000:1:"), "{}", host.source()?);

    let both = "prefix 2001:db8:f100:1::/64 { }; \
                prefix 2001:db8:f000:1::/64 { AdvPreferredLifetime 0; AdvValidLifetime 7200; };";
    lab.write("radvd.conf", &text(both))?;
    radvd.reload()?;
    eventually("the old prefix is deprecated and the new one preferred", || {
        let addresses = host.addresses()?;
        let of = |prefix: &str| addresses.iter().find(|found| found.address.starts_with(prefix));
        let (old, new) = (of("2001:db8:f000:1:"), of("2001:db8:f100:1:"));
        Ok((old.is_some_and(|old| old.deprecated) && new.is_some_and(|new| !new.deprecated)).then_some(()))
    })?;
    assert!(host.source()?.starts_with("2001:db8:f100:1:"), "{}", host.source()?);
    Ok(())
}
