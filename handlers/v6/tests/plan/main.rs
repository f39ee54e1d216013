//! What the handler makes of a lease, behaviour by behaviour: a lease as the host has merged it in, a plan out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy lets tests unwrap, but not what they share"
)]

mod addresses;
mod associations;
mod captures;
mod exclude;
mod invariants;
mod names;
mod parameters;
mod prefixes;
mod servers;
mod support;
