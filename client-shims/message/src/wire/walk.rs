//! The walk over MessagePack that comes before any decoding: bounds only, no types, no allocation.

use super::{DecodeError, Limits};

/// The deepest nesting that [`check`] can follow, whatever the limits say.
pub const MAX_DEPTH: usize = 64;

/// A container that has been opened: how many values are still to come, keys and values of a map counted alike.
#[derive(Clone, Copy)]
struct Open {
    left: usize,
    map: bool,
}

/// What a marker byte announces.
enum Kind {
    /// This many bytes follow.
    Plain(usize),
    /// As `Plain`, but an integer: what may be the key of a map besides text.
    Integer(usize),
    Text(Length),
    Binary(Length),
    Array(Length),
    Map(Length),
    Refused(&'static str),
}

enum Length {
    /// Part of the marker.
    Known(usize),
    /// Written in this many bytes after the marker, big-endian.
    Bytes(usize),
}

fn kind(marker: u8) -> Kind {
    use Length::{Bytes, Known};
    match marker {
        0x00..=0x7f | 0xe0..=0xff => Kind::Integer(0),
        0x80..=0x8f => Kind::Map(Known(usize::from(marker & 0x0f))),
        0x90..=0x9f => Kind::Array(Known(usize::from(marker & 0x0f))),
        0xa0..=0xbf => Kind::Text(Known(usize::from(marker & 0x1f))),
        0xc0 | 0xc2 | 0xc3 => Kind::Plain(0),
        0xc1 => Kind::Refused("0xc1 is reserved and never used"),
        0xc4 => Kind::Binary(Bytes(1)),
        0xc5 => Kind::Binary(Bytes(2)),
        0xc6 => Kind::Binary(Bytes(4)),
        0xc7..=0xc9 | 0xd4..=0xd8 => Kind::Refused("no message has extension types"),
        0xca => Kind::Plain(4),
        0xcb => Kind::Plain(8),
        0xcc | 0xd0 => Kind::Integer(1),
        0xcd | 0xd1 => Kind::Integer(2),
        0xce | 0xd2 => Kind::Integer(4),
        0xcf | 0xd3 => Kind::Integer(8),
        0xd9 => Kind::Text(Bytes(1)),
        0xda => Kind::Text(Bytes(2)),
        0xdb => Kind::Text(Bytes(4)),
        0xdc => Kind::Array(Bytes(2)),
        0xdd => Kind::Array(Bytes(4)),
        0xde => Kind::Map(Bytes(2)),
        0xdf => Kind::Map(Bytes(4)),
    }
}

/// Walks one MessagePack document without allocating and without recursion: it is within the limits, nothing in
/// it is cut, nothing follows it, texts are UTF-8, keys of maps are texts or integers, and there are neither
/// extension types nor the reserved marker. A container is refused at its own length, before its elements.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(DecodeError::TooLong { found: bytes.len(), limit: limits.bytes });
    }
    let end = end_of_value(bytes, limits)?;
    if end == bytes.len() {
        Ok(())
    } else {
        Err(DecodeError::Refused { at: end, why: "bytes follow the end of the message" })
    }
}

/// The walk over the first value: where it ends.
pub(crate) fn end_of_value(bytes: &[u8], limits: &Limits) -> Result<usize, DecodeError> {
    let mut walk = Walk { bytes, at: 0 };
    let mut open = [Open { left: 0, map: false }; MAX_DEPTH];
    let mut depth = 0;
    loop {
        let at = walk.at;
        let refuse = |why| Err(DecodeError::Refused { at, why });
        let is_key = match open[..depth].last_mut() {
            Some(container) => {
                let is_key = container.map && container.left % 2 == 0;
                container.left -= 1;
                is_key
            }
            None => false,
        };
        let kind = kind(walk.take(at, 1)?.first().copied().unwrap_or_default());
        if is_key && !matches!(kind, Kind::Integer(_) | Kind::Text(_) | Kind::Refused(_)) {
            return refuse("the key of a map must be a text or an integer");
        }
        match kind {
            Kind::Refused(why) => return refuse(why),
            Kind::Plain(len) | Kind::Integer(len) => {
                walk.take(at, len)?;
            }
            Kind::Binary(length) => {
                let len = walk.length(at, length)?;
                walk.take(at, len)?;
            }
            Kind::Text(length) => {
                let len = walk.length(at, length)?;
                if std::str::from_utf8(walk.take(at, len)?).is_err() {
                    return refuse("text is not UTF-8");
                }
            }
            Kind::Array(_) | Kind::Map(_) if depth >= limits.depth.min(MAX_DEPTH) => {
                return refuse("containers are nested too deeply");
            }
            Kind::Array(length) => {
                let len = walk.elements(at, length, limits)?;
                open[depth] = Open { left: walk.within(at, len)?, map: false };
                depth += 1;
            }
            Kind::Map(length) => {
                let len = walk.elements(at, length, limits)?;
                open[depth] = Open { left: walk.within(at, len.saturating_mul(2))?, map: true };
                depth += 1;
            }
        }
        while depth > 0 && open[depth - 1].left == 0 {
            depth -= 1;
        }
        if depth == 0 {
            return Ok(walk.at);
        }
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// The next `len` bytes of the value that starts at `start`.
    fn take(&mut self, start: usize, len: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(len).ok_or(DecodeError::Truncated { at: start })?;
        let taken = self.bytes.get(self.at..end).ok_or(DecodeError::Truncated { at: start })?;
        self.at = end;
        Ok(taken)
    }

    fn length(&mut self, start: usize, length: Length) -> Result<usize, DecodeError> {
        match length {
            Length::Known(len) => Ok(len),
            Length::Bytes(count) => {
                let digits = self.take(start, count)?;
                Ok(digits.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
            }
        }
    }

    fn elements(&mut self, start: usize, length: Length, limits: &Limits) -> Result<usize, DecodeError> {
        let len = self.length(start, length)?;
        if len > limits.elements {
            return Err(DecodeError::Refused { at: start, why: "container has too many elements" });
        }
        Ok(len)
    }

    /// A value has at least one byte, so a container cannot announce more values than bytes are left.
    fn within(&self, start: usize, values: usize) -> Result<usize, DecodeError> {
        if values > self.bytes.len() - self.at {
            return Err(DecodeError::Truncated { at: start });
        }
        Ok(values)
    }
}
