//! Softwires: IPv4 over an IPv6 network, carried out.

pub mod backend;
