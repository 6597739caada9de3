//! One source on its way to the bus.

use std::collections::VecDeque;

use tl_base::{MediaTime, SourceId};
use tl_frame::AudioBlock;

use crate::Stereo;
use crate::level::{RAMP_FRAMES, Ramp, gain_of};
use crate::meter::{MeanHold, PeakHold, SourceMeter, dbfs};
use crate::reader::{MAX_FRAMES, Reader};
use crate::ring::{Ring, Taken};

/// Sound that did not come for this long is not shown on a meter.
const QUIET_AFTER: MediaTime = MediaTime::from_millis(500);

/// A delay that moves no further than this from span to span is no jump.
const SLOW_STEP: MediaTime = MediaTime::from_millis(1);
/// Longest delay of a fader: half of what is kept of a source.
const MAX_DELAY: MediaTime = MediaTime::from_secs(1);
/// Loudest sample that a meter counts.
const LOUDEST: f32 = 8.0;

/// How a source is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fader {
    /// -60 to +12 dB.
    pub gain_db: f32,
    /// Whether it is silent.
    pub muted: bool,
    /// 0 to 1,000 ms later.
    pub delay: MediaTime,
}

impl Default for Fader {
    fn default() -> Self {
        Self { gain_db: 0.0, muted: false, delay: MediaTime::ZERO }
    }
}

impl Fader {
    /// The fader within its limits; what is no number is 0 dB.
    fn limited(self) -> Self {
        let gain_db = if self.gain_db.is_finite() { self.gain_db.clamp(-60.0, 12.0) } else { 0.0 };
        Self { gain_db, delay: self.delay.clamp(MediaTime::ZERO, MAX_DELAY), ..self }
    }
}

/// What is counted and measured of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SourceStats {
    /// Blocks that came after their time was mixed.
    pub late: u64,
    /// Holes in what came.
    pub gaps: u64,
    /// Jumps of its time.
    pub resyncs: u64,
    /// Blocks that were no sound.
    pub broken: u64,
    /// Parts per million by which its seconds are longer than the studio's.
    pub drift_ppm: f64,
    /// Distance between what is heard and its capture time.
    pub error: MediaTime,
}

pub(crate) struct Source {
    ring: Ring,
    reader: Reader,
    fader: Fader,
    level: Ramp,
    /// Rises after a jump while `tail` falls.
    entry: Ramp,
    /// The rest of what was heard before a jump, already falling.
    tail: VecDeque<Stereo>,
    /// Whether the place must be found anew.
    moved: bool,
    peaks: PeakHold,
    mean: MeanHold,
    newest: Option<MediaTime>,
    pub(crate) stats: SourceStats,
    /// Whether it goes once it is silent.
    pub(crate) leaving: bool,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self {
            ring: Ring::default(),
            reader: Reader::new(),
            fader: Fader::default(),
            level: Ramp::default(),
            entry: Ramp::at(1.0),
            tail: VecDeque::new(),
            moved: false,
            peaks: PeakHold::default(),
            mean: MeanHold::default(),
            newest: None,
            stats: SourceStats::default(),
            leaving: false,
        }
    }

    pub(crate) fn set(&mut self, fader: Fader) {
        let fader = fader.limited();
        // A delay that follows something slow is followed by bending the pitch, as a slow capture clock is.
        self.moved |= (fader.delay - self.fader.delay).abs() > SLOW_STEP;
        self.fader = fader;
    }

    /// Takes a block; `mixed_to` is the capture time up to which the programme was mixed.
    pub(crate) fn push(&mut self, block: AudioBlock, mixed_to: Option<MediaTime>) {
        self.leaving = false;
        let (capture, frames, rate_hz) = (block.capture, block.frames(), block.rate_hz);
        let (peak, mean_square) = measure(&block);
        let first = self.newest.is_none();
        match self.ring.push(block, mixed_to.map(|time| time - self.fader.delay)) {
            Taken::Follows | Taken::Held => {}
            Taken::AfterGap => self.stats.gaps += u64::from(!first),
            Taken::Resynced => self.stats.resyncs += 1,
            Taken::Late => self.stats.late += 1,
            Taken::Broken => {
                self.stats.broken += 1;
                return;
            }
        }
        self.newest = Some(capture);
        // At least one, so that tiny blocks of a fast source cannot pile up.
        let frames = (frames * 48_000 / rate_hz.max(1) as usize).max(1);
        self.peaks.note(frames, [peak; 2]);
        self.mean.note(frames, mean_square);
    }

    /// What it sends, before the fader; none when nothing came of late.
    pub(crate) fn meter(&self, source: SourceId, mixed_to: MediaTime) -> Option<SourceMeter> {
        self.newest.filter(|newest| *newest > mixed_to - self.fader.delay - QUIET_AFTER)?;
        Some(SourceMeter { source, peak_dbfs: dbfs(self.peaks.peak()[0]), rms_dbfs: dbfs(self.mean.root_mean_square()) })
    }

    /// Lets it be heard by its fader, or not, from the next frame on.
    pub(crate) fn hear(&mut self, chosen: bool) {
        let open = chosen && !self.fader.muted && !self.leaving;
        self.level.go_to(if open { gain_of(self.fader.gain_db) } else { 0.0 });
    }

    /// Whether nothing of it can be heard now.
    pub(crate) fn is_silent(&self) -> bool {
        self.level.is_silent()
    }

    /// Whether its fader lets it through.
    pub(crate) fn is_open(&self) -> bool {
        !self.fader.muted && !self.leaving
    }

    /// Adds the frames from `time` on to `bus`; false when there is nothing to hear.
    pub(crate) fn add_to(&mut self, bus: &mut [Stereo], time: MediaTime) -> bool {
        if self.level.is_silent() {
            self.reader.stop();
            self.tail.clear();
            self.entry = Ramp::at(1.0);
            return false;
        }
        let mut time = time - self.fader.delay;
        let mut rest = bus;
        while !rest.is_empty() {
            self.find_place(time);
            let until_next = self.ring.next_start(time).map_or(usize::MAX, |start| usize::try_from((start - time).to_samples()).unwrap_or(usize::MAX).max(1));
            let (now, later) = rest.split_at_mut(rest.len().min(until_next).min(MAX_FRAMES));
            self.add_run(now, time);
            time += MediaTime::from_samples(now.len() as i64);
            rest = later;
        }
        self.stats.drift_ppm = self.ring.drift() * 1e6;
        self.stats.error = self.reader.error();
        true
    }

    /// Goes to the run of `time`; what was heard until then fades behind.
    fn find_place(&mut self, time: MediaTime) {
        let moved = std::mem::take(&mut self.moved);
        let Some(run) = self.ring.run_at(time) else { return };
        if !moved && !self.reader.must_start(run, time) {
            return;
        }
        let id = run.id;
        if self.reader.sounds() || !self.tail.is_empty() {
            let mut fading = vec![[0.0; 2]; RAMP_FRAMES as usize];
            self.render(&mut fading, time);
            let share = 1.0 / RAMP_FRAMES as f32;
            self.tail = fading.into_iter().zip(0_u32..).map(|(frame, n)| frame.map(|value| value * (1.0 - n as f32 * share))).collect();
            self.entry = Ramp::at(0.0);
            self.entry.go_to(1.0);
        }
        if let Some(run) = self.ring.run(id) {
            self.reader.start(run, time);
        }
    }

    fn add_run(&mut self, bus: &mut [Stereo], time: MediaTime) {
        let mut frames = [[0.0; 2]; MAX_FRAMES];
        let Some(frames) = frames.get_mut(..bus.len()) else { return };
        self.render(frames, time);
        for (sum, frame) in bus.iter_mut().zip(frames) {
            let gain = self.level.next();
            sum[0] += frame[0] * gain;
            sum[1] += frame[1] * gain;
        }
    }

    /// The source's sound before its fader.
    fn render(&mut self, frames: &mut [Stereo], time: MediaTime) {
        let run = self.reader.run().and_then(|id| self.ring.run(id));
        let (entry, count) = (&mut self.entry, frames.len());
        for (frame, read) in frames.iter_mut().zip(self.reader.read(run, time, count)) {
            let gain = entry.next();
            *frame = read.map(|value| value * gain);
        }
        for (frame, old) in frames.iter_mut().zip(self.tail.drain(..count.min(self.tail.len()))) {
            frame[0] += old[0];
            frame[1] += old[1];
        }
    }
}

/// Peak and mean square of all channels; what is no number is silence.
fn measure(block: &AudioBlock) -> (f32, f32) {
    let clean = |sample: &f32| if sample.is_finite() { sample.abs().min(LOUDEST) } else { 0.0 };
    let (peak, sum) = block.samples.iter().map(clean).fold((0.0_f32, 0.0_f32), |(peak, sum), value| (peak.max(value), sum + value * value));
    (peak, sum / block.samples.len().max(1) as f32)
}
