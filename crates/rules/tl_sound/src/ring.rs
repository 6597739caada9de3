//! What a source sent and has not been heard yet, addressed by capture time.

use std::collections::{VecDeque, vec_deque};

use tl_base::MediaTime;
use tl_frame::AudioBlock;

use crate::Stereo;
use crate::line::Line;

/// Sound kept of each source.
const CAPACITY: MediaTime = MediaTime::from_secs(2);
/// Stamps that differ by more than this from what was expected are a new time, not a correction.
pub(crate) const JUMP: MediaTime = MediaTime::from_millis(40);
/// Shorter holes are corrections of the clock.
const SHORTEST_GAP: MediaTime = MediaTime::from_millis(5);
/// Uninterrupted runs kept; more arrive only from a source that flaps, and the oldest leave.
const MAX_RUNS: usize = 8;
/// Loudest sample taken, about +18 dBFS; more is a broken decoder.
const LOUDEST: f32 = 8.0;

/// Uninterrupted sound: sample `n` follows sample `n - 1` at the source.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) rate_hz: u32,
    pub(crate) line: Line,
    /// Whether left and right ever differed.
    pub(crate) wide: bool,
    /// Index of the oldest sample still held; the run began with 0.
    first: i64,
    samples: VecDeque<Stereo>,
}

impl Run {
    fn extend(&mut self, block: &AudioBlock) {
        let from = self.samples.len();
        self.samples.extend(stereo(block));
        self.wide = self.wide || self.samples.range(from..).any(|[left, right]| left != right);
    }

    /// One behind the newest sample's index.
    fn end(&self) -> i64 {
        self.first + self.samples.len() as i64
    }

    /// Sample `index`; none when it has not come, or left.
    pub(crate) fn get(&self, index: i64) -> Option<Stereo> {
        let at = usize::try_from(index - self.first).ok()?;
        self.samples.get(at).copied()
    }

    /// `frames` samples from `index` on; none when one of them is missing.
    pub(crate) fn span(&self, index: i64, frames: usize) -> Option<vec_deque::Iter<'_, Stereo>> {
        let at = usize::try_from(index - self.first).ok()?;
        (at + frames <= self.samples.len()).then(|| self.samples.range(at..at + frames))
    }

    /// When the run began.
    pub(crate) fn start(&self) -> MediaTime {
        self.line.capture_of(0)
    }
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Goes on where the last one ended.
    Follows,
    /// Samples are missing before it.
    AfterGap,
    /// The source's time jumped back.
    Resynced,
    /// Its time was mixed already, or others came after it.
    Late,
    /// Seems to come from another time; the next block decides.
    Held,
    /// Not sound that can be used.
    Broken,
}

/// Runs of one source, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    runs: VecDeque<Run>,
    next_id: u64,
    /// A block that contradicts the run, until a second one agrees with it.
    held: Option<AudioBlock>,
}

impl Ring {
    /// Takes a block. `mixed_to` is the capture time up to which this source was asked for.
    pub(crate) fn push(&mut self, block: AudioBlock, mixed_to: Option<MediaTime>) -> Taken {
        let frames = block.frames();
        let sane = (8_000..=192_000).contains(&block.rate_hz) && matches!(block.channels, 1 | 2) && frames <= block.rate_hz as usize;
        if !sane || frames == 0 {
            return Taken::Broken;
        }
        let end = block.capture + length(frames, block.rate_hz);
        if mixed_to.is_some_and(|mixed_to| end <= mixed_to) {
            return Taken::Late;
        }
        let Some(run) = self.runs.back_mut().filter(|run| run.rate_hz == block.rate_hz) else {
            self.held = None;
            return self.begin(&block, Taken::AfterGap);
        };
        let next = run.end();
        let off = block.capture - run.line.capture_of(next);
        if off < -JUMP {
            return self.take_stray(block);
        }
        if off.0 < 0 && end <= run.start() {
            return Taken::Late;
        }
        self.held = None;
        if is_gap(off, length(frames, block.rate_hz)) {
            return self.begin(&block, Taken::AfterGap);
        }
        run.line.note(next, frames, block.capture);
        run.extend(&block);
        self.trim();
        Taken::Follows
    }

    /// The run that is heard at `time`: the newest that had begun.
    pub(crate) fn run_at(&self, time: MediaTime) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.start() <= time)
    }

    /// When the next run begins after `time`.
    pub(crate) fn next_start(&self, time: MediaTime) -> Option<MediaTime> {
        self.runs.iter().map(Run::start).filter(|start| *start > time).min()
    }

    /// A run by its id.
    pub(crate) fn run(&self, id: u64) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// Drift of the newest run, as a share.
    pub(crate) fn drift(&self) -> f64 {
        self.runs.back().map_or(0.0, |run| run.line.drift())
    }

    /// A block from before what is there: the source's clock was set, or the network repeated an old block. Two that
    /// follow each other are a clock.
    fn take_stray(&mut self, block: AudioBlock) -> Taken {
        if let Some(held) = self.held.take() {
            let expected = held.capture + length(held.frames(), held.rate_hz);
            if (block.capture - expected).abs() < SHORTEST_GAP && held.rate_hz == block.rate_hz {
                self.begin(&held, Taken::Resynced);
                if let Some(run) = self.runs.back_mut() {
                    run.extend(&block);
                }
                self.trim();
                return Taken::Resynced;
            }
        }
        self.held = Some(block);
        Taken::Held
    }

    fn begin(&mut self, block: &AudioBlock, taken: Taken) -> Taken {
        let learnt = self.runs.back().filter(|run| run.rate_hz == block.rate_hz).map(|run| run.line);
        let line = Line::new(block.capture, block.rate_hz, learnt);
        let mut run = Run { id: self.next_id, rate_hz: block.rate_hz, line, wide: false, first: 0, samples: VecDeque::new() };
        run.extend(block);
        self.runs.push_back(run);
        self.next_id += 1;
        self.trim();
        taken
    }

    /// The oldest samples leave when there are more than the ring may hold.
    fn trim(&mut self) {
        while self.runs.len() > MAX_RUNS {
            self.runs.pop_front();
        }
        let mut held = MediaTime::ZERO;
        for run in self.runs.iter_mut().rev() {
            let room = (CAPACITY - held).0.max(0) as i128 * i128::from(run.rate_hz) / 1_000_000_000;
            let excess = run.samples.len().saturating_sub(room as usize);
            run.samples.drain(..excess);
            run.first += excess as i64;
            held += length(run.samples.len(), run.rate_hz);
        }
        while self.runs.len() > 1 && self.runs.front().is_some_and(|run| run.samples.is_empty()) {
            self.runs.pop_front();
        }
    }

    #[cfg(test)]
    pub(crate) fn frames(&self) -> usize {
        self.runs.iter().map(|run| run.samples.len()).sum()
    }
}

/// A hole before a block: a large one, or one that lost blocks would leave.
fn is_gap(off: MediaTime, block: MediaTime) -> bool {
    if off <= SHORTEST_GAP {
        return false;
    }
    if off > JUMP {
        return true;
    }
    let blocks = (off.0 + block.0 / 2) / block.0.max(1);
    blocks > 0 && (off - MediaTime(blocks * block.0)).abs() < MediaTime::from_micros(2_500)
}

fn length(frames: usize, rate_hz: u32) -> MediaTime {
    MediaTime((frames as i128 * 1_000_000_000 / i128::from(rate_hz.max(1))) as i64)
}

/// The block's samples as pairs; one channel is heard in the middle, and what is no number is silence.
fn stereo(block: &AudioBlock) -> impl Iterator<Item = Stereo> + '_ {
    let clean = |sample: f32| if sample.is_finite() { sample.clamp(-LOUDEST, LOUDEST) } else { 0.0 };
    block.samples.chunks_exact(usize::from(block.channels.max(1))).map(move |frame| match frame {
        [left, right] => [clean(*left), clean(*right)],
        [middle] => [clean(*middle); 2],
        _ => [0.0; 2],
    })
}

#[cfg(test)]
mod tests {
    use tl_base::SlotId;

    use super::*;

    fn block(millis: i64, frames: usize) -> AudioBlock {
        AudioBlock { source: SlotId(1), capture: MediaTime::from_millis(millis), rate_hz: 48_000, channels: 1, samples: vec![0.5; frames].into() }
    }

    #[track_caller]
    fn check(stamps: &[i64], expect: Taken) {
        let mut ring = Ring::default();
        let last = stamps.iter().map(|millis| ring.push(block(*millis, 960), Some(MediaTime::ZERO))).last();
        assert_eq!(last, Some(expect), "{stamps:?}");
    }

    #[test]
    fn blocks_are_told_apart() {
        check(&[100], Taken::AfterGap);
        check(&[100, 120], Taken::Follows);
        check(&[100, 123], Taken::Follows);
        check(&[100, 129], Taken::Follows);
        check(&[100, 140], Taken::AfterGap);
        check(&[100, 159], Taken::AfterGap);
        check(&[100, 400], Taken::AfterGap);
        check(&[100, 108], Taken::Follows);
        check(&[1_000, 100], Taken::Held);
        check(&[1_000, 100, 120], Taken::Resynced);
        check(&[1_000, 100, 1_020], Taken::Follows);
        check(&[1_000, 100, 500], Taken::Held);
        check(&[-20], Taken::Late);
        check(&[-5], Taken::AfterGap);
    }

    #[test]
    fn two_seconds_are_kept() {
        let mut ring = Ring::default();
        for n in 0..500 {
            ring.push(block(n * 20, 960), None);
        }
        assert_eq!(ring.frames(), 96_000);
        let run = ring.run_at(MediaTime::from_secs(9)).expect("a run");
        assert!(run.get(0).is_none() && run.get(499 * 960).is_some() && run.get(500 * 960).is_none());
    }

    #[test]
    fn a_source_that_flaps_stays_bounded() {
        let mut ring = Ring::default();
        for n in 0..10_000_i64 {
            ring.push(block((n * 7_919) % 100_000, 960), None);
            assert!(ring.frames() <= 96_000 && ring.runs.len() <= MAX_RUNS);
        }
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        let mut ring = Ring::default();
        for (rate_hz, channels, samples) in [(0, 1, 10), (48_000, 0, 10), (48_000, 6, 60), (48_000, 2, 0), (48_000, 2, 1), (48_000, 1, 48_001)] {
            let bad = AudioBlock { rate_hz, channels, samples: vec![0.0; samples].into(), ..block(0, 1) };
            assert_eq!(ring.push(bad, None), Taken::Broken, "{rate_hz} {channels} {samples}");
        }
        let odd = AudioBlock { samples: vec![f32::NAN, f32::INFINITY, -1e30].into(), ..block(0, 1) };
        ring.push(odd, None);
        let run = ring.run_at(MediaTime::ZERO).expect("a run");
        assert_eq!([run.get(0), run.get(1), run.get(2)], [Some([0.0; 2]), Some([0.0; 2]), Some([-8.0; 2])]);
    }

    #[test]
    fn any_stamps_are_taken_without_a_panic() {
        let mut ring = Ring::default();
        for stamp in [i64::MIN, i64::MAX, 0, -1, i64::MAX - 1, i64::MIN + 1, 5, 6] {
            ring.push(AudioBlock { capture: MediaTime(stamp), ..block(0, 960) }, Some(MediaTime(-stamp.saturating_abs())));
            ring.run_at(MediaTime(stamp));
            ring.next_start(MediaTime(stamp));
        }
    }
}
