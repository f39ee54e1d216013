//! The version of the handler API, and the rule that decides what loads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Major version of the handler API. A module loads when its major is this one.
pub const API_MAJOR: u16 = 1;
/// Minor version of the handler API. A module loads when the minor it needs is at most this one.
pub const API_MINOR: u16 = 1;

/// A version of the handler API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiVersion {
    /// Changes when old modules can no longer be understood.
    pub major: u16,
    /// Grows when something is added.
    pub minor: u16,
}

impl ApiVersion {
    /// The version this crate was built as.
    pub const CURRENT: Self = Self { major: API_MAJOR, minor: API_MINOR };

    /// Whether a host of this version loads a module that needs `needed`: the same major, and a minor that is not
    /// higher.
    #[must_use]
    pub fn accepts(self, needed: Self) -> bool {
        self.major == needed.major && needed.minor <= self.minor
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_accepts_its_own_major_and_minors_up_to_its_own() {
        let host = ApiVersion { major: 2, minor: 3 };
        for (major, minor, accepted) in [
            (2, 0, true),
            (2, 3, true),
            (2, 4, false),
            (1, 3, false),
            (1, 0, false),
            (3, 0, false),
            (0, 0, false),
        ] {
            assert_eq!(host.accepts(ApiVersion { major, minor }), accepted, "{major}.{minor}");
        }
    }
}
