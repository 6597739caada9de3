//! Loudness of a stream, every 100 ms, by EBU R 128 (EBU Tech 3341) and ITU-R BS.1770-4.

use std::collections::VecDeque;

use ebur128::{EbuR128, Mode};
use tl_base::SAMPLE_RATE_HZ;

use crate::{Error, Stereo};

/// Frames of one step: meters read at 10 Hz.
pub(crate) const STEP_FRAMES: usize = 4_800;
/// Steps of the momentary loudness: 400 ms.
const MOMENTARY_STEPS: usize = 4;
/// Steps of the short-term loudness: 3 s.
const SHORT_TERM_STEPS: usize = 30;
/// The absolute gate of BS.1770-4, LUFS: what is below is silence.
pub(crate) const SILENCE_LUFS: f32 = -70.0;

/// Measures a stream. Energies are mean squares after K-weighting, summed over both channels.
pub(crate) struct Loudness {
    meter: EbuR128,
    /// Frames of the step that has begun.
    begun: usize,
    /// Energy of each of the last steps, newest last.
    steps: VecDeque<f64>,
}

impl Loudness {
    /// A meter of momentary and short-term loudness.
    pub(crate) fn new() -> Result<Self, Error> {
        Self::with(Mode::M)
    }

    /// One that knows the integrated loudness and the true peak as well. A histogram of 0.1 LU keeps the gated blocks, so that
    /// hours need no more memory than minutes.
    pub(crate) fn whole() -> Result<Self, Error> {
        Self::with(Mode::I | Mode::HISTOGRAM | Mode::TRUE_PEAK)
    }

    fn with(mode: Mode) -> Result<Self, Error> {
        let meter = EbuR128::new(2, SAMPLE_RATE_HZ, mode).map_err(|error| Error::Meter(error.to_string()))?;
        Ok(Self { meter, begun: 0, steps: VecDeque::new() })
    }

    /// Takes frames; gives how many steps they ended.
    pub(crate) fn note(&mut self, mut frames: &[Stereo]) -> usize {
        let mut ended = 0;
        while !frames.is_empty() {
            let (now, later) = frames.split_at(frames.len().min(STEP_FRAMES - self.begun));
            // Only a number of samples that is no whole number of frames is refused, which pairs cannot be.
            if self.meter.add_frames_f32(now.as_flattened()).is_err() {
                return ended;
            }
            self.begun += now.len();
            frames = later;
            if self.begun == STEP_FRAMES {
                self.begun = 0;
                ended += 1;
                if self.steps.len() == SHORT_TERM_STEPS {
                    self.steps.pop_front();
                }
                let lufs = self.meter.loudness_window(100).unwrap_or(f64::NEG_INFINITY);
                self.steps.push_back(energy_of(lufs as f32));
            }
        }
        ended
    }

    /// Energy of the last 100 ms.
    pub(crate) fn step(&self) -> f64 {
        self.mean(1)
    }

    /// Energy of the last 400 ms.
    pub(crate) fn momentary(&self) -> f64 {
        self.mean(MOMENTARY_STEPS)
    }

    /// Energy of the last 3 s.
    pub(crate) fn short_term(&self) -> f64 {
        self.mean(SHORT_TERM_STEPS)
    }

    /// Gated loudness since the start, LUFS; only a whole meter has it.
    pub(crate) fn integrated(&self) -> Option<f32> {
        audible(self.meter.loudness_global().ok()? as f32)
    }

    /// Highest true peak since the start, full scale = 1; only a whole meter has it.
    pub(crate) fn true_peak(&self) -> f32 {
        (0..2).filter_map(|channel| self.meter.true_peak(channel).ok()).fold(0.0, f64::max) as f32
    }

    /// Forgets what was integrated.
    pub(crate) fn restart(&mut self) {
        self.meter.reset();
        self.begun = 0;
    }

    fn mean(&self, count: usize) -> f64 {
        self.steps.iter().rev().take(count).sum::<f64>() / count as f64
    }
}

/// Loudness of an energy: BS.1770-4, -0.691 + 10 log10.
pub(crate) fn lufs_of(energy: f64) -> f32 {
    (10.0 * energy.max(1e-20).log10() - 0.691) as f32
}

/// Energy of a loudness.
pub(crate) fn energy_of(lufs: f32) -> f64 {
    10.0_f64.powf((f64::from(lufs) + 0.691) / 10.0)
}

/// A loudness that is no silence.
pub(crate) fn audible(lufs: f32) -> Option<f32> {
    (lufs > SILENCE_LUFS).then_some(lufs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_and_loudness_are_each_others_inverse() {
        for lufs in [-70.0, -23.0, 0.0] {
            assert!((lufs_of(energy_of(lufs)) - lufs).abs() < 1e-3);
        }
    }
}
