//! What the meters show.

use std::collections::VecDeque;

use ebur128::{EbuR128, Mode};
use tl_base::{SAMPLE_RATE_HZ, SourceId};

use crate::{Error, Stereo};

/// What silence is shown as.
pub const SILENCE_DBFS: f32 = -120.0;
/// Peaks are held for 100 ms.
const HOLD_FRAMES: usize = 4_800;
/// Loudness is read ten times a second; each reading sums three seconds.
const LOUDNESS_FRAMES: usize = 4_800;
/// Below this the standard calls it silence, LUFS.
const LOUDNESS_FLOOR: f64 = -70.0;

/// The programme's meters at the end of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meters {
    /// Peak of each channel over the last 100 ms, dBFS, [`SILENCE_DBFS`] at least.
    pub peak_dbfs: [f32; 2],
    /// EBU R 128 short-term loudness (3 s), LUFS; none in silence.
    pub short_term_lufs: Option<f32>,
    /// Deepest reduction by the limiter within the span, dB, not negative.
    pub limiter_db: f32,
    /// Peak of each source that sends sound, before its fader, over its last 100 ms, dBFS.
    pub per_source_peak: Vec<(SourceId, f32)>,
}

/// Decibels of a peak.
pub(crate) fn dbfs(peak: f32) -> f32 {
    (20.0 * peak.max(1e-6).log10()).max(SILENCE_DBFS)
}

/// Highest value within the last 100 ms.
#[derive(Debug, Default)]
pub(crate) struct PeakHold {
    spans: VecDeque<(usize, Stereo)>,
    frames: usize,
}

impl PeakHold {
    /// Notes the peaks of a span of `frames` frames at 48 kHz.
    pub(crate) fn note(&mut self, frames: usize, peak: Stereo) {
        self.spans.push_back((frames, peak));
        self.frames += frames;
        while let Some((oldest, _)) = self.spans.front().filter(|(oldest, _)| self.frames - oldest >= HOLD_FRAMES) {
            self.frames -= oldest;
            self.spans.pop_front();
        }
    }

    /// Highest value of each channel.
    pub(crate) fn peak(&self) -> Stereo {
        self.spans.iter().fold([0.0; 2], |most, (_, peak)| [most[0].max(peak[0]), most[1].max(peak[1])])
    }
}

/// Measures what leaves.
pub(crate) struct ProgrammeMeter {
    peaks: PeakHold,
    loudness: EbuR128,
    since_reading: usize,
    short_term_lufs: Option<f32>,
}

impl ProgrammeMeter {
    pub(crate) fn new() -> Result<Self, Error> {
        let loudness = EbuR128::new(2, SAMPLE_RATE_HZ, Mode::S).map_err(|error| Error::Meter(error.to_string()))?;
        Ok(Self { peaks: PeakHold::default(), loudness, since_reading: 0, short_term_lufs: None })
    }

    /// Takes interleaved stereo.
    pub(crate) fn note(&mut self, samples: &[f32]) {
        // Notes in short spans so that a long block does not hold an old peak.
        for span in samples.chunks(2 * HOLD_FRAMES / 10) {
            let peak = span.chunks_exact(2).fold([0.0_f32; 2], |most, pair| match pair {
                [left, right] => [most[0].max(left.abs()), most[1].max(right.abs())],
                _ => most,
            });
            self.peaks.note(span.len() / 2, peak);
        }
        if self.loudness.add_frames_f32(samples).is_err() {
            // Only a number of samples that is no whole number of frames is refused, and then nothing was taken.
            return;
        }
        self.since_reading += samples.len() / 2;
        if self.since_reading >= LOUDNESS_FRAMES {
            self.since_reading = 0;
            self.short_term_lufs = self.loudness.loudness_shortterm().ok().filter(|lufs| *lufs > LOUDNESS_FLOOR).map(|lufs| lufs as f32);
        }
    }

    /// What it shows, but for the limiter and the sources.
    pub(crate) fn read(&self) -> Meters {
        Meters { peak_dbfs: self.peaks.peak().map(dbfs), short_term_lufs: self.short_term_lufs, ..Meters::default() }
    }
}
