//! A DHCP packet, as far as the observer reads it: which message it is, and whose.
//!
//! Anybody on the link can send anything: what is not what it should be is no message, and nothing else comes of it.
//! Nothing is kept but numbers.

use dhcpmgr_plugin_api::Protocol;

/// How much of a packet is enough, bytes: the longest IPv4 header, UDP, BOOTP, and all that the `options` field of a
/// client that takes the usual 576 bytes has room for. The type of the message comes first in every server's.
pub(super) const ENOUGH: u32 = 640;

/// `ETH_P_IP` and `ETH_P_IPV6`.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const UDP: u8 = 17;
/// RFC 2131 section 4.1: server, client.
pub(super) const V4_PORTS: (u16, u16) = (67, 68);
/// RFC 8415 section 7.2: server, client.
pub(super) const V6_PORTS: (u16, u16) = (547, 546);
/// More fragments, or not the first: who sends DHCP fits into one packet.
pub(super) const FRAGMENT: u16 = 0x3fff;

/// RFC 2132 section 2 and 9.6.
const PAD: u8 = 0;
const END: u8 = 255;
const MESSAGE_TYPE: u8 = 53;
/// Where the options of a BOOTP message begin, after this cookie.
const OPTIONS: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// A message of DHCP: protocol, and number in option 53 (RFC 2132 section 9.6, RFC 3203) or `msg-type` (RFC 8415 section
/// 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The protocol.
    pub protocol: Protocol,
    /// Its number, from 1; at most [`Message::COUNT`].
    number: u8,
}

/// Names of TR-181's statistics, and of the RFCs, by number.
const V4_NAMES: [(&str, &str); 9] = [
    ("Discover", "DISCOVER"),
    ("Offer", "OFFER"),
    ("Request", "REQUEST"),
    ("Decline", "DECLINE"),
    ("ACK", "ACK"),
    ("NACK", "NAK"),
    ("Release", "RELEASE"),
    ("Inform", "INFORM"),
    ("ForceRenew", "FORCERENEW"),
];
const V6_NAMES: [(&str, &str); 11] = [
    ("Solicit", "SOLICIT"),
    ("Advertise", "ADVERTISE"),
    ("Request", "REQUEST"),
    ("Confirm", "CONFIRM"),
    ("Renew", "RENEW"),
    ("Rebind", "REBIND"),
    ("Reply", "REPLY"),
    ("Release", "RELEASE"),
    ("Decline", "DECLINE"),
    ("Reconfigure", "RECONFIGURE"),
    ("InformationRequest", "INFORMATION-REQUEST"),
];

impl Message {
    /// How many there are of a protocol, at most.
    pub(super) const COUNT: usize = V6_NAMES.len();

    pub(super) const DISCOVER: Self = Self { protocol: Protocol::V4, number: 1 };
    pub(super) const REQUEST: Self = Self { protocol: Protocol::V4, number: 3 };
    pub(super) const DECLINE: Self = Self { protocol: Protocol::V4, number: 4 };
    pub(super) const ACK: Self = Self { protocol: Protocol::V4, number: 5 };
    pub(super) const NAK: Self = Self { protocol: Protocol::V4, number: 6 };
    pub(super) const RELEASE: Self = Self { protocol: Protocol::V4, number: 7 };
    pub(super) const FORCERENEW: Self = Self { protocol: Protocol::V4, number: 9 };
    pub(super) const SOLICIT: Self = Self { protocol: Protocol::V6, number: 1 };
    pub(super) const REQUEST6: Self = Self { protocol: Protocol::V6, number: 3 };
    pub(super) const CONFIRM: Self = Self { protocol: Protocol::V6, number: 4 };
    pub(super) const RENEW: Self = Self { protocol: Protocol::V6, number: 5 };
    pub(super) const REBIND: Self = Self { protocol: Protocol::V6, number: 6 };
    pub(super) const REPLY: Self = Self { protocol: Protocol::V6, number: 7 };
    pub(super) const RELEASE6: Self = Self { protocol: Protocol::V6, number: 8 };
    pub(super) const DECLINE6: Self = Self { protocol: Protocol::V6, number: 9 };
    pub(super) const RECONFIGURE: Self = Self { protocol: Protocol::V6, number: 10 };
    pub(super) const INFORMATION_REQUEST: Self = Self { protocol: Protocol::V6, number: 11 };

    fn new(protocol: Protocol, number: u8) -> Option<Self> {
        let known = usize::from(number).checked_sub(1)? < names(protocol).len();
        known.then_some(Self { protocol, number })
    }

    /// All of a protocol.
    pub(super) fn all(protocol: Protocol) -> impl Iterator<Item = Self> {
        (1..=names(protocol).len() as u8).map(move |number| Self { protocol, number })
    }

    /// Its place among those of its protocol, from 0.
    pub(super) fn place(self) -> usize {
        usize::from(self.number) - 1
    }

    /// Its name among TR-181's statistics.
    #[must_use]
    pub fn statistic(self) -> &'static str {
        names(self.protocol)[self.place()].0
    }

    /// Its name in the RFCs.
    #[must_use]
    pub fn name(self) -> &'static str {
        names(self.protocol)[self.place()].1
    }

    /// Whether clients send it.
    #[must_use]
    pub fn is_of_a_client(self) -> bool {
        match self.protocol {
            Protocol::V4 => matches!(self.number, 1 | 3 | 4 | 7 | 8),
            Protocol::V6 => !matches!(self.number, 2 | 7 | 10),
        }
    }
}

fn names(protocol: Protocol) -> &'static [(&'static str, &'static str)] {
    match protocol {
        Protocol::V4 => &V4_NAMES,
        Protocol::V6 => &V6_NAMES,
    }
}

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From this machine.
    Out,
    /// To this machine.
    In,
}

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub message: Message,
    /// `xid`, or the transaction-id of DHCPv6.
    pub transaction: u32,
    /// `chaddr` as a whole; nothing in DHCPv6.
    pub hardware: [u8; 16],
    /// To one host; in DHCPv6 that says nothing.
    pub unicast: bool,
    /// The client has an address (`ciaddr`); in DHCPv6 it says so otherwise.
    pub has_address: bool,
}

impl Packet {
    /// Reads a packet from its network header on; the end of it may be cut off. `ethertype` in host order. `None` when it
    /// is no message of DHCP that goes this way.
    #[must_use]
    pub fn read(ethertype: u16, way: Way, bytes: &[u8]) -> Option<Self> {
        let packet = match ethertype {
            IPV4 => read_v4(way, bytes),
            IPV6 => read_v6(way, bytes),
            _ => None,
        }?;
        (packet.message.is_of_a_client() == (way == Way::Out)).then_some(packet)
    }
}

fn read_v4(way: Way, ip: &[u8]) -> Option<Packet> {
    let header = match ip.first()? {
        0x45..=0x4f => usize::from(ip[0] & 0x0f) * 4,
        _ => return None,
    };
    if *ip.get(9)? != UDP || be16(ip, 6)? & FRAGMENT != 0 {
        return None;
    }
    let udp = ip.get(header..)?;
    goes(udp, V4_PORTS, way)?;
    let bootp = udp.get(8..)?;
    // 1 BOOTREQUEST, 2 BOOTREPLY
    if *bootp.first()? != if way == Way::Out { 1 } else { 2 } || bootp.get(236..OPTIONS)? != COOKIE {
        return None;
    }
    let unicast = match ip.get(16..20)? {
        [255, 255, 255, 255] => false,
        [first, ..] => *first < 224,
        [] => return None,
    };
    Some(Packet {
        message: Message::new(Protocol::V4, message_type(bootp.get(OPTIONS..)?)?)?,
        transaction: be32(bootp, 4)?,
        hardware: bootp.get(28..44)?.try_into().ok()?,
        unicast,
        has_address: be32(bootp, 12)? != 0,
    })
}

/// Option 53. RFC 2131 section 4.1 has it in the `options` field, whatever else is elsewhere.
fn message_type(mut options: &[u8]) -> Option<u8> {
    loop {
        match options {
            [PAD, rest @ ..] => options = rest,
            [END, ..] => return None,
            [MESSAGE_TYPE, 1, number, ..] => return Some(*number),
            [_, length, rest @ ..] => options = rest.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}

/// Without extension headers: no client and no server puts any.
fn read_v6(way: Way, ip: &[u8]) -> Option<Packet> {
    if ip.first()? >> 4 != 6 || *ip.get(6)? != UDP {
        return None;
    }
    // A client speaks from its link-local address; what comes from elsewhere is only forwarded here.
    let link_local = *ip.get(8)? == 0xfe && ip.get(9)? & 0xc0 == 0x80;
    if way == Way::Out && !link_local {
        return None;
    }
    let udp = ip.get(40..)?;
    goes(udp, V6_PORTS, way)?;
    let first = be32(udp, 8)?;
    Some(Packet {
        message: Message::new(Protocol::V6, (first >> 24) as u8)?,
        transaction: first & 0x00ff_ffff,
        hardware: [0; 16],
        unicast: *ip.get(24)? != 0xff,
        has_address: false,
    })
}

/// Whether a datagram goes this way. Replies come from whatever port the server likes; of a relay on this machine, which
/// speaks from the server's port, nothing is to be counted.
fn goes(udp: &[u8], (server, client): (u16, u16), way: Way) -> Option<()> {
    let (from, to) = (be16(udp, 0)?, be16(udp, 2)?);
    let right = match way {
        Way::Out => to == server && from != server,
        Way::In => to == client,
    };
    right.then_some(())
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests;
