//! A real radvd and a real host behind it: what the provider does is what the host sees.

use dhcpmgr_lab::{Address6, Daemon, Lab, Radvd, Result, eventually, lab_or_skip};

use super::given::{NEW, OLD, configured, home, kea, reboot};

/// A gateway whose radvd announces what `dhcpmgrd` writes, and where that is.
fn announcing<'lab>(lab: &'lab Lab) -> Result<(Daemon<'lab>, Radvd)> {
    lab.forward_v6()?;
    let file = lab.write("radvd/radvd.conf", "")?;
    let backend = format!(
        "[router_advertisements]\nbackend = \"radvd\"\nconfig = \"{}\"\npidfile = \"{}\"\n",
        file.display(),
        file.with_extension("pid").display(),
    );
    let daemon = lab.daemon(&(home("") + &backend))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(lab, OLD)?;
    eventually("the configuration is written", || {
        Ok(std::fs::read_to_string(&file)?.contains("2001:db8:f000:1::/64").then_some(()))
    })?;
    let radvd = lab.radvd(&file)?;
    Ok((daemon, radvd))
}

#[test]
fn after_a_renumbering_the_host_prefers_the_new_prefix_and_the_old_one_is_deprecated() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = kea(&lab, (2, 60, 3000, 9000)).start()?;
    let host = lab.lan_host("lan0")?;
    let (_daemon, radvd) = announcing(&lab)?;
    let group = |group: u16| format!("2001:db8:{group:x}:1:");
    let has = |wanted: u16| -> Result<Option<Address6>> {
        Ok(host.addresses()?.into_iter().find(|found| found.address.starts_with(&group(wanted))))
    };
    eventually("the host has an address", || has(OLD))?;
    eventually("and a router", || Ok(host.default_routes()?.into_iter().next()))?;
    let gateway = format!("2001:db8:{OLD:x}:1::1");
    eventually("and reaches the gateway", || {
        Ok(host.namespace.ip(&["-6", "route", "get", &gateway]).ok().map(drop))
    })?;

    let _server = server.stop().times(2, 60, 3000, 9000).prefix(NEW).start()?;
    let new = eventually("the host has one of the new prefix", || has(NEW))?;
    assert!(!new.deprecated, "{new:?}");
    let old = eventually("and the old one is deprecated", || Ok(has(OLD)?.filter(|old| old.deprecated)))?;
    assert!(old.valid <= 7200, "{old:?}");
    eventually("what it sends comes from the new one", || {
        Ok(host.source()?.starts_with(&group(NEW)).then_some(()))
    })?;
    assert_eq!(host.default_routes()?.len(), 1, "the router was never taken away");
    assert!(!radvd.log().contains("syntax error"), "{}", radvd.log());
    Ok(())
}

/// The host does not notice that the gateway was away, and the gateway comes back with another prefix.
#[test]
fn after_a_reboot_with_another_prefix_the_host_learns_that_the_old_one_is_over() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let times = (1000, 1600, 3000, 9000);
    let server = kea(&lab, times).start()?;
    let host = lab.lan_host("lan0")?;
    let (mut daemon, radvd) = announcing(&lab)?;
    let has = |wanted: u16| -> Result<Option<Address6>> {
        let group = format!("2001:db8:{wanted:x}:1:");
        Ok(host.addresses()?.into_iter().find(|found| found.address.starts_with(&group)))
    };
    eventually("the host has an address", || has(OLD))?;
    // What is durable is written a moment later.
    std::thread::sleep(std::time::Duration::from_secs(1));
    radvd.kill();
    reboot(&lab, &mut daemon)?;
    let _server = server.forget().times(1000, 1600, 3000, 9000).prefix(NEW).start()?;
    daemon.start()?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, NEW)?;
    let _radvd = lab.radvd(&lab.dir().join("radvd/radvd.conf"))?;
    eventually("the host has one of the new prefix", || Ok(has(NEW)?.filter(|new| !new.deprecated)))?;
    eventually("and the old one is deprecated", || Ok(has(OLD)?.filter(|old| old.deprecated)))?;
    Ok(())
}
