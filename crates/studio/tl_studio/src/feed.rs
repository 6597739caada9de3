//! One camera's media path: access units in, pictures ready for a tick.
//!
//! It runs on the receiver's and the decoder's threads and never waits for the control loop. Late pictures are kept only as
//! long as a tick may still ask for them, early ones wait, and with no picture at all it answers none.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tl_base::queue::Sender;
use tl_base::{MediaClock, MediaTime, Percentiles, RateMeter, Size, SourceId, Window};
use tl_frame::{AccessUnit, AudioBlock, Codec, Frame};
use tl_media::{OpusDecoder, Recorder, VideoDecoder, decode, record};

/// Pictures kept beyond the budget, so that a slewing budget and a late tick still find theirs.
const KEEP_BEYOND_BUDGET: MediaTime = MediaTime::from_millis(120);
/// Pictures kept at most, whatever their times claim.
const MAX_FRAMES: usize = 40;
/// Delay samples kept: ten seconds at 30 pictures a second.
const DELAY_SAMPLES: usize = 300;
/// Half the history is enough to call a camera measured.
const ENOUGH_DELAYS: usize = 30;
/// A source is stale at the earliest after this long.
const STALE_MIN: MediaTime = MediaTime::from_millis(150);
/// A source is stale at the latest after this long.
const STALE_MAX: MediaTime = MediaTime::from_millis(500);

/// What a feed measured, for snapshots.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Picture size as decoded.
    pub size: Option<Size>,
    /// Codec as received.
    pub codec: Option<Codec>,
    /// Complete pictures a second.
    pub fps: Option<f64>,
    /// Bits a second.
    pub bitrate_bps: Option<f64>,
    /// Capture to decoded, milliseconds.
    pub delay_ms: Option<Percentiles>,
    /// Pictures decoded since the feed was made.
    pub frames: u64,
    /// Mean decode time, milliseconds.
    pub decode_ms: Option<f64>,
    /// Peak of the newest sound, dBFS.
    pub level_dbfs: Option<f32>,
}

#[derive(Debug)]
struct Measures {
    size: Option<Size>,
    codec: Option<Codec>,
    fps: RateMeter,
    bits: RateMeter,
    delays: Window,
    gaps: Window,
    level_dbfs: Option<f32>,
}

/// What a tick remembers of a feed, so that repeats and skips do not flicker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    seq: Option<u64>,
}

/// One camera's media path.
pub struct Feed {
    slot: SourceId,
    clock: MediaClock,
    sound: Sender<AudioBlock>,
    measures: Mutex<Measures>,
    frames: Mutex<VecDeque<Frame>>,
    video: Mutex<Option<(Codec, VideoDecoder)>>,
    opus: Mutex<Option<OpusDecoder>>,
    recorder: Mutex<Option<Recorder>>,
    newest_ready: AtomicI64,
    decoded: AtomicU64,
    budget: AtomicI64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// A feed for `slot` whose sound goes to `sound`.
    pub fn new(slot: SourceId, clock: MediaClock, sound: Sender<AudioBlock>) -> Arc<Self> {
        let measures = Measures {
            size: None,
            codec: None,
            fps: RateMeter::new(MediaTime::from_secs(2)),
            bits: RateMeter::new(MediaTime::from_secs(2)),
            delays: Window::new(DELAY_SAMPLES),
            gaps: Window::new(DELAY_SAMPLES),
            level_dbfs: None,
        };
        Arc::new(Self {
            slot,
            clock,
            sound,
            measures: Mutex::new(measures),
            frames: Mutex::new(VecDeque::with_capacity(MAX_FRAMES)),
            video: Mutex::new(None),
            opus: Mutex::new(None),
            recorder: Mutex::new(None),
            newest_ready: AtomicI64::new(i64::MIN),
            decoded: AtomicU64::new(0),
            budget: AtomicI64::new(MediaTime::from_millis(100).0),
        })
    }

    /// The slot.
    pub fn slot(&self) -> SourceId {
        self.slot
    }

    /// Takes one access unit: records it, then decodes it. Never blocks.
    pub fn push(self: &Arc<Self>, unit: AccessUnit) {
        self.note_unit(&unit);
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.push(&unit);
        }
        let pushed = if unit.codec.is_audio() { self.push_sound(unit) } else { self.push_picture(unit) };
        if let Err(error) = pushed {
            tracing::debug!(slot = self.slot.0, %error, "an access unit was not decoded");
        }
    }

    fn push_picture(self: &Arc<Self>, unit: AccessUnit) -> Result<(), tl_media::Error> {
        let mut video = lock(&self.video);
        if video.as_ref().is_none_or(|(codec, _)| *codec != unit.codec) {
            let weak = Arc::downgrade(self);
            let config = decode::Video { source: self.slot, codec: unit.codec, max_queue: 30 };
            *video = Some((unit.codec, VideoDecoder::new(config, move |frame| hand_over(&weak, frame))?));
        }
        match video.as_ref() {
            Some((_, decoder)) => decoder.push(unit),
            None => Ok(()),
        }
    }

    fn push_sound(self: &Arc<Self>, unit: AccessUnit) -> Result<(), tl_media::Error> {
        let mut opus = lock(&self.opus);
        if opus.is_none() {
            let weak = Arc::downgrade(self);
            *opus = Some(OpusDecoder::new(self.slot, move |block| {
                if let Some(feed) = weak.upgrade() {
                    feed.take_sound(block);
                }
            })?);
        }
        match opus.as_ref() {
            Some(decoder) => decoder.push(unit),
            None => Ok(()),
        }
    }

    fn take_sound(&self, block: AudioBlock) {
        let peak = block.samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        lock(&self.measures).level_dbfs = Some(20.0 * peak.max(1e-6).log10());
        // Sound that nobody mixes any more has nowhere to go.
        self.sound.send(block).ok();
    }

    fn note_unit(&self, unit: &AccessUnit) {
        let now = self.clock.now();
        let mut measures = lock(&self.measures);
        measures.bits.note(now, unit.data.len() as f64 * 8.0);
        if !unit.codec.is_audio() {
            measures.codec = Some(unit.codec);
        }
    }

    fn take(&self, frame: Frame) {
        let now = self.clock.now();
        let before = self.newest_ready.swap(now.0, Ordering::AcqRel);
        self.decoded.fetch_add(1, Ordering::Relaxed);
        {
            let mut measures = lock(&self.measures);
            measures.size = Some(frame.size);
            measures.fps.note(now, 1.0);
            measures.delays.push((now - frame.capture).as_millis_f64());
            if before != i64::MIN {
                measures.gaps.push((now.0 - before) as f64 / 1e6);
            }
        }
        let oldest = now - MediaTime(self.budget.load(Ordering::Relaxed)) - KEEP_BEYOND_BUDGET;
        let mut frames = lock(&self.frames);
        while frames.len() >= MAX_FRAMES || (frames.len() > 1 && frames.front().is_some_and(|front| front.capture < oldest)) {
            frames.pop_front();
        }
        frames.push_back(frame);
    }

    /// The picture for a tick that wants the light of `target`: the next in order while it is within `reach`, else the nearest.
    /// The same picture comes back when there is nothing newer.
    pub fn pick(&self, cursor: &mut Cursor, target: MediaTime, reach: MediaTime) -> Option<Frame> {
        let frames = lock(&self.frames);
        let distance = |frame: &&Frame| (frame.capture - target).abs();
        let following = cursor.seq.and_then(|seq| frames.iter().find(|frame| frame.seq > seq)).filter(|frame| distance(frame) <= reach);
        let picked = following.or_else(|| {
            let floor = cursor.seq.unwrap_or(0);
            frames.iter().filter(|frame| frame.seq >= floor).min_by_key(distance)
        });
        let picked = picked.or_else(|| frames.back()).cloned();
        cursor.seq = picked.as_ref().map(|frame| frame.seq).or(cursor.seq);
        picked
    }

    /// The newest picture.
    pub fn newest(&self) -> Option<Frame> {
        lock(&self.frames).back().cloned()
    }

    /// Time since a picture last became ready; none before the first.
    pub fn age(&self, now: MediaTime) -> Option<MediaTime> {
        let ready = self.newest_ready.load(Ordering::Acquire);
        (ready != i64::MIN).then(|| MediaTime(now.0.saturating_sub(ready)))
    }

    /// How old the newest picture may be: three times the feed's own 99th-percentile gap, 150 to 500 ms.
    pub fn stale_after(&self) -> MediaTime {
        let gap = lock(&self.measures).gaps.percentiles().map_or(0.0, |gaps| gaps.p99);
        MediaTime::from_secs_f64(gap * 3.0 / 1e3).clamp(STALE_MIN, STALE_MAX)
    }

    /// Whether pictures arrive in time.
    pub fn is_live(&self, now: MediaTime) -> bool {
        self.age(now).is_some_and(|age| age <= self.stale_after())
    }

    /// 99th percentile of capture-to-decoded; none until enough pictures came.
    pub fn arrival_delay(&self) -> Option<MediaTime> {
        let measures = lock(&self.measures);
        let delays = measures.delays.percentiles().filter(|_| measures.delays.len() >= ENOUGH_DELAYS)?;
        Some(MediaTime::from_secs_f64(delays.p99 / 1e3))
    }

    /// Tells the feed how far back a tick may look.
    pub fn set_budget(&self, budget: MediaTime) {
        self.budget.store(budget.0, Ordering::Relaxed);
    }

    /// What is measured now.
    pub fn measured(&self) -> Measured {
        let now = self.clock.now();
        let decode_ms = lock(&self.video).as_ref().and_then(|(_, decoder)| decoder.stats().decode_ms);
        let mut measures = lock(&self.measures);
        Measured {
            size: measures.size,
            codec: measures.codec,
            fps: measures.fps.per_second(now),
            bitrate_bps: measures.bits.per_second(now),
            delay_ms: measures.delays.percentiles(),
            frames: self.decoded.load(Ordering::Relaxed),
            decode_ms,
            level_dbfs: measures.level_dbfs,
        }
    }

    /// Pictures a second over the last two.
    pub fn fps(&self) -> f64 {
        let now = self.clock.now();
        lock(&self.measures).fps.per_second(now).unwrap_or(0.0)
    }

    /// Starts recording what arrives into `dir`, or a new part when it is recording already.
    pub fn record(&self, dir: PathBuf, config: &crate::RecordingConfig, on_event: impl FnMut(record::Event) + Send + 'static) -> Result<(), tl_media::Error> {
        let mut recorder = lock(&self.recorder);
        if let Some(recorder) = recorder.as_ref() {
            recorder.new_part();
            return Ok(());
        }
        let config = config.recorder(dir, format!("cam{}", self.slot), record::Kind::Iso);
        *recorder = Some(Recorder::start(config, on_event)?);
        Ok(())
    }

    /// Ends the recording and tells what was written.
    pub fn stop_recording(&self) -> Option<record::Summary> {
        let recorder = lock(&self.recorder).take();
        recorder.and_then(Recorder::finish)
    }

    /// Whether it is being recorded.
    pub fn is_recording(&self) -> bool {
        lock(&self.recorder).is_some()
    }

    /// Ends the part that is being written: nothing more comes for now.
    pub fn end_part(&self) {
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.new_part();
        }
    }

    /// Starts over for a phone that came back: old timing says nothing about the new connection.
    pub fn reconnect(&self) {
        self.end_part();
        let mut measures = lock(&self.measures);
        measures.delays.clear();
        measures.gaps.clear();
        drop(measures);
        // The time without a phone is no gap between its pictures.
        self.newest_ready.store(i64::MIN, Ordering::Release);
        // A decoder that ends joins its thread; the lock is free by then.
        let video = lock(&self.video).take();
        drop(video);
        let opus = lock(&self.opus).take();
        drop(opus);
    }
}

fn hand_over(feed: &Weak<Feed>, frame: Frame) {
    if let Some(feed) = feed.upgrade() {
        feed.take(frame);
    }
}

#[cfg(test)]
mod tests {
    use tl_base::queue::{WhenFull, bounded};
    use tl_frame::{Colour, Memory, PixelFormat, Rotation, VecPlanes};

    use super::*;

    fn feed() -> Arc<Feed> {
        let (sound, _) = bounded(4, WhenFull::DropOldest);
        Feed::new(SourceId { 0: 1 }, MediaClock::starting_at(MediaTime::ZERO), sound)
    }

    fn frame(seq: u64, capture_ms: i64) -> Frame {
        let size = Size::new(16, 16);
        let planes = Arc::new(VecPlanes::new(PixelFormat::I420, size));
        let capture = MediaTime::from_millis(capture_ms);
        Frame {
            source: SourceId { 0: 1 },
            seq,
            format: PixelFormat::I420,
            colour: Colour::PROGRAMME,
            size,
            rotation: Rotation::None,
            capture,
            arrival: capture,
            memory: Memory::Cpu(planes),
        }
    }

    const PERIOD: MediaTime = MediaTime(33_333_333);

    #[test]
    fn a_tick_half_way_between_two_pictures_does_not_flicker() {
        let feed = feed();
        let mut cursor = Cursor::default();
        let mut shown = Vec::new();
        for index in 0..8_i64 {
            // Capture times wobble by ±4 ms around the half-way point.
            let wobble = if index % 2 == 0 { 4 } else { -4 };
            feed.take(frame(index as u64, 1_000 + index * 100 / 3 + wobble));
            let target = MediaTime::from_millis(1_000 + index * 100 / 3 - 16);
            shown.extend(feed.pick(&mut cursor, target, PERIOD).map(|frame| frame.seq));
        }
        assert!(shown.windows(2).skip(1).all(|pair| pair[1] == pair[0] + 1), "{shown:?}");
    }

    #[test]
    fn a_jump_of_the_target_finds_the_nearest_picture() {
        let feed = feed();
        for index in 0..6 {
            feed.take(frame(index, 1_000 + index as i64 * 33));
        }
        let mut cursor = Cursor::default();
        assert_eq!(feed.pick(&mut cursor, MediaTime::from_millis(1_000), PERIOD).map(|frame| frame.seq), Some(0));
        assert_eq!(feed.pick(&mut cursor, MediaTime::from_millis(1_160), PERIOD).map(|frame| frame.seq), Some(5));
        assert_eq!(feed.pick(&mut cursor, MediaTime::from_millis(1_000), PERIOD).map(|frame| frame.seq), Some(5), "never backwards");
    }

    #[test]
    fn a_feed_without_pictures_claims_nothing() {
        let feed = feed();
        assert!(feed.pick(&mut Cursor::default(), MediaTime::ZERO, PERIOD).is_none());
        assert!(feed.age(MediaTime::ZERO).is_none() && !feed.is_live(MediaTime::ZERO));
    }
}
