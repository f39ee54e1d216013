//! What all client shims have in common. A shim reads what its client puts into the environment of the script, and
//! leaves the rest to [`Program::main`].
//!
//! From text to daemon, one module a step: [`text`] writes what a client prints of an option as the bytes that the
//! option had on the wire, [`v4`] and [`v6`] fill the typed fields from those bytes, with what [`option`] reads of
//! both, [`reading`] holds what came of it, [`message`] makes the lease message and cuts it to size, [`send`] brings it
//! to the daemon, [`spool`] keeps it when nobody takes it. Everything before [`send`] is pure. [`run`] is one call from
//! start to end, [`start!`] is what comes before, [`log`] is for the person who looks for what went wrong.
//!
//! Nothing here knows the variables of any client.
#![forbid(unsafe_code)]

pub mod log;
pub mod message;
pub mod names;
pub mod option;
pub mod problems;
pub mod program;
pub mod reading;
pub mod run;
pub mod send;
pub mod spool;
pub mod start;
pub mod text;
pub mod v4;
pub mod v6;

pub use log::Log;
pub use problems::{Problems, shown};
pub use program::Program;
pub use reading::{Reading, Report};
