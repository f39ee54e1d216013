//! A real Kea hands out option 95 and a prefix, the real dibbler-client gets both: what is in `status` and what nat46 is
//! told is what an independent calculation says; with another prefix too, and DHCPv4 comes back when it is offered no more.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_lab::{Daemon, Kea6Config, Lab, Nat46, Result, eventually, lab_or_skip};
use serde_json::{Value, json};

use super::given::{dual, wan};

/// The domain: 2001:db8:f000::/36 with 12 EA bits, of which 4 belong to the address; 192.0.2.16/28; 6 bits before the
/// PSID, as nothing else is said.
const RULE: &str = "0, 12, 28, 192.0.2.16, 2001:db8:f000::/36";
const DMR: &str = "2001:db8:ffff::/64";

/// What a customer has whose prefix is 2001:db8:GROUP::/56, by RFC 7597 section 5: written down here bit by bit, and with
/// nothing of ours.
fn calculated(group: u16) -> Value {
    let ea = u32::from(group) & 0xfff;
    let (suffix, psid) = (ea >> 8, ea & 0xff);
    let ipv4 = Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 0, 2, 16)) + suffix);
    let [a, b, c, d] = ipv4.octets().map(u16::from);
    let ce = Ipv6Addr::new(0x2001, 0xdb8, group, 0, 0, a << 8 | b, c << 8 | d, psid as u16);
    let own = |port: &u32| port >> 10 != 0 && (port >> 2) & 0xff == psid;
    let ports: Vec<u32> = (0..=0xffff).filter(own).collect();
    let ranges: Vec<_> = ports.chunks(4).map(|range| json!([range[0], range[3]])).collect();
    json!({
        "kind": "map-t", "ipv4": ipv4.to_string(), "ipv4_prefix_len": 32, "psid": psid, "psid_len": 8,
        "psid_offset": 6, "ea_bits": ea, "sharing_ratio": 256, "ce_ipv6": ce.to_string(), "dmr": DMR,
        "port_ranges": ranges, "mtu": 1472, "selected": 0,
    })
}

/// A server that gives this prefix and lets it be renewed every second.
fn kea(lab: &Lab, group: u16) -> Kea6Config<'_> {
    lab.kea6().times(1, 60, 100, 120).prefix(group)
}

fn is_as_calculated(daemon: &Daemon<'_>, group: u16) -> Result {
    let expected = calculated(group);
    let found = eventually("MAP-T carries IPv4 by this prefix", || {
        let softwire = daemon.cli().client("wan6")?["lease"]["softwire"].clone();
        let carries = wan(daemon)?["owner"] == "map-t" && softwire["ce_ipv6"] == expected["ce_ipv6"];
        Ok(carries.then_some(softwire))
    })?;
    for (field, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&found[field], value, "{field} of {found}");
    }
    Ok(())
}

#[test]
fn the_softwire_of_a_real_server_carries_ipv4_and_is_what_a_calculation_by_hand_says() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _dhcpv4 = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let server = kea(&lab, 0xf5a7).map_t(RULE, DMR).start()?;
    let mut daemon = Daemon::install(&lab)?;
    // What is requested follows from what can be carried out.
    daemon.configure(&dual())?;
    let nat46 = Nat46::stand_in(&lab, &daemon, "wan0")?;
    daemon.start()?;
    is_as_calculated(&daemon, 0xf5a7)?;
    let told = nat46.told()?.unwrap_or_default();
    for words in [
        "local.v6 2001:db8:f000::/36",
        "local.v4 192.0.2.16/28",
        "local.ea-len 12",
        "remote.v6 2001:db8:ffff::/64",
    ] {
        assert!(told.contains(words), "{told}");
    }
    eventually("DHCPv4 stands aside", || Ok(lab.addresses("wan0")?.is_empty().then_some(())))?;

    server.reload(&kea(&lab, 0xf5a7))?;
    eventually("DHCPv4 carries IPv4", || {
        let right = wan(&daemon)?["owner"] == "dhcpv4" && nat46.told()?.is_none();
        Ok((right && daemon.cli().client("wan6")?["lease"]["softwire"].is_null()).then_some(()))
    })?;

    // Another prefix makes another softwire of the same option.
    let server = server.stop().times(1, 60, 100, 120).prefix(0xf03c).map_t(RULE, DMR).start()?;
    is_as_calculated(&daemon, 0xf03c)?;
    drop(server);
    Ok(())
}
