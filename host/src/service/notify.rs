//! `sd_notify(3)`: one datagram a statement, to the socket that `NOTIFY_SOCKET` names.
//!
//! A dozen lines on top of nix rather than a crate: the protocol is text, and the descriptors that go with it are owned.

use std::env;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

/// A manager that does not read for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where statements go.
#[derive(Debug, Default)]
pub(super) struct Notify(Option<(UnixDatagram, UnixAddr)>);

impl Notify {
    pub(super) fn from_environment() -> Self {
        match env::var_os("NOTIFY_SOCKET").map(Self::to) {
            Some(Ok(notify)) => notify,
            Some(Err(error)) => {
                tracing::warn!("NOTIFY_SOCKET is set and cannot be used: {error}");
                Self::default()
            }
            None => Self::default(),
        }
    }

    /// `/run/…`, or `@name` for a name in the abstract namespace.
    pub(super) fn to(address: OsString) -> io::Result<Self> {
        let address = address.into_vec();
        let address = match address.split_first() {
            Some((b'@', name)) => UnixAddr::new_abstract(name)?,
            Some((b'/', _)) => UnixAddr::new(address.as_slice())?,
            _ => return Err(io::Error::other("it is neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(Some((socket, address))))
    }

    pub(super) fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn say(&self, statement: &str) {
        self.send(statement, &[]);
    }

    /// The manager keeps the descriptor over a restart, under this name.
    pub(super) fn store(&self, name: &str, descriptor: BorrowedFd<'_>) {
        self.send(&format!("FDSTORE=1\nFDNAME={name}"), &[descriptor.as_raw_fd()]);
    }

    pub(super) fn forget(&self, name: &str) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[]);
    }

    fn send(&self, statement: &str, descriptors: &[RawFd]) {
        let Some((socket, address)) = &self.0 else { return };
        let rights = [ControlMessage::ScmRights(descriptors)];
        let rights = if descriptors.is_empty() { &[][..] } else { &rights[..] };
        let text = [IoSlice::new(statement.as_bytes())];
        if let Err(error) = sendmsg(socket.as_raw_fd(), &text, rights, MsgFlags::MSG_NOSIGNAL, Some(address))
        {
            tracing::warn!("the service manager does not hear \"{}\": {error}", statement.replace('\n', " "));
        }
    }
}
