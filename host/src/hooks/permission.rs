//! Whether a hook may be run, and as whom. Looks at files and users, and changes nothing.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use caps::{CapSet, Capability};
use nix::unistd::{Gid, Uid, User, getegid, geteuid};

use crate::config::ProgramHook;
use crate::trust;

/// `nobody`, by number: embedded systems may lack the name.
const NOBODY: u32 = 65534;
/// Who a hook runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    /// Whether the daemon has to become somebody else for it.
    pub(super) changes: bool,
}

impl Identity {
    /// The user that the configuration names; without one nobody where the daemon is root, otherwise the daemon's own.
    pub(super) fn of(hook: &ProgramHook) -> Result<Self, String> {
        let (own, own_group) = (geteuid(), getegid());
        let (uid, gid) = match &hook.user {
            None if own.is_root() => (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY)),
            None => (own, own_group),
            Some(name) => {
                let user = User::from_name(name).map_err(|error| format!("user \"{name}\": {error}"))?;
                let user =
                    user.ok_or_else(|| format!("user \"{name}\" is not there; make it, or name another"))?;
                (user.uid, user.gid)
            }
        };
        let changes = uid != own;
        if changes && !may_become_others() {
            let name = hook.user.as_deref().unwrap_or("nobody");
            let own = User::from_uid(own).ok().flatten().map_or_else(|| own.to_string(), |user| user.name);
            return Err(format!(
                "dhcpmgrd runs as \"{own}\" and cannot run a program as \"{name}\"; leave `user` out, or have \
                 {name}'s own service follow `dhcpmgr events --follow --json`"
            ));
        }
        Ok(Self { uid, gid, changes })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match User::from_uid(self.uid) {
            Ok(Some(user)) => f.write_str(&user.name),
            _ => write!(f, "uid {}", self.uid),
        }
    }
}

fn may_become_others() -> bool {
    [Capability::CAP_SETUID, Capability::CAP_SETGID]
        .into_iter()
        .all(|right| caps::has_cap(None, CapSet::Effective, right).unwrap_or(false))
}

/// Whether nobody but root and this user could have written the program. It is looked at before every run.
pub(super) fn check(program: &str) -> Result<(), String> {
    let path = Path::new(program);
    let metadata = fs::metadata(path).map_err(|error| format!("{program}: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{program} is no file"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("{program} is not executable; run chmod a+x on it"));
    }
    trusted(path, &metadata)?;
    // The directory that it really is in, behind any symbolic links.
    let real = path.canonicalize().map_err(|error| format!("{program}: {error}"))?;
    let Some(directory) = real.parent() else { return Ok(()) };
    trusted(directory, &fs::metadata(directory).map_err(|error| format!("{}: {error}", directory.display()))?)
}

fn trusted(place: &Path, metadata: &fs::Metadata) -> Result<(), String> {
    trust::check(metadata).map_err(|why| format!("{} {why}", place.display()))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn only_a_program_that_nobody_else_could_have_written_is_run() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hook");
        let program = file.to_str().unwrap();
        assert!(check(program).unwrap_err().contains("No such file"));
        fs::write(&file, "#!/bin/sh\n").unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        mode(&file, 0o644);
        assert!(check(program).unwrap_err().contains("chmod a+x"));
        mode(&file, 0o755);
        assert_eq!(check(program), Ok(()));
        mode(&file, 0o775);
        assert!(check(program).unwrap_err().contains("writable by others (mode 0775)"));
        mode(&file, 0o755);
        mode(directory.path(), 0o777);
        assert!(check(program).unwrap_err().contains("writable by others"));
        mode(directory.path(), 0o1777);
        assert_eq!(check(program), Ok(()), "others cannot replace it there");
        assert!(check("/dev/null").unwrap_err().contains("no file"));
        // Who follows a link looks at the file and the directory behind it.
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        mode(&file, 0o777);
        assert!(check(link.to_str().unwrap()).is_err());
    }
}
