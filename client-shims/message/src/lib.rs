//! The lease message: what client shims, the host and the handlers share.
//!
//! A *client shim* turns what one DHCP client tells its script into one [`LeaseMessage`] and sends it to the
//! daemon as MessagePack. The types here cannot hold a value that could not be right: a prefix length fits its
//! family, an interface name fits the kernel, a name fits RFC 1123. What comes from the wire is bounded by
//! [`wire::LIMITS`] before a byte of it is allocated.
//!
//! This crate knows nothing of sockets (but for the names of the files), of handlers or of the kernel.
#![forbid(unsafe_code)]

mod answer;
mod content;
pub mod context;
mod lease;
pub mod limits;
mod unique;
mod value;
pub mod wire;

pub use answer::Answer;
pub use content::ContentError;
pub use lease::{
    ClientEvent, IaKind, LeaseMessage, StaticRoute, V4Report, V6Address, V6Ia, V6Prefix, V6Report, V6Request,
    VERSION,
};
pub use value::{
    Bytes, ClientName, DomainName, HostName, IfName, InterfaceAddress, Lifetime, Prefix, Token, ValueError,
};
