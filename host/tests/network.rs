//! The network reconciler against the real kernel: each test in a network namespace of its own.
//!
//! They need root (or CAP_SYS_ADMIN) and iproute2, and say `SKIPPED` aloud where they have not.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "network/lab.rs"]
mod lab;
#[path = "network/leases.rs"]
mod leases;
#[path = "network/many.rs"]
mod many;
#[path = "network/others.rs"]
mod others;
#[path = "network/owners.rs"]
mod owners;
#[path = "network/restarts.rs"]
mod restarts;
#[path = "network/softwires.rs"]
mod softwires;
#[path = "network/sysctls.rs"]
mod sysctls;
#[path = "network/tunnels.rs"]
mod tunnels;
#[path = "network/v6.rs"]
mod v6;
