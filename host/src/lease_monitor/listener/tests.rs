//! The lease socket against senders that are right, wrong, silent and many.

use std::os::fd::OwnedFd;

use dhcpmgr_message::{ClientEvent, LeaseMessage, Token, V4Report, VERSION};
use nix::sys::socket::connect;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::*;
use crate::clock::BootId;
use crate::lease_monitor::{Arrival, Journal};

struct World {
    path: PathBuf,
    sessions: Rc<Sessions>,
    inbox: mpsc::Receiver<Arrival>,
    token: Token,
    directory: tempfile::TempDir,
}

/// A daemon's ear in a directory of its own.
fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lease.sock");
    let sessions = Rc::new(Sessions::new(Journal::new(directory.path().join("leases"), BootId::current())));
    let (sender, inbox) = mpsc::channel(4);
    let token = Token::from_random([1; 16]);
    sessions.open("wan4".parse().unwrap(), "wan0".parse().unwrap(), sender);
    sessions.set_token(&"wan4".parse().unwrap(), Some(token.clone()));
    let listener = Listener::open(&path).unwrap();
    let serving = Rc::clone(&sessions);
    spawn_local(async move { listener.run(serving).await });
    World { path, sessions, inbox, token, directory }
}

impl World {
    fn message(&self, id: u64) -> LeaseMessage {
        LeaseMessage {
            v: VERSION,
            id,
            client: "wan4".parse().unwrap(),
            token: self.token.clone(),
            program: "udhcpc".into(),
            event: ClientEvent::Bound,
            interface: "wan0".parse().unwrap(),
            at_ms: 1,
            v4: Some(V4Report { address: Some([192, 0, 2, 7].into()), ..V4Report::default() }),
            v6: None,
            problems: Vec::new(),
        }
    }

    fn connect(&self) -> Connection {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket: OwnedFd = socket::socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.path).unwrap()).unwrap();
        Connection::new(socket.into(), Rc::default())
    }
}

async fn ask(connection: &mut Connection, bytes: &[u8]) -> Option<Answer> {
    socket::send(connection.descriptor, bytes, MsgFlags::MSG_NOSIGNAL).unwrap();
    let bytes = connection.receive().await.ok().flatten()?;
    Some(wire::decode(&bytes).unwrap())
}

fn refused(answer: Option<Answer>) -> String {
    let answer = answer.expect("an answer");
    assert!(!answer.ok);
    answer.error.unwrap()
}

#[tokio::test]
async fn one_connection_carries_many_messages_and_each_is_answered() {
    LocalSet::new()
        .run_until(async {
            let mut world = world();
            let mut connection = world.connect();
            for id in 0..3 {
                let answer = ask(&mut connection, &wire::encode(&world.message(id)).unwrap()).await;
                assert_eq!(answer, Some(Answer::accepted()));
                assert_eq!(world.inbox.recv().await.unwrap().message.id, id);
            }
            let kept = world.sessions.journal().read(&"wan4".parse().unwrap()).unwrap();
            assert!(LeaseMessage::decode(&kept).is_ok(), "what was acknowledged is in the journal");
        })
        .await;
}

#[tokio::test]
async fn what_is_not_a_message_is_answered_with_the_reason_and_the_next_message_goes_through() {
    LocalSet::new()
        .run_until(async {
            let world = world();
            let mut connection = world.connect();
            let right = wire::encode(&world.message(9)).unwrap();
            let cut = refused(ask(&mut connection, &right[..right.len() - 3]).await);
            assert!(cut.contains("byte"), "{cut}");
            let huge = vec![0xc0; wire::LIMITS.bytes + 500];
            assert!(refused(ask(&mut connection, &huge).await).contains("at most 65536 are accepted"));
            assert!(!refused(ask(&mut connection, b"\xde\xff\xff").await).is_empty());
            let mut broken = right.clone();
            let place = broken.windows(4).position(|w| w == b"wan4").unwrap();
            broken[place] = 0xff;
            assert!(!refused(ask(&mut connection, &broken).await).is_empty());
            assert_eq!(ask(&mut connection, &right).await, Some(Answer::accepted()));
            assert_eq!(world.sessions.counters().malformed, 4);
        })
        .await;
}

#[tokio::test]
async fn a_connection_that_sends_nothing_but_rubbish_is_closed() {
    LocalSet::new()
        .run_until(async {
            let world = world();
            let mut connection = world.connect();
            for _ in 0..PATIENCE {
                refused(ask(&mut connection, b"\xc1").await);
            }
            assert_eq!(connection.receive().await.unwrap(), None);
        })
        .await;
}

#[tokio::test]
async fn ten_thousand_connections_that_say_nothing_keep_nobody_out() {
    LocalSet::new()
        .run_until(async {
            let mut world = world();
            let mut silent = VecDeque::new();
            let mut talking = world.connect();
            for number in 0..10_000 {
                silent.push_back(world.connect());
                if silent.len() > 300 {
                    silent.pop_front();
                }
                if number % 100 == 0 {
                    let answer = ask(&mut talking, &wire::encode(&world.message(number)).unwrap()).await;
                    assert_eq!(answer, Some(Answer::accepted()), "after {number}");
                    world.inbox.recv().await.unwrap();
                }
            }
            let answer = ask(&mut world.connect(), &wire::encode(&world.message(77_777)).unwrap()).await;
            assert_eq!(answer, Some(Answer::accepted()));
        })
        .await;
}

#[tokio::test]
async fn a_full_queue_holds_its_sender_back_until_there_is_room() {
    LocalSet::new()
        .run_until(async {
            let mut world = world();
            let mut connection = world.connect();
            for id in 0..4 {
                ask(&mut connection, &wire::encode(&world.message(id)).unwrap()).await.unwrap();
            }
            let fifth = wire::encode(&world.message(4)).unwrap();
            let waiting = tokio::time::timeout(Duration::from_millis(50), ask(&mut connection, &fifth)).await;
            assert!(waiting.is_err(), "nobody acknowledges what has no place");
            world.inbox.recv().await.unwrap();
            let answer: Answer = wire::decode(&connection.receive().await.unwrap().unwrap()).unwrap();
            assert!(answer.ok);
        })
        .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_gets_no_answer_so_that_the_shim_keeps_it() {
    LocalSet::new()
        .run_until(async {
            let world = world();
            // A file where the journal's directory should be.
            std::fs::write(world.directory.path().join("leases"), b"").unwrap();
            let answer = ask(&mut world.connect(), &wire::encode(&world.message(1)).unwrap()).await;
            assert_eq!(answer, None);
        })
        .await;
}
