//! Who carries IPv4: what holds in any order of what may happen, checked against a world that does what it is told.

use proptest::prelude::*;

use super::*;

/// What lies before the machine: a softwire that is up or half up, and a DHCPv4 client.
#[derive(Debug, Default)]
struct World {
    up: Option<(Provider, Option<u8>)>,
    aside: bool,
    /// Of the raises that have not been answered, the last.
    pending: Option<u64>,
}

#[derive(Debug, Clone)]
enum Act {
    Tell(Input<u8>),
    /// The last raise is answered so; before it, perhaps, an older one.
    Answer(Result<(), Failure>, bool),
}

fn softwire() -> impl Strategy<Value = Provider> {
    prop::sample::select(vec![Provider::MapE, Provider::MapT, Provider::Lw4o6, Provider::DsLite])
}

fn act() -> impl Strategy<Value = Act> {
    let barred = prop::option::weighted(0.1, Just("nobody carries it".to_owned()));
    let offer =
        (softwire(), 0_u8..3, barred).prop_map(|(provider, with, barred)| Offer { provider, with, barred });
    let offered = (prop::collection::vec(offer, 0..3), prop::collection::vec(softwire(), 0..3))
        .prop_map(|(softwires, priority)| Input::Offered { softwires, priority });
    let order = (Just(Provider::ALL.to_vec()).prop_shuffle(), 0..=Provider::ALL.len())
        .prop_map(|(all, len)| Input::Order(Order::new(all.into_iter().take(len))));
    let failure = any::<bool>().prop_map(|passing| Failure { why: "it does not work".to_owned(), passing });
    let result = prop_oneof![2 => Just(Ok(())), 1 => failure.prop_map(Err)];
    prop_oneof![
        4 => offered.prop_map(Act::Tell),
        3 => any::<bool>().prop_map(|leased| Act::Tell(Input::Dhcpv4(leased))),
        1 => order.prop_map(Act::Tell),
        1 => prop::sample::select(vec![Input::Broke, Input::Retry, Input::Renewed]).prop_map(Act::Tell),
        6 => (result, any::<bool>()).prop_map(|(result, late)| Act::Answer(result, late)),
    ]
}

impl World {
    fn take(&mut self, owner: &Owner<u8>, steps: Vec<Step<u8>>) -> Result<(), TestCaseError> {
        for step in steps {
            match step {
                Step::Lower(provider) => {
                    let lowered = self.up.take();
                    prop_assert_eq!(lowered.map(|(up, _)| up), Some(provider), "what is lowered was raised");
                    self.pending = None;
                }
                Step::Raise(provider, with, turn) => {
                    prop_assert!(self.up.is_none_or(|(up, _)| up == provider), "one at a time");
                    let offered = owner.offered.get(&provider);
                    prop_assert_eq!(offered.map(|offer| offer.with), Some(with), "it is offered");
                    prop_assert!(owner.order.providers().contains(&provider), "the operator wants it");
                    self.up = Some((provider, Some(with)));
                    prop_assert!(self.pending.replace(turn).is_none_or(|before| before < turn));
                }
                Step::Aside(provider) => {
                    prop_assert_eq!(self.up.map(|(up, _)| up), Some(provider));
                    self.aside = true;
                }
                Step::Resume => {
                    prop_assert!(self.aside, "only who stands aside is needed again");
                    self.aside = false;
                }
            }
        }
        Ok(())
    }

    fn check(&self, owner: &Owner<u8>) -> Result<(), TestCaseError> {
        if self.aside {
            prop_assert!(self.up.is_some(), "nobody has IPv4, and DHCPv4 stands aside");
        }
        if let Some((provider, with)) = self.up {
            let offered = owner.offered.get(&provider).map(|offer| offer.with);
            prop_assert_eq!(offered, with, "what is up is what is offered");
        }
        if let Some(softwire) = owner.owner().filter(|owner| *owner != Provider::Dhcpv4) {
            prop_assert_eq!(self.up.map(|(up, _)| up), Some(softwire));
        }
        for offer in owner.offers() {
            prop_assert_eq!(owner.obstacle(offer).is_none(), owner.owner() == Some(offer.provider));
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn there_is_one_owner_whatever_comes_in_whatever_order(
        found in prop::option::of(softwire()),
        before in prop::collection::vec(act(), 0..4),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut owner = Owner::new(Order::default());
        let mut world = World::default();
        if let Some(provider) = found {
            world.up = Some((provider, None));
            prop_assert_eq!(owner.handle(Input::Found(provider)), []);
        }
        for act in before {
            if let Act::Tell(input @ (Input::Offered { .. } | Input::Dhcpv4(_))) = act {
                prop_assert_eq!(owner.handle(input), []);
            }
        }
        let steps = owner.handle(Input::Begin);
        world.take(&owner, steps)?;
        world.check(&owner)?;
        for act in acts {
            match act {
                Act::Tell(input) => {
                    let again = input.clone();
                    let steps = owner.handle(input);
                    world.take(&owner, steps)?;
                    if matches!(again, Input::Offered { .. } | Input::Dhcpv4(_) | Input::Order(_)) {
                        prop_assert_eq!(owner.handle(again), [], "the same again is nothing new");
                    }
                }
                Act::Answer(result, late) => {
                    let Some(turn) = world.pending else { continue };
                    if late && turn > 1 {
                        let steps = owner.handle(Input::Raised { turn: turn - 1, result: result.clone() });
                        prop_assert_eq!(steps, [], "an answer that is too late");
                    }
                    world.pending = None;
                    if result.is_err() {
                        world.up = None;
                    }
                    let steps = owner.handle(Input::Raised { turn, result });
                    world.take(&owner, steps)?;
                }
            }
            world.check(&owner)?;
        }
        // In the end the lease offers nothing: nothing is left, and DHCPv4 is on its own.
        let steps = owner.handle(Input::Offered { softwires: Vec::new(), priority: Vec::new() });
        world.take(&owner, steps)?;
        prop_assert!(world.up.is_none() && !world.aside);
    }
}
