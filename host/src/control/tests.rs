//! The control socket as a client meets it, with a small core behind it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::listen::MAX_FOLLOWERS;
use super::{Controls, MAX_CONNECTIONS, MAX_LINE_BYTES, Request, Response, bind, serve};
use crate::data_model::Fault;
use crate::data_model::door::{Change, Changed, DataModel, Flat, Supported};
use crate::data_model::notice::Notices;
use crate::data_model::subscription::Subscription;
use crate::events::{Event, EventKind, EventLog};

/// Answers with the request; `why slow` takes a long time.
#[derive(Default)]
struct Echo(EventLog);

impl Controls for Echo {
    async fn clients(&self) -> Vec<super::views::ClientStatus> {
        Vec::new()
    }

    async fn handle(&self, request: Request) -> Response {
        if matches!(&request, Request::Why { client } if client.as_str() == "slow") {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        Response::done(request)
    }

    fn events(&self) -> &EventLog {
        &self.0
    }
}

/// Not asked for here.
impl DataModel for Echo {
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

    async fn subscribe(&self, wanted: Subscription) -> Result<Notices, Fault> {
        Err(Fault::new(7026, wanted.references.join(" "), "is refused here"))
    }
}

fn event(client: &str, n: usize) -> Event {
    Event {
        time: String::new(),
        client: Some(client.parse().unwrap()),
        event: EventKind::LeaseRenewed,
        changed: Vec::new(),
        detail: Some(n.to_string()),
        handler: None,
        fields: Default::default(),
        lease: None,
    }
}

struct Daemon {
    core: Rc<Echo>,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Daemon {
    async fn connect(&self) -> BufReader<UnixStream> {
        BufReader::new(UnixStream::connect(&self.path).await.unwrap())
    }
}

/// Runs a test with a daemon.
async fn with_daemon<F: Future<Output = ()>>(test: impl FnOnce(Rc<Daemon>) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let core = Rc::new(Echo::default());
    let listener = bind(&path).unwrap();
    let daemon = Rc::new(Daemon { core: Rc::clone(&core), path, _directory: directory });
    let local = LocalSet::new();
    local.spawn_local(serve(listener, core));
    timeout(Duration::from_secs(20), local.run_until(test(daemon))).await.unwrap();
}

async fn say(stream: &mut BufReader<UnixStream>, line: &str) {
    stream.write_all(line.as_bytes()).await.unwrap();
    stream.write_all(b"\n").await.unwrap();
}

async fn hear(stream: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    serde_json::from_str(&line).unwrap()
}

async fn ask(stream: &mut BufReader<UnixStream>, line: &str) -> Value {
    say(stream, line).await;
    hear(stream).await
}

#[tokio::test]
async fn a_connection_carries_many_requests_and_a_mistake_does_not_end_it() {
    with_daemon(|daemon| async move {
        let mut stream = daemon.connect().await;
        let answer = ask(&mut stream, r#"{"command":"status"}"#).await;
        assert_eq!(answer, json!({"ok": true, "result": {"command": "status"}}));
        for bad in [
            "",
            "{",
            "[]",
            r#"{"command":"stat"}"#,
            r#"{"command":"why"}"#,
            r#"{"command":"why","client":"../x"}"#,
        ] {
            let answer = ask(&mut stream, bad).await;
            let error = answer["error"].as_str().unwrap();
            assert_eq!(answer["ok"], false, "{bad}");
            assert!(
                error.starts_with("the request is not understood (") && error.contains("handler-reset"),
                "{error}"
            );
        }
        let answer = ask(&mut stream, r#"{"command":"renew","client":"wan4"}"#).await;
        assert_eq!(answer["result"]["client"], "wan4");
    })
    .await;
}

#[tokio::test]
async fn a_line_beyond_the_limit_is_refused() {
    with_daemon(|daemon| async move {
        let mut stream = daemon.connect().await;
        stream.write_all(&vec![b' '; MAX_LINE_BYTES + 1]).await.unwrap();
        let answer = hear(&mut stream).await;
        assert_eq!(answer["error"], "the request has more than 65536 bytes in a line");
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    })
    .await;
}

#[tokio::test]
async fn idle_connections_make_room_and_busy_ones_do_not() {
    with_daemon(|daemon| async move {
        let mut idle = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut stream = daemon.connect().await;
            ask(&mut stream, r#"{"command":"status"}"#).await;
            idle.push(stream);
        }
        let mut late = daemon.connect().await;
        assert_eq!(ask(&mut late, r#"{"command":"status"}"#).await["ok"], true);
        assert_eq!(idle[0].read(&mut [0]).await.unwrap(), 0, "the one that was idle the longest has to go");
        assert_eq!(ask(&mut idle[1], r#"{"command":"status"}"#).await["ok"], true);

        let mut busy = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut stream = daemon.connect().await;
            say(&mut stream, r#"{"command":"why","client":"slow"}"#).await;
            // The next one must find this one busy.
            tokio::time::sleep(Duration::from_millis(2)).await;
            busy.push(stream);
        }
        let mut refused = daemon.connect().await;
        assert_eq!(hear(&mut refused).await["error"], "64 requests are being answered; try again");
    })
    .await;
}

#[tokio::test]
async fn a_slow_request_does_not_keep_others_waiting() {
    with_daemon(|daemon| async move {
        let mut slow = daemon.connect().await;
        say(&mut slow, r#"{"command":"why","client":"slow"}"#).await;
        let mut quick = daemon.connect().await;
        assert_eq!(ask(&mut quick, r#"{"command":"status"}"#).await["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn past_events_end_with_the_stream_and_a_follower_sees_what_comes() {
    with_daemon(|daemon| async move {
        let events = daemon.core.events();
        events.publish(event("wan4", 1));
        events.publish(event("voip", 2));
        let mut all = daemon.connect().await;
        say(&mut all, r#"{"command":"events"}"#).await;
        let mut text = String::new();
        all.read_to_string(&mut text).await.unwrap();
        assert_eq!(text.lines().count(), 2);

        let mut follower = daemon.connect().await;
        let first = ask(&mut follower, r#"{"command":"events","client":"voip","follow":true}"#).await;
        assert_eq!(first["detail"], "2");
        events.publish(event("wan4", 3));
        events.publish(event("voip", 4));
        let next = hear(&mut follower).await;
        assert_eq!((&next["client"], &next["detail"]), (&json!("voip"), &json!("4")));
    })
    .await;
}

#[tokio::test]
async fn a_follower_that_is_too_slow_is_told_what_it_missed() {
    with_daemon(|daemon| async move {
        daemon.core.events().publish(event("voip", 0));
        let mut follower = daemon.connect().await;
        ask(&mut follower, r#"{"command":"events","client":"voip","follow":true}"#).await;
        // All at once: the task of the connection has no chance to read them in between.
        for n in 0..600 {
            daemon.core.events().publish(event("wan4", n));
        }
        let next = hear(&mut follower).await;
        assert_eq!(next["event"], "events-missed");
        assert_eq!(next["fields"]["count"], "344");
        assert_eq!(next["detail"], "344 events are missing here: they were read too slowly");
    })
    .await;
}

#[tokio::test]
async fn followers_leave_room_for_others_and_their_place_is_free_when_they_go() {
    with_daemon(|daemon| async move {
        daemon.core.events().publish(event("wan4", 1));
        let follow = r#"{"command":"events","follow":true}"#;
        let mut followers = Vec::new();
        for _ in 0..MAX_FOLLOWERS {
            let mut stream = daemon.connect().await;
            ask(&mut stream, follow).await;
            followers.push(stream);
        }
        let mut one_more = daemon.connect().await;
        assert_eq!(ask(&mut one_more, follow).await["error"], "32 others follow the events already");
        drop(followers);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut again = daemon.connect().await;
        assert_eq!(ask(&mut again, follow).await["detail"], "1");
    })
    .await;
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group_and_replaces_a_dead_one_but_not_a_living_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = bind(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let error = bind(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(listener);
    bind(&path).unwrap();
}

#[test]
fn every_command_has_its_name_in_the_list_and_only_reading_is_for_everybody() {
    let client = json!("wan4");
    for command in Request::COMMANDS {
        let mut request = json!({"command": command});
        if matches!(command, "why" | "renew" | "release" | "restart" | "enable" | "disable") {
            request["client"] = client.clone();
        }
        if command.starts_with("handler-") {
            request["handler"] = json!("acme");
        }
        if command == "import" {
            request["order"] = json!({"found": [{"file": "a", "client_id": null}]});
        }
        match command {
            "get" | "watch" | "delete" => request["paths"] = json!(["Device."]),
            "get-instances" | "get-supported" | "add" => request["path"] = json!("Device."),
            "set" => request["values"] = json!({"Device.X": true}),
            "operate" => request["call"] = json!("Device.X()"),
            _ => {}
        }
        let parsed: Request = serde_json::from_value(request).unwrap();
        let of_model = ["get", "get-instances", "get-supported", "watch"];
        let reads = of_model.contains(&command)
            || ["status", "lease", "events", "why", "metrics", "handlers", "config-show"].contains(&command);
        assert_eq!(parsed.changes(), !reads, "{command}");
    }
}
