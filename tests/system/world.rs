//! The laboratory itself, shown without anything of ours in it: if these fail, the other failures mean nothing.

use dhcpmgr_lab::{Kind, Lab, MessageType, Result, eventually, lab_or_skip};

/// A lease by udhcpc alone, with a script that only reports.
fn raw_udhcpc(lab: &Lab) -> Result<dhcpmgr_lab::Process> {
    let arguments = ["-f", "-i", "wan0", "-s", "/bin/true", "-t", "10", "-T", "1"];
    lab.gateway.spawn("udhcpc", &arguments, &[], &lab.dir().join("udhcpc.log"))
}

#[test]
fn a_real_client_gets_a_lease_from_a_real_dnsmasq() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).lease(120).option("6,192.0.2.53").start()?;
    let packets = lab.capture(lab.wan())?;
    let client = raw_udhcpc(&lab)?;
    let ack = packets.wait_for(MessageType::Ack)?;
    assert_eq!(ack.dhcp.yiaddr, lab.wan().host(100));
    assert_eq!(ack.from, lab.wan().host(1));
    assert_eq!(ack.dhcp.options[&6], [192, 0, 2, 53]);
    assert_eq!(ack.dhcp.options[&51], 120_u32.to_be_bytes());
    eventually("udhcpc says so", || Ok(client.log().contains("10.77.0.100 obtained").then_some(())))
}

#[test]
fn a_real_client_gets_a_short_lease_from_a_real_kea_on_each_of_two_uplinks() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let _server =
        lab.kea().lease(20).option("domain-name-servers", "192.0.2.53").raw(224, "01 02 ff").start()?;
    for uplink in &lab.uplinks {
        let packets = lab.capture(uplink)?;
        let arguments = ["-f", "-q", "-i", &uplink.interface, "-s", "/bin/true"];
        let mut client = lab.gateway.spawn("udhcpc", &arguments, &[], &lab.dir().join("udhcpc.log"))?;
        assert!(client.wait(std::time::Duration::from_secs(20))?.success(), "{}", client.log_tail());
        let ack = packets.wait_for(MessageType::Ack)?;
        assert_eq!(ack.dhcp.yiaddr, uplink.host(100));
        assert_eq!(ack.dhcp.options[&51], 20_u32.to_be_bytes());
        assert_eq!(ack.dhcp.options[&224], [1, 2, 255]);
    }
    Ok(())
}

#[test]
fn the_monitor_sees_addresses_and_routes_come_and_go() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let monitor = lab.monitor()?;
    lab.gateway.ip(&["addr", "add", "192.0.2.7/24", "dev", "wan0"])?;
    lab.gateway.ip(&["route", "add", "default", "via", "192.0.2.1", "metric", "77", "proto", "dhcp"])?;
    let seen = monitor.take();
    let address = seen.iter().find(|change| change.kind == Kind::NewAddr).expect("RTM_NEWADDR");
    assert_eq!(address.subject, Some(([192, 0, 2, 7].into(), 24)));
    let route = seen.iter().find(|change| change.via.is_some()).expect("RTM_NEWROUTE");
    assert_eq!(route.subject, Some(([0, 0, 0, 0].into(), 0)));
    assert_eq!((route.via, route.metric, route.protocol), (Some([192, 0, 2, 1].into()), 77, 16));
    assert!(!seen.iter().any(dhcpmgr_lab::Change::removes), "{seen:?}");

    lab.gateway.ip(&["addr", "del", "192.0.2.7/24", "dev", "wan0"])?;
    let seen = monitor.take();
    assert!(seen.iter().any(|change| change.kind == Kind::DelAddr), "{seen:?}");
    assert!(lab.routes("wan0")?.is_empty());
    Ok(())
}

#[test]
fn a_pulled_cable_is_seen_by_the_gateway_and_not_by_the_server() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let carrier = || lab.gateway.run(|| Ok(std::fs::read_to_string("/proc/thread-self/net/dev").map(drop)?));
    carrier()?;
    let up = || Ok(lab.gateway.ip(&["link", "show", "wan0"])?.contains("LOWER_UP"));
    eventually("the carrier is there", || up().map(|up| up.then_some(())))?;
    lab.carrier(lab.wan(), false)?;
    eventually("the carrier is gone", || up().map(|up| (!up).then_some(())))?;
    assert!(lab.isp.ip(&["link", "show", "br0"])?.contains(",UP"));
    lab.carrier(lab.wan(), true)?;
    eventually("the carrier is back", || up().map(|up| up.then_some(())))
}

#[test]
fn nothing_outlives_its_world_and_nothing_of_the_machine_is_touched() -> Result {
    lab_or_skip!();
    let interfaces =
        || Ok::<_, dhcpmgr_lab::Error>(std::fs::read_to_string("/proc/self/net/dev")?.lines().count());
    let before = interfaces()?;
    let lab = Lab::new()?;
    let mut client = raw_udhcpc(&lab)?;
    client.must_run()?;
    let pid = client.pid();
    let dir = lab.dir().to_owned();
    assert!(lab.gateway.processes().contains(&pid));
    let refused = lab.gateway.run(|| Ok(std::fs::write("/etc/dhcpmgr-lab-was-here", "")))?;
    assert!(refused.is_err(), "/etc must be read-only inside");
    lab.gateway.run(|| Ok(std::fs::write("/run/dhcpmgr-lab-was-here", "")?))?;
    // A forgotten process handle must not keep the process alive.
    std::mem::forget(client);
    drop(lab);
    let gone = || Ok(nix::sys::signal::kill(pid, None).is_err() || zombie(pid));
    eventually("its processes are dead", || gone().map(|gone| gone.then_some(())))?;
    assert!(!dir.exists());
    assert!(!std::path::Path::new("/run/dhcpmgr-lab-was-here").exists());
    assert_eq!(interfaces()?, before);
    Ok(())
}

/// Dead, and not yet collected: this test threw the handle away that would have.
fn zombie(pid: nix::unistd::Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
