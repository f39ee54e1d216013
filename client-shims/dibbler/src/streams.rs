//! The standard streams. `dibbler-client start` closes its own and opens sockets, which then have the numbers 0, 1 and
//! 2 and are inherited by the script: a line of log would go to a DHCP server or into the kernel's netlink.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Puts `/dev/null` in the place of every standard stream that is a socket. Those that are closed have been taken care
/// of by std.
pub fn leave_sockets_alone() {
    let (stdin, stdout, stderr) = (is_socket(io::stdin()), is_socket(io::stdout()), is_socket(io::stderr()));
    if !(stdin || stdout || stderr) {
        return;
    }
    // Without /dev/null there is nothing to write to, and nothing better to do.
    let Ok(null) = File::options().read(true).write(true).open("/dev/null") else { return };
    if stdin {
        let _kept = dup2_stdin(&null);
    }
    if stdout {
        let _kept = dup2_stdout(&null);
    }
    if stderr {
        let _kept = dup2_stderr(&null);
    }
}

fn is_socket(stream: impl AsFd) -> bool {
    fstat(stream)
        .is_ok_and(|status| SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFSOCK)
}
