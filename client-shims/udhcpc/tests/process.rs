//! The program itself, against a daemon that behaves in every way: it always ends with status 0, in time, and
//! writes nothing to stdout.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dhcpmgr_message::{Answer, ClientEvent, wire};
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr};

#[path = "../../shim/tests/lab/mod.rs"]
mod lab;

use lab::{IN_TIME, Lab, Reply};

/// The shim as udhcpc runs it.
fn command(lab: &Lab, event: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcpmgr-udhcpc"));
    command
        .arg(event)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DHCPMGR_CLIENT", "wan4")
        .env("DHCPMGR_TOKEN", "00112233445566778899aabbccddeeff")
        .env("DHCPMGR_SOCKET", lab.socket())
        .env("DHCPMGR_SPOOL", lab.spool())
        .env("interface", "wan0")
        .env("ip", "192.0.2.7")
        .env("subnet", "255.255.255.0")
        .env("router", "192.0.2.1")
        .env("opt43", "0104deadbeef")
        .stdin(Stdio::null());
    command
}

#[test]
fn a_message_that_the_daemon_takes_leaves_nothing_behind() {
    let lab = Lab::new();
    let daemon = lab.daemon(Reply::Answer(Answer::accepted()));
    let run = lab.run(&mut command(&lab, "bound"));
    let message = daemon.join().unwrap();
    assert_eq!(message.event, ClientEvent::Bound);
    assert_eq!((message.client.as_str(), message.interface.as_str()), ("wan4", "wan0"));
    assert_eq!(message.program, "udhcpc");
    assert!(message.at_ms > 0 && message.id > 0);
    let report = message.v4.unwrap();
    assert_eq!(report.address.unwrap().to_string(), "192.0.2.7");
    assert_eq!(report.options[&43].to_hex(), "0104deadbeef");
    assert_eq!(message.problems, Vec::<String>::new());
    assert_eq!(run.stderr(), "");
    assert!(lab.spooled().is_empty());
}

#[test]
fn a_refused_message_is_logged_and_not_spooled() {
    let lab = Lab::new();
    let daemon = lab.daemon(Reply::Answer(Answer::refused("token of an earlier start\nof the client")));
    let run = lab.run(&mut command(&lab, "bound"));
    daemon.join().unwrap();
    let line = "event \"bound\" is refused by dhcpmgrd: token of an earlier start of the client\n";
    assert!(run.stderr().ends_with(line), "{}", run.stderr());
    assert_eq!(run.stderr().lines().count(), 1);
    assert!(lab.spooled().is_empty());
}

#[test]
fn a_daemon_that_never_answers_costs_a_second_and_the_message_is_spooled() {
    let lab = Lab::new();
    let daemon = lab.daemon(Reply::Silence);
    let run = lab.run(&mut command(&lab, "renew"));
    assert!(run.took >= Duration::from_millis(950), "{:?}", run.took);
    assert!(run.stderr().contains("no answer in time"), "{}", run.stderr());
    let received = daemon.join().unwrap();
    let spooled = lab.spooled();
    assert_eq!(spooled.len(), 1);
    // The same message, with the same id: the daemon takes it once.
    assert_eq!(spooled[0].1, received);
    assert_eq!(spooled[0].0, dhcpmgr_message::context::spool_file_name(received.at_ms, received.id));
    let mode = fs::metadata(lab.spool().join(&spooled[0].0)).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_daemon_that_hangs_up_or_talks_nonsense_has_not_taken_the_message() {
    for reply in
        [Reply::HangUp, Reply::Bytes(b"\xc1"), Reply::Bytes(b"ok"), Reply::Bytes(&[0x81, 0xa2, b'o'])]
    {
        let lab = Lab::new();
        let daemon = lab.daemon(reply);
        let run = lab.run(&mut command(&lab, "bound"));
        let received = daemon.join().unwrap();
        assert_eq!(lab.spooled()[0].1, received);
        assert!(run.stderr().contains("is left as"), "{}", run.stderr());
    }
}

#[test]
fn without_a_daemon_every_event_goes_to_the_spool_in_order() {
    let lab = Lab::new();
    let events = ["deconfig", "bound", "renew", "nak", "leasefail"];
    for event in events {
        lab.run(&mut command(&lab, event));
        thread::sleep(Duration::from_millis(3));
    }
    let spooled = lab.spooled();
    let seen: Vec<_> = spooled.iter().map(|(_, message)| message.event.as_str()).collect();
    assert_eq!(seen, events);
    let mut ids: Vec<_> = spooled.iter().map(|(_, message)| message.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), events.len());
}

#[test]
fn a_socket_that_nobody_listens_on_is_like_none() {
    let lab = Lab::new();
    drop(lab.listen());
    lab.run(&mut command(&lab, "bound"));
    assert_eq!(lab.spooled().len(), 1);
}

#[test]
fn a_daemon_that_accepts_nobody_costs_a_second() {
    let lab = Lab::new();
    let listener = lab.listen();
    // With a backlog of 0 the kernel takes one connection and refuses the next with EAGAIN.
    let first =
        socket::socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    socket::connect(first.as_raw_fd(), &UnixAddr::new(&lab.socket()).unwrap()).unwrap();
    let run = lab.run(&mut command(&lab, "bound"));
    assert!(run.took >= Duration::from_millis(950), "{:?}", run.took);
    assert_eq!(lab.spooled().len(), 1);
    drop((first, listener));
}

#[test]
fn a_full_backlog_that_empties_in_time_is_waited_for() {
    let lab = Lab::new();
    let listener = lab.listen();
    let first =
        socket::socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    socket::connect(first.as_raw_fd(), &UnixAddr::new(&lab.socket()).unwrap()).unwrap();
    let daemon = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        let early = socket::accept(listener.as_raw_fd()).unwrap();
        let fd = socket::accept(listener.as_raw_fd()).unwrap();
        let mut buffer = vec![0; 70_000];
        let len = socket::recv(fd, &mut buffer, MsgFlags::empty()).unwrap();
        socket::send(fd, &wire::encode(&Answer::accepted()).unwrap(), MsgFlags::empty()).unwrap();
        nix::unistd::close(early).unwrap();
        len
    });
    let run = lab.run(&mut command(&lab, "bound"));
    assert!(run.took >= Duration::from_millis(140), "{:?}", run.took);
    assert!(daemon.join().unwrap() > 0);
    assert!(lab.spooled().is_empty());
}

#[test]
fn a_full_spool_takes_no_more() {
    let lab = Lab::new();
    for n in 0..dhcpmgr_shim::spool::CAPACITY - 1 {
        fs::write(lab.spool().join(format!("{n:020}-0.lease")), "x").unwrap();
    }
    lab.run(&mut command(&lab, "bound"));
    assert_eq!(fs::read_dir(lab.spool()).unwrap().count(), 256);
    let run = lab.run(&mut command(&lab, "bound"));
    assert_eq!(fs::read_dir(lab.spool()).unwrap().count(), 256);
    assert!(run.stderr().contains("is lost"), "{}", run.stderr());
    assert!(run.stderr().contains("already holds 256 messages"), "{}", run.stderr());
}

#[test]
fn a_spool_that_cannot_be_written_is_logged() {
    let lab = Lab::new();
    fs::remove_dir(lab.spool()).unwrap();
    let run = lab.run(&mut command(&lab, "bound"));
    assert!(run.stderr().contains("is lost"), "{}", run.stderr());
    // A file where the directory should be; as root a mode would stop nobody.
    fs::write(lab.spool(), "").unwrap();
    let run = lab.run(&mut command(&lab, "bound"));
    assert!(run.stderr().contains("Not a directory"), "{}", run.stderr());
    fs::remove_file(lab.spool()).unwrap();
    fs::create_dir(lab.spool()).unwrap();
    fs::set_permissions(lab.spool(), Permissions::from_mode(0o555)).unwrap();
    if fs::write(lab.spool().join("probe"), "").is_err() {
        let run = lab.run(&mut command(&lab, "bound"));
        assert!(run.stderr().contains("Permission denied"), "{}", run.stderr());
    }
}

#[test]
fn a_path_that_no_socket_can_have_is_like_no_daemon() {
    let lab = Lab::new();
    let run = lab.run(command(&lab, "bound").env("DHCPMGR_SOCKET", "/x".repeat(200)));
    assert!(run.stderr().contains("is left as"), "{}", run.stderr());
    lab.run(command(&lab, "bound").env_remove("DHCPMGR_SOCKET"));
    assert_eq!(lab.spooled().len(), 2);
    let run = lab.run(command(&lab, "bound").env_remove("DHCPMGR_SPOOL"));
    assert!(run.stderr().contains("DHCPMGR_SPOOL is not set"), "{}", run.stderr());
}

#[test]
fn a_call_by_hand_gets_an_explanation() {
    let lab = Lab::new();
    for arguments in [&[][..], &["--help"], &["bounds"], &["bound"], &["\u{fffd}"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dhcpmgr-udhcpc"));
        let run = lab.run(command.args(arguments).env_clear().stdin(Stdio::null()));
        assert!(run.stderr().contains("dhcpmgr-udhcpc"), "{}", run.stderr());
        assert!(run.stderr().contains("udhcpc") && run.stderr().contains("dhcpmgrd"), "{}", run.stderr());
    }
    let output = Command::new(env!("CARGO_BIN_EXE_dhcpmgr-udhcpc")).arg("--version").output().unwrap();
    assert_eq!(output.stdout, format!("dhcpmgr-udhcpc {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn closed_standard_streams_are_no_obstacle() {
    let lab = Lab::new();
    // No shell in the program, but one here: it is what can close descriptors before an exec.
    let mut shell = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_dhcpmgr-udhcpc");
    shell.args(["-c", "exec \"$0\" bound <&- >&- 2>&-", binary]);
    let from = command(&lab, "bound");
    shell.env_clear().envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
    lab.run(&mut shell);
    let listener = UnixListener::from(lab.listen());
    let daemon = thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        let fd = connection.as_raw_fd();
        socket::recv(fd, &mut [0; 70_000], MsgFlags::empty()).unwrap();
        let peer = socket::getsockopt(&connection, socket::sockopt::PeerCredentials).unwrap();
        let stream = |number| fs::read_link(format!("/proc/{}/fd/{number}", peer.pid())).unwrap();
        let streams = [0, 1, 2].map(stream);
        socket::send(fd, &wire::encode(&Answer::accepted()).unwrap(), MsgFlags::empty()).unwrap();
        streams
    });
    lab.run(&mut shell);
    let streams = daemon.join().unwrap();
    assert_eq!(streams, [Path::new("/dev/null"); 3], "the connection must not become one of them");
    assert_eq!(lab.spooled().len(), 1);
}

#[test]
fn a_stderr_that_nobody_reads_or_that_is_full_does_not_stop_it() {
    let lab = Lab::new();
    // Closed at the other end: a write would raise SIGPIPE.
    for event in ["bound", "no event"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = command(&lab, event).stdout(Stdio::null()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(0), "{event}");
    }
    // Full: a write would wait for ever.
    let (mut reader, writer) = std::io::pipe().unwrap();
    fill(&writer);
    let start = Instant::now();
    let status = command(&lab, "bound").stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(start.elapsed() < IN_TIME);
    assert_eq!(lab.spooled().len(), 2);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    assert!(text.iter().all(|b| *b == b'x'));
}

fn fill(writer: &std::io::PipeWriter) {
    // A child writes until it blocks and is then killed; the pipe stays full.
    let mut child = Command::new("sh")
        .args(["-c", "while :; do printf xxxxxxxxxxxxxxxx; done"])
        .stdout(writer.try_clone().unwrap())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(600));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_panic_is_logged_and_ends_with_status_0() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_panics", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("stopped by a mistake in this program: panicked at"), "{stderr}");
    assert!(stderr.contains("on purpose") && stderr.lines().count() == 1, "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(!stdout.contains("test result"), "the child went on: {stdout}");
}

#[test]
#[ignore = "run by a_panic_is_logged_and_ends_with_status_0"]
fn child_that_panics() {
    dhcpmgr_udhcpc::PROGRAM.log.catch_panics();
    panic!("on\npurpose");
}
