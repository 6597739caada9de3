//! The name of a blob.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a blob's bytes; written as 64 lower-case hexadecimal digits, and in no other way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of these bytes, one piece after the other.
    pub fn of(body: &[Bytes]) -> Self {
        let mut sha = Sha256::new();
        for piece in body {
            sha.update(piece);
        }
        Self(sha.finalize().into())
    }

    /// Reads a hash as it stands in an address.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return None;
        }
        let mut hash = [0; 32];
        for (out, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *out = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(hash))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Upper case is refused, so that each blob has one name.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not 64 lower-case hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_the_empty_blob_is_the_known_one() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::of(&[]).to_string(), text);
        assert_eq!(Hash::parse(text), Some(Hash::of(&[Bytes::new()])));
    }

    #[test]
    fn only_64_lower_case_digits_are_a_hash() {
        let good = "a".repeat(64);
        assert!(Hash::parse(&good).is_some());
        for bad in ["", "a", &good.to_uppercase(), &"g".repeat(64), &"a".repeat(63), &"a".repeat(65), "../etc/passwd", &"ä".repeat(32)] {
            assert!(Hash::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn any_text_that_is_read_is_written_back_the_same() {
        bolero::check!().with_type::<String>().for_each(|text| {
            if let Some(hash) = Hash::parse(text) {
                assert_eq!(&hash.to_string(), text);
            }
        });
    }
}
