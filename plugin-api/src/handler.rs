//! What an author implements.

use std::fmt;

use crate::{LeaseEvent, Manifest, Plan, Settings};

/// A handler: told of each lease, it answers what the lease means. It touches nothing itself; the host carries out
/// what the plan says and the handler is granted.
///
/// Calls of one handler come one at a time, possibly from different threads.
pub trait Handler: Sized + Send + 'static {
    /// What the module says of itself. The same at every call.
    fn manifest() -> Manifest;

    /// Makes a handler from `[handlers.NAME.settings]`. An error refuses the handler with that text.
    fn create(settings: &Settings) -> Result<Self, HandlerError>;

    /// A lease was obtained or extended: what does it mean? Called again for every renewal with the whole lease;
    /// the answer replaces the one before. An error leaves the last good plan in force.
    fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError>;
}

/// Why a handler cannot do what it was asked: a sentence for the operator. `?` makes one of any error.
#[derive(Clone, PartialEq, Eq)]
pub struct HandlerError {
    text: String,
}

impl HandlerError {
    /// An error with this text: lower case, no full stop, says what is wrong and what to do.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

// No `std::error::Error` for this type: that would forbid the conversion from every other error.
impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self { text }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerError({:?})", self.text)
    }
}
