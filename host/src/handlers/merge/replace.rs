//! A policy's plan in place of what was proposed, as far as its handler is granted. Pure.

use dhcpmgr_plugin_api::Plan;

use crate::config::Grant;
use crate::flat::FlatSet;

/// What a policy made of a proposal, to be done again when it cannot be asked.
#[derive(Debug, Clone)]
pub(in crate::handlers) struct Ruling {
    proposed: Plan,
    became: Plan,
}

macro_rules! each_field {
    ($do:ident: $($grant:ident $field:ident),*) => {
        $($do!($grant, $field);)*
    };
}

macro_rules! fields {
    ($do:ident) => {
        each_field!($do: Addresses addresses, Routes routes, Routes rules, Mtu mtu, Dns dns, Dns domain, Dns search,
            Ntp ntp, Parameters hostname, Prefixes prefixes, Softwire softwires, Parameters parameters, Events events)
    };
}

/// Puts what differs and is granted in the place of what was proposed. Returns the plan, and the grants that were
/// missing for something that differed.
pub(in crate::handlers) fn replace(
    proposed: &Plan,
    wanted: Plan,
    grants: &FlatSet<Grant>,
) -> (Plan, Vec<Grant>) {
    let mut plan = proposed.clone();
    let mut missing = FlatSet::new();
    macro_rules! put {
        ($grant:ident, $field:ident) => {
            if wanted.$field != proposed.$field {
                if grants.contains(&Grant::$grant) {
                    plan.$field = wanted.$field;
                } else {
                    missing.insert(Grant::$grant);
                }
            }
        };
    }
    fields!(put);
    let notes = wanted.notes.into_iter().filter(|note| !proposed.notes.contains(note));
    plan.notes.extend(notes.collect::<Vec<_>>());
    (plan, missing.into_iter().collect())
}

impl Ruling {
    pub(in crate::handlers) fn new(proposed: Plan, became: Plan) -> Self {
        Self { proposed, became }
    }

    /// The same again for a new proposal: what is proposed as it was then becomes what it became then, the rest stays as
    /// it is.
    pub(in crate::handlers) fn again(&self, mut plan: Plan, grants: &FlatSet<Grant>) -> Plan {
        macro_rules! put {
            ($grant:ident, $field:ident) => {
                if plan.$field == self.proposed.$field && grants.contains(&Grant::$grant) {
                    plan.$field.clone_from(&self.became.$field);
                }
            };
        }
        fields!(put);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed() -> Plan {
        Plan::default().with_mtu(1500).with_dns([192, 0, 2, 1]).with_note("as the server said")
    }

    #[test]
    fn what_is_granted_is_replaced_and_the_rest_stays_and_is_told() {
        let mut wanted = proposed().with_mtu(1400).with_note("smaller");
        wanted.dns = vec![[192, 0, 2, 9].into()];
        let (plan, missing) = replace(&proposed(), wanted, &FlatSet::from([Grant::Mtu]));
        assert_eq!(plan, proposed().with_mtu(1400).with_note("smaller"));
        assert_eq!(missing, [Grant::Dns]);
    }

    #[test]
    fn taking_something_away_needs_its_grant_too() {
        let wanted = Plan { mtu: None, dns: vec![], ..proposed() };
        let (plan, missing) = replace(&proposed(), wanted.clone(), &FlatSet::new());
        assert_eq!((plan, missing), (proposed(), vec![Grant::Mtu, Grant::Dns]));
        let (plan, missing) = replace(&proposed(), wanted.clone(), &Grant::ALL.into());
        assert_eq!((plan, missing), (wanted, vec![]));
    }

    #[test]
    fn a_policy_that_cannot_be_asked_still_holds_for_what_is_proposed_as_before() {
        let ruling = Ruling::new(proposed(), proposed().with_mtu(1400));
        assert_eq!(ruling.again(proposed(), &Grant::ALL.into()).mtu.unwrap().0, 1400);
        assert_eq!(ruling.again(proposed().with_mtu(1492), &Grant::ALL.into()).mtu.unwrap().0, 1492);
        assert_eq!(ruling.again(proposed(), &FlatSet::new()), proposed(), "the grant was taken away since");
    }
}
