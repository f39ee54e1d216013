//! The packet observer: it counts what a capture sees, tells what clients do not, and believes nothing that matters.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{
    Capture, Captured, Daemon, Error, Lab, MessageType, MessageType6, Result, eventually, lab_or_skip,
    program,
};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket};
use serde_json::{Value, json};

use crate::given::{V4, addresses, client, configured, one_client};
use crate::v6::given::{home, kea};

const ON: &str = "[observer]\nenabled = true\n";

/// The counters of a client, as far as they are not 0.
fn counted(daemon: &Daemon<'_>, client: &str) -> Result<Value> {
    let counters = daemon.cli().client(client)?["counters"].clone();
    let counters = counters.as_object().cloned().unwrap_or_default();
    Ok(counters.into_iter().filter(|(_, count)| *count != json!(0)).collect())
}

/// What a capture has of each of these, by the names of TR-181.
fn captured<P: Captured>(packets: &Capture<P>, names: &[(P::Type, &str)]) -> Value {
    let count = |(message, name): &(P::Type, &str)| ((*name).to_owned(), json!(packets.of(*message).len()));
    names.iter().map(count).filter(|(_, count)| *count != json!(0)).collect()
}

/// Waits until the counters are those of the capture, and tells both when they stay different.
fn agrees(daemon: &Daemon<'_>, client: &str, captured: impl Fn() -> Value) -> Result {
    let same = || Ok((counted(daemon, client)? == captured()).then_some(()));
    eventually("the counters are those of the capture", same)
        .map_err(|error| Error::new(format!("{error}: {:?} are not {}", counted(daemon, client), captured())))
}

const V4_NAMES: [(MessageType, &str); 8] = [
    (MessageType::Discover, "Discover"),
    (MessageType::Offer, "Offer"),
    (MessageType::Request, "Request"),
    (MessageType::Decline, "Decline"),
    (MessageType::Ack, "ACK"),
    (MessageType::Nak, "NACK"),
    (MessageType::Release, "Release"),
    (MessageType::Inform, "Inform"),
];

const V6_NAMES: [(MessageType6, &str); 8] = [
    (MessageType6::Solicit, "Solicit"),
    (MessageType6::Advertise, "Advertise"),
    (MessageType6::Request, "Request"),
    (MessageType6::Renew, "Renew"),
    (MessageType6::Rebind, "Rebind"),
    (MessageType6::Reply, "Reply"),
    (MessageType6::Release, "Release"),
    (MessageType6::Decline, "Decline"),
];

/// A DHCPv4 message with this type, transaction and hardware address, and the fixed part of BOOTP.
fn bootp(op: u8, message: u8, xid: u32, ciaddr: Ipv4Addr, hardware: [u8; 6]) -> Vec<u8> {
    let mut bytes = vec![op, 1, 6, 0];
    bytes.extend(xid.to_be_bytes());
    bytes.resize(240, 0);
    bytes[12..16].copy_from_slice(&ciaddr.octets());
    bytes[28..34].copy_from_slice(&hardware);
    bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend([53, 1, message, 255]);
    bytes
}

/// The Ethernet address of `wan0`, which the laboratory gave it.
const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 0];

#[test]
fn messages_of_dhcpv4_are_counted_as_a_capture_sees_them() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture(lab.wan())?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let daemon = lab.daemon(&(ON.to_owned() + &one_client("")))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    for renewals in 1..=3 {
        cli.text(&["renew", "wan4"])?;
        cli.wait_for_event("wan4", "lease-renewed", renewals)?;
    }
    cli.text(&["release", "wan4"])?;
    packets.wait_for(MessageType::Release)?;
    agrees(&daemon, "wan4", || captured(&packets, &V4_NAMES))?;
    let seen = captured(&packets, &V4_NAMES);
    assert!(seen["ACK"].as_u64() >= Some(4) && seen["Release"] == json!(1), "{seen}");
    let (path, offers) = ("Device.DHCPv4.Client.1.Stats.Offer", &seen["Offer"]);
    assert_eq!(cli.text(&["get", path])?, format!("{path}={offers}\n"), "udhcpc does not tell of it");
    let labels = "client=\"wan4\",protocol=\"v4\",interface=\"wan0\",message=\"Offer\"";
    let sample = format!("dhcpmgr_client_messages_total{{{labels}}} {offers}\n");
    assert!(cli.text(&["metrics"])?.contains(&sample));
    let observer = &cli.json(&["status"])?["observer"];
    assert_eq!((&observer["others"], &observer["dropped"]), (&json!(0), &json!(0)), "{observer}");
    Ok(())
}

#[test]
fn messages_of_dhcpv6_are_counted_as_a_capture_sees_them() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture6(lab.wan())?;
    let _server = kea(&lab, (2, 60, 100, 120)).start()?;
    let daemon = lab.daemon(&(ON.to_owned() + &home("")))?;
    let cli = daemon.cli();
    cli.wait_for("wan6", "Bound")?;
    cli.wait_for_event("wan6", "lease-renewed", 3)?;
    cli.text(&["release", "wan6"])?;
    packets.wait_for(MessageType6::Release)?;
    agrees(&daemon, "wan6", || captured(&packets, &V6_NAMES))?;
    let seen = captured(&packets, &V6_NAMES);
    let each = ["Solicit", "Advertise", "Request", "Renew", "Reply", "Release"];
    assert!(each.iter().all(|name| seen[name].is_u64()), "{seen}");
    Ok(())
}

/// What packets say counts although no client says a word: these are not the client's.
#[test]
fn a_renewal_that_the_client_does_not_tell_of_is_shown() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let daemon = lab.daemon(&(ON.to_owned() + &one_client("")))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let (own, router) = (lab.wan().host(100), lab.wan().host(1));
    let before = cli.client("wan4")?;
    server.freeze(true)?;
    let ask = move |to: Ipv4Addr| {
        move || {
            let socket = UdpSocket::bind((own, 68))?;
            socket.set_broadcast(true)?;
            socket.send_to(&bootp(1, 3, 77, own, HARDWARE), (to, 67))?;
            Ok(())
        }
    };
    lab.gateway.run(ask(router))?;
    cli.wait_for("wan4", "Renewing")?;
    for _ in 0..2 {
        lab.gateway.run(ask(Ipv4Addr::BROADCAST))?;
    }
    let asking = cli.wait_for("wan4", "Rebinding")?;
    assert_eq!(
        cli.text(&["get", "Device.DHCPv4.Client.1.DHCPStatus"])?,
        "Device.DHCPv4.Client.1.DHCPStatus=Rebinding\n"
    );
    let reason = asking["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("3 REQUESTs sent") && reason.ends_with("no answer"), "{reason}");
    server.freeze(false)?;
    let after = cli.wait_for("wan4", "Bound")?;
    for same in ["pid", "restarts", "enabled"] {
        assert_eq!(after[same], before[same]);
    }
    assert_eq!(after["lease"]["address"], before["lease"]["address"]);
    Ok(())
}

#[test]
fn why_tells_how_often_a_client_asked_in_vain() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = lab.daemon(&(ON.to_owned() + &one_client("discover_interval = 1")))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Selecting")?;
    let reason = eventually("three are worth telling", || {
        Ok(cli.client("wan4")?["reason"]
            .as_str()
            .filter(|reason| reason.contains("DISCOVERs sent"))
            .map(str::to_owned))
    })?;
    assert!(reason.ends_with("no answer"), "{reason}");
    let why = cli.json(&["why", "wan4"])?;
    assert!(why["packets"]["sent"]["DISCOVER"].as_u64() >= Some(3), "{why}");
    assert!(cli.text(&["why", "wan4"])?.contains("DISCOVERs sent in"));
    // A server that comes back answers, and nothing of it is left.
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let bound = cli.wait_for("wan4", "Bound")?;
    assert!(bound["reason"].is_null(), "{bound}");
    assert!(cli.json(&["why", "wan4"])?["packets"].is_null());
    Ok(())
}

/// A FORCERENEW to this host in an Ethernet frame, with this tag if any.
fn frame(lab: &Lab, to: [u8; 6], tag: Option<u16>) -> Vec<u8> {
    let bootp = bootp(2, 9, 0, lab.wan().host(100), HARDWARE);
    let mut bytes = [&to[..], &[2, 0, 0, 0, 9, 9]].concat();
    if let Some(tag) = tag {
        bytes.extend([0x81, 0]);
        bytes.extend(tag.to_be_bytes());
    }
    let length = |headers: u16| (bootp.len() as u16 + headers).to_be_bytes();
    bytes.extend([8, 0, 0x45, 0]);
    bytes.extend(length(28));
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    bytes.extend(lab.wan().host(1).octets());
    bytes.extend(lab.wan().host(100).octets());
    bytes.extend([0, 67, 0, 68]);
    bytes.extend(length(8));
    bytes.extend([0, 0]);
    [bytes, bootp].concat()
}

/// Sends a frame out of a port of the ISP.
fn inject(lab: &Lab, frame: Vec<u8>) -> Result {
    let port = lab.wan().port.clone();
    lab.isp.run(move || {
        let all = getifaddrs()?.filter(|found| found.interface_name == port);
        let link = all.filter_map(|found| found.address?.as_link_addr().copied()).next();
        let link = link.ok_or_else(|| Error::new(format!("{port} has no link")))?;
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
        sendto(socket.as_raw_fd(), &frame, &link, MsgFlags::empty())?;
        Ok(())
    })
}

/// The kernel's own idea of the filter, besides that of its unit tests.
#[test]
fn the_kernel_lets_pass_what_is_the_interfaces_own() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let daemon = lab.daemon(&(ON.to_owned() + &one_client("")))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let seen = || {
        let observer = daemon.cli().json(&["status"])?["observer"].clone();
        let forced = counted(&daemon, "wan4")?["ForceRenew"].as_u64().unwrap_or_default();
        Ok::<_, Error>((forced, observer["packets"].as_u64(), observer["others"].as_u64()))
    };
    let before = seen()?;
    let mut fragment = frame(&lab, HARDWARE, None);
    fragment[14 + 6] = 0x20;
    // Of another VLAN, a fragment, to another host's Ethernet address.
    inject(&lab, frame(&lab, HARDWARE, Some(5)))?;
    inject(&lab, fragment)?;
    inject(&lab, frame(&lab, [2, 0, 0, 0, 8, 8], None))?;
    // Its own, and one with a priority, which is no VLAN.
    inject(&lab, frame(&lab, HARDWARE, None))?;
    inject(&lab, frame(&lab, HARDWARE, Some(0xe000)))?;
    let after = eventually("its own are counted", || {
        let now = seen()?;
        Ok((now.0 >= before.0 + 2).then_some(now))
    })?;
    assert_eq!(after, (before.0 + 2, before.1.map(|count| count + 2), before.2));
    Ok(())
}

/// Processor time of a process so far.
fn processor(pid: nix::unistd::Pid) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    Ok(Duration::from_nanos(stat.split(' ').next().unwrap_or_default().parse()?))
}

#[test]
fn a_flood_of_forged_packets_changes_nothing_and_starves_nobody() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&(ON.to_owned() + &one_client("")))?;
    let pid = daemon.process()?.pid();
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let own = lab.wan().host(100);
    let before = (cli.client("wan4")?, counted(&daemon, "wan4")?, processor(pid)?);
    let flood = lab.isp.run(move || {
        Ok(std::thread::spawn(move || {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            let start = Instant::now();
            let mut xid = 0_u32;
            while start.elapsed() < Duration::from_secs(4) {
                xid = xid.wrapping_add(0x9e37_79b9);
                for message in [bootp(2, 5, xid, own, HARDWARE), bootp(2, 6, xid, own, [6; 6]), vec![2; 300]]
                {
                    // A full queue is no reason to end.
                    let _ = socket.send_to(&message, (own, 68));
                }
            }
            Ok::<u32, std::io::Error>(xid)
        }))
    })?;
    let mut slowest = Duration::ZERO;
    for renewals in 1..=3 {
        let asked = Instant::now();
        cli.json(&["status"])?;
        slowest = slowest.max(asked.elapsed());
        cli.text(&["renew", "wan4"])?;
        cli.wait_for_event("wan4", "lease-renewed", renewals)?;
        std::thread::sleep(Duration::from_millis(700));
    }
    flood.join().expect("it only sends")?;
    let after = cli.wait_for("wan4", "Bound")?;
    for same in ["pid", "restarts", "reason"] {
        assert_eq!(after[same], before.0[same]);
    }
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"]);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let spent = processor(pid)? - before.2;
    assert!(spent < Duration::from_secs(1), "{spent:?} of 4 s");
    let status = cli.json(&["status"])?;
    let seen = |field: &str| status["observer"][field].as_u64().unwrap_or_default();
    assert!(seen("dropped") > 0 && seen("others") > 100 && seen("others") < 10_000, "{}", status["observer"]);
    // Some of the real ones may have been dropped; none came to them.
    let counted = counted(&daemon, "wan4")?;
    assert!(counted["ACK"].as_u64() <= Some(4) && counted["NACK"].is_null(), "{counted} before {}", before.1);
    Ok(())
}

/// The inodes of packet sockets that a process holds.
fn packet_sockets(lab: &Lab, pid: nix::unistd::Pid) -> Result<usize> {
    let all = lab.gateway.run(|| Ok(fs::read_to_string("/proc/thread-self/net/packet")?))?;
    let inodes: Vec<String> = all
        .lines()
        .skip(1)
        .filter_map(|line| Some(format!("socket:[{}]", line.split_whitespace().last()?)))
        .collect();
    let held = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let held = held
        .filter_map(|fd| fs::read_link(fd.path()).ok())
        .filter_map(|link| link.into_os_string().into_string().ok());
    Ok(held.filter(|link| inodes.contains(link)).count())
}

#[test]
fn it_is_there_when_it_is_wanted_and_not_otherwise() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let _server = lab.kea().lease(600).start()?;
    let both = client("one", "wan0", 100, "") + &client("two", "wan1", 200, "") + V4;
    let mut daemon = lab.daemon(&both)?;
    let pid = daemon.process()?.pid();
    let cli = daemon.cli();
    cli.wait_for("one", "Bound")?;
    assert_eq!(packet_sockets(&lab, pid)?, 0, "off unless it is asked for");
    assert!(cli.json(&["status"])?["observer"].is_null());

    daemon.configure(&(ON.to_owned() + &both))?;
    assert!(cli.text(&["config", "reload"])?.contains("observer: enabled changed"));
    assert_eq!(packet_sockets(&lab, pid)?, 1, "one for all");
    for client in ["one", "two"] {
        cli.wait_for(client, "Bound")?;
        cli.text(&["renew", client])?;
        cli.wait_for_event(client, "lease-renewed", 1)?;
        // Each hears of its own: a renewal is asked again when the first was lost.
        let counted = counted(&daemon, client)?;
        assert!(counted["ACK"].is_u64() && counted["Request"].is_u64(), "{client}: {counted}");
    }
    let before = counted(&daemon, "one")?["ACK"].as_u64();
    // A new interface of the same name has another index.
    lab.remove_interface(lab.wan())?;
    cli.wait_for_event("one", "lease-lost", 1)?;
    lab.restore_interface(lab.wan())?;
    cli.wait_for_event("one", "lease-acquired", 2)?;
    let counted = counted(&daemon, "one")?;
    assert!(counted["ACK"].as_u64() > before && counted["Offer"].is_u64(), "they are counted on: {counted}");

    daemon.configure(&both)?;
    cli.text(&["config", "reload"])?;
    assert_eq!(packet_sockets(&lab, pid)?, 0);
    assert!(cli.json(&["status"])?["observer"].is_null());
    Ok(())
}

#[test]
fn without_the_capability_it_says_so_and_everything_else_works() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = kea(&lab, (1000, 1600, 3000, 4000)).start()?;
    let daemon = Daemon::install(&lab)?;
    daemon.configure(&(ON.to_owned() + &home("")))?;
    let (root, log) = (daemon.root().to_owned(), lab.dir().join("without.log"));
    let dhcpmgrd = root.join("usr/sbin/dhcpmgrd");
    let arguments = ["--bounding-set", "-net_raw", "--inh-caps", "-net_raw", "--"];
    let more = [dhcpmgrd.to_string_lossy(), "--root".into(), root.to_string_lossy()];
    let arguments: Vec<&str> = arguments.into_iter().chain(more.iter().map(AsRef::as_ref)).collect();
    program("setpriv")?;
    let _running = lab.gateway.spawn("setpriv", &arguments, &[], &log)?;
    let cli = daemon.cli();
    eventually("it serves", || Ok(cli.json(&["status"]).ok()))?;
    cli.wait_for("wan6", "Bound")?;
    let status = cli.json(&["status"])?;
    let reason = status["observer"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("CAP_NET_RAW"), "{status}");
    assert!(cli.text(&["status"])?.contains("packet observer: cannot listen"));
    assert_eq!(fs::read_to_string(&log)?.matches("packet observer").count(), 1, "said once");
    assert!(counted(&daemon, "wan6")?["Solicit"].is_u64(), "what dibbler tells is counted");
    Ok(())
}
