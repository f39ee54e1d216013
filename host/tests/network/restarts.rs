//! The daemon ends and starts again.

use std::fs;
use std::time::Duration;

use dhcpmgr::config::DnsBackend;

use crate::lab::{Lab, Monitor, addresses, client, in_namespace, ip, lease, routes, wan};

#[test]
fn a_restart_changes_nothing() {
    in_namespace(async || {
        wan("wan0");
        wan("wan1");
        let lab = Lab::start().await;
        let (one, two) = (lease("wan0", "192.0.2.7/24", 60), lease("wan1", "198.51.100.7/24", 60));
        lab.apply("one", one.clone()).await;
        lab.apply("two", two.clone()).await;
        drop(lab);
        let monitor = Monitor::v4();
        let lab = Lab::start_unswept(DnsBackend::None).await;
        assert_eq!(lab.apply("one", one).await, [""; 0]);
        assert_eq!(lab.apply("two", two).await, [""; 0]);
        assert_eq!(lab.sweep().await, [""; 0]);
        assert_eq!(monitor.heard(), [""; 0]);
    });
}

#[test]
fn what_nobody_wants_after_a_restart_is_swept_and_what_is_foreign_stays() {
    in_namespace(async || {
        wan("wan0");
        wan("wan1");
        ip("addr add 10.5.0.1/24 dev wan1");
        ip("route add 10.6.0.0/16 via 10.5.0.2 proto static");
        let lab = Lab::start().await;
        lab.apply("one", lease("wan0", "192.0.2.7/24", 60)).await;
        let mut rules = lease("wan1", "198.51.100.7/24", 60);
        rules.metric = 200;
        rules.rules.push(dhcpmgr_plugin_api::RulePlan {
            from: "198.51.100.7/32".parse().unwrap(),
            table: 1000,
            priority: 500,
        });
        lab.apply("two", rules).await;
        assert!(
            ip("rule show").contains("500:\tfrom 198.51.100.7 lookup 1000 proto 68"),
            "{}",
            ip("rule show")
        );
        drop(lab);

        // The lease of the first has changed meanwhile; the second client is gone from the configuration.
        let lab = Lab::start_unswept(DnsBackend::None).await;
        let lines = lab.apply("one", lease("wan0", "192.0.2.8/24", 60)).await;
        assert_eq!(
            lines,
            [
                "address 192.0.2.8/24 added, lifetime 60 s",
                "route default via 192.0.2.1 source 192.0.2.8 metric 100 replaced"
            ],
            "nothing is removed as long as somebody may still want it"
        );
        assert!(ip("rule show").contains("500:"));
        assert_eq!(
            lab.network.sweep(&[]).await.unwrap().actions.len(),
            1,
            "only the rule, which is on no interface"
        );
        assert_eq!(addresses("wan1").len(), 2, "another daemon of ours may have put it there");
        assert_eq!(
            lab.sweep().await,
            [
                "address 192.0.2.7/24 removed",
                "route default via 198.51.100.1 source 198.51.100.7 metric 200 removed",
                "address 198.51.100.7/24 removed",
            ]
        );
        assert_eq!(addresses("wan0"), ["192.0.2.8/24"]);
        assert_eq!(addresses("wan1"), ["10.5.0.1/24"]);
        assert_eq!(routes("wan1"), ["10.6.0.0/16 via 10.5.0.2 proto static"]);
        assert!(!ip("rule show").contains("500:"));
    });
}

#[test]
fn resolv_conf_is_not_thinned_out_while_clients_have_not_spoken() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start_unswept(DnsBackend::File).await;
        fs::create_dir_all(lab.root.path().join("run/dhcpmgr")).unwrap();
        fs::write(lab.resolv_conf(), "nameserver 192.0.2.99\n").unwrap();
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.dns = vec!["192.0.2.53".parse().unwrap()];
        let lines = lab.apply("one", desired).await;
        assert_eq!(lines.last().unwrap(), "name servers 192.0.2.53");
        assert_eq!(fs::read_to_string(lab.resolv_conf()).unwrap(), "nameserver 192.0.2.99\n");
        lab.sweep().await;
        assert!(fs::read_to_string(lab.resolv_conf()).unwrap().ends_with("\nnameserver 192.0.2.53\n"));
        let etc = lab.root.path().join("etc/resolv.conf");
        assert_eq!(fs::read_link(&etc).unwrap(), lab.resolv_conf());
        lab.network.stop_dns().await;
        assert!(fs::symlink_metadata(&etc).is_err(), "given back as it was found");
    });
}

#[test]
fn a_back_end_that_cannot_be_told_is_an_event() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.dns = vec!["192.0.2.53".parse().unwrap()];
        lab.apply("one", desired).await;
        assert_eq!(lab.quiet(Duration::from_millis(100)).await, []);
        if std::path::Path::new("/usr/sbin/resolvconf").exists()
            || std::path::Path::new("/sbin/resolvconf").exists()
        {
            eprintln!("SKIPPED: resolvconf is installed here");
            return;
        }
        lab.network.set_dns_backend(DnsBackend::Resolvconf);
        let what = lab.mismatch().await;
        assert!(what[0].contains("cannot run resolvconf -a wan0.dhcpmgr"), "{what:?}");
        // The lease itself is not harmed.
        lab.network.apply(&client("one"), None).await.unwrap();
    });
}
