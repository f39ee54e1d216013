//! Softwires over the kernel's own tunnels: on this kernel where it has them, and in any case in a machine of the test's
//! own, whose kernel has them (and no NAT for nftables, so that DS-Lite is what it can show to the end).

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use dhcpmgr::config::SoftwireBackend;
use dhcpmgr::softwire::backend::{Backends, Wan};
use dhcpmgr_lab::vm::in_vm;
use dhcpmgr_lab::{Namespace, Vm, skipped, skipped_by_this_kernel, vm};
use dhcpmgr_plugin_api::Softwire;
use dhcpmgr_softwire::Kind;

use crate::lab::{Lab, addresses, addresses_v6, in_namespace, ip, routes, wan};
use crate::softwires::{SERVER, backends, filter, has_nft, lan, map_t, over};

const AFTR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const B4: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 7);

/// Whether this kind is carried here; says so where it is not, which in the machine is no excuse.
fn carries(all: &Backends, kind: Kind) -> bool {
    match all.support().backend(kind) {
        Ok(_) => true,
        Err(why) => {
            assert!(!in_vm() || kind != Kind::DsLite, "{why}");
            let test = std::thread::current().name().unwrap_or("tunnels").to_owned();
            let why = format!("{kind} is not carried by this kernel: {why}");
            skipped_by_this_kernel(&test, &why).unwrap();
            false
        }
    }
}

#[test]
fn the_kernels_own_tunnel_is_made_changed_in_place_and_taken_away() {
    in_namespace(async || {
        if !has_nft() {
            return;
        }
        wan("wan0");
        let lab = Lab::start().await;
        let all = backends(&lab, SoftwireBackend::KernelTunnel).await;
        if !carries(&all, Kind::MapE) {
            return;
        }
        let mut softwire = Softwire { kind: "map-e".into(), dmr: None, mtu: Some(1460), ..map_t() };
        softwire.br = vec!["2001:db8:ffff::1".parse().unwrap()];
        all.carry(&over("wan0"), &softwire).await.unwrap();
        let shown = ip("-d link show sw-wan0");
        for words in [
            "ip6tnl ipip6 remote 2001:db8:ffff::1 local 2001:db8:12:3400:0:c000:212:34",
            "mtu 1460 ",
            "encaplimit none",
        ] {
            assert!(shown.contains(words), "{words} in {shown}");
        }
        let near = addresses_v6("sw-wan0");
        assert!(
            near.iter().any(
                |line| line.contains("2001:db8:12:3400:0:c000:212:34/128") && line.contains("deprecated")
            ),
            "{near:?}"
        );
        let index = lab.network.link(&"sw-wan0".parse().unwrap()).unwrap().index;
        softwire.br = vec!["2001:db8:ffff::2".parse().unwrap()];
        all.carry(&over("wan0"), &softwire).await.unwrap();
        assert!(ip("-d link show sw-wan0").contains("remote 2001:db8:ffff::2 "));
        assert_eq!(lab.network.link(&"sw-wan0".parse().unwrap()).unwrap().index, index, "the same interface");
        all.end(&"wan0".parse().unwrap()).await.unwrap();
        assert_eq!(lab.network.link(&"sw-wan0".parse().unwrap()), None);
        assert_eq!(filter().unwrap(), "");
    });
}

/// The ISP: a namespace behind `wan0` with an AFTR, a name server that knows it, and a server behind it.
fn isp() -> Namespace {
    let isp = Namespace::new("isp").unwrap();
    ip(&format!("link set p-wan0 netns {}", isp.file()));
    ip(&format!("-6 addr add {B4}/64 dev wan0 nodad"));
    for command in [
        format!("-6 addr add {AFTR}/64 dev p-wan0 nodad"),
        "link set p-wan0 up".to_owned(),
        format!("link add aftr type ip6tnl mode ipip6 local {AFTR} remote {B4} encaplimit none"),
        "link set aftr up".to_owned(),
        format!("addr add {SERVER}/32 dev lo"),
        "route add 192.168.1.0/24 dev aftr".to_owned(),
        "route add 192.0.0.0/29 dev aftr".to_owned(),
    ] {
        isp.ip(&command.split(' ').collect::<Vec<_>>()).unwrap();
    }
    let server = isp.run(|| Ok(UdpSocket::bind((AFTR, 53))?)).unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut packet) {
            let mut answer = packet[..length].to_vec();
            // An answer with one record: the name of the question, AAAA, IN, a minute.
            (answer[2], answer[7]) = (0x81, 1);
            answer.extend_from_slice(&[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16]);
            answer.extend_from_slice(&AFTR.octets());
            let _ = server.send_to(&answer, from);
        }
    });
    isp
}

fn reached(connect: impl Fn() -> std::io::Result<TcpStream>) -> TcpStream {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match connect() {
            Ok(stream) => return stream,
            // Routers and neighbours may just be getting to know each other.
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    }
}

#[test]
fn ds_lite_carries_a_lan_to_the_aftr_that_the_leases_name_server_knows() {
    in_namespace(async || {
        if !has_nft() {
            return;
        }
        wan("wan0");
        let lab = Lab::start().await;
        let all = backends(&lab, SoftwireBackend::Auto).await;
        if !carries(&all, Kind::DsLite) {
            return;
        }
        let (isp, lan) = (isp(), lan());
        Command::new("sysctl").args(["-qw", "net.ipv4.ip_forward=1"]).status().unwrap();
        let softwire = Softwire {
            kind: "ds-lite".into(),
            aftr: Some("aftr.isp.example".parse().unwrap()),
            mtu: Some(1460),
            ..Softwire::default()
        };
        let wan = Wan { address: Some(B4), dns: vec![AFTR.into()], ..over("wan0") };
        let carried = all.carry(&wan, &softwire).await.unwrap();
        assert!(
            carried.notes.contains(&format!("the AFTR aftr.isp.example is {AFTR}")),
            "{:?}",
            carried.notes
        );
        assert!(ip("-d link show sw-wan0").contains(&format!("ip6tnl ipip6 remote {AFTR} local {B4} ")));
        assert_eq!(addresses("sw-wan0"), ["192.0.0.2/29"]);
        assert!(
            routes("sw-wan0").iter().any(|r| r.starts_with("default proto 68") && r.contains("mtu 1460")),
            "{:?}",
            routes("sw-wan0")
        );
        // The machine's kernel has no packet filter for IPv4, which DS-Lite can do without.
        let clamped = filter().unwrap().contains("maxseg size set 1420");
        let told = carried.notes.iter().any(|note| note.starts_with("sizes of TCP segments are not clamped"));
        assert!(if in_vm() { told } else { clamped && !told }, "{:?} {:?}", carried.notes, filter());

        let listener = isp.run(|| Ok(TcpListener::bind((SERVER, 80))?)).unwrap();
        let echo = std::thread::spawn(move || {
            let mut from = Vec::new();
            for _ in 0..2 {
                let (mut stream, who) = listener.accept().unwrap();
                let mut buffer = vec![0; 100_000];
                stream.read_exact(&mut buffer).unwrap();
                stream.write_all(&buffer).unwrap();
                from.push(who.ip().to_string());
            }
            from
        });
        let talk = |mut stream: TcpStream| {
            let said: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut writer = stream.try_clone().unwrap();
            let sent = said.clone();
            let writing = std::thread::spawn(move || writer.write_all(&sent));
            let mut heard = vec![0; said.len()];
            stream.read_exact(&mut heard).unwrap();
            writing.join().unwrap().unwrap();
            assert!(heard == said);
        };
        let connect = || TcpStream::connect_timeout(&(SERVER, 80).into(), Duration::from_secs(2));
        talk(lan.run(move || Ok(reached(connect))).unwrap());
        talk(reached(connect));
        assert_eq!(echo.join().unwrap(), ["192.168.1.2", "192.0.0.2"], "the ISP translates, nobody here");
        let stats = all.stats(&"wan0".parse().unwrap()).unwrap();
        let (sent, received) = (stats.sent.unwrap(), stats.received.unwrap());
        assert!(
            sent.bytes > 200_000
                && received.bytes > 200_000
                && stats.packets == sent.packets + received.packets,
            "{stats:?}"
        );

        // The next daemon after a crash: the tunnel is taken over as it is.
        let index = lab.network.link(&"sw-wan0".parse().unwrap()).unwrap().index;
        drop(all);
        let lab = Lab::start_in(lab.end(), dhcpmgr::config::DnsBackend::None).await;
        let all = backends(&lab, SoftwireBackend::Auto).await;
        all.carry(&wan, &softwire).await.unwrap();
        assert_eq!(lab.network.link(&"sw-wan0".parse().unwrap()).unwrap().index, index);
        all.end(&"wan0".parse().unwrap()).await.unwrap();
        assert_eq!(lab.network.link(&"sw-wan0".parse().unwrap()), None);
        assert_eq!(filter().unwrap(), "");

        // A name server that is not there: said, and nothing is left.
        let deaf = Wan { dns: vec!["2001:db8:1::99".parse().unwrap()], ..wan };
        let error = all.carry(&deaf, &softwire).await.unwrap_err();
        assert!(
            error.is_passing() && error.to_string().contains("the AFTR aftr.isp.example has no address"),
            "{error}"
        );
        assert_eq!(lab.network.link(&"sw-wan0".parse().unwrap()), None);
    });
}

#[test]
fn in_a_machine_whose_kernel_has_tunnels_ds_lite_works() {
    if in_vm() {
        return;
    }
    if let Some(why) = vm::missing() {
        skipped("tunnels::in_a_machine_whose_kernel_has_tunnels_ds_lite_works", &why).unwrap();
        return;
    }
    let program = std::env::current_exe().unwrap().display().to_string();
    let inside = "tunnels::ds_lite_carries_a_lan_to_the_aftr_that_the_leases_name_server_knows";
    let machine = Vm::boot(&[&program, "--exact", inside, "--nocapture"], None).unwrap();
    machine.end(Duration::from_secs(120)).unwrap();
    let said = machine.lines();
    assert!(said.iter().any(|line| line.starts_with("test result: ok. 1 passed")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("SKIPPED")), "{said:#?}");
}
