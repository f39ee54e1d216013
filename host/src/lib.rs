//! The parts of `dhcpmgrd` and `dhcpmgr`: a lease goes down this list once, and nothing calls back up it.
//!
//! client → shim → [`lease_monitor`] → [`controller`] → [`handlers`] → [`network`]
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod control;
pub mod controller;
pub mod daemon;
pub mod data_model;
pub mod delegation;
pub mod doors;
pub mod events;
pub mod flat;
pub mod handlers;
pub mod histogram;
pub mod hooks;
pub mod identity;
pub mod import;
pub mod lease_monitor;
pub mod metrics;
pub mod network;
pub mod observer;
pub mod order;
pub mod paths;
pub mod random;
pub mod recovery;
pub mod service;
pub mod signature;
pub mod softwire;
pub mod store;
pub mod trust;
pub mod word;
