//! DHCP packets as they are on the wire, read by the observer: no code is shared with the observed.

mod v4;
mod v6;

pub use v4::{Dhcp, MessageType};
pub use v6::{Dhcp6, Ia, IaValue, MessageType6};
