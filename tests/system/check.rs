//! `dhcpmgrd --check`: says what is wrong, where, and what is accepted; starts nothing.

use dhcpmgr_lab::{Daemon, Lab, Result, lab_or_skip};

use crate::given::{V4, client, one_client};

fn check(daemon: &Daemon<'_>, config: &str) -> Result<(Option<i32>, String)> {
    daemon.configure(config)?;
    daemon.check()
}

#[test]
fn a_right_configuration_passes_and_nothing_is_started() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = Daemon::install(&lab)?;
    let (status, said) = check(&daemon, &one_client(""))?;
    assert_eq!(status, Some(0), "{said}");
    assert!(!daemon.lease_socket_file().exists());
    assert!(lab.gateway.processes().is_empty());
    Ok(())
}

#[test]
fn each_mistake_is_named_with_file_line_and_what_is_accepted() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = Daemon::install(&lab)?;
    let cases: [(&str, String, &[&str]); 6] = [
        (
            "unknown key",
            client("wan4", "wan0", 100, "metrik = 7") + V4,
            &["dhcpmgr.toml:6", "metrik", "metric"],
        ),
        ("wrong type", client("wan4", "wan0", 100, "request = \"43\"") + V4, &["dhcpmgr.toml:6", "request"]),
        ("impossible interface", client("wan4", "a/b", 100, "") + V4, &["dhcpmgr.toml:3", "a/b"]),
        (
            "unknown program",
            one_client("").replace("udhcpc", "dhclient"),
            &["dhcpmgr.toml:4", "dhclient", "udhcpc"],
        ),
        ("unknown section", one_client("") + "[clientz.a]\n", &["clientz", "clients"]),
        ("missing module", one_client("").replace("libdhcpmgr_v4", "libnowhere"), &["libnowhere.so"]),
    ];
    for (mistake, config, words) in cases {
        let (status, said) = check(&daemon, &config)?;
        assert!(status.is_some_and(|status| status != 0), "{mistake} passed: {said}");
        for word in words {
            assert!(said.contains(word), "{mistake}: \"{word}\" is missing in: {said}");
        }
    }
    Ok(())
}

#[test]
fn a_daemon_with_a_broken_configuration_does_not_start_anything() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&(client("wan4", "wan0", 100, "metrik = 7") + V4))?;
    let error = daemon.start().expect_err("it must not start").to_string();
    assert!(error.contains("metrik"), "{error}");
    assert!(lab.gateway.processes().is_empty());
    Ok(())
}

/// A module that others may write could be replaced by them, and then they are root.
#[test]
fn a_module_that_others_may_write_is_refused() -> Result {
    use std::os::unix::fs::PermissionsExt as _;
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = Daemon::install(&lab)?;
    let module = daemon.root().join("usr/lib/dhcpmgr/handlers/libdhcpmgr_v4.so");
    std::fs::set_permissions(&module, std::fs::Permissions::from_mode(0o666))?;
    let (status, said) = check(&daemon, &one_client(""))?;
    assert!(status.is_some_and(|status| status != 0), "{said}");
    assert!(said.contains("libdhcpmgr_v4.so"), "{said}");
    Ok(())
}
