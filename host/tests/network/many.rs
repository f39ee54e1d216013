//! Many links at once.

use std::time::Instant;

use dhcpmgr::network::Desired;

use crate::lab::{Lab, Monitor, client, in_namespace, ip, lease};

fn links(count: usize) -> Vec<Desired> {
    let mut commands = String::new();
    for n in 0..count {
        commands +=
            &format!("link add wan{n} type veth peer name p{n}\nlink set p{n} up\nlink set wan{n} up\n");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), commands).unwrap();
    ip(&format!("-batch {}", file.path().display()));
    (0..count)
        .map(|n| {
            let mut desired = lease(&format!("wan{n}"), &format!("10.{}.{}.7/24", n / 250, n % 250), 3600);
            desired.metric = 100 + n as u32;
            desired.dns = vec![format!("10.{}.{}.1", n / 250, n % 250).parse().unwrap()];
            desired
        })
        .collect()
}

fn burst(count: usize) {
    in_namespace(async || {
        let desires = links(count);
        let lab = Lab::start().await;
        let started = Instant::now();
        let set = tokio::task::LocalSet::new();
        for (n, desired) in desires.iter().cloned().enumerate() {
            let network = lab.network.clone();
            set.spawn_local(async move {
                network.apply(&client(&format!("c{n}")), Some(desired)).await.unwrap();
            });
        }
        set.await;
        let took = started.elapsed();
        eprintln!(
            "{count} links: {:.1} ms, {:.0} µs each",
            took.as_secs_f64() * 1e3,
            took.as_secs_f64() * 1e6 / count as f64
        );
        let defaults = ip("-4 route show default");
        assert_eq!(defaults.lines().count(), count);
        for n in 0..count {
            let line = format!("dev wan{n} proto 68 src 10.{}.{}.7 metric {}", n / 250, n % 250, 100 + n);
            assert!(defaults.contains(&line), "{line}");
        }
        let servers = std::fs::read_to_string(lab.resolv_conf()).unwrap();
        assert_eq!(servers.lines().filter(|line| line.starts_with("nameserver")).count(), count);
        let monitor = Monitor::v4();
        for (n, desired) in desires.into_iter().enumerate() {
            assert_eq!(lab.apply(&format!("c{n}"), desired).await, [""; 0]);
        }
        assert_eq!(monitor.heard(), [""; 0]);
    });
}

#[test]
fn sixty_four_links_come_up_at_once() {
    burst(64);
}

#[test]
fn two_hundred_and_fifty_six_links_come_up_at_once() {
    burst(256);
}

/// Not a test: `cargo test --release --test network costs -- --ignored --nocapture` prints what a lease costs here, and
/// what two awaited requests of the rtnetlink crate would.
#[test]
#[ignore = "a measurement"]
fn costs() {
    in_namespace(async || {
        let desires = links(256);
        let lab = Lab::start().await;
        let mut took: Vec<f64> = Vec::new();
        for (n, desired) in desires.iter().enumerate() {
            let started = Instant::now();
            let mut desired = desired.clone();
            desired.dns.clear();
            lab.apply(&format!("c{n}"), desired).await;
            took.push(started.elapsed().as_secs_f64() * 1e6);
        }
        print("first lease, apply", &mut took);
        for (n, desired) in desires.iter().enumerate() {
            let mut desired = desired.clone();
            desired.dns.clear();
            desired.addresses[0].valid_until = desired.addresses[0].valid_until.map(|t| t + 60_000);
            let started = Instant::now();
            assert_eq!(lab.apply(&format!("c{n}"), desired).await.len(), 1);
            took.push(started.elapsed().as_secs_f64() * 1e6);
        }
        print("renewal, apply", &mut took);
        for n in 0..desires.len() {
            lab.network.apply(&client(&format!("c{n}")), None).await.unwrap();
        }
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        for (n, desired) in desires.iter().enumerate() {
            let index = lab.network.link(&desired.interface).unwrap().index;
            let address = desired.addresses[0].address;
            let Some(std::net::IpAddr::V4(via)) = desired.routes[0].via else { panic!("a v4 lease") };
            let started = Instant::now();
            handle.address().add(index, address.address(), address.prefix_len()).execute().await.unwrap();
            let route = rtnetlink::RouteMessageBuilder::<std::net::Ipv4Addr>::new()
                .gateway(via)
                .output_interface(index)
                .priority(100 + n as u32)
                .build();
            handle.route().add(route).execute().await.unwrap();
            took.push(started.elapsed().as_secs_f64() * 1e6);
        }
        print("first lease, rtnetlink, two requests and nothing else", &mut took);
    });
}

fn print(what: &str, took: &mut Vec<f64>) {
    took.sort_by(f64::total_cmp);
    eprintln!("{what}: p50 {:.0} µs, p95 {:.0} µs", took[took.len() / 2], took[took.len() * 95 / 100]);
    took.clear();
}
