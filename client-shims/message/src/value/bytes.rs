//! Raw bytes, and the secret that is written like them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ValueError, text_serde};

/// Raw bytes: MessagePack `bin`, never an array of numbers. `Debug` prints hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl Bytes {
    /// Lower-case hex without separators, as udhcpc and the JSON output write it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(self.0.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads hex without separators; an odd count of digits or any other character is refused.
    pub fn from_hex(text: &str) -> Result<Self, ValueError> {
        let fail = || ValueError::new("hex string", text, "must be an even count of hex digits");
        if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(fail());
        }
        let digits = text.as_bytes();
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        Ok(Self(digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The secret of one start of a client: 32 lower-case hex digits (128 bits). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// The token made of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(Bytes(bytes.to_vec()).to_hex())
    }

    /// The token as text, for the client's environment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let differing = self.0.bytes().zip(other.0.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b));
        self.0.len() == other.0.len() && differing == 0
    }
}

impl FromStr for Token {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            // The text may be a real token with one digit wrong: not repeated in the error.
            Err(ValueError::new("token", "(hidden)", "must be 32 lower-case hex digits"))
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
text_serde!(Token);
