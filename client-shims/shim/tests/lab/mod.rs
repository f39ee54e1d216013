//! A daemon that behaves in every way, for the tests of shims as processes. Included by them with `#[path]`.
#![allow(dead_code, reason = "not every test needs everything")]
#![allow(unreachable_pub, missing_docs, reason = "a part of each test that includes it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dhcpmgr_message::{Answer, LeaseMessage, wire};
use nix::sys::socket::{self, AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr};
use tempfile::TempDir;

/// What the shim may take at most, with room for a machine under load.
pub const IN_TIME: Duration = Duration::from_millis(2500);

pub struct Lab {
    pub dir: TempDir,
}

pub struct Run {
    pub output: Output,
    pub took: Duration,
}

impl Run {
    pub fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }
}

impl Lab {
    pub fn new() -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(lab.spool()).unwrap();
        lab
    }

    pub fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("lease.sock")
    }

    pub fn run(&self, command: &mut Command) -> Run {
        let start = Instant::now();
        let output = command.output().unwrap();
        let took = start.elapsed();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.stdout, b"", "stdout belongs to the client");
        assert!(took < 4 * IN_TIME, "{took:?}");
        Run { output, took }
    }

    /// Accepts one connection, reads one message, answers with these bytes or hangs up; gives the message.
    pub fn daemon(&self, answer: Reply) -> JoinHandle<LeaseMessage> {
        let listener = self.listen();
        thread::spawn(move || {
            let fd = socket::accept(listener.as_raw_fd()).unwrap();
            let mut buffer = vec![0; 70_000];
            let len = socket::recv(fd, &mut buffer, MsgFlags::empty()).unwrap();
            match answer {
                Reply::Answer(answer) => {
                    let bytes = wire::encode(&answer).unwrap();
                    socket::send(fd, &bytes, MsgFlags::empty()).unwrap();
                }
                Reply::Bytes(bytes) => {
                    socket::send(fd, bytes, MsgFlags::empty()).unwrap();
                }
                Reply::HangUp => nix::unistd::close(fd).unwrap(),
                Reply::Silence => thread::sleep(IN_TIME),
            }
            LeaseMessage::decode(&buffer[..len]).unwrap()
        })
    }

    pub fn listen(&self) -> OwnedFd {
        let listener =
            socket::socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        socket::bind(listener.as_raw_fd(), &UnixAddr::new(&self.socket()).unwrap()).unwrap();
        socket::listen(&listener, Backlog::new(0).unwrap()).unwrap();
        listener
    }

    /// The messages in the spool, with their names.
    pub fn spooled(&self) -> Vec<(String, LeaseMessage)> {
        let mut files: Vec<_> =
            fs::read_dir(self.spool()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, LeaseMessage::decode(&fs::read(path).unwrap()).unwrap())
            })
            .collect()
    }
}

pub enum Reply {
    Answer(Answer),
    Bytes(&'static [u8]),
    HangUp,
    Silence,
}
