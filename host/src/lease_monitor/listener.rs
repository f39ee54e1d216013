//! The lease socket: `SOCK_SEQPACKET`, one datagram a message, one datagram an answer.
//!
//! Connections are bounded: when there are too many, the one that has been silent longest goes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use dhcpmgr_message::{Answer, wire};
use nix::sched::sched_yield;
use nix::sys::socket::{
    self, AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials, sockopt,
};
use nix::unistd::geteuid;
use tokio::io::Interest;
use tokio::task::{AbortHandle, spawn_local};

use super::{Origin, Rejection, Sessions};

/// Open connections.
const CONNECTIONS: usize = 256;
/// Messages in a row that are not understood before a connection is closed.
const PATIENCE: u32 = 16;

/// A shim knocks before it has written its message, which follows sooner than this thread could be put to sleep and woken
/// again: so long it is looked for without sleeping.
const ON_THE_SPOT: Duration = Duration::from_micros(150);

/// Why the lease socket cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the lease socket {path}: {source}")]
pub struct ListenError {
    path: PathBuf,
    source: io::Error,
}

/// The open lease socket.
#[derive(Debug)]
pub struct Listener {
    // The standard library's and tokio's stream types work on any connected socket; only reading and writing go by
    // whole datagrams here.
    socket: UnixListener,
    /// The same socket, for waiting only: tokio's own listener would register every connection with epoll at once.
    waiting: tokio::net::UnixStream,
    connections: Rc<RefCell<Connections>>,
    prompt: Rc<Cell<bool>>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    task: AbortHandle,
}

/// The open connections; the one that spoke last is at the back.
#[derive(Debug, Default)]
struct Connections(VecDeque<Open>);

impl Connections {
    fn touch(&mut self, number: u64) {
        if self.0.back().is_some_and(|last| last.number == number) {
            return;
        }
        if let Some(open) = self.remove(number) {
            self.0.push_back(open);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Open> {
        let place = self.0.iter().position(|open| open.number == number)?;
        self.0.remove(place)
    }
}

impl Listener {
    /// Opens the socket, in place of one that a dead daemon left.
    pub fn open(path: &Path) -> Result<Self, ListenError> {
        let open = || -> io::Result<Self> {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket::socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
            socket::bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
            // Who may connect is decided by who may write here; the peer's uid is checked besides.
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            socket::listen(&socket, Backlog::MAXCONN)?;
            Self::new(socket.into())
        };
        open().map_err(|source| ListenError { path: path.to_owned(), source })
    }

    /// Goes on with a socket that the service manager holds: what came while no daemon ran waits in it.
    pub fn inherited(socket: OwnedFd, path: &Path) -> Result<Self, ListenError> {
        let socket = UnixListener::from(socket);
        let listener = socket.set_nonblocking(true).and_then(|()| Self::new(socket));
        listener.map_err(|source| ListenError { path: path.to_owned(), source })
    }

    fn new(socket: UnixListener) -> io::Result<Self> {
        let waiting = tokio::net::UnixStream::from_std(OwnedFd::from(socket.try_clone()?).into())?;
        Ok(Self { socket, waiting, connections: Rc::default(), prompt: Rc::default() })
    }

    /// Serves connections for ever; needs a `LocalSet`.
    pub async fn run(&self, sessions: Rc<Sessions>) {
        for number in 0_u64.. {
            let mut connection = Connection::new(self.accept().await, Rc::clone(&self.prompt));
            self.make_room(&sessions);
            let (sessions, connections) = (Rc::clone(&sessions), Rc::clone(&self.connections));
            let task = spawn_local(async move {
                let spoke = || connections.borrow_mut().touch(number);
                if let Err(error) = converse(&mut connection, &sessions, spoke).await {
                    tracing::debug!("lease connection: {error}");
                }
                connections.borrow_mut().remove(number);
            });
            self.connections.borrow_mut().0.push_back(Open { number, task: task.abort_handle() });
        }
    }

    async fn accept(&self) -> UnixStream {
        loop {
            match self.waiting.async_io(Interest::READABLE, || self.socket.accept()).await {
                Ok((connection, _)) => return connection,
                // The peer may be gone again, or descriptors be short for a moment: neither ends the service.
                Err(error) => {
                    tracing::warn!("lease socket: cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn make_room(&self, sessions: &Sessions) {
        let mut connections = self.connections.borrow_mut();
        while connections.0.len() >= CONNECTIONS {
            if let Some(oldest) = connections.0.pop_front() {
                oldest.task.abort();
                sessions.count(|c| c.connections_refused += 1);
            }
        }
    }
}

/// A connection, which tokio hears of only when there is something to wait for. A shim has sent its message before it
/// is accepted, has room for its answer, and says that no other message follows: as a rule nothing is waited for, and
/// a round through epoll would cost more than the message.
struct Connection {
    descriptor: RawFd,
    new: Option<UnixStream>,
    waiting: Option<tokio::net::UnixStream>,
    /// Whether it is worth waiting on the spot: not after somebody who said nothing, until somebody speaks.
    prompt: Rc<Cell<bool>>,
}

impl Connection {
    fn new(socket: UnixStream, prompt: Rc<Cell<bool>>) -> Self {
        Self { descriptor: socket.as_raw_fd(), new: Some(socket), waiting: None, prompt }
    }

    /// Makes a call that does not block, again and again until it need not wait.
    async fn io<T>(
        &mut self,
        interest: Interest,
        mut call: impl FnMut(RawFd) -> nix::Result<T>,
    ) -> io::Result<T> {
        let mut now = || call(self.descriptor).map_err(io::Error::from);
        match now() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if self.never_waited() {
            let patience = if self.prompt.get() { ON_THE_SPOT } else { Duration::ZERO };
            let started = Instant::now();
            loop {
                // Woken by the connection, this thread may have taken the processor from the shim before it could speak.
                let _ = sched_yield();
                match now() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return done,
                }
                if started.elapsed() >= patience {
                    break;
                }
            }
            self.prompt.set(false);
        }
        if let Some(socket) = self.new.take() {
            socket.set_nonblocking(true)?;
            self.waiting = Some(tokio::net::UnixStream::from_std(socket)?);
        }
        let waiting = self.waiting.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        loop {
            waiting.ready(interest).await?;
            match waiting.try_io(interest, &mut now) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    fn never_waited(&self) -> bool {
        self.new.is_some()
    }

    fn peer(&self) -> io::Result<UnixCredentials> {
        let socket = self.new.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        Ok(socket::getsockopt(socket, sockopt::PeerCredentials)?)
    }

    /// The next message, or `None` at the end. What is longer than a message may be comes cut, and is refused for its
    /// length by the decoder.
    async fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        thread_local! {
            static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; wire::LIMITS.bytes + 1]);
        }
        let receive = |descriptor| {
            BUFFER.with_borrow_mut(|buffer| {
                let length = socket::recv(descriptor, buffer, MsgFlags::MSG_DONTWAIT)?;
                Ok((length > 0).then(|| buffer[..length].to_vec()))
            })
        };
        let received = self.io(Interest::READABLE, receive).await;
        if let Ok(Some(_)) = &received {
            self.prompt.set(true);
        }
        received
    }

    async fn answer(&mut self, answer: Answer) -> io::Result<()> {
        let bytes = wire::encode(&answer).map_err(io::Error::other)?;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match self.io(Interest::WRITABLE, |descriptor| socket::send(descriptor, &bytes, flags)).await {
            // The shim did not wait; its message is safe all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.map(|_| ()),
        }
    }
}

async fn converse(connection: &mut Connection, sessions: &Sessions, spoke: impl Fn()) -> io::Result<()> {
    let peer = connection.peer()?;
    if peer.uid() != 0 && peer.uid() != geteuid().as_raw() {
        sessions.count(|c| c.unauthorised += 1);
        return connection.answer(Answer::refused(format!("uid {} may not send leases", peer.uid()))).await;
    }
    let mut strikes = 0;
    while let Some(bytes) = connection.receive().await? {
        spoke();
        let result = sessions.deliver(&bytes, Origin::Socket).await;
        strikes = if matches!(result, Err(Rejection::Malformed(_))) { strikes + 1 } else { 0 };
        if let Err(reason) = &result {
            tracing::warn!("lease message from pid {} refused: {reason}", peer.pid());
        }
        if let Err(Rejection::NotKept(_) | Rejection::Stopping) = &result {
            // No answer: the shim keeps the message in the spool.
            break;
        }
        let answer = result.err().map_or_else(Answer::accepted, |e| Answer::refused(e.to_string()));
        connection.answer(answer).await?;
        if connection.never_waited() {
            // A shim's, as a rule: its lease goes before the end of its connection.
            after_the_others().await;
        }
        if strikes == PATIENCE {
            break;
        }
    }
    Ok(())
}

/// Lets every task run that is ready. Tokio's `yield_now` would let the accepting task go on for as long as it likes.
async fn after_the_others() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests;
