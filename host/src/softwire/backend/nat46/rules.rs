//! A softwire as rules of nat46, and rules as lines of its control file. Pure.
//!
//! A rule has a local side, the customer's rule, and a remote side: the whole of IPv4 behind the DMR (RFC 6052), or the
//! customers of a forwarding rule. The first rule that matches is taken; the one for all is the last.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::{IfName, Prefix};
use dhcpmgr_plugin_api::{Softwire, SoftwireRule};

use crate::flat::FlatMap;
use crate::order;

/// A rule, as the words that the control file has for it: key → value.
pub(super) type Rule = FlatMap<String, String>;

/// What a softwire needs of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    /// Those for forwarding, the least specific first: each is put before the others.
    pub(super) forwarding: Vec<Rule>,
    /// The one for all other destinations.
    pub(super) rest: Rule,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

impl Rules {
    /// Of a MAP-T softwire; the error says what the module cannot do.
    pub(super) fn of(softwire: &Softwire) -> Result<Self, String> {
        let own = softwire.rules.first().ok_or("it has no rule for the customer")?;
        let dmr = softwire.dmr.ok_or("it has no Default Mapping Rule")?;
        check(own).map_err(|what| format!("nat46 has no {what}"))?;
        let style = if softwire.legacy_interface_id { "MAP0" } else { "MAP" };
        let ours = customer_address(softwire, own);
        if ours.is_none() || ours != softwire.ce_ipv6 {
            let (ours, right) = (or_none(ours), or_none(softwire.ce_ipv6));
            return Err(format!(
                "nat46 would use the address {ours} for the customer, which is {right}: the delegated prefix has bits \
                 beyond the EA bits that it knows nothing of"
            ));
        }
        let pair = |remote: &[(&str, String)]| {
            let local = mapping(own, style);
            let side = |name: &'static str, words: &[(&str, String)]| {
                words.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())).collect::<Vec<_>>()
            };
            side("local", &local).into_iter().chain(side("remote", remote)).collect::<Rule>()
        };
        let (mut forwarding, mut left_out) = (Vec::new(), 0);
        for rule in softwire.rules.iter().filter(|rule| rule.fmr) {
            if check(rule).is_ok() { forwarding.push(rule) } else { left_out += 1 }
        }
        order::sort_by_key(&mut forwarding, |rule| rule.ipv4.len());
        let mut notes = Vec::new();
        if left_out > 0 {
            notes.push(format!(
                "{left_out} forwarding rules are of a kind that nat46 does not have: packets to their customers go by way \
                 of the ISP"
            ));
        }
        let everything = [
            ("v4", Prefix::DEFAULT_V4.to_string()),
            ("v6", dmr.to_string()),
            ("style", "RFC6052".to_owned()),
            ("ea-len", "0".to_owned()),
            ("psid-offset", "0".to_owned()),
        ];
        Ok(Self {
            forwarding: forwarding.into_iter().map(|rule| pair(&mapping(rule, style))).collect(),
            rest: pair(&everything),
            notes,
        })
    }

    /// All, as a set.
    pub(super) fn sorted(&self) -> Vec<Rule> {
        let mut all = self.forwarding.clone();
        all.push(self.rest.clone());
        order::sort(&mut all);
        all
    }
}

fn or_none(address: Option<Ipv6Addr>) -> String {
    address.map_or_else(|| "none".to_owned(), |address| address.to_string())
}

fn mapping(rule: &SoftwireRule, style: &str) -> [(&'static str, String); 5] {
    [
        ("v4", rule.ipv4.to_string()),
        ("v6", rule.ipv6.to_string()),
        ("style", style.to_owned()),
        ("ea-len", rule.ea_len.to_string()),
        ("psid-offset", rule.ports.offset.to_string()),
    ]
}

/// What a rule has that the module does not: it takes the IPv4 suffix and the PSID from the EA bits, and only from there.
fn check(rule: &SoftwireRule) -> Result<(), &'static str> {
    let suffix = 32_u8.saturating_sub(rule.ipv4.len());
    match rule.ea_len.checked_sub(suffix) {
        None => Err("rules that give a customer an IPv4 prefix"),
        Some(psid_len) if psid_len != rule.ports.psid_len => Err("rules with a PSID of their own"),
        Some(_) => Ok(()),
    }
}

/// The customer's IPv6 address as the module makes it (RFC 7597 section 5.2): rule prefix, EA bits, zeros up to the
/// interface identifier.
fn customer_address(softwire: &Softwire, own: &SoftwireRule) -> Option<Ipv6Addr> {
    let IpAddr::V4(ipv4) = softwire.ipv4?.address() else { return None };
    let IpAddr::V6(prefix) = own.ipv6.address() else { return None };
    let end = own.ipv6.len().checked_add(own.ea_len).filter(|end| *end <= 128)?;
    let ea = if own.ea_len == 0 { 0 } else { u128::from(softwire.ea_bits) << (128 - u32::from(end)) };
    let identifier = interface_identifier(ipv4, softwire.ports.psid, softwire.legacy_interface_id);
    // What the prefix and the EA bits have of the identifier's place goes before it.
    let below = u128::MAX.checked_shr(u32::from(end)).unwrap_or(0);
    Some(Ipv6Addr::from(u128::from(prefix) | ea | (u128::from(identifier) & below)))
}

fn interface_identifier(ipv4: Ipv4Addr, psid: u16, legacy: bool) -> u64 {
    let identifier = u64::from(u32::from(ipv4)) << 16 | u64::from(psid);
    if legacy { identifier << 8 } else { identifier }
}

/// `add IF`: makes the interface.
pub(super) fn add(interface: &IfName) -> String {
    format!("add {interface}\n")
}

/// `del IF`: takes it away.
pub(super) fn del(interface: &IfName) -> String {
    format!("del {interface}\n")
}

/// `config IF …`: changes the last rule, which every interface has.
pub(super) fn config(interface: &IfName, rule: &Rule) -> String {
    line("config", interface, rule)
}

/// `insert IF …`: puts a rule before the others.
pub(super) fn insert(interface: &IfName, rule: &Rule) -> String {
    line("insert", interface, rule)
}

fn line(word: &str, interface: &IfName, rule: &Rule) -> String {
    let mut line = format!("{word} {interface}");
    for (key, value) in rule {
        // Writing to a String cannot fail.
        let _ = write!(line, " {key} {value}");
    }
    line.push('\n');
    line
}

/// The rules of an interface by what the control file says, as a set; `None` when it has no such interface. Reading gives
/// the commands that would make what is there.
pub(super) fn read(text: &str, interface: &IfName) -> Option<Vec<Rule>> {
    let mut rules: Option<Vec<Rule>> = None;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(command), Some(name)) = (words.next(), words.next()) else { continue };
        if name != interface.as_str() {
            continue;
        }
        let mut rule = Rule::new();
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            rule.insert(key.to_owned(), normal(value));
        }
        // What later versions of the module know besides, and the level of its messages.
        rule.retain(|key, _| {
            key.split_once('.')
                .is_some_and(|(_, key)| ["v4", "v6", "style", "ea-len", "psid-offset"].contains(&key))
        });
        match (command, &mut rules) {
            ("add", _) => rules = Some(Vec::new()),
            ("del", _) => rules = None,
            ("insert", Some(rules)) => rules.insert(0, rule),
            ("config", Some(rules)) => {
                // A new interface has a rule that says nothing, which is not written.
                match rules.iter_mut().find(|known| is_rest(known)).filter(|_| is_rest(&rule)) {
                    Some(known) => *known = rule,
                    None => rules.push(rule),
                }
            }
            _ => {}
        }
    }
    if let Some(rules) = &mut rules {
        order::sort(rules);
    }
    rules
}

fn is_rest(rule: &Rule) -> bool {
    rule.get("remote.style").is_some_and(|style| style == "RFC6052")
}

/// A prefix as we write it: others write addresses in other ways, or leave bits behind its length.
fn normal(value: &str) -> String {
    let Some((address, len)) = value.split_once('/') else { return value.to_owned() };
    let prefix = address.parse().ok().zip(len.parse().ok()).and_then(|(a, l)| Prefix::containing(a, l).ok());
    prefix.map_or_else(|| value.to_owned(), |prefix| prefix.to_string())
}

#[cfg(test)]
mod tests {
    use dhcpmgr_plugin_api::Ports;

    use super::*;

    /// RFC 7599 appendix A, example 1.
    fn example() -> Softwire {
        let ports = Ports { offset: 6, psid_len: 8, psid: 0x34 };
        let rule = |ipv4: &str, ipv6: &str, fmr| SoftwireRule {
            ipv6: ipv6.parse().unwrap(),
            ipv4: ipv4.parse().unwrap(),
            ea_len: 16,
            ports: Ports { psid: 0, ..ports },
            fmr,
        };
        Softwire {
            kind: "map-t".into(),
            ipv4: Some("192.0.2.18/32".parse().unwrap()),
            ports,
            ea_bits: 0x1234,
            prefix: Some("2001:db8:12:3400::/56".parse().unwrap()),
            ce_ipv6: Some("2001:db8:12:3400:0:c000:212:34".parse().unwrap()),
            dmr: Some("2001:db8:ffff::/64".parse().unwrap()),
            rules: vec![
                rule("192.0.2.0/24", "2001:db8::/40", false),
                rule("198.51.100.0/24", "2001:db8:100::/40", true),
            ],
            mtu: Some(1472),
            ..Softwire::default()
        }
    }

    fn wan() -> IfName {
        "sw-wan0".parse().unwrap()
    }

    fn commands(rules: &Rules) -> String {
        let inserts = rules.forwarding.iter().map(|rule| insert(&wan(), rule));
        [add(&wan()), config(&wan(), &rules.rest)].into_iter().chain(inserts).collect()
    }

    #[test]
    fn the_published_example_is_written_as_the_module_reads_it() {
        let rules = Rules::of(&example()).unwrap();
        assert_eq!(
            commands(&rules),
            "add sw-wan0\n\
             config sw-wan0 local.ea-len 16 local.psid-offset 6 local.style MAP local.v4 192.0.2.0/24 \
             local.v6 2001:db8::/40 remote.ea-len 0 remote.psid-offset 0 remote.style RFC6052 remote.v4 0.0.0.0/0 \
             remote.v6 2001:db8:ffff::/64\n\
             insert sw-wan0 local.ea-len 16 local.psid-offset 6 local.style MAP local.v4 192.0.2.0/24 \
             local.v6 2001:db8::/40 remote.ea-len 16 remote.psid-offset 6 remote.style MAP \
             remote.v4 198.51.100.0/24 remote.v6 2001:db8:100::/40\n"
        );
    }

    #[test]
    fn what_was_written_is_found_again_whether_it_was_recorded_or_is_told_by_the_module() {
        let rules = Rules::of(&example()).unwrap();
        assert_eq!(read(&commands(&rules), &wan()), Some(rules.sorted()));
        // The module's own order and words; the example of its source.
        let told = "add other\nconfig other local.v4 0.0.0.0/0 debug 0\n\nadd sw-wan0\n\
            insert sw-wan0 local.v4 192.0.2.0/24 local.v6 2001:db8::/40 local.style MAP local.ea-len 16 \
            local.psid-offset 6 remote.v4 198.51.100.0/24 remote.v6 2001:db8:100::/40 remote.style MAP \
            remote.ea-len 16 remote.psid-offset 6 debug 0\n\
            config sw-wan0 local.v4 192.0.2.0/24 local.v6 2001:db8:0::/40 local.style MAP local.ea-len 16 \
            local.psid-offset 6 remote.v4 0.0.0.0/0 remote.v6 2001:db8:ffff::/64 remote.style RFC6052 \
            remote.ea-len 0 remote.psid-offset 0 debug 0\n\n";
        assert_eq!(read(told, &wan()), Some(rules.sorted()));
        assert_eq!(read(&format!("{told}del sw-wan0\n"), &wan()), None);
        assert_eq!(read(told, &"sw-wan1".parse().unwrap()), None);
    }

    #[test]
    fn what_the_module_cannot_do_is_refused_and_not_done_wrong() {
        let refused = |change: &dyn Fn(&mut Softwire)| {
            let mut softwire = example();
            change(&mut softwire);
            Rules::of(&softwire).unwrap_err()
        };
        assert!(refused(&|s| s.rules.clear()).contains("no rule"));
        assert!(refused(&|s| s.dmr = None).contains("no Default Mapping Rule"));
        assert!(refused(&|s| s.rules[0].ea_len = 4).contains("IPv4 prefix"));
        let own_psid =
            refused(&|s| (s.rules[0].ea_len, s.rules[0].ipv4) = (0, "192.0.2.18/32".parse().unwrap()));
        assert!(own_psid.contains("PSID of their own"), "{own_psid}");
        let beyond = refused(&|s| s.ce_ipv6 = Some("2001:db8:12:34ff:0:c000:212:34".parse().unwrap()));
        assert!(beyond.contains("2001:db8:12:34ff") && beyond.contains("beyond the EA bits"), "{beyond}");
    }

    #[test]
    fn the_old_interface_identifier_has_a_style_of_its_own() {
        let mut softwire = example();
        softwire.legacy_interface_id = true;
        softwire.ce_ipv6 = Some("2001:db8:12:3400:c0:2:1200:3400".parse().unwrap());
        let rules = Rules::of(&softwire).unwrap();
        assert!(commands(&rules).contains("local.style MAP0 "));
    }
}
