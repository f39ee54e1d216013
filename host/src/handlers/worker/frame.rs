//! What crosses the socketpair. One datagram a frame: first `Init` one way and `Hello` the other as MessagePack, then
//! requests and replies with a fixed head, so that a call costs no second encoding.
//!
//! ```text
//! request  id u64 | operation u32 | length u8 | client | input     reply  id u64 | status u8 | answer or reason
//! ```
//! Before a request [`ROUSE`] may come, which is not answered. Numbers are little-endian. Both ends are the same program,
//! but for an upgrade under a running daemon: hence [`VERSION`].

use dhcpmgr_message::Bytes;
use dhcpmgr_plugin_api::{ApiVersion, DATA_LIMITS, Manifest};
use serde::{Deserialize, Serialize};

/// The version of what is written here.
pub(super) const VERSION: u32 = 4;
/// A request comes soon: the worker wakes up while it is still being written.
pub(super) const ROUSE: [u8; 1] = [0];
/// The most bytes that go to a worker in one frame.
pub(super) const REQUEST_BYTES: usize = DATA_LIMITS.bytes + REQUEST_HEAD;
/// The most bytes that come from a worker in one frame.
pub(super) const REPLY_BYTES: usize = DATA_LIMITS.bytes + REPLY_HEAD;
/// The longest reason that a worker sends, bytes.
const REASON_BYTES: usize = 1024;

/// With the longest name that a `u8` can tell.
const REQUEST_HEAD: usize = 13 + u8::MAX as usize;
const REPLY_HEAD: usize = 9;

/// The first frame to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Init {
    /// [`VERSION`] of the host.
    pub(super) version: u32,
    /// Path of the module, bytes as the kernel takes them.
    pub(super) module: Bytes,
    /// The handler's settings.
    pub(super) settings: Bytes,
    /// Who may have signed the module; no signature is asked for when empty.
    pub(super) public_keys: Vec<String>,
}

/// The first frame from the worker: refused, or loaded and locked in.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Hello {
    /// Why the module cannot be used.
    pub(super) refused: Option<String>,
    /// What the module says of itself.
    pub(super) manifest: Option<Manifest>,
    /// The API that it needs.
    pub(super) api: Option<ApiVersion>,
    /// The layers of the sandbox that are in force.
    pub(super) sandbox: Vec<String>,
    /// The id of the key that signed the module.
    pub(super) signed_by: Option<String>,
}

/// A request as the worker reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) id: u64,
    pub(super) operation: u32,
    /// Whose handler is asked.
    pub(super) client: &'a str,
    pub(super) input: &'a [u8],
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// An answer.
    Answer(&'a [u8]),
    /// The module does not know the operation.
    Unsupported,
    /// An orderly error.
    Failed(String),
    /// The module panicked, and is to be started again.
    Panicked(String),
    /// The module broke the rules of its function table, and is to be started again.
    Broken(String),
    /// The answer was too large to be sent: its bytes.
    TooLarge(u64),
}

/// Writes a request.
pub(super) fn request(id: u64, operation: u32, client: &str, input: &[u8]) -> Vec<u8> {
    // Names of clients are far shorter; one that is not would have the handler of what is left of it.
    let client = client.as_bytes().get(..u8::MAX.into()).unwrap_or(client.as_bytes());
    let mut frame = Vec::with_capacity(13 + client.len() + input.len());
    frame.extend_from_slice(&id.to_le_bytes());
    frame.extend_from_slice(&operation.to_le_bytes());
    frame.push(client.len() as u8);
    frame.extend_from_slice(client);
    frame.extend_from_slice(input);
    frame
}

/// Reads a request; `None` when it is none.
pub(super) fn read_request(frame: &[u8]) -> Option<Request<'_>> {
    let (id, rest) = frame.split_first_chunk::<8>()?;
    let (operation, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let (client, input) = rest.split_at_checked((*length).into())?;
    let client = std::str::from_utf8(client).ok()?;
    Some(Request { id: u64::from_le_bytes(*id), operation: u32::from_le_bytes(*operation), client, input })
}

/// Writes a reply.
pub(super) fn reply(id: u64, reply: &Reply<'_>) -> Vec<u8> {
    let too_large;
    let (status, body) = match reply {
        Reply::Answer(bytes) => (0, *bytes),
        Reply::Unsupported => (1, [].as_slice()),
        Reply::Failed(reason) => (2, shortened(reason)),
        Reply::Panicked(reason) => (3, shortened(reason)),
        Reply::Broken(reason) => (5, shortened(reason)),
        Reply::TooLarge(bytes) => {
            too_large = bytes.to_le_bytes();
            (4, too_large.as_slice())
        }
    };
    let mut frame = Vec::with_capacity(REPLY_HEAD + body.len());
    frame.extend_from_slice(&id.to_le_bytes());
    frame.push(status);
    frame.extend_from_slice(body);
    frame
}

/// Reads a reply; `None` when it is none.
pub(super) fn read_reply(frame: &[u8]) -> Option<(u64, Reply<'_>)> {
    let (id, rest) = frame.split_first_chunk::<8>()?;
    let (status, body) = rest.split_first()?;
    let reason = || String::from_utf8_lossy(shortened_bytes(body)).into_owned();
    let reply = match status {
        0 => Reply::Answer(body),
        1 => Reply::Unsupported,
        2 => Reply::Failed(reason()),
        3 => Reply::Panicked(reason()),
        5 => Reply::Broken(reason()),
        4 => Reply::TooLarge(u64::from_le_bytes(body.try_into().ok()?)),
        _ => return None,
    };
    Some((u64::from_le_bytes(*id), reply))
}

fn shortened(reason: &str) -> &[u8] {
    shortened_bytes(reason.as_bytes())
}

fn shortened_bytes(reason: &[u8]) -> &[u8] {
    reason.get(..REASON_BYTES).unwrap_or(reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_come_back_as_they_were_sent() {
        for sent in [
            Reply::Answer(b"plan"),
            Reply::Answer(b""),
            Reply::Unsupported,
            Reply::Failed("no".into()),
            Reply::Panicked("ouch".into()),
            Reply::Broken("lies".into()),
            Reply::TooLarge(1 << 40),
        ] {
            assert_eq!(read_reply(&reply(7, &sent)), Some((7, sent.clone())));
        }
    }

    #[test]
    fn a_request_comes_back_as_it_was_sent() {
        let read = Request { id: u64::MAX, operation: 1, client: "wan4", input: b"event" };
        assert_eq!(read_request(&request(u64::MAX, 1, "wan4", b"event")), Some(read));
        assert_eq!(read_request(&request(1, 1, "wan4", b"")[..16]), None, "its client is cut");
    }

    #[test]
    fn a_reason_is_cut_to_what_a_line_needs() {
        let frame = reply(1, &Reply::Failed("x".repeat(100_000)));
        assert!(frame.len() < 2000);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(frame in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some((id, read)) = read_reply(&frame) {
                prop_assert_eq!(read_reply(&reply(id, &read)).map(|(id, _)| id), Some(id));
            }
            if let Some(read) = read_request(&frame) {
                prop_assert_eq!(request(read.id, read.operation, read.client, read.input), frame);
            }
        }
    }
}
