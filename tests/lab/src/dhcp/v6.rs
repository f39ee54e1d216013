//! A DHCPv6 message (RFC 8415 section 8), read by the observer.

use std::net::Ipv6Addr;

/// The first byte (RFC 8415 section 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are RFC 8415's")]
pub enum MessageType6 {
    Solicit,
    Advertise,
    Request,
    Confirm,
    Renew,
    Rebind,
    Reply,
    Release,
    Decline,
    Reconfigure,
    InformationRequest,
}

/// The fields that tests look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6 {
    /// What it says.
    pub message: MessageType6,
    /// Transaction.
    pub xid: u32,
    /// Option code and value, in order; a code may come again.
    pub options: Vec<(u16, Vec<u8>)>,
}

/// An identity association in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ia {
    /// 3: addresses, 25: prefixes.
    pub code: u16,
    /// Its number.
    pub iaid: u32,
    /// T1 and T2, seconds.
    pub times: (u32, u32),
    /// What is in it.
    pub values: Vec<IaValue>,
    /// Its status code (option 13), when it has one.
    pub status: Option<u16>,
}

/// An address or a prefix in an identity association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IaValue {
    /// The address, or the prefix with its length.
    pub prefix: (Ipv6Addr, u8),
    /// Seconds.
    pub preferred: u32,
    /// Seconds.
    pub valid: u32,
}

impl Dhcp6 {
    /// Reads the payload of UDP; `None` when it is not DHCPv6 or between relays.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        use MessageType6::*;
        let types = [
            Solicit,
            Advertise,
            Request,
            Confirm,
            Renew,
            Rebind,
            Reply,
            Release,
            Decline,
            Reconfigure,
            InformationRequest,
        ];
        let message = *types.get(usize::from(*bytes.first()?).checked_sub(1)?)?;
        let xid = u32_at(bytes, 0)? & 0x00ff_ffff;
        Some(Self { message, xid, options: options(bytes.get(4..)?) })
    }

    /// The values of an option.
    pub fn option(&self, code: u16) -> impl Iterator<Item = &[u8]> {
        self.options.iter().filter(move |(found, _)| *found == code).map(|(_, value)| value.as_slice())
    }

    /// Option 1: who the client says it is.
    #[must_use]
    pub fn client_duid(&self) -> Vec<u8> {
        self.option(1).next().unwrap_or_default().to_vec()
    }

    /// Option 6: what the client asks for.
    #[must_use]
    pub fn requested(&self) -> Vec<u16> {
        self.option(6)
            .flat_map(|value| value.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]])))
            .collect()
    }

    /// Options 3 and 25, in order.
    #[must_use]
    pub fn ias(&self) -> Vec<Ia> {
        self.options.iter().filter_map(|(code, value)| ia(*code, value)).collect()
    }

    /// The numbers of the associations of one kind: 3 or 25.
    #[must_use]
    pub fn iaids(&self, code: u16) -> Vec<u32> {
        self.ias().into_iter().filter(|ia| ia.code == code).map(|ia| ia.iaid).collect()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?))
}

fn options(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    while let (Some(code), Some(length)) = (u16_at(bytes, 0), u16_at(bytes, 2)) {
        let end = 4 + usize::from(length);
        let Some(value) = bytes.get(4..end) else { break };
        found.push((code, value.to_vec()));
        bytes = &bytes[end..];
    }
    found
}

/// RFC 8415 sections 21.4 and 21.21.
fn ia(code: u16, bytes: &[u8]) -> Option<Ia> {
    if !matches!(code, 3 | 25) {
        return None;
    }
    let inner = options(bytes.get(12..)?);
    let value = |(code, bytes): &(u16, Vec<u8>)| match code {
        5 => Some(IaValue {
            prefix: (address_at(bytes, 0)?, 128),
            preferred: u32_at(bytes, 16)?,
            valid: u32_at(bytes, 20)?,
        }),
        26 => Some(IaValue {
            prefix: (address_at(bytes, 9)?, *bytes.get(8)?),
            preferred: u32_at(bytes, 0)?,
            valid: u32_at(bytes, 4)?,
        }),
        _ => None,
    };
    let status = inner.iter().find(|(code, _)| *code == 13).and_then(|(_, value)| u16_at(value, 0));
    Some(Ia {
        code,
        iaid: u32_at(bytes, 0)?,
        times: (u32_at(bytes, 4)?, u32_at(bytes, 8)?),
        values: inner.iter().filter_map(value).collect(),
        status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_down_to_its_lifetimes() {
        let mut bytes = vec![7, 0x0a, 0x0b, 0x0c];
        bytes.extend([0, 1, 0, 3, 9, 8, 7]);
        bytes.extend([0, 25, 0, 41, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 0, 20]);
        bytes.extend([0, 26, 0, 25, 0, 0, 0, 40, 0, 0, 0, 60, 56]);
        bytes.extend("2001:db8:f000::".parse::<Ipv6Addr>().unwrap().octets());
        let read = Dhcp6::read(&bytes).expect("a message");
        assert_eq!((read.message, read.xid), (MessageType6::Reply, 0x000a_0b0c));
        assert_eq!(read.client_duid(), [9, 8, 7]);
        let value = IaValue { prefix: ("2001:db8:f000::".parse().unwrap(), 56), preferred: 40, valid: 60 };
        assert_eq!(
            read.ias(),
            [Ia { code: 25, iaid: 2, times: (10, 20), values: vec![value], status: None }]
        );
        assert_eq!(read.iaids(3), [0_u32; 0]);
    }
}
