//! The same sums as the library's, done another way: bits are characters here, and options are put together by hand.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not what they share")]

use std::net::{Ipv4Addr, Ipv6Addr};

/// A number as so many binary digits.
pub(crate) fn digits(value: u128, len: usize) -> String {
    let all = format!("{value:0128b}");
    all[128 - len..].to_owned()
}

pub(crate) fn number(digits: &str) -> u128 {
    if digits.is_empty() { 0 } else { u128::from_str_radix(digits, 2).unwrap() }
}

pub(crate) fn v6_digits(address: Ipv6Addr) -> String {
    digits(u128::from(address), 128)
}

pub(crate) fn v4_digits(address: Ipv4Addr) -> String {
    digits(u128::from(u32::from(address)), 32)
}

/// Digits filled with zeros on the right, as an address.
pub(crate) fn v6(digits: &str) -> Ipv6Addr {
    Ipv6Addr::from(number(&format!("{digits:0<128}")))
}

pub(crate) fn v4(digits: &str) -> Ipv4Addr {
    Ipv4Addr::from(number(&format!("{digits:0<32}")) as u32)
}

/// The figures of a rule, as an operator writes them down.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) flags: u8,
    pub(crate) v6: Ipv6Addr,
    pub(crate) v6_len: u8,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v4_len: u8,
    pub(crate) ea_len: u8,
    /// Offset, PSID-len, and the PSID as a number.
    pub(crate) params: Option<(u8, u8, u16)>,
}

/// What a customer should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) ea_bits: u64,
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv4_len: u8,
    pub(crate) offset: u8,
    pub(crate) psid_len: u8,
    pub(crate) psid: u16,
    pub(crate) ce: Ipv6Addr,
}

impl Figures {
    /// The bits of a PSID by this rule.
    pub(crate) fn psid_len(&self) -> usize {
        match self.params {
            Some((_, len, _)) if self.ea_len == 0 => usize::from(len),
            _ => usize::from((self.v4_len + self.ea_len).saturating_sub(32)),
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.params.map_or(6, |(offset, ..)| usize::from(offset))
    }

    /// RFC 7597 section 5.2 with digits: cut the EA bits out of the delegated prefix, append the first of them to
    /// the IPv4 prefix, the others are the PSID.
    pub(crate) fn expect(&self, prefix: Ipv6Addr, prefix_len: u8) -> Expected {
        let (n, o) = (usize::from(self.v6_len), usize::from(self.ea_len));
        let delegated = v6_digits(prefix)[..usize::from(prefix_len)].to_owned();
        let ea = delegated[n..n + o].to_owned();
        let psid_len = self.psid_len();
        let (suffix, psid) = match self.params {
            Some((_, len, psid)) if o == 0 && len > 0 => (String::new(), digits(u128::from(psid), psid_len)),
            _ => (ea[..o - psid_len].to_owned(), ea[o - psid_len..].to_owned()),
        };
        let address = v4_digits(self.v4)[..usize::from(self.v4_len)].to_owned() + &suffix;
        let identifier = "0".repeat(16) + &format!("{address:0<32}") + &format!("{psid:0>16}");
        // Past 64 bits rule and EA bits overwrite the identifier; of a prefix that goes on a border relay knows nothing.
        let delegated = delegated[..delegated.len().min((n + o).max(64))].to_owned();
        let ce = match delegated.len() {
            0..=64 => format!("{delegated:0<64}{identifier}"),
            past => delegated + &identifier[past - 64..],
        };
        Expected {
            ea_bits: number(&ea) as u64,
            ipv4: v4(&address),
            ipv4_len: address.len() as u8,
            offset: self.offset() as u8,
            psid_len: psid_len as u8,
            psid: number(&psid) as u16,
            ce: v6(&ce),
        }
    }

    /// Every port of a PSID, one by one: its digits after the offset are the PSID's, and the offset is not all zeros.
    pub(crate) fn ports_of(&self, psid: u16) -> Vec<u16> {
        let (a, k) = (self.offset(), self.psid_len());
        if k == 0 {
            return (0..=u16::MAX).collect();
        }
        let psid = digits(u128::from(psid), k);
        let ours = |port: &u16| {
            let port = digits(u128::from(*port), 16);
            port[a..a + k] == psid && (a == 0 || port[..a].contains('1'))
        };
        (0..=u16::MAX).filter(ours).collect()
    }

    /// S46_RULE with its header, and other options after the port parameters.
    pub(crate) fn option(&self) -> Vec<u8> {
        let mut value = vec![self.flags, self.ea_len, self.v4_len];
        value.extend(self.v4.octets());
        value.push(self.v6_len);
        value.extend(&self.v6.octets()[..usize::from(self.v6_len).div_ceil(8)]);
        if let Some((offset, psid_len, psid)) = self.params {
            let field = digits(u128::from(psid), usize::from(psid_len)) + "0000000000000000";
            let field = number(&field[..16]) as u16;
            value.extend(option(93, &[&[offset, psid_len], &field.to_be_bytes()[..]].concat()));
        }
        option(89, &value)
    }
}

/// An option with its header.
pub(crate) fn option(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
