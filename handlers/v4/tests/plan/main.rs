//! What the handler makes of a lease, behaviour by behaviour: a lease as a client reports it in, a plan out.

mod address;
mod invariants;
mod lifetimes;
mod mtu;
mod names;
mod parameters;
mod routes;
mod servers;
mod support;
