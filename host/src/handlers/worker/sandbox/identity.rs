//! Who the worker is: nobody, with no capability.

use std::collections::HashSet;

use caps::{CapSet, CapsHashSet};
use nix::unistd::{Gid, Uid, getresgid, getresuid, setgroups, setresgid, setresuid};

/// `nobody`, by number: embedded systems may lack the name.
const NOBODY: u32 = 65534;

/// Gives up root. Not in force where the daemon is not root (then the worker is who the daemon is), and not in a
/// user namespace that has no such uid.
pub(super) fn become_nobody() -> Option<String> {
    if !Uid::effective().is_root() {
        return None;
    }
    // The bounding set can only be cut while there are capabilities.
    for capability in caps::runtime::thread_all_supported() {
        // Read back by nobody: with no_new_privs and without capabilities the set has no effect any more.
        let _ = caps::drop(None, CapSet::Bounding, capability);
    }
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    // A user namespace may forbid setgroups, or not have the numbers: looked at below.
    let _ = setgroups(&[]);
    let _ = setresgid(gid, gid, gid);
    let _ = setresuid(uid, uid, uid);
    let uids = getresuid().ok()?;
    let gids = getresgid().ok()?;
    let is_nobody = [uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3];
    is_nobody.then(|| format!("uid {NOBODY}"))
}

/// Empties the capability sets.
pub(super) fn drop_capabilities() -> Option<String> {
    let sets = [CapSet::Ambient, CapSet::Effective, CapSet::Inheritable, CapSet::Permitted];
    for set in sets {
        // Looked at below; kernels before 4.3 have no ambient set.
        let _ = caps::clear(None, set);
    }
    let empty = |set: CapSet| match set {
        CapSet::Ambient => caps::read(None, set).unwrap_or_default().is_empty(),
        _ => caps::read(None, set).is_ok_and(|c: CapsHashSet| c == HashSet::new()),
    };
    sets.into_iter().all(empty).then(|| "caps".to_owned())
}
