//! A lease that says something else: only the difference moves.

use dhcpmgr_lab::{Kind, Lab, Result, eventually, lab_or_skip};

use crate::given::{bound, configured, default_routes, removals};

#[test]
fn another_name_server_changes_nothing_in_the_kernel() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    let _server = server.stop()?.range(100, 100).option("6,192.0.2.99").start()?;
    let monitor = lab.monitor()?;
    daemon.cli().text(&["renew", "wan4"])?;
    let changed = daemon.cli().wait_for_event("wan4", "lease-changed", 1)?;
    assert!(changed.changed.contains(&"dns".to_owned()), "{:?}", changed.changed);
    assert!(
        !changed.changed.iter().any(|what| what == "address" || what == "route"),
        "{:?}",
        changed.changed
    );
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    assert!(!seen.iter().any(|change| change.kind == Kind::NewRoute && change.is_v4()), "{seen:?}");
    eventually("resolv.conf follows", || {
        let text = daemon.resolv_conf();
        Ok((text.contains("192.0.2.99") && !text.contains("192.0.2.53")).then_some(()))
    })
}

#[test]
fn another_router_moves_the_default_route_and_nothing_else() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    let _server = server.stop()?.range(100, 100).option("6,192.0.2.53").option("3,10.77.0.2").start()?;
    let monitor = lab.monitor()?;
    daemon.cli().text(&["renew", "wan4"])?;
    let changed = daemon.cli().wait_for_event("wan4", "lease-changed", 1)?;
    assert!(changed.changed.contains(&"route".to_owned()), "{:?}", changed.changed);
    assert!(!changed.changed.iter().any(|what| what == "address" || what == "dns"), "{:?}", changed.changed);
    eventually("the default route follows", || {
        let routes = default_routes(&lab)?;
        Ok((routes.len() == 1 && routes[0].via == Some(lab.wan().host(2))).then_some(()))
    })?;
    let seen = monitor.take();
    assert!(!seen.iter().any(|change| change.kind == Kind::DelAddr), "{seen:?}");
    let default = |change: &&dhcpmgr_lab::Change| change.subject.is_some_and(|(_, length)| length == 0);
    assert!(removals(&seen).iter().all(default), "only the old default route may go: {seen:?}");
    assert!(
        seen.iter().filter(|change| change.kind == Kind::NewRoute && change.is_v4()).all(|c| default(&c)),
        "{seen:?}"
    );
    Ok(())
}

#[test]
fn another_address_takes_the_place_of_the_old_one() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    let _server = server.forget()?.range(150, 150).option("6,192.0.2.53").start()?;
    let monitor = lab.monitor()?;
    // The client starts from scratch and the server has only another address for it.
    daemon.cli().text(&["restart", "wan4"])?;
    let changed = daemon.cli().wait_for_event("wan4", "lease-changed", 1)?;
    assert!(changed.changed.contains(&"address".to_owned()), "{:?}", changed.changed);
    assert!(!changed.changed.contains(&"dns".to_owned()), "{:?}", changed.changed);
    configured(&lab, 150)?;
    let seen = monitor.take();
    let at = |kind, host: u8| {
        let subject = Some((lab.wan().host(host).into(), 24));
        seen.iter().position(|change| change.kind == kind && change.subject == subject)
    };
    let (came, went) = (at(Kind::NewAddr, 150).expect("the new"), at(Kind::DelAddr, 100).expect("the old"));
    assert!(came < went, "there is no moment without an address: {seen:?}");
    Ok(())
}
