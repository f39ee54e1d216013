//! MessagePack, bounded: how every message between shims, host and handlers is written and read.
//!
//! Maps carry field names, addresses and names are text, raw bytes are `bin`. [`check`] walks the bytes without
//! allocating and refuses what exceeds the [`Limits`]; [`decode`] does that first, always.

use serde::Serialize;
use serde::de::DeserializeOwned;

mod read;
mod walk;

pub(crate) use walk::end_of_value;
pub use walk::{MAX_DEPTH, check};

/// What one MessagePack document may contain.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: usize,
    /// Containers within containers, the outermost one included; [`MAX_DEPTH`] at most, whatever is said here.
    pub depth: usize,
    /// Elements of one array, or entries of one map.
    pub elements: usize,
}

/// The limits of a lease message, and of everything else unless said otherwise.
pub const LIMITS: Limits = Limits { bytes: 64 * 1024, depth: 8, elements: 1024 };

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is larger than allowed.
    #[error("message has {found} bytes, at most {limit} are accepted")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// The bytes end within a value.
    #[error("message ends within the value that starts at byte {at}")]
    Truncated {
        /// Offset of the value that is cut.
        at: usize,
    },
    /// Something is nested too deeply or has too many elements, or is of a kind that no message uses.
    #[error("message is refused at byte {at}: {why}")]
    Refused {
        /// Offset of the value.
        at: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Well-formed MessagePack that is not the expected type. The text is one printable line.
    #[error("message is not understood: {0}")]
    Shape(String),
    /// A lease message of another version; its other fields were not looked at.
    #[error(
        "lease message has version {found}, only version {accepted} is accepted: use the client shim that was \
         installed with this daemon"
    )]
    Version {
        /// The version found.
        found: u64,
        /// The version accepted.
        accepted: u8,
    },
    /// A lease message that contradicts itself or exceeds one of [`crate::limits`].
    #[error("lease message is refused: {0}")]
    Content(#[from] crate::ContentError),
}

/// Why a value could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message cannot be written: {0}")]
pub struct EncodeError(pub(crate) String);

/// Writes a value: maps with field names, text for addresses. Nothing is bounded here: the reader does that.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(512);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    value.serialize(&mut serializer).map_err(|e| EncodeError(one_line(&e.to_string())))?;
    Ok(bytes)
}

/// Reads a value within [`LIMITS`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_within(bytes, &LIMITS)
}

/// Reads a value within the given limits; bytes after it are refused.
pub fn decode_within<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, DecodeError> {
    check(bytes, limits)?;
    let value = T::deserialize(&mut read::Reader::new(bytes));
    value.map_err(|shape| DecodeError::Shape(one_line(&shape.0)))
}

/// serde repeats what the sender wrote (an unknown variant, for one), and errors end up in logs: printable ASCII
/// on one line, and not much of it.
fn one_line(text: &str) -> String {
    let printable = |c: char| c.is_ascii_graphic() || c == ' ';
    let mut line = String::with_capacity(text.len().min(256));
    for c in text.chars() {
        if line.len() >= 240 {
            line.push('…');
            break;
        }
        if printable(c) { line.push(c) } else { line.extend(c.escape_default()) }
    }
    line
}
