//! The form of rtnetlink messages: a header, a fixed part, attributes. What they mean is the business of `decode` and
//! `encode`.
//!
//! Only what is looked at here has a name: the general parsers know every attribute of every kind of link, which costs a
//! third of a megabyte of code.

use std::iter::from_fn;
use std::net::IpAddr;

/// `struct nlmsghdr`.
pub(super) const HEADER: usize = 16;

/// Types of messages (`linux/netlink.h`, `linux/rtnetlink.h`).
pub(super) mod kind {
    pub(in crate::network) const ERROR: u16 = 2;
    pub(in crate::network) const DONE: u16 = 3;
    pub(in crate::network) const NEW_LINK: u16 = 16;
    pub(in crate::network) const DEL_LINK: u16 = 17;
    pub(in crate::network) const GET_LINK: u16 = 18;
    pub(in crate::network) const SET_LINK: u16 = 19;
    pub(in crate::network) const NEW_ADDRESS: u16 = 20;
    pub(in crate::network) const DEL_ADDRESS: u16 = 21;
    pub(in crate::network) const GET_ADDRESS: u16 = 22;
    pub(in crate::network) const NEW_ROUTE: u16 = 24;
    pub(in crate::network) const DEL_ROUTE: u16 = 25;
    pub(in crate::network) const GET_ROUTE: u16 = 26;
    pub(in crate::network) const NEW_RULE: u16 = 32;
    pub(in crate::network) const DEL_RULE: u16 = 33;
    pub(in crate::network) const GET_RULE: u16 = 34;
}

/// `AF_INET` and `AF_INET6`.
pub(super) const V4: u8 = 2;
pub(super) const V6: u8 = 10;

/// The address family of an address.
pub(super) fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { V4 } else { V6 }
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// `nlmsg_type`.
    pub(super) kind: u16,
    /// `nlmsg_flags`.
    pub(super) flags: u16,
    /// `nlmsg_seq`.
    pub(super) sequence: u32,
    /// What follows the header.
    pub(super) body: &'a [u8],
}

/// The messages of a datagram; it ends where one does not fit into it.
pub(super) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    from_fn(move || {
        let length = number(datagram, 0)? as usize;
        let body = datagram.get(HEADER..length)?;
        let message = Message {
            kind: short(datagram, 4)?,
            flags: short(datagram, 6)?,
            sequence: number(datagram, 8)?,
            body,
        };
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// Attributes, type and value; they end where one does not fit.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
    const TYPE: u16 = 0x3fff;
    from_fn(move || {
        let length = usize::from(short(bytes, 0)?);
        let kind = short(bytes, 2)? & TYPE;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A byte at an offset.
pub(super) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// A number of 16 bits at an offset.
pub(super) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number of 32 bits at an offset.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// An address, of 4 or 16 bytes.
pub(super) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::from(*bytes.first_chunk::<4>()?)),
        16 => Some(IpAddr::from(*bytes.first_chunk::<16>()?)),
        _ => None,
    }
}

/// A request that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// `nlmsg_type`.
    pub(super) kind: u16,
    /// `nlmsg_flags`, besides `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub(super) flags: u16,
    body: Vec<u8>,
}

impl Request {
    /// With this fixed part.
    pub(super) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut body = Vec::with_capacity(128);
        body.extend_from_slice(fixed);
        Self { kind, flags, body }
    }

    /// Adds an attribute, of less than 64 KiB.
    pub(super) fn put(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(4);
        self.body.extend_from_slice(&length.to_ne_bytes());
        self.body.extend_from_slice(&kind.to_ne_bytes());
        self.body.extend_from_slice(value);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    /// Adds an address.
    pub(super) fn put_ip(&mut self, kind: u16, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.put(kind, &address.octets()),
            IpAddr::V6(address) => self.put(kind, &address.octets()),
        }
    }

    /// Adds attributes within an attribute.
    pub(super) fn put_nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::new(0, 0, &[]);
        fill(&mut inner);
        self.put(kind, &inner.body);
    }

    /// Adds a number.
    pub(super) fn put_number(&mut self, kind: u16, number: u32) {
        self.put(kind, &number.to_ne_bytes());
    }

    /// Writes it out behind what is there.
    pub(super) fn write(&self, sequence: u32, flags: u16, out: &mut Vec<u8>) {
        let length = u32::try_from(HEADER + self.body.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_ne_bytes());
        out.extend_from_slice(&self.kind.to_ne_bytes());
        out.extend_from_slice(&(self.flags | flags).to_ne_bytes());
        out.extend_from_slice(&sequence.to_ne_bytes());
        out.extend_from_slice(&0_u32.to_ne_bytes());
        out.extend_from_slice(&self.body);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut request = Request::new(kind::NEW_ADDRESS, 0x400, &[V4, 24, 0, 0, 7, 0, 0, 0]);
        request.put_ip(1, "192.0.2.7".parse().unwrap());
        request.put(11, &[68]);
        request.put_number(9, 100);
        let mut out = Vec::new();
        request.write(1, 1, &mut out);
        request.write(2, 1, &mut out);
        let read: Vec<_> = messages(&out).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].kind, read[1].flags, read[1].sequence), (20, 0x401, 2));
        let all: Vec<_> = attributes(&read[0].body[8..]).collect();
        assert_eq!(all, [(1, &[192, 0, 2, 7][..]), (11, &[68]), (9, &100_u32.to_ne_bytes())]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_run_on(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(messages(&bytes).count() <= bytes.len() / HEADER);
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4);
        }
    }
}
