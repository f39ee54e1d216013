//! Sends a batch of requests with one system call and reads the kernel's answers.
//!
//! rtnetlink works a batch off before `sendmsg` returns: when it does, the answers are already in the receive buffer.
//! So nothing here waits and nothing has to be asynchronous: one lease costs one `sendmsg` and one `recv`. Only the last
//! request asks for an acknowledgement; a refused one is answered in any case, and matched by its sequence number.

use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use super::decode::{self, Notice};
use super::wire::{HEADER, Message, Request, attributes, kind, messages};
use crate::clock::boottime_ms;

/// Requests in one `sendmsg`: far below the socket's send buffer, and their refusals fit the receive buffer.
const CHUNK: usize = 64;

/// `NLMSGERR_ATTR_MSG`: the kernel's own words.
const ATTR_MESSAGE: u16 = 1;

/// Why the kernel refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) errno: Errno,
    /// The kernel's own words (extended acknowledgement), where it has any.
    pub(super) words: Option<String>,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self { errno, words: None }
    }
}

/// A socket for requests.
pub(super) struct Batch {
    socket: Socket,
    sequence: u32,
    out: Vec<u8>,
    answer: Vec<u8>,
}

impl Batch {
    /// Opens the socket in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        // Refusals without a copy of the request (4.3), and with a reason in words (4.12): both only a comfort.
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_ext_ack(true);
        Ok(Self { socket, sequence: 0, out: Vec::with_capacity(1024), answer: vec![0; 8192] })
    }

    /// Sends the requests in order; one answer for each.
    pub(super) fn run(&mut self, requests: &[Request]) -> Vec<Result<(), Refusal>> {
        let mut results = Vec::with_capacity(requests.len());
        for chunk in requests.chunks(CHUNK) {
            let first = self.sequence.wrapping_add(1);
            let mut answers = vec![Ok(()); chunk.len()];
            if let Err(errno) = self.send(chunk).and_then(|()| self.collect(first, &mut answers)) {
                answers.fill(Err(errno.into()));
            }
            results.append(&mut answers);
        }
        results
    }

    /// Asks for one object, and hands over what the kernel says of it.
    pub(super) fn get(&mut self, request: &Request) -> Result<Notice, Refusal> {
        self.ask(request, |answer| decode::notice(answer, boottime_ms()))
    }

    /// Asks for one object, and hands over what `read` finds in the answer.
    pub(super) fn ask<T>(
        &mut self,
        request: &Request,
        read: impl Fn(&Message<'_>) -> Option<T>,
    ) -> Result<T, Refusal> {
        self.out.clear();
        self.put(request, NLM_F_REQUEST);
        self.flush()?;
        loop {
            let len = self.receive()?;
            let datagram = self.answer.get(..len).unwrap_or_default();
            let Some(answer) = messages(datagram).find(|message| message.sequence == self.sequence) else {
                continue;
            };
            return match read(&answer) {
                Some(found) => Ok(found),
                None => Err(refusal(&answer).unwrap_or_else(|| Errno::EPROTO.into())),
            };
        }
    }

    fn send(&mut self, chunk: &[Request]) -> Result<(), Errno> {
        self.out.clear();
        let last = chunk.len().saturating_sub(1);
        for (at, request) in chunk.iter().enumerate() {
            self.put(request, NLM_F_REQUEST | if at == last { NLM_F_ACK } else { 0 });
        }
        self.flush()
    }

    fn put(&mut self, request: &Request, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        request.write(self.sequence, flags, &mut self.out);
    }

    fn flush(&self) -> Result<(), Errno> {
        match self.socket.send(&self.out, 0) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
        }
    }

    fn collect(&mut self, first: u32, answers: &mut [Result<(), Refusal>]) -> Result<(), Errno> {
        let last = self.sequence;
        loop {
            let len = self.receive()?;
            for message in messages(self.answer.get(..len).unwrap_or_default()) {
                let at = message.sequence.wrapping_sub(first) as usize;
                if let (kind::ERROR, Some(answer)) = (message.kind, answers.get_mut(at)) {
                    if let Some(refusal) = refusal(&message) {
                        *answer = Err(refusal);
                    }
                    if message.sequence == last {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The length of the next answer; `EAGAIN` when there is none, which after `sendmsg` means that it was lost.
    fn receive(&mut self) -> Result<usize, Errno> {
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.answer, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EINTR) => {}
                result => return result,
            }
        }
    }
}

/// Reads an `NLMSG_ERROR`: a code, the request's header, then attributes. Nothing for an acknowledgement, whose code
/// is 0.
pub(super) fn refusal(message: &Message<'_>) -> Option<Refusal> {
    let code = message.body.first_chunk().map(|code| i32::from_ne_bytes(*code))?;
    if message.kind != kind::ERROR || code == 0 {
        return None;
    }
    let words = message.body.get(4 + HEADER..).and_then(|rest| {
        let (_, text) = attributes(rest).find(|(attribute, _)| *attribute == ATTR_MESSAGE)?;
        let text = String::from_utf8_lossy(text);
        Some(text.trim_end_matches('\0').trim_end_matches('.').to_owned())
    });
    Some(Refusal { errno: Errno::from_raw(code.wrapping_neg()), words })
}
