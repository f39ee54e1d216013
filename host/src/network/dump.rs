//! Asks the kernel for everything once: at the start, and after an overrun.

use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tokio::task::yield_now;

use super::batch::refusal;
use super::decode::{self, Notice};
use super::error::NetworkError;
use super::wire::{Request, V4, V6, kind, messages};

/// What is asked for, in this order: kind of request, family, name. The fixed parts are no longer than a route's.
const QUESTIONS: [(u16, u8, &str); 6] = [
    (kind::GET_LINK, 0, "links"),
    (kind::GET_ADDRESS, 0, "addresses"),
    (kind::GET_ROUTE, V4, "routes"),
    (kind::GET_ROUTE, V6, "routes"),
    (kind::GET_RULE, V4, "rules"),
    (kind::GET_RULE, V6, "rules"),
];

/// `NLM_F_DUMP_INTR`: something changed meanwhile.
const INTERRUPTED: u16 = 0x10;

/// The kernel's largest piece of a dump; it makes them as large as the reader's buffer, up to this.
const DATAGRAM: usize = 32 * 1024;

/// Links, addresses, routes and rules, in this order, as the kernel says them. `now` is the clock of their lifetimes.
pub(super) async fn dump(now: fn() -> u64) -> Result<Vec<Notice>, NetworkError> {
    let open = || -> io::Result<Socket> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(socket)
    };
    let socket = open().map_err(|source| NetworkError::Open { what: "reading", source })?;
    let mut buffer = vec![0; DATAGRAM];
    let mut all = Vec::new();
    for (sequence, (kind, family, what)) in (1..).zip(QUESTIONS) {
        let failed = |errno: Errno| NetworkError::Dump { what, reason: errno.desc().to_lowercase() };
        // `struct ifinfomsg` is the longest of the fixed parts, and what it has more reads as no attribute.
        let mut fixed = [0; 16];
        fixed[0] = family;
        let length = if kind == kind::GET_LINK { 16 } else { 12 };
        let mut out = Vec::new();
        let request = Request::new(kind, 0, fixed.get(..length).unwrap_or_default());
        request.write(sequence, NLM_F_REQUEST | NLM_F_DUMP, &mut out);
        socket.send(&out, 0).map_err(|source| NetworkError::Open { what: "reading", source })?;
        while !piece(&socket, &mut buffer, sequence, now(), &mut all).map_err(failed)? {
            // A full table of routes takes many.
            yield_now().await;
        }
    }
    Ok(all)
}

/// Reads one piece, which the kernel makes while it is asked for it: this does not wait. Returns whether it was the last.
fn piece(
    socket: &Socket,
    buffer: &mut [u8],
    sequence: u32,
    now: u64,
    all: &mut Vec<Notice>,
) -> Result<bool, Errno> {
    let len = match recv(socket.as_raw_fd(), buffer, MsgFlags::empty()) {
        Ok(len) => len,
        Err(Errno::EINTR) => return Ok(false),
        Err(errno) => return Err(errno),
    };
    for message in messages(buffer.get(..len).unwrap_or_default()) {
        if message.sequence != sequence {
            continue;
        }
        if message.flags & INTERRUPTED != 0 {
            // What changed is announced, and comes after this.
            tracing::debug!("something changed while the kernel was read");
        }
        match message.kind {
            kind::DONE => return Ok(true),
            kind::ERROR => return Err(refusal(&message).map_or(Errno::EPROTO, |refusal| refusal.errno)),
            _ => all.extend(decode::notice(&message, now)),
        }
    }
    Ok(false)
}
