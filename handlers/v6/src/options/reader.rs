//! Reads the value of one option from its first byte to its last and knows at any time where it is, so that what is
//! wrong can be pointed at. Never beyond the end, never a panic.

use std::fmt;
use std::net::Ipv6Addr;

/// What is wrong with an option, and at which byte of its value: the second half of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    at: usize,
    why: String,
}

impl Wrong {
    /// Something about the byte at this offset of the option's value.
    pub(crate) fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.why, self.at)
    }
}

/// What is left of an option's value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The whole value.
    pub(crate) fn new(value: &'a [u8]) -> Self {
        Self { rest: value, at: 0 }
    }

    /// The offset in the option's value of what is read next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether all of it has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// So many bytes of `what`.
    pub(crate) fn bytes(&mut self, count: usize, what: &str) -> Result<&'a [u8], Wrong> {
        let Some((bytes, rest)) = self.rest.split_at_checked(count) else {
            let left = self.rest.len();
            return Err(Wrong::new(self.at, format!("{what} has {left} of {count} bytes")));
        };
        self.rest = rest;
        self.at += count;
        Ok(bytes)
    }

    /// So many bytes of `what`, to be read by a reader of their own.
    pub(crate) fn part(&mut self, count: usize, what: &str) -> Result<Self, Wrong> {
        let at = self.at;
        self.bytes(count, what).map(|rest| Self { rest, at })
    }

    /// One byte.
    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, Wrong> {
        self.array::<1>(what).map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub(crate) fn u16(&mut self, what: &str) -> Result<u16, Wrong> {
        self.array::<2>(what).map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, Wrong> {
        self.array::<4>(what).map(u32::from_be_bytes)
    }

    /// An address.
    pub(crate) fn address(&mut self, what: &str) -> Result<Ipv6Addr, Wrong> {
        self.array::<16>(what).map(Ipv6Addr::from)
    }

    /// All addresses that are left, at least one.
    pub(crate) fn addresses(&mut self, what: &str) -> Result<Vec<Ipv6Addr>, Wrong> {
        let mut addresses = vec![self.address(what)?];
        while !self.is_empty() {
            addresses.push(self.address(what)?);
        }
        Ok(addresses)
    }

    /// Nothing may be left after `what`.
    pub(crate) fn end(&self, what: &str) -> Result<(), Wrong> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Wrong::new(self.at, format!("{more} more bytes after {what}"))),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Wrong> {
        let at = self.at;
        let bytes = self.bytes(N, what)?;
        // Always N bytes.
        bytes.try_into().map_err(|_| Wrong::new(at, format!("{what} has not {N} bytes")))
    }
}
