//! Where the answer goes, and how the command ends.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use super::render::plain;

/// Why the command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The daemon refused, or something failed: status 1.
    #[error("{0}")]
    Failed(String),
    /// There is no daemon: status 3.
    #[error("{0}")]
    NoDaemon(String),
    /// Everything there is to say was said already: status 1.
    #[error("")]
    Said,
    /// Standard output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes text to standard output, completely.
pub(super) fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes a line to standard error; nothing can be done when that fails.
pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(line));
}

/// The exit status, with the reason on standard error.
pub(super) fn exit(result: Result<(), Failure>) -> ExitCode {
    let failure = match result {
        Ok(()) => return ExitCode::SUCCESS,
        // Whoever read the output has seen enough: `dhcpmgr events | head`.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    if !matches!(failure, Failure::Said) {
        complain(&format!("dhcpmgr: {failure}"));
    }
    ExitCode::from(if matches!(failure, Failure::NoDaemon(_)) { 3 } else { 1 })
}
