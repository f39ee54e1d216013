//! A softwire that a real server offers and the real dibbler-client gets: `lease` shows the same numbers as a calculation
//! by hand, what is wrong changes nothing and `why` says at which byte, and it comes back.

use dhcpmgr_lab::{Daemon, Kea6Config, Lab, MessageType6, Result, eventually, lab_or_skip};
use serde_json::{Value, json};

/// 2001:db8:f5a7::/56 is delegated. Behind the 36 bits of the rule stand 12 EA bits, 0x5a7: the first 4 belong to the
/// IPv4 address, 192.0.2.16 + 5, the other 8 are the PSID, 0xa7. With 6 bits of offset the PSID's first ports are
/// 1024 + 4 * 167 = 1692 to 1695.
const GROUP: u16 = 0xf5a7;
const RULE: &str = "0, 12, 28, 192.0.2.16, 2001:db8:f000::/36";
const DMR: &str = "2001:db8:ffff::/64";
/// The same container without its DMR.
const WITHOUT_DMR: &str = "0059000d000c1cc00002102420010db8f0";

/// A server that gives the prefix and lets it be renewed every second.
fn kea(lab: &Lab) -> Kea6Config<'_> {
    lab.kea6().times(1, 60, 100, 120).prefix(GROUP)
}

fn softwire(daemon: &Daemon<'_>) -> Result<Value> {
    Ok(daemon.cli().client("wan6")?["lease"]["softwire"].clone())
}

#[test]
fn the_softwire_of_a_lease_is_what_a_calculation_by_hand_says_and_a_wrong_one_is_none() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = kea(&lab).map_t(RULE, DMR).start()?;
    let daemon = lab.daemon(
        "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\nprogram = \"dibbler\"\nrequest = [95]\n\
         [handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\n[handlers.mapt]\nmodule = \"libdhcpmgr_mapt.so\"\n",
    )?;
    daemon.cli().wait_for("wan6", "Bound")?;
    let found = eventually("the lease has a softwire", || {
        let found = softwire(&daemon)?;
        Ok((!found.is_null()).then_some(found))
    })?;
    let expected = json!({
        "kind": "map-t", "ipv4": "192.0.2.21", "ipv4_prefix_len": 32, "psid": 0xa7, "psid_len": 8,
        "psid_offset": 6, "ea_bits": 0x5a7, "sharing_ratio": 256,
        "ce_ipv6": "2001:db8:f5a7::c000:215:a7", "dmr": DMR, "mtu": 1472, "selected": 0
    });
    for (field, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&found[field], value, "{field} of {found}");
    }
    let ranges = found["port_ranges"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!((ranges.len(), ranges.first()), (63, Some(&json!([1692, 1695]))));

    server.reload(&kea(&lab).raw(95, WITHOUT_DMR))?;
    eventually("a container that is wrong is no softwire", || {
        Ok(softwire(&daemon)?.is_null().then_some(()))
    })?;
    let why = daemon.cli().text(&["why", "wan6"])?;
    assert!(
        why.contains("option 95 (map-t) is discarded: byte 17: S46_CONT_MAPT (95) has no S46_DMR"),
        "{why}"
    );
    let lease = daemon.cli().client("wan6")?["lease"].clone();
    assert_eq!(lease["prefixes"][0]["prefix"], "2001:db8:f5a7::/56", "the lease itself stays: {lease}");

    server.reload(&kea(&lab).map_t(RULE, DMR))?;
    eventually("it is back, and the same", || Ok((softwire(&daemon)? == found).then_some(())))
}

#[test]
fn what_nothing_carries_out_is_not_requested() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = kea(&lab).map_t(RULE, DMR).start()?;
    let packets = lab.capture6(lab.wan())?;
    let daemon = lab.daemon(
        "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\nprogram = \"dibbler\"\n\
         [handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\n[handlers.mapt]\nmodule = \"libdhcpmgr_mapt.so\"\n",
    )?;
    daemon.cli().wait_for("wan6", "Bound")?;
    let requested = packets.wait_for(MessageType6::Request)?.dhcp.requested();
    assert!(requested.contains(&23) && !requested.contains(&95), "{requested:?}");
    let handler = daemon.cli().handler("mapt")?;
    assert!(handler["reason"].as_str().is_some_and(|reason| reason.contains("softwire:any")), "{handler}");
    assert!(softwire(&daemon)?.is_null());
    Ok(())
}
