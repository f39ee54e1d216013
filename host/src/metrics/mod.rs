//! What a monitoring system reads: states, lifetimes and counters as OpenMetrics text, at a socket or a port of this
//! machine, and by `dhcpmgr metrics`.

mod listen;
mod page;
mod text;

pub use listen::{Source, serve};
pub use text::{Figures, text};
