//! What a client program may not change: it sees an empty `/etc` that is read-only, in a mount namespace of its own,
//! and may write below a few directories only (Landlock). Each works without the other: the first takes CAP_SYS_ADMIN,
//! the second Linux 5.13. For programs that edit the machine's files and cannot be told not to.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus,
};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{AccessFlags, access};

/// The newest rules that we know; older kernels enforce what they have of them.
const NEWEST: ABI = ABI::V6;

/// What such programs change.
const TARGETS: [&str; 4] = ["/etc", "/etc/resolv.conf", "/etc/ntp.conf", "/etc/localtime"];

/// Programs that would change it for them.
const HELPERS: [&str; 3] = ["/sbin/resolvconf", "/usr/sbin/resolvconf", "/usr/bin/resolvconf"];

/// The longest file of the dynamic linker that is kept.
const LONGEST: u64 = 1024 * 1024;

/// Protects the machine from the calling thread and from what it starts; `writes` are the directories that it may write
/// below. Says in the log when it could not.
pub(super) fn protect(writes: &[PathBuf]) {
    let mounts = hide_etc();
    let landlock = write_only_below(writes);
    if landlock.as_ref().is_ok_and(|enforced| *enforced) {
        tracing::debug!("clients write below {writes:?} only; an /etc of their own: {mounts:?}");
        return;
    }
    // As its own user the daemon may have no right to change these, and neither have its clients then.
    let exposed: Vec<_> =
        TARGETS.into_iter().filter(|path| access(Path::new(path), AccessFlags::W_OK).is_ok()).collect();
    if !exposed.is_empty() {
        let why = mounts.err().map(|error| error.to_string()).unwrap_or_default();
        tracing::warn!(
            "clients that edit the machine's files can change {}: they cannot have a mount namespace of their own \
             ({why}), and this kernel has no Landlock (Linux 5.13)",
            exposed.join(", ")
        );
    }
}

/// Gives the calling thread an /etc with nothing in it but what the dynamic linker reads.
fn hide_etc() -> io::Result<()> {
    unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)?;
    // What is mounted or unmounted outside later happens here too, and not the other way round.
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)?;
    let kept: Vec<_> = fs::read_dir("/etc")?.flatten().filter_map(|entry| linker_file(&entry)).collect();
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), "/etc", Some("tmpfs"), flags, Some("mode=0755,size=4m"))?;
    for (name, content) in kept {
        fs::write(Path::new("/etc").join(name), content)?;
    }
    mount(none, "/etc", none, flags | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, none)?;
    for helper in HELPERS.into_iter().filter(|helper| Path::new(helper).is_file()) {
        mount(Some("/dev/null"), helper, none, MsFlags::MS_BIND, none)?;
    }
    Ok(())
}

/// `ld.so.cache`, `ld.so.preload` and musl's `ld-musl-ARCH.path`.
fn linker_file(entry: &fs::DirEntry) -> Option<(std::ffi::OsString, Vec<u8>)> {
    let name = entry.file_name();
    let starts = |start: &str| name.as_encoded_bytes().starts_with(OsStr::new(start).as_encoded_bytes());
    let wanted = starts("ld.so.") || starts("ld-musl-");
    let small = entry.metadata().is_ok_and(|about| about.is_file() && about.len() <= LONGEST);
    (wanted && small).then(|| Some((name, fs::read(entry.path()).ok()?))).flatten()
}

/// `false` when the kernel cannot.
fn write_only_below(writes: &[PathBuf]) -> Result<bool, RulesetError> {
    let write = AccessFs::from_write(NEWEST);
    let mut rules =
        Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(write)?.create()?;
    for place in writes.iter().map(PathBuf::as_path).chain([Path::new("/dev/null")]) {
        let Ok(opened) = PathFd::new(place) else { continue };
        // A plain file takes the rights of directories out of the set by itself.
        rules = rules.add_rule(PathBeneath::new(opened, write))?;
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both bind the thread that asks for them: the other tests stay free.
    fn alone<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(test).join().unwrap()
    }

    #[test]
    fn what_is_not_named_cannot_be_written() {
        let root = tempfile::tempdir().unwrap();
        let (may, may_not) = (root.path().join("work"), root.path().join("other"));
        for directory in [&may, &may_not] {
            fs::create_dir(directory).unwrap();
        }
        fs::write(may_not.join("resolv.conf"), "ours").unwrap();
        // Where /etc leads elsewhere, as with systemd-resolved, a read-only /etc would not help.
        std::os::unix::fs::symlink(may_not.join("resolv.conf"), may.join("resolv.conf")).unwrap();
        let (allowed, link) = (may.clone(), may.join("resolv.conf"));
        let enforced = alone(move || {
            let enforced = write_only_below(std::slice::from_ref(&allowed)).unwrap();
            fs::write(allowed.join("client.pid"), "1").unwrap();
            fs::rename(allowed.join("client.pid"), allowed.join("client.old")).unwrap();
            fs::write("/dev/null", "1").unwrap();
            (enforced, fs::write(link, "theirs").is_err())
        });
        // The kernels that tests run on have it.
        assert_eq!(enforced, (true, true));
        assert_eq!(fs::read_to_string(may_not.join("resolv.conf")).unwrap(), "ours");
        fs::write(may_not.join("resolv.conf"), "we still may").unwrap();
    }

    #[test]
    fn etc_is_empty_and_read_only_for_the_thread_and_as_ever_for_others() {
        let before = fs::read_dir("/etc").unwrap().count();
        let hidden = alone(|| {
            hide_etc().map(|()| {
                let left = fs::read_dir("/etc").unwrap().flatten();
                let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
                (left, fs::write("/etc/resolv.conf", "theirs").map_err(|error| error.kind()))
            })
        });
        match hidden {
            Ok((left, written)) => {
                assert!(left.iter().all(|name| name.to_str().unwrap().starts_with("ld")), "{left:?}");
                assert_eq!(written, Err(io::ErrorKind::ReadOnlyFilesystem));
            }
            // Without CAP_SYS_ADMIN.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
        assert_eq!(fs::read_dir("/etc").unwrap().count(), before);
    }
}
