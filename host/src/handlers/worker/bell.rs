//! Rouses a worker that will be asked in a moment: it wakes up while the question is still being written and others
//! are asked, and waking up takes longer than all else that a call costs.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::socket::{MsgFlags, send};

use super::frame;

/// The bell of one handler's worker, whichever process that is; no process hears it while none is up.
#[derive(Debug, Clone, Default)]
pub(super) struct Bell(Arc<Mutex<Option<OwnedFd>>>);

impl Bell {
    /// From now on this end of a socketpair is the way to the worker.
    pub(super) fn hang(&self, socket: Option<OwnedFd>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    /// Best effort: a worker that does not hear it is woken by the question.
    pub(super) fn ring(&self) {
        if let Some(socket) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            let _ = send(socket.as_raw_fd(), &frame::ROUSE, flags);
        }
    }
}
