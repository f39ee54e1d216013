//! Descriptors that the service manager passes at the start: `sd_listen_fds(3)`, `LISTEN_FDS` and its companions.

use std::env;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// The first passed descriptor.
const FIRST: RawFd = 3;
/// More than this many are not believed.
const MOST: RawFd = 4096;

/// One descriptor that was passed, and what it is called.
#[derive(Debug)]
pub(super) struct Inherited {
    pub(super) name: String,
    pub(super) descriptor: OwnedFd,
}

/// Takes all that were passed to this process; the second call gives nothing.
pub(super) fn take() -> Vec<Inherited> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    // The variables stay: the environment of a process cannot be changed safely. Children get none of it.
    let variable = |name| env::var(name).unwrap_or_default();
    let count = announced(&variable("LISTEN_PID"), std::process::id(), &variable("LISTEN_FDS"));
    if count == 0 || TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let names = variable("LISTEN_FDNAMES");
    let mut names = names.split(':');
    let named = |number| (names.next().unwrap_or("unknown").to_owned(), number);
    let numbers: Vec<_> = (FIRST..FIRST + count).map(named).collect();
    let own = |(name, number)| match own(number) {
        Ok(descriptor) => Some(Inherited { name, descriptor }),
        Err(error) => {
            tracing::warn!("descriptor {number} \"{name}\" of the service manager cannot be used: {error}");
            None
        }
    };
    numbers.into_iter().filter_map(own).collect()
}

/// How many descriptors are meant for this process.
fn announced(listen_pid: &str, pid: u32, listen_fds: &str) -> RawFd {
    match (listen_pid.parse::<u32>(), listen_fds.parse::<RawFd>()) {
        (Ok(meant), Ok(count)) if meant == pid && (1..=MOST).contains(&count) => count,
        _ => 0,
    }
}

/// Closes what the process was started with and nobody announced: clients and hooks would inherit it. Everything that
/// this program opens is close-on-exec, so what is not was there before.
pub(super) fn close_strangers() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<RawFd> = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number >= FIRST && is_for_children(*number)) {
        let _ = nix::unistd::close(number);
    }
}

/// Whether a descriptor is handed on to programs that are started.
fn is_for_children(number: RawFd) -> bool {
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlag::O_CLOEXEC.bits() == 0)
}

/// Turns a number into a descriptor that is owned, without `unsafe`: the kernel is asked to pass it through a socket
/// to ourselves, which works for any number that is open and for no other. (`pidfd_getfd(2)` is shorter; it needs
/// Linux 5.6 and is what seccomp filters forbid first.)
pub(super) fn own(number: RawFd) -> std::io::Result<OwnedFd> {
    let (to, from) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
    let rights = [number];
    sendmsg::<()>(
        to.as_raw_fd(),
        &[IoSlice::new(b".")],
        &[ControlMessage::ScmRights(&rights)],
        MsgFlags::empty(),
        None,
    )?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(from.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let owned = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut passed) => passed.next(),
        _ => None,
    });
    let owned = owned.ok_or_else(|| std::io::Error::other("the kernel did not pass it"))?;
    nix::unistd::close(number)?;
    Ok(owned)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};
    use std::os::fd::IntoRawFd as _;

    use super::*;

    #[test]
    fn only_what_is_meant_for_this_process_is_taken() {
        assert_eq!(announced("7", 7, "2"), 2);
        assert_eq!(announced("8", 7, "2"), 0, "another process's");
        assert_eq!(announced("", 7, "2"), 0);
        for count in ["", "0", "-1", "two", "4097", "99999999999"] {
            assert_eq!(announced("7", 7, count), 0, "{count}");
        }
    }

    #[test]
    fn what_a_child_would_inherit_is_told_from_what_it_would_not() {
        let ours = tempfile::tempfile().unwrap();
        assert!(!is_for_children(ours.as_raw_fd()), "everything here is close-on-exec");
        assert!(is_for_children(2), "standard error is not");
        assert!(!is_for_children(1_000_000));
    }

    #[test]
    fn a_number_becomes_a_descriptor_and_is_closed() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"kept").unwrap();
        file.rewind().unwrap();
        let number = file.into_raw_fd();
        let mut owned = std::fs::File::from(own(number).unwrap());
        let mut text = String::new();
        owned.read_to_string(&mut text).unwrap();
        assert_eq!(text, "kept");
        assert!(own(1_000_000).is_err(), "a number that is not open");
    }
}
