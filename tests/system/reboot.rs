//! The machine reboots: `/run` is empty, the kernel has forgotten everything, and the server still finds the same
//! client, which asks for the same address.

use std::fs;
use std::path::PathBuf;

use dhcpmgr_lab::{Capture, Daemon, Lab, MessageType, Packet, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::given::{addresses, bound, configured, number, one_client};

const CLIENT_ID: u8 = 61;
const REQUESTED: u8 = 50;

/// The power goes, and comes back with this MAC address on the WAN port.
fn reboot(lab: &Lab, daemon: &mut Daemon<'_>, mac: &str) -> Result {
    let pid = number(&daemon.cli().client("wan4")?, "pid")?;
    daemon.kill()?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
    lab.gateway.ip(&["addr", "flush", "dev", "wan0"])?;
    lab.gateway.ip(&["link", "set", "wan0", "down"])?;
    lab.gateway.ip(&["link", "set", "wan0", "address", mac])?;
    fs::remove_dir_all(daemon.root().join("run"))?;
    Ok(())
}

/// The first packet of this type, and the client-id and the address in it.
fn first(packets: &Capture, message: MessageType) -> Result<(Packet, String, Vec<u8>)> {
    let packet = packets.wait_for(message)?;
    let option = |code| packet.dhcp.options.get(&code).cloned().unwrap_or_default();
    let id = option(CLIENT_ID).iter().map(|byte| format!("{byte:02x}")).collect();
    let requested = option(REQUESTED);
    Ok((packet, id, requested))
}

fn state_file(daemon: &Daemon<'_>) -> PathBuf {
    daemon.root().join("var/lib/dhcpmgr/clients/wan4.state")
}

#[test]
fn after_a_reboot_the_same_address_is_asked_for_under_the_same_identity_whatever_the_mac_is() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    // The server would rather give 100 to whom it does not know.
    let _server = lab.dnsmasq(lab.wan()).range(100, 150).start()?;
    let packets = lab.capture(lab.wan())?;
    let mut daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let (_, id, none) = first(&packets, MessageType::Discover)?;
    assert_eq!((id.as_str(), none.as_slice()), ("01020000000000", &[][..]), "as udhcpc would by itself");
    let had = addresses(&lab)?;
    let host = had[0].trim_end_matches("/24").parse::<std::net::Ipv4Addr>()?;
    eventually("the lease is stored", || {
        Ok((daemon.cli().json(&["why", "wan4"])?["identity"]["last_lease"]["address"] == host.to_string())
            .then_some(()))
    })?;

    reboot(&lab, &mut daemon, "02:00:00:00:00:77")?;
    packets.clear();
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    for message in [MessageType::Discover, MessageType::Request] {
        let (_, id, requested) = first(&packets, message)?;
        assert_eq!(id, "01020000000000", "{message:?}: the identity stays with a new MAC address");
        assert_eq!(requested, host.octets(), "{message:?}: the last address is asked for again");
    }
    assert_eq!(addresses(&lab)?, had);
    let identity = daemon.cli().json(&["why", "wan4"])?["identity"].clone();
    assert_eq!(identity["client_id"], "01020000000000");
    assert!(daemon.cli().text(&["why", "wan4"])?.contains("01020000000000"));
    Ok(())
}

#[test]
fn a_configured_client_id_goes_before_the_stored_one_and_does_not_replace_it() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    // For another client-id the server has another address.
    let _server = lab.dnsmasq(lab.wan()).range(100, 150).start()?;
    let mut daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    eventually("the identity is stored", || Ok(state_file(&daemon).is_file().then_some(())))?;
    let packets = lab.capture(lab.wan())?;
    for (send, expected) in [("send = { 61 = { hex = \"00aabbcc\" } }", "00aabbcc"), ("", "01020000000000")] {
        reboot(&lab, &mut daemon, "02:00:00:00:00:77")?;
        daemon.configure(&one_client(send))?;
        packets.clear();
        daemon.start()?;
        let (_, id, _) = first(&packets, MessageType::Discover)?;
        assert_eq!(id, expected);
        daemon.cli().wait_for("wan4", "Bound")?;
    }
    Ok(())
}

/// The daemon was killed between the start of the client and the write, or the file was lost.
#[test]
fn the_identity_of_a_client_that_runs_on_is_stored_by_the_next_daemon() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let id = [0, 0xaa, 0xbb, 0xcc];
    let _server = lab.dnsmasq(lab.wan()).range(100, 150).start()?;
    let mut daemon = lab.daemon(&one_client("send = { 61 = { hex = \"00aabbcc\" } }"))?;
    let before = daemon.cli().wait_for("wan4", "Bound")?;
    eventually("it is stored", || Ok(state_file(&daemon).exists().then_some(())))?;
    daemon.kill()?;
    fs::remove_file(state_file(&daemon))?;
    daemon.start()?;
    eventually("it is stored again", || {
        let record = fs::read(state_file(&daemon)).unwrap_or_default();
        Ok(record.windows(id.len()).any(|bytes| bytes == id).then_some(()))
    })?;
    assert_eq!(daemon.cli().wait_for("wan4", "Bound")?["pid"], before["pid"], "it was not started again");
    Ok(())
}

/// A container, or a `--root` on a disk: `/run` is still there, with dates of a clock that began anew.
#[test]
fn what_another_boot_left_in_run_is_not_taken_for_a_lease_in_force() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, mut daemon) = bound(&lab)?;
    let pid = number(&daemon.cli().client("wan4")?, "pid")?;
    daemon.kill()?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
    let server = server.stop()?;
    lab.gateway.ip(&["addr", "flush", "dev", "wan0"])?;
    let other = lab.write("boot_id", "11111111-2222-3333-4444-555555555555\n")?;
    let other = other.display().to_string();
    lab.gateway.command("mount", &["--bind", &other, "/proc/sys/kernel/random/boot_id"])?;

    daemon.start()?;
    let client = daemon.cli().wait_for("wan4", "Selecting")?;
    assert_eq!(client["lease"], serde_json::Value::Null);
    assert!(addresses(&lab)?.is_empty(), "nobody has confirmed it in this boot");
    assert!(daemon.log().contains("is of another boot and not in force"), "{}", daemon.log());
    let packets = lab.capture(lab.wan())?;
    let _server = server.range(100, 100).option("6,192.0.2.53").start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let (_, _, requested) = first(&packets, MessageType::Request)?;
    assert_eq!(requested, lab.wan().host(100).octets());
    configured(&lab, 100)
}
