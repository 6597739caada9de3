//! Random words.

use crate::Error;

/// A random word of this many bytes in base64url: 32 for a token, 16 for a ticket or a viewer's grant.
pub fn random_token(bytes: usize) -> Result<String, Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
    Ok(base64url(&random))
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=group.len() as u32 {
            let at = (word >> (18 - 6 * digit) & 63) as usize;
            out.push(DIGITS.get(at).copied().map_or('A', char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_rfc_4648() {
        for (input, expect) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(input.as_bytes()), expect);
        }
        assert_eq!(base64url(&[0xff, 0xff, 0xbe]), "__--"[..3].to_owned() + "-");
        assert_eq!(random_token(32).expect("random").len(), 43);
    }
}
