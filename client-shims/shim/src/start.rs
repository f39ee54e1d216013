//! Where a shim begins: at C's `main`, because std's own start reads `/proc/self/maps`, which is a third of all that a
//! shim does. What a shim needs of that start stands here.

use std::fs::File;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{UnixAddr, getsockname};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

/// The standard streams.
const STREAMS: [RawFd; 3] = [0, 1, 2];

/// Defines where the program begins: `start!(run)`, with `#![cfg_attr(target_env = "gnu", no_main)]` in the same file.
/// `run` is called once, and the program ends with status 0 when it comes back.
///
/// The one place in the shims with something that the compiler does not check.
#[macro_export]
macro_rules! start {
    ($run:path) => {
        // Sound: glibc calls `main` once, in a program that has no other of that name (or it would not link), with these
        // arguments, which are not looked at. std asks nobody to begin with its own start: without it there is a
        // message less at a stack overflow, and glibc gives std the arguments another way (`.init_array`). A panic does
        // not get out of an `extern "C"` function.
        #[cfg(target_env = "gnu")]
        #[allow(unsafe_code, reason = "a name that the C library calls")]
        #[unsafe(no_mangle)]
        extern "C" fn main(
            _count: std::ffi::c_int,
            _arguments: *const *const std::ffi::c_char,
        ) -> std::ffi::c_int {
            $run();
            0
        }

        // Other C libraries give std the arguments by its own start only.
        #[cfg(not(target_env = "gnu"))]
        fn main() {
            $run();
        }
    };
}

/// Which standard streams are not to be used, besides those that are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Avoid {
    /// None: the client gave them.
    Nothing,
    /// Sockets, which the client leaked.
    Sockets,
}

/// Makes the surroundings safe: a file that is opened does not become a standard stream, and a reader of the log that is
/// gone is an error and not the end.
pub fn prepare(avoid: Avoid) {
    // Blocked and not ignored, which would need `unsafe`; nobody else runs in this process.
    let _kept = SigSet::from(Signal::SIGPIPE).thread_block();
    let unusable = STREAMS.map(|stream| is_unusable(stream, avoid));
    if unusable == [false; 3] {
        return;
    }
    // Without /dev/null there is nothing to write to, and nothing better to do.
    let Ok(null) = File::options().read(true).write(true).open("/dev/null") else { return };
    for (stream, _) in STREAMS.into_iter().zip(unusable).filter(|(_, unusable)| *unusable) {
        let _kept = match stream {
            0 => dup2_stdin(&null),
            1 => dup2_stdout(&null),
            _ => dup2_stderr(&null),
        };
    }
    if STREAMS.contains(&null.as_raw_fd()) {
        // It has become one of them.
        let _stays_open = null.into_raw_fd();
    }
}

/// std's own handles would be asked at the price of their buffers.
fn is_unusable(stream: RawFd, avoid: Avoid) -> bool {
    match getsockname::<UnixAddr>(stream) {
        Err(Errno::ENOTSOCK) => false,
        Err(Errno::EBADF) => true,
        // Of whatever family.
        _ => avoid == Avoid::Sockets,
    }
}
