//! The arguments of `dhcpmgr map`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use dhcpmgr_softwire::{Ipv6Prefix, Quirk};

use super::source::{Code, prefix};
use crate::cli::args::Format;

const EXPLAIN_HELP: &str = "\
HEX is the value of the option or all of it with its header; colons, spaces and 0x may be in it. Shows every field \
with its bytes, what follows for the customer with this delegated prefix, or the first thing that is wrong and where. \
Needs no daemon. Exit status 1 when the option must be discarded; with --batch, when any of them must.

A line of a batch is an object with option, hex and prefix, and quirks where needed; the answer is a line for each, in \
their order.

Examples:
  dhcpmgr map explain --option 95 --prefix 2001:db8:12:3400::/56 \\
      --hex 0059000d001018c00002002820010db800005b00094020010db8ffff0000
  dhcpmgr map explain --option 64 --hex 04:61:66:74:72:07:65:78:61:6d:70:6c:65:00
  dhcpmgr map explain --batch vectors.jsonl | jq -c 'select(.ok | not)'";

const LOOKUP_HELP: &str = "\
Whose packet is this? Says whether a port, or an address and a port, are this customer's, another's or nobody's, and \
which IPv6 address such a packet goes to. A port is also the identifier of a ping. Needs no daemon.

Examples:
  dhcpmgr map lookup --option 95 --hex HEX --prefix 2001:db8:12:3400::/56 --port 1232
  dhcpmgr map lookup --option 95 --hex HEX --prefix 2001:db8:12:3400::/56 --ipv4 192.0.2.77 --port 443";

/// `dhcpmgr map`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum MapAction {
    /// Read a softwire option byte by byte, and compute what it means
    #[command(after_help = EXPLAIN_HELP)]
    Explain(Explain),
    /// Find out whose an address and a port are
    #[command(after_help = LOOKUP_HELP)]
    Lookup(Lookup),
}

/// `dhcpmgr map explain`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Explain {
    /// 94 (MAP-E), 95 (MAP-T), 96 (lw4o6), 64 (DS-Lite) or 111 (priority)
    #[arg(long, value_name = "CODE", required_unless_present = "batch")]
    pub option: Option<Code>,
    /// The option as on the wire
    #[arg(long, value_name = "HEX", required_unless_present = "batch")]
    pub hex: Option<String>,
    /// The delegated prefix of the customer
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub prefix: Option<Ipv6Prefix>,
    /// Accept this known deviation
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirks())]
    pub quirks: Vec<Quirk>,
    /// Explain many: one JSON object a line in FILE, or on standard input with -
    #[arg(long, value_name = "FILE", conflicts_with_all = ["option", "hex", "prefix"])]
    pub batch: Option<PathBuf>,
    /// How.
    #[command(flatten)]
    pub format: Format,
}

/// `dhcpmgr map lookup`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Lookup {
    /// 94 (MAP-E), 95 (MAP-T), 96 (lw4o6) or 64 (DS-Lite)
    #[arg(long, value_name = "CODE")]
    pub option: Code,
    /// The option as on the wire
    #[arg(long, value_name = "HEX")]
    pub hex: String,
    /// The delegated prefix of the customer
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub prefix: Option<Ipv6Prefix>,
    /// Accept this known deviation
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirks())]
    pub quirks: Vec<Quirk>,
    /// An IPv4 address; without, the customer's own
    #[arg(long, value_name = "ADDRESS")]
    pub ipv4: Option<Ipv4Addr>,
    /// A port of TCP or UDP
    #[arg(long, value_name = "PORT")]
    pub port: u16,
    /// How.
    #[command(flatten)]
    pub format: Format,
}

fn quirks() -> impl TypedValueParser<Value = Quirk> {
    PossibleValuesParser::new(Quirk::ALL.map(Quirk::name)).try_map(|name| name.parse::<Quirk>())
}
