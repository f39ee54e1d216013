//! Leases that nobody has ever given: real ones, changed where servers can change them. Pure: a seed in, leases out.

use dhcpmgr_message::{Bytes, Lifetime, limits};
use dhcpmgr_plugin_api::LeaseEvent;

/// Numbers that look random and follow from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Less than `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    fn number(&mut self) -> u32 {
        let edges =
            [0, 1, 2, 67, 68, 1280, 1500, 65535, 65536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];
        if self.below(2) == 0 { self.next() as u32 } else { *self.one(&edges).unwrap_or(&0) }
    }
}

/// The most changes of one lease.
const CHANGES: usize = 6;

/// Another lease, made of one of these. `consumed` are the options that the module reads.
pub(super) fn lease(dice: &mut Dice, from: &[(String, LeaseEvent)], consumed: &[u16]) -> Option<LeaseEvent> {
    let mut lease = dice.one(from)?.1.clone();
    for _ in 0..=dice.below(CHANGES) {
        change(dice, &mut lease, consumed);
    }
    Some(lease)
}

fn change(dice: &mut Dice, lease: &mut LeaseEvent, consumed: &[u16]) {
    if dice.below(4) > 0 {
        return change_option(dice, lease, consumed);
    }
    if dice.below(8) == 0 {
        lease.link.mtu = (dice.below(2) == 0).then(|| dice.number());
        lease.policy.metric = dice.number();
    }
    if let Some(v4) = &mut lease.v4 {
        match dice.below(8) {
            0 => v4.address = (dice.below(2) == 0).then(|| dice.number().into()),
            1 => v4.prefix_len = (dice.below(2) == 0).then(|| dice.below(33) as u8),
            2 => v4.mtu = Some(dice.number() & 0xffff),
            3 => v4.lease_time = (dice.below(3) > 0).then(|| Lifetime(dice.number())),
            4 => v4.dns = (0..dice.below(20)).map(|_| dice.number().into()).collect(),
            5 => v4.domain = Some(text(dice)),
            6 => v4.hostname = Some(text(dice)),
            _ => v4.search = (0..dice.below(10)).map(|_| text(dice)).collect(),
        }
    }
    if let Some(v6) = &mut lease.v6 {
        match dice.below(5) {
            0 => v6.search = (0..dice.below(10)).map(|_| text(dice)).collect(),
            1 => v6.addresses.clear(),
            2 => v6.prefixes.iter_mut().for_each(|prefix| {
                (prefix.preferred, prefix.valid) = (Lifetime(dice.number()), Lifetime(dice.number()));
            }),
            3 => v6.addresses.iter_mut().for_each(|address| address.valid = Lifetime(dice.number())),
            _ => v6.dns = (0..dice.below(10)).map(|_| (u128::from(dice.next()) << 64).into()).collect(),
        }
    }
}

fn change_option(dice: &mut Dice, lease: &mut LeaseEvent, consumed: &[u16]) {
    let code = match dice.one(consumed) {
        Some(code) if dice.below(4) > 0 => *code,
        _ => dice.next() as u16,
    };
    if let Some(v4) = &mut lease.v4 {
        let code =
            u8::try_from(code).ok().filter(|c| (1..=254).contains(c)).unwrap_or((code % 254) as u8 + 1);
        let value = Bytes(value(dice, v4.options.get(&code).map(AsRef::as_ref), 255));
        if dice.below(10) == 0 {
            v4.options.remove(&code)
        } else {
            v4.options.insert(code, value)
        };
    }
    if let Some(v6) = &mut lease.v6 {
        let code = code.max(1);
        let values = v6.options.entry(code).or_default();
        match dice.below(10) {
            0 => values.clear(),
            1 => values.push(Bytes(value(dice, None, 1500))),
            _ => {
                let new = Bytes(value(dice, values.first().map(AsRef::as_ref), 1500));
                values.truncate(1);
                if let Some(first) = values.first_mut() { *first = new } else { values.push(new) }
            }
        }
        // A host hands over no option without a value.
        if values.is_empty() {
            v6.options.remove(&code);
        }
    }
}

/// The value of an option: another one, or the old one damaged.
fn value(dice: &mut Dice, old: Option<&[u8]>, longest: usize) -> Vec<u8> {
    let mut value = match dice.below(10) {
        0 => Vec::new(),
        1 => {
            let count = dice.below(longest + 1);
            dice.bytes(count)
        }
        2 => vec![0xff; dice.below(longest + 1)],
        3 => text(dice).into_bytes(),
        4 => tlv(dice, 1),
        5 => tlv(dice, 2),
        6 => {
            let number = *dice.one(&[3561u32, 4491, 0, u32::MAX]).unwrap_or(&0);
            let (width, length) = (dice.below(2) + 1, dice.byte());
            let head = if width == 1 {
                [&number.to_be_bytes()[..], &[length]].concat()
            } else {
                number.to_be_bytes().to_vec()
            };
            [head, tlv(dice, width)].concat()
        }
        7 => b"\x03www\x07example\x03net\x00\xc0\x00".to_vec(),
        _ => damaged(dice, old.unwrap_or_default()),
    };
    value.truncate(longest);
    value
}

/// Codes, lengths and values, of which one length may be a lie.
fn tlv(dice: &mut Dice, width: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..dice.below(6) {
        let (code, mut length) = (dice.below(40), dice.below(30));
        let value = dice.bytes(length);
        if dice.below(8) == 0 {
            length = dice.number() as usize;
        }
        let number = |number: usize| number.to_be_bytes()[size_of::<usize>() - width..].to_vec();
        all.extend([number(code), number(length), value].concat());
    }
    all
}

fn damaged(dice: &mut Dice, old: &[u8]) -> Vec<u8> {
    let mut value = old.to_vec();
    let at = dice.below(value.len() + 1);
    match dice.below(4) {
        0 => value.truncate(at),
        1 => value.insert(at, dice.byte()),
        2 => value.extend_from_slice(old),
        _ => {
            if let Some(byte) = value.get_mut(at) {
                *byte = dice.byte();
            }
        }
    }
    value
}

/// Text that a server could send: long, empty, with whatever is between.
fn text(dice: &mut Dice) -> String {
    let pieces = [
        "example",
        ".",
        "..",
        "-",
        "net",
        "\0",
        "\n",
        "\u{1b}[31m",
        "'; rm -rf /",
        "ß",
        "%s%n",
        "../",
        " ",
        "\u{202e}",
    ];
    let count = if dice.below(20) == 0 { 600 } else { dice.below(8) };
    let mut text: String = (0..count).filter_map(|_| dice.one(&pieces).copied()).collect();
    let end = (0..=limits::TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use dhcpmgr_message::wire;
    use dhcpmgr_plugin_api::{DATA_LIMITS, Manifest, Protocol};

    use super::*;
    use crate::handlers::check::golden;

    fn many(seed: u64) -> Vec<LeaseEvent> {
        let manifest = Manifest::new("x", "1").protocol(Protocol::V4).protocol(Protocol::V6);
        let (from, mut dice) = (golden::leases(&manifest), Dice::new(seed));
        (0..2000).filter_map(|_| lease(&mut dice, &from, &[43, 125, 17])).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_leases_and_another_one_others() {
        assert_eq!(many(7), many(7));
        assert_ne!(many(7), many(8));
    }

    #[test]
    fn every_lease_is_one_that_a_host_would_hand_over() {
        for lease in many(1) {
            let bytes = wire::encode(&lease).unwrap();
            assert_eq!(wire::decode_within::<LeaseEvent>(&bytes, &DATA_LIMITS).unwrap(), lease);
        }
    }

    #[test]
    fn options_that_the_module_reads_are_changed_most() {
        let changed = many(3)
            .iter()
            .filter(|l| l.v4.is_some())
            .map(|l| l.option(43).map(<[u8]>::to_vec))
            .collect::<crate::flat::FlatSet<_>>();
        assert!(changed.len() > 200, "{}", changed.len());
    }
}
