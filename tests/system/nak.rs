//! The server takes the address back (DHCPNAK): it is no longer ours, at once; the next one takes its place.

use dhcpmgr_lab::{Kind, Lab, MessageType, Result, lab_or_skip};

use crate::given::{addresses, bound, configured};

#[test]
fn a_refused_address_is_dropped_and_the_next_one_configured() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    let _server = server.forget()?.range(150, 150).option("6,192.0.2.53").start()?;
    let (cli, monitor, packets) = (daemon.cli(), lab.monitor()?, lab.capture(lab.wan())?);

    cli.text(&["renew", "wan4"])?;
    packets.wait_for(MessageType::Nak)?;
    let lost = cli.wait_for_event("wan4", "lease-lost", 1)?;
    assert!(lost.detail.is_some(), "the event says why");
    configured(&lab, 150)?;
    cli.wait_for_event("wan4", "lease-acquired", 2)?;
    assert_eq!(cli.wait_for("wan4", "Bound")?["lease"]["address"], "10.77.0.150/24");

    let seen = monitor.take();
    let old = Some((lab.wan().host(100).into(), 24));
    let new = Some((lab.wan().host(150).into(), 24));
    let went =
        seen.iter().find(|change| change.kind == Kind::DelAddr && change.subject == old).expect("went");
    let came =
        seen.iter().find(|change| change.kind == Kind::NewAddr && change.subject == new).expect("came");
    assert!(went.at < came.at, "a refused address must not be used meanwhile (RFC 2131 section 4.4.5)");
    assert_eq!(addresses(&lab)?, ["10.77.0.150/24"]);
    Ok(())
}
