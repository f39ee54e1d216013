//! What the handler makes of a lease, behaviour by behaviour: a lease as a client reports it in, a plan out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy lets tests unwrap, but not what they share"
)]

mod address;
mod invariants;
mod lifetimes;
mod mtu;
mod names;
mod parameters;
mod routes;
mod servers;
mod support;
