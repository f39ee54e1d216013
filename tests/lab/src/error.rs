//! What goes wrong in the laboratory: one sentence, for the person who reads the failed test.

use std::fmt;

/// A failure of the laboratory or of an expectation.
pub struct Error(String);

/// What everything here returns.
pub type Result<T = ()> = std::result::Result<T, Error>;

impl Error {
    /// A failure that is this sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Any error becomes its sentence, so that `?` works on all of them.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As `Display`: `Debug` is what a test that returns an error prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when it failed.
pub(crate) trait Context<T> {
    /// Puts `what` before the error's sentence.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {error}", what())))
    }
}
