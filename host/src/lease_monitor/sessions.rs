//! Who may send leases, and where they go: one session for each client.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use dhcpmgr_message::wire::DecodeError;
use dhcpmgr_message::{ClientName, IfName, LeaseMessage, Token};
use tokio::sync::mpsc;

use super::Journal;
use crate::clock;
use crate::control::views::MessageCounters;

/// How many message ids are remembered to recognise a message that comes twice.
const REMEMBERED: usize = 4096;

/// A message that was let in.
#[derive(Debug)]
pub struct Arrival {
    /// The message.
    pub message: Rc<LeaseMessage>,
    /// How it came.
    pub origin: Origin,
    /// When: milliseconds of `CLOCK_BOOTTIME`.
    pub at_ms: u64,
}

/// How a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Through the socket, from the running client.
    Socket,
    /// Out of the spool, from a client that found nobody at home.
    Spool,
    /// Out of the journal: what was in force when an earlier daemon ended.
    Journal,
    /// Out of the journal: what an earlier daemon had acknowledged, and not come to.
    LaidDown,
}

/// Why a message is not let in: the error text of the answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Not a lease message.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// No client of that name is configured.
    #[error("no client \"{0}\" is configured; see dhcpmgr status")]
    UnknownClient(ClientName),
    /// The token is not the one of the running client.
    #[error("the token is not the one that client \"{0}\" was started with")]
    WrongToken(ClientName),
    /// The client runs on another interface.
    #[error("client \"{client}\" runs on {expected}, not on {found}")]
    WrongInterface {
        /// The client.
        client: ClientName,
        /// Its interface.
        expected: IfName,
        /// The interface in the message.
        found: IfName,
    },
    /// The message could not be kept; the shim keeps it instead.
    #[error("the message cannot be kept: {0}")]
    NotKept(std::io::Error),
    /// The daemon is ending; the shim keeps the message.
    #[error("the daemon is stopping")]
    Stopping,
}

#[derive(Debug)]
struct Session {
    interface: IfName,
    token: Option<Token>,
    inbox: mpsc::Sender<Arrival>,
}

/// All sessions, and what was counted.
#[derive(Debug)]
pub struct Sessions {
    sessions: RefCell<HashMap<ClientName, Session>>,
    seen: RefCell<Seen>,
    counters: Cell<MessageCounters>,
    journal: Journal,
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { sessions: RefCell::default(), seen: RefCell::default(), counters: Cell::default(), journal }
    }

    /// The journal that messages are written to.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Opens a session: messages of this client go to `inbox`.
    pub fn open(&self, client: ClientName, interface: IfName, inbox: mpsc::Sender<Arrival>) {
        self.sessions.borrow_mut().insert(client, Session { interface, token: None, inbox });
    }

    /// Closes a session.
    pub fn close(&self, client: &ClientName) {
        self.sessions.borrow_mut().remove(client);
    }

    /// Says which token the running client has; `None` when it does not run.
    pub fn set_token(&self, client: &ClientName, token: Option<Token>) {
        if let Some(session) = self.sessions.borrow_mut().get_mut(client) {
            session.token = token;
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> MessageCounters {
        self.counters.get()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut MessageCounters)) {
        let mut counters = self.counters.get();
        change(&mut counters);
        self.counters.set(counters);
    }

    /// Lets a message in or says why not. Waits while its controller's queue is full, which holds back this sender
    /// and no other. When it returns `Ok`, the message is safe.
    pub async fn deliver(&self, bytes: &[u8], origin: Origin) -> Result<(), Rejection> {
        let result = self.admit(bytes, origin).await;
        self.count(|c| match &result {
            Ok(true) if origin == Origin::Socket => c.accepted += 1,
            Ok(true) if origin == Origin::Spool => c.replayed += 1,
            Ok(true) => {}
            Ok(false) => c.duplicates += 1,
            Err(Rejection::Malformed(_)) => c.malformed += 1,
            Err(Rejection::NotKept(_) | Rejection::Stopping) => {}
            Err(_) => c.unauthorised += 1,
        });
        result.map(|_| ())
    }

    /// Lets in what the journal keeps of a client: the lease, and then what was told and is not in it yet.
    pub async fn replay_journal(&self, client: &ClientName) {
        if let Some(bytes) = self.journal.read(client)
            && let Err(reason) = self.deliver(&bytes, Origin::Journal).await
        {
            tracing::warn!("{client}: the lease kept by an earlier daemon cannot be used: {reason}");
            self.journal.forget(client);
        }
        for (path, bytes) in self.journal.parts(client) {
            // Its controller settles what is let in.
            if !matches!(self.admit(&bytes, Origin::LaidDown).await, Ok(true)) {
                self.journal.discard(&path);
            }
        }
    }

    /// `Ok(false)` for a message that was here before.
    async fn admit(&self, bytes: &[u8], origin: Origin) -> Result<bool, Rejection> {
        let message = Rc::new(LeaseMessage::decode(bytes)?);
        let inbox = self.authorise(&message, origin)?;
        if self.seen.borrow().contains(message.id) {
            return Ok(false);
        }
        let place = inbox.reserve_owned().await.map_err(|_| Rejection::Stopping)?;
        // The same message may have come in by another way while this one waited.
        if !self.seen.borrow_mut().insert(message.id) {
            return Ok(false);
        }
        if !matches!(origin, Origin::Journal | Origin::LaidDown) {
            self.journal.keep(&message, bytes).map_err(Rejection::NotKept)?;
        }
        place.send(Arrival { message, origin, at_ms: clock::boottime_ms() });
        Ok(true)
    }

    fn authorise(&self, message: &LeaseMessage, origin: Origin) -> Result<mpsc::Sender<Arrival>, Rejection> {
        let sessions = self.sessions.borrow();
        let client = &message.client;
        let session = sessions.get(client).ok_or_else(|| Rejection::UnknownClient(client.clone()))?;
        // Files of ours prove themselves: only root can write where they are. Their token is that of an earlier start.
        let known = session.token.as_ref().is_some_and(|token| token.matches(&message.token));
        if origin == Origin::Socket && !known {
            return Err(Rejection::WrongToken(client.clone()));
        }
        if session.interface != message.interface {
            return Err(Rejection::WrongInterface {
                client: client.clone(),
                expected: session.interface.clone(),
                found: message.interface.clone(),
            });
        }
        Ok(session.inbox.clone())
    }
}

/// The ids of the last messages.
#[derive(Debug, Default)]
struct Seen {
    order: VecDeque<u64>,
    ids: HashSet<u64>,
}

impl Seen {
    fn contains(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    /// `false` when it was there already.
    fn insert(&mut self, id: u64) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use dhcpmgr_message::{ClientEvent, V4Report, VERSION, wire};

    use super::*;
    use crate::clock::BootId;

    fn message(id: u64, token: &Token) -> LeaseMessage {
        LeaseMessage {
            v: VERSION,
            id,
            client: "wan4".parse().unwrap(),
            token: token.clone(),
            program: "udhcpc".into(),
            event: ClientEvent::Deconfig,
            interface: "wan0".parse().unwrap(),
            at_ms: 1,
            v4: Some(V4Report::default()),
            v6: None,
            problems: Vec::new(),
        }
    }

    struct World {
        sessions: Sessions,
        inbox: mpsc::Receiver<Arrival>,
        token: Token,
        _directory: tempfile::TempDir,
    }

    fn world() -> World {
        let directory = tempfile::tempdir().unwrap();
        let sessions = Sessions::new(Journal::new(directory.path().join("leases"), BootId::current()));
        let (sender, inbox) = mpsc::channel(4);
        let token = Token::from_random([1; 16]);
        sessions.open("wan4".parse().unwrap(), "wan0".parse().unwrap(), sender);
        sessions.set_token(&"wan4".parse().unwrap(), Some(token.clone()));
        World { sessions, inbox, token, _directory: directory }
    }

    async fn send(world: &World, message: &LeaseMessage, origin: Origin) -> Result<(), String> {
        world.sessions.deliver(&wire::encode(message).unwrap(), origin).await.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn a_message_of_the_running_client_reaches_its_controller_once() {
        let mut world = world();
        let message = message(7, &world.token);
        send(&world, &message, Origin::Socket).await.unwrap();
        send(&world, &message, Origin::Spool).await.unwrap();
        assert_eq!(*world.inbox.recv().await.unwrap().message, message);
        assert!(world.inbox.try_recv().is_err());
        let counters = world.sessions.counters();
        assert_eq!((counters.accepted, counters.duplicates), (1, 1));
    }

    #[tokio::test]
    async fn strangers_are_told_why_they_are_refused() {
        let world = world();
        let mut other = message(1, &Token::from_random([2; 16]));
        assert!(send(&world, &other, Origin::Socket).await.unwrap_err().contains("token is not the one"));
        other.client = "wan9".parse().unwrap();
        assert!(send(&world, &other, Origin::Socket).await.unwrap_err().contains("no client \"wan9\""));
        let mut elsewhere = message(2, &world.token);
        elsewhere.interface = "eth7".parse().unwrap();
        assert!(
            send(&world, &elsewhere, Origin::Socket).await.unwrap_err().contains("runs on wan0, not on eth7")
        );
        assert!(world.sessions.deliver(b"\xff", Origin::Socket).await.is_err());
        let counters = world.sessions.counters();
        assert_eq!((counters.unauthorised, counters.malformed, counters.accepted), (3, 1, 0));
    }

    #[tokio::test]
    async fn a_token_ends_with_its_client() {
        let world = world();
        world.sessions.set_token(&"wan4".parse().unwrap(), None);
        assert!(send(&world, &message(1, &world.token), Origin::Socket).await.is_err());
        send(&world, &message(1, &world.token), Origin::Spool).await.unwrap();
    }

    #[test]
    fn the_memory_of_ids_is_bounded() {
        let mut seen = Seen::default();
        assert!((0..REMEMBERED as u64 + 10).all(|id| seen.insert(id)));
        assert_eq!(seen.ids.len(), REMEMBERED);
        assert!(!seen.contains(5) && seen.contains(10));
    }
}
