//! What a shim read: the context of the daemon, the interface, the values of one protocol, and what it could not read.

use std::str::FromStr;

use dhcpmgr_message::context::Context;
use dhcpmgr_message::{IfName, LeaseMessage};

use crate::problems::{Problems, shown};

/// What was read.
#[derive(Debug, Default)]
pub struct Reading<R> {
    /// The daemon's context.
    pub context: Context,
    /// The interface that the client names.
    pub interface: Option<IfName>,
    /// The values.
    pub report: R,
    /// What could not be read.
    pub problems: Problems,
}

/// The values of one protocol.
pub trait Report: Default {
    /// Puts the values into the message.
    fn put(self, message: &mut LeaseMessage);

    /// The values in the message.
    fn of(message: &mut LeaseMessage) -> Option<&mut Self>;

    /// Leaves out the option that needs most of the message, its typed field included: gives its code and the count of
    /// its bytes, or nothing if no option is left.
    fn leave_out_largest(&mut self) -> Option<(u16, usize)>;
}

/// Reads a variable that may be there once; of a name that is there twice the first counts, as for `getenv`.
pub fn once<T: FromStr>(slot: &mut Option<T>, name: &str, value: &[u8], problems: &mut Problems) {
    match std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()) {
        _ if slot.is_some() => problems.add(format_args!("{name} is there twice, the first counts")),
        Some(value) => *slot = Some(value),
        None => problems.add(format_args!("{name}: {} cannot be read", shown(value))),
    }
}
