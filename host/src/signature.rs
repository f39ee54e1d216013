//! minisign signatures: whose are accepted, and whether bytes are what was signed. Pure.
//!
//! A signature file has four lines: a comment that proves nothing, key id and signature of the content (prehashed, or
//! whole, as older versions of minisign did), the trusted comment, and a signature of both.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use minisign_verify::Signature;

/// What a public key looks like, for error messages.
pub const PUBLIC_KEY: &str = "a public key of minisign, such as \"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\": the \
     second line of minisign.pub";

/// The secret keys of minisign begin with one of these: with a password, without.
const SECRET: [&str; 2] = ["RWRTY0Iy", "RWQAAEIy"];

/// Where the signature of a file is: beside it, as `minisign` writes it.
#[must_use]
pub fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// The id of a pair of keys, as `minisign` shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u64);

impl KeyId {
    /// Out of a key or a signature in base64: two bytes for the algorithm, eight for the id, little-endian.
    fn of(encoded: &str) -> Option<Self> {
        let mut bits = 0u128;
        for byte in encoded.as_bytes().get(..14)? {
            bits = bits << 6 | u128::from(six_bits(*byte)?);
        }
        // Of 84 bits the last four belong to the next byte.
        Some(Self(((bits >> 4) as u64).swap_bytes()))
    }
}

/// What a digit of base64 stands for.
fn six_bits(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key whose signatures are accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    written: String,
    key: minisign_verify::PublicKey,
}

impl PublicKey {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    /// Reads base64. The error does not repeat the text: it may be a secret.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if SECRET.iter().any(|start| text.starts_with(start)) {
            return Err("is a secret key, which belongs on no gateway; make a new pair of keys");
        }
        let read = (KeyId::of(text), minisign_verify::PublicKey::from_base64(text));
        let (Some(id), Ok(key)) = read else { return Err("is no public key of minisign") };
        Ok(Self { id, written: text.to_owned(), key })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Why content is not believed to be what somebody signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// What should be a signature is none.
    #[error("is no signature of minisign; sign the module again")]
    Malformed,
    /// By another key than the accepted ones.
    #[error(
        "is by key {by}, accepted is {accepted}; sign the module with an accepted key, or add the public key to public_keys"
    )]
    OtherKey {
        /// The key that made it.
        by: KeyId,
        /// The ids of the accepted ones, in words.
        accepted: String,
    },
    /// Content, signature or trusted comment is not what it was when it was signed, or the key only says that it is this one.
    #[error(
        "does not fit: the module or its signature was changed after key {by} signed it; copy both again"
    )]
    Changed {
        /// The key that it says it is by.
        by: KeyId,
    },
}

/// Checks content against the text of its signature file; gives the key that signed it.
///
/// # Errors
/// What is wrong with the signature, in words that go behind its name.
pub fn verify(content: &[u8], signature: &str, accepted: &[PublicKey]) -> Result<KeyId, SignatureError> {
    let by = signature.lines().nth(1).and_then(KeyId::of).ok_or(SignatureError::Malformed)?;
    let signature = Signature::decode(signature).map_err(|_| SignatureError::Malformed)?;
    let mut known = false;
    // An id is short enough to be forged, so that two keys may have the same.
    for key in accepted.iter().filter(|key| key.id == by) {
        known = true;
        if key.key.verify(content, &signature, true).is_ok() {
            return Ok(by);
        }
    }
    if known {
        return Err(SignatureError::Changed { by });
    }
    let accepted = accepted.iter().map(|key| key.id.to_string()).collect::<Vec<_>>().join(" or ");
    Err(SignatureError::OtherKey { by, accepted })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VENDOR: &str = include_str!("../../tests/released/signatures/vendor.pub");
    const SIGNATURE: &str = include_str!("../../tests/released/signatures/rust-1.0.so.minisig");

    fn vendor() -> PublicKey {
        VENDOR.lines().nth(1).and_then(|line| line.parse().ok()).unwrap()
    }

    #[test]
    fn a_key_has_the_id_that_minisign_shows() {
        let key = vendor();
        assert!(
            VENDOR.starts_with(&format!("untrusted comment: minisign public key {}\n", key.id())),
            "{VENDOR}"
        );
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn what_is_no_public_key_is_refused_and_never_repeated() {
        let secret = include_str!("../../tests/released/signatures/vendor.key").lines().nth(1).unwrap();
        assert!(secret.parse::<PublicKey>().unwrap_err().starts_with("is a secret key"));
        let cut = &VENDOR.lines().nth(1).unwrap()[..55];
        for wrong in ["", "minisign.pub", VENDOR, cut, "RWQ=", "ü".repeat(28).as_str()] {
            assert_eq!(wrong.parse::<PublicKey>(), Err("is no public key of minisign"), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_no_signature(content: Vec<u8>, text in ".{0,200}", at in 0..SIGNATURE.len(), byte in 0u8..128) {
            let mut damaged = SIGNATURE.as_bytes().to_vec();
            damaged[at] = byte;
            for text in [text, String::from_utf8(damaged).unwrap()] {
                prop_assert!(verify(&content, &text, &[vendor()]).is_err());
            }
        }
    }
}
