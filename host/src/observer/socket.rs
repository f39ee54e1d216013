//! The packet socket: one for all interfaces of the network namespace, filtered in the kernel. It only listens.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg,
    setsockopt, socket, sockopt,
};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::filter::{OUTGOING, loadable, program};
use super::packet::Way;

/// Room for what arrives while the daemon is busy, bytes; taken only when needed. The kernel doubles it: some 150 packets,
/// more than all clients of a gateway send and receive when its links come up together.
const RECEIVE_BUFFER: usize = 1 << 17;

/// What was received besides the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// How many bytes.
    pub(super) length: usize,
    /// `sll_protocol`, in host order.
    pub(super) ethertype: u16,
    /// Which way it went.
    pub(super) way: Way,
    /// Interface index.
    pub(super) interface: u32,
    /// The Ethernet address that it comes from, where it has one.
    pub(super) from: Option<[u8; 6]>,
    /// How many packets the kernel had dropped before it.
    pub(super) dropped: u32,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Tap(AsyncFd<OwnedFd>);

impl Tap {
    /// Opens it, in the network namespace of the calling thread. Nothing passes before [`Tap::listen_on`].
    pub(super) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // Only one for all protocols sees what goes out. It listens from its first moment on.
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, SockProtocol::EthAll)?;
        SockRef::from(&socket).attach_filter(&loadable(&program(&[])))?;
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for the sake of types that lie about their descriptor; this one owns it"
        )]
        let tap = Self(AsyncFd::with_interest(socket, Interest::READABLE)?);
        // What came before there was a filter.
        while tap.receive(&mut [0; 1])?.is_some() {}
        Ok(tap)
    }

    /// Lets messages of DHCP on these interfaces pass, and on no others.
    pub(super) fn listen_on(&self, interfaces: &[u32]) -> io::Result<()> {
        SockRef::from(self.0.get_ref()).attach_filter(&loadable(&program(interfaces)))
    }

    pub(super) async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
        self.0.readable().await
    }

    /// Takes a packet; what is longer than `buffer` is cut off. `None` when none is there.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        let mut control = cmsg_space!(u32);
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let socket = self.0.get_ref().as_raw_fd();
            let message =
                match recvmsg::<LinkAddr>(socket, &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
                    Ok(message) => message,
                    Err(Errno::EAGAIN) => return Ok(None),
                    // An interface that went down is told of once.
                    Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                    Err(errno) => return Err(errno.into()),
                };
            let Some(from) = message.address else { continue };
            let dropped = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::RxqOvfl(dropped) => Some(dropped),
                _ => None,
            });
            return Ok(Some(Received {
                length: message.bytes,
                ethertype: u16::from_be(from.protocol()),
                way: if u32::from(from.pkttype()) == OUTGOING { Way::Out } else { Way::In },
                interface: u32::try_from(from.ifindex()).unwrap_or_default(),
                from: from.addr().filter(|_| from.halen() == 6),
                dropped: dropped.unwrap_or_default(),
            }));
        }
    }
}
