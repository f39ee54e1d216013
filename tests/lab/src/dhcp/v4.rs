//! A DHCPv4 packet as it is on the wire (RFC 2131 section 2), read by the observer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Option 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are RFC 2131's, without DHCP")]
pub enum MessageType {
    Discover,
    Offer,
    Request,
    Decline,
    Ack,
    Nak,
    Release,
    Inform,
}

/// The fields that tests look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp {
    /// What it says.
    pub message: MessageType,
    /// Transaction.
    pub xid: u32,
    /// The address that the client uses already.
    pub ciaddr: Ipv4Addr,
    /// The address that the server gives.
    pub yiaddr: Ipv4Addr,
    /// Option code → value.
    pub options: BTreeMap<u8, Vec<u8>>,
}

impl Dhcp {
    /// Reads the payload of UDP; `None` when it is not DHCP.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        const COOKIE: [u8; 4] = [99, 130, 83, 99];
        if bytes.get(236..240)? != COOKIE {
            return None;
        }
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?));
        let options = options(bytes.get(240..)?);
        let message = match options.get(&53)?.first()? {
            1 => MessageType::Discover,
            2 => MessageType::Offer,
            3 => MessageType::Request,
            4 => MessageType::Decline,
            5 => MessageType::Ack,
            6 => MessageType::Nak,
            7 => MessageType::Release,
            8 => MessageType::Inform,
            _ => return None,
        };
        Some(Self {
            message,
            xid: u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?),
            ciaddr: address(12)?,
            yiaddr: address(16)?,
            options,
        })
    }
}

fn options(mut bytes: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    let mut found: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    loop {
        match bytes {
            [0, rest @ ..] => bytes = rest,
            [255, ..] | [] => return found,
            [code, length, rest @ ..] => {
                let (value, rest) = rest.split_at(rest.len().min(usize::from(*length)));
                // The same code again is a long option in pieces (RFC 3396).
                found.entry(*code).or_default().extend_from_slice(value);
                bytes = rest;
            }
            [_] => return found,
        }
    }
}
