//! MAP-T, MAP-E, lightweight 4over6 and DS-Lite out of DHCPv6 options: decoded, computed, explained.
//!
//! Three steps, each a pure function: [`decode`] reads an option, [`Decoded::configure`] computes what it means for the
//! customer with a delegated prefix, [`Softwire::destination`] says where a packet belongs. Nothing here knows of the
//! kernel, of a lease or of the one who asks; nothing panics, and nothing is allocated that the bytes do not hold.
//!
//! # What is refused
//!
//! An option is right or it is discarded as a whole, with the byte that is wrong ([`Malformed`]): half a mapping sends
//! a customer's packets out with another customer's ports. What the RFCs tell a receiver to ignore is ignored, with a
//! [`Remark`]: bits past the length of a prefix or of the PSID, reserved flags, unknown options. Where the RFCs are
//! silent:
//!
//! * The prefix of a Default Mapping Rule has a length of RFC 6052 ([`rfc6052::LENGTHS`]); RFC 7598 allows any, but
//!   there is then no place for the IPv4 address.
//! * Two rules with one IPv6 prefix are refused: which of them counts would be a guess.
//! * A rule that is not this customer's is checked as well, but for what needs a delegated prefix.
//! * PSID-len 0 says nothing: the length follows from EA length and IPv4 prefix. Another value has to be the one that
//!   follows. A PSID given besides EA bits has to be the one that they hold, or 0, which servers send as a filler.
//! * A PSID with an IPv4 prefix discards the option; RFC 7598 section 4.5 discards the port parameters, and what is left
//!   gives the prefix to one customer that was meant for several.
//! * S46_PORTPARAMS right within a container is refused: whom it is for is not said.
//! * Offset 0 is 0. Without S46_PORTPARAMS the offset is 6 (RFC 7597 section 5.1).
//! * An address that is not shared has all ports, whatever the offset.
//! * A delegated prefix may be longer than rule and EA bits, which are then its first bits. What follows them up to bit
//!   64 stays in the MAP address; zeros, if the border relay is to reach it.
//! * The longest rule that matches is the customer's, also when the delegated prefix is too short for it: a shorter rule
//!   is for others.
//! * With MAP-T a packet to an address of a customer's IPv4 prefix keeps the whole address in its interface identifier;
//!   with MAP-E it goes to the customer's one address, which has the prefix in it.
//!
//! Deviations of ISPs are accepted where an operator names them ([`Quirk`]).
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod input;
pub mod kind;
mod malformed;
mod ports;
mod prefix;
mod quirk;
mod read;
mod remark;
pub mod rfc6052;
mod rule;
mod softwire;
mod trace;

pub use decode::{Binding, Content, Decoded, MapRemote, Priority, decode, decode_priority};
pub use input::Input;
pub use kind::Kind;
pub use malformed::{Flaw, Malformed};
pub use ports::PortSet;
pub use prefix::{Ipv4Prefix, Ipv6Prefix, OtherFamily};
pub use quirk::{Quirk, Quirks, UnknownQuirk};
pub use remark::{Oddity, Remark};
pub use rule::{Customer, InterfaceId, MAX_EA_LEN, Rule, RuleFlaw};
pub use softwire::{CustomerEdge, Destination, Remote, Softwire};
pub use trace::{Field, Trace};
