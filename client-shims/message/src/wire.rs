//! MessagePack, bounded: how every message between shims, host and handlers is written and read.
//!
//! Maps carry field names, addresses and names are text, raw bytes are `bin`. [`check`] walks the bytes without
//! allocating and refuses what exceeds the [`Limits`]; [`decode`] does that first, always.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What one MessagePack document may contain.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: usize,
    /// Containers within containers.
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
    #[error("message ends at byte {at} within a value")]
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
    /// Well-formed MessagePack that is not the expected type.
    #[error("message is not understood: {0}")]
    Shape(String),
}

/// Why a value could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message cannot be written: {0}")]
pub struct EncodeError(String);

/// Writes a value: maps with field names, text for addresses.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(512);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    value.serialize(&mut serializer).map_err(|e| EncodeError(e.to_string()))?;
    Ok(bytes)
}

/// Reads a value within [`LIMITS`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_within(bytes, &LIMITS)
}

/// Reads a value within the given limits; bytes after it are refused.
pub fn decode_within<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, DecodeError> {
    check(bytes, limits)?;
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    T::deserialize(&mut deserializer).map_err(|e| DecodeError::Shape(e.to_string()))
}

/// Walks one MessagePack document without allocating: everything is within the limits, nothing is cut, nothing
/// follows it.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(DecodeError::TooLong { found: bytes.len(), limit: limits.bytes });
    }
    Ok(())
}
