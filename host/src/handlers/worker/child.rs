//! The worker's own side: takes its orders from the socket, loads one module, locks itself in, answers.
//!
//! From the moment the module is loaded its code can do in this process whatever it likes. Nothing here is meant to
//! stop it from lying to the host; the sandbox stops it from doing anything else.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dhcpmgr_message::wire;
use dhcpmgr_plugin_api::DATA_LIMITS;
use nix::errno::Errno;
use nix::sched::sched_yield;
use nix::sys::socket::{MsgFlags, recv, send};

use super::frame::{self, Hello, Init, Reply};
use super::sandbox::Sandbox;
use crate::handlers::instances::Instances;
use crate::handlers::loader::{CallError, Checked};
use crate::handlers::manifest;
use crate::signature::PublicKey;

/// How long a worker that was roused stays awake: other handlers are asked before it, and encoding takes time.
const AWAKE: Duration = Duration::from_micros(500);

pub(super) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("dhcpmgrd worker: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let socket = Socket::take_stdin()?;
    close_everything_else(&socket);
    let mut buffer = vec![0; frame::REQUEST_BYTES];
    let Some(length) = socket.receive(&mut buffer)? else { return Ok(()) };
    let init = buffer.get(..length).ok_or("the first frame is too long")?;
    let init: Init = wire::decode_within(init, &DATA_LIMITS).map_err(|e| format!("no first frame: {e}"))?;
    let loaded = load(&init);
    let refused = |why: String| Hello { refused: Some(why), ..Hello::default() };
    let (hello, instances) = match loaded {
        Ok((hello, instances)) => (hello, Some(instances)),
        Err(why) => (refused(why), None),
    };
    let hello = match wire::encode(&hello) {
        Ok(bytes) if bytes.len() <= frame::REPLY_BYTES => bytes,
        _ => wire::encode(&refused("its manifest is too long".to_owned())).map_err(|e| e.to_string())?,
    };
    socket.send(&hello)?;
    match instances {
        Some(instances) => serve(&socket, instances, &mut buffer),
        None => Ok(()),
    }
}

fn load(init: &Init) -> Result<(Hello, Instances), String> {
    if init.version != frame::VERSION {
        return Err("the program on disk is of another version than the running daemon; restart the daemon"
            .to_owned());
    }
    let path = Path::new(std::ffi::OsStr::from_bytes(init.module.as_ref()));
    let keys: Result<Vec<PublicKey>, _> = init.public_keys.iter().map(|key| key.parse()).collect();
    let checked = Checked::open(path, &keys?).map_err(|e| e.to_string())?;
    let readable = checked.file().is_none_or(readable_by_all);
    let mut sandbox = Sandbox::enter(checked.file())?;
    let module = checked.load().map_err(|e| {
        let hint = if readable { "" } else { "; the worker may not read it, run chmod a+r on it" };
        format!("{e}{hint}")
    })?;
    // What is wrong with the settings is told before the module stumbles over it.
    manifest::check_settings(&module.manifest, init.settings.as_ref())?;
    let (manifest, api) = (Some(module.manifest.clone()), Some(module.api));
    let signed_by = module.signed_by.map(|key| key.to_string());
    let instances = Instances::new(module, init.settings.as_ref().to_vec())
        .map_err(|e| format!("cannot be created: {e}"))?;
    sandbox.close()?;
    Ok((Hello { refused: None, manifest, api, sandbox: sandbox.layers(), signed_by }, instances))
}

fn readable_by_all(file: &File) -> bool {
    file.metadata().is_ok_and(|m| m.mode() & 0o004 != 0)
}

fn serve(socket: &Socket, mut instances: Instances, buffer: &mut [u8]) -> Result<(), String> {
    while let Some(length) = socket.receive(buffer)? {
        let request = buffer.get(..length).and_then(frame::read_request);
        let Some(request) = request else { return Err(format!("a frame of {length} bytes is no request")) };
        let answer = instances.call(request.client, request.operation, request.input);
        let reply = match &answer {
            Ok(bytes) => Reply::Answer(bytes),
            Err(CallError::Unsupported(_)) => Reply::Unsupported,
            Err(CallError::Panicked(reason)) => Reply::Panicked(reason.clone()),
            Err(error @ CallError::Broken(_)) => Reply::Broken(error.to_string()),
            Err(CallError::TooLong { found, .. }) => Reply::TooLarge(*found as u64),
            Err(error) => Reply::Failed(error.to_string()),
        };
        socket.send(&frame::reply(request.id, &reply))?;
    }
    Ok(())
}

/// The worker's end of the socketpair.
struct Socket(OwnedFd);

impl Socket {
    /// Moves the socket away from standard input, where the module's code could mistake it for a file.
    fn take_stdin() -> Result<Self, String> {
        let explain = |what: &str| format!("{what}; the daemon starts its workers itself, people never do");
        let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(|e| explain(&e.to_string()))?;
        nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::SockType)
            .map_err(|_| explain("standard input is no socket"))?;
        let null = File::open("/dev/null").map_err(|e| format!("/dev/null: {e}"))?;
        nix::unistd::dup2_stdin(&null).map_err(|e| format!("standard input: {e}"))?;
        Ok(Self(socket))
    }

    /// The length of the next frame, which is longer than the buffer when the frame is too long; `None` when the
    /// daemon is gone. Once roused it looks for the next frame without sleeping, for a while.
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        let mut roused: Option<Instant> = None;
        loop {
            let waiting = if roused.is_some() { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
            match recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC | waiting) {
                Ok(0) | Err(Errno::ECONNRESET) => return Ok(None),
                Ok(length) if length == frame::ROUSE.len() => roused = Some(Instant::now()),
                Ok(length) => return Ok(Some(length)),
                Err(Errno::EAGAIN) => {
                    // The daemon may need this processor to go on.
                    let _ = sched_yield();
                    roused = roused.filter(|since| since.elapsed() < AWAKE);
                }
                Err(Errno::EINTR) => {}
                Err(e) => return Err(format!("cannot receive: {e}")),
            }
        }
    }

    fn send(&self, frame: &[u8]) -> Result<(), String> {
        match send(self.0.as_raw_fd(), frame, MsgFlags::MSG_NOSIGNAL) {
            // The daemon is gone; the next receive says so.
            Ok(_) | Err(Errno::EPIPE) => Ok(()),
            Err(e) => Err(format!("cannot send: {e}")),
        }
    }
}

/// The daemon opens everything close-on-exec; a library in it may not.
fn close_everything_else(socket: &Socket) {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|&n| n > 2 && n != socket.0.as_raw_fd()) {
        // One of them was the listing's own, and is closed already.
        let _ = nix::unistd::close(number);
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::*;

    #[test]
    fn a_request_is_received_whenever_it_comes_after_it_was_announced() {
        let (host, worker) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let worker = Socket(worker);
        for pauses in [&[][..], &[Duration::ZERO], &[Duration::ZERO, AWAKE / 2], &[4 * AWAKE]] {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for pause in pauses {
                        send(host.as_raw_fd(), &frame::ROUSE, MsgFlags::empty()).unwrap();
                        std::thread::sleep(*pause);
                    }
                    send(host.as_raw_fd(), b"request", MsgFlags::empty()).unwrap();
                });
                assert_eq!(worker.receive(&mut [0; 16]), Ok(Some(7)), "{pauses:?}");
            });
        }
        send(host.as_raw_fd(), &frame::ROUSE, MsgFlags::empty()).unwrap();
        drop(host);
        assert_eq!(worker.receive(&mut [0; 16]), Ok(None), "announced, and then the daemon is gone");
    }
}
