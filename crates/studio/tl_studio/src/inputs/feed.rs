//! One camera's media path: access units in, pictures ready for a tick.
//!
//! It runs on the receiver's and the decoder's threads and never waits for the control loop. Late pictures are kept only as
//! long as a tick may still ask for them, early ones wait, and with no picture at all it answers none.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tl_base::queue::Sender as QueueSender;
use tl_base::{MediaClock, MediaTime, Percentiles, RateMeter, Size, SourceId, Window};
use tl_frame::{AccessUnit, AudioBlock, Codec, Frame};
use tl_media::{Recorder, SoundDecoder, VideoDecoder, decode, record};
use tl_sound::align::Envelope;

use crate::inputs::holder::{Holder, Sender};
use crate::inputs::lag::Lag;
use crate::inputs::luma::Brightness;
use crate::inputs::opening::Opening;

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
/// More pictures a second than this are not decoded one by one: only keys are, and the camera is not admitted.
const MAX_FPS: f64 = 65.0;
/// A holder that sent nothing for this long has lost its place to whoever else comes.
const GONE_AFTER: MediaTime = MediaTime::from_secs(5);
/// Sound is there while a block came within this time.
const SOUND_AGE: MediaTime = MediaTime::from_millis(1_000);

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
    /// Capture to arrival, milliseconds: what the sender and the network cost, however busy this machine is.
    pub arrival_ms: Option<Percentiles>,
    /// Pictures decoded since the feed was made.
    pub frames: u64,
    /// Pictures a second as they arrive, decoded or not.
    pub arriving_fps: Option<f64>,
    /// Which decoder, by its element's name.
    pub decoder: Option<&'static str>,
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
    arriving: RateMeter,
    bits: RateMeter,
    delays: Window,
    arrivals: Window,
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
    sound: QueueSender<AudioBlock>,
    holder: Holder,
    measures: Mutex<Measures>,
    frames: Mutex<VecDeque<Frame>>,
    video: Mutex<Option<(Codec, VideoDecoder)>>,
    speech: Mutex<Option<SoundDecoder>>,
    recorder: Mutex<Option<Recorder>>,
    opening: Mutex<Opening>,
    envelope: Mutex<Envelope>,
    brightness: Mutex<Brightness>,
    newest_ready: AtomicI64,
    /// What [`Feed::stale_after`] tells, worked out with each picture: it is asked several times a tick.
    stale_after: AtomicI64,
    newest_unit: AtomicI64,
    newest_sound: AtomicI64,
    decoded: AtomicU64,
    horizon: AtomicI64,
    lag: Lag,
    trim: AtomicI64,
    sound_delay: AtomicI64,
    keys_only: AtomicBool,
    /// Keys alone were decoded until just now: until pictures follow each other again, what arrives tells that it is alive.
    waking: AtomicBool,
    claimed: AtomicI64,
    too_fast: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// A feed for `slot` whose sound goes to `sound`.
    pub fn new(slot: SourceId, clock: MediaClock, sound: QueueSender<AudioBlock>) -> Arc<Self> {
        let measures = Measures {
            size: None,
            codec: None,
            fps: RateMeter::new(MediaTime::from_secs(2)),
            arriving: RateMeter::new(MediaTime::from_secs(1)),
            bits: RateMeter::new(MediaTime::from_secs(2)),
            delays: Window::new(DELAY_SAMPLES),
            arrivals: Window::new(DELAY_SAMPLES),
            gaps: Window::new(DELAY_SAMPLES),
            level_dbfs: None,
        };
        Arc::new(Self {
            slot,
            clock,
            sound,
            holder: Holder::default(),
            measures: Mutex::new(measures),
            frames: Mutex::new(VecDeque::with_capacity(MAX_FRAMES)),
            video: Mutex::new(None),
            speech: Mutex::new(None),
            recorder: Mutex::new(None),
            opening: Mutex::default(),
            envelope: Mutex::new(Envelope::new()),
            brightness: Mutex::default(),
            newest_ready: AtomicI64::new(i64::MIN),
            stale_after: AtomicI64::new(STALE_MIN.0),
            newest_unit: AtomicI64::new(i64::MIN),
            newest_sound: AtomicI64::new(i64::MIN),
            decoded: AtomicU64::new(0),
            horizon: AtomicI64::new(MediaTime::from_millis(100).0),
            lag: Lag::default(),
            trim: AtomicI64::new(0),
            sound_delay: AtomicI64::new(0),
            keys_only: AtomicBool::new(false),
            waking: AtomicBool::new(false),
            claimed: AtomicI64::new(i64::MIN),
            too_fast: AtomicBool::new(false),
        })
    }

    /// Who sends into it.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Gives the feed to `sender` when nobody has it, and starts over for it; true when it is (already) this sender's. To be called
    /// before the sender's first unit, so that nothing of its first group of pictures is lost.
    pub fn claim(&self, sender: Sender) -> bool {
        if self.holder.is(sender) {
            self.begin_anew();
            return true;
        }
        let claimed = self.holder.claim(sender);
        if claimed {
            self.begin_anew();
        }
        claimed
    }

    /// Gives the feed to `sender`, whoever has it, and starts over for it; tells who had it.
    pub fn take_over(&self, sender: Sender) -> Option<Sender> {
        let before = self.holder.replace(sender);
        self.begin_anew();
        before
    }

    fn begin_anew(&self) {
        self.claimed.store(self.clock.now().0, Ordering::Release);
        self.reconnect();
    }

    /// Whether somebody else must not take it: its holder sends, or has not been silent for long enough to be gone.
    pub fn is_taken(&self, now: MediaTime) -> bool {
        let newest = self.newest_unit.load(Ordering::Acquire).max(self.claimed.load(Ordering::Acquire));
        self.holder.now().is_some() && newest != i64::MIN && now.0.saturating_sub(newest) < GONE_AFTER.0
    }

    /// Takes one access unit of whoever holds the feed; anybody else's is left out. Never blocks.
    pub fn push_from(self: &Arc<Self>, sender: Sender, unit: AccessUnit) {
        if self.holder.is(sender) {
            self.push(unit);
        }
    }

    /// The slot.
    pub fn slot(&self) -> SourceId {
        self.slot
    }

    /// Takes one access unit: records it, then decodes it. What the source hides is taken off its times here, so that programme,
    /// recording and everything behind agree. Never blocks.
    fn push(self: &Arc<Self>, mut unit: AccessUnit) {
        let delay = if unit.codec.is_audio() { self.sound_delay.load(Ordering::Relaxed) } else { 0 };
        let shift = MediaTime(delay - self.trim.load(Ordering::Relaxed));
        unit.capture += shift;
        unit.pts += shift;
        unit.dts += shift;
        self.note_unit(&unit);
        match lock(&self.recorder).as_ref() {
            Some(recorder) => recorder.push(&unit),
            None => lock(&self.opening).keep(&unit),
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
            let decoder = VideoDecoder::new(config, move |frame| hand_over(&weak, frame))?;
            decoder.set_keys_only(self.decodes_keys_only());
            *video = Some((unit.codec, decoder));
        }
        match video.as_ref() {
            Some((_, decoder)) => decoder.push(unit),
            None => Ok(()),
        }
    }

    fn push_sound(self: &Arc<Self>, unit: AccessUnit) -> Result<(), tl_media::Error> {
        let mut speech = lock(&self.speech);
        if speech.is_none() {
            let weak = Arc::downgrade(self);
            *speech = Some(SoundDecoder::new(self.slot, move |block| {
                if let Some(feed) = weak.upgrade() {
                    feed.take_sound(block);
                }
            })?);
        }
        match speech.as_ref() {
            Some(decoder) => decoder.push(unit),
            None => Ok(()),
        }
    }

    fn take_sound(&self, block: AudioBlock) {
        let peak = block.samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        lock(&self.measures).level_dbfs = Some(20.0 * peak.max(1e-6).log10());
        self.newest_sound.store(self.clock.now().0, Ordering::Release);
        lock(&self.envelope).push(&block);
        // Sound that nobody mixes any more has nowhere to go.
        self.sound.send(block).ok();
    }

    fn note_unit(&self, unit: &AccessUnit) {
        let now = self.clock.now();
        let mut measures = lock(&self.measures);
        measures.bits.note(now, unit.data.len() as f64 * 8.0);
        if unit.codec.is_audio() {
            return;
        }
        measures.codec = Some(unit.codec);
        measures.arriving.note(now, 1.0);
        measures.arrivals.push((unit.arrival - unit.capture).as_millis_f64());
        let too_fast = measures.arriving.per_second(now).is_some_and(|fps| fps > MAX_FPS);
        drop(measures);
        self.newest_unit.store(now.0, Ordering::Release);
        if self.too_fast.swap(too_fast, Ordering::Relaxed) != too_fast {
            self.tell_decoder();
        }
    }

    fn decodes_keys_only(&self) -> bool {
        self.keys_only.load(Ordering::Relaxed) || self.too_fast.load(Ordering::Relaxed)
    }

    fn tell_decoder(&self) {
        if let Some((_, decoder)) = lock(&self.video).as_ref() {
            decoder.set_keys_only(self.decodes_keys_only());
        }
    }

    /// Saves time: only key pictures are decoded until it is told otherwise. Recording goes on as it was.
    pub fn set_keys_only(&self, only: bool) {
        if self.keys_only.swap(only, Ordering::Relaxed) != only {
            self.waking.store(!only, Ordering::Release);
            self.tell_decoder();
        }
    }

    /// Whether only key pictures are decoded.
    pub fn is_keys_only(&self) -> bool {
        self.keys_only.load(Ordering::Relaxed)
    }

    /// Sets what is taken off every capture time. A recording goes on in a new part, since its times jump.
    pub fn set_trim(&self, trim: MediaTime) {
        let before = self.trim.swap(trim.0, Ordering::Relaxed);
        if before != trim.0 {
            self.lag.shift(MediaTime(trim.0 - before));
            self.end_part();
            lock(&self.envelope).clear();
            lock(&self.brightness).clear();
            let mut measures = lock(&self.measures);
            measures.delays.clear();
            measures.arrivals.clear();
        }
    }

    /// Sets how much later the sound is than it came, for everything behind alike.
    pub fn set_sound_delay(&self, delay: MediaTime) {
        self.sound_delay.store(delay.0, Ordering::Relaxed);
    }

    /// The programme's sound, for the recording's own track; `capture` is when its content was captured.
    pub fn programme_sound(&self, unit: &AccessUnit) {
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.push_programme_sound(unit);
        }
    }

    /// Whether sound arrives.
    pub fn has_sound(&self, now: MediaTime) -> bool {
        let newest = self.newest_sound.load(Ordering::Acquire);
        newest != i64::MIN && now.0.saturating_sub(newest) <= SOUND_AGE.0
    }

    /// Where this feed's sound lies in time against another's.
    pub fn sound_offset_of(&self, other: &Self) -> Result<tl_sound::align::Offset, tl_sound::align::Unsure> {
        tl_sound::align::sound_offset(&lock(&self.envelope), &lock(&other.envelope))
    }

    /// Where a flash that this feed saw lies in time against another's.
    pub fn flash_offset_of(&self, other: &Self) -> Result<tl_sound::align::Offset, tl_sound::align::Unsure> {
        let (own, others) = (lock(&self.brightness).series(), lock(&other.brightness).series());
        tl_sound::align::flash_offset(&own, &others)
    }

    fn take(&self, frame: Frame) {
        let now = self.clock.now();
        let before = self.newest_ready.swap(now.0, Ordering::AcqRel);
        if now.0.saturating_sub(before) < STALE_MIN.0 {
            self.waking.store(false, Ordering::Release);
        }
        self.decoded.fetch_add(1, Ordering::Relaxed);
        {
            let mut measures = lock(&self.measures);
            measures.size = Some(frame.size);
            measures.fps.note(now, 1.0);
            measures.delays.push((now - frame.capture).as_millis_f64());
            if before != i64::MIN {
                measures.gaps.push((now.0 - before) as f64 / 1e6);
                self.note_gaps(&measures.gaps);
            }
        }
        lock(&self.brightness).note(&frame);
        let oldest = now - MediaTime(self.horizon.load(Ordering::Relaxed)) - KEEP_BEYOND_BUDGET;
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

    /// Time since a picture last became ready; none before the first. While only keys are decoded, and until others follow them
    /// again, since one last arrived.
    pub fn age(&self, now: MediaTime) -> Option<MediaTime> {
        let by_arrival = self.is_keys_only() || self.waking.load(Ordering::Acquire);
        let newest = if by_arrival { &self.newest_unit } else { &self.newest_ready };
        let ready = newest.load(Ordering::Acquire);
        (ready != i64::MIN).then(|| MediaTime(now.0.saturating_sub(ready)))
    }

    /// How old the newest picture may be: three times the feed's own 99th-percentile gap, 150 to 500 ms.
    pub fn stale_after(&self) -> MediaTime {
        MediaTime(self.stale_after.load(Ordering::Relaxed))
    }

    fn note_gaps(&self, gaps: &Window) {
        let stale = MediaTime::from_secs_f64(gaps.p99().unwrap_or(0.0) * 3.0 / 1e3).clamp(STALE_MIN, STALE_MAX);
        self.stale_after.store(stale.0, Ordering::Relaxed);
    }

    /// Whether pictures arrive in time.
    pub fn is_live(&self, now: MediaTime) -> bool {
        self.age(now).is_some_and(|age| age <= self.stale_after())
    }

    /// 99th percentile of capture-to-decoded; none until enough pictures came.
    pub fn arrival_delay(&self) -> Option<MediaTime> {
        let measures = lock(&self.measures);
        let p99 = measures.delays.p99().filter(|_| measures.delays.len() >= ENOUGH_DELAYS)?;
        Some(MediaTime::from_secs_f64(p99 / 1e3))
    }

    /// How much later than the show's budget this camera is shown and heard.
    pub fn lag(&self) -> &Lag {
        &self.lag
    }

    /// Tells the feed how far back a tick may look.
    pub fn set_horizon(&self, horizon: MediaTime) {
        self.horizon.store(horizon.0, Ordering::Relaxed);
    }

    /// What is measured now.
    pub fn measured(&self) -> Measured {
        let now = self.clock.now();
        let decoding = lock(&self.video).as_ref().map(|(_, decoder)| decoder.stats());
        let mut measures = lock(&self.measures);
        Measured {
            size: measures.size,
            codec: measures.codec,
            fps: measures.fps.per_second(now),
            bitrate_bps: measures.bits.per_second(now),
            delay_ms: measures.delays.percentiles(),
            arrival_ms: measures.arrivals.percentiles(),
            frames: self.decoded.load(Ordering::Relaxed),
            arriving_fps: measures.arriving.per_second(now),
            decoder: decoding.map(|stats| stats.decoder).filter(|name| !name.is_empty()),
            decode_ms: decoding.and_then(|stats| stats.decode_ms),
            level_dbfs: measures.level_dbfs.filter(|_| self.has_sound(now)),
        }
    }

    /// Pictures a second over the last two.
    pub fn fps(&self) -> f64 {
        let now = self.clock.now();
        lock(&self.measures).fps.per_second(now).unwrap_or(0.0)
    }

    /// Starts recording what arrives into `dir`, from the key picture on that came last; nothing when it is recording already.
    pub fn record(&self, dir: PathBuf, config: &crate::RecordingConfig, on_event: impl FnMut(record::Event) + Send + 'static) -> Result<(), tl_media::Error> {
        let mut recorder = lock(&self.recorder);
        if recorder.is_some() {
            return Ok(());
        }
        let with_programme_sound = config.programme_sound;
        let config = config.recorder(dir, format!("cam{}", self.slot), record::Kind::Iso);
        let started = Recorder::start(config, on_event)?;
        if with_programme_sound {
            started.expect_programme_sound();
        }
        for unit in lock(&self.opening).take() {
            started.push(&unit);
        }
        *recorder = Some(started);
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
        measures.arrivals.clear();
        measures.gaps.clear();
        self.note_gaps(&measures.gaps);
        drop(measures);
        self.lag.forget();
        lock(&self.opening).take();
        // The time without a phone is no gap between its pictures.
        self.newest_ready.store(i64::MIN, Ordering::Release);
        // A decoder that ends joins its thread; the lock is free by then.
        let video = lock(&self.video).take();
        drop(video);
        let speech = lock(&self.speech).take();
        drop(speech);
        lock(&self.envelope).clear();
        lock(&self.brightness).clear();
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

    fn unit(key: bool, bytes: usize) -> AccessUnit {
        let at = MediaTime::ZERO;
        let (source, config_id) = (SourceId { 0: 1 }, tl_frame::ConfigId(0));
        AccessUnit { source, codec: Codec::H264, config_id, capture: at, pts: at, dts: at, arrival: at, key, data: vec![0; bytes].into() }
    }

    #[test]
    fn a_camera_that_is_woken_lives_by_what_arrives_until_its_pictures_follow_each_other() {
        let feed = feed();
        feed.take(frame(1, 0));
        feed.set_keys_only(true);
        let later = |ms: i64| feed.clock.now() + MediaTime::from_millis(ms);
        feed.newest_ready.store((feed.clock.now() - MediaTime::from_secs(2)).0, Ordering::Release);
        feed.note_unit(&unit(false, 10));
        assert!(feed.is_live(later(100)), "keys alone are decoded, the rest arrives");
        feed.set_keys_only(false);
        assert!(feed.is_live(later(100)), "cut to now, its next key is still to come");
        feed.take(frame(2, 2_000));
        feed.note_unit(&unit(false, 10));
        assert!(feed.waking.load(Ordering::Acquire), "the first picture alone says nothing");
        feed.take(frame(3, 2_033));
        assert!(!feed.waking.load(Ordering::Acquire));
        assert!(!feed.is_live(later(2_000)), "from then on it lives by its pictures");
    }

    #[test]
    fn a_place_is_taken_until_its_holder_was_silent_for_long() {
        let feed = feed();
        let (one, other) = (Sender::fresh(), Sender::fresh());
        assert!(!feed.is_taken(feed.clock.now()) && feed.claim(one) && !feed.claim(other));
        let now = feed.clock.now();
        assert!(feed.is_taken(now) && feed.is_taken(now + MediaTime::from_secs(4)) && !feed.is_taken(now + MediaTime::from_secs(6)));
        assert_eq!(feed.take_over(other), Some(one));
    }

    #[test]
    fn a_feed_without_pictures_claims_nothing() {
        let feed = feed();
        assert!(feed.pick(&mut Cursor::default(), MediaTime::ZERO, PERIOD).is_none());
        assert!(feed.age(MediaTime::ZERO).is_none() && !feed.is_live(MediaTime::ZERO));
    }
}
