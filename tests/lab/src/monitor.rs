//! What the kernel announces (rtnetlink notifications), recorded with the time: the proof that nothing moved.
//!
//! The few fields that tests ask for are parsed here by hand: the observer must not share code with the observed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimeout};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
};
use nix::sys::time::TimeVal;

use crate::Result;
use crate::error::Context;

/// `RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE`
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// The routing table that follows the addresses.
const LOCAL: u32 = 255;

/// What kind of announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the kernel's, without RTM_")]
pub enum Kind {
    NewLink,
    DelLink,
    NewAddr,
    DelAddr,
    NewRoute,
    DelRoute,
}

/// One announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it was received.
    pub at: Instant,
    /// What it is.
    pub kind: Kind,
    /// Index of the interface; of a route the outgoing one.
    pub interface: u32,
    /// The address, or the destination of a route, with its prefix length.
    pub subject: Option<(IpAddr, u8)>,
    /// The router of a route.
    pub via: Option<IpAddr>,
    /// `IFA_PROTO` of an address, `rtm_protocol` of a route.
    pub protocol: u8,
    /// Metric of a route.
    pub metric: u32,
    /// Routing table of a route.
    pub table: u32,
    /// Preferred and valid lifetime of an address, seconds; `u32::MAX` is for ever.
    pub lifetimes: Option<(u32, u32)>,
}

impl Change {
    /// Whether something was taken away.
    #[must_use]
    pub fn removes(&self) -> bool {
        matches!(self.kind, Kind::DelLink | Kind::DelAddr | Kind::DelRoute)
    }

    /// Whether it is about IPv4 addresses or routes outside the `local` table, which follows the addresses.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.subject.is_some_and(|(address, _)| address.is_ipv4()) && self.table != LOCAL
    }

    /// Whether it is about IPv6 addresses or routes of the wide world: neither link-local nor multicast.
    #[must_use]
    pub fn is_v6(&self) -> bool {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_multicast(),
        };
        self.subject.is_some_and(|(address, _)| wide(address)) && self.table != LOCAL
    }
}

/// A recording that goes on until it is dropped.
#[derive(Debug)]
pub struct Monitor {
    seen: Arc<Mutex<Vec<Change>>>,
    stop: Arc<AtomicBool>,
}

impl Monitor {
    /// Starts in the calling thread's network namespace.
    pub(crate) fn start() -> Result<Self> {
        let socket =
            socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
                .context(|| "a netlink socket".to_owned())?;
        // A storm must not be lost; the default buffer holds some hundred messages.
        setsockopt(&socket, RcvBuf, &(4 << 20))?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(0, 50_000))?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS)).context(|| "netlink groups".to_owned())?;
        let monitor = Self { seen: Arc::default(), stop: Arc::default() };
        let (seen, stop) = (Arc::clone(&monitor.seen), Arc::clone(&monitor.stop));
        std::thread::Builder::new()
            .name("netlink".to_owned())
            .spawn(move || record(&socket, &seen, &stop))?;
        Ok(monitor)
    }

    /// Everything so far; waits a moment for what is still on its way.
    #[must_use]
    pub fn all(&self) -> Vec<Change> {
        std::thread::sleep(Duration::from_millis(60));
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything so far.
    pub fn clear(&self) {
        drop(self.take());
    }

    /// Everything since the last time, and forgets it.
    #[must_use]
    pub fn take(&self) -> Vec<Change> {
        std::thread::sleep(Duration::from_millis(60));
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn record(socket: &OwnedFd, seen: &Mutex<Vec<Change>>, stop: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        // Nothing within the timeout, or an overrun that 4 MiB should make impossible: look again.
        let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) else { continue };
        let at = Instant::now();
        let changes = messages(&buffer[..length]).filter_map(|(kind, body)| parse(at, kind, body));
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Splits at `nlmsghdr`: message type and body.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        let message = bytes.get(..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16_at(message, 4)?, message.get(16..)?))
    })
}

/// Splits at `rtattr`: attribute type and value.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let (kind, value) = (u16_at(bytes, 2)?, bytes.get(4..length)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn address(value: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(value).map(|bytes| IpAddr::from(Ipv4Addr::from(bytes)));
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(|bytes| IpAddr::from(Ipv6Addr::from(bytes)))).ok()
}

/// The structures and attribute numbers are those of `linux/rtnetlink.h`, `linux/if_addr.h` and `linux/if_link.h`.
fn parse(at: Instant, kind: u16, body: &[u8]) -> Option<Change> {
    let kind = match kind {
        16 => Kind::NewLink,
        17 => Kind::DelLink,
        20 => Kind::NewAddr,
        21 => Kind::DelAddr,
        24 => Kind::NewRoute,
        25 => Kind::DelRoute,
        _ => return None,
    };
    let empty = Change {
        at,
        kind,
        interface: 0,
        subject: None,
        via: None,
        protocol: 0,
        metric: 0,
        table: 0,
        lifetimes: None,
    };
    match kind {
        Kind::NewLink | Kind::DelLink => Some(Change { interface: u32_at(body, 4)?, ..empty }),
        Kind::NewAddr | Kind::DelAddr => {
            let length = *body.get(1)?;
            let mut change = Change { interface: u32_at(body, 4)?, ..empty };
            for (attribute, value) in attributes(body.get(8..)?) {
                match attribute {
                    // IFA_LOCAL follows IFA_ADDRESS, which is the peer of a point-to-point link.
                    1 | 2 => change.subject = address(value).map(|address| (address, length)),
                    6 => change.lifetimes = u32_at(value, 0).zip(u32_at(value, 4)),
                    11 => change.protocol = *value.first()?,
                    _ => {}
                }
            }
            Some(change)
        }
        Kind::NewRoute | Kind::DelRoute => {
            let length = *body.get(1)?;
            let anywhere = if *body.first()? == 2 { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
            let mut change = Change {
                subject: Some((anywhere, length)),
                table: u32::from(*body.get(4)?),
                protocol: *body.get(5)?,
                ..empty
            };
            for (attribute, value) in attributes(body.get(12..)?) {
                match attribute {
                    1 => change.subject = address(value).map(|address| (address, length)),
                    4 => change.interface = u32_at(value, 0)?,
                    5 => change.via = address(value),
                    6 => change.metric = u32_at(value, 0)?,
                    15 => change.table = u32_at(value, 0)?,
                    _ => {}
                }
            }
            Some(change)
        }
    }
}
