//! What a presentation is to be.

use serde::{Deserialize, Serialize};
use tl_base::{MediaTime, Rate, SAMPLE_RATE_HZ, Size, Wall};

use crate::rendition::micros;

/// Samples of one AAC frame.
pub(crate) const AAC_FRAME: u64 = 1_024;

/// What a presentation is to be. Values outside sensible limits are moved to the nearest one.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pictures a second.
    pub rate: Rate,
    /// Nominal picture size; the playlist tells the one in the stream.
    pub size: Size,
    /// Distance of the key pictures that end segments, on the grid of presentation time; whole seconds, 1 to 10.
    pub segment: MediaTime,
    /// Wanted length of a video part; the nearest whole number of pictures is taken.
    pub video_part: MediaTime,
    /// AAC frames in a sound part, 1 to 50.
    pub audio_part_frames: usize,
    /// Whole segments in a playlist, 6 to 60.
    pub window_segments: usize,
    /// Nominal peak of picture and sound together, bits a second; what was measured wins when it is more.
    pub bandwidth_bps: u32,
    /// Whether sound will come: AAC-LC, 48 kHz, stereo.
    pub has_audio: bool,
    /// Number of the first segment; behind all that an earlier run of the same session used.
    pub start_msn: u64,
    /// Discontinuities before the first segment.
    pub discontinuity_sequence: u64,
}

/// Segments by which a run starts behind what is known of the one before. What was saved last may be some seconds old when a
/// run is cut off, and no name may ever stand for other bytes.
const RESUME_MARGIN: u64 = 8;

/// Decode times start below this, so that a number from a damaged file cannot bring them to the end of their range; 700 years.
const MAX_TIME: u64 = 1 << 50;

/// Where a later run of the same session has to go on; to be saved with each picture segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The first number that no viewer has heard of.
    pub next_msn: u64,
    /// Discontinuities before it.
    pub discontinuity_sequence: u64,
    /// PROGRAM-DATE-TIME behind the newest part.
    pub wall: Wall,
    /// Decode time behind the newest part, samples of 48 kHz: strangers that play a session from its files count on times
    /// that rise.
    pub time: u64,
}

/// Where the times of a run start at the earliest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub wall: Wall,
    /// Decode time of the first picture.
    pub time: u64,
}

impl Config {
    /// Segments of 2 s, parts of 200 ms and of 10 AAC frames, a window of 10 segments, numbers from 1.
    pub fn new(rate: Rate, size: Size, bandwidth_bps: u32) -> Self {
        Self {
            rate,
            size,
            segment: MediaTime::from_secs(2),
            video_part: MediaTime::from_millis(200),
            audio_part_frames: 10,
            window_segments: 10,
            bandwidth_bps,
            has_audio: true,
            start_msn: 1,
            discontinuity_sequence: 0,
        }
    }

    /// Goes on behind an earlier run.
    pub(crate) fn resumed(mut self, point: &ResumePoint) -> (Self, Beginning) {
        self.start_msn = point.next_msn.saturating_add(RESUME_MARGIN);
        self.discontinuity_sequence = point.discontinuity_sequence;
        let margin = self.plan().target * RESUME_MARGIN;
        let beginning = Beginning { wall: Wall(point.wall.0.saturating_add(micros(margin as i64))), time: point.time.min(MAX_TIME) + margin };
        (self, beginning)
    }

    /// The values that are worked with, counted in samples of 48 kHz.
    pub(crate) fn plan(&self) -> Plan {
        let target_secs = (self.segment.as_secs_f64().round() as u64).clamp(1, 10);
        let ticks = Ticks { num: u64::from(self.rate.num.max(1)), den: u64::from(self.rate.den.max(1)) };
        let part = self.video_part.to_samples().clamp(1_600, 48_000) as f64;
        let part_ticks = ((part * self.rate.as_f64() / f64::from(SAMPLE_RATE_HZ)).round() as u64).max(1);
        let frames = self.audio_part_frames.clamp(1, 50);
        Plan {
            ticks,
            target: target_secs * u64::from(SAMPLE_RATE_HZ),
            part_ticks,
            video_part: ticks.ceil(part_ticks),
            audio_part_frames: frames,
            audio_part: frames as u64 * AAC_FRAME,
            window: self.window_segments.clamp(6, 60),
        }
    }
}

/// A configuration within its limits; lengths in samples of 48 kHz.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub ticks: Ticks,
    /// Target duration, whole seconds.
    pub target: u64,
    /// Pictures of a part.
    pub part_ticks: u64,
    /// PART-TARGET of the pictures.
    pub video_part: u64,
    pub audio_part_frames: usize,
    /// PART-TARGET of the sound.
    pub audio_part: u64,
    pub window: usize,
}

/// The grid of pictures in samples of 48 kHz.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    num: u64,
    den: u64,
}

impl Ticks {
    /// Where tick `tick` starts, rounded down.
    pub fn start(self, tick: u64) -> u64 {
        (u128::from(tick) * u128::from(SAMPLE_RATE_HZ) * u128::from(self.den) / u128::from(self.num)) as u64
    }

    /// The longest that `ticks` consecutive ticks can last.
    fn ceil(self, ticks: u64) -> u64 {
        (u128::from(ticks) * u128::from(SAMPLE_RATE_HZ) * u128::from(self.den)).div_ceil(u128::from(self.num)) as u64
    }

    /// The tick nearest to `samples`.
    pub fn nearest(self, samples: i64) -> i64 {
        let per = i128::from(SAMPLE_RATE_HZ) * i128::from(self.den);
        ((i128::from(samples) * i128::from(self.num) + per / 2).div_euclid(per)) as i64
    }

    /// The first tick that starts at or after `samples`, give or take the sample that rounding costs.
    pub fn at_or_after(self, samples: u64) -> u64 {
        let per = u128::from(SAMPLE_RATE_HZ) * u128::from(self.den);
        (u128::from(samples.saturating_sub(1)) * u128::from(self.num)).div_ceil(per) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_samples_agree_both_ways() {
        for (num, den) in [(30, 1), (25, 1), (60, 1), (50, 1), (24, 1), (30_000, 1_001), (60_000, 1_001), (24_000, 1_001)] {
            let ticks = Ticks { num, den };
            for tick in (0..1_000).chain(10_000_000..10_000_100) {
                assert_eq!(ticks.nearest(ticks.start(tick) as i64), tick as i64);
                assert_eq!(ticks.nearest(ticks.start(tick) as i64 + 1), tick as i64);
                assert_eq!(ticks.at_or_after(ticks.start(tick)), tick, "{num}/{den}");
            }
        }
    }

    #[test]
    fn a_part_is_the_whole_number_of_pictures_nearest_to_what_was_asked() {
        for (num, den, pictures, samples) in
            [(30, 1, 6, 9_600), (25, 1, 5, 9_600), (60, 1, 12, 9_600), (24, 1, 5, 10_000), (30_000, 1_001, 6, 9_610), (2, 1, 1, 24_000)]
        {
            let rate = Rate::new(num, den).expect("a rate");
            let plan = Config::new(rate, Size::new(1280, 720), 1).plan();
            assert_eq!((plan.part_ticks, plan.video_part), (pictures, samples), "{num}/{den}");
        }
    }
}
