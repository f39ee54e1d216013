//! dibbler-client as the daemon starts it: who it says that it is, what it may do, and what it leaves alone.

use std::fs;
use std::path::PathBuf;

use dhcpmgr_lab::{Lab, MessageType6, Result, eventually, lab_or_skip};
use nix::unistd::geteuid;

use crate::given::number;

const CONFIG: &str = "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\nprogram = \"dibbler\"\n\
                      request = [22, 23, 24, 31, 42]\nia_pd = [{ iaid = 4000000000, prefix = \"::/56\" }]\n\
                      rapid_commit = true\n\
                      [handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\nisolation = \"in-process\"\n";

const NET_RAW_AND_BIND_SERVICE: &str = "0000000000002400";

/// What dibbler changes when it may.
fn etc() -> [(bool, Option<String>, Option<PathBuf>); 4] {
    ["resolv.conf", "resolv.conf.old", "ntp.conf", "localtime"].map(|name| {
        let path = PathBuf::from("/etc").join(name);
        (path.symlink_metadata().is_ok(), fs::read_to_string(&path).ok(), fs::read_link(&path).ok())
    })
}

#[test]
fn dibbler_is_who_the_device_is_and_changes_nothing_of_the_machine() -> Result {
    lab_or_skip!();
    let before = etc();
    let lab = Lab::new()?;
    let server = lab.kea6().times(2, 60, 100, 120).option("dns-servers", "2001:db8::53");
    let server = server.option("sntp-servers", "2001:db8::7").option("new-tzdb-timezone", "Asia/Tokyo");
    let _server = server.option("domain-search", "isp.example").rapid_commit().start()?;
    let packets = lab.capture6(lab.wan())?;
    let daemon = lab.daemon(CONFIG)?;
    let request = packets.wait_for(MessageType6::Request)?;
    assert_eq!(request.dhcp.iaids(25), [4_000_000_000], "{CONFIG}");
    packets.wait_for(MessageType6::Reply)?;
    let client = daemon.cli().wait_for("wan6", "Bound")?;

    // The DUID was stored, and is what goes over the wire.
    let why = daemon.cli().json(&["why", "wan6"])?;
    let stored = why["identity"]["duid"].as_str().unwrap_or_default().to_owned();
    let sent: String = request.dhcp.client_duid().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(stored == sent && sent.starts_with("00030001"), "{stored} is sent as {sent}");
    assert!(daemon.root().join("var/lib/dhcpmgr/device.state").exists());
    let log = why["log"].to_string();
    assert!(log.contains("rapid_commit is left out"), "{log}");

    // It runs in its own directory, has two capabilities, and another /etc.
    let pid = number(&client, "pid")?;
    let proc = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
    let status = proc("status")?;
    for set in ["CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"] {
        assert!(status.contains(&format!("{set}:\t{NET_RAW_AND_BIND_SERVICE}")), "{set} in {status}");
    }
    let directory = fs::read_link(format!("/proc/{pid}/cwd"))?;
    assert!(directory.ends_with("run/dhcpmgr/work/wan6"), "{}", directory.display());
    if geteuid().is_root() {
        let mounts = proc("mountinfo")?;
        // The last one covers the others.
        let mut of_etc = mounts.lines().rev().filter(|line| line.split(' ').nth(4) == Some("/etc"));
        let etc = of_etc.next().unwrap_or(&mounts);
        assert!(etc.contains(" ro,") && etc.contains("tmpfs"), "{etc}");
    }

    // It is renewed, and what its files tell is known; the addresses are ours.
    packets.wait_for(MessageType6::Renew)?;
    eventually("the IAID is known", || {
        let lease = daemon.cli().json(&["lease", "wan6"])?.to_string();
        Ok(lease.contains("\"iaid\":4000000000").then_some(()))
    })?;
    let solicited = packets.of(MessageType6::Solicit).len();
    assert_eq!(solicited, 1, "a number that it takes for another one is not asked for twice");
    assert_eq!(etc(), before, "/etc is as it was");
    let addresses = lab.gateway.addresses6("wan0")?;
    assert!(addresses.iter().any(|address| address.address.starts_with("2001:db8:77::")), "{addresses:?}");
    Ok(())
}

#[test]
fn dibbler_is_started_again_without_giving_up_its_lease_and_gives_it_back_when_told() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.kea6().times(1000, 2000, 3000, 4000).start()?;
    let packets = lab.capture6(lab.wan())?;
    let daemon = lab.daemon(CONFIG)?;
    daemon.cli().wait_for("wan6", "Bound")?;
    let first = packets.wait_for(MessageType6::Reply)?;
    packets.clear();

    daemon.cli().text(&["renew", "wan6"])?;
    let again = packets.wait_for(MessageType6::Reply)?;
    let values = |reply: &dhcpmgr_lab::Packet6| -> Vec<String> {
        reply.dhcp.ias().iter().flat_map(|ia| &ia.values).map(|value| value.prefix.0.to_string()).collect()
    };
    assert_eq!(values(&again), values(&first), "the same lease");
    assert!(packets.of(MessageType6::Release).is_empty(), "nothing was given back");
    daemon.cli().wait_for_event("wan6", "lease-renewed", 1)?;

    daemon.cli().text(&["release", "wan6"])?;
    packets.wait_for(MessageType6::Release)?;
    eventually("nothing is left of it", || {
        let left = lab
            .gateway
            .addresses6("wan0")?
            .into_iter()
            .any(|address| address.address.starts_with("2001:db8:77::"));
        Ok((!left).then_some(()))
    })
}
