//! The sound loop: an OS thread that mixes one AAC frame's worth at a time against the same show time as the picture.
//!
//! Late sound is silence for that moment, early sound waits in the mixer, and with no sound at all silence is sent, since
//! players and platforms stall without it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tl_base::queue::{Received, Receiver};
use tl_base::{MediaClock, MediaTime, SAMPLE_RATE_HZ, SourceId};
use tl_frame::AudioBlock;
use tl_media::AacEncoder;
use tl_show::{Fader, SoundChoice};
use tl_sound::Mixer;
use tl_wire::Meter;

use crate::budget::Budget;
use crate::mix::Mix;

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
    /// The one encoder.
    pub encoder: AacEncoder,
}

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
    while !stopped.load(Ordering::Acquire) {
        let pts = MediaTime::from_samples(sample);
        let ready_at = MediaTime::from_samples(sample + BLOCK as i64) + tl_sound::LOOK_AHEAD;
        collect_until(wiring, &mut mixer, ready_at);
        let lag = wiring.clock.now() - ready_at;
        if lag > MAX_LAG {
            sample += lag.to_samples() / BLOCK as i64 * BLOCK as i64;
            tracing::warn!(lag_ms = lag.as_millis_f64(), "sound was skipped");
            continue;
        }
        let mix = wiring.mix.load();
        set_up(&mut mixer, &mix, &wiring.faders.load());
        let (samples, meters) = mixer.mix(pts - wiring.budget.now(), BLOCK);
        *shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Meter { peak_dbfs: meters.peak_dbfs, short_term_lufs: meters.short_term_lufs, limiter_db: meters.limiter_db };
        if mix.wanted {
            let block = AudioBlock { source: SourceId { 0: 0 }, capture: pts, rate_hz: SAMPLE_RATE_HZ, channels: 2, samples: samples.into() };
            if let Err(error) = wiring.encoder.push(&block) {
                tracing::warn!(%error, "a run of sound was not encoded");
            }
        }
        sample += BLOCK as i64;
    }
}

fn collect_until(wiring: &Wiring, mixer: &mut Mixer, deadline: MediaTime) {
    let instant = wiring.clock.instant_of(deadline);
    loop {
        let left = instant.saturating_duration_since(std::time::Instant::now());
        match wiring.blocks.recv_timeout(left) {
            Received::Item(block) => mixer.push(block),
            Received::TimedOut => return,
            Received::Closed => {
                std::thread::sleep(left);
                return;
            }
        }
    }
}

fn set_up(mixer: &mut Mixer, mix: &Mix, faders: &BTreeMap<SourceId, Fader>) {
    for (source, fader) in faders {
        mixer.set(*source, tl_sound::Fader { gain_db: fader.gain_db, muted: fader.muted, delay: MediaTime::from_millis(i64::from(fader.delay_ms)) });
    }
    mixer.choose(match mix.sound {
        SoundChoice::FollowVideo => tl_sound::Choice::Follow(mix.shot.live),
        SoundChoice::Fixed { slot } => tl_sound::Choice::Fixed(slot),
        SoundChoice::Mix => tl_sound::Choice::Mix,
    });
}
