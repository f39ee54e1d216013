//! The lease monitor: the one door through which leases come in.
//!
//! It authenticates, bounds, decodes and acknowledges; what a lease means is none of its business. A message is
//! acknowledged when it is in its controller's queue and, if it carries a lease, in the [`Journal`], so that a crash
//! right after the acknowledgement loses nothing.

mod journal;
mod listener;
mod sessions;
mod spool;

pub use journal::Journal;
pub use listener::{ListenError, Listener};
pub use sessions::{Arrival, Origin, Rejection, Sessions};
pub use spool::Spool;
