//! The sound loop: an OS thread that mixes one AAC frame's worth at a time against the same show time as the picture.
//!
//! Late sound is silence for that moment, early sound waits in the mixer, and with no sound at all silence is sent, since
//! players and platforms stall without it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tl_base::queue::Receiver;
use tl_base::{MediaClock, MediaTime, SAMPLE_RATE_HZ, SourceId};
use tl_frame::AudioBlock;
use tl_media::{AacEncoder, OpusEncoder};
use tl_show::{Fader, SoundChoice};
use tl_sound::Mixer;
use tl_wire::Meter;

use crate::air::budget::Budget;
use crate::air::mix::Mix;
use crate::air::returns::{Hearer, Returns};
use crate::outputs::Outputs;

/// Samples of one AAC-LC frame.
const BLOCK: usize = 1_024;
/// Sound further behind than this is given up, so that the loop does not run after a machine that slept.
const MAX_LAG: MediaTime = MediaTime::from_millis(500);

/// What the loop works with.
pub struct Wiring {
    /// Show time.
    pub clock: MediaClock,
    /// What is live, and which sound was chosen.
    pub mix: Arc<ArcSwap<Mix>>,
    /// Every camera's fader.
    pub faders: Arc<ArcSwap<BTreeMap<SourceId, Fader>>>,
    /// The show's delay budget.
    pub budget: Arc<Budget>,
    /// Decoded sound of every camera.
    pub blocks: Receiver<AudioBlock>,
    /// How the programme's sound is finished.
    pub processing: Arc<ArcSwap<tl_sound::Processing>>,
    /// Who hears the programme without their own sound.
    pub hearers: Arc<ArcSwap<Vec<Hearer>>>,
    /// Through whom they hear it; none in a run without phones.
    pub rtc: Option<Arc<tl_rtc::Server>>,
    /// Where viewers' sound goes.
    pub outputs: Arc<Outputs>,
    /// The encoder of everything but WebRTC.
    pub encoder: AacEncoder,
}

/// Bits a second of the programme's sound for viewers by WebRTC.
const OPUS_BPS: u32 = 128_000;

/// With nobody to hear it and no sound for so many blocks (four seconds, which empties every meter) nothing is mixed.
const QUIET_BLOCKS: u32 = 188;
/// So many blocks are slept through at a time then; the first of them that is wanted after all is mixed a moment late.
const REST_BLOCKS: i64 = 4;

/// A running sound loop; dropping it ends it.
pub struct SoundLoop {
    stop: Arc<AtomicBool>,
    meter: Arc<Mutex<Meter>>,
    thread: Option<JoinHandle<()>>,
}

impl SoundLoop {
    /// Starts the loop.
    pub fn start(wiring: Wiring) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let meter = Arc::new(Mutex::new(Meter::default()));
        let (stopped, shown) = (Arc::clone(&stop), Arc::clone(&meter));
        let mixer = Mixer::new(tl_sound::Config::default()).map_err(std::io::Error::other)?;
        let thread = std::thread::Builder::new().name("sound".into()).spawn(move || run(&wiring, mixer, &stopped, &shown))?;
        Ok(Self { stop, meter, thread: Some(thread) })
    }

    /// The programme's meter.
    pub fn meter(&self) -> Meter {
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SoundLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sound loop panicked");
        }
    }
}

fn run(wiring: &Wiring, mut mixer: Mixer, stopped: &AtomicBool, shown: &Mutex<Meter>) {
    // The first block starts on the picture's two-second grid's own sample count, so both tracks count alike.
    let mut sample = wiring.clock.now().to_samples();
    let mut returns = wiring.rtc.clone().map(Returns::new);
    let mut opus = None;
    let mut finish = None;
    let mut begun = false;
    let mut quiet = 0_u32;
    let mut resting = false;
    while !stopped.load(Ordering::Acquire) {
        let pts = MediaTime::from_samples(sample);
        let taken = BLOCK as i64 * if resting { REST_BLOCKS } else { 1 };
        let ready_at = MediaTime::from_samples(sample + taken) + tl_sound::LOOK_AHEAD;
        quiet = if collect_until(wiring, &mut mixer, ready_at) { 0 } else { quiet.saturating_add(1) };
        let lag = wiring.clock.now() - ready_at;
        if lag > MAX_LAG {
            sample += lag.to_samples() / BLOCK as i64 * BLOCK as i64;
            tracing::warn!(lag_ms = lag.as_millis_f64(), "sound was skipped");
            continue;
        }
        let mix = wiring.mix.load();
        let hearers = wiring.hearers.load();
        let idle = !mix.wanted && hearers.is_empty() && quiet > QUIET_BLOCKS;
        // One more block with nobody there, so that the mixer forgets who heard it last.
        if idle && std::mem::replace(&mut resting, idle) {
            sample += taken;
            continue;
        }
        resting = idle;
        let budget = wiring.budget.now();
        set_up(&mut mixer, &mix, &wiring.faders.load(), budget);
        // The programme's loudness is counted from its first picture, not from the slate before it.
        if !begun && mix.shot.live.is_some() {
            mixer.restart_loudness();
            begun = true;
        }
        let processing = **wiring.processing.load();
        if finish.replace(processing) != Some(processing) {
            mixer.set_processing(processing);
        }
        if let Some(returns) = &mut returns {
            returns.announce(&mut mixer, &hearers);
        }
        let (samples, meters) = mixer.mix(pts - budget, BLOCK);
        *shown.lock().unwrap_or_else(PoisonError::into_inner) = meter_of(&meters);
        if let Some(returns) = &mut returns {
            returns.send(&mixer, &hearers, pts);
        }
        if mix.wanted {
            let block = AudioBlock { source: SourceId { 0: 0 }, capture: pts, rate_hz: SAMPLE_RATE_HZ, channels: 2, samples: samples.into() };
            if let Err(error) = wiring.encoder.push(&block) {
                tracing::warn!(%error, "a run of sound was not encoded");
            }
            for_viewers(&wiring.outputs, &mut opus, &block);
        }
        sample += BLOCK as i64;
    }
}

fn meter_of(meters: &tl_sound::Meters) -> Meter {
    Meter {
        peak_dbfs: meters.peak_dbfs,
        short_term_lufs: meters.short_term_lufs,
        limiter_db: meters.limiter_db,
        momentary_lufs: meters.momentary_lufs,
        integrated_lufs: meters.integrated_lufs,
        true_peak_dbtp: Some(meters.true_peak_dbtp),
        ride_db: meters.ride_db,
        duck_db: meters.ducking_db,
    }
}

/// Encodes for viewers by WebRTC, while there are any.
fn for_viewers(outputs: &Arc<Outputs>, opus: &mut Option<OpusEncoder>, block: &AudioBlock) {
    if !outputs.has_viewers() {
        *opus = None;
        return;
    }
    if opus.is_none() {
        let to = Arc::clone(outputs);
        match OpusEncoder::new(SourceId { 0: 0 }, 2, OPUS_BPS, move |unit| to.viewers_sound(&unit)) {
            Ok(encoder) => *opus = Some(encoder),
            Err(error) => tracing::warn!(%error, "viewers by WebRTC hear nothing"),
        }
    }
    if let Some(Err(error)) = opus.as_ref().map(|encoder| encoder.push(block)) {
        tracing::warn!(%error, "a run of sound was not encoded for viewers");
    }
}

/// Gives the mixer what comes until `deadline`; whether anything came. Nothing is mixed before, so the blocks, two hundred a second of
/// four cameras, wake nobody; their queue has room for seconds.
fn collect_until(wiring: &Wiring, mixer: &mut Mixer, deadline: MediaTime) -> bool {
    let instant = wiring.clock.instant_of(deadline);
    std::thread::sleep(instant.saturating_duration_since(std::time::Instant::now()));
    let mut came = false;
    while let Some(block) = wiring.blocks.try_recv() {
        mixer.push(block);
        came = true;
    }
    came
}

/// A camera that is shown later than the budget says is heard as much later.
fn set_up(mixer: &mut Mixer, mix: &Mix, faders: &BTreeMap<SourceId, Fader>, budget: MediaTime) {
    for (source, fader) in faders {
        let lag = mix.feeds.get(source).map_or(MediaTime::ZERO, |feed| feed.lag().beyond(budget));
        let delay = MediaTime::from_millis(i64::from(fader.delay_ms)) + lag;
        mixer.set(*source, tl_sound::Fader { gain_db: fader.gain_db, muted: fader.muted, delay });
    }
    mixer.choose(match mix.sound {
        SoundChoice::FollowVideo => tl_sound::Choice::Follow(mix.shot.live),
        SoundChoice::Fixed { slot } => tl_sound::Choice::Fixed(slot),
        SoundChoice::Mix => tl_sound::Choice::Mix,
    });
}
