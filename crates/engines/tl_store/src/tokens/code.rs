//! The crew code: short enough to be read aloud and typed, and worth nothing without the director.

use crate::Error;

/// Crockford's base 32: no I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits of a code: 40 bits.
const LENGTH: usize = 8;

/// A new code.
pub(super) fn fresh() -> Result<String, Error> {
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
    // 256 is a multiple of 32, so every digit is as likely as any other.
    Ok(random.iter().filter_map(|byte| DIGITS.get(usize::from(byte % 32))).copied().map(char::from).collect())
}

/// A code as people type it: small letters, spaces and dashes between, O for 0, I or L for 1. None when it cannot be one.
pub(super) fn typed(text: &str) -> Option<String> {
    if text.len() > 64 {
        return None;
    }
    let digit = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let code: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).map(digit).collect();
    (code.len() == LENGTH && code.bytes().all(|byte| DIGITS.contains(&byte))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        for text in ["K7QM2X01", "k7qm2x01", "k7qm-2xol", " K7QM 2X0I "] {
            assert_eq!(typed(text).as_deref(), Some("K7QM2X01"), "{text}");
        }
        for text in ["", "K7QM2X0", "K7QM2X011", "K7QM2XU1", "K7QM2X0ü", &"-".repeat(100)] {
            assert_eq!(typed(text), None, "{text}");
        }
        let code = fresh().expect("random");
        assert_eq!(typed(&code), Some(code));
    }

    #[test]
    fn any_text_is_a_code_or_none() {
        bolero::check!().with_iterations(5_000).with_type::<String>().for_each(|text| {
            if let Some(code) = typed(text) {
                assert_eq!(typed(&code), Some(code));
            }
        });
    }
}
