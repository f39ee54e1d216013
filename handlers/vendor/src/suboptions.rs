//! Cuts an option into sub-options: code, length, value. What is cut off at the end costs the last one only.

use dhcpmgr_handler_common::notes::Notes;

/// Sub-options of one option that are read; the longest real ones have some twenty.
const MAX: usize = 64;

/// Sub-options in their order, each code once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SubOptions<'a>(Vec<(u16, &'a [u8])>);

impl<'a> SubOptions<'a> {
    /// With codes and lengths of one byte, as within options 43, 122 and 125 (RFC 2132 section 8.4): 0 is padding,
    /// 255 the end.
    pub(crate) fn short(raw: &'a [u8], what: &str, notes: &mut Notes) -> Self {
        let next = |rest: &'a [u8]| match rest {
            [255, ..] => Step::End,
            [0, rest @ ..] => Step::Padding(rest),
            [code, len, rest @ ..] => Step::of((*code).into(), (*len).into(), rest),
            _ => Step::Cut,
        };
        Self::cut(raw, next, what, notes)
    }

    /// With codes and lengths of two bytes, as within option 17 of DHCPv6 (RFC 8415 section 21.17).
    pub(crate) fn long(raw: &'a [u8], what: &str, notes: &mut Notes) -> Self {
        let next = |rest: &'a [u8]| match rest {
            [c1, c2, l1, l2, rest @ ..] => {
                Step::of(u16::from_be_bytes([*c1, *c2]), u16::from_be_bytes([*l1, *l2]).into(), rest)
            }
            _ => Step::Cut,
        };
        Self::cut(raw, next, what, notes)
    }

    fn cut(raw: &'a [u8], next: impl Fn(&'a [u8]) -> Step<'a>, what: &str, notes: &mut Notes) -> Self {
        let mut parts = Self::default();
        let mut rest = raw;
        while !rest.is_empty() {
            match next(rest) {
                Step::End => break,
                Step::Padding(after) => rest = after,
                Step::Cut => {
                    let at = raw.len() - rest.len();
                    notes.add(format!("{what} ends within the sub-option at byte {at}, which is ignored"));
                    break;
                }
                Step::Part(..) if parts.0.len() == MAX => {
                    notes.add(format!("{what} has more than {MAX} sub-options; the rest is ignored"));
                    break;
                }
                Step::Part(code, value, after) => {
                    if parts.get(code).is_some() {
                        notes.add(format!("{what} has sub-option {code} more than once; the first counts"));
                    } else {
                        parts.0.push((code, value));
                    }
                    rest = after;
                }
            }
        }
        parts
    }

    /// The value of a sub-option.
    pub(crate) fn get(&self, code: u16) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == code).map(|(_, value)| *value)
    }
}

/// What comes next.
enum Step<'a> {
    Part(u16, &'a [u8], &'a [u8]),
    Padding(&'a [u8]),
    End,
    Cut,
}

impl<'a> Step<'a> {
    fn of(code: u16, len: usize, rest: &'a [u8]) -> Self {
        rest.split_at_checked(len).map_or(Self::Cut, |(value, after)| Self::Part(code, value, after))
    }
}

/// Enterprise number and data of each vendor in option 125 (RFC 3925 section 4): a byte of length before the data.
pub(crate) fn vendors<'a>(raw: &'a [u8], option: u16, notes: &mut Notes) -> Vec<(u32, &'a [u8])> {
    let mut vendors = Vec::new();
    let mut rest = raw;
    while let [n1, n2, n3, n4, len, tail @ ..] = rest {
        let Some((data, after)) = tail.split_at_checked(usize::from(*len)) else { break };
        vendors.push((u32::from_be_bytes([*n1, *n2, *n3, *n4]), data));
        rest = after;
    }
    if !rest.is_empty() {
        let at = raw.len() - rest.len();
        notes.add(format!("option {option} ends within the vendor at byte {at}, which is ignored"));
    }
    vendors
}

/// Enterprise number and data of option 16 or 17 of DHCPv6, which goes on to its end.
pub(crate) fn vendor<'a>(raw: &'a [u8], option: u16, notes: &mut Notes) -> Option<(u32, &'a [u8])> {
    let split = raw.split_first_chunk::<4>();
    if split.is_none() {
        notes.add(format!("option {option} is ignored: it has {} bytes, and no vendor's number", raw.len()));
    }
    split.map(|(number, data)| (u32::from_be_bytes(*number), data))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn short(raw: &[u8]) -> (Vec<(u16, Vec<u8>)>, Vec<String>) {
        let mut notes = Notes::default();
        let parts = SubOptions::short(raw, "option 43", &mut notes);
        (parts.0.iter().map(|(code, value)| (*code, value.to_vec())).collect(), notes.finish())
    }

    #[test]
    fn padding_is_skipped_and_the_end_is_the_end() {
        let (parts, notes) = short(&[0, 1, 2, b'a', b'b', 0, 2, 0, 255, 3, 200]);
        assert_eq!(parts, [(1, b"ab".to_vec()), (2, vec![])]);
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn what_is_cut_off_costs_itself_only() {
        for raw in [&[1, 1, b'a', 2, 5, b'b'][..], &[1, 1, b'a', 2]] {
            let (parts, notes) = short(raw);
            assert_eq!(parts, [(1, b"a".to_vec())]);
            assert_eq!(notes, ["option 43 ends within the sub-option at byte 3, which is ignored"]);
        }
    }

    #[test]
    fn the_first_of_two_counts_and_too_many_are_told() {
        let (parts, notes) = short(&[1, 1, b'a', 1, 1, b'b']);
        assert_eq!(parts, [(1, b"a".to_vec())]);
        assert!(notes[0].contains("sub-option 1 more than once"), "{notes:?}");
        let many: Vec<u8> = (1..=100).flat_map(|code| [code, 0]).collect();
        let (parts, notes) = short(&many);
        assert_eq!((parts.len(), notes.len()), (MAX, 1));
    }

    #[test]
    fn each_vendor_of_option_125_is_read() {
        let mut notes = Notes::default();
        let raw = [0, 0, 0x0d, 0xe9, 2, 9, 9, 0, 0, 0x11, 0x8b, 0, 0, 0, 1];
        assert_eq!(vendors(&raw, 125, &mut notes), [(3561, &[9, 9][..]), (4491, &[][..])]);
        assert_eq!(notes.finish(), ["option 125 ends within the vendor at byte 12, which is ignored"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_talk_for_ever(raw in proptest::collection::vec(any::<u8>(), 0..700)) {
            let mut notes = Notes::default();
            let parts = SubOptions::short(&raw, "x", &mut notes);
            prop_assert!(parts.0.len() <= MAX);
            let parts = SubOptions::long(&raw, "x", &mut notes);
            prop_assert!(parts.0.len() <= MAX);
            vendors(&raw, 125, &mut notes);
            vendor(&raw, 17, &mut notes);
            prop_assert!(notes.finish().len() <= 49);
        }

        #[test]
        fn every_part_comes_back(sent in proptest::collection::btree_map(
            1u8..255, proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let raw: Vec<u8> = sent
                .iter()
                .flat_map(|(code, value)| [&[*code, value.len() as u8], value.as_slice()].concat())
                .collect();
            let (parts, notes) = short(&raw);
            prop_assert!(parts.into_iter().eq(sent.into_iter().map(|(code, value)| (u16::from(code), value))));
            prop_assert!(notes.is_empty());
        }
    }
}
