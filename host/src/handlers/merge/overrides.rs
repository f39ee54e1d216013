//! Declared overrides, and conflicts that nobody declared. Pure.

use std::fmt::Display;

use dhcpmgr_plugin_api::Plan;

use super::same_route;
use crate::handlers::text::one_line;

/// What one handler contributes.
#[derive(Debug)]
pub(in crate::handlers) struct Contribution {
    /// The configured name.
    pub(in crate::handlers) handler: String,
    /// The name that the module gives itself.
    pub(in crate::handlers) module: String,
    /// `HANDLER.FIELD`: what it takes the place of.
    pub(in crate::handlers) overrides: Vec<String>,
    /// Its plan, cut and checked.
    pub(in crate::handlers) plan: Plan,
}

/// The longest value in a sentence, characters.
const SHOWN: usize = 60;

/// Drops what is overridden by a handler that has something in its place. A line for each.
pub(in crate::handlers) fn apply(contributions: &mut [Contribution]) -> Vec<String> {
    let mut lines = Vec::new();
    for by in 0..contributions.len() {
        for at in 0..contributions[by].overrides.len() {
            let declared = contributions[by].overrides[at].clone();
            let Some((whose, field)) = declared.rsplit_once('.') else { continue };
            if !has(&contributions[by].plan, field) {
                continue;
            }
            for other in (0..contributions.len()).filter(|other| *other != by) {
                let named = [&contributions[other].handler, &contributions[other].module];
                if named.into_iter().any(|name| name == whose) && has(&contributions[other].plan, field) {
                    clear(&mut contributions[other].plan, field);
                    let (winner, loser) = (&contributions[by].handler, &contributions[other].handler);
                    lines.push(format!("{field}: {winner} takes the place of {loser}, as declared"));
                }
            }
        }
    }
    lines
}

macro_rules! fields {
    ($($field:ident),*) => {
        fn has(plan: &Plan, field: &str) -> bool {
            match field {
                $(stringify!($field) => plan.$field != Plan::default().$field,)*
                _ => false,
            }
        }

        fn clear(plan: &mut Plan, field: &str) {
            match field {
                $(stringify!($field) => plan.$field = Default::default(),)*
                _ => {}
            }
        }
    };
}

fields!(
    addresses, routes, rules, mtu, dns, domain, search, ntp, hostname, prefixes, softwires, parameters,
    events
);

/// Two handlers want one thing differently: a sentence with both, for the person who has to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::handlers) struct Conflict {
    /// Whose value is used.
    pub(in crate::handlers) winner: String,
    /// Whose is not.
    pub(in crate::handlers) loser: String,
    /// What it is about, and both values.
    pub(in crate::handlers) what: String,
}

impl Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { winner, loser, what } = self;
        write!(f, "conflict about {what}: {winner} comes after {loser} and is followed")
    }
}

impl Conflict {
    /// A conflict about a thing with these two values.
    pub(in crate::handlers) fn about(
        thing: &str,
        (loser, lost): (&str, &str),
        (winner, won): (&str, &str),
    ) -> Self {
        let shown = |text: &str| one_line(text, SHOWN);
        let what = format!("{thing} ({loser} says {}, {winner} says {})", shown(lost), shown(won));
        Self { winner: winner.to_owned(), loser: loser.to_owned(), what }
    }
}

/// What handlers, given in their order, want differently although there can be only one of it: single values, a
/// parameter, an address, a route. What is joined in a list is no conflict.
pub(in crate::handlers) fn conflicts(contributions: &[Contribution]) -> Vec<Conflict> {
    let mut found = Vec::new();
    for (at, later) in contributions.iter().enumerate() {
        for earlier in &contributions[..at] {
            between(earlier, later, &mut found);
        }
    }
    found
}

fn between(earlier: &Contribution, later: &Contribution, found: &mut Vec<Conflict>) {
    let (first, second) = (&earlier.plan, &later.plan);
    let mut differ = |thing: &str, lost: &dyn Display, won: &dyn Display| {
        let (lost, won) = (lost.to_string(), won.to_string());
        found.push(Conflict::about(thing, (&earlier.handler, &lost), (&later.handler, &won)));
    };
    if let (Some(lost), Some(won)) = (first.mtu, second.mtu)
        && lost != won
    {
        differ("mtu", &lost.0, &won.0);
    }
    if let (Some(lost), Some(won)) = (&first.domain, &second.domain)
        && lost != won
    {
        differ("domain", lost, won);
    }
    if let (Some(lost), Some(won)) = (&first.hostname, &second.hostname)
        && lost != won
    {
        differ("hostname", lost, won);
    }
    for (name, won) in &second.parameters {
        if let Some(lost) = first.parameters.get(name).filter(|lost| *lost != won) {
            differ(&format!("parameter {name}"), lost, won);
        }
    }
    for won in &second.addresses {
        let same = first.addresses.iter().find(|lost| lost.address.address() == won.address.address());
        if let Some(lost) = same.filter(|lost| *lost != won) {
            differ(&format!("address {}", won.address.address()), &lost.address, &won.address);
        }
    }
    let via = |via: Option<std::net::IpAddr>| via.map_or("on-link".to_owned(), |via| format!("via {via}"));
    for won in &second.routes {
        if let Some(lost) = first.routes.iter().find(|lost| same_route(lost, won) && *lost != won) {
            differ(&format!("route to {}", won.to), &via(lost.via), &via(won.via));
        }
    }
}

#[cfg(test)]
mod tests {
    use dhcpmgr_plugin_api::RoutePlan;

    use super::*;

    fn of(handler: &str, plan: Plan) -> Contribution {
        let module = format!("dhcpmgr-{handler}");
        Contribution { handler: handler.to_owned(), module, overrides: Vec::new(), plan }
    }

    fn told(contributions: &[Contribution]) -> Vec<String> {
        conflicts(contributions).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_can_be_joined_or_is_the_same_is_no_conflict() {
        let plan = Plan::default().with_mtu(1492).with_parameter("A", "1").with_dns([192, 0, 2, 1]);
        let other = Plan::default().with_mtu(1492).with_parameter("A", "1").with_dns([192, 0, 2, 2]);
        assert!(told(&[of("v4", plan), of("acme", other)]).is_empty());
    }

    #[test]
    fn everything_that_there_can_be_only_one_of_is_told_with_both_values() {
        let route =
            |via: [u8; 4]| RoutePlan::to("0.0.0.0/0".parse().unwrap()).via(std::net::IpAddr::from(via));
        let plan = Plan::default().with_mtu(1492).with_parameter("A", "1").with_route(route([192, 0, 2, 1]));
        let other = Plan::default().with_mtu(1400).with_parameter("A", "2").with_route(route([192, 0, 2, 2]));
        assert_eq!(
            told(&[of("v4", plan), of("acme", other)]),
            [
                "conflict about mtu (v4 says 1492, acme says 1400): acme comes after v4 and is followed",
                "conflict about parameter A (v4 says 1, acme says 2): acme comes after v4 and is followed",
                "conflict about route to 0.0.0.0/0 (v4 says via 192.0.2.1, acme says via 192.0.2.2): acme comes after \
                 v4 and is followed",
            ]
        );
    }

    #[test]
    fn an_override_takes_the_place_wherever_its_handler_stands() {
        for name in ["v4", "dhcpmgr-v4"] {
            let mut acme = of("acme", Plan::default().with_mtu(1400).with_dns([192, 0, 2, 9]));
            acme.overrides = vec![format!("{name}.mtu"), format!("{name}.dns"), format!("{name}.ntp")];
            let stock =
                of("v4", Plan::default().with_mtu(1492).with_dns([192, 0, 2, 1]).with_ntp("192.0.2.3"));
            let mut both = [acme, stock];
            assert_eq!(
                apply(&mut both),
                [
                    "mtu: acme takes the place of v4, as declared",
                    "dns: acme takes the place of v4, as declared"
                ]
            );
            assert_eq!(
                both[1].plan,
                Plan::default().with_ntp("192.0.2.3"),
                "acme has no time servers of its own"
            );
            assert!(told(&both).is_empty());
        }
    }

    #[test]
    fn every_field_of_a_plan_can_be_overridden_but_refusal_and_notes() {
        let whole = serde_json::to_value(crate::handlers::merge::tests::everything()).unwrap();
        let mut fields: Vec<_> = whole.as_object().unwrap().keys().map(String::as_str).collect();
        fields.retain(|field| !["refuse", "notes"].contains(field));
        let mut known = Plan::FIELDS.to_vec();
        fields.sort_unstable();
        known.sort_unstable();
        assert_eq!(fields, known);
        assert!(known.iter().all(|field| has(&crate::handlers::merge::tests::everything(), field)));
    }
}
