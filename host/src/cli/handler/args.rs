//! The arguments of `dhcpmgr handler`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::args::Format;
use crate::config::Grant;
use crate::signature::{PUBLIC_KEY, PublicKey};

const RELOAD_HELP: &str = "\
The new module is up before it takes the place of the old one, with what that contributed last. When it does not come up, \
the old one stays and the reason is told. Replace the file as a whole (install, mv), never write into it.";

const QUARANTINE_HELP: &str = "\
Its worker ends, its options are no longer requested, and what it contributed last stays in force. It lasts until \
`dhcpmgr handler release`, or until the daemon is started again.";

const NEW_HELP: &str = "\
Needs no daemon. The handler finds a URL in option 43, with settings and tests: make of it what you need. In C it is \
built with the headers in /usr/include/dhcpmgr; where there are none, they become part of the project. --sdk names others. Nothing is ever overwritten.

Examples:
  dhcpmgr handler new acme-options --sdk ~/dhcpmgr/plugin-api
  dhcpmgr handler new acme-options --c --dir ~/acme";

const CHECK_HELP: &str = "\
Needs no daemon and no root. Reads what the file says without running any of its code, loads it in the sandbox, and asks \
it real leases, made-up ones and the same again. Finds panics, crashes, hangs, memory that grows, answers that differ \
from time to time or with what another client was told, plans that cannot be right and contributions that are not granted. Exit status 0 when nothing was \
found that fails the check, 1 otherwise.

The settings are a TOML file with what stands below [handlers.NAME.settings].

Examples:
  dhcpmgr handler check ./libacme_options.so
  dhcpmgr handler check ./libacme_options.so --settings acme.toml --grant dns --seconds 60
  dhcpmgr handler check ./libacme_options.so --public-key \"$(tail -n 1 minisign.pub)\"
  dhcpmgr handler check ./libacme_options.so --json | jq -r '.findings[] | [.kind, .what] | @tsv'";

/// `dhcpmgr handler`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum HandlerAction {
    /// Show all handlers
    List {
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Show one handler: how it is, and how long its calls take
    Show {
        /// Which.
        #[command(flatten)]
        one: OneHandler,
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Load the module of a handler anew from its file; leases stay as they are
    #[command(after_help = RELOAD_HELP)]
    Reload(OneHandler),
    /// Ask a handler nothing more until it is released
    #[command(after_help = QUARANTINE_HELP)]
    Quarantine(OneHandler),
    /// Take a handler out of quarantine and start it again
    #[command(visible_alias = "reset")]
    Release(OneHandler),
    /// Write a new module: a project with tests that pass
    #[command(after_help = NEW_HELP)]
    New(New),
    /// Check a module before it is shipped
    #[command(after_help = CHECK_HELP)]
    Check(Check),
}

/// One handler.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OneHandler {
    /// Name of the handler, as in [handlers.NAME]
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `dhcpmgr handler new`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct New {
    /// The handler's own name: a-z 0-9 -
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where to write it: a directory that is empty or not there yet; NAME without
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Write it in C
    #[arg(long)]
    pub c: bool,
    /// What to build against: the directory plugin-api of dhcpmgr's sources; in C a directory with the headers
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// `dhcpmgr handler check`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Check {
    /// The module
    #[arg(value_name = "FILE.so")]
    pub module: PathBuf,
    /// Its settings; none without
    #[arg(long, value_name = "FILE.toml")]
    pub settings: Option<PathBuf>,
    /// What it is granted besides events, parameters and send-options; may be given more than once
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    pub grants: Vec<Grant>,
    /// A public key of minisign that must have signed it (FILE.so.minisig); may be given more than once
    #[arg(long = "public-key", value_name = "KEY", value_parser = public_key)]
    pub public_keys: Vec<PublicKey>,
    /// Milliseconds that a call may take, as `deadline_ms`
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub deadline: u64,
    /// Seconds in which it is asked made-up leases
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub seconds: u64,
    /// Make up the same leases as a check before
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How.
    #[command(flatten)]
    pub format: Format,
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    text.parse().map_err(|error| format!("{error}; accepted: {PUBLIC_KEY}"))
}

fn grant(word: &str) -> Result<Grant, String> {
    Grant::ALL.into_iter().find(|grant| crate::word::word(grant) == word).ok_or_else(|| {
        let words = Grant::ALL.map(|grant| crate::word::word(&grant));
        format!("no grant; accepted: {}", words.join(", "))
    })
}
