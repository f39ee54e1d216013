//! The service manager: what systemd hands over at the start, and what it is told.
//!
//! Everything here is a matter of environment variables and one datagram socket. Without them, under procd, s6 or a
//! shell, every call does nothing and costs nothing; s6 may be told of the start in its own way, by a line.

mod inherited;
mod notify;
mod sockets;
mod tally;
mod watchdog;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use dhcpmgr_message::ClientName;

use crate::flat::FlatMap;
pub use tally::Tally;
pub use watchdog::{Verdict, Watchdog};

use inherited::Inherited;
use notify::Notify;

/// How the pidfd of a client is named in the manager's store, so that no client can be mistaken for a socket.
const CLIENT: &str = "client.";

/// The service manager that started this process, if one did.
#[derive(Debug, Default)]
pub struct Service {
    notify: Notify,
    inherited: RefCell<Vec<Inherited>>,
    pidfds: RefCell<FlatMap<ClientName, OwnedFd>>,
    line: RefCell<Option<File>>,
}

impl Service {
    /// Takes over what the manager handed to this process. To be called once, before anything else opens files.
    #[must_use]
    pub fn take_over() -> Self {
        let mut inherited = inherited::take();
        let mut pidfds = FlatMap::new();
        // Of two with one name the later was stored later.
        for pidfd in inherited.extract_if(.., |one| one.name.starts_with(CLIENT)) {
            if let Ok(client) = pidfd.name[CLIENT.len()..].parse() {
                pidfds.insert(client, pidfd.descriptor);
            }
        }
        let notify = Notify::from_environment();
        Self {
            notify,
            inherited: RefCell::new(inherited),
            pidfds: RefCell::new(pidfds),
            line: RefCell::default(),
        }
    }

    /// Also says that the daemon serves by a line on this descriptor, as s6's `notification-fd` wants it. The error is
    /// that it is not open.
    pub fn line_to(&self, number: RawFd) -> io::Result<()> {
        self.line.replace(Some(inherited::own(number)?.into()));
        Ok(())
    }

    /// Closes what the process was started with besides what was taken over. To be called before anything else opens
    /// files that children are to have.
    pub fn close_strangers(&self) {
        inherited::close_strangers();
    }

    /// Whether somebody listens to what is said here.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        self.notify.is_heard()
    }

    /// The listening lease socket (`SOCK_SEQPACKET`) at this path, if the manager holds it.
    #[must_use]
    pub fn lease_socket(&self, path: &Path) -> Option<OwnedFd> {
        sockets::take(&mut self.inherited.borrow_mut(), path, sockets::Type::SeqPacket)
    }

    /// The listening control socket (`SOCK_STREAM`) at this path, if the manager holds it.
    #[must_use]
    pub fn control_socket(&self, path: &Path) -> Option<OwnedFd> {
        sockets::take(&mut self.inherited.borrow_mut(), path, sockets::Type::Stream)
    }

    /// Closes what was inherited and nobody took, with a line in the log for each.
    pub fn close_the_rest(&self) {
        for unknown in self.inherited.take() {
            tracing::warn!("the service manager handed over \"{}\", which is nothing of ours", unknown.name);
        }
    }

    /// The pidfds of clients that an earlier daemon stored: proof against any reuse of their pids. Given once.
    #[must_use]
    pub fn stored_pidfds(&self) -> FlatMap<ClientName, OwnedFd> {
        self.pidfds.take()
    }

    /// Lets the manager keep the pidfd of a client's process for the next daemon, in place of one before.
    pub fn store_pidfd(&self, client: &ClientName, pidfd: BorrowedFd<'_>) {
        self.forget_pidfd(client);
        self.notify.store(&format!("{CLIENT}{client}"), pidfd);
    }

    /// The process of this client is gone.
    pub fn forget_pidfd(&self, client: &ClientName) {
        self.notify.forget(&format!("{CLIENT}{client}"));
    }

    /// The daemon serves, or serves again after [`Service::reloading`].
    pub fn ready(&self, status: &str) {
        self.notify.say(&format!("READY=1\nSTATUS={}", one_line(status)));
        // Once: it is closed then.
        if let Some(mut line) = self.line.take()
            && let Err(error) = line.write_all(b"\n")
        {
            tracing::warn!("nobody hears on the descriptor of --ready-fd that the daemon serves: {error}");
        }
    }

    /// The configuration is being read again; [`Service::ready`] ends that.
    pub fn reloading(&self) {
        let now = crate::clock::monotonic_us();
        self.notify.say(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reading the configuration"));
    }

    /// The daemon ends.
    pub fn stopping(&self) {
        self.notify.say("STOPPING=1\nSTATUS=ending");
    }

    /// What `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.notify.say(&format!("STATUS={}", one_line(status)));
    }

    /// The watchdog may go on sleeping.
    pub fn alive(&self) {
        self.notify.say("WATCHDOG=1");
    }
}

/// A line break would start another assignment.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests;
