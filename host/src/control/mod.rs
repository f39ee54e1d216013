//! The control socket: what `dhcpmgr` asks and what `dhcpmgrd` answers.

mod protocol;
pub mod views;

pub use protocol::*;
