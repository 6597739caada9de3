//! Reads one run at the studio's pace: gaps become silence, drift is resampled away.

use std::collections::VecDeque;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable, Async, FixedAsync, Indexing, Resampler, Resizable, SincInterpolationParameters, SincInterpolationType, WindowFunction};
use tl_base::{MediaTime, SAMPLE_RATE_HZ, never};

use crate::Stereo;
use crate::ring::{JUMP, Run};

/// Most frames read at once.
pub(crate) const MAX_FRAMES: usize = 1_024;
/// 5 ms, in samples of the source at 48 kHz: fades around gaps.
const FADE_FRAMES: usize = 240;
/// Points of the interpolation kernel.
const KERNEL: usize = 64;
/// Kernels between two samples.
const OVERSAMPLING: usize = 128;
/// Old samples read before the first one that is heard, so that the kernel is full.
const PRIME: i64 = 64;
/// Time in which a small deviation is made good, in frames: slow, so that jitter of the stamps is not heard as flutter.
const CALM_FRAMES: f64 = SAMPLE_RATE_HZ as f64;
/// Time in which what exceeds [`CALM_DEVIATION_SECS`] is made good, in frames.
const QUICK_FRAMES: f64 = 0.1 * SAMPLE_RATE_HZ as f64;
/// Deviation that nobody hears or sees.
const CALM_DEVIATION_SECS: f64 = 0.001;
/// Most that the pitch may be bent: 17 cents, and twice what a moving delay budget asks for.
const MAX_BEND: f64 = 0.01;

/// Where a source is read, and the resampler's state. One reader moves from run to run.
pub(crate) struct Reader {
    /// The run that is read.
    run: Option<u64>,
    rate_hz: u32,
    resampler: Option<Async<f32>>,
    /// Index of the next sample that goes into the resampler.
    next: i64,
    /// Index, with fraction, of the sample that left the resampler last.
    position: f64,
    /// Which channels are resampled: the left one alone while both are the same, as with most phones.
    channels: Indexing,
    wide: bool,
    gaps: GapFader,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Distance between where it reads and where it should, in samples of the source.
    error: f64,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            run: None,
            rate_hz: 0,
            resampler: None,
            next: 0,
            position: 0.0,
            channels: Indexing::new(),
            wide: true,
            gaps: GapFader::default(),
            input: Vec::new(),
            output: Vec::new(),
            error: 0.0,
        }
    }

    /// The run that is read.
    pub(crate) fn run(&self) -> Option<u64> {
        self.run
    }

    /// Whether something can be heard now.
    pub(crate) fn sounds(&self) -> bool {
        self.run.is_some() && self.gaps.level > 0.0
    }

    /// How far it reads from where it should.
    pub(crate) fn error(&self) -> MediaTime {
        MediaTime::from_secs_f64(self.error / f64::from(self.rate_hz.max(1)))
    }

    /// Forgets its place; the next start fades in from silence.
    pub(crate) fn stop(&mut self) {
        self.run = None;
        self.error = 0.0;
        self.gaps = GapFader::default();
    }

    /// Whether reading `run` at `time` needs a new start: it is another run or far from where it stands, or its channels parted.
    pub(crate) fn must_start(&self, run: &Run, time: MediaTime) -> bool {
        if self.run != Some(run.id) || (run.wide && !self.wide) {
            return true;
        }
        let off = run.line.index_of(time) - self.position - 1.0;
        off.abs() > JUMP.as_secs_f64() * f64::from(run.rate_hz)
    }

    /// Goes to `time` in `run`.
    pub(crate) fn start(&mut self, run: &Run, time: MediaTime) {
        self.stop();
        if self.rate_hz != run.rate_hz || self.resampler.is_none() {
            self.rate_hz = run.rate_hz;
            self.resampler = new_resampler(run.rate_hz);
        }
        let Some(resampler) = &mut self.resampler else { return };
        resampler.reset();
        self.run = Some(run.id);
        self.wide = run.wide;
        self.channels = Indexing::new().active_channels_mask(vec![true, run.wide]);
        let target = run.line.index_of(time);
        self.next = target.floor() as i64 - PRIME;
        // A fresh resampler's kernel is centred half its length before the first sample it is given.
        self.position = self.next as f64 - (KERNEL / 2) as f64 + 1.0 / OVERSAMPLING as f64;
        let step = step_of(run);
        let skip = ((target - self.position) / step).round() as usize;
        if skip > 1 {
            self.resample(Some(run), (skip - 1).min(MAX_FRAMES), step);
        }
    }

    /// The next `frames` (at most [`MAX_FRAMES`]), of which the first should be that of `time`. Without its run it fades out.
    pub(crate) fn read(&mut self, run: Option<&Run>, time: MediaTime, frames: usize) -> impl Iterator<Item = Stereo> + '_ {
        let frames = frames.min(MAX_FRAMES);
        let mut step = f64::from(self.rate_hz) / f64::from(SAMPLE_RATE_HZ);
        if let Some(run) = run {
            let nominal = step_of(run);
            self.error = run.line.index_of(time) - (self.position + nominal);
            let calm = CALM_DEVIATION_SECS * f64::from(run.rate_hz);
            let much = self.error - self.error.clamp(-calm, calm);
            let bend = (self.error / CALM_FRAMES + much / QUICK_FRAMES) / nominal;
            step = nominal * (1.0 + bend.clamp(-MAX_BEND, MAX_BEND));
        }
        self.resample(run, frames, step);
        let wide = self.wide;
        self.output.chunks_exact(2).take(frames).map(move |pair| match pair {
            [left, right] if wide => [*left, *right],
            [left, _] => [*left; 2],
            _ => [0.0; 2],
        })
    }

    /// Fills `output` with `frames` frames, `step` samples of the source apart.
    fn resample(&mut self, run: Option<&Run>, frames: usize, step: f64) {
        self.output.clear();
        self.output.resize(frames * 2, 0.0);
        let Some(resampler) = &mut self.resampler else { return };
        if frames == 0 {
            return;
        }
        let ready = resampler.set_chunk_size(frames).and_then(|()| resampler.set_resample_ratio(1.0 / step, false));
        let needed = resampler.input_frames_next();
        self.input.clear();
        match run.and_then(|run| run.span(self.next, needed)).filter(|_| self.gaps.is_open()) {
            // Almost always: nothing is missing, nothing fades.
            Some(span) => {
                self.input.extend(span.clone().flatten());
                self.gaps.remember(span.skip(needed.saturating_sub(FADE_FRAMES)).copied());
            }
            None => {
                for index in self.next..self.next + needed as i64 {
                    self.input.extend(self.gaps.pass(run.and_then(|run| run.get(index))));
                }
            }
        }
        self.next += needed as i64;
        self.position += frames as f64 * step;
        let buffers = (InterleavedSlice::new(self.input.as_slice(), 2, needed), InterleavedSlice::new_mut(self.output.as_mut_slice(), 2, frames));
        let (Ok(input), Ok(mut output)) = buffers else { return };
        if let Err(error) = ready.and_then(|()| resampler.process_into_buffer(&input, &mut output, Some(&self.channels))) {
            never!("resampler: {error}");
        }
    }
}

/// Samples of the source from one frame of the programme to the next.
fn step_of(run: &Run) -> f64 {
    1e9 / f64::from(SAMPLE_RATE_HZ) / run.line.period_nanos()
}

fn new_resampler(rate_hz: u32) -> Option<Async<f32>> {
    let parameters = SincInterpolationParameters::new(KERNEL, WindowFunction::BlackmanHarris2)
        .oversampling_factor(OVERSAMPLING)
        .interpolation(SincInterpolationType::Linear);
    let ratio = f64::from(SAMPLE_RATE_HZ) / f64::from(rate_hz);
    match Async::new_sinc(ratio, 1.02, &parameters, MAX_FRAMES, 2, FixedAsync::Output) {
        Ok(resampler) => Some(resampler),
        Err(error) => {
            never!("resampler for {rate_hz} Hz: {error}");
            None
        }
    }
}

/// Turns missing samples into silence without a step: at the edge the last samples are played backwards while they fade.
#[derive(Default)]
struct GapFader {
    /// 0 to 1.
    level: f32,
    fading: bool,
    newest: VecDeque<Stereo>,
}

impl GapFader {
    /// Whether samples pass unchanged.
    fn is_open(&self) -> bool {
        self.level >= 1.0 && !self.fading
    }

    /// Notes the newest of samples that passed unchanged.
    fn remember(&mut self, samples: impl ExactSizeIterator<Item = Stereo>) {
        let excess = (self.newest.len() + samples.len()).saturating_sub(FADE_FRAMES);
        self.newest.drain(..excess.min(self.newest.len()));
        self.newest.extend(samples);
    }

    fn pass(&mut self, sample: Option<Stereo>) -> Stereo {
        const STEP: f32 = 1.0 / FADE_FRAMES as f32;
        match sample {
            Some(sample) if !self.fading => {
                if self.newest.len() == FADE_FRAMES {
                    self.newest.pop_front();
                }
                self.newest.push_back(sample);
                self.level = (self.level + STEP).min(1.0);
                sample.map(|value| value * self.level)
            }
            _ if self.level > 0.0 => {
                // A fade is finished even when the samples are back: entering half-way would be a step.
                let sample = self.newest.pop_back().unwrap_or_default().map(|value| value * self.level);
                self.level -= STEP;
                self.fading = self.level > STEP / 2.0;
                if !self.fading {
                    *self = Self::default();
                }
                sample
            }
            _ => [0.0; 2],
        }
    }
}
