//! What a handler may be asked: its hooks. A module says which of them it implements, and is asked nothing else.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::operation;

/// A place where a handler has a say. Each is a method of [`Handler`](crate::Handler) with a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Hook {
    /// A client is about to be started: which options are requested and sent?
    Options,
    /// A lease came: can it be right?
    Validate,
    /// A lease that can be right: what does it mean?
    Lease,
    /// All handlers have planned: is that what we want?
    Decide,
    /// Something has happened to a client.
    Event,
    /// The data model is read or written.
    Parameters,
}

impl Hook {
    /// All of them, in the order in which a lease meets them.
    pub const ALL: [Self; 6] =
        [Self::Options, Self::Validate, Self::Lease, Self::Decide, Self::Event, Self::Parameters];

    /// Its word in manifests, in `[handlers.NAME.deadlines]` and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Validate => "validate",
            Self::Lease => "lease",
            Self::Decide => "decide",
            Self::Event => "event",
            Self::Parameters => "parameters",
        }
    }

    /// The hook of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.word() == word)
    }

    /// The hook that an [operation](crate::operation) belongs to.
    #[must_use]
    pub const fn of_operation(number: u32) -> Option<Self> {
        Some(match number {
            operation::LEASE => Self::Lease,
            operation::OPTIONS => Self::Options,
            operation::VALIDATE => Self::Validate,
            operation::DECIDE => Self::Decide,
            operation::EVENT => Self::Event,
            operation::PARAMETERS | operation::SET_PARAMETER => Self::Parameters,
            _ => return None,
        })
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The hooks that a module implements. A manifest that does not say, as those of API 1.0, means [`Hook::Lease`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks(BTreeSet<Hook>);

impl Hooks {
    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, hook: Hook) -> bool {
        self.0.contains(&hook)
    }

    /// Them, in the order of [`Hook::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Hook> {
        self.0.iter().copied()
    }
}

impl Default for Hooks {
    fn default() -> Self {
        Self::from_iter([Hook::Lease])
    }
}

impl FromIterator<Hook> for Hooks {
    fn from_iter<I: IntoIterator<Item = Hook>>(hooks: I) -> Self {
        Self(hooks.into_iter().collect())
    }
}

impl Serialize for Hooks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Hook::word))
    }
}

impl<'de> Deserialize<'de> for Hooks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Hooks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of hooks")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Hooks, A::Error> {
                let mut hooks = BTreeSet::new();
                while let Some(word) = words.next_element::<String>()? {
                    // A hook of a later SDK is one that this host never calls.
                    hooks.extend(Hook::of_word(&word));
                }
                Ok(Hooks(hooks))
            }
        }
        deserializer.deserialize_seq(Words)
    }
}

#[cfg(test)]
mod tests {
    use dhcpmgr_message::wire;

    use super::*;

    #[test]
    fn hooks_of_a_later_sdk_are_passed_over() {
        let words = wire::encode(&["lease", "astrology", "event"]).unwrap();
        assert_eq!(wire::decode(&words), Ok(Hooks::from_iter([Hook::Lease, Hook::Event])));
    }

    #[test]
    fn every_hook_has_a_word_of_its_own_which_is_also_what_serde_writes() {
        for hook in Hook::ALL {
            assert_eq!(Hook::of_word(hook.word()), Some(hook));
            let hooks = Hooks::from_iter([hook]);
            assert_eq!(wire::decode::<Vec<Hook>>(&wire::encode(&hooks).unwrap()), Ok(vec![hook]));
        }
    }
}
