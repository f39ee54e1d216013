//! A question for the IPv6 address of a name, and what an answer says to it (RFC 1035, RFC 3596). Pure.

use std::net::Ipv6Addr;

const AAAA: u16 = 28;
const CNAME: u16 = 5;
const INTERNET: u16 = 1;
const HEADER: usize = 12;
/// Compressed names point backwards; more often than this none does.
const JUMPS: usize = 16;
/// Names that stand for others (RFC 1034 section 3.6.2) are followed so far.
const ALIASES: usize = 8;
/// The longest name, bytes on the wire (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 255;

/// A name on the wire, in lower case.
type Name = Vec<u8>;

/// A question: recursion is desired. `None` for a name that cannot be asked for.
pub(super) fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut packet = Vec::with_capacity(64);
    packet.extend_from_slice(&id.to_be_bytes());
    packet.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend_from_slice(&encode(name)?);
    packet.extend_from_slice(&AAAA.to_be_bytes());
    packet.extend_from_slice(&INTERNET.to_be_bytes());
    Some(packet)
}

fn encode(name: &str) -> Option<Name> {
    let mut out = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        out.push(length);
        out.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    out.push(0);
    (out.len() <= LONGEST_NAME).then_some(out)
}

/// What a packet says to the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is no answer to this question.
    Stray,
    /// The address; the first that a tunnel can lead to.
    Address(Ipv6Addr),
    /// There is none, and why.
    None(String),
}

/// Reads an answer.
pub(super) fn read(packet: &[u8], id: u16, name: &str) -> Answer {
    let (Some(flags), Some(mut asked)) = (short(packet, 2), encode(name)) else { return Answer::Stray };
    let is_answer = short(packet, 0) == Some(id) && flags & 0xf800 == 0x8000 && short(packet, 4) == Some(1);
    if !is_answer || name_at(packet, HEADER).is_none_or(|(name, _)| name != asked) {
        return Answer::Stray;
    }
    match flags & 0xf {
        0 => {}
        3 => return Answer::None("there is no such name".to_owned()),
        code => return Answer::None(format!("the name server answers with error {code}")),
    }
    let records = records(packet);
    for _ in 0..ALIASES {
        let of_name = |kind| records.iter().filter(move |record| record.kind == kind);
        let addresses = of_name(AAAA).filter(|record| record.name == asked).filter_map(Record::address);
        if let Some(address) = addresses.into_iter().find(|address| is_far_end(*address)) {
            return Answer::Address(address);
        }
        let alias = of_name(CNAME).find(|record| record.name == asked);
        match alias.and_then(|record| name_at(packet, record.at)) {
            Some((name, _)) => asked = name,
            None => break,
        }
    }
    Answer::None("the answer has no IPv6 address that a tunnel can lead to".to_owned())
}

/// Whether a tunnel can lead to it.
pub(super) fn is_far_end(address: Ipv6Addr) -> bool {
    // ::/16 holds the unspecified address, loopback and mapped IPv4.
    !(address.is_multicast() || address.is_unicast_link_local() || address.segments()[0] == 0)
}

struct Record<'a> {
    name: Name,
    kind: u16,
    /// Where its value is in the packet.
    at: usize,
    value: &'a [u8],
}

impl Record<'_> {
    fn address(&self) -> Option<Ipv6Addr> {
        <[u8; 16]>::try_from(self.value).ok().map(Ipv6Addr::from)
    }
}

/// The records of the answer section, as far as they can be read.
fn records(packet: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let Some((_, end)) = name_at(packet, HEADER) else { return records };
    // Type and class of the question.
    let mut at = end + 4;
    for _ in 0..short(packet, 6).unwrap_or(0) {
        let Some((name, end)) = name_at(packet, at) else { break };
        let (Some(kind), Some(class), Some(length)) =
            (short(packet, end), short(packet, end + 2), short(packet, end + 8))
        else {
            break;
        };
        let start = end + 10;
        at = start + usize::from(length);
        let Some(value) = packet.get(start..at) else { break };
        if class == INTERNET {
            records.push(Record { name, kind, at: start, value });
        }
    }
    records
}

/// The name at a place, and where what follows it begins (RFC 1035 section 4.1.4).
fn name_at(packet: &[u8], mut at: usize) -> Option<(Name, usize)> {
    let (mut name, mut end) = (Name::new(), None);
    for _ in 0..JUMPS {
        loop {
            let length = usize::from(*packet.get(at)?);
            match length {
                0 => {
                    name.push(0);
                    return Some((name, end.unwrap_or(at + 1)));
                }
                1..=63 => {
                    name.push(length as u8);
                    name.extend(packet.get(at + 1..=at + length)?.iter().map(u8::to_ascii_lowercase));
                    at += length + 1;
                    if name.len() > LONGEST_NAME {
                        return None;
                    }
                }
                _ => break,
            }
        }
        let pointer = usize::from(short(packet, at)?);
        // The two other kinds of label are nobody's.
        let to = pointer & 0x3fff;
        if pointer >> 14 != 3 || to >= at {
            return None;
        }
        end.get_or_insert(at + 2);
        at = to;
    }
    None
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "aftr.isp.example";
    const AFTR: &str = "2001:db8:ffff::1";

    /// A packet with these records: owner, type, value. `c00c` stands for the name of the question.
    fn packet(flags: u16, records: &[(&[u8], u16, &[u8])]) -> Vec<u8> {
        let mut packet = question(7, NAME).unwrap();
        packet[2..4].copy_from_slice(&flags.to_be_bytes());
        packet[7] = records.len() as u8;
        for (owner, kind, value) in records {
            packet.extend_from_slice(owner);
            packet.extend_from_slice(&kind.to_be_bytes());
            packet.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            packet.extend_from_slice(&(value.len() as u16).to_be_bytes());
            packet.extend_from_slice(value);
        }
        packet
    }

    fn octets(address: &str) -> [u8; 16] {
        address.parse::<Ipv6Addr>().unwrap().octets()
    }

    #[test]
    fn an_address_is_found_directly_and_behind_another_name() {
        let asked: &[u8] = &[0xc0, 12];
        let direct = packet(0x8180, &[(asked, AAAA, &octets(AFTR))]);
        assert_eq!(read(&direct, 7, "AFTR.isp.example."), Answer::Address(AFTR.parse().unwrap()));
        let other = encode("b4.isp.example").unwrap();
        let alias = packet(0x8180, &[(asked, CNAME, &other), (&other, AAAA, &octets(AFTR))]);
        assert_eq!(read(&alias, 7, NAME), Answer::Address(AFTR.parse().unwrap()));
        let stranger = packet(0x8180, &[(&other, AAAA, &octets(AFTR))]);
        assert!(matches!(read(&stranger, 7, NAME), Answer::None(_)), "nobody asked for that name");
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_not_one() {
        let right = packet(0x8180, &[(&[0xc0, 12], AAAA, &octets(AFTR))]);
        assert_eq!(read(&right, 8, NAME), Answer::Stray);
        assert_eq!(read(&right, 7, "other.example"), Answer::Stray);
        assert_eq!(read(&packet(0x0100, &[]), 7, NAME), Answer::Stray);
        assert_eq!(read(&packet(0x8183, &[]), 7, NAME), Answer::None("there is no such name".to_owned()));
        assert!(matches!(read(&packet(0x8182, &[]), 7, NAME), Answer::None(why) if why.contains("error 2")));
    }

    #[test]
    fn where_no_tunnel_can_lead_is_no_address() {
        for address in ["::", "::1", "fe80::1", "ff02::1", "::ffff:192.0.2.1"] {
            let packet = packet(0x8180, &[(&[0xc0, 12], AAAA, &octets(address))]);
            assert!(matches!(read(&packet, 7, NAME), Answer::None(_)), "{address}");
        }
    }

    #[test]
    fn names_that_lead_in_circles_end() {
        let asked: &[u8] = &[0xc0, 12];
        let circle = packet(0x8180, &[(asked, CNAME, asked)]);
        assert!(matches!(read(&circle, 7, NAME), Answer::None(_)));
        let at_itself = packet(0x8180, &[(&[0xc0, 34], AAAA, &octets(AFTR))]);
        assert!(matches!(read(&at_itself, 7, NAME), Answer::None(_)));
        assert_eq!(question(1, &format!("{}.example", "a".repeat(64))), None);
        assert_eq!(question(1, &"a.".repeat(200)), None);
    }

    proptest! {
        #[test]
        fn no_packet_makes_the_reader_panic(tail in prop::collection::vec(any::<u8>(), 0..300), count in 0..4_u8) {
            let mut packet = packet(0x8180, &[]);
            packet[7] = count;
            packet.extend(tail);
            let _ = read(&packet, 7, NAME);
        }
    }
}
