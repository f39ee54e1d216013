//! `[clients.NAME.sysctls]`: in force while the client is enabled, whatever becomes of its lease, and given back.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};

use crate::given::one_client;

const ACCEPT_RA: &str = "[clients.wan4.sysctls]\naccept_ra = 2\n";

fn accept_ra(lab: &Lab) -> Result<String> {
    let path = "/proc/sys/net/ipv6/conf/wan0/accept_ra";
    Ok(lab.gateway.run(move || Ok(std::fs::read_to_string(path)?))?.trim().to_owned())
}

fn becomes(lab: &Lab, value: &str) -> Result<()> {
    eventually(&format!("accept_ra is {value}"), || Ok((accept_ra(lab)? == value).then_some(())))
}

#[test]
fn they_last_as_long_as_the_client_is_enabled_and_survive_daemons() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    assert_eq!(accept_ra(&lab)?, "1");
    let mut daemon = lab.daemon(&one_client(ACCEPT_RA))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    assert_eq!(accept_ra(&lab)?, "2");
    cli.text(&["release", "wan4"])?;
    assert_eq!(accept_ra(&lab)?, "2", "the lease has nothing to do with it");
    cli.text(&["disable", "wan4"])?;
    becomes(&lab, "1")?;
    cli.text(&["enable", "wan4"])?;
    becomes(&lab, "2")?;

    daemon.kill()?;
    daemon.start()?;
    cli.wait_for("wan4", "Bound")?;
    assert_eq!(accept_ra(&lab)?, "2");
    daemon.configure(&one_client(""))?;
    cli.text(&["config", "reload"])?;
    becomes(&lab, "1")?;

    // The next daemon does not know the key any more, and still what was there before.
    daemon.configure(&one_client(ACCEPT_RA))?;
    cli.text(&["config", "reload"])?;
    becomes(&lab, "2")?;
    daemon.kill()?;
    daemon.configure(&one_client("on_stop = \"release\""))?;
    daemon.start()?;
    becomes(&lab, "1")
}

#[test]
fn a_daemon_that_ends_and_leaves_no_client_behind_leaves_no_sysctl_either() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&one_client(&format!("on_stop = \"release\"\n{ACCEPT_RA}")))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert_eq!(accept_ra(&lab)?, "2");
    daemon.stop()?;
    assert_eq!(accept_ra(&lab)?, "1");
    Ok(())
}
