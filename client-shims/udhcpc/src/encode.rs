//! From the text of a variable back to the bytes of the option (RFC 2132, 3361, 3397, 3442, 5969).
//!
//! An element of a list that cannot be read is reported and left out; the others stay.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_shim::Problems;
use dhcpmgr_shim::text::{LONGEST, Reader, parse, words};

use crate::variables::{Syntax, Variable};

/// The bytes of the option, or nothing if there is nothing in it that could be read. `name` is the variable's.
#[must_use]
pub fn option(name: &str, variable: Variable, text: &[u8], problems: &mut Problems) -> Option<Vec<u8>> {
    let mut reader = Udhcpc(Reader { name, code: variable.code.into(), problems });
    if !reader.0.fits(text, text.len(), 2 * LONGEST) {
        return None;
    }
    if text.is_empty() {
        reader.0.refuse(text, "is empty: udhcpc could not read what the server sent, or a NUL came first");
        return None;
    }
    let wire = match variable.syntax {
        Syntax::Address => reader.address(text)?.to_vec(),
        Syntax::Addresses => words(text).filter_map(|word| reader.address(word)).flatten().collect(),
        Syntax::AddressPairs => reader.address_pairs(text),
        Syntax::U8 => vec![reader.number(text, 0, u8::MAX.into())? as u8],
        Syntax::U16 => (reader.number(text, 0, u16::MAX.into())? as u16).to_be_bytes().to_vec(),
        Syntax::U32 => (reader.number(text, 0, u32::MAX.into())? as u32).to_be_bytes().to_vec(),
        // -18000 is printed as 4294949296 where `long` has 64 bits, as itself elsewhere: both are the same bits.
        Syntax::S32 => (reader.number(text, i32::MIN.into(), u32::MAX.into())? as u32).to_be_bytes().to_vec(),
        Syntax::Text => text.to_vec(),
        Syntax::HostText if text == b"bad" => {
            reader.0.refuse(text, "is what udhcpc writes instead of a name that is not one; left out");
            return None;
        }
        Syntax::HostText => text.to_vec(),
        Syntax::Routes => reader.routes(text),
        Syntax::Domains => reader.0.domains(text),
        Syntax::SipServers => reader.sip_servers(text),
        Syntax::SixRd => reader.six_rd(text)?,
        Syntax::Hex => reader.hex(text)?,
    };
    (reader.0.fits(text, wire.len(), LONGEST) && !wire.is_empty()).then_some(wire)
}

fn split_slash(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = text.iter().position(|b| *b == b'/')?;
    Some((&text[..slash], &text[slash + 1..]))
}

/// How udhcpc writes.
struct Udhcpc<'a>(Reader<'a>);

impl Udhcpc<'_> {
    fn address(&mut self, text: &[u8]) -> Option<[u8; 4]> {
        let address = parse::<Ipv4Addr>(text).map(|a| a.octets());
        self.0.or_refuse(address, text, "is not an IPv4 address")
    }

    fn number(&mut self, text: &[u8], least: i64, most: i64) -> Option<i64> {
        let number = parse::<i64>(text).filter(|n| (least..=most).contains(n));
        self.0.or_refuse(number, text, "is not a number that the option can hold")
    }

    fn address_pairs(&mut self, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        for word in words(text) {
            let pair = split_slash(word)
                .and_then(|(to, via)| Some((parse::<Ipv4Addr>(to)?, parse::<Ipv4Addr>(via)?)));
            if let Some((to, via)) = self.0.or_refuse(pair, word, "is not a pair ADDRESS/ADDRESS") {
                wire.extend(to.octets());
                wire.extend(via.octets());
            }
        }
        wire
    }

    /// RFC 3442: the length, as many octets of the destination as it has bits in, the router.
    fn routes(&mut self, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut words = words(text);
        while let Some(to) = words.next() {
            let Some(via) = words.next() else {
                self.0.refuse(to, "is a route without a router");
                break;
            };
            let net = split_slash(to)
                .and_then(|(net, len)| Some((parse::<Ipv4Addr>(net)?, parse::<u8>(len)?)))
                .filter(|(_, len)| *len <= 32);
            let net = self.0.or_refuse(net, to, "is not a route's NET/LENGTH");
            let via = self.address(via);
            if let (Some((net, len)), Some(via)) = (net, via) {
                wire.push(len);
                wire.extend(&net.octets()[..usize::from(len.div_ceil(8))]);
                wire.extend(via);
            }
        }
        wire
    }

    /// RFC 3361: one byte says whether names (0) or addresses (1) follow; udhcpc does not print it.
    fn sip_servers(&mut self, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        if words(text).any(|word| parse::<Ipv4Addr>(word).is_some()) {
            wire.extend(words(text).filter_map(|word| self.address(word)).flatten());
            wire.insert(0, 1);
        } else {
            wire = self.0.domains(text);
            if !wire.is_empty() {
                wire.insert(0, 0);
            }
        }
        wire
    }

    fn six_rd(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut words = words(text);
        let mut head = || -> Option<(u8, u8, Ipv6Addr)> {
            Some((parse(words.next()?)?, parse(words.next()?)?, parse(words.next()?)?))
        };
        let head = head();
        let (v4_mask, prefix_len, prefix) =
            self.0.or_refuse(head, text, "is not V4MASKLEN V6PREFIXLEN PREFIX RELAY...")?;
        let mut wire = vec![v4_mask, prefix_len];
        wire.extend(prefix.octets());
        wire.extend(words.filter_map(|word| self.address(word)).flatten());
        if wire.len() < 22 {
            self.0.refuse(text, "has no border relay");
            return None;
        }
        Some(wire)
    }

    fn hex(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let wire = std::str::from_utf8(text)
            .ok()
            .and_then(|text| dhcpmgr_message::Bytes::from_hex(text).ok())
            .map(|bytes| bytes.0);
        self.0.or_refuse(wire, text, "is not an even count of hex digits")
    }
}
