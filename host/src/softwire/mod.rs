//! IPv4 over IPv6: who carries IPv4 on a WAN, and how a softwire is realised.

mod owner;

pub use owner::{Dhcpv4, Input, Owner, Provider, Step};
