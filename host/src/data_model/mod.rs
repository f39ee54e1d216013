//! The TR-181 data model: `Device.DHCPv4.Client.`, `Device.DHCPv6.Client.` and what belongs to them, live and writable.
//!
//! [`tables`] is the standard, made of `facts/` by `cargo xtask tr181`. [`path`] finds what a path names, [`live`] is the
//! tree as it is now, [`desired`] what was written over the configuration files, [`edit`] tries out a change as a whole.
//! Doors speak to [`door::DataModel`] and to nothing else. All of it is pure; the daemon feeds it and carries out what
//! comes of it.

pub mod desired;
pub mod door;
pub mod edit;
pub mod error;
pub mod live;
pub mod notice;
pub mod numbers;
pub mod options;
pub mod path;
pub mod read;
pub mod replay;
pub mod schema;
mod snapshot;
pub mod subscription;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod value;
pub mod watchers;

pub use error::{Fault, code};
pub use value::Value;
