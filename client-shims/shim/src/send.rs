//! Brings one message to the daemon and fetches the answer, within a deadline: the client stands still meanwhile.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use dhcpmgr_message::Answer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, UnixAddr};

/// How long to wait before the next attempt to connect when the daemon's backlog is full. There is nothing to
/// poll for: the kernel refuses at once.
const BACKLOG_PAUSE: Duration = Duration::from_millis(2);

/// The way to the daemon.
#[derive(Debug, Default)]
pub struct Door(Option<OwnedFd>);

impl Door {
    /// Tells the daemon that somebody is there, without a word: it wakes up while the message is still being written. The
    /// path is that of its socket. What goes wrong is seen later, by [`Door::send`].
    pub fn knock(&mut self, path: &[u8]) {
        self.0 = open(path).ok().and_then(|(socket, address)| {
            socket::connect(socket.as_raw_fd(), &address).ok().map(|()| socket)
        });
    }

    /// Sends the message to the `SOCK_SEQPACKET` socket of this path, at which it may have knocked, and waits for the
    /// answer.
    ///
    /// # Errors
    /// Nobody took the message, or nobody said so in time: what failed, for the log.
    pub fn send(self, path: &[u8], message: &[u8], deadline: Instant) -> Result<Answer, io::Error> {
        let socket = match self.0 {
            Some(socket) => socket,
            None => {
                let (socket, address) = open(path)?;
                connect(&socket, &address, deadline)?;
                socket
            }
        };
        send(&socket, message, deadline)
    }
}

fn open(path: &[u8]) -> io::Result<(OwnedFd, UnixAddr)> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket::socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    Ok((socket, UnixAddr::new(path)?))
}

fn send(socket: &OwnedFd, message: &[u8], deadline: Instant) -> Result<Answer, io::Error> {
    let sent = retry(socket, PollFlags::POLLOUT, deadline, || {
        socket::send(socket.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL)
    })?;
    if sent != message.len() {
        return Err(io::Error::other("the message was cut"));
    }
    // Nothing follows: the daemon need not wait for more.
    socket::shutdown(socket.as_raw_fd(), Shutdown::Write)?;
    // Nobody answers faster than a poll: waiting first saves a call that fails. Looking without sleeping gains nothing,
    // because a processor that is offered to others on a busy machine comes back late.
    wait(socket, PollFlags::POLLIN, deadline)?;
    let mut answer = [0; 4096];
    let len = retry(socket, PollFlags::POLLIN, deadline, || {
        socket::recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())
    })?;
    if len == 0 {
        return Err(io::Error::other("the daemon hung up without an answer"));
    }
    Answer::decode(&answer[..len]).map_err(|error| io::Error::other(format!("the answer: {error}")))
}

fn connect(socket: &OwnedFd, address: &UnixAddr, deadline: Instant) -> Result<(), io::Error> {
    loop {
        match socket::connect(socket.as_raw_fd(), address) {
            Ok(()) => return Ok(()),
            Err(Errno::EAGAIN | Errno::EINTR) => {
                thread::sleep(BACKLOG_PAUSE.min(left(deadline)?));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes a call that must not block until it succeeds or fails for good.
fn retry<T>(
    socket: &OwnedFd,
    event: PollFlags,
    deadline: Instant,
    mut call: impl FnMut() -> nix::Result<T>,
) -> Result<T, io::Error> {
    loop {
        match call() {
            Ok(value) => return Ok(value),
            Err(Errno::EAGAIN) => wait(socket, event, deadline)?,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn wait(socket: &OwnedFd, event: PollFlags, deadline: Instant) -> Result<(), io::Error> {
    loop {
        // Rounded up, or the last part of a millisecond would be spent spinning.
        let timeout = left(deadline)?.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(socket.as_fd(), event)], timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn left(deadline: Instant) -> Result<Duration, io::Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    }
    Ok(left)
}
