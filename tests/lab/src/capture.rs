//! The DHCP packets of one gateway interface, both directions, with the time.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimeout};
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
};
use nix::sys::time::TimeVal;

use crate::error::Context;
use crate::{Dhcp, Dhcp6, MessageType, MessageType6, Result, eventually};

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<A = Ipv4Addr, D = Dhcp> {
    /// When it was received here.
    pub at: Instant,
    /// IP source.
    pub from: A,
    /// IP destination.
    pub to: A,
    /// What it says.
    pub dhcp: D,
}

/// A packet of DHCPv6.
pub type Packet6 = Packet<Ipv6Addr, Dhcp6>;

/// What a [`Capture`] can look for.
pub trait Captured: Clone + Send + Sized + 'static {
    /// What packets are told apart by.
    type Type: Copy + PartialEq + std::fmt::Debug;
    /// Reads an Ethernet frame; `None` when it is something else.
    fn read(frame: &[u8]) -> Option<Self>;
    /// What it says.
    fn message(&self) -> Self::Type;
}

impl Captured for Packet {
    type Type = MessageType;

    /// Ethernet II, IPv4, UDP between the DHCP ports.
    fn read(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(14..).filter(|_| frame.get(12..14) == Some(&[0x08, 0x00]))?;
        let header = usize::from(ip.first()? & 0x0f) * 4;
        let udp = ip.get(header..).filter(|_| ip.get(9) == Some(&17))?;
        if !matches!(ports(udp)?, (67 | 68, 67 | 68)) {
            return None;
        }
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
        let dhcp = Dhcp::read(udp.get(8..)?)?;
        Some(Self { at: Instant::now(), from: address(12)?, to: address(16)?, dhcp })
    }

    fn message(&self) -> MessageType {
        self.dhcp.message
    }
}

impl Captured for Packet6 {
    type Type = MessageType6;

    /// Ethernet II, IPv6 without extension headers, UDP between the DHCPv6 ports.
    fn read(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(14..).filter(|_| frame.get(12..14) == Some(&[0x86, 0xdd]))?;
        let udp = ip.get(40..).filter(|_| ip.get(6) == Some(&17))?;
        if !matches!(ports(udp)?, (546 | 547, 546 | 547)) {
            return None;
        }
        let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
        let dhcp = Dhcp6::read(udp.get(8..)?)?;
        Some(Self { at: Instant::now(), from: address(8)?, to: address(24)?, dhcp })
    }

    fn message(&self) -> MessageType6 {
        self.dhcp.message
    }
}

fn ports(udp: &[u8]) -> Option<(u16, u16)> {
    let port = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    Some((port(0)?, port(2)?))
}

/// A recording that goes on until it is dropped.
#[derive(Debug)]
pub struct Capture<P = Packet> {
    seen: Arc<Mutex<Vec<P>>>,
    stop: Arc<AtomicBool>,
}

/// A recording of DHCPv6.
pub type Capture6 = Capture<Packet6>;

impl<P: Captured> Capture<P> {
    /// Starts in the calling thread's network namespace.
    pub(crate) fn start(interface: &str) -> Result<Self> {
        let index = if_nametoindex(interface).context(|| format!("the interface {interface}"))? as usize;
        let socket =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)
                .context(|| "a packet socket".to_owned())?;
        setsockopt(&socket, RcvBuf, &(4 << 20))?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(0, 50_000))?;
        let capture = Self { seen: Arc::default(), stop: Arc::default() };
        let (seen, stop) = (Arc::clone(&capture.seen), Arc::clone(&capture.stop));
        std::thread::Builder::new()
            .name("packets".to_owned())
            .spawn(move || record(&socket, index, &seen, &stop))?;
        Ok(capture)
    }

    /// Everything so far.
    #[must_use]
    pub fn all(&self) -> Vec<P> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Everything so far of one type.
    #[must_use]
    pub fn of(&self, message: P::Type) -> Vec<P> {
        self.all().into_iter().filter(|packet| packet.message() == message).collect()
    }

    /// Waits for a packet of this type.
    pub fn wait_for(&self, message: P::Type) -> Result<P> {
        eventually(&format!("{message:?} on the wire"), || Ok(self.of(message).into_iter().next()))
    }
}

impl<P> Drop for Capture<P> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn record<P: Captured>(socket: &OwnedFd, index: usize, seen: &Mutex<Vec<P>>, stop: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        // A packet socket sees every interface of its namespace unless it is bound; the sender says which.
        let Ok((length, Some(from))) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) else {
            continue;
        };
        if from.ifindex() == index {
            seen.lock().unwrap_or_else(PoisonError::into_inner).extend(P::read(&buffer[..length]));
        }
    }
}
