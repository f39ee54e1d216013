//! The listening socket: made without a moment of wrong permissions, and served with bounds.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UnixListener;

use super::Controls;
use super::connection::Connection;
use super::slots::Slots;
use crate::data_model::door::DataModel;

/// Longest request, bytes.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// Connections at a time. When all are taken, the one that has been idle the longest makes room.
pub const MAX_CONNECTIONS: usize = 64;

/// Followers of events at a time; fewer than connections, so that they cannot lock everybody else out.
pub(super) const MAX_FOLLOWERS: usize = 32;

/// Makes the socket at `path`: mode 0660, in the place of one that a dead daemon left behind.
///
/// # Errors
/// `AddrInUse` when a daemon answers there; whatever the system says otherwise.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let text = format!("another dhcpmgrd answers on {}", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    // Made under another name and renamed, so that nobody meets it before its mode is right.
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    match std::fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(new)?;
    std::fs::set_permissions(new, std::fs::Permissions::from_mode(0o660))?;
    std::fs::rename(new, path)?;
    Ok(listener)
}

/// Goes on with a socket that the service manager holds.
///
/// # Errors
/// It cannot be waited for.
pub fn inherited(socket: OwnedFd) -> io::Result<UnixListener> {
    let socket = std::os::unix::net::UnixListener::from(socket);
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

/// Answers whoever connects; never returns. Must run inside a `tokio::task::LocalSet`.
pub async fn serve<C: Controls + DataModel + 'static>(listener: UnixListener, controls: Rc<C>) {
    let connections = Slots::new(MAX_CONNECTIONS);
    let followers = Slots::new(MAX_FOLLOWERS);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: the connection stays queued, so wait instead of spinning.
                tracing::warn!("the control socket cannot take a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = Connection::new(stream, connections.take(), Rc::clone(&followers));
        let controls = Rc::clone(&controls);
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.run(&*controls).await {
                tracing::debug!("a connection to the control socket ended: {error}");
            }
        });
    }
}
