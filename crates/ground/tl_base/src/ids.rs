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
    /// The commentator's microphone: sound only, heard whatever camera is on air.
    pub const COMMENTARY: Self = Self(33);
    /// The director's voice to phones; it never reaches the programme.
    pub const TALKBACK: Self = Self(34);

    /// Whether this is a camera position rather than a microphone.
    pub fn is_camera(self) -> bool {
        (1..=Self::MAX).contains(&self.0)
    }

    /// Whether a source may have this number at all.
    pub fn is_source(self) -> bool {
        self.is_camera() || self == Self::COMMENTARY || self == Self::TALKBACK
    }

    /// Reads a slot as it stands in an address: a plain number from 1 to [`SlotId::MAX`], or `commentary` or `talkback`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "commentary" => return Some(Self::COMMENTARY),
            "talkback" => return Some(Self::TALKBACK),
            _ => {}
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = text.parse::<u16>().ok()?;
        (text.len() <= 2 && (1..=Self::MAX).contains(&number)).then_some(Self(number))
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::COMMENTARY => f.write_str("commentary"),
            Self::TALKBACK => f.write_str("talkback"),
            Self(number) => write!(f, "{number}"),
        }
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

    #[test]
    fn microphones_have_names() {
        for slot in [SlotId::COMMENTARY, SlotId::TALKBACK] {
            assert_eq!(SlotId::parse(&slot.to_string()), Some(slot));
            assert!(slot.is_source() && !slot.is_camera());
        }
        assert!(!SlotId(0).is_source() && !SlotId(35).is_source() && SlotId(32).is_camera());
    }
}
