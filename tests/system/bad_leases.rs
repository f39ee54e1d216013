//! Leases that cannot be right: refused with the reason, or cut to what can be; the kernel never sees the rest.

use dhcpmgr_lab::{Cli, Daemon, Forged, Lab, Result, eventually, lab_or_skip};
use dhcpmgr_message::{ClientEvent, StaticRoute, V4Report};

use crate::given::{addresses, bound, configured, one_client, removals, report};

/// Says to the daemon, with the right token, that the client renewed with this.
fn say(daemon: &Daemon<'_>, cli: &Cli, report: V4Report) -> Result {
    let message = Forged::of(&cli.client("wan4")?, ClientEvent::Renew, report)?;
    let answer = daemon.lease_socket()?.ask(&message.bytes()?)?;
    assert!(answer.ok, "well-formed and from the right sender, but not taken: {answer:?}");
    Ok(())
}

/// Each in a world of its own: the refusal may start the client again, later and later.
#[test]
fn impossible_addresses_are_refused_with_the_reason_and_the_good_lease_stays() -> Result {
    lab_or_skip!();
    let cases: [(&str, [u8; 4], Option<u8>); 8] = [
        ("a mask of /0", [10, 77, 0, 100], Some(0)),
        ("a mask of /33", [10, 77, 0, 100], Some(33)),
        ("the broadcast address", [10, 77, 0, 255], Some(24)),
        ("the network's own address", [10, 77, 0, 0], Some(24)),
        ("loopback", [127, 0, 0, 1], Some(8)),
        ("multicast", [224, 0, 0, 5], Some(24)),
        ("nothing", [0, 0, 0, 0], Some(24)),
        ("all ones", [255, 255, 255, 255], Some(24)),
    ];
    for (what, address, prefix_len) in cases {
        let lab = Lab::new()?;
        let (_server, daemon) = bound(&lab)?;
        let (cli, monitor) = (daemon.cli(), lab.monitor()?);
        say(&daemon, &cli, V4Report { address: Some(address.into()), prefix_len, ..report(&lab, 100) })?;
        let refused = cli.wait_for_event("wan4", "lease-refused", 1);
        let refused = refused.map_err(|error| dhcpmgr_lab::Error::new(format!("{what}: {error}")))?;
        assert!(refused.detail.as_deref().is_some_and(|detail| detail.len() > 10), "{what}: {refused:?}");
        cli.wait_for("wan4", "Bound")?;
        assert_eq!(cli.client("wan4")?["lease"]["address"], "10.77.0.100/24", "{what}");
        assert_eq!(addresses(&lab)?, ["10.77.0.100/24"], "{what}");
        assert!(removals(&monitor.take()).is_empty(), "{what}");
    }
    Ok(())
}

#[test]
fn a_real_server_that_sends_no_mask_at_all_gets_no_address_configured() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100).force("1,0.0.0.0").start()?;
    let daemon = lab.daemon(&one_client(""))?;
    let cli = daemon.cli();
    let refused = cli.wait_for_event("wan4", "lease-refused", 1)?;
    assert!(refused.detail.is_some(), "{refused:?}");
    assert!(addresses(&lab)?.is_empty());
    assert_ne!(cli.client("wan4")?["status"], "Bound");

    // The server is mended; the next answer is taken.
    let _server = server.stop()?.range(100, 100).start()?;
    cli.text(&["restart", "wan4"])?;
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn an_mtu_that_no_link_may_have_is_ignored() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    // dnsmasq sends what it is told.
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).force("26,68").start()?;
    let daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    assert_eq!(lab.mtu("wan0")?, 1500);
    let why = daemon.cli().json(&["why", "wan4"])?;
    assert!(why["exchanges"].to_string().to_lowercase().contains("mtu"), "it is said: {why}");
    Ok(())
}

/// More than fits into any packet that a client accepts: a shim that lies, or worse.
#[test]
fn four_hundred_routes_are_cut_to_what_is_accepted_and_all_go_again() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let via = lab.wan().host(1);
    let mut classless_routes = vec![StaticRoute { to: "0.0.0.0/0".parse()?, via }];
    for n in 0..400_u16 {
        let [high, low] = n.to_be_bytes();
        classless_routes.push(StaticRoute { to: format!("10.{}.{low}.0/24", 100 + high).parse()?, via });
    }
    say(&daemon, &cli, V4Report { classless_routes, ..report(&lab, 100) })?;
    let count = || Ok::<_, dhcpmgr_lab::Error>(lab.routes("wan0")?.len());
    // With the connected one.
    eventually("as many as are accepted are set", || Ok((count()? == 256 + 1).then_some(())))?;
    configured(&lab, 100)?;
    let why = cli.text(&["why", "wan4"])?;
    assert!(why.contains("401 routes"), "that the others are ignored is said: {why}");

    say(&daemon, &cli, report(&lab, 100))?;
    eventually("they are gone again", || Ok((count()? == 2).then_some(())))?;
    configured(&lab, 100)
}

#[test]
fn names_that_could_break_a_file_never_reach_it() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let hostile = [
        "evil\"; rm -rf /",
        "two\nnameserver 203.0.113.66",
        "-starts.with",
        &"x".repeat(300),
        "a..b",
        "\u{1b}[31m",
    ];
    for (number, name) in hostile.into_iter().enumerate() {
        let domain = Some(name.to_owned());
        let search = vec![name.to_owned(), format!("good{number}.example")];
        say(
            &daemon,
            &cli,
            V4Report { domain, search, hostname: Some(name.to_owned()), ..report(&lab, 100) },
        )?;
        eventually("the good name arrives", || {
            Ok(daemon.resolv_conf().contains(&format!("good{number}.example")).then_some(()))
        })?;
        let text = daemon.resolv_conf();
        let said: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(!said.iter().any(|line| line.contains(['"', ';', '\u{1b}'])), "{text}");
        assert!(!text.contains("203.0.113.66"), "{text}");
        assert!(!text.contains("-starts") && !text.contains("xxx") && !text.contains("a..b"), "{text}");
        // Neither may a terminal be driven by it.
        assert!(!cli.text(&["status"])?.contains('\u{1b}'));
        assert!(!cli.text(&["why", "wan4"])?.contains('\u{1b}'));
    }
    configured(&lab, 100)
}
