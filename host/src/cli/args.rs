//! The arguments of `dhcpmgr`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use dhcpmgr_message::ClientName;

use super::handler::HandlerAction;
use super::map::MapAction;
use super::model::ModelAction;
use crate::import::Program;
use crate::paths::Paths;

const AFTER_HELP: &str = "\
Examples:
  dhcpmgr status                 everything at a glance
  dhcpmgr why wan4               what happened to a client, and why
  dhcpmgr events --follow        what happens from now on
  dhcpmgr renew wan4             extend a lease now
  dhcpmgr get Device.DHCPv4.     the data model, TR-181
  dhcpmgr config check           is the configuration right?

Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon.";

const STATUS_HELP: &str = "\
Examples:
  dhcpmgr status
  dhcpmgr status --json | jq -r '.clients[] | select(.status != \"Bound\") | .name'";

const LEASE_HELP: &str = "\
Examples:
  dhcpmgr lease                  all leases
  dhcpmgr lease wan4             one lease
  dhcpmgr lease wan4 --json | jq -r '.dns[]'";

const EVENTS_HELP: &str = "\
Examples:
  dhcpmgr events                 what happened
  dhcpmgr events --follow        what happened, then what happens
  dhcpmgr events --client wan4 --json --follow | jq -c '[.event, .changed]'";

const METRICS_HELP: &str = "\
With [metrics] listen in the configuration the same text is served over HTTP.

Examples:
  dhcpmgr metrics | grep time_to_lease
  dhcpmgr metrics >/var/lib/prometheus/node-exporter/dhcpmgr.prom.new";

const WHY_HELP: &str = "\
Shows the state and its reason, what is requested from the server and for whom, the last exchanges with what each \
handler did and what was applied, and the last lines of the client program.

Example:
  dhcpmgr why wan4";

const CONFIG_CHECK_HELP: &str = "\
Needs no daemon. Every mistake is printed as FILE:LINE:COLUMN: key: what is wrong; what is accepted. Modules are not \
loaded: `dhcpmgrd --check` does that too.

Example:
  dhcpmgr config check && dhcpmgr config reload";

const IMPORT_HELP: &str = "\
Reads the client-id, the DUID, the IAIDs and the last lease out of the files of udhcpc, dibbler-client, odhcp6c and \
systemd-networkd, and stores them for the clients on the same interfaces. An identity that is in use stays unless \
--replace is given. A client that runs uses what was imported when it is started next. Needs no daemon. Exit status 1 \
when anything was refused.

Examples:
  dhcpmgr import --dry-run /var/lib/dibbler
  dhcpmgr import /run/systemd/netif/leases
  dhcpmgr import --client wan4 /proc/$(pidof udhcpc)/cmdline";

/// Shows and controls the DHCP clients that dhcpmgrd manages
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "dhcpmgr", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Arguments {
    /// Take all files below DIR instead of below /
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,

    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

impl Arguments {
    /// Where everything is.
    #[must_use]
    pub fn paths(&self) -> Paths {
        Paths::new(&self.root)
    }
}

/// How to show what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Format {
    /// Print JSON on one line
    #[arg(long)]
    pub json: bool,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OneClient {
    /// Name of the client, as in [clients.NAME]
    #[arg(value_name = "CLIENT")]
    pub client: ClientName,
}

/// The subcommands.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Action {
    /// Show all clients and handlers
    #[command(after_help = STATUS_HELP)]
    Status {
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Show leases
    #[command(after_help = LEASE_HELP)]
    Lease {
        /// Only this client
        #[arg(value_name = "CLIENT")]
        client: Option<ClientName>,
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Show what happened, and with --follow what happens
    #[command(after_help = EVENTS_HELP)]
    Events {
        /// Only of this client
        #[arg(long, value_name = "CLIENT")]
        client: Option<ClientName>,
        /// Go on with what happens
        #[arg(long, short)]
        follow: bool,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Print what a monitoring system reads, as OpenMetrics text
    #[command(after_help = METRICS_HELP)]
    Metrics,
    /// Show what happened to a client, and why
    #[command(after_help = WHY_HELP)]
    Why {
        /// Which.
        #[command(flatten)]
        one: OneClient,
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Extend the lease of a client now
    Renew(OneClient),
    /// Give the lease of a client back to the server and stay without one
    Release(OneClient),
    /// Start the process of a client again; the lease stays
    Restart(OneClient),
    /// Run a client that was disabled
    Enable(OneClient),
    /// Stop a client
    Disable(OneClient),
    /// Show and steer handlers, and check modules before they are shipped
    #[command(subcommand)]
    Handler(HandlerAction),
    /// Show, check or reload the configuration
    #[command(subcommand)]
    Config(ConfigAction),
    /// Take over identities and last leases of other DHCP clients
    #[command(after_help = IMPORT_HELP)]
    Import(Import),
    /// Explain MAP-T, MAP-E, lw4o6 and DS-Lite options
    #[command(subcommand)]
    Map(MapAction),
    /// The data model, TR-181.
    #[command(flatten)]
    Model(ModelAction),
}

/// `dhcpmgr import`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Import {
    /// Say what would be stored, and store nothing
    #[arg(long)]
    pub dry_run: bool,
    /// For this client, whatever its interface is
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<ClientName>,
    /// Whose files they are, where that cannot be seen
    #[arg(long, value_name = "PROGRAM")]
    pub from: Option<Program>,
    /// Give up an identity or a last address that is kept already
    #[arg(long)]
    pub replace: bool,
    /// Files, or directories with such files
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// How.
    #[command(flatten)]
    pub format: Format,
}

/// `dhcpmgr config`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigAction {
    /// Show the configuration in force, with all defaults
    Show {
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Check the configuration files without applying them
    #[command(after_help = CONFIG_CHECK_HELP)]
    Check {
        /// How.
        #[command(flatten)]
        format: Format,
    },
    /// Make the daemon read the configuration again and apply the difference
    Reload,
}
