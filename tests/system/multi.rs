//! Two uplinks: each with its own address, its own default route and its own metric; what happens to one does not
//! happen to the other.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};

use crate::given::{V4, client, removals};

#[test]
fn each_uplink_has_its_own_default_route_and_metric() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let [first, second] = &lab.uplinks[..] else { unreachable!("two were asked for") };
    let _servers = (
        lab.dnsmasq(first).option("6,192.0.2.1").start()?,
        lab.dnsmasq(second).option("6,192.0.2.2").start()?,
    );
    let daemon = lab.daemon(
        &[&client("a", "wan0", 100, ""), &client("b", "wan1", 200, ""), V4].map(String::from).concat(),
    )?;
    let cli = daemon.cli();
    for (uplink, name, metric) in [(first, "a", 100), (second, "b", 200)] {
        cli.wait_for(name, "Bound")?;
        eventually(&format!("{name} has its default route"), || {
            let routes = lab.routes(&uplink.interface)?;
            let mut default = routes.iter().filter(|route| route.to == "default");
            let right = default
                .next()
                .is_some_and(|route| route.via == Some(uplink.host(1)) && route.metric == metric);
            Ok((right && default.next().is_none()).then_some(()))
        })?;
    }
    eventually("both name servers are known", || {
        let text = daemon.resolv_conf();
        Ok((text.contains("192.0.2.1") && text.contains("192.0.2.2")).then_some(()))
    })?;

    let before = (lab.routes("wan1")?, cli.client("b")?["pid"].clone());
    let monitor = lab.monitor()?;
    cli.text(&["release", "a"])?;
    eventually("the first is gone", || Ok(lab.routes("wan0")?.is_empty().then_some(())))?;
    assert_eq!((lab.routes("wan1")?, cli.client("b")?["pid"].clone()), before);
    let index = lab.gateway.ip(&["-o", "link", "show", "wan1"])?;
    let index: u32 = index.split(':').next().unwrap_or_default().trim().parse()?;
    let seen = monitor.take();
    assert!(!removals(&seen).iter().any(|change| change.interface == index), "{seen:?}");
    Ok(())
}
