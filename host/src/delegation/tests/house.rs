//! A gateway without a kernel: what is known of its LANs, clocks that are set by hand, and a record that survives.

use std::net::IpAddr;

use dhcpmgr_message::{ClientName, IfName, Prefix};

use crate::clock::BootId;
use crate::config::{Delegation, Lans, RaBackend, Token};
use crate::delegation::advertise;
use crate::delegation::known::{Decision, Known};
use crate::delegation::record::{Moment, Record};
use crate::delegation::{Delegated, Handed, LanPrefix};
use crate::events::EventKind;
use crate::flat::FlatMap;
use crate::network::{Desired, HardwareAddress};

pub(super) const SECOND: u64 = 1000;
pub(super) const HOUR: u64 = 3600 * SECOND;

pub(super) fn p(text: &str) -> Prefix {
    text.parse().unwrap()
}

pub(super) fn lan(from: &[&str], subnet: Option<u32>, length: u8) -> Delegation {
    Delegation {
        from: from.iter().map(|name| name.parse().unwrap()).collect(),
        subnet,
        length,
        token: Token::Bits("::1".parse().unwrap()),
        ula: true,
    }
}

pub(super) struct House {
    pub(super) known: Known,
    pub(super) now: u64,
    wall: u64,
    boot: u8,
    record: Option<Record>,
    /// How often the flash was written.
    pub(super) writes: usize,
    pub(super) hardware: Option<HardwareAddress>,
    pub(super) last: Option<Decision>,
}

impl House {
    pub(super) fn new(lans: &[(&str, Delegation)]) -> Self {
        let delegations: FlatMap<IfName, Delegation> =
            lans.iter().map(|(name, lan)| (name.parse().unwrap(), lan.clone())).collect();
        let mut house = Self {
            known: Known::default(),
            now: 10 * SECOND,
            wall: 1_800_000_000_000,
            boot: 1,
            record: None,
            writes: 0,
            hardware: None,
            last: None,
        };
        house.known.lans = Lans { delegations, ..Lans::default() };
        house.known.lans.router_advertisements.backend = RaBackend::Radvd;
        house.known.settle(house.now);
        house.decide();
        house
    }

    fn moment(&self) -> Moment {
        Moment::new(BootId::from_bytes([self.boot; 16]), self.now, self.wall)
    }

    pub(super) fn decide(&mut self) -> Vec<(EventKind, String)> {
        let hardware = self.hardware;
        let decision = self.known.decide(self.now, &|_| hardware);
        let record = Record::of(&self.known.memory, self.moment());
        if !self.record.as_ref().is_some_and(|kept| kept.says_the_same(&record)) {
            self.record = Some(record);
            self.writes += 1;
        }
        let told = decision.events.iter().map(|event| {
            let about = event.fields.get("prefix").or(event.fields.get("delegated")).unwrap();
            (event.event.clone(), format!("{} {about}", event.fields["lan"]))
        });
        let told = told.collect();
        self.last = Some(decision);
        told
    }

    /// A client has these prefixes, each for a preferred and a valid lifetime in seconds.
    pub(super) fn take(&mut self, client: &str, prefixes: &[(&str, u64, u64)]) -> Vec<(EventKind, String)> {
        let prefixes = prefixes.iter().map(|(prefix, preferred, valid)| Delegated {
            prefix: p(prefix),
            exclude: None,
            iaid: Some(1),
            preferred_until: Some(self.now + preferred * SECOND),
            valid_until: Some(self.now + valid * SECOND),
        });
        self.hand(client, prefixes.collect())
    }

    pub(super) fn hand(&mut self, client: &str, prefixes: Vec<Delegated>) -> Vec<(EventKind, String)> {
        let client: ClientName = client.parse().unwrap();
        self.known.hand(&client, Handed::from(prefixes));
        self.decide()
    }

    fn next(&self) -> Option<u64> {
        let advertised = advertise::next(&self.known.memory, self.now);
        [self.known.next(self.now), advertised].into_iter().flatten().min()
    }

    /// Time passes, and what is due at each instant is done at it.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<(EventKind, String)> {
        let end = self.now + ms;
        let mut told = Vec::new();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.wall += next - self.now;
            self.now = next;
            told.extend(self.decide());
        }
        self.wall += end - self.now;
        self.now = end;
        told
    }

    /// The daemon ends and another one starts; the clients have not told it anything yet.
    pub(super) fn restart(&mut self) {
        let lans = std::mem::take(&mut self.known.lans);
        let ula = self.known.ula;
        self.known = Known::restore(self.record.clone(), self.moment());
        (self.known.lans, self.known.ula) = (lans, ula);
    }

    /// The machine starts again after this time without power.
    pub(super) fn reboot(&mut self, off: u64) {
        self.boot += 1;
        self.wall += off;
        self.now = 10 * SECOND;
        self.restart();
    }

    pub(super) fn settle(&mut self) -> Vec<(EventKind, String)> {
        self.known.settle(self.now);
        self.decide()
    }

    pub(super) fn desired(&self, lan: &str) -> Option<&Desired> {
        self.last.as_ref().unwrap().desired.get(lan)
    }

    /// Addresses of a LAN with what is left of their lifetimes in seconds.
    pub(super) fn addresses(&self, lan: &str) -> Vec<(String, u64, u64)> {
        let left = |end: Option<u64>| end.map_or(u64::MAX, |end| end.saturating_sub(self.now) / SECOND);
        let Some(desired) = self.desired(lan) else { return Vec::new() };
        let address = |a: &crate::network::DesiredAddress| {
            (a.address.to_string(), left(a.preferred_until), left(a.valid_until))
        };
        desired.addresses.iter().map(address).collect()
    }

    pub(super) fn standing(&self, lan: &str) -> Vec<LanPrefix> {
        let views = self.known.views(self.now);
        views.into_iter().find(|view| view.interface.as_str() == lan).map_or(Vec::new(), |view| view.prefixes)
    }

    pub(super) fn refused(&self, lan: &str) -> Vec<String> {
        let views = self.known.views(self.now);
        views.into_iter().find(|view| view.interface.as_str() == lan).map_or(Vec::new(), |view| view.refused)
    }

    /// The LAN prefixes in the kernel, with the LAN.
    pub(super) fn on_links(&self) -> Vec<(IfName, Prefix)> {
        let desired = self.last.as_ref().unwrap().desired.values();
        let of = |desired: &Desired| {
            let lan = desired.interface.clone();
            let prefixes = desired.addresses.iter().map(|a| a.address.prefix()).collect::<Vec<_>>();
            prefixes.into_iter().map(move |prefix| (lan.clone(), prefix)).collect::<Vec<_>>()
        };
        desired.flat_map(of).collect()
    }
}

pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
