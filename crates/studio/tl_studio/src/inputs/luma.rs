//! How bright a source's pictures were over the last seconds: what a flash sync compares.

use std::collections::VecDeque;

use tl_base::MediaTime;
use tl_frame::Frame;

/// How far back a sync may look.
const KEPT: MediaTime = MediaTime::from_secs(10);
/// Pictures kept at most, whatever their times claim.
const MAX_PICTURES: usize = 1_200;
/// One of so many rows and columns is looked at: thousands of samples of a picture of 720 lines, in microseconds.
const STEP: usize = 16;

/// Mean brightness by capture time, oldest first.
#[derive(Debug, Default)]
pub struct Brightness(VecDeque<(MediaTime, f32)>);

impl Brightness {
    /// Notes a picture. One that cannot be read, or is older than the newest, says nothing.
    pub fn note(&mut self, frame: &Frame) {
        let Some(mean) = frame.mean_luma(STEP) else { return };
        if self.0.back().is_some_and(|(newest, _)| *newest >= frame.capture) {
            return;
        }
        while self.0.len() >= MAX_PICTURES || self.0.front().is_some_and(|(oldest, _)| frame.capture - *oldest > KEPT) {
            self.0.pop_front();
        }
        self.0.push_back((frame.capture, mean));
    }

    /// What was noted.
    pub fn series(&self) -> Vec<(MediaTime, f32)> {
        self.0.iter().copied().collect()
    }

    /// Forgets all: capture times have moved.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tl_base::{Size, SourceId};
    use tl_frame::{Colour, Memory, PixelFormat, Rotation, VecPlanes};

    use super::*;

    fn frame(millis: i64) -> Frame {
        let size = Size::new(64, 64);
        let capture = MediaTime::from_millis(millis);
        let memory = Memory::Cpu(Arc::new(VecPlanes::new(PixelFormat::I420, size)));
        let rotation = Rotation::None;
        Frame { source: SourceId { 0: 1 }, seq: 0, format: PixelFormat::I420, colour: Colour::PROGRAMME, size, rotation, capture, arrival: capture, memory }
    }

    #[test]
    fn ten_seconds_are_kept_in_order() {
        let mut brightness = Brightness::default();
        for millis in (0..15_000).step_by(40) {
            brightness.note(&frame(millis));
        }
        brightness.note(&frame(3));
        let series = brightness.series();
        assert!(series.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(series.last().map(|(at, _)| *at), Some(MediaTime::from_millis(14_960)));
        assert!(series.len() <= 251 && series.len() > 240, "{}", series.len());
    }
}
