//! The lease socket under attack: every kind of nonsense gets a clear answer or a closed door, is counted, and
//! costs nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use dhcpmgr_lab::{Cli, Daemon, Forged, Lab, LeaseSocket, Result, eventually, lab_or_skip};
use dhcpmgr_message::{ClientEvent, Token, V4Report};

use crate::given::{bound, configured, removals, report};

/// A message that would be accepted as it stands.
fn good(cli: &Cli, lab: &Lab) -> Result<Forged> {
    Forged::of(&cli.client("wan4")?, ClientEvent::Renew, report(lab, 100))
}

/// Sends bytes on a connection of their own; the answer must refuse them with a sentence.
fn refused(daemon: &Daemon<'_>, what: &str, bytes: &[u8]) -> Result<String> {
    let answer = daemon
        .lease_socket()?
        .ask(bytes)
        .map_err(|error| dhcpmgr_lab::Error::new(format!("{what}: {error}")))?;
    assert!(!answer.ok, "{what} was accepted");
    let error = answer.error.unwrap_or_default();
    assert!(error.len() > 10, "{what}: \"{error}\" says nothing");
    Ok(error)
}

#[test]
fn nonsense_is_refused_with_a_sentence_and_counted() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, monitor) = (daemon.cli(), lab.monitor()?);
    let good = good(&cli, &lab)?.bytes()?;
    assert!(daemon.lease_socket()?.ask(&good)?.ok, "what the others are made of must itself be right");

    let malformed = cli.counter("malformed")?;
    let mut count = 0;
    for cut in [1, 2, good.len() / 2, good.len() - 1] {
        refused(&daemon, &format!("a message cut at {cut}"), &good[..cut])?;
        count += 1;
    }
    let cases: [(&str, Vec<u8>); 7] = [
        ("text", b"hello, daemon".to_vec()),
        ("bytes after the message", [&good[..], b"\0"].concat()),
        ("a map that promises 4 billion entries", vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("arrays in arrays", vec![0x91; 1000]),
        ("an empty map", vec![0x80]),
        ("invalid UTF-8", replace(&good, b"udhcpc", b"ud\xff\xfepc")?),
        ("another version", replace(&good, b"\xa1v\x01", b"\xa1v\x63")?),
    ];
    for (what, bytes) in &cases {
        refused(&daemon, what, bytes)?;
        count += 1;
    }
    assert!(
        cli.counter("malformed")? >= malformed + count,
        "{} of {count} were counted",
        cli.counter("malformed")? - malformed
    );
    assert!(removals(&monitor.take()).is_empty());
    configured(&lab, 100)
}

#[test]
fn an_oversized_message_is_refused_or_the_door_closed() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    for size in [64 * 1024 + 1, 100 * 1024, 180 * 1024] {
        let socket = daemon.lease_socket()?;
        // The kernel may refuse to carry it at all; the daemon may answer or hang up; it may not accept.
        if let Ok(answer) = socket.ask(&vec![0x91; size]) {
            assert!(!answer.ok, "{size} bytes were accepted");
        }
    }
    let good = good(&daemon.cli(), &lab)?;
    assert!(daemon.lease_socket()?.ask(&good.bytes()?)?.ok, "and the daemon goes on");
    Ok(())
}

#[test]
fn a_message_that_lies_about_who_it_is_from_is_refused() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let unauthorised = cli.counter("unauthorised")?;
    let good = good(&cli, &lab)?;

    let mut wrong_token = good.clone();
    wrong_token.message.token = Token::from_random([7; 16]);
    wrong_token.message.v4 = Some(V4Report { address: Some(lab.wan().host(200)), ..V4Report::default() });
    refused(&daemon, "a wrong token", &wrong_token.bytes()?)?;

    let mut unknown = good.clone();
    unknown.message.client = "nobody".parse()?;
    let error = refused(&daemon, "an unknown client", &unknown.bytes()?)?;
    assert!(!error.contains(good.message.token.as_str()), "a token must not be repeated");

    assert!(cli.counter("unauthorised")? >= unauthorised + 2);
    configured(&lab, 100)
}

#[test]
fn a_message_of_another_user_changes_nothing() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    // The real shim, with the real token, as nobody.
    let good = good(&daemon.cli(), &lab)?.message;
    let shim = daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-udhcpc").display().to_string();
    let (socket, spool) = (daemon.lease_socket_file(), daemon.root().join("run/dhcpmgr/spool"));
    // Whoever opens the directories up must still not be let in.
    for path in [lab.dir(), daemon.root()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    let environment = [
        format!("DHCPMGR_CLIENT={}", good.client),
        format!("DHCPMGR_TOKEN={}", good.token),
        format!("DHCPMGR_SOCKET={}", socket.display()),
        format!("DHCPMGR_SPOOL={}", spool.display()),
        "interface=wan0".to_owned(),
        "ip=10.77.0.200".to_owned(),
        "mask=24".to_owned(),
        "lease=3600".to_owned(),
    ];
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "env"];
    let command: Vec<&str> = nobody
        .into_iter()
        .chain(environment.iter().map(String::as_str))
        .chain([shim.as_str(), "bound"])
        .collect();
    let output = lab.gateway.output("setpriv", &command)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("setresuid") || said.contains("setresgid") || said.contains("setgroups") {
        return dhcpmgr_lab::skipped(
            "hostile::a_message_of_another_user",
            "this user namespace has one user only",
        );
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(daemon.cli().client("wan4")?["lease"]["address"], "10.77.0.100/24");
    configured(&lab, 100)
}

#[test]
fn the_same_message_twice_is_one_message() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let (good, duplicates) = (good(&cli, &lab)?.bytes()?, cli.counter("duplicates")?);
    let socket = daemon.lease_socket()?;
    assert!(socket.ask(&good)?.ok);
    assert!(socket.ask(&good)?.ok, "its sender must not keep it for ever");
    assert_eq!(cli.counter("duplicates")?, duplicates + 1);
    // It says less than the server did, so the first is a change; the second would be a renewal.
    cli.wait_for_event("wan4", "lease-changed", 1)?;
    std::thread::sleep(Duration::from_millis(300));
    assert!(!cli.kinds("wan4")?.iter().any(|kind| kind == "lease-renewed"));
    Ok(())
}

#[test]
fn ten_thousand_silent_connections_do_not_keep_a_lease_out() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let pid = daemon.process()?.pid();
    let before = resident(pid)?;
    let socket = daemon.lease_socket_file();
    let mut silent = Vec::new();
    let mut opened = 0;
    for _ in 0..10_000 {
        match LeaseSocket::connect(&socket) {
            Ok(connection) => {
                opened += 1;
                silent.push(connection);
            }
            // This process has no more descriptors: the oldest make room, as those of a patient attacker would.
            Err(_) => silent.truncate(silent.len() / 2),
        }
    }
    assert!(opened > 5_000, "only {opened} connections could be opened");
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    assert!(descriptors < 512, "{descriptors} descriptors are open");
    let grown = resident(pid)?.saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more");

    // The one that matters gets through while they are all there; its shim has the spool if it must wait.
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    drop(silent);
    eventually("a new connection is served", || {
        let good = good(&cli, &lab)?.bytes()?;
        Ok(LeaseSocket::connect(&socket)?.ask(&good)?.ok.then_some(()))
    })
}

#[test]
fn the_socket_and_the_spool_are_for_root_only() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let spool = daemon.root().join("run/dhcpmgr/spool").metadata()?.permissions().mode();
    assert_eq!(spool & 0o022, 0, "others may write the spool: {spool:o}");
    let control = daemon.root().join("run/dhcpmgr/control.sock").metadata()?.permissions().mode();
    assert_eq!(control & 0o007, 0, "anybody may control it: {control:o}");
    Ok(())
}

/// Resident memory, KiB.
fn resident(pid: nix::unistd::Pid) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The bytes with the first occurrence of one part replaced.
fn replace(bytes: &[u8], part: &[u8], by: &[u8]) -> Result<Vec<u8>> {
    let at = bytes.windows(part.len()).position(|window| window == part);
    let at =
        at.ok_or_else(|| dhcpmgr_lab::Error::new(format!("{} is not in the message", part.escape_ascii())))?;
    Ok([&bytes[..at], by, &bytes[at + part.len()..]].concat())
}
