//! Name servers of a lease reach the real systemd-resolved, over a real bus.

use dhcpmgr_lab::{
    Daemon, Lab, Resolved, Result, SystemBus, eventually, is_real_root, lab_or_skip, resolved, skipped,
    skipped_without_root,
};

use crate::given::one_client;

const TEST: &str = "resolved::servers_and_domains_of_a_lease_reach_systemd_resolved";

#[test]
fn servers_and_domains_of_a_lease_reach_systemd_resolved() -> Result {
    lab_or_skip!();
    if !is_real_root() {
        return skipped_without_root(TEST);
    }
    if !resolved::is_there() {
        return skipped(TEST, "systemd-resolved is not there; `cargo xtask test` unpacks it");
    }
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100);
    let _server = server.option("6,192.0.2.53,192.0.2.54").option("15,isp.example").start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&(one_client("") + "[dns]\nbackend = \"resolved\"\n"))?;
    let mut bus = SystemBus::start(&lab, &daemon, &[resolved::POLICY])?;
    let resolver = Resolved::start(&lab, &bus)?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let has = |resolver: &Resolved<'_>, servers: &str, domain: &str| -> Result<Option<()>> {
        let (dns, domains) = (resolver.says("dns")?, resolver.says("domain")?);
        let is = |said: &str, value: &str| {
            let line = said.lines().find(|line| line.contains("(wan0)")).unwrap_or_default();
            line.split_once(':').is_some_and(|(_, said)| said.trim() == value)
        };
        Ok((is(&dns, servers) && is(&domains, domain)).then_some(()))
    };
    eventually("the link has what the lease says", || {
        has(&resolver, "192.0.2.53 192.0.2.54", "isp.example")
    })?;
    assert!(resolver.resolv_conf()?.contains("nameserver 192.0.2.53"), "{}", resolver.resolv_conf()?);

    daemon.cli().text(&["release", "wan4"])?;
    eventually("the link is as it was", || has(&resolver, "", ""))?;

    // Both are started anew, and a lease comes while nobody listens: it is told when somebody does.
    drop(resolver);
    bus.stop();
    bus.start_again()?;
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "kernel-mismatch", 1)?;
    let resolver = Resolved::start(&lab, &bus)?;
    eventually("the new one has it too", || has(&resolver, "192.0.2.53 192.0.2.54", "isp.example"))
}
