//! The beginning of a camera's stream, for a recorder that is started a moment after it.

use tl_frame::AccessUnit;

/// Bytes that are kept at most.
const MAX_OPENING: usize = 8 << 20;

/// What came since the last key picture, while nobody records: a recorder that is started a moment later begins with it.
#[derive(Debug, Default)]
pub struct Opening {
    units: Vec<AccessUnit>,
    bytes: usize,
}

impl Opening {
    /// Keeps a unit; a key picture lets go what stands before it, and so does too much.
    pub fn keep(&mut self, unit: &AccessUnit) {
        if unit.key && !unit.codec.is_audio() {
            self.take();
        } else if self.units.is_empty() {
            return;
        }
        self.bytes += unit.data.len();
        if self.bytes > MAX_OPENING {
            self.take();
            return;
        }
        self.units.push(unit.clone());
    }

    /// Hands out what is kept.
    pub fn take(&mut self) -> Vec<AccessUnit> {
        self.bytes = 0;
        std::mem::take(&mut self.units)
    }
}

#[cfg(test)]
mod tests {
    use tl_base::{MediaTime, SourceId};
    use tl_frame::{Codec, ConfigId};

    use super::*;

    fn unit(key: bool, bytes: usize) -> AccessUnit {
        let at = MediaTime::ZERO;
        let (source, config_id) = (SourceId { 0: 1 }, ConfigId(0));
        AccessUnit { source, codec: Codec::H264, config_id, capture: at, pts: at, dts: at, arrival: at, key, data: vec![0; bytes].into() }
    }

    #[test]
    fn a_recorder_that_starts_late_begins_with_the_last_key() {
        let mut opening = Opening::default();
        for (key, bytes) in [(false, 9), (true, 5), (false, 6), (true, 7), (false, 8)] {
            opening.keep(&unit(key, bytes));
        }
        assert_eq!(opening.take().iter().map(|unit| unit.data.len()).collect::<Vec<_>>(), [7, 8]);
        opening.keep(&unit(true, 5));
        opening.keep(&unit(false, MAX_OPENING));
        assert!(opening.take().is_empty(), "bounded");
    }
}
