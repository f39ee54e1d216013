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

/// The option has no length (RFC 8415 section 21.6), and dibbler itself configures the address so.
const ADDRESS_LEN: u8 = 128;

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

/// An address, as a prefix of its whole length, or a prefix: with its lifetimes and with the place where it stands.
#[derive(Debug, Clone, Copy)]
struct Value {
    prefix: Prefix,
    preferred: Lifetime,
    valid: Lifetime,
    place: Place,
    claimed: bool,
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
        if !(matches!(field, "" | "PREF" | "VALID") || field == "LEN" && self.has_length()) {
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
    fn whole(&self, problems: &mut Problems) -> Vec<Value> {
        let Self { kind, entries, more } = self;
        if *more > 0 {
            problems.add_first(format_args!("there are too many {kind}: only the first {ENTRIES} are read"));
        }
        let mut whole = Vec::with_capacity(entries.len());
        let mut taken = 0;
        for Entry { number, at, address, len, preferred, valid } in entries {
            let len = if self.has_length() { *len } else { Some(ADDRESS_LEN) };
            let (Some(address), Some(len), Some(preferred), Some(valid)) = (address, len, preferred, valid)
            else {
                problems.add(format_args!("{kind}{number} is left out: it is not complete"));
                continue;
            };
            let prefix = match Prefix::containing((*address).into(), len) {
                Ok(prefix) => prefix,
                Err(error) => {
                    problems.add(format_args!("{kind}{number} is left out: {error}"));
                    continue;
                }
            };
            if prefix.address() != *address {
                problems.add(format_args!(
                    "{kind}{number}: {address}/{len} has host bits set, {prefix} is meant"
                ));
            }
            let counted = (self.has_length() && len <= LONGEST_COUNTED).then_some(taken);
            taken += usize::from(counted.is_some());
            let (preferred, valid) = (Lifetime(*preferred), Lifetime(*valid));
            whole.push(Value { prefix, preferred, valid, place: Place { at: *at, counted }, claimed: false });
        }
        whole
    }

    /// Each value once, with the lifetimes of the first time that it is listed.
    fn weighed(&self, listed: &[Value], bounds: &Bounds, problems: &mut Problems) -> Vec<Value> {
        let mut given: Vec<Value> = Vec::new();
        for (index, first) in listed.iter().enumerate() {
            if listed[..index].iter().any(|other| other.prefix == first.prefix) {
                continue;
            }
            let same = listed.iter().filter(|other| other.prefix == first.prefix);
            let origins: Vec<Origin> = same.map(|value| bounds.origin(value.place)).collect();
            match believe(&origins) {
                Belief::Said => given.push(*first),
                Belief::Claimed => given.push(Value { claimed: true, ..*first }),
                Belief::Unanswered if bounds.may_be_refused() => {
                    let (what, len) = (first.prefix.address(), first.prefix.len());
                    let len = if self.has_length() { format!("/{len}") } else { String::new() };
                    problems.add(format_args!("{what}{len} was asked for and is not in the answer"));
                }
                Belief::Unanswered => {}
            }
        }
        if given.len() > REPORTED {
            let (found, kind) = (given.len(), self.kind);
            problems
                .add_first(format_args!("there are {found} {kind}, only the first {REPORTED} are reported"));
            given.truncate(REPORTED);
        }
        given
    }

    fn has_length(&self) -> bool {
        self.kind == "PREFIX"
    }
}

/// The addresses and prefixes that the server gave, or may have given.
pub fn given(
    addresses: &Listed,
    prefixes: &Listed,
    call: Call,
    problems: &mut Problems,
) -> (Vec<V6Address>, Vec<V6Prefix>) {
    let listed_addresses = addresses.whole(problems);
    let listed_prefixes = prefixes.whole(problems);
    let bounds = Bounds::new(call, listed_prefixes.iter().map(|prefix| prefix.place));
    let address = |value: Value| {
        let Value { prefix, preferred, valid, claimed, .. } = value;
        let address = InterfaceAddress::new(prefix.address(), prefix.len()).ok()?;
        Some(V6Address { address, iaid: None, temporary: false, preferred, valid, claimed })
    };
    let prefix = |value: Value| {
        let Value { prefix, preferred, valid, claimed, .. } = value;
        V6Prefix { prefix, iaid: None, preferred, valid, claimed }
    };
    (
        addresses.weighed(&listed_addresses, &bounds, problems).into_iter().filter_map(address).collect(),
        prefixes.weighed(&listed_prefixes, &bounds, problems).into_iter().map(prefix).collect(),
    )
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
