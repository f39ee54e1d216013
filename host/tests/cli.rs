//! `dhcpmgr` as a person and a script meet it: the real program against a control socket that answers with recorded
//! replies (`golden/NAME.json`), its output compared with what was approved (`golden/NAME.txt`).
//!
//! `UPDATE_GOLDEN=1 cargo test -p dhcpmgr --test cli` writes the approved files anew; review the difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use dhcpmgr::cli::render::{self, Style};
use dhcpmgr::control::{Controls, Request, Response, bind, serve};
use dhcpmgr::data_model::Fault;
use dhcpmgr::data_model::door::{Change, Changed, DataModel, Flat, Supported};
use dhcpmgr::data_model::notice::Notices;
use dhcpmgr::data_model::subscription::Subscription;
use dhcpmgr::events::EventLog;
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn recorded(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

/// Compares with the approved text, or approves it when asked to.
fn assert_golden(name: &str, found: &str) {
    let file = golden(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, found).unwrap();
    }
    let approved = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == approved, "{name} differs\n--- approved\n{approved}\n--- found\n{found}");
}

/// A root with a control socket that answers each connection's lines with the given ones, then closes it.
struct Fake {
    root: tempfile::TempDir,
    heard: mpsc::Receiver<Value>,
}

impl Fake {
    fn answering(answers: Vec<String>) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("run/dhcpmgr")).unwrap();
        let listener = UnixListener::bind(root.path().join("run/dhcpmgr/control.sock")).unwrap();
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // Nobody listens from here on.
            drop(listener);
            converse(stream, &answers, &tell);
        });
        Self { root, heard }
    }

    fn with_result(result: Value) -> Self {
        Self::answering(vec![json!({"ok": true, "result": result}).to_string()])
    }

    fn recorded(name: &str) -> Self {
        Self::with_result(recorded(name))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        dhcpmgr(self.root.path(), arguments)
    }
}

fn converse(stream: UnixStream, answers: &[String], tell: &mpsc::Sender<Value>) {
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    for answer in answers {
        let mut line = String::new();
        if requests.read_line(&mut line).unwrap_or_default() == 0 {
            return;
        }
        tell.send(serde_json::from_str(&line).unwrap()).unwrap();
        let mut stream = &stream;
        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(b"\n"));
    }
}

fn dhcpmgr(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dhcpmgr")).arg("--root").arg(root).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Runs with the recorded reply and compares the text; then checks that `--json` gives the reply as it was.
fn shows(name: &str, arguments: &[&str], request: &Value) {
    let reply = format!("{name}.json");
    let fake = Fake::recorded(&reply);
    let output = fake.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fake.heard.recv().unwrap(), *request);
    assert_golden(&format!("{name}.txt"), stdout(&output));
    let printable = |c: char| c == '\n' || !c.is_control();
    assert!(stdout(&output).chars().all(printable), "control characters reach the terminal");

    let output = Fake::recorded(&reply).run(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output).lines().count(), 1);
    assert!(stdout(&output).chars().all(printable), "control characters reach the terminal");
    assert_eq!(serde_json::from_str::<Value>(stdout(&output)).unwrap(), recorded(&reply));
}

#[test]
fn status_shows_clients_reasons_and_handlers() {
    shows("status", &["status"], &json!({"command": "status"}));
}

#[test]
fn an_unconfigured_daemon_says_so() {
    shows("status-empty", &["status"], &json!({"command": "status"}));
}

#[test]
fn lease_shows_a_block_for_each_client() {
    shows("lease", &["lease"], &json!({"command": "lease", "client": null}));
}

#[test]
fn lease_of_one_client_asks_for_that_client() {
    let fake = Fake::recorded("lease.json");
    assert_eq!(fake.run(&["lease", "wan4"]).status.code(), Some(0));
    assert_eq!(fake.heard.recv().unwrap(), json!({"command": "lease", "client": "wan4"}));
    let output = Fake::recorded("lease.json").run(&["lease", "wan4", "--json"]);
    let lease: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(lease["address"], "192.0.2.7/24", "for a script: the lease itself");
}

#[test]
fn why_tells_the_story_of_a_client() {
    shows("why", &["why", "wan4"], &json!({"command": "why", "client": "wan4"}));
}

#[test]
fn handler_list_shows_how_workers_are_confined() {
    shows("handlers", &["handler", "list"], &json!({"command": "handlers"}));
}

#[test]
fn config_show_prints_the_files_and_the_toml() {
    shows("config", &["config", "show"], &json!({"command": "config-show"}));
}

#[test]
fn events_are_a_line_each() {
    let lines = std::fs::read_to_string(golden("events.jsonl")).unwrap();
    let answer = || vec![lines.trim_end().to_owned()];
    let fake = Fake::answering(answer());
    let output = fake.run(&["events"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fake.heard.recv().unwrap(), json!({"command": "events", "client": null, "follow": false}));
    assert_golden("events.txt", stdout(&output));

    let output = Fake::answering(answer()).run(&["events", "--follow", "--json"]);
    let parse = |text: &str| text.lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<Value>>();
    assert_eq!(parse(stdout(&output)), parse(&lines));
}

#[test]
fn events_of_a_client_that_is_not_there_are_not_waited_for() {
    let status = json!({"ok": true, "result": recorded("status.json")}).to_string();
    let event = std::fs::read_to_string(golden("events.jsonl")).unwrap().lines().next().unwrap().to_owned();
    let fake = Fake::answering(vec![status.clone(), event.clone()]);
    let output = fake.run(&["events", "--client", "wan5", "--follow"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "dhcpmgr: no client is called \"wan5\"; configured: guest, lab, voip, wan4, wan6\n"
    );

    let fake = Fake::answering(vec![status, event]);
    assert_eq!(fake.run(&["events", "--client", "wan4"]).status.code(), Some(0));
    fake.heard.recv().unwrap();
    assert_eq!(fake.heard.recv().unwrap(), json!({"command": "events", "client": "wan4", "follow": false}));
}

#[test]
fn events_are_written_as_they_come_and_a_closed_pipe_is_no_error() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("run/dhcpmgr")).unwrap();
    let listener = UnixListener::bind(root.path().join("run/dhcpmgr/control.sock")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dhcpmgr"))
        .arg("--root")
        .arg(root.path())
        .args(["events", "--follow"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut daemon, _) = listener.accept().unwrap();
    let event =
        std::fs::read_to_string(golden("events.jsonl")).unwrap().lines().next().unwrap().to_owned() + "\n";
    daemon.write_all(event.as_bytes()).unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // The daemon's end is still open: the line must not wait for more.
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("client-started"), "{line}");
    drop(reader);
    // The first line into the closed pipe ends the program.
    while daemon.write_all(event.as_bytes()).is_ok() {
        thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!(complaints, "");
}

#[test]
fn commands_that_do_something_print_the_sentence_of_the_daemon() {
    for command in ["renew", "release", "restart", "enable", "disable"] {
        let fake = Fake::with_result(json!("wan4: done \u{1b}[2J"));
        let output = fake.run(&[command, "wan4"]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(fake.heard.recv().unwrap(), json!({"command": command, "client": "wan4"}));
        assert_eq!(stdout(&output), "wan4: done \\u{1b}[2J\n");
    }
    let fake = Fake::answering(vec!["{\"ok\":true}".to_owned()]);
    let output = fake.run(&["handler", "reset", "acme"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), ""));
    assert_eq!(fake.heard.recv().unwrap(), json!({"command": "handler-reset", "handler": "acme"}));
}

#[test]
fn reload_prints_what_was_done() {
    let output =
        Fake::with_result(json!({"changes": ["client wan4: metric changed"]})).run(&["config", "reload"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "client wan4: metric changed\n"));
    let output = Fake::with_result(json!({"changes": []})).run(&["config", "reload"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "nothing differs\n"));
}

#[test]
fn a_refusal_is_status_1_with_the_reason() {
    let refusal = json!({"ok": false, "error": "no client is called \"wan5\"; configured: wan4"}).to_string();
    for arguments in [["renew", "wan5"].as_slice(), &["why", "wan5", "--json"], &["events", "--follow"]] {
        let output = Fake::answering(vec![refusal.clone()]).run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(stdout(&output), "");
        assert_eq!(stderr(&output), "dhcpmgr: no client is called \"wan5\"; configured: wan4\n");
    }
}

#[test]
fn no_daemon_is_status_3_and_says_where_it_was_looked_for() {
    let root = tempfile::tempdir().unwrap();
    let output = dhcpmgr(root.path(), &["status", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let expected = format!(
        "dhcpmgr: no daemon answers on {}/run/dhcpmgr/control.sock (no such socket); see `systemctl status dhcpmgrd`, \
         or name another root with --root DIR\n",
        root.path().display()
    );
    assert_eq!(stderr(&output), expected);

    // A socket that a killed daemon left behind.
    std::fs::create_dir_all(root.path().join("run/dhcpmgr")).unwrap();
    drop(UnixListener::bind(root.path().join("run/dhcpmgr/control.sock")).unwrap());
    let output = dhcpmgr(root.path(), &["renew", "wan4"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("(nobody listens)"), "{}", stderr(&output));
}

#[test]
fn a_daemon_that_talks_nonsense_or_goes_away_is_status_1() {
    for (answer, expected) in [
        ("nonsense", "is not understood"),
        ("{\"ok\":true,\"result\":{\"clients\":5}}", "are dhcpmgr and dhcpmgrd of the same version?"),
        ("{\"ok\":false}", "refused and did not say why"),
    ] {
        let output = Fake::answering(vec![answer.to_owned()]).run(&["status"]);
        assert_eq!(output.status.code(), Some(1), "{answer}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let output = Fake::answering(Vec::new()).run(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ended the connection without an answer"), "{}", stderr(&output));
}

#[test]
fn wrong_usage_is_status_2_and_asks_nobody() {
    let root = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        ([].as_slice(), "Usage: dhcpmgr"),
        (&["stats"], "'status'"),
        (&["why"], "<CLIENT>"),
        (&["why", "../wan4"], "must have 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit"),
        (&["renew", ""], "client name"),
        (&["renew", "wan4", "--json"], "--json"),
        (&["config", "chek"], "'check'"),
    ] {
        let output = dhcpmgr(root.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    for arguments in
        [["--help"].as_slice(), &["--version"], &["why", "--help"], &["config", "check", "--help"]]
    {
        assert_eq!(dhcpmgr(root.path(), arguments).status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn config_check_needs_no_daemon_and_names_every_mistake() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("etc/dhcpmgr/dhcpmgr.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\n").unwrap();
    let output = dhcpmgr(root.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(0));
    let expected =
        format!("the configuration is right: 1 client, 0 handlers, read from\n  {}\n", file.display());
    assert_eq!(stdout(&output), expected);
    let output = dhcpmgr(root.path(), &["config", "check", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(answer, json!({"ok": true, "files": [file], "clients": ["wan4"], "handlers": []}));

    std::fs::write(&file, "[clients.wan4]\nprotocol = \"v5\"\ninterface = 7\n").unwrap();
    let output = dhcpmgr(root.path(), &["config", "check"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    let file = file.display();
    assert_eq!(
        stderr(&output),
        format!(
            "{file}:2:12: clients.wan4.protocol: \"v5\" is not a protocol (did you mean \"v4\"?); accepted: \"v4\", \"v6\"\n\
             {file}:3:13: clients.wan4.interface: found a whole number; accepted: the name of a network interface, such as \"wan0\"\n\
             dhcpmgr: 2 mistakes\n"
        )
    );
    let output = dhcpmgr(root.path(), &["config", "check", "--json"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), ""));
    let answer: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(answer["ok"], false);
    assert_eq!((&answer["errors"][0]["line"], &answer["errors"][0]["column"]), (&json!(2), &json!(12)));
    assert_eq!(answer["errors"][1]["key"], "clients.wan4.interface");
}

/// The daemon's end of the socket, with a small core behind it.
struct Core(EventLog);

impl Controls for Core {
    async fn clients(&self) -> Vec<dhcpmgr::control::views::ClientStatus> {
        Vec::new()
    }

    async fn handle(&self, request: Request) -> Response {
        match request {
            Request::Status => Response::done(recorded("status.json")),
            Request::Renew { client } => Response::done(format!("{client}: renewal asked for")),
            other => Response::refused(format!("not here: {other:?}")),
        }
    }

    fn events(&self) -> &EventLog {
        &self.0
    }
}

/// Not asked for here.
impl DataModel for Core {
    async fn get(&self, _paths: &[String], _levels: u32) -> Result<Flat, Fault> {
        unreachable!()
    }

    async fn instances(&self, _path: &str) -> Result<Vec<String>, Fault> {
        unreachable!()
    }

    async fn supported(&self, _path: &str) -> Result<Vec<Supported>, Fault> {
        unreachable!()
    }

    async fn change(&self, _change: Change) -> Result<Changed, Vec<Fault>> {
        unreachable!()
    }

    async fn subscribe(&self, _wanted: Subscription) -> Result<Notices, Fault> {
        unreachable!()
    }
}

/// A root with the real control socket.
fn served() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("run/dhcpmgr");
    std::fs::create_dir_all(&directory).unwrap();
    let (ready, wait) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let core = Core(EventLog::default());
            let lines = std::fs::read_to_string(golden("events.jsonl")).unwrap();
            lines.lines().for_each(|line| core.0.publish(serde_json::from_str(line).unwrap()));
            let listener = bind(&directory.join("control.sock")).unwrap();
            ready.send(()).unwrap();
            serve(listener, Rc::new(core)).await;
        });
    });
    wait.recv().unwrap();
    root
}

#[test]
fn the_program_and_the_real_socket_understand_each_other() {
    let root = served();
    assert_golden("status.txt", stdout(&dhcpmgr(root.path(), &["status"])));
    let output = dhcpmgr(root.path(), &["renew", "wan4"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "wan4: renewal asked for\n"));
    assert_golden("events.txt", stdout(&dhcpmgr(root.path(), &["events"])));
    let output = dhcpmgr(root.path(), &["events", "--client", "voip"]);
    assert_eq!(stdout(&output).lines().count(), 1, "{}", stderr(&output));
    assert_eq!(dhcpmgr(root.path(), &["disable", "wan4"]).status.code(), Some(1));
}

#[test]
fn another_user_may_look_when_the_socket_lets_it_and_may_not_change() {
    // Only root can become somebody else, and in a user namespace only somebody whom it knows.
    let probe = tempfile::NamedTempFile::new().unwrap();
    if let Err(error) = std::os::unix::fs::chown(probe.path(), Some(65_534), Some(65_534)) {
        eprintln!(
            "SKIPPED another_user_may_look_when_the_socket_lets_it_and_may_not_change: no other user here: {error}"
        );
        return;
    }
    let root = served();
    let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    open(root.path(), 0o755);
    let program = root.path().join("dhcpmgr");
    // By another process: a child that another test forks meanwhile would inherit the open copy, and keep it busy.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_dhcpmgr")).arg(&program).status().unwrap();
    assert!(copied.success());
    let nobody = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.uid(65_534).gid(65_534).arg("--root").arg(root.path()).args(arguments).output().unwrap()
    };
    let output = nobody(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("this user may not talk to the daemon on"), "{}", stderr(&output));

    open(&root.path().join("run/dhcpmgr/control.sock"), 0o666);
    assert_eq!(nobody(&["status"]).status.code(), Some(0));
    let output = nobody(&["renew", "wan4"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "dhcpmgr: only root and the user of dhcpmgrd may change anything; run this as root\n"
    );
}

#[test]
fn a_terminal_gets_colour_and_the_same_columns() {
    let status = serde_json::from_value(recorded("status.json")).unwrap();
    let coloured = render::status(&status, Style { colour: true });
    assert!(coloured.contains("\x1b[32mBound\x1b[0m"));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, render::status(&status, Style { colour: false }));
}

#[test]
fn the_commands_are_there_for_manual_pages() {
    dhcpmgr::cli::command().debug_assert();
    dhcpmgr::cli::daemon_command().debug_assert();
    let names: Vec<_> = dhcpmgr::cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
    assert_eq!(
        names,
        [
            "status", "lease", "events", "metrics", "why", "renew", "release", "restart", "enable",
            "disable", "handler", "config", "import", "map", "get", "set", "add", "del", "call", "watch",
            "paths"
        ]
    );
}
