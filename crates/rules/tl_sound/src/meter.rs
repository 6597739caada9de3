//! What the meters show.

use std::collections::VecDeque;

use tl_base::SourceId;

use crate::loudness::{Loudness, audible, lufs_of};
use crate::{Error, Stereo};

/// What silence is shown as.
pub const SILENCE_DBFS: f32 = -120.0;
/// Peaks are held for 100 ms.
const HOLD_FRAMES: usize = 4_800;
/// The short mean of a source, 300 ms: as long as a VU meter's needle takes.
const MEAN_FRAMES: usize = 14_400;

/// The programme's meters at the end of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Meters {
    /// Peak of each channel over the last 100 ms, dBFS, [`SILENCE_DBFS`] at least.
    pub peak_dbfs: [f32; 2],
    /// EBU R 128 momentary loudness (400 ms), LUFS; none in silence.
    pub momentary_lufs: Option<f32>,
    /// EBU R 128 short-term loudness (3 s), LUFS; none in silence.
    pub short_term_lufs: Option<f32>,
    /// EBU R 128 integrated loudness, gated, since the start or the last restart, LUFS; none before anything was heard.
    pub integrated_lufs: Option<f32>,
    /// Highest true peak since the start or the last restart (ITU-R BS.1770-4, four-fold), dBTP, [`SILENCE_DBFS`] at least.
    pub true_peak_dbtp: f32,
    /// Deepest reduction by the limiter within the span, dB, not negative.
    pub limiter_db: f32,
    /// Gain by which the programme is led to its target now, dB.
    pub ride_db: f32,
    /// Deepest that everything else stepped back for the commentator within the span, dB, not negative.
    pub ducking_db: f32,
    /// Every source that sends sound, heard or not.
    pub sources: Vec<SourceMeter>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            peak_dbfs: [SILENCE_DBFS; 2],
            momentary_lufs: None,
            short_term_lufs: None,
            integrated_lufs: None,
            true_peak_dbtp: SILENCE_DBFS,
            limiter_db: 0.0,
            ride_db: 0.0,
            ducking_db: 0.0,
            sources: Vec::new(),
        }
    }
}

/// What one source sends, before its fader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceMeter {
    /// Whose.
    pub source: SourceId,
    /// Peak over its last 100 ms, dBFS, [`SILENCE_DBFS`] at least.
    pub peak_dbfs: f32,
    /// Mean of its last 300 ms, both channels (root of the mean square), dBFS, [`SILENCE_DBFS`] at least.
    pub rms_dbfs: f32,
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

/// Root of the mean square of the last 300 ms.
#[derive(Debug, Default)]
pub(crate) struct MeanHold {
    spans: VecDeque<(usize, f32)>,
    frames: usize,
}

impl MeanHold {
    /// Notes the mean square of a span of `frames` frames at 48 kHz.
    pub(crate) fn note(&mut self, frames: usize, mean_square: f32) {
        self.spans.push_back((frames, mean_square));
        self.frames += frames;
        while let Some((oldest, _)) = self.spans.front().filter(|(oldest, _)| self.frames - oldest >= MEAN_FRAMES) {
            self.frames -= oldest;
            self.spans.pop_front();
        }
    }

    pub(crate) fn root_mean_square(&self) -> f32 {
        let sum: f32 = self.spans.iter().map(|(frames, mean)| *frames as f32 * mean).sum();
        (sum / self.frames.max(1) as f32).sqrt()
    }
}

/// Measures what leaves.
pub(crate) struct ProgrammeMeter {
    peaks: PeakHold,
    loudness: Loudness,
    integrated: Option<f32>,
}

impl ProgrammeMeter {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { peaks: PeakHold::default(), loudness: Loudness::whole()?, integrated: None })
    }

    /// Takes what leaves, in spans short enough that an old peak is not held.
    pub(crate) fn note(&mut self, frames: &[Stereo]) {
        for span in frames.chunks(HOLD_FRAMES / 10) {
            let peak = span.iter().fold([0.0_f32; 2], |most, [left, right]| [most[0].max(left.abs()), most[1].max(right.abs())]);
            self.peaks.note(span.len(), peak);
        }
        if self.loudness.note(frames) > 0 {
            self.integrated = self.loudness.integrated();
        }
    }

    /// Integrated loudness so far, LUFS.
    pub(crate) fn integrated(&self) -> Option<f32> {
        self.integrated
    }

    /// Forgets what was integrated, and the highest true peak.
    pub(crate) fn restart(&mut self) {
        self.loudness.restart();
        self.integrated = None;
    }

    /// What it shows of the programme.
    pub(crate) fn read(&self) -> Meters {
        Meters {
            peak_dbfs: self.peaks.peak().map(dbfs),
            momentary_lufs: audible(lufs_of(self.loudness.momentary())),
            short_term_lufs: audible(lufs_of(self.loudness.short_term())),
            integrated_lufs: self.integrated,
            true_peak_dbtp: dbfs(self.loudness.true_peak()),
            ..Meters::default()
        }
    }
}
