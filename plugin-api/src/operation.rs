//! The operations of a handler: a number, and what goes in and comes out as MessagePack.
//!
//! Numbers are never used twice. A module that does not know one says so, and the host does without.

/// A lease was obtained or extended: [`LeaseEvent`](crate::LeaseEvent) in, [`Plan`](crate::Plan) out.
pub const LEASE: u32 = 1;
