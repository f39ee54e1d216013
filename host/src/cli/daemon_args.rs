//! The arguments of `dhcpmgrd`.

use std::path::PathBuf;

use clap::Parser;

use crate::paths::Paths;

const AFTER_HELP: &str = "\
Examples:
  dhcpmgrd                       run with the configuration in /etc/dhcpmgr
  dhcpmgrd --check               check the configuration, load every handler, start nothing
  dhcpmgrd --root /tmp/lab       run with /tmp/lab/etc/dhcpmgr, /tmp/lab/run/dhcpmgr and so on

Signals:
  SIGHUP                         read the configuration again and apply the difference
  SIGTERM, SIGINT                end; leases stay unless a client says on_stop = \"release\"

Environment:
  RUST_LOG                       what to log, instead of [daemon] log";

/// The DHCP client manager: supervises DHCP clients and configures the network by their leases
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "dhcpmgrd", version, after_help = AFTER_HELP)]
pub struct DaemonArgs {
    /// Take all files below DIR instead of below /
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,

    /// Check the configuration and load every handler without starting anything
    #[arg(long)]
    pub check: bool,

    /// Write a line to this open descriptor when the daemon serves, and close it (s6's notification-fd)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(3..))]
    pub ready_fd: Option<i32>,
}

impl DaemonArgs {
    /// Where everything is.
    #[must_use]
    pub fn paths(&self) -> Paths {
        Paths::new(&self.root)
    }
}
