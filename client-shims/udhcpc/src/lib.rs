//! The script that udhcpc runs: turns what udhcpc says into one lease message and brings it to `dhcpmgrd`.
//!
//! From environment to daemon, one module a step: [`environment`] reads the variables in order, [`variables`] knows
//! their names, [`encode`] writes each as the option it was on the wire, [`report`] fills the typed fields from
//! those options, [`message`] makes the lease message and cuts it to size, [`send`] brings it to the daemon,
//! [`spool`] keeps it when nobody takes it. Everything before [`send`] is pure. [`log`] is for the rest.
//!
//! This is a library only so that the tests can reach the parts; nothing else may depend on it.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod encode;
pub mod environment;
pub mod log;
pub mod message;
pub mod names;
pub mod problems;
pub mod report;
pub mod run;
pub mod send;
pub mod spool;
pub mod variables;
