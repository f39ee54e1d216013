//! Sends a batch of requests with one system call and reads the kernel's answers.
//!
//! rtnetlink works a batch off before `sendmsg` returns: when it does, the answers are already in the receive buffer.
//! So nothing here waits and nothing has to be asynchronous: one lease costs one `sendmsg` and one `recv`. Only the last
//! request asks for an acknowledgement; a refused one is answered in any case, and matched by its sequence number.

use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

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
    pub(super) fn run(&mut self, requests: Vec<(RouteNetlinkMessage, u16)>) -> Vec<Result<(), Refusal>> {
        let mut results = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let first = self.sequence.wrapping_add(1);
            let chunk: Vec<_> = requests.by_ref().take(CHUNK).collect();
            let mut answers = vec![Ok(()); chunk.len()];
            if let Err(errno) = self.send(chunk).and_then(|()| self.collect(first, &mut answers)) {
                answers.fill(Err(errno.into()));
            }
            results.append(&mut answers);
        }
        results
    }

    /// Asks for one object, and hands over what the kernel says of it.
    pub(super) fn get(&mut self, request: RouteNetlinkMessage) -> Result<RouteNetlinkMessage, Refusal> {
        self.out.clear();
        self.put(request, NLM_F_REQUEST);
        self.flush()?;
        loop {
            let message = self.receive()?;
            if message.header.sequence_number != self.sequence {
                continue;
            }
            match message.payload {
                NetlinkPayload::InnerMessage(inner) => return Ok(inner),
                NetlinkPayload::Error(error) => return Err(refusal(error.raw_code(), &error.header)),
                _ => return Err(Errno::EPROTO.into()),
            }
        }
    }

    fn send(&mut self, chunk: Vec<(RouteNetlinkMessage, u16)>) -> Result<(), Errno> {
        self.out.clear();
        let last = chunk.len().saturating_sub(1);
        for (at, (message, flags)) in chunk.into_iter().enumerate() {
            let ack = if at == last { NLM_F_ACK } else { 0 };
            self.put(message, NLM_F_REQUEST | ack | flags);
        }
        self.flush()
    }

    fn put(&mut self, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = self.out.len();
        self.out.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut self.out[start..]);
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
            let message = self.receive()?;
            let sequence = message.header.sequence_number;
            let at = sequence.wrapping_sub(first) as usize;
            if let (NetlinkPayload::Error(error), Some(answer)) = (&message.payload, answers.get_mut(at)) {
                if error.raw_code() != 0 {
                    *answer = Err(refusal(error.raw_code(), &error.header));
                }
                if sequence == last {
                    return Ok(());
                }
            }
        }
    }

    /// The next answer; `EAGAIN` when there is none, which after `sendmsg` means that it was lost.
    fn receive(&mut self) -> Result<NetlinkMessage<RouteNetlinkMessage>, Errno> {
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.answer, MsgFlags::MSG_DONTWAIT) {
                Ok(len) => {
                    let bytes = self.answer.get(..len).unwrap_or_default();
                    return NetlinkMessage::deserialize(bytes).map_err(|_| Errno::EPROTO);
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// `tail`: what follows the code in an `NLMSG_ERROR`: the request's header, then attributes.
fn refusal(code: i32, tail: &[u8]) -> Refusal {
    let errno = Errno::from_raw(code.wrapping_neg());
    let words = tail.get(16..).and_then(|attributes| {
        netlink_packet_core::NlasIterator::new(attributes)
            .flatten()
            .find(|attribute| attribute.kind() == ATTR_MESSAGE)
            .map(|attribute| {
                let text = String::from_utf8_lossy(attribute.value());
                text.trim_end_matches('\0').trim_end_matches('.').to_owned()
            })
    });
    Refusal { errno, words }
}
