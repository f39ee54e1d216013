//! The socket that the kernel's notifications arrive at.
//!
//! It is read without waiting, so that whoever just changed something can take the echo in at once: notifications are
//! queued before the kernel answers the request that caused them.

use std::io;
use std::os::fd::AsRawFd;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use rtnetlink::MulticastGroup;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::wire::{Message, messages};

const GROUPS: [MulticastGroup; 7] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
];

/// Room for what arrives while the daemon is busy, bytes: some thousand notifications. Taken only when needed.
const RECEIVE_BUFFER: usize = 1 << 20;

/// The kernel never sends a larger notification.
const DATAGRAM: usize = 32 * 1024;

/// The socket; `AsyncFd` for waiting, plain `recv` for reading.
pub(super) struct Watch {
    socket: AsyncFd<Socket>,
}

/// What came of reading everything that was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    /// Everything was read.
    All,
    /// The kernel had to drop some: the mirror has to be made anew.
    Overrun,
}

impl Watch {
    /// Subscribes, in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        let groups = GROUPS.iter().fold(0, |all, group| all | 1 << (*group as u32 - 1));
        socket.bind(&SocketAddr::new(0, groups))?;
        socket.set_non_blocking(true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            // Without CAP_NET_ADMIN: as far as net.core.rmem_max goes. An overrun costs a dump, nothing else.
            let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        #[expect(
            deprecated,
            reason = "its successor is unsafe for the sake of types that lie about their descriptor; this one owns it"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket })
    }

    /// Waits for the next notification.
    pub(super) async fn readable(&self) -> io::Result<tokio::io::unix::AsyncFdReadyGuard<'_, Socket>> {
        self.socket.readable().await
    }

    /// Hands every notification that is there to `take`.
    pub(super) fn drain(
        &self,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&Message<'_>),
    ) -> io::Result<Drained> {
        buffer.resize(DATAGRAM, 0);
        let mut drained = Drained::All;
        loop {
            match recv(
                self.socket.get_ref().as_raw_fd(),
                buffer,
                MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC,
            ) {
                Ok(len) => match buffer.get(..len) {
                    Some(datagram) => messages(datagram).for_each(|message| take(&message)),
                    None => drained = Drained::Overrun,
                },
                Err(Errno::EAGAIN) => return Ok(drained),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => drained = Drained::Overrun,
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
