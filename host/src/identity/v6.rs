//! The identity of DHCPv6: the DUID of the device, and the identity associations of a client.

use dhcpmgr_message::{Bytes, IaKind, Prefix};

use super::Ia;
use crate::config::V6;
use crate::network::HardwareAddress;

/// An identity association that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedIa {
    /// Its kind.
    pub kind: IaKind,
    /// Its IAID.
    pub iaid: u32,
    /// What the operator wishes for; an address has a length of 128.
    pub configured: Option<Prefix>,
    /// What was last leased in it, likewise.
    pub last: Option<Prefix>,
    /// T1 that is wished for, seconds.
    pub t1: Option<u32>,
    /// T2 that is wished for, seconds.
    pub t2: Option<u32>,
}

impl WantedIa {
    /// What is kept of it when it is used for the first time.
    #[must_use]
    pub fn used(&self) -> Ia {
        Ia { kind: self.kind, iaid: self.iaid, last: Vec::new() }
    }
}

/// What a client asks for: each association under the IAID that the operator configured, that was used first in its
/// place, or that is its place, counted from 1.
#[must_use]
pub fn wanted_ias(v6: &V6, stored: &[Ia]) -> Vec<WantedIa> {
    let mut wanted: Vec<WantedIa> = Vec::new();
    for (kind, configured) in [(IaKind::Na, &v6.ia_na), (IaKind::Pd, &v6.ia_pd)] {
        let stored: Vec<&Ia> = stored.iter().filter(|ia| ia.kind == kind).collect();
        let first = wanted.len();
        for (place, ia) in configured.iter().enumerate() {
            let is_taken = |iaid: &u32, wanted: &[WantedIa]| {
                wanted[first..].iter().any(|other| other.iaid == *iaid)
                    || configured.iter().any(|other| other.iaid == Some(*iaid))
            };
            let used_first = stored.get(place).map(|ia| ia.iaid).filter(|iaid| !is_taken(iaid, &wanted));
            // There are fewer associations than numbers.
            let mut numbers = (place as u32 + 1)..;
            let next = || numbers.find(|iaid| !is_taken(iaid, &wanted)).unwrap_or_default();
            let iaid = ia.iaid.or(used_first).unwrap_or_else(next);
            let last = stored.iter().find(|ia| ia.iaid == iaid).and_then(|ia| ia.last.first().copied());
            wanted.push(WantedIa { kind, iaid, configured: ia.hint, last, t1: ia.t1, t2: ia.t2 });
        }
    }
    wanted
}

/// A DUID for a device that has none: DUID-LL where there is a hardware address (RFC 8415 section 11.4), because that
/// is what people read on its label; otherwise DUID-UUID (RFC 6355). `random` makes a version 4 UUID (RFC 9562).
#[must_use]
pub fn new_duid(hardware: Option<HardwareAddress>, mut random: [u8; 16]) -> Bytes {
    match hardware {
        // Hardware type 1: Ethernet.
        Some(HardwareAddress(mac)) => Bytes([&[0, 3, 0, 1], mac.as_slice()].concat()),
        None => {
            random[6] = random[6] & 0x0f | 0x40;
            random[8] = random[8] & 0x3f | 0x80;
            Bytes([&[0, 4], random.as_slice()].concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IaConfig;

    fn iaids(v6: &V6, stored: &[Ia]) -> Vec<(IaKind, u32)> {
        wanted_ias(v6, stored).iter().map(|ia| (ia.kind, ia.iaid)).collect()
    }

    fn config(iaids: &[Option<u32>]) -> Vec<IaConfig> {
        iaids.iter().map(|iaid| IaConfig { iaid: *iaid, ..IaConfig::default() }).collect()
    }

    fn stored(kind: IaKind, iaid: u32, last: &str) -> Ia {
        Ia { kind, iaid, last: last.parse().into_iter().collect() }
    }

    #[test]
    fn the_operator_goes_before_what_was_used_first_and_that_before_a_new_number() {
        let v6 = V6 { ia_na: config(&[None]), ia_pd: config(&[None, Some(1), None]), ..V6::default() };
        let (na, pd) = (IaKind::Na, IaKind::Pd);
        assert_eq!(iaids(&v6, &[]), [(na, 1), (pd, 2), (pd, 1), (pd, 3)]);
        let kept = [stored(pd, 77, "2001:db8::/56"), stored(na, 4_000_000_000, "2001:db8::7/128")];
        assert_eq!(iaids(&v6, &kept), [(na, 4_000_000_000), (pd, 77), (pd, 1), (pd, 3)]);
        let wanted = wanted_ias(&v6, &kept);
        assert_eq!(wanted[0].last, Some("2001:db8::7/128".parse().unwrap()));
        assert_eq!(wanted[1].last, Some("2001:db8::/56".parse().unwrap()));
        assert_eq!(wanted[2].last, None);
        let all = [stored(pd, 1, ""), stored(pd, 2, ""), stored(pd, 1, "")];
        let numbers: crate::flat::FlatSet<_> = iaids(&v6, &all).into_iter().collect();
        assert_eq!(numbers.len(), 4, "no number twice");
        assert!(iaids(&V6::default(), &kept).is_empty(), "stateless");
    }

    #[test]
    fn a_duid_is_one_of_rfc_8415() {
        let mac = HardwareAddress([2, 0, 0, 0, 0, 9]);
        assert_eq!(new_duid(Some(mac), [0xff; 16]).to_hex(), "00030001020000000009");
        let uuid = new_duid(None, [0xff; 16]).to_hex();
        assert_eq!(uuid, "0004ffffffffffff4fffbfffffffffffffff");
    }
}
