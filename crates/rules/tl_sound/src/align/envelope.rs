//! How loud a source was in each millisecond of its last ten seconds.

use std::collections::VecDeque;

use tl_base::MediaTime;
use tl_frame::AudioBlock;

use crate::biquad::Biquad;

/// One hop: 1 ms.
pub(super) const HOP: MediaTime = MediaTime::from_millis(1);
/// Hops kept: 10 s.
const CAPACITY: usize = 10_000;
/// Claps and whistles live here, crowds and wind below, Hz.
const BAND_HZ: (f32, f32) = (1_000.0, 4_000.0);
/// Stamps that differ by more than this from what was expected are a new time.
const JUMP: MediaTime = MediaTime::from_millis(20);
/// Share of a stamp's deviation that is followed with each block: stamps jitter, samples do not.
const FOLLOW: f64 = 0.05;
/// Loudest sample taken; more is a broken decoder.
const LOUDEST: f32 = 8.0;

/// Recorder of one source: mean energy between 1 and 4 kHz in each millisecond of capture time, for the last 10 s.
///
/// A hole is silence; a block from before what is there, by more than 20 ms, begins anew; one that is no sound is passed over.
#[derive(Debug, Default)]
pub struct Envelope {
    rate_hz: u32,
    filters: Option<[Biquad; 2]>,
    /// Capture time of the sample that comes next.
    next: Option<MediaTime>,
    hops: VecDeque<f32>,
    /// Number of the oldest hop; hop `n` begins `n` ms behind the epoch.
    first: i64,
    /// The hop that has begun: number, energy, samples.
    begun: (i64, f32, u32),
}

impl Envelope {
    /// An empty recorder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Capture time up to which it knows.
    pub fn newest(&self) -> Option<MediaTime> {
        self.next
    }

    /// Takes decoded sound of the source, any rate from 8 to 192 kHz, one or two channels.
    pub fn push(&mut self, block: &AudioBlock) {
        let sane = (8_000..=192_000).contains(&block.rate_hz) && matches!(block.channels, 1 | 2) && block.frames() <= block.rate_hz as usize;
        // Times whose milliseconds cannot be counted are no times.
        if !sane || block.frames() == 0 || block.capture.0.checked_abs().is_none_or(|nanos| nanos > i64::MAX / 4) {
            return;
        }
        let start = self.start_of(block);
        let rate_hz = block.rate_hz as f32;
        let mut filters = self.filters.unwrap_or_else(|| [Biquad::high_pass(BAND_HZ.0, rate_hz), Biquad::low_pass(BAND_HZ.1, rate_hz)]);
        let period_nanos = 1e9 / f64::from(block.rate_hz);
        for (frame, index) in block.samples.chunks_exact(usize::from(block.channels)).zip(0_u32..) {
            let sum: f32 = frame.iter().map(|value| if value.is_finite() { value.clamp(-LOUDEST, LOUDEST) } else { 0.0 }).sum();
            let mut value = sum / frame.len() as f32;
            for filter in &mut filters {
                value = filter.pass(value);
            }
            let nanos = start.0 + (f64::from(index) * period_nanos) as i64;
            self.add(nanos.div_euclid(HOP.0), value * value);
        }
        self.filters = Some(filters);
        self.next = Some(start + MediaTime((block.frames() as f64 * period_nanos) as i64));
    }

    /// When the block began, with the jitter of its stamp taken off; begins anew where it must.
    fn start_of(&mut self, block: &AudioBlock) -> MediaTime {
        let Some(expected) = self.next.filter(|_| self.rate_hz == block.rate_hz) else {
            self.clear();
            self.rate_hz = block.rate_hz;
            return block.capture;
        };
        let off = block.capture - expected;
        if off.abs() <= JUMP {
            return expected + MediaTime((off.0 as f64 * FOLLOW) as i64);
        }
        self.filters = None;
        if off.0 < 0 || off > MediaTime(CAPACITY as i64 * HOP.0) {
            self.clear();
            self.rate_hz = block.rate_hz;
        }
        block.capture
    }

    fn add(&mut self, hop: i64, energy: f32) {
        let (begun, sum, count) = self.begun;
        if hop == begun && count > 0 {
            self.begun = (begun, sum + energy, count + 1);
            return;
        }
        if count > 0 {
            self.keep(begun, sum / count as f32);
        }
        self.begun = (hop, energy, 1);
    }

    fn keep(&mut self, hop: i64, energy: f32) {
        let end = self.first + self.hops.len() as i64;
        if self.hops.is_empty() {
            self.first = hop;
        } else if hop < end {
            // The stamps went back by a hair within a hop that is kept already.
            return;
        } else {
            self.hops.extend((end..hop).take(CAPACITY).map(|_| 0.0));
        }
        self.hops.push_back(energy);
        let excess = self.hops.len().saturating_sub(CAPACITY);
        self.hops.drain(..excess);
        self.first += excess as i64;
    }

    /// Number of the oldest hop, and the energies from there on.
    pub(super) fn hops(&self) -> (i64, Vec<f32>) {
        (self.first, self.hops.iter().copied().collect())
    }
}
