//! A gateway that comes from another DHCP client stays who it was.

use dhcpmgr_lab::{Daemon, Lab, MessageType, Result, lab_or_skip};

use crate::given::{configured, one_client};

const OLD: &str = "interface=wan0\nip=10.77.0.123\nserverid=10.77.0.1\nopt61=00676174657761792d37\n";

#[test]
fn what_was_imported_before_the_first_start_is_what_the_server_sees() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 150).option("6,192.0.2.53").start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(""))?;
    let file = lab.write("udhcpc.lease", OLD)?;
    let file = file.display().to_string();
    let cli = daemon.cli();

    let dry = cli.text(&["import", "--dry-run", &file])?;
    assert!(dry.contains("client-id 00676174657761792d37 of wan4: would be stored"), "{dry}");
    assert!(!daemon.root().join("var/lib/dhcpmgr").exists());
    let done = cli.text(&["import", &file])?;
    assert!(done.contains("last address 10.77.0.123 of wan4: stored"), "{done}");
    let again = cli.json(&["import", &file])?;
    assert_eq!(again["lines"][0]["verdict"], "already");

    let packets = lab.capture(lab.wan())?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let discover = packets.wait_for(MessageType::Discover)?;
    assert_eq!(discover.dhcp.options[&61], b"\0gateway-7");
    assert_eq!(discover.dhcp.options[&50], [10, 77, 0, 123]);
    configured(&lab, 123)
}

#[test]
fn a_running_daemon_stores_and_keeps_what_is_in_use() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 150).start()?;
    let daemon = lab.daemon(&one_client(""))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    let file = lab.write("udhcpc.lease", OLD)?;
    let file = file.display().to_string();

    let refused = cli.output(&["import", &file])?;
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(text.contains("refused: 01020000000000 is kept already; --replace gives it up"), "{text}");
    assert_eq!(cli.json(&["why", "wan4"])?["identity"]["client_id"], "01020000000000");

    cli.text(&["import", "--replace", &file])?;
    let identity = cli.json(&["why", "wan4"])?["identity"].clone();
    assert_eq!(identity["client_id"], "00676174657761792d37");
    assert_eq!(identity["last_lease"]["address"], "10.77.0.123");
    assert_eq!(cli.client("wan4")?["status"], "Bound", "nothing moves until it is started next");

    let packets = lab.capture(lab.wan())?;
    cli.text(&["restart", "wan4"])?;
    let discover = packets.wait_for(MessageType::Discover)?;
    assert_eq!(discover.dhcp.options[&61], b"\0gateway-7");

    let unknown = lab.write("notes.txt", "hello")?;
    let output = cli.output(&["import", &unknown.display().to_string()])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("name the program with --from"));
    Ok(())
}
