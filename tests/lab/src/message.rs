//! Speaking to the lease socket oneself: as a shim would, and as no shim ever should.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use dhcpmgr_message::{Answer, ClientEvent, LeaseMessage, Token, V4Report, VERSION, context, wire};
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, setsockopt, socket,
};
use nix::sys::time::TimeVal;
use serde_json::Value;

use crate::error::Context;
use crate::{Error, Result};

/// A connection to the lease socket.
#[derive(Debug)]
pub struct LeaseSocket(OwnedFd);

impl LeaseSocket {
    /// Connects; sending and receiving give up after 5 s.
    pub fn connect(path: &Path) -> Result<Self> {
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(5, 0))?;
        setsockopt(&socket, SendTimeout, &TimeVal::new(5, 0))?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path)?)
            .context(|| format!("connecting to {}", path.display()))?;
        Ok(Self(socket))
    }

    /// Sends one datagram.
    pub fn send(&self, bytes: &[u8]) -> Result {
        let sent = uninterrupted(|| send(self.0.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL));
        sent.context(|| "sending".to_owned()).map(drop)
    }

    /// Receives one answer; an end of the connection is an error.
    pub fn answer(&self) -> Result<Answer> {
        let mut buffer = vec![0; 64 * 1024];
        let length = uninterrupted(|| recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()))
            .context(|| "receiving".to_owned())?;
        if length == 0 {
            return Err(Error::new("the daemon closed the connection"));
        }
        Ok(wire::decode(&buffer[..length])?)
    }

    /// Sends bytes and returns the answer.
    pub fn ask(&self, bytes: &[u8]) -> Result<Answer> {
        self.send(bytes)?;
        self.answer()
    }
}

/// A child of another test that ends interrupts whichever thread the kernel picks.
fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(nix::errno::Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// A message that nobody but a test would send: right in every respect until the test changes that.
#[derive(Debug, Clone)]
pub struct Forged {
    /// The message.
    pub message: LeaseMessage,
}

impl Forged {
    /// For a running client, as its row of `dhcpmgr status --json` shows it: with the token of its environment.
    pub fn of(client: &Value, event: ClientEvent, report: V4Report) -> Result<Self> {
        let text =
            |field: &str| client[field].as_str().ok_or_else(|| Error::new(format!("no {field} in {client}")));
        let pid = client["pid"].as_u64().ok_or_else(|| Error::new(format!("{client} is not running")))?;
        let message = LeaseMessage {
            v: VERSION,
            id: fresh_id(),
            client: text("name")?.parse()?,
            token: token(pid)?,
            program: "udhcpc".to_owned(),
            event,
            interface: text("interface")?.parse()?,
            at_ms: boottime_ms()?,
            v4: Some(report),
            v6: None,
            problems: Vec::new(),
        };
        Ok(Self { message })
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        Ok(wire::encode(&self.message)?)
    }
}

/// An id that no other message of this test has, and hardly any of a shim.
fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x0dd_ba11_0000_0000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn token(pid: u64) -> Result<Token> {
    let environment =
        std::fs::read(format!("/proc/{pid}/environ")).context(|| format!("the environment of {pid}"))?;
    let variables =
        environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let mut values =
        variables.filter_map(|variable| variable.strip_prefix(context::TOKEN)?.strip_prefix('='));
    Ok(values
        .next()
        .ok_or_else(|| Error::new(format!("process {pid} has no {}", context::TOKEN)))?
        .parse()?)
}

fn boottime_ms() -> Result<u64> {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)?;
    Ok(std::time::Duration::from(now).as_millis() as u64)
}
