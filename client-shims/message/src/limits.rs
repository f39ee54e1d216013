//! What one lease message may hold, besides [`crate::wire::LIMITS`]: generous for a real network, small for a
//! daemon that holds the last messages of many clients in memory.

/// Elements of one list: routes, servers, search domains, addresses, prefixes.
pub const LIST: usize = 512;
/// Bytes of one text that a server controls.
pub const TEXT: usize = 4096;
/// Bytes of the name of the client program.
pub const PROGRAM: usize = 64;
/// Lines in `problems`.
pub const PROBLEMS: usize = 64;
/// Bytes of one line in `problems`.
pub const PROBLEM: usize = 512;
