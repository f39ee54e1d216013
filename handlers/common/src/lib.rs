//! What the stock handlers share: sentences for `dhcpmgr why`, and the checks of texts and lists that options of DHCPv4 and of
//! DHCPv6 carry alike. Nothing here knows an option's number.
#![forbid(unsafe_code)]

pub mod notes;
pub mod servers;
pub mod text;
pub mod uri;
