//! What this machine lacks, and how a test says so: loudly, and as a failure where the laboratory is required.

use std::io::Write as _;
use std::sync::OnceLock;

use crate::{Error, Namespace, Result, packages};

/// Set to make a skipped test a failed one.
const REQUIRE: &str = "DHCPMGR_REQUIRE_LAB";
/// A file that gets a line for each skipped test, so that they can be summed up.
const TALLY: &str = "DHCPMGR_SKIPPED";

/// Why the laboratory cannot run here, or nothing. Tried once, for real.
#[must_use]
pub fn missing() -> Option<String> {
    static ANSWER: OnceLock<Option<String>> = OnceLock::new();
    ANSWER.get_or_init(look).clone()
}

fn look() -> Option<String> {
    let absent = packages::missing(packages::LAB);
    if !absent.is_empty() {
        return Some(format!("programs are missing; run: {}", packages::install_line(&absent)));
    }
    let error = Namespace::new("probe").err()?;
    let advice = if nix::unistd::geteuid().is_root() {
        "this root may not make namespaces (in a container: it needs CAP_SYS_ADMIN)"
    } else {
        "run it as `cargo xtask test`, which enters a user namespace first, or as root"
    };
    Some(format!("{error}; {advice}"))
}

/// A line for the person who watches, also while the test passes: the harness swallows what `eprintln!` says.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether this is root, and not only in a user namespace: there it is somebody else outside, and may make neither
/// devices nor mounts of whole systems.
#[must_use]
pub fn is_real_root() -> bool {
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    nix::unistd::geteuid().is_root() && users.split_whitespace().nth(2) == Some("4294967295")
}

/// Says that a test was skipped; what it returns is the outcome of the test.
pub fn skipped(test: &str, reason: &str) -> Result {
    tell(test, reason)?;
    if std::env::var_os(REQUIRE).is_some_and(|value| value == "1") {
        return Err(Error::new(format!("skipped although {REQUIRE}=1: {reason}")));
    }
    Ok(())
}

/// Says that a test was skipped that only root of the machine itself can run: no failure for anybody else.
pub fn skipped_without_root(test: &str) -> Result {
    tell(test, "only root of the machine itself can run it")
}

/// Says that a test was skipped that needs what Debian has for x86 only: no failure on anything else.
pub fn skipped_on_this_architecture(test: &str) -> Result {
    tell(test, "there is no user-mode Linux for this processor")
}

/// Says that a test, or a part of it, was skipped that needs what this kernel has not: no failure, because nobody can
/// install that.
pub fn skipped_by_this_kernel(test: &str, reason: &str) -> Result {
    tell(test, reason)
}

fn tell(test: &str, reason: &str) -> Result {
    say(&format!("SKIPPED {test}: {reason}"));
    if let Some(path) = std::env::var_os(TALLY) {
        let mut file = std::fs::File::options().create(true).append(true).open(path)?;
        writeln!(file, "{test}: {reason}")?;
    }
    Ok(())
}
