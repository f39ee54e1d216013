//! The spool: in order, nothing lost, nothing that stops what comes after it.

use std::rc::Rc;

use dhcpmgr_message::context::spool_file_name;
use dhcpmgr_message::{ClientEvent, LeaseMessage, Token, V4Report, VERSION, wire};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::*;
use crate::clock::BootId;
use crate::lease_monitor::{Arrival, Journal};
use crate::order;

struct World {
    sessions: Rc<Sessions>,
    inbox: mpsc::Receiver<Arrival>,
    directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("spool")).unwrap();
    let sessions = Rc::new(Sessions::new(Journal::new(directory.path().join("leases"), BootId::current())));
    let (sender, inbox) = mpsc::channel(16);
    sessions.open("wan4".parse().unwrap(), "wan0".parse().unwrap(), sender);
    World { sessions, inbox, directory }
}

impl World {
    fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    fn leave(&self, at_ms: u64, id: u64) {
        let message = LeaseMessage {
            v: VERSION,
            id,
            client: "wan4".parse().unwrap(),
            token: Token::from_random([9; 16]),
            program: "udhcpc".into(),
            event: ClientEvent::Deconfig,
            interface: "wan0".parse().unwrap(),
            at_ms,
            v4: Some(V4Report::default()),
            v6: None,
            problems: Vec::new(),
        };
        let temporary = self.spool().join(".tmp");
        fs::write(&temporary, wire::encode(&message).unwrap()).unwrap();
        fs::rename(temporary, self.spool().join(spool_file_name(at_ms, id))).unwrap();
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.spool()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        order::sort(&mut names);
        names
    }
}

#[tokio::test]
async fn messages_are_taken_in_the_order_of_their_time_and_the_spool_is_empty_then() {
    let mut world = world();
    for (at, id) in [(30, 1), (4, 2), (200, 3)] {
        world.leave(at, id);
    }
    Spool::open(world.spool()).unwrap().replay(&world.sessions).await;
    let order: Vec<u64> = (0..3).map(|_| world.inbox.try_recv().unwrap().message.at_ms).collect();
    assert_eq!(order, [4, 30, 200]);
    assert!(world.files().is_empty());
    assert_eq!(world.sessions.counters().replayed, 3);
}

#[tokio::test]
async fn what_cannot_be_used_is_set_aside_and_the_rest_is_taken() {
    let mut world = world();
    fs::write(world.spool().join("00000000000000000001-00.lease"), b"rubbish").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", world.spool().join("00000000000000000002-00.lease")).unwrap();
    fs::write(world.spool().join("00000000000000000003-00.lease"), vec![0; 70_000]).unwrap();
    fs::write(world.spool().join(".half.tmp"), b"").unwrap();
    world.leave(50, 1);
    Spool::open(world.spool()).unwrap().replay(&world.sessions).await;
    assert_eq!(world.inbox.try_recv().unwrap().message.at_ms, 50);
    let aside: Vec<_> = world.files().into_iter().filter(|name| name.ends_with(".refused")).collect();
    assert_eq!(aside.len(), 3, "{aside:?}");
}

#[tokio::test]
async fn a_message_left_while_the_daemon_runs_is_taken_too() {
    let mut world = world();
    let spool = Spool::open(world.spool()).unwrap();
    let sessions = Rc::clone(&world.sessions);
    LocalSet::new()
        .run_until(async {
            tokio::task::spawn_local(async move { spool.run(&sessions).await });
            tokio::task::yield_now().await;
            world.leave(7, 7);
            assert_eq!(world.inbox.recv().await.unwrap().message.id, 7);
        })
        .await;
}
