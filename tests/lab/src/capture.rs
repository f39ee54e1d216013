//! The DHCP packets of one gateway interface, both directions, with the time.

use std::net::Ipv4Addr;
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
use crate::{Dhcp, MessageType, Result, eventually};

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it was received here.
    pub at: Instant,
    /// IP source.
    pub from: Ipv4Addr,
    /// IP destination.
    pub to: Ipv4Addr,
    /// What it says.
    pub dhcp: Dhcp,
}

/// A recording that goes on until it is dropped.
#[derive(Debug)]
pub struct Capture {
    seen: Arc<Mutex<Vec<Packet>>>,
    stop: Arc<AtomicBool>,
}

impl Capture {
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
    pub fn all(&self) -> Vec<Packet> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Everything so far of one type.
    #[must_use]
    pub fn of(&self, message: MessageType) -> Vec<Packet> {
        self.all().into_iter().filter(|packet| packet.dhcp.message == message).collect()
    }

    /// Waits for a packet of this type.
    pub fn wait_for(&self, message: MessageType) -> Result<Packet> {
        eventually(&format!("{message:?} on the wire"), || Ok(self.of(message).into_iter().next()))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn record(socket: &OwnedFd, index: usize, seen: &Mutex<Vec<Packet>>, stop: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        // A packet socket sees every interface of its namespace unless it is bound; the sender says which.
        let Ok((length, Some(from))) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) else {
            continue;
        };
        if from.ifindex() == index {
            seen.lock().unwrap_or_else(PoisonError::into_inner).extend(frame(&buffer[..length]));
        }
    }
}

/// Ethernet II, IPv4, UDP between the DHCP ports.
fn frame(bytes: &[u8]) -> Option<Packet> {
    let ip = bytes.get(14..).filter(|_| bytes.get(12..14) == Some(&[0x08, 0x00]))?;
    let header = usize::from(ip.first()? & 0x0f) * 4;
    let udp = ip.get(header..).filter(|_| ip.get(9) == Some(&17))?;
    let port = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    if !matches!((port(0)?, port(2)?), (67 | 68, 67 | 68)) {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
    Some(Packet {
        at: Instant::now(),
        from: address(12)?,
        to: address(16)?,
        dhcp: Dhcp::read(udp.get(8..)?)?,
    })
}
