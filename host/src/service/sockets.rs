//! Which of the inherited descriptors is which socket: decided by what it is, not by what it is called.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use nix::sys::socket::{SockType, UnixAddr, getsockname, getsockopt, sockopt};

use super::inherited::Inherited;

/// The type of a socket.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    SeqPacket,
    Stream,
}

/// Takes the one that listens at this path. One of the right name that listens elsewhere, as with another `--root`, is
/// of no use: nobody would come.
pub(super) fn take(inherited: &mut Vec<Inherited>, path: &Path, wanted: Type) -> Option<OwnedFd> {
    let place = inherited.iter().position(|one| is_the_one(&one.descriptor, path, wanted))?;
    Some(inherited.remove(place).descriptor)
}

fn is_the_one(descriptor: &OwnedFd, path: &Path, wanted: Type) -> bool {
    let listens = getsockopt(descriptor, sockopt::AcceptConn).unwrap_or(false);
    let right_type = match (getsockopt(descriptor, sockopt::SockType), wanted) {
        (Ok(SockType::SeqPacket), Type::SeqPacket) | (Ok(SockType::Stream), Type::Stream) => true,
        _ => return false,
    };
    let address = getsockname::<UnixAddr>(descriptor.as_raw_fd());
    listens && right_type && address.is_ok_and(|address| address.path() == Some(path))
}
