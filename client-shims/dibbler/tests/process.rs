//! The program itself, with what is not the same as in other shims: where it finds its context, an environment with names
//! that are there twice, and standard streams that are somebody else's sockets. What a daemon may do to a shim is
//! tested with udhcpc's; the code is the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::io::Read;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcpmgr_message::context::{Context, FILE, FILE_LIMIT};
use dhcpmgr_message::{Answer, ClientEvent, V6Request};

#[path = "../../shim/tests/lab/mod.rs"]
mod lab;

use lab::{IN_TIME, Lab, Reply};

const SHIM: &str = env!("CARGO_BIN_EXE_dhcpmgr-dibbler");

/// The shim as dibbler runs it, with the context that the daemon left.
fn command(lab: &Lab, action: &str) -> Command {
    leave(lab, &context(lab).encode().unwrap());
    let mut command = Command::new(SHIM);
    command.arg(action).env_clear().current_dir(lab.dir.path()).stdin(Stdio::null());
    command.envs([
        ("IFACE", "wan0"),
        ("IFINDEX", "2"),
        ("CLNT_MESSAGE", "REQUEST"),
        ("SRV_MESSAGE", "REPLY"),
        ("SRV_OPTION2", "00:03:00:01"),
        ("ADDR1", "2001:db8::1000"),
        ("ADDR1PREF", "40"),
        ("ADDR1VALID", "60"),
        ("PATH", "/usr/bin:/bin"),
    ]);
    command
}

fn context(lab: &Lab) -> Context {
    let path = |path: PathBuf| Some(path.into_os_string().into_encoded_bytes());
    Context {
        client: Some(b"wan6".to_vec()),
        token: Some(b"00112233445566778899aabbccddeeff".to_vec()),
        socket: path(lab.socket()),
        spool: path(lab.spool()),
    }
}

fn file(lab: &Lab) -> PathBuf {
    lab.dir.path().join(FILE)
}

fn leave(lab: &Lab, context: &[u8]) {
    fs::write(file(lab), context).unwrap();
    fs::set_permissions(file(lab), Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_message_that_the_daemon_takes_leaves_nothing_behind() {
    let lab = Lab::new();
    let daemon = lab.daemon(Reply::Answer(Answer::accepted()));
    let run = lab.run(&mut command(&lab, "add"));
    let message = daemon.join().unwrap();
    assert_eq!(message.event, ClientEvent::Add);
    assert_eq!((message.client.as_str(), message.interface.as_str()), ("wan6", "wan0"));
    assert_eq!(message.program, "dibbler");
    assert!(message.at_ms > 0 && message.id > 0);
    let report = message.v6.unwrap();
    assert_eq!(report.answer_to, Some(V6Request::Request));
    assert_eq!(report.addresses[0].address.to_string(), "2001:db8::1000/128");
    assert_eq!(report.server_duid.unwrap().to_hex(), "00030001");
    assert_eq!(message.problems, Vec::<String>::new());
    assert_eq!(run.stderr(), "");
    assert!(lab.spooled().is_empty());
}

#[test]
fn without_a_daemon_every_event_goes_to_the_spool() {
    let lab = Lab::new();
    for action in ["add", "update", "delete"] {
        let run = lab.run(&mut command(&lab, action));
        assert!(run.stderr().contains("dhcpmgr-dibbler[") && run.stderr().contains("is left as"));
    }
    let spooled = lab.spooled();
    let seen: Vec<_> = spooled.iter().map(|(_, message)| message.event).collect();
    assert_eq!(seen, [ClientEvent::Add, ClientEvent::Update, ClientEvent::Delete]);
}

#[test]
fn an_action_that_dibbler_does_not_have_is_logged_and_not_reported() {
    let lab = Lab::new();
    for action in ["expire", "del", "", "ADD", "add "] {
        let run = lab.run(&mut command(&lab, action));
        let line = format!("\"{action}\" is not an event of dibbler; nothing is reported");
        assert!(run.stderr().contains(&line), "{}", run.stderr());
    }
    assert!(lab.spooled().is_empty());
}

#[test]
fn a_call_by_hand_gets_an_explanation() {
    let lab = Lab::new();
    for arguments in [&[][..], &["--help"], &["-h"], &["bound"]] {
        let run = lab.run(Command::new(SHIM).args(arguments).env_clear().stdin(Stdio::null()));
        assert!(run.stderr().contains("usage: dhcpmgr-dibbler add|update|delete"), "{}", run.stderr());
    }
    // No context here.
    let run = lab.run(Command::new(SHIM).arg("add").env_clear().current_dir(lab.dir.path()));
    let (said, path) = (run.stderr(), file(&lab));
    let expected = format!("event \"add\" is not reported: {}: No such file", path.display());
    assert!(said.contains(&expected) && said.contains("dibbler must be started by dhcpmgrd"), "{said}");
    let output = Command::new(SHIM).arg("--version").output().unwrap();
    assert_eq!(output.stdout, format!("dhcpmgr-dibbler {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
}

#[test]
fn a_context_that_the_daemon_did_not_leave_is_not_believed() {
    let lab = Lab::new();
    let mut add = command(&lab, "add");
    let good = fs::read(file(&lab)).unwrap();
    let mut refused = |expected: &str| {
        let run = lab.run(&mut add);
        let line = format!("event \"add\" is not reported: {}", file(&lab).display());
        assert!(
            run.stderr().contains(&line) && run.stderr().contains(expected),
            "{expected}: {}",
            run.stderr()
        );
        assert!(!run.stderr().contains("0011"), "the token is a secret: {}", run.stderr());
        assert!(lab.spooled().is_empty());
    };
    leave(&lab, &good[..good.len() - 1]);
    refused("ends within a record");
    leave(&lab, &vec![b'x'; FILE_LIMIT + 1]);
    refused("at most 16384 are accepted");
    leave(&lab, b"DHCPMGR_CLIENT=a\0secret 0011\0");
    refused("record 2 of the context is not NAME=VALUE");
    for mode in [0o620, 0o602] {
        leave(&lab, &good);
        fs::set_permissions(file(&lab), Permissions::from_mode(mode)).unwrap();
        refused("can be written by others");
    }
    fs::remove_file(file(&lab)).unwrap();
    // Nobody writes to it: to open it would wait for ever.
    nix::unistd::mkfifo(&file(&lab), nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused("is not a regular file");
    fs::remove_file(file(&lab)).unwrap();
    fs::create_dir(file(&lab)).unwrap();
    refused("is not a regular file");
    fs::remove_dir(file(&lab)).unwrap();
    fs::write(lab.dir.path().join("real"), &good).unwrap();
    symlink(Path::new("real"), file(&lab)).unwrap();
    refused("symbolic links");
    fs::remove_file(file(&lab)).unwrap();
    leave(&lab, &good);
    // Only root can give a file away.
    if chown(file(&lab), Some(54_321), None).is_ok() {
        refused("belongs to user 54321, neither to root nor to the user of dibbler");
    }
}

#[test]
fn a_name_that_is_there_twice_is_read_twice() {
    let lab = Lab::new();
    drop(command(&lab, "add"));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_becomes_the_shim", "--ignored", "--nocapture"])
        .current_dir(lab.dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (_, message) = lab.spooled().remove(0);
    let report = message.v6.unwrap();
    let values: Vec<_> = report.options[&17].iter().map(|value| value.to_hex()).collect();
    assert_eq!(values, ["0000118b", "00000de9", "0000118b"]);
    assert_eq!(report.options[&2].len(), 2);
    assert_eq!(message.problems, ["IFACE is there twice, the first counts"]);
    assert_eq!(message.interface.as_str(), "wan0");
}

#[test]
#[ignore = "run by a_name_that_is_there_twice_is_read_twice"]
fn child_that_becomes_the_shim() {
    let c = |text: &str| CString::new(text).unwrap();
    let environment = [
        "SRV_OPTION17=vendor=4491 ",
        "IFACE=wan0",
        "SRV_OPTION2=00:03",
        "SRV_OPTION17=vendor=3561 ",
        "SRV_OPTION2=00:04",
        "SRV_OPTION17=vendor=4491 ",
        "IFACE=wan1",
        "not a variable",
    ];
    let never = nix::unistd::execve(&c(SHIM), &[c(SHIM), c("add")], &environment.map(c)).unwrap_err();
    panic!("{never}");
}

#[test]
fn nothing_is_written_into_a_socket_that_dibbler_leaked() {
    let lab = Lab::new();
    let mut add = command(&lab, "add");
    // Without a spool there is something to say.
    fs::remove_dir(lab.spool()).unwrap();
    let pairs = [(); 3].map(|()| UnixStream::pair().unwrap());
    let [mut stdin, mut stdout, mut stderr] = pairs.map(|(ours, theirs)| (ours, OwnedFd::from(theirs)));
    let start = Instant::now();
    for arguments in [&["add"][..], &["unknown"], &["--version"]] {
        let mut command = Command::new(SHIM);
        command
            .args(arguments)
            .env_clear()
            .envs(add.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(lab.dir.path());
        command.stdin(stdin.1.try_clone().unwrap());
        command.stdout(stdout.1.try_clone().unwrap()).stderr(stderr.1.try_clone().unwrap());
        assert_eq!(command.status().unwrap().code(), Some(0));
    }
    assert!(start.elapsed() < IN_TIME);
    for (ours, theirs) in [&mut stdin, &mut stdout, &mut stderr] {
        UnixStream::from(theirs.try_clone().unwrap()).shutdown(Shutdown::Write).unwrap();
        let mut written = Vec::new();
        ours.read_to_end(&mut written).unwrap();
        assert_eq!(written, b"");
    }
    // The same call says it where there is somebody to read.
    assert!(lab.run(&mut add).stderr().contains("is lost"));
}

#[test]
fn closed_standard_streams_are_no_obstacle() {
    let lab = Lab::new();
    let add = command(&lab, "add");
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" add <&- >&- 2>&-", SHIM]).current_dir(lab.dir.path());
    shell.env_clear().envs(add.get_envs().filter_map(|(name, value)| Some((name, value?))));
    lab.run(&mut shell);
    assert_eq!(lab.spooled().len(), 1);
}
