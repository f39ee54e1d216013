//! The control socket: what `dhcpmgr` asks and what `dhcpmgrd` answers.
//!
//! The daemon's core implements [`Controls`]; [`bind`] and [`serve`] do everything between it and the socket.

mod connection;
mod listen;
mod protocol;
mod slots;
#[cfg(test)]
mod tests;
pub mod views;
mod watch;

use std::future::Future;

pub use listen::{MAX_CONNECTIONS, MAX_LINE_BYTES, bind, inherited, serve};
pub use protocol::*;

use crate::events::EventLog;
use views::ClientStatus;

/// What the daemon's core does for the control socket besides [`DataModel`](crate::data_model::door::DataModel). Runs on
/// the one runtime thread; futures need not be `Send`.
pub trait Controls {
    /// Answers one request; never called with [`Request::Events`] and [`Request::Watch`]. Several may be under way at a
    /// time.
    fn handle(&self, request: Request) -> impl Future<Output = Response>;

    /// The clients at a glance.
    fn clients(&self) -> impl Future<Output = Vec<ClientStatus>>;

    /// What happened and happens.
    fn events(&self) -> &EventLog;
}
