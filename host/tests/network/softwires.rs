//! A softwire as the kernel has it: a stand-in for nat46, whose interface is one end of a veth, with the real packet
//! filter.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use dhcpmgr::clock::BootId;
use dhcpmgr::config::{DnsBackend, SoftwireBackend};
use dhcpmgr::softwire::backend::{BackendError, BackendName, Backends, Wan};
use dhcpmgr::store::Store;
use dhcpmgr_lab::Namespace;
use dhcpmgr_plugin_api::{Ports, Softwire, SoftwireRule};
use dhcpmgr_softwire::{Kind, PortSet};

use crate::lab::{Lab, Monitor, addresses, in_namespace, ip, routes, wan};

const CONTROL: &str = "proc/net/nat46/control";
const SHARED: &str = "192.0.2.18";
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// RFC 7599 appendix A, example 1.
pub(crate) fn map_t() -> Softwire {
    let ports = Ports { offset: 6, psid_len: 8, psid: 0x34 };
    Softwire {
        kind: "map-t".into(),
        ipv4: Some("192.0.2.18/32".parse().unwrap()),
        ports,
        ea_bits: 0x1234,
        prefix: Some("2001:db8:12:3400::/56".parse().unwrap()),
        ce_ipv6: Some("2001:db8:12:3400:0:c000:212:34".parse().unwrap()),
        dmr: Some("2001:db8:ffff::/64".parse().unwrap()),
        rules: vec![SoftwireRule {
            ipv6: "2001:db8::/40".parse().unwrap(),
            ipv4: "192.0.2.0/24".parse().unwrap(),
            ea_len: 16,
            ports: Ports { psid: 0, ..ports },
            fmr: false,
        }],
        mtu: Some(1472),
        ..Softwire::default()
    }
}

pub(crate) fn over(interface: &str) -> Wan {
    Wan { interface: interface.parse().unwrap(), metric: 100, address: None, dns: Vec::new() }
}

pub(crate) async fn backends(lab: &Lab, choice: SoftwireBackend) -> Backends {
    let store = Store::volatile(lab.root.path().join("run/dhcpmgr/softwires"), BootId::current());
    Backends::start(choice, lab.network.clone(), store, lab.root.path()).await
}

fn stand_in(lab: &Lab) {
    let control = lab.root.path().join(CONTROL);
    fs::create_dir_all(control.parent().unwrap()).unwrap();
    fs::write(control, "").unwrap();
}

fn told(lab: &Lab) -> Vec<String> {
    let text = fs::read_to_string(lab.root.path().join(CONTROL)).unwrap();
    let words = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect()
}

pub(crate) fn filter() -> Option<String> {
    let output = Command::new("nft").args(["list", "ruleset"]).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Whether there is `nft` here; says so where there is not.
pub(crate) fn has_nft() -> bool {
    let there = filter().is_some();
    if !there {
        eprintln!("SKIPPED: this test needs nft (package nftables)");
    }
    there
}

#[test]
fn a_softwire_comes_stays_over_a_crash_and_goes_without_a_trace() {
    in_namespace(async || {
        if !has_nft() {
            return;
        }
        wan("wan0");
        let left = || {
            let mut names: Vec<_> =
                ip("-br link").lines().map(|l| l.split(' ').next().unwrap().to_owned()).collect();
            names.sort();
            (names, ip("route"), ip("-6 route show table all proto 68"))
        };
        let before = left();
        wan("sw-wan0");
        let lab = Lab::start().await;
        stand_in(&lab);
        let all = backends(&lab, SoftwireBackend::Auto).await;
        assert_eq!(all.support().backend(Kind::MapT), Ok(BackendName::Nat46));

        let carried = all.carry(&over("wan0"), &map_t()).await.unwrap();
        assert_eq!((carried.backend, carried.interface.as_str()), (BackendName::Nat46, "sw-wan0"));
        assert_eq!(told(&lab), ["add sw-wan0", "config sw-wan0"]);
        assert_eq!(routes("sw-wan0"), ["default proto 68 scope link metric 100 mtu 1472"]);
        assert_eq!(addresses("sw-wan0"), ["192.0.0.2/32"]);
        assert!(
            ip("-6 route").contains("2001:db8:12:3400:0:c000:212:34 dev sw-wan0 proto 68"),
            "{}",
            ip("-6 route")
        );
        assert!(ip("link show sw-wan0").contains("mtu 1500 "));
        let table = filter().unwrap();
        assert!(table.contains("table ip dhcpmgr-sw-wan0 {"), "{table}");

        let monitor = Monitor::v4();
        assert!(
            all.carry(&over("wan0"), &map_t()).await.unwrap().done.is_empty(),
            "the same again is nothing"
        );
        let root = {
            drop(all);
            lab.end()
        };
        // The next daemon, after a crash: the same is wanted, so nothing moves.
        let lab = Lab::start_in(root, DnsBackend::None).await;
        let all = backends(&lab, SoftwireBackend::Auto).await;
        let carried = all.carry(&over("wan0"), &map_t()).await.unwrap();
        assert!(
            !carried.done.iter().any(|line| line.contains("added") || line.contains("removed")),
            "{:?}",
            carried.done
        );
        assert_eq!(monitor.heard(), Vec::<&str>::new(), "not one notification");
        assert_eq!(told(&lab).len(), 2, "and nothing is told again");
        assert_eq!(all.sweep().await, Vec::<String>::new());

        let mut other = map_t();
        other.dmr = Some("2001:db8:eeee::/64".parse().unwrap());
        all.carry(&over("wan0"), &other).await.unwrap();
        assert_eq!(told(&lab), ["add sw-wan0", "config sw-wan0", "config sw-wan0"], "changed, not made anew");

        // And one that nobody asks for any more.
        let root = {
            drop(all);
            lab.end()
        };
        let lab = Lab::start_in(root, DnsBackend::None).await;
        let all = backends(&lab, SoftwireBackend::Auto).await;
        assert_eq!(all.interfaces().len(), 1);
        lab.sweep().await;
        let swept = all.sweep().await;
        assert!(swept.iter().any(|line| line.contains("sw-wan0 taken away by nat46")), "{swept:?}");
        assert_eq!(told(&lab).last().unwrap(), "del sw-wan0");
        ip("link del sw-wan0");
        assert_eq!(left(), before);
        assert_eq!(filter().unwrap(), "");
        assert!(all.interfaces().is_empty() && all.sweep().await.is_empty());
    });
}

#[test]
fn what_a_back_end_cannot_is_said_and_leaves_nothing_behind() {
    in_namespace(async || {
        if !has_nft() {
            return;
        }
        wan("wan0");
        let lab = Lab::start().await;
        let none = backends(&lab, SoftwireBackend::Nat46).await;
        let why = none.support().backend(Kind::MapT).unwrap_err();
        assert!(why.contains("there is no") && why.contains("no part of Linux"), "{why}");
        let error = none.carry(&over("wan0"), &map_t()).await.unwrap_err();
        assert!(matches!(error, BackendError::Unable { .. }) && !error.is_passing(), "{error}");

        stand_in(&lab);
        none.choose(SoftwireBackend::Nat46).await;
        // A control file that takes everything and makes no interface.
        let error = none.carry(&over("wan0"), &map_t()).await.unwrap_err();
        assert!(error.to_string().contains("the kernel has none of this name"), "{error}");
        assert_eq!(told(&lab).last().unwrap(), "del sw-wan0");
        assert!(none.interfaces().is_empty());
        assert_eq!(filter().unwrap(), "");

        let mut prefix = map_t();
        prefix.rules[0].ea_len = 4;
        let error = none.carry(&over("wan0"), &prefix).await.unwrap_err();
        assert!(error.to_string().contains("IPv4 prefix"), "{error}");
    });
}

/// The kernel without an answer: `/dev/full` takes no byte.
#[test]
fn a_control_file_that_refuses_is_named_with_the_reason() {
    in_namespace(async || {
        if !has_nft() {
            return;
        }
        wan("wan0");
        let lab = Lab::start().await;
        stand_in(&lab);
        fs::remove_file(lab.root.path().join(CONTROL)).unwrap();
        std::os::unix::fs::symlink("/dev/full", lab.root.path().join(CONTROL)).unwrap();
        // What is read of it never ends, and is not believed; what is written is refused.
        let all = backends(&lab, SoftwireBackend::Nat46).await;
        let error = all.carry(&over("wan0"), &map_t()).await.unwrap_err();
        assert!(error.to_string().contains("nat46/control: No space left"), "{error}");
    });
}

/// The ISP: a namespace at the other end of the softwire's interface, where a server is.
fn isp() -> Namespace {
    let isp = Namespace::new("isp").unwrap();
    // A softwire has no neighbours to ask for: what leaves by it arrives.
    let theirs = ip("-br link show p-sw-wan0").split_whitespace().nth(2).unwrap().to_owned();
    ip(&format!("neigh add {SHARED} lladdr {theirs} dev sw-wan0"));
    ip(&format!("link set p-sw-wan0 netns {}", isp.file()));
    let mac = ip("-br link show sw-wan0").split_whitespace().nth(2).unwrap().to_owned();
    for command in [
        format!("addr add {SERVER}/32 dev p-sw-wan0"),
        "link set p-sw-wan0 up".to_owned(),
        format!("neigh add {SHARED} lladdr {mac} dev p-sw-wan0"),
        format!("route add {SHARED} dev p-sw-wan0"),
    ] {
        isp.ip(&command.split(' ').collect::<Vec<_>>()).unwrap();
    }
    isp
}

/// A host on the LAN, 192.168.1.2.
pub(crate) fn lan() -> Namespace {
    let lan = Namespace::new("lan").unwrap();
    ip("link add lan0 type veth peer name host0");
    ip(&format!("link set host0 netns {}", lan.file()));
    ip("addr add 192.168.1.1/24 dev lan0");
    ip("link set lan0 up");
    for command in
        ["addr add 192.168.1.2/24 dev host0", "link set host0 up", "route add default via 192.168.1.1"]
    {
        lan.ip(&command.split(' ').collect::<Vec<_>>()).unwrap();
    }
    lan
}

#[test]
fn hosts_of_the_lan_reach_the_world_from_the_customers_ports_and_from_no_other() {
    in_namespace(async || {
        if !has_nft() {
            return;
        }
        wan("wan0");
        wan("sw-wan0");
        let (isp, lan) = (isp(), lan());

        Command::new("sysctl").args(["-qw", "net.ipv4.ip_forward=1"]).status().unwrap();
        let lab = Lab::start().await;
        stand_in(&lab);
        let all = backends(&lab, SoftwireBackend::Auto).await;
        all.carry(&over("wan0"), &map_t()).await.unwrap();
        let ports = PortSet::new(6, 8, 0x34).unwrap();

        let (listener, udp) =
            isp.run(|| Ok((TcpListener::bind((SERVER, 80))?, UdpSocket::bind((SERVER, 53))?))).unwrap();
        let accepting = std::thread::spawn(move || {
            let accepted: Vec<_> = (0..200).map(|_| listener.accept().unwrap()).collect();
            let seen: Vec<SocketAddr> = accepted.iter().map(|(_, from)| *from).collect();
            (listener, seen)
        });
        // 200 connections at a time: more than the few ports of one range.
        let clients = lan
            .run(|| {
                let connect = |_| TcpStream::connect_timeout(&(SERVER, 80).into(), Duration::from_secs(5));
                Ok((0..200).map(connect).collect::<Result<Vec<_>, _>>()?)
            })
            .unwrap();
        let (listener, seen) = accepting.join().unwrap();
        drop(clients);
        let distinct: BTreeSet<u16> = seen.iter().map(SocketAddr::port).collect();
        assert_eq!(distinct.len(), 200);
        for from in &seen {
            assert!(from.ip().to_string() == SHARED && ports.contains(from.port()), "{from}");
        }
        let ranges: BTreeSet<u16> = distinct.iter().map(|port| port >> 10).collect();
        assert_eq!(ranges.len(), 63, "every range is used");

        let asked = lan
            .run(|| {
                let socket = UdpSocket::bind("0.0.0.0:53")?;
                socket.send_to(b"question", (SERVER, 53))?;
                socket.set_read_timeout(Some(Duration::from_secs(5)))?;
                Ok(socket)
            })
            .unwrap();
        let mut buffer = [0; 16];
        udp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (_, from) = udp.recv_from(&mut buffer).unwrap();
        assert!(ports.contains(from.port()), "{from}");
        udp.send_to(b"answer", from).unwrap();
        assert_eq!(asked.recv(&mut buffer).unwrap(), 6);

        // From this host itself, and back.
        let mut own = TcpStream::connect_timeout(&(SERVER, 80).into(), Duration::from_secs(5)).unwrap();
        let (mut there, from) = listener.accept().unwrap();
        assert!(ports.contains(from.port()), "{from}");
        there.write_all(b"x").unwrap();
        own.read_exact(&mut buffer[..1]).unwrap();

        // Neither a port of another customer nor one of ours that leads to nobody comes in or goes back.
        let stats = all.stats(&"wan0".parse().unwrap()).unwrap();
        assert!(stats.packets > 200 && stats.bytes > 8_000 && stats.sent.is_none(), "{stats:?}");
        // What comes back to the ISP is for an address that is none of its own, which the kernel counts apart.
        let came_back = || {
            let text = isp.run(|| Ok(fs::read_to_string("/proc/thread-self/net/snmp")?)).unwrap();
            let mut lines = text.lines().filter_map(|line| line.strip_prefix("Ip: "));
            let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
            let at = names.split(' ').position(|name| name == "InAddrErrors").unwrap();
            values.split(' ').nth(at).unwrap().parse::<u32>().unwrap()
        };
        let hello = || {
            for port in [40_000, 1_232, 80].repeat(10) {
                udp.send_to(b"hello", (SHARED, port)).unwrap();
            }
            std::thread::sleep(Duration::from_millis(200));
            came_back()
        };
        assert_eq!((came_back(), hello()), (0, 0), "nothing goes back to the ISP");
        assert!(Command::new("nft").args(["flush", "ruleset"]).status().unwrap().success());
        assert!(hello() > 0, "without the table it would");
        assert_eq!(all.restore_filters().await, Vec::<String>::new());
        let before = came_back();
        assert_eq!(hello(), before, "and it is there again");
    });
}
