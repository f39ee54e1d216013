//! A flat map does what a tree does.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{FlatMap, FlatSet};

/// What can be done to a map.
#[derive(Debug, Clone)]
enum Step {
    Insert(u8, u16),
    Remove(u8),
    Add(u8),
    PopFirst,
    RetainBelow(u8),
    Range(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (any::<u8>(), any::<u16>()).prop_map(|(key, value)| Step::Insert(key, value)),
        any::<u8>().prop_map(Step::Remove),
        any::<u8>().prop_map(Step::Add),
        Just(Step::PopFirst),
        any::<u8>().prop_map(Step::RetainBelow),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Step::Range(a.min(b), a.max(b))),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn a_map_does_what_a_tree_does(steps in steps()) {
        let (mut flat, mut tree) = (FlatMap::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => prop_assert_eq!(flat.insert(key, value), tree.insert(key, value)),
                Step::Remove(key) => prop_assert_eq!(flat.remove(&key), tree.remove(&key)),
                Step::Add(key) => {
                    *flat.entry(key).or_default() ^= 1;
                    *tree.entry(key).or_default() ^= 1;
                }
                Step::PopFirst => prop_assert_eq!(flat.pop_first(), tree.pop_first()),
                Step::RetainBelow(limit) => {
                    flat.retain(|key, _| *key < limit);
                    tree.retain(|key, _| *key < limit);
                }
                Step::Range(from, to) => {
                    prop_assert!(flat.range(from..=to).eq(tree.range(from..=to)));
                    prop_assert!(flat.range(from..).eq(tree.range(from..)));
                    prop_assert!(flat.range(..to).rev().eq(tree.range(..to).rev()));
                }
            }
            prop_assert!(flat.iter().eq(tree.iter()));
            prop_assert_eq!(flat.iter().next(), tree.first_key_value());
            prop_assert_eq!(flat.iter().next_back(), tree.last_key_value());
        }
        let json = serde_json::to_string(&flat).unwrap();
        prop_assert_eq!(&json, &serde_json::to_string(&tree).unwrap());
        prop_assert_eq!(&serde_json::from_str::<FlatMap<u8, u16>>(&json).unwrap(), &flat);
        prop_assert_eq!(tree.into_iter().rev().collect::<FlatMap<_, _>>(), flat);
    }

    #[test]
    fn a_set_does_what_a_tree_does(one in prop::collection::vec(any::<u8>(), 0..40), other in prop::collection::vec(any::<u8>(), 0..40)) {
        let (flat, tree): (FlatSet<u8>, BTreeSet<u8>) = (one.iter().copied().collect(), one.iter().copied().collect());
        let (flat_too, tree_too): (FlatSet<u8>, BTreeSet<u8>) = (other.iter().copied().collect(), other.iter().copied().collect());
        prop_assert!(flat.iter().eq(tree.iter()));
        prop_assert!(flat.difference(&flat_too).eq(tree.difference(&tree_too)));
        prop_assert_eq!(flat.union(&flat_too).copied().collect::<BTreeSet<_>>(), &tree | &tree_too);
        prop_assert_eq!(flat.is_subset(&flat_too), tree.is_subset(&tree_too));
        let unordered = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(serde_json::from_str::<FlatSet<u8>>(&unordered).unwrap(), flat);
    }
}
