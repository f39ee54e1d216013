//! What a DHCPv6 client holds: each address and each prefix, with what the server last said of it and when.
//!
//! A hook tells of a part at a time: IA_NA and IA_PD are renewed by messages of their own, so what a message does not
//! name is not lost by it. What ends an entry is its own time, a valid lifetime of 0, a status code of its identity
//! association, or the client's word that it is gone. Pure: no clock.

use std::fmt;

use dhcpmgr_message::{
    ClientEvent, IaKind, InterfaceAddress, LeaseMessage, Lifetime, Prefix, V6Address, V6Ia, V6Prefix,
    V6Report, V6Request,
};

use crate::clients::KnownIa;

/// How many addresses, and how many prefixes, one client may hold: what a plan may carry.
const MOST: usize = 64;
/// How long it is remembered that something was taken back, for messages that were overtaken: milliseconds.
const REMEMBERED_MS: u64 = 600_000;

/// Status codes that mean that nothing of an identity association is left (RFC 8415 section 21.13).
const LOSSES: [(u16, &str); 4] =
    [(2, "NoAddrsAvail"), (3, "NoBinding"), (4, "NotOnLink"), (6, "NoPrefixAvail")];

/// An address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Address { address: InterfaceAddress, temporary: bool },
    Prefix(Prefix),
}

impl Value {
    fn kind(self) -> IaKind {
        match self {
            Self::Address { temporary: false, .. } => IaKind::Na,
            Self::Address { temporary: true, .. } => IaKind::Ta,
            Self::Prefix(_) => IaKind::Pd,
        }
    }

    /// Whether the kernel, or a LAN, would take them for the same.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Address { address: a, .. }, Self::Address { address: b, .. }) => {
                a.address() == b.address()
            }
            (Self::Prefix(a), Self::Prefix(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, .. } => write!(f, "address {}", address.address()),
            Self::Prefix(prefix) => write!(f, "prefix {prefix}"),
        }
    }
}

/// One address or prefix that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub value: Value,
    pub iaid: Option<u32>,
    /// As the server said, seconds.
    pub preferred: Lifetime,
    /// As the server said, seconds.
    pub valid: Lifetime,
    /// When it said so: milliseconds of `CLOCK_BOOTTIME`.
    said_at: u64,
}

impl Entry {
    /// The end of the preferred lifetime, `None` for never: milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn preferred_until(&self) -> Option<u64> {
        end(self.said_at, self.preferred)
    }

    /// The end of the valid lifetime, likewise.
    pub(super) fn valid_until(&self) -> Option<u64> {
        end(self.said_at, self.valid)
    }

    fn is_over(&self, now: u64) -> bool {
        self.valid_until().is_some_and(|end| end <= now)
    }
}

/// The instant at which a lifetime that began at `from` ends, `None` for never.
pub(super) fn end(from: u64, lifetime: Lifetime) -> Option<u64> {
    lifetime.seconds().map(|seconds| from.saturating_add(u64::from(seconds) * 1000))
}

/// Everything that a client holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    taken_back: Vec<(Value, u64)>,
    ias: Vec<V6Ia>,
    /// What the last message said besides: options, servers.
    rest: V6Report,
    /// When that was said.
    rest_at_ms: u64,
    /// When all of this held.
    at_ms: u64,
}

impl Ledger {
    /// Takes what a message tells, and says what of it is worth a sentence.
    pub(super) fn take(&mut self, message: &LeaseMessage) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(report) = &message.v6 else { return notes };
        let at_ms = message.at_ms;
        self.taken_back.retain(|(_, at)| at_ms.saturating_sub(*at) < REMEMBERED_MS);
        if message.event == ClientEvent::Delete {
            self.delete(report, at_ms, &mut notes);
        } else {
            for said in said(report, at_ms) {
                self.take_one(said, &mut notes);
            }
            if report.answer_to == Some(V6Request::Request) {
                self.replace(at_ms, &mut notes);
            }
        }
        for ia in &report.ias {
            self.take_ia(ia, at_ms, &mut notes);
        }
        self.at_ms = self.at_ms.max(at_ms);
        let says_the_rest =
            message.event != ClientEvent::Delete && report.answer_to != Some(V6Request::Confirm);
        // Not by `at_ms`: what waited in the spool is older than the last look at what is over.
        if says_the_rest && at_ms >= self.rest_at_ms {
            self.rest_at_ms = at_ms;
            self.rest =
                V6Report { addresses: Vec::new(), prefixes: Vec::new(), ias: Vec::new(), ..report.clone() };
        }
        notes
    }

    fn take_one(&mut self, said: Said, notes: &mut Vec<String>) {
        let Said { entry, claimed } = said;
        let known = self.entries.iter().position(|known| known.value.is(entry.value));
        let overtaken = known.is_some_and(|known| self.entries[known].said_at > entry.said_at)
            || self.taken_back.iter().any(|(value, at)| value.is(entry.value) && *at > entry.said_at);
        if overtaken {
            notes.push(format!("{}: ignored, a later message said otherwise", entry.value));
            return;
        }
        match known {
            Some(_) if claimed => {
                notes.push(format!(
                    "{}: the server did not name it in its answer, so its time is not extended",
                    entry.value
                ));
            }
            Some(known) if entry.valid.0 == 0 => {
                notes.push(format!("{}: the server took it back (valid lifetime 0)", entry.value));
                self.entries.remove(known);
                self.taken_back.push((entry.value, entry.said_at));
            }
            // What is not held cannot be taken back.
            None if entry.valid.0 == 0 => {}
            Some(known) => {
                let iaid = entry.iaid.or(self.entries[known].iaid);
                self.entries[known] = Entry { iaid, ..entry };
            }
            None if self.count(entry.value.kind()) == MOST => {
                notes.push(format!("{}: ignored, it would be more than {MOST} of its kind", entry.value));
            }
            None => self.entries.push(entry),
        }
    }

    /// Who sends a REQUEST starts anew: what the server gives in an identity association is all that is in it (RFC 8415
    /// section 18.2.10.1), and what it gave before to a client that was started again is given to nobody.
    fn replace(&mut self, at_ms: u64, notes: &mut Vec<String>) {
        let given: Vec<(IaKind, u32)> = self
            .entries
            .iter()
            .filter(|entry| entry.said_at == at_ms)
            .filter_map(|entry| Some((entry.value.kind(), entry.iaid?)))
            .collect();
        let (gone, kept) = std::mem::take(&mut self.entries).into_iter().partition(|entry| {
            let ia = entry.iaid.map(|iaid| (entry.value.kind(), iaid));
            entry.said_at < at_ms && ia.is_some_and(|ia| given.contains(&ia))
        });
        self.entries = kept;
        self.remove_all(gone, at_ms, "the server gave another in its place", notes);
    }

    /// Addresses of both kinds are counted together.
    fn count(&self, kind: IaKind) -> usize {
        let prefix = kind == IaKind::Pd;
        self.entries.iter().filter(|entry| (entry.value.kind() == IaKind::Pd) == prefix).count()
    }

    /// The client says that these are gone; all, when it names none.
    fn delete(&mut self, report: &V6Report, at_ms: u64, notes: &mut Vec<String>) {
        let named: Vec<Value> = said(report, at_ms).map(|said| said.entry.value).collect();
        let (gone, kept) = std::mem::take(&mut self.entries).into_iter().partition(|entry| {
            entry.said_at <= at_ms && (named.is_empty() || named.iter().any(|value| value.is(entry.value)))
        });
        self.entries = kept;
        self.remove_all(gone, at_ms, "the client gave it up", notes);
    }

    fn remove_all(&mut self, gone: Vec<Entry>, at_ms: u64, why: &str, notes: &mut Vec<String>) {
        for entry in gone {
            notes.push(format!("{}: {why}", entry.value));
            self.taken_back.push((entry.value, at_ms));
        }
    }

    fn take_ia(&mut self, ia: &V6Ia, at_ms: u64, notes: &mut Vec<String>) {
        let same = |known: &V6Ia| (known.kind, known.iaid) == (ia.kind, ia.iaid);
        match self.ias.iter().position(same) {
            Some(known) => self.ias[known] = ia.clone(),
            None if self.ias.len() < MOST => self.ias.push(ia.clone()),
            None => {}
        }
        let Some((_, name)) = LOSSES.iter().find(|(code, _)| Some(*code) == ia.status) else { return };
        let (gone, kept) = std::mem::take(&mut self.entries).into_iter().partition(|entry| {
            entry.value.kind() == ia.kind && entry.iaid == Some(ia.iaid) && entry.said_at < at_ms
        });
        self.entries = kept;
        self.remove_all(
            gone,
            at_ms,
            &format!("lost, the server says {name} of {} {}", ia.kind, ia.iaid),
            notes,
        );
    }

    /// Takes what is known of identity associations from elsewhere: which one a value belongs to, T1 and T2. `true`
    /// when that was news.
    pub(super) fn learn(&mut self, known: &[KnownIa]) -> bool {
        let before = self.clone();
        for KnownIa { ia, values } in known {
            for entry in self.entries.iter_mut().filter(|entry| entry.value.kind() == ia.kind) {
                let held = |prefix: &Prefix| match entry.value {
                    Value::Address { address, .. } => prefix.address() == address.address(),
                    Value::Prefix(value) => value == *prefix,
                };
                if values.iter().any(held) {
                    entry.iaid = Some(ia.iaid);
                }
            }
            self.take_ia(ia, 0, &mut Vec::new());
        }
        *self != before
    }

    /// Removes what is over at `now`, and says what that was.
    pub(super) fn expire(&mut self, now: u64) -> Vec<String> {
        let (over, kept): (Vec<Entry>, _) =
            std::mem::take(&mut self.entries).into_iter().partition(|entry| entry.is_over(now));
        self.entries = kept;
        self.at_ms = self.at_ms.max(now);
        over.iter()
            .map(|entry| format!("{}: its time is over and no server extended it", entry.value))
            .collect()
    }

    /// When the next entry ends.
    pub(super) fn next_end(&self) -> Option<u64> {
        self.entries.iter().filter_map(Entry::valid_until).min()
    }

    /// What is held, in the order in which it was learnt.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is held in which identity association, where that is known; addresses with a length of 128.
    pub(super) fn leased(&self) -> impl Iterator<Item = (IaKind, u32, Prefix)> {
        self.entries.iter().filter_map(|entry| {
            let value = match entry.value {
                Value::Address { address, .. } => Prefix::new(address.address(), 128).ok()?,
                Value::Prefix(prefix) => prefix,
            };
            Some((entry.value.kind(), entry.iaid?, value))
        })
    }

    /// What is known of identity associations as a whole.
    pub(super) fn ias(&self) -> &[V6Ia] {
        &self.ias
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The earliest T1 or, where none is known, half of the shortest preferred lifetime: when the client asks for
    /// more time, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn renews_at(&self) -> Option<u64> {
        let t1 = |entry: &Entry| {
            let of = |ia: &&V6Ia| ia.kind == entry.value.kind() && Some(ia.iaid) == entry.iaid;
            self.ias.iter().find(of)?.t1.filter(|t1| t1.0 != 0)
        };
        let renews = |entry: &Entry| {
            let after = t1(entry).and_then(Lifetime::seconds).map(|t1| u64::from(t1) * 1000);
            let half = || entry.preferred.seconds().map(|seconds| u64::from(seconds) * 500);
            Some(entry.said_at.saturating_add(after.or_else(half)?))
        };
        self.entries.iter().filter(|entry| entry.preferred.0 != 0).filter_map(renews).min()
    }

    /// The whole of it as one message, as if the server had said all of it at once; lifetimes are what is left.
    /// `last` lends what a message needs besides.
    pub(super) fn whole(&self, last: &LeaseMessage) -> LeaseMessage {
        let left = |lifetime: Lifetime, said_at: u64| match end(said_at, lifetime) {
            None => lifetime,
            Some(end) => Lifetime(
                end.saturating_sub(self.at_ms).saturating_add(500).checked_div(1000).map_or(0, |s| s as u32),
            ),
        };
        let mut report = self.rest.clone();
        for entry in &self.entries {
            let preferred = left(entry.preferred, entry.said_at);
            let valid = left(entry.valid, entry.said_at);
            let (iaid, claimed) = (entry.iaid, false);
            match entry.value {
                _ if valid.0 == 0 => {}
                Value::Address { address, temporary } => {
                    report.addresses.push(V6Address { address, iaid, temporary, preferred, valid, claimed });
                }
                Value::Prefix(prefix) => {
                    report.prefixes.push(V6Prefix { prefix, iaid, preferred, valid, claimed });
                }
            }
        }
        report.ias.clone_from(&self.ias);
        let event = if last.event == ClientEvent::Add { ClientEvent::Add } else { ClientEvent::Update };
        LeaseMessage { event, at_ms: self.at_ms, v6: Some(report), ..last.clone() }
    }
}

/// What a message says of one value.
struct Said {
    entry: Entry,
    claimed: bool,
}

fn said(report: &V6Report, said_at: u64) -> impl Iterator<Item = Said> {
    let addresses = report.addresses.iter().map(move |a| Said {
        entry: Entry {
            value: Value::Address { address: a.address, temporary: a.temporary },
            iaid: a.iaid,
            preferred: a.preferred,
            valid: a.valid,
            said_at,
        },
        claimed: a.claimed,
    });
    let prefixes = report.prefixes.iter().map(move |p| Said {
        entry: Entry {
            value: Value::Prefix(p.prefix),
            iaid: p.iaid,
            preferred: p.preferred,
            valid: p.valid,
            said_at,
        },
        claimed: p.claimed,
    });
    addresses.chain(prefixes)
}

#[cfg(test)]
mod tests;
