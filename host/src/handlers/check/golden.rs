//! Leases as real servers give them, and what else a handler may be asked about them. Pure.

use std::collections::BTreeMap;

use dhcpmgr_message::wire;
use dhcpmgr_message::{
    Bytes, ClientEvent, IaKind, InterfaceAddress, Lifetime, Prefix, StaticRoute, V4Report, V6Address, V6Ia,
    V6Prefix, V6Report,
};
use dhcpmgr_plugin_api::testing::{v4_event, v6_event};
use dhcpmgr_plugin_api::{
    Candidate, Happening, Hook, LeaseEvent, Link, Manifest, OptionsQuery, ParametersQuery, Plan, Proposal,
    Protocol, operation,
};

/// One question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) hook: Hook,
    pub(super) operation: u32,
    pub(super) input: Vec<u8>,
    /// Which of the leases: for the person who reads the report.
    pub(super) name: String,
    pub(super) lease: LeaseEvent,
}

/// Leases with their names, for the protocols of a module: plain and rich ones, with its options and without, renewed
/// unchanged and changed.
pub(super) fn leases(manifest: &Manifest) -> Vec<(String, LeaseEvent)> {
    let mut leases = Vec::new();
    if manifest.protocols.contains(&Protocol::V4) {
        let rich = v4(&manifest.options_consumed);
        let again = LeaseEvent { event: ClientEvent::Renew, ..rich.clone() };
        let mut changed = again.clone();
        if let Some(report) = &mut changed.v4 {
            report.dns.reverse();
            report.lease_time = Some(Lifetime(600));
        }
        leases.extend([
            ("a bare v4 lease".to_owned(), v4_event(bare_v4())),
            ("a v4 lease".to_owned(), rich),
            ("an unchanged v4 renewal".to_owned(), again),
            ("a changed v4 renewal".to_owned(), changed),
        ]);
    }
    if manifest.protocols.contains(&Protocol::V6) {
        let rich = v6(&manifest.options_consumed);
        let again = LeaseEvent { event: ClientEvent::Update, ..rich.clone() };
        let mut changed = again.clone();
        if let Some(report) = &mut changed.v6 {
            report
                .prefixes
                .iter_mut()
                .for_each(|prefix| (prefix.preferred, prefix.valid) = (Lifetime(0), Lifetime(60)));
        }
        leases.extend([
            ("a bare v6 lease".to_owned(), v6_event(V6Report::default())),
            ("a v6 lease".to_owned(), rich),
            ("an unchanged v6 renewal".to_owned(), again),
            ("a changed v6 renewal".to_owned(), changed),
        ]);
    }
    leases
}

/// What is asked about a lease: every hook that the manifest names. Nothing that cannot be written is asked.
pub(super) fn questions(name: &str, lease: &LeaseEvent, manifest: &Manifest) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut ask = |hook: Hook, operation: u32, input: Option<Vec<u8>>| {
        questions.extend(input.map(|input| Question {
            hook,
            operation,
            input,
            name: name.to_owned(),
            lease: lease.clone(),
        }));
    };
    let (client, interface) = (lease.client.clone(), lease.interface.clone());
    for hook in manifest.hooks.iter() {
        match hook {
            Hook::Options => {
                let query = OptionsQuery::new(client.clone(), interface.clone(), lease.protocol);
                ask(hook, operation::OPTIONS, wire::encode(&query).ok());
            }
            Hook::Validate => {
                ask(hook, operation::VALIDATE, wire::encode(&Candidate::new(lease.clone())).ok());
            }
            Hook::Lease => ask(hook, operation::LEASE, wire::encode(lease).ok()),
            Hook::Decide => {
                let plan = Plan::default().with_note("a check of the module").with_dns([192, 0, 2, 53]);
                ask(hook, operation::DECIDE, wire::encode(&Proposal::new(lease.clone(), plan)).ok());
            }
            Hook::Event => {
                let words = ["lease-acquired", "lease-changed", "lease-renewed"].map(str::to_owned);
                for word in words.iter().chain(&manifest.events).filter(|word| manifest.wants_event(word)) {
                    ask(hook, operation::EVENT, wire::encode(&Happening::of(word, lease.clone())).ok());
                }
                let lost = Happening::new("lease-lost", client.clone(), interface.clone(), lease.protocol);
                if manifest.wants_event("lease-lost") {
                    ask(hook, operation::EVENT, wire::encode(&lost).ok());
                }
            }
            Hook::Parameters => {
                let mut query = ParametersQuery::new(client.clone(), interface.clone(), lease.protocol);
                query.lease = Some(lease.clone());
                ask(hook, operation::PARAMETERS, wire::encode(&query).ok());
            }
            _ => {}
        }
    }
    questions
}

fn bare_v4() -> V4Report {
    V4Report {
        address: Some([192, 0, 2, 7].into()),
        prefix_len: Some(24),
        server: Some([192, 0, 2, 1].into()),
        lease_time: Some(Lifetime(3600)),
        ..V4Report::default()
    }
}

/// A lease with everything that udhcpc tells, and the options that the module reads.
fn v4(consumed: &[u16]) -> LeaseEvent {
    let mut report = bare_v4();
    report.broadcast = Some([192, 0, 2, 255].into());
    report.routers = vec![[192, 0, 2, 1].into()];
    report.dns = vec![[192, 0, 2, 53].into(), [198, 51, 100, 53].into()];
    report.domain = Some("example.net".to_owned());
    report.search = vec!["example.net".to_owned(), "example.org".to_owned()];
    report.hostname = Some("gateway".to_owned());
    report.ntp = vec![[192, 0, 2, 123].into()];
    report.mtu = Some(1492);
    (report.t1, report.t2) = (Some(Lifetime(1800)), Some(Lifetime(3150)));
    report.sip = vec!["sip.example.net".to_owned()];
    report.tftp_server = Some("tftp.example.net".to_owned());
    report.bootfile = Some("boot.cfg".to_owned());
    let to: Option<Prefix> = "10.0.0.0/8".parse().ok();
    report.classless_routes =
        to.map(|to| StaticRoute { to, via: [192, 0, 2, 1].into() }).into_iter().collect();
    let text = |text: &str| Bytes(text.as_bytes().to_vec());
    let mut options = BTreeMap::from([
        (1, Bytes(vec![255, 255, 255, 0])),
        (3, Bytes(vec![192, 0, 2, 1])),
        (6, Bytes(vec![192, 0, 2, 53, 198, 51, 100, 53])),
        (12, text("gateway")),
        (15, text("example.net")),
        (26, Bytes(vec![0x05, 0xd4])),
        (42, Bytes(vec![192, 0, 2, 123])),
        (51, Bytes(vec![0, 0, 0x0e, 0x10])),
        (54, Bytes(vec![192, 0, 2, 1])),
        (66, text("tftp.example.net")),
        (67, text("boot.cfg")),
        (121, Bytes(vec![8, 10, 192, 0, 2, 1])),
        (43, Bytes(suboptions(&[(1, b"http://acs.example.net/"), (2, b"code"), (5, b"5")]))),
        (125, Bytes(enterprise(3561, &suboptions(&[(4, b"001122"), (5, b"SN0001"), (6, b"IGD")])))),
    ]);
    for code in
        consumed.iter().filter_map(|code| u8::try_from(*code).ok()).filter(|code| (1..=254).contains(code))
    {
        options.entry(code).or_insert_with(|| Bytes(suboptions(&[(1, b"value"), (2, &[0, 1, 2, 3])])));
    }
    report.options = options;
    LeaseEvent { link: link(), ..v4_event(report) }
}

/// A lease with an address, a prefix, and the options that the module reads.
fn v6(consumed: &[u16]) -> LeaseEvent {
    let (preferred, valid) = (Lifetime(3600), Lifetime(7200));
    let (address, prefix) =
        ("2001:db8:1::7/128".parse::<InterfaceAddress>(), "2001:db8:12:3400::/56".parse::<Prefix>());
    let mut report = V6Report {
        addresses: address
            .map(|address| V6Address {
                address,
                iaid: Some(1),
                temporary: false,
                preferred,
                valid,
                claimed: false,
            })
            .into_iter()
            .collect(),
        prefixes: prefix
            .map(|prefix| V6Prefix { prefix, iaid: Some(2), preferred, valid, claimed: false })
            .into_iter()
            .collect(),
        ias: vec![V6Ia {
            kind: IaKind::Na,
            iaid: 1,
            t1: Some(Lifetime(1800)),
            t2: Some(Lifetime(2880)),
            status: None,
        }],
        search: vec!["example.net".to_owned()],
        server_duid: Some(Bytes(vec![0, 3, 0, 1, 2, 0, 0, 0, 0, 1])),
        ..V6Report::default()
    };
    report.dns = "2001:db8::53".parse().into_iter().collect();
    let mut options = BTreeMap::from([
        (7, vec![Bytes(vec![0])]),
        (17, vec![Bytes(vendor6(3561, 1, b"http://acs.example.net/")), Bytes(vendor6(4491, 33, b"server"))]),
        (
            31,
            vec![Bytes(
                "2001:db8::123".parse::<std::net::Ipv6Addr>().map_or(vec![], |a| a.octets().to_vec()),
            )],
        ),
        (64, vec![Bytes(b"\x04aftr\x07example\x03net\x00".to_vec())]),
    ]);
    for code in consumed.iter().filter(|code| **code != 0) {
        options.entry(*code).or_insert_with(|| vec![Bytes(vendor6(1, 1, b"value"))]);
    }
    report.options = options;
    LeaseEvent { link: link(), ..v6_event(report) }
}

fn link() -> Link {
    Link { mtu: Some(1500), min_mtu: Some(68), max_mtu: Some(9000) }
}

/// Code, length and value, as in option 43.
fn suboptions(of: &[(u8, &[u8])]) -> Vec<u8> {
    of.iter().flat_map(|(code, value)| [&[*code, value.len() as u8], *value].concat()).collect()
}

/// An enterprise number and its data, as in option 125 (RFC 3925).
fn enterprise(number: u32, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[data.len() as u8], data].concat()
}

/// Option 17 of DHCPv6 with one sub-option (RFC 8415, section 21.17).
fn vendor6(number: u32, code: u16, value: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &code.to_be_bytes(), &(value.len() as u16).to_be_bytes(), value].concat()
}

#[cfg(test)]
mod tests {
    use dhcpmgr_plugin_api::DATA_LIMITS;

    use super::*;

    fn manifest() -> Manifest {
        Manifest::new("check", "1.0.0")
            .protocol(Protocol::V4)
            .protocol(Protocol::V6)
            .consumes([43, 99, 17, 1000])
    }

    #[test]
    fn every_lease_is_one_that_a_host_would_hand_over() {
        let leases = leases(&manifest());
        assert_eq!(leases.len(), 8);
        for (name, lease) in leases {
            let read: LeaseEvent = wire::decode_within(&wire::encode(&lease).unwrap(), &DATA_LIMITS).unwrap();
            assert_eq!(read, lease, "{name}");
            let bare = name.contains("bare");
            assert_eq!(lease.option(43).is_some() || lease.option(17).is_some(), !bare, "{name}");
        }
    }

    #[test]
    fn options_that_the_module_reads_are_there() {
        let leases = leases(&manifest());
        assert!(leases[1].1.option(99).is_some() && leases[5].1.option(1000).is_some());
    }

    #[test]
    fn every_hook_is_asked_and_no_other() {
        let (name, lease) = leases(&manifest()).remove(1);
        let asked = |hooks: &[Hook]| {
            let manifest = manifest().hooks(hooks.iter().copied());
            questions(&name, &lease, &manifest).iter().map(|q| q.operation).collect::<Vec<_>>()
        };
        assert_eq!(asked(&[Hook::Lease]), [operation::LEASE]);
        assert_eq!(asked(&[]), [0; 0]);
        let all = asked(&Hook::ALL);
        for operation in operation::LEASE..=operation::PARAMETERS {
            assert!(all.contains(&operation), "{operation}");
        }
    }
}
