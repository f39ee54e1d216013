//! Waiting for what must come true, with a bound and without guessing how long it takes.

use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How often it is looked.
const PERIOD: Duration = Duration::from_millis(20);
/// How long at most, where the test does not say: generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `look` finds something; the last failure is the error.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    eventually_within(PATIENCE, what, look)
}

/// As [`eventually`], for at most this long.
pub fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + patience;
    loop {
        let found = look();
        if let Ok(Some(value)) = found {
            return Ok(value);
        }
        if Instant::now() > end {
            let why = found.err().map_or_else(|| "it did not".to_owned(), |error| error.to_string());
            return Err(Error::new(format!("waited {patience:?} for this: {what}; {why}")));
        }
        std::thread::sleep(PERIOD);
    }
}
