//! Names of things that are counted.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One camera position of a session, counted from 1: what a person presses on the keyboard, and the `{slot}` of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(transparent)]
pub struct SlotId(pub u16);

impl SlotId {
    /// The most camera positions that one session may have.
    pub const MAX: u16 = 32;

    /// Reads a slot as it stands in an address: a plain number from 1 to [`SlotId::MAX`].
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = text.parse::<u16>().ok()?;
        (text.len() <= 2 && (1..=Self::MAX).contains(&number)).then_some(Self(number))
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A source of pictures and sound. A camera keeps its slot's number, so the same phone that returns is the same source.
pub type SourceId = SlotId;

/// One run of the studio within a session, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(transparent)]
pub struct EraId(pub u32);

impl fmt::Display for EraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_small_plain_number() {
        assert_eq!(SlotId::parse("1"), Some(SlotId(1)));
        assert_eq!(SlotId::parse("32"), Some(SlotId(32)));
        for bad in ["", "0", "33", "-1", "+1", "007", "1 ", "../1", "99999999999"] {
            assert!(SlotId::parse(bad).is_none(), "{bad}");
        }
    }
}
