//! One line for the person who looks for what went wrong: to stderr, which the daemon reads when it runs the client
//! in the foreground, and to the system log, for when the daemon is gone. Neither may make the client wait.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::{fmt, panic, process};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::problems::shorten;

/// daemon.warning (RFC 3164 section 4.1.1: facility 3, severity 4).
const PRIORITY: u8 = 3 * 8 + 4;
/// A pipe takes this much at once if it takes anything (`PIPE_BUF`), and a log line needs no more.
const LINE: usize = 1024;

/// The log of the program with this name.
#[derive(Debug, Clone, Copy)]
pub struct Log(pub &'static str);

impl Log {
    /// Logs one line; best effort.
    pub fn line(self, text: fmt::Arguments<'_>) {
        let mut line = format!("{}[{}]: {text}", self.0, process::id()).replace(['\n', '\r', '\0'], " ");
        shorten(&mut line, LINE);
        to_stderr(&line);
        if let Ok(socket) = UnixDatagram::unbound()
            && socket.set_nonblocking(true).is_ok()
        {
            let _lost = socket.send_to(format!("<{PRIORITY}>{line}").as_bytes(), "/dev/log");
        }
    }

    /// Makes a panic a log line and exit status 0: the client must not see our mistakes.
    pub fn catch_panics(self) {
        panic::set_hook(Box::new(move |info| {
            self.line(format_args!("stopped by a mistake in this program: {info}"));
            process::exit(0);
        }));
    }
}

/// Writes only if that does not block: the pipe may be full because its reader hangs.
fn to_stderr(line: &str) {
    let stderr = io::stderr();
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let writable = poll(&mut ready, PollTimeout::ZERO).is_ok_and(|count| count > 0);
    let clear = ready[0].revents().is_some_and(|events| events == PollFlags::POLLOUT);
    if writable && clear {
        let _lost = io::stderr().write_all(format!("{line}\n").as_bytes());
    }
}
