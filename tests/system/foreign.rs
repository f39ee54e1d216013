//! What is ours and was taken away is put back; what is not ours is never touched.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};

use crate::given::{addresses, bound, configured, default_routes};

#[test]
fn an_address_that_somebody_deletes_is_put_back_with_its_routes() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    // The kernel takes the routes with the address.
    lab.gateway.ip(&["addr", "del", "10.77.0.100/24", "dev", "wan0"])?;
    daemon.cli().wait_for_event("wan4", "kernel-repaired", 1)?;
    configured(&lab, 100)?;
    assert_eq!(default_routes(&lab)?[0].metric, 100);
    Ok(())
}

#[test]
fn a_default_route_that_somebody_deletes_is_put_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    lab.gateway.ip(&["route", "del", "default", "dev", "wan0", "metric", "100"])?;
    daemon.cli().wait_for_event("wan4", "kernel-repaired", 1)?;
    configured(&lab, 100)
}

#[test]
fn addresses_and_routes_of_others_survive_the_whole_life_of_a_lease() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let ip = |arguments: &[&str]| lab.gateway.ip(arguments).map(drop);
    ip(&["addr", "add", "198.51.100.7/24", "dev", "wan0"])?;
    ip(&["route", "add", "default", "via", "198.51.100.1", "metric", "500"])?;
    ip(&["route", "add", "203.0.113.0/24", "via", "198.51.100.1", "proto", "static"])?;
    let foreign = || {
        let address = addresses(&lab)?.contains(&"198.51.100.7/24".to_owned());
        let routes = lab.routes("wan0")?;
        let default = routes.iter().any(|route| route.to == "default" && route.metric == 500);
        let fixed = routes.iter().any(|route| route.to == "203.0.113.0/24");
        Ok::<_, dhcpmgr_lab::Error>(address && default && fixed)
    };

    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&crate::given::one_client(""))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    eventually("both addresses are there", || Ok((addresses(&lab)?.len() == 2).then_some(())))?;
    assert!(foreign()?, "after the lease was acquired");
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    assert!(foreign()?, "after the renewal");
    cli.text(&["release", "wan4"])?;
    eventually("ours is gone", || Ok((addresses(&lab)?.len() == 1).then_some(())))?;
    assert!(foreign()?, "after the release");
    daemon.stop()?;
    assert!(foreign()?, "after the daemon's end");
    Ok(())
}
