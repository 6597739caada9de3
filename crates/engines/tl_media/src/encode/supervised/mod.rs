//! An encoder that is watched: one that hangs or fails is replaced, and one that does so again and again is given up for
//! another. The better one is tried again beside it, and used again when the trial goes well.
//!
//! A picture that comes while there is no encoder is refused like one that comes too early; what a dead encoder held is lost.
//! Units stay in order over every change: one from before the last that was given out is dropped, and each new encoder begins
//! with a key picture.

mod circuit;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use tl_base::{MediaTime, Rate, never};
use tl_frame::{AccessUnit, ConfigId, Frame, PixelFormat, h264};

use crate::Error;
use crate::encode::supervised::circuit::{Circuit, Patience};
use crate::encode::supervised::watch::{Aside, Watch};
use crate::encode::{Video, VideoEncoder, choice};
use crate::line::lock;

/// How long an encoder may take to start; a driver that hangs may never come back.
const START_LIMIT: Duration = Duration::from_secs(5);

/// What an encoder makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quality {
    /// The encoder's element.
    pub encoder: String,
    /// Target, bits a second.
    pub bitrate_bps: u32,
    /// One picture in so many is encoded.
    pub one_in: u32,
}

/// What happened to the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It hung or failed and was started anew.
    Restarted {
        /// Its element.
        encoder: String,
        /// One phrase for a person.
        reason: String,
    },
    /// It hung or failed too often and was given up for another, or for less.
    CircuitOpened {
        /// What was given up.
        from: Quality,
        /// What is made from now on.
        to: Quality,
        /// One phrase for a person.
        reason: String,
    },
    /// An encoder did not start; it is tried again.
    StartFailed {
        /// One phrase for a person.
        reason: String,
    },
    /// One that was given up passed a trial after a rest and is used again, on probation: one more fault gives it up for longer.
    HalfOpen {
        /// What is made from now on.
        to: Quality,
    },
    /// It has held.
    CircuitClosed {
        /// What is made.
        quality: Quality,
    },
}

type OnEvent = Box<dyn FnMut(Event) + Send>;

/// The programme's encoder under a watch of its own thread. Dropping it joins the thread; an encoder that is stuck for good
/// is left to its fate after two seconds.
pub struct Supervised {
    shared: Arc<Shared>,
    watch: Option<JoinHandle<()>>,
}

struct Shared {
    config: Video,
    format: PixelFormat,
    /// Best first; the last is less of the same.
    ladder: Vec<Quality>,
    current: Mutex<Current>,
    output: Arc<Mutex<Output>>,
    /// Encoders started so far.
    generations: AtomicU64,
    restarts: AtomicU64,
    stop: Mutex<bool>,
    stopped: Condvar,
}

struct Current {
    /// None while another is on its way.
    encoder: Option<Arc<VideoEncoder>>,
    rung: usize,
    /// Pictures that came since the start.
    pictures: u64,
    key_asked: bool,
}

/// Where the units of every encoder come together.
struct Output {
    on_unit: Box<dyn FnMut(AccessUnit) + Send>,
    /// Whose units are taken: those of this encoder and of later ones.
    generation: u64,
    last: Option<MediaTime>,
    parameters: Option<h264::Parameters>,
    config_id: ConfigId,
}

impl Output {
    fn take(&mut self, generation: u64, mut unit: AccessUnit) {
        // An encoder that was given up may still find its voice.
        if generation < self.generation || self.last.is_some_and(|last| unit.pts <= last) {
            return;
        }
        self.generation = generation;
        if let Some(found) = Some(&unit).filter(|unit| unit.key).and_then(|unit| h264::Parameters::find(&unit.data)) {
            if self.parameters.as_ref().is_some_and(|known| *known != found) {
                self.config_id.0 += 1;
            }
            self.parameters = Some(found);
        }
        self.last = Some(unit.pts);
        unit.config_id = self.config_id;
        (self.on_unit)(unit);
    }
}

impl Supervised {
    /// Starts the best encoder that works. Both callbacks run on threads of the encoder's.
    pub fn start(
        config: Video,
        format: PixelFormat,
        on_unit: impl FnMut(AccessUnit) + Send + 'static,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, Error> {
        Self::start_with(config, format, Patience::default(), |name| choice::try_out(name).is_ok(), Vec::new(), on_unit, on_event)
    }

    /// The same with another patience, another way to try an encoder out, and threads that are stuck already.
    fn start_with(
        config: Video,
        format: PixelFormat,
        patience: Patience,
        trial: fn(&str) -> bool,
        mut stuck: Vec<Aside>,
        on_unit: impl FnMut(AccessUnit) + Send + 'static,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, Error> {
        crate::init()?;
        // An encoder that was asked for by a name that is none is a mistake to tell, not a fault to get around.
        if let Some(name) = config.encoder.as_deref().filter(|name| gst::ElementFactory::find(name).is_none()) {
            return Err(Error::Missing(name.to_owned()));
        }
        let ladder = ladder(&config);
        let output = Output { on_unit: Box::new(on_unit), generation: 0, last: None, parameters: None, config_id: ConfigId(0) };
        let shared = Arc::new(Shared {
            current: Mutex::new(Current { encoder: None, rung: 0, pictures: 0, key_asked: false }),
            output: Arc::new(Mutex::new(output)),
            generations: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
            config,
            format,
            ladder,
        });
        let rung = shared.first(&mut stuck)?;
        let circuit = Circuit::new(patience, shared.ladder.len(), rung, Instant::now());
        let watch = Watch::new(Arc::clone(&shared), circuit, trial, Box::new(on_event), stuck);
        let spawned = std::thread::Builder::new().name("encoder-watch".to_owned()).spawn(move || watch.run());
        let watch = spawned.map_err(|error| Error::Pipeline { what: "encoder", detail: error.to_string() })?;
        Ok(Self { shared, watch: Some(watch) })
    }

    /// Takes a picture; never waits. [`Error::Full`] when the encoder is behind or on its way; a key that was asked for then
    /// comes with the next picture taken.
    pub fn push(&self, picture: Frame, force_key: bool) -> Result<(), Error> {
        let mut current = lock(&self.shared.current);
        current.key_asked |= force_key;
        let place = current.pictures;
        current.pictures += 1;
        let one_in = self.shared.ladder.get(current.rung).map_or(1, |quality| quality.one_in);
        if !place.is_multiple_of(u64::from(one_in.max(1))) {
            return Ok(());
        }
        let encoder = current.encoder.clone().ok_or(Error::Full)?;
        let key = current.key_asked;
        drop(current);
        // What a failing encoder says is the watch's business: for the caller the picture just was not taken.
        match encoder.push(picture, key) {
            Err(Error::Pipeline { .. } | Error::Closed) => return Err(Error::Full),
            other => other?,
        }
        if key {
            lock(&self.shared.current).key_asked = false;
        }
        Ok(())
    }

    /// The encoder in use, by its element's name.
    pub fn name(&self) -> String {
        self.quality().encoder
    }

    /// What is made now.
    pub fn quality(&self) -> Quality {
        self.shared.quality(lock(&self.shared.current).rung)
    }

    /// Encoders started after the first.
    pub fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// Makes the running encoder stand still, for tests.
    #[doc(hidden)]
    pub fn inject_hang(&self) {
        if let Some(encoder) = lock(&self.shared.current).encoder.as_ref() {
            encoder.inject_hang();
        }
    }

    /// Makes the running encoder fail, for tests.
    #[doc(hidden)]
    pub fn inject_failure(&self) {
        if let Some(encoder) = lock(&self.shared.current).encoder.as_ref() {
            encoder.inject_failure();
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        *lock(&self.shared.stop) = true;
        self.shared.stopped.notify_all();
        if self.watch.take().is_some_and(|watch| watch.join().is_err()) {
            never!("the encoder's watch panicked");
        }
    }
}

/// Every encoder that there is at full quality, then the best of the software at half the rate and bitrate.
fn ladder(config: &Video) -> Vec<Quality> {
    let full = |encoder: &String| Quality { encoder: encoder.clone(), bitrate_bps: config.bitrate_bps, one_in: 1 };
    let mut names = choice::candidates(config.encoder.as_deref());
    // A wish is where to begin, not where to end.
    names.extend(choice::candidates(None));
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    let mut ladder: Vec<Quality> = names.iter().map(full).collect();
    let last = names.iter().find(|name| !choice::is_hardware(name)).or_else(|| names.first());
    if let Some(name) = last {
        ladder.push(Quality { encoder: name.clone(), bitrate_bps: config.bitrate_bps / 2, one_in: 2 });
    }
    ladder
}

impl Shared {
    fn quality(&self, rung: usize) -> Quality {
        let none = || Quality { encoder: String::new(), bitrate_bps: 0, one_in: 1 };
        self.ladder.get(rung).or(self.ladder.last()).cloned().unwrap_or_else(none)
    }

    /// The first rung from this one on that no driver can stop.
    fn software_from(&self, rung: usize) -> Option<usize> {
        (rung..self.ladder.len()).find(|rung| !choice::is_hardware(&self.quality(*rung).encoder))
    }

    /// Starts the first that starts and tells which; when none does there is nothing to watch.
    fn first(&self, stuck: &mut Vec<Aside>) -> Result<usize, Error> {
        let mut last = Error::NoEncoder("none".to_owned());
        for rung in 0..self.ladder.len() {
            match self.begin(rung, stuck) {
                Ok(_) => return Ok(rung),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Starts what stands on a rung, takes it into use and gives back what was used before. Units of that one are taken
    /// until the first of the new one comes.
    fn begin(&self, rung: usize, stuck: &mut Vec<Aside>) -> Result<Option<Arc<VideoEncoder>>, Error> {
        let quality = self.quality(rung);
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let rate = Rate::new(self.config.rate.num, self.config.rate.den * quality.one_in).unwrap_or(self.config.rate);
        let config = Video { encoder: Some(quality.encoder), bitrate_bps: quality.bitrate_bps, rate, ..self.config.clone() };
        let (output, format) = (Arc::clone(&self.output), self.format);
        let (sender, receiver) = mpsc::sync_channel(1);
        let starting = Aside::run("encoder-start", move || {
            let started = VideoEncoder::with_format(config, format, move |unit| lock(&output).take(generation, unit));
            if sender.send(started).is_err() {
                tracing::warn!("an encoder started too late");
            }
        });
        let answer = receiver.recv_timeout(START_LIMIT);
        stuck.extend(starting);
        let late = |_| Error::Pipeline { what: "encoder", detail: "it does not start".to_owned() };
        let encoder = answer.map_err(late)??;
        let mut current = lock(&self.current);
        current.rung = rung;
        Ok(current.encoder.replace(Arc::new(encoder)))
    }

    /// What an encoder that is given up still has to say is not heard.
    fn silence(&self) {
        lock(&self.output).generation = self.generations.load(Ordering::Relaxed) + 1;
    }

    /// Waits; true when all ends.
    fn wait_stopped(&self, limit: Duration) -> bool {
        let guard = lock(&self.stop);
        *self.stopped.wait_timeout_while(guard, limit, |stop| !*stop).unwrap_or_else(PoisonError::into_inner).0
    }
}
