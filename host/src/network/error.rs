//! What can go wrong, said to the person at the console.

use std::fmt;
use std::io;

use dhcpmgr_message::IfName;
use nix::errno::Errno;

use super::action::{Action, Applied, Step};
use super::batch::Refusal;

/// Why the network could not be brought to the desired state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// No netlink socket.
    #[error("cannot open a netlink socket for {what}: {source}")]
    Open {
        /// What it is for.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel did not say what it has.
    #[error("cannot read the {what} of the kernel: {reason}")]
    Dump {
        /// What was asked for.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// There is no such interface. What is desired of it is kept, and applied when it appears.
    #[error("interface {interface} does not exist; its configuration is applied when it appears")]
    NoSuchInterface {
        /// The interface.
        interface: IfName,
    },
    /// The link could not be set up.
    #[error("cannot set {interface} up: {reason}")]
    NotUp {
        /// The interface.
        interface: IfName,
        /// Why.
        reason: String,
    },
    /// A tunnel's interface could not be made, changed or taken away.
    #[error("cannot {what} the tunnel {interface}: {reason}")]
    Tunnel {
        /// What was tried.
        what: &'static str,
        /// The interface.
        interface: IfName,
        /// Why not.
        reason: String,
    },
    /// Some changes were refused; the others were made. What is missing is tried again when something about the
    /// interface changes, and at growing intervals.
    #[error("{}", incomplete(failures))]
    Incomplete {
        /// What was done.
        applied: Applied,
        /// What was not; never empty.
        failures: Vec<Failure>,
    },
}

fn incomplete(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("; ")
}

/// One change that was refused: what, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The change, a line: `route default via 192.0.2.1 metric 100 added`.
    pub what: String,
    /// Why it was not made.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not \"{}\": {}", self.what, self.reason)
    }
}

impl Failure {
    /// Of a change that is made by writing a file.
    pub(super) fn of_file(action: &Action, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "the kernel has no such sysctl for this interface".to_owned(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                format!("{error}; the daemon needs CAP_NET_ADMIN and a writable /proc/sys/net/ipv6/conf")
            }
            _ => error.to_string(),
        };
        Self { what: action.to_string(), reason }
    }

    pub(super) fn of(action: &Action, refusal: &Refusal) -> Self {
        Self { what: action.to_string(), reason: reason(&action.0, refusal) }
    }
}

/// Why a tunnel was refused.
pub(super) fn of_tunnel(what: &'static str, interface: &IfName, refusal: &Refusal) -> NetworkError {
    let reason = match refusal.errno {
        Errno::EOPNOTSUPP => "this kernel has no ip6tnl (CONFIG_IPV6_TUNNEL, module ip6_tunnel)".to_owned(),
        Errno::EEXIST => "another tunnel between the same two addresses is there".to_owned(),
        Errno::EPERM | Errno::EACCES => "the daemon lacks CAP_NET_ADMIN in this network namespace".to_owned(),
        errno => errno.desc().to_lowercase(),
    };
    let reason = match &refusal.words {
        Some(words) => format!("{reason} (the kernel says: {words})"),
        None => reason,
    };
    NetworkError::Tunnel { what, interface: interface.clone(), reason }
}

fn reason(step: &Step, refusal: &Refusal) -> String {
    let errno = refusal.errno;
    let text = match (errno, step) {
        (
            Errno::ENETUNREACH | Errno::EHOSTUNREACH,
            Step::AddRoute(r) | Step::AppendRoute(r) | Step::ReplaceRoute(r),
        ) => match r.via {
            Some(via) => format!("the router {via} is in no on-link prefix of the interface"),
            None => "the interface has no way there".to_owned(),
        },
        (Errno::EACCES, Step::AddAddress(to) | Step::RefreshAddress { to, .. })
            if to.address.address().is_ipv6() =>
        {
            "IPv6 is turned off on the interface (sysctl net.ipv6.conf.IF.disable_ipv6)".to_owned()
        }
        (Errno::EPERM | Errno::EACCES, _) => {
            "the daemon lacks CAP_NET_ADMIN in this network namespace".to_owned()
        }
        (Errno::ENODEV, _) => "the interface has disappeared; this is applied when it comes back".to_owned(),
        (Errno::ENETDOWN, _) => "the interface is down; this is applied when it is up".to_owned(),
        (Errno::EAGAIN | Errno::ENOBUFS, _) => "the kernel's answer was lost".to_owned(),
        (errno, _) => errno.desc().to_lowercase(),
    };
    match &refusal.words {
        Some(words) => format!("{text} (the kernel says: {words})"),
        None => text,
    }
}
