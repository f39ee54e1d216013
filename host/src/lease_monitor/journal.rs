//! The last lease message of each client, as it came: what a daemon that starts finds in force.
//!
//! It lies below `/run`, so it ends with the boot and its dates on `CLOCK_BOOTTIME` stay true while it lives.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dhcpmgr_message::{ClientEvent, ClientName, IfName, LeaseMessage};

/// A lease that says the same as the one kept is written again only when that one is this old: what could be lost
/// is a second of its time.
const FRESH_MS: u64 = 1000;

/// The directory of kept messages.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    kept: RefCell<HashMap<ClientName, LeaseMessage>>,
}

impl Journal {
    /// The journal in this directory, which need not exist yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, kept: RefCell::default() }
    }

    /// Keeps a message that carries a lease, in place of the one before; forgets the lease when the server took it
    /// back.
    pub(super) fn keep(&self, message: &LeaseMessage, bytes: &[u8]) -> io::Result<()> {
        if message.event == ClientEvent::Nak {
            self.forget(&message.client);
        }
        if !message.event.carries_lease() || self.says_the_same(message) {
            return Ok(());
        }
        self.write(&self.file(&message.client), bytes)?;
        self.kept.borrow_mut().insert(message.client.clone(), message.clone());
        Ok(())
    }

    fn says_the_same(&self, message: &LeaseMessage) -> bool {
        self.kept.borrow().get(&message.client).is_some_and(|kept| {
            message.at_ms.abs_diff(kept.at_ms) < FRESH_MS && message.v4 == kept.v4 && message.v6 == kept.v6
        })
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = file.with_extension("tmp");
        let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
        let mut opened = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
                open()?
            }
            other => other?,
        };
        opened.write_all(bytes)?;
        fs::rename(temporary, file)
    }

    /// Keeps this message in place of the last one, which did not come into force.
    pub fn put_back(&self, message: &LeaseMessage) {
        let written = message.encode().map_err(io::Error::other);
        if let Err(error) = written.and_then(|bytes| self.write(&self.file(&message.client), &bytes)) {
            tracing::warn!(
                "{}: cannot put the lease in force back into the journal: {error}",
                message.client
            );
        }
        self.kept.borrow_mut().insert(message.client.clone(), message.clone());
    }

    /// Forgets the lease of a client.
    pub fn forget(&self, client: &ClientName) {
        self.kept.borrow_mut().remove(client);
        let file = self.file(client);
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(
                "cannot remove {}: {error}; its lease would come back at the next start",
                file.display()
            );
        }
    }

    /// The message kept for a client.
    #[must_use]
    pub fn read(&self, client: &ClientName) -> Option<Vec<u8>> {
        fs::read(self.file(client)).ok()
    }

    /// Forgets the leases of all clients but these, and gives the interfaces that were theirs.
    pub fn retain(&self, keep: impl Fn(&ClientName) -> bool) -> Vec<IfName> {
        let mut interfaces = Vec::new();
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let client =
                name.to_str().and_then(|name| name.strip_suffix(".lease")).and_then(|name| name.parse().ok());
            if let Some(client) = client
                && !keep(&client)
            {
                let message = self.read(&client).and_then(|bytes| LeaseMessage::decode(&bytes).ok());
                interfaces.extend(message.map(|message| message.interface));
                self.forget(&client);
            }
        }
        interfaces
    }

    fn file(&self, client: &ClientName) -> PathBuf {
        self.directory.join(format!("{client}.lease"))
    }
}
