//! The addresses and prefixes that dibbler lists: `ADDRn`, `ADDRnPREF`, `ADDRnVALID`, and for prefixes `PREFIXnLEN`
//! besides.

use std::net::Ipv6Addr;

use dhcpmgr_message::{InterfaceAddress, Lifetime, Prefix, V6Address, V6Prefix};
use dhcpmgr_shim::Problems;
use dhcpmgr_shim::reading::once;

use crate::origin::{Belief, Bounds, Call, LONGEST_COUNTED, Origin, Place, believe};

/// Entries of one kind that are looked at, the client's own included. dibbler has room for 512 variables in all.
const ENTRIES: usize = 256;
/// Addresses, and as many prefixes, that are reported: more than any network assigns, and few enough for one message.
const REPORTED: usize = 128;

/// One entry as it is listed.
#[derive(Debug)]
struct Entry {
    number: u32,
    at: usize,
    address: Option<Ipv6Addr>,
    len: Option<u8>,
    preferred: Option<u32>,
    valid: Option<u32>,
}

/// All entries of one kind.
#[derive(Debug)]
pub struct Listed {
    kind: &'static str,
    entries: Vec<Entry>,
    more: usize,
}

/// An address, or a prefix, with its lifetimes and with the place where it stands.
#[derive(Debug, Clone, Copy)]
struct Value<T> {
    value: T,
    preferred: Lifetime,
    valid: Lifetime,
    place: Place,
}

impl Listed {
    /// None yet. `kind` is how the names of the variables begin.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self { kind, entries: Vec::new(), more: 0 }
    }

    /// Takes the variable at this place if it is one of these.
    pub fn take(&mut self, at: usize, name: &str, value: &[u8], problems: &mut Problems) -> bool {
        let Some((number, field)) = name.strip_prefix(self.kind).and_then(number_and_field) else {
            return false;
        };
        if !matches!((self.kind, field), (_, "" | "PREF" | "VALID") | ("PREFIX", "LEN")) {
            return false;
        }
        // The fields of one entry follow each other.
        let known = self.entries.iter().rposition(|entry| entry.number == number);
        let index = match known {
            Some(index) => index,
            None if self.entries.len() >= ENTRIES => {
                self.more += 1;
                return true;
            }
            None => {
                let (address, len, preferred, valid) = (None, None, None, None);
                self.entries.push(Entry { number, at, address, len, preferred, valid });
                self.entries.len() - 1
            }
        };
        let Some(entry) = self.entries.get_mut(index) else { return true };
        match field {
            "LEN" => once(&mut entry.len, name, value, problems),
            "PREF" => once(&mut entry.preferred, name, value, problems),
            "VALID" => once(&mut entry.valid, name, value, problems),
            _ => once(&mut entry.address, name, value, problems),
        }
        true
    }

    /// The entries that are whole.
    fn whole<T>(
        &self,
        problems: &mut Problems,
        mut value: impl FnMut(&Entry, Ipv6Addr, &mut Problems) -> Option<T>,
    ) -> Vec<Value<T>> {
        let Self { kind, entries, more } = self;
        if *more > 0 {
            problems.add_first(format_args!("there are too many {kind}: only the first {ENTRIES} are read"));
        }
        let mut whole = Vec::with_capacity(entries.len());
        for entry in entries {
            let Entry { number, at, address, preferred, valid, .. } = entry;
            let (Some(address), Some(preferred), Some(valid)) = (address, preferred, valid) else {
                problems.add(format_args!("{kind}{number} is left out: it is not complete"));
                continue;
            };
            if let Some(value) = value(entry, *address, problems) {
                let (preferred, valid) = (Lifetime(*preferred), Lifetime(*valid));
                whole.push(Value { value, preferred, valid, place: Place { at: *at, counted: None } });
            }
        }
        whole
    }
}

/// The addresses and prefixes that the server gave, or may have given.
pub fn given(
    addresses: &Listed,
    prefixes: &Listed,
    call: Call,
    problems: &mut Problems,
) -> (Vec<V6Address>, Vec<V6Prefix>) {
    let addresses = addresses.whole(problems, |entry, address, problems| {
        // dibbler itself configures it so, and the option has no length (RFC 8415 section 21.6).
        match InterfaceAddress::new(address.into(), 128) {
            Ok(address) => Some(address),
            Err(error) => {
                problems.add(format_args!("ADDR{}: {error}", entry.number));
                None
            }
        }
    });
    let mut prefixes = prefixes.whole(problems, prefix);
    let mut counted = 0;
    for prefix in &mut prefixes {
        if prefix.value.len() <= LONGEST_COUNTED {
            prefix.place.counted = Some(counted);
            counted += 1;
        }
    }
    let bounds = Bounds::new(call, prefixes.iter().map(|prefix| prefix.place));
    let addresses = weighed("addresses", &addresses, &bounds, problems)
        .map(|(address, claimed)| V6Address {
            address: address.value,
            iaid: None,
            temporary: false,
            preferred: address.preferred,
            valid: address.valid,
            claimed,
        })
        .collect();
    let prefixes = weighed("prefixes", &prefixes, &bounds, problems)
        .map(|(prefix, claimed)| V6Prefix {
            prefix: prefix.value,
            iaid: None,
            preferred: prefix.preferred,
            valid: prefix.valid,
            claimed,
        })
        .collect();
    (addresses, prefixes)
}

fn prefix(entry: &Entry, address: Ipv6Addr, problems: &mut Problems) -> Option<Prefix> {
    let number = entry.number;
    let Some(len) = entry.len else {
        problems.add(format_args!("PREFIX{number} is left out: it has no length"));
        return None;
    };
    match Prefix::containing(address.into(), len) {
        Ok(prefix) => {
            if prefix.address() != address {
                problems.add(format_args!(
                    "PREFIX{number}: {address}/{len} has host bits set, {prefix} is meant"
                ));
            }
            Some(prefix)
        }
        Err(error) => {
            problems.add(format_args!("PREFIX{number} is left out: {error}"));
            None
        }
    }
}

/// Each value once, with the lifetimes of the first time that it is listed, and whether it is only claimed.
fn weighed<T: Copy + PartialEq + std::fmt::Display>(
    what: &str,
    listed: &[Value<T>],
    bounds: &Bounds,
    problems: &mut Problems,
) -> impl Iterator<Item = (Value<T>, bool)> {
    let mut given: Vec<(Value<T>, bool)> = Vec::new();
    let mut seen: Vec<T> = Vec::new();
    for first in listed {
        if seen.contains(&first.value) {
            continue;
        }
        seen.push(first.value);
        let same = listed.iter().filter(|other| other.value == first.value);
        let origins: Vec<Origin> = same.map(|value| bounds.origin(value.place)).collect();
        match believe(&origins) {
            Belief::Said => given.push((*first, false)),
            Belief::Claimed => given.push((*first, true)),
            Belief::Unanswered => {
                if bounds.may_be_refused() {
                    problems.add(format_args!("{} was asked for and is not in the answer", first.value));
                }
            }
        }
    }
    if given.len() > REPORTED {
        let found = given.len();
        problems.add_first(format_args!("there are {found} {what}, only the first {REPORTED} are reported"));
        given.truncate(REPORTED);
    }
    given.into_iter()
}

/// What follows `ADDR` or `PREFIX`: a number without leading zeros, and the field.
fn number_and_field(rest: &str) -> Option<(u32, &str)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, field) = rest.split_at_checked(digits)?;
    if number.starts_with('0') {
        return None;
    }
    Some((number.parse().ok()?, field))
}
