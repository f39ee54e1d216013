//! The lease socket: `SOCK_SEQPACKET`, one datagram a message, one datagram an answer.
//!
//! Connections are bounded: when there are too many, the one that has been silent longest goes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{Answer, wire};
use nix::sys::socket::{self, AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::unistd::geteuid;
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, spawn_local};

use super::{Origin, Rejection, Sessions};

/// Open connections.
const CONNECTIONS: usize = 256;
/// Messages in a row that are not understood before a connection is closed.
const PATIENCE: u32 = 16;

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
    // tokio's stream types work on any connected socket; only reading and writing go by whole datagrams.
    socket: UnixListener,
    connections: Rc<RefCell<Connections>>,
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
        let open = || -> io::Result<UnixListener> {
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
            UnixListener::from_std(socket.into())
        };
        let socket = open().map_err(|source| ListenError { path: path.to_owned(), source })?;
        Ok(Self { socket, connections: Rc::default() })
    }

    /// Serves connections for ever; needs a `LocalSet`.
    pub async fn run(&self, sessions: Rc<Sessions>) {
        for number in 0_u64.. {
            let connection = self.accept().await;
            self.make_room(&sessions);
            let (sessions, connections) = (Rc::clone(&sessions), Rc::clone(&self.connections));
            let task = spawn_local(async move {
                let spoke = || connections.borrow_mut().touch(number);
                if let Err(error) = converse(&connection, &sessions, spoke).await {
                    tracing::debug!("lease connection: {error}");
                }
                connections.borrow_mut().remove(number);
            });
            self.connections.borrow_mut().0.push_back(Open { number, task: task.abort_handle() });
        }
    }

    async fn accept(&self) -> UnixStream {
        loop {
            match self.socket.accept().await {
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

async fn converse(connection: &UnixStream, sessions: &Sessions, spoke: impl Fn()) -> io::Result<()> {
    let peer = connection.peer_cred()?;
    if peer.uid() != 0 && peer.uid() != geteuid().as_raw() {
        sessions.count(|c| c.unauthorised += 1);
        return answer(connection, Answer::refused(format!("uid {} may not send leases", peer.uid()))).await;
    }
    let mut strikes = 0;
    while let Some(bytes) = receive(connection).await? {
        spoke();
        let result = sessions.deliver(&bytes, Origin::Socket).await;
        strikes = if matches!(result, Err(Rejection::Malformed(_))) { strikes + 1 } else { 0 };
        if let Err(reason) = &result {
            tracing::warn!("lease message from pid {} refused: {reason}", peer.pid().unwrap_or_default());
        }
        if let Err(Rejection::NotKept(_) | Rejection::Stopping) = &result {
            // No answer: the shim keeps the message in the spool.
            break;
        }
        answer(connection, result.err().map_or_else(Answer::accepted, |e| Answer::refused(e.to_string())))
            .await?;
        if strikes == PATIENCE {
            break;
        }
    }
    Ok(())
}

/// The next message, or `None` at the end. What is longer than a message may be comes cut, and is refused for its
/// length by the decoder.
async fn receive(connection: &UnixStream) -> io::Result<Option<Vec<u8>>> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; wire::LIMITS.bytes + 1]);
    }
    let now = || {
        BUFFER.with_borrow_mut(|buffer| {
            let length = socket::recv(connection.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?;
            Ok((length > 0).then(|| buffer[..length].to_vec()))
        })
    };
    at_once_or_when_ready(connection, Interest::READABLE, now).await
}

async fn answer(connection: &UnixStream, answer: Answer) -> io::Result<()> {
    let bytes = wire::encode(&answer).map_err(io::Error::other)?;
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let now = || Ok(socket::send(connection.as_raw_fd(), &bytes, flags)?);
    match at_once_or_when_ready(connection, Interest::WRITABLE, now).await {
        // The shim did not wait; its message is safe all the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map(|_| ()),
    }
}

/// A shim sends before it is accepted, and has room for its answer: as a rule there is nothing to wait for, and a round
/// through epoll would cost more than the message.
async fn at_once_or_when_ready<T>(
    connection: &UnixStream,
    interest: Interest,
    mut now: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    match now() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        done => return done,
    }
    loop {
        connection.ready(interest).await?;
        match connection.try_io(interest, &mut now) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests;
