//! The client programs that there are.

use std::fmt;
use std::ops::Deref;

use dhcpmgr_plugin_api::Protocol;

use super::adapter::Adapter;
use super::dibbler::Dibbler;
use super::udhcpc::Udhcpc;

/// All of them; the first of a protocol is its default.
static PROGRAMS: [&dyn Adapter; 2] = [&Udhcpc, &Dibbler];

/// A client program: how to deal with it, and its name.
#[derive(Clone, Copy)]
pub struct Program(&'static dyn Adapter);

impl Program {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        PROGRAMS.into_iter().map(Self)
    }

    /// The one that is meant when the configuration names none.
    #[must_use]
    pub fn default_for(protocol: Protocol) -> Option<Self> {
        Self::all().find(|program| program.protocol() == protocol)
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|program| program.name() == name)
    }
}

impl Deref for Program {
    type Target = dyn Adapter;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Program {}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_name_and_no_two_share_one() {
        for program in Program::all() {
            assert_eq!(Program::named(program.name()), Some(program));
            assert_eq!(Program::all().filter(|other| *other == program).count(), 1);
        }
        assert_eq!(Program::named("systemd-networkd"), None);
    }
}
