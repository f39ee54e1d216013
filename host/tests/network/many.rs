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
        println!(
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
