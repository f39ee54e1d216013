//! The last lease message of each client, as it came: what a daemon that starts finds in force.
//!
//! It lies below `/run`, so it ends with the boot and its dates on `CLOCK_BOOTTIME` stay true while it lives. Each
//! message is written with one system call: it has to survive the end of this process, not of the machine, so nothing
//! is synchronised or renamed. What a file looks like inside, and what of it is believed, is in `journal/file.rs`.
//! DHCPv6 tells of a part at a time; `journal/parts.rs` has what was told and is not in the lease yet.

mod file;
mod parts;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dhcpmgr_message::{ClientEvent, ClientName, IfName, LeaseMessage};

use crate::clock::BootId;
use file::{Content, LeaseFile};

/// A lease that says the same as the one kept is written again only when that one is this old: what could be lost
/// is a second of its time.
const FRESH_MS: u64 = 1000;

/// The directory of kept messages.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    boot: BootId,
    kept: RefCell<HashMap<ClientName, Kept>>,
}

/// The message that a file holds.
#[derive(Debug)]
struct Kept {
    file: LeaseFile,
    message: Option<Rc<LeaseMessage>>,
}

impl Kept {
    fn says_the_same(&self, message: &LeaseMessage) -> bool {
        let Some(kept) = &self.message else { return false };
        // Of the same client process: what an earlier one said is no lease of this one's to a daemon that adopts it.
        message.token == kept.token
            && message.at_ms.abs_diff(kept.at_ms) < FRESH_MS
            && message.v4 == kept.v4
            && message.v6 == kept.v6
    }
}

impl Journal {
    /// The journal of this boot in this directory, which need not exist yet.
    #[must_use]
    pub fn new(directory: PathBuf, boot: BootId) -> Self {
        Self { directory, boot, kept: RefCell::default() }
    }

    /// Keeps a message that carries a lease, in place of the one before; forgets the lease when the server took it
    /// back. What a DHCPv6 client tells is laid beside the lease that is kept.
    pub(super) fn keep(&self, message: &Rc<LeaseMessage>, bytes: &[u8]) -> io::Result<()> {
        if message.event == ClientEvent::Nak {
            self.forget(&message.client);
        }
        if message.v6.is_some() {
            return self.lay_down(message, bytes);
        }
        if !message.event.carries_lease() {
            return Ok(());
        }
        self.write(message, bytes)
    }

    /// Keeps this message in place of the one before.
    fn write(&self, message: &Rc<LeaseMessage>, bytes: &[u8]) -> io::Result<()> {
        let mut all = self.kept.borrow_mut();
        match all.get_mut(&message.client) {
            Some(kept) if kept.says_the_same(message) => {}
            Some(kept) => {
                kept.file.write(bytes)?;
                kept.message = Some(Rc::clone(message));
            }
            None => {
                let mut file = self.create(&message.client)?;
                file.write(bytes)?;
                all.insert(message.client.clone(), Kept { file, message: Some(Rc::clone(message)) });
            }
        }
        Ok(())
    }

    fn create(&self, client: &ClientName) -> io::Result<LeaseFile> {
        let path = self.file(client);
        self.in_directory(|| LeaseFile::create(&path, self.boot))
    }

    /// Does it again when all that was missing is the directory.
    fn in_directory<T>(&self, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match make() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
                make()
            }
            other => other,
        }
    }

    /// Lays a message beside the lease: only the controller knows what the whole is then.
    fn lay_down(&self, message: &LeaseMessage, bytes: &[u8]) -> io::Result<()> {
        let path = parts::path(&self.directory, message);
        self.in_directory(|| parts::write(&path, self.boot, bytes))
    }

    /// What this message told is in the lease that is kept now, or is of no use.
    pub fn settle(&self, message: &LeaseMessage) {
        parts::remove(&parts::path(&self.directory, message));
    }

    /// Removes a message that was laid down and is of no use.
    pub(super) fn discard(&self, path: &Path) {
        parts::remove(path);
    }

    /// The messages of a client that were laid down and not settled, in their order, with their files.
    pub(super) fn parts(&self, client: &ClientName) -> Vec<(PathBuf, Vec<u8>)> {
        let of_client = parts::all(&self.directory).into_iter().filter(|(whose, _)| whose == client);
        of_client
            .filter_map(|(_, path)| match parts::read(&path, self.boot) {
                Some(bytes) => Some((path, bytes)),
                None => {
                    parts::remove(&path);
                    None
                }
            })
            .collect()
    }

    /// Keeps this message in place of the last one, which did not come into force.
    pub fn put_back(&self, message: &Rc<LeaseMessage>) {
        let written =
            message.encode().map_err(io::Error::other).and_then(|bytes| self.write(message, &bytes));
        if let Err(error) = written {
            tracing::warn!(
                "{}: cannot put the lease in force back into the journal: {error}",
                message.client
            );
        }
    }

    /// Forgets the lease of a client.
    pub fn forget(&self, client: &ClientName) {
        if let Some(kept) = self.kept.borrow_mut().get_mut(client)
            && (kept.message.is_none() || kept.file.write(&[]).is_ok())
        {
            kept.message = None;
            return;
        }
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

    /// The message kept for a client in this boot. A file that cannot be believed is set aside, with a line in the
    /// log.
    #[must_use]
    pub fn read(&self, client: &ClientName) -> Option<Vec<u8>> {
        let path = self.file(client);
        match file::read(&path, self.boot) {
            Ok(Content::Message(message)) => Some(message),
            Ok(Content::Nothing) => None,
            Ok(Content::OtherBoot) => {
                tracing::info!(
                    "{client}: the lease in {} is of another boot and not in force",
                    path.display()
                );
                let _ = fs::remove_file(&path);
                None
            }
            Ok(Content::Damaged(why)) => {
                let aside = path.with_extension("damaged");
                tracing::warn!(
                    "{client}: lease file {} is not used: {why}; it is kept as {}, and the client asks for a lease again",
                    path.display(),
                    aside.display()
                );
                if fs::rename(&path, &aside).is_err() {
                    let _ = fs::remove_file(&path);
                }
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!("{client}: cannot read lease file {}: {error}", path.display());
                None
            }
        }
    }

    /// Forgets the leases of all clients but these, and gives the interfaces that were theirs.
    pub fn retain(&self, keep: impl Fn(&ClientName) -> bool) -> Vec<IfName> {
        for (_, path) in parts::all(&self.directory).iter().filter(|(client, _)| !keep(client)) {
            parts::remove(path);
        }
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

#[cfg(test)]
mod tests {
    use dhcpmgr_message::{Token, V4Report, V6Report, VERSION};

    use super::*;

    fn message(at_ms: u64, event: ClientEvent, domain: &str) -> LeaseMessage {
        LeaseMessage {
            v: VERSION,
            id: at_ms,
            client: "wan4".parse().unwrap(),
            token: Token::from_random([1; 16]),
            program: "udhcpc".into(),
            event,
            interface: "wan0".parse().unwrap(),
            at_ms,
            v4: Some(V4Report { domain: Some(domain.into()), ..V4Report::default() }),
            v6: None,
            problems: Vec::new(),
        }
    }

    fn in_directory(directory: &tempfile::TempDir) -> Journal {
        Journal::new(directory.path().join("leases"), BootId::from_bytes([1; 16]))
    }

    fn keep(journal: &Journal, message: &LeaseMessage) {
        journal.keep(&Rc::new(message.clone()), &message.encode().unwrap()).unwrap();
    }

    fn read(journal: &Journal) -> Option<LeaseMessage> {
        journal.read(&"wan4".parse().unwrap()).map(|bytes| LeaseMessage::decode(&bytes).unwrap())
    }

    #[test]
    fn the_last_lease_is_found_by_the_next_daemon_also_when_it_is_the_shorter_one() {
        let directory = tempfile::tempdir().unwrap();
        let journal = in_directory(&directory);
        keep(&journal, &message(1, ClientEvent::Bound, &"long.".repeat(40)));
        let last = message(9_000, ClientEvent::Renew, "short");
        keep(&journal, &last);
        keep(&journal, &message(9_500, ClientEvent::Deconfig, "x"));
        let next = in_directory(&directory);
        assert_eq!(read(&next), Some(last));
        keep(&next, &message(10_000, ClientEvent::Nak, "x"));
        assert_eq!(read(&next), None, "the server took it back");
    }

    #[test]
    fn the_same_lease_again_within_a_second_is_not_written_again_and_another_one_is() {
        let directory = tempfile::tempdir().unwrap();
        let journal = in_directory(&directory);
        keep(&journal, &message(1_000, ClientEvent::Bound, "a"));
        keep(&journal, &message(1_900, ClientEvent::Renew, "a"));
        assert_eq!(read(&journal).unwrap().at_ms, 1_000);
        keep(&journal, &message(1_950, ClientEvent::Renew, "b"));
        assert_eq!(read(&journal).unwrap().at_ms, 1_950);
        keep(&journal, &message(3_000, ClientEvent::Renew, "b"));
        assert_eq!(read(&journal).unwrap().at_ms, 3_000);
        let successor =
            LeaseMessage { token: Token::from_random([2; 16]), ..message(3_100, ClientEvent::Bound, "b") };
        keep(&journal, &successor);
        assert_eq!(read(&journal), Some(successor), "the same lease, and another client that has it");
    }

    #[test]
    fn a_damaged_file_is_no_lease() {
        let directory = tempfile::tempdir().unwrap();
        let journal = in_directory(&directory);
        keep(&journal, &message(1, ClientEvent::Bound, "a"));
        let file = directory.path().join("leases/wan4.lease");
        for bytes in [&b""[..], b"\0\0", b"\0\0\0\x09abc", b"\xff\xff\xff\xffabc"] {
            fs::write(&file, bytes).unwrap();
            assert_eq!(journal.read(&"wan4".parse().unwrap()), None, "{bytes:?}");
        }
        assert!(file.with_extension("damaged").is_file(), "the last one is kept to look at");
    }

    #[test]
    fn a_lease_of_another_boot_is_not_in_force_and_makes_room() {
        let directory = tempfile::tempdir().unwrap();
        keep(&in_directory(&directory), &message(1, ClientEvent::Bound, "a"));
        let next = Journal::new(directory.path().join("leases"), BootId::from_bytes([2; 16]));
        assert_eq!(read(&next), None);
        keep(&next, &message(2, ClientEvent::Bound, "b"));
        assert_eq!(read(&next).unwrap().at_ms, 2);
    }

    #[test]
    fn leases_of_clients_that_are_gone_are_forgotten_and_their_interfaces_told() {
        let directory = tempfile::tempdir().unwrap();
        let journal = in_directory(&directory);
        keep(&journal, &message(1, ClientEvent::Bound, "a"));
        assert_eq!(journal.retain(|_| true), []);
        assert_eq!(journal.retain(|_| false), ["wan0".parse().unwrap()]);
        assert_eq!(read(&journal), None);
    }

    fn told(at_ms: u64) -> LeaseMessage {
        LeaseMessage { v4: None, v6: Some(V6Report::default()), ..message(at_ms, ClientEvent::Update, "") }
    }

    fn parts(journal: &Journal) -> Vec<u64> {
        let parts = journal.parts(&"wan4".parse().unwrap()).into_iter();
        parts.map(|(_, bytes)| LeaseMessage::decode(&bytes).unwrap().at_ms).collect()
    }

    #[test]
    fn what_a_dhcpv6_client_tells_lies_beside_the_lease_until_it_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let journal = in_directory(&directory);
        keep(&journal, &told(10_000));
        keep(&journal, &told(9_000));
        assert_eq!(read(&journal), None, "the whole is not known yet");
        let next = in_directory(&directory);
        assert_eq!(parts(&next), [9_000, 10_000], "in the order in which it was told");
        next.put_back(&Rc::new(told(9_500)));
        next.settle(&told(9_000));
        assert_eq!((read(&next).unwrap().at_ms, parts(&next)), (9_500, vec![10_000]));
        next.settle(&told(10_000));
        next.settle(&told(10_000));
        assert_eq!(parts(&next), [0; 0]);
    }

    #[test]
    fn parts_of_another_boot_of_other_clients_and_cut_off_ones_are_none() {
        let directory = tempfile::tempdir().unwrap();
        let journal = in_directory(&directory);
        keep(&journal, &told(1));
        keep(&journal, &LeaseMessage { client: "wan4.20".parse().unwrap(), ..told(2) });
        assert_eq!(parts(&journal), [1]);
        let other_boot = Journal::new(directory.path().join("leases"), BootId::from_bytes([2; 16]));
        assert_eq!(parts(&other_boot), [0; 0]);
        fs::write(directory.path().join("leases/wan4.00000000000000000003-0000000000000003.part"), [1; 7])
            .unwrap();
        assert_eq!(parts(&journal), [0; 0]);
        let left: Vec<_> = fs::read_dir(directory.path().join("leases")).unwrap().collect();
        assert_eq!(left.len(), 1, "only what is of another client is left: {left:?}");
        journal.retain(|_| false);
        assert_eq!(fs::read_dir(directory.path().join("leases")).unwrap().count(), 0);
    }
}
