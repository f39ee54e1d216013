//! What an author implements.

use std::fmt;

use crate::{
    Candidate, Happening, LeaseEvent, Manifest, Options, OptionsQuery, Parameter, ParameterChange,
    ParametersQuery, Plan, Proposal, Reaction, Settings, Verdict,
};

/// A handler: told of each lease, it answers what the lease means. It touches nothing itself; the host carries out
/// what the plan says and the handler is granted.
///
/// There is one of these for each client, so what it remembers is of that client only. Calls of it come one at a time,
/// possibly from different threads.
///
/// Every method but the first two is a [`Hook`](crate::Hook). The host calls those that
/// [`Manifest::hooks`](crate::Manifest) names, which is `lease` alone unless you say otherwise.
pub trait Handler: Sized + Send + 'static {
    /// What the module says of itself. The same at every call.
    fn manifest() -> Manifest;

    /// Makes a handler from `[handlers.NAME.settings]`. An error refuses the handler with that text.
    fn create(settings: &Settings) -> Result<Self, HandlerError>;

    /// A client is about to be started: which options does it request and send? The answer stands in place of what
    /// the manifest says for every client. An error leaves the answer before in force, or the manifest.
    fn options(&mut self, _query: &OptionsQuery) -> Result<Options, HandlerError> {
        not_implemented("options")
    }

    /// A lease came: can it be right? Called before anybody plans anything, for every renewal too. An error says
    /// nothing of the lease, which goes on without this handler's verdict.
    fn validate(&mut self, _candidate: &Candidate) -> Result<Verdict, HandlerError> {
        not_implemented("validate")
    }

    /// A lease was obtained or extended: what does it mean? Called again for every renewal with the whole lease;
    /// the answer replaces the one before. An error leaves the last good plan in force.
    fn lease(&mut self, _event: &LeaseEvent) -> Result<Plan, HandlerError> {
        not_implemented("lease")
    }

    /// All handlers have planned: is that what we want? Handlers decide one after the other, and each sees what the one
    /// before made of the plan. An error leaves the plan as it is.
    fn decide(&mut self, _proposal: &Proposal) -> Result<Verdict, HandlerError> {
        not_implemented("decide")
    }

    /// Something has happened to a client. By now it is over; an error changes nothing.
    fn event(&mut self, _happening: &Happening) -> Result<Reaction, HandlerError> {
        not_implemented("event")
    }

    /// The vendor parameters of a client, with their values now. They are published in the data model below the client.
    fn parameters(&mut self, _query: &ParametersQuery) -> Result<Vec<Parameter>, HandlerError> {
        not_implemented("parameters")
    }

    /// Somebody writes a parameter; an error refuses the value with that text, and all that is written together with it.
    /// Nothing needs to be remembered: the host keeps the value and hands it over with every question from then on. When
    /// another part of the same change is refused afterwards, the value before is written in the same way.
    fn set_parameter(&mut self, change: &ParameterChange) -> Result<(), HandlerError> {
        Err(HandlerError::new(format!("{} cannot be written", change.name)))
    }
}

fn not_implemented<T>(hook: &str) -> Result<T, HandlerError> {
    Err(HandlerError::new(format!(
        "its manifest names the hook {hook}, but the handler does not implement it"
    )))
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
