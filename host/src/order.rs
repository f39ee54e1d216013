//! Sorting with one copy of the code.
//!
//! The standard library's sort is 5 KB of code for each type and order. Here only the places are sorted, always by the
//! same code, and the items moved there.

use std::cmp::Ordering;

/// Puts the items in this order; those that are equal in it stay as they stood.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut places = sorted(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    for first in 0..items.len() {
        let mut at = first;
        loop {
            let from = std::mem::replace(&mut places[at], at);
            if from == first {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

/// Puts the items in the order of what the function says of them.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |one, other| key(one).cmp(&key(other)));
}

/// Puts the items in their order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Puts the items in their order, each of them once.
pub fn sort_once<T: Ord>(items: &mut Vec<T>) {
    sort(items);
    items.dedup();
}

/// The places 0 to `len` in order.
fn sorted(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    #[allow(clippy::disallowed_methods, reason = "the one copy")]
    places.sort_by(|one, other| compare(*one, *other));
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_stand_as_the_standard_library_puts_them(mut items in prop::collection::vec((0_u8..10, any::<u8>()), 0..100)) {
            let mut expected = items.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_by_key(&mut items, |(key, _)| *key);
            prop_assert_eq!(&items, &expected);
            sort(&mut items);
            prop_assert!(items.is_sorted());
        }
    }
}
