//! Where the encoded programme goes: live playlist, viewers by WebRTC, recording, destinations, content store.
//!
//! Everything here takes access units on the encoders' threads and must return at once; whatever is slow has a bounded queue and a
//! thread of its own.

pub mod encoder;
pub mod segments;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tl_base::queue::Sender;
use tl_base::{MediaClock, MediaTime, RateMeter, Wall};
use tl_frame::AccessUnit;
use tl_media::push::{self, Push};
use tl_media::{Recorder, record};
use tl_playlist::{Finished, Notice, Presentation, ResumePoint};
use tl_wire::OutputView;
use tokio::sync::watch;

use crate::air::program::Counts;
use crate::air::trace::Trace;
use crate::config::Destination;
use crate::leaving::Leaving;
use segments::Kept;

/// Bitrates are told over this time.
const RATE_OVER: MediaTime = MediaTime::from_secs(4);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The live playlist and its version.
pub struct Live {
    presentation: Mutex<Presentation>,
    version: watch::Sender<u64>,
}

/// What a change of the playlist led to.
struct Changed {
    finished: Vec<Finished>,
    notices: Vec<Notice>,
    resume: Option<ResumePoint>,
}

impl Live {
    /// Answers a request for live media.
    pub fn get(&self, path: &str, query: &str) -> tl_playlist::Answer {
        lock(&self.presentation).get(path, query)
    }

    /// Rises whenever an answer might change.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// How it fares.
    pub fn figures(&self) -> tl_playlist::Figures {
        lock(&self.presentation).figures()
    }

    fn change(&self, now: Wall, change: impl FnOnce(&mut Presentation) -> Vec<Finished>) -> Changed {
        let mut presentation = lock(&self.presentation);
        let before = presentation.version();
        presentation.set_now(now);
        let finished = change(&mut presentation);
        let notices = presentation.take_notices();
        let resume = (!finished.is_empty()).then(|| presentation.resume_point());
        let after = presentation.version();
        drop(presentation);
        if after != before {
            self.version.send_replace(after);
        }
        Changed { finished, notices, resume }
    }
}

struct Pushing {
    current: Arc<AtomicBool>,
    name: String,
    url: String,
    push: Push,
    meter: Mutex<RateMeter>,
    seen: Mutex<u64>,
}

/// A destination's state as it was told last.
#[derive(Clone, Debug, Default)]
struct State {
    state: String,
    detail: String,
    retry_at: Option<MediaTime>,
}

/// What is told about destinations.
#[derive(Clone, Debug)]
pub struct DestinationEvent {
    /// The destination.
    pub name: String,
    /// What happened.
    pub event: push::Event,
    /// Whether the connection that tells it is still the destination's own: one that was let go may speak once more.
    pub current: Arc<AtomicBool>,
}

/// Who hears of notices of the live playlist; must return at once.
pub type Notices = Box<dyn Fn(Notice) + Send + Sync>;

/// All ways out of the studio.
pub struct Outputs {
    clock: MediaClock,
    trace: Option<Trace>,
    live: Option<Live>,
    recorder: Mutex<Option<Recorder>>,
    pushes: Mutex<BTreeMap<String, Arc<Pushing>>>,
    states: Mutex<BTreeMap<String, State>>,
    store: Option<Sender<Kept>>,
    notices: OnceLock<Notices>,
    rtc: OnceLock<Arc<tl_rtc::Server>>,
    counts: OnceLock<Arc<Counts>>,
    key_wanted: AtomicBool,
    coarse: AtomicBool,
    leaving: Leaving,
    hls_bytes: Mutex<(u64, RateMeter)>,
    whep_bytes: AtomicU64,
}

impl Outputs {
    /// Ways out without any open yet. Without `presentation` there is no live playlist.
    pub fn new(clock: MediaClock, trace: Option<Trace>, presentation: Option<Presentation>, store: Option<Sender<Kept>>) -> Arc<Self> {
        let live = presentation.map(|presentation| Live { presentation: Mutex::new(presentation), version: watch::channel(0).0 });
        Arc::new(Self {
            clock,
            trace,
            live,
            recorder: Mutex::default(),
            pushes: Mutex::default(),
            states: Mutex::default(),
            store,
            notices: OnceLock::new(),
            rtc: OnceLock::new(),
            counts: OnceLock::new(),
            key_wanted: AtomicBool::new(false),
            coarse: AtomicBool::new(false),
            leaving: Leaving::default(),
            hls_bytes: Mutex::new((0, RateMeter::new(RATE_OVER))),
            whep_bytes: AtomicU64::new(0),
        })
    }

    /// Who hears of notices, and through whom viewers by WebRTC are served; once.
    pub fn connect_to(&self, notices: Notices, rtc: Option<Arc<tl_rtc::Server>>) {
        let known = self.notices.set(notices).is_err() || rtc.is_some_and(|rtc| self.rtc.set(rtc).is_err());
        if known {
            tl_base::never!("the ways out were connected twice");
        }
    }

    /// Whose counts tell what the programme missed; once.
    pub fn count_by(&self, counts: Arc<Counts>) {
        if self.counts.set(counts).is_err() {
            tl_base::never!("two programme loops");
        }
    }

    /// Ticks that were not encoded or sent again since the start, but for those that were left out on purpose.
    pub fn missed_ticks(&self) -> u64 {
        let count = |counts: &Arc<Counts>| {
            let dropped = counts.dropped.load(Ordering::Relaxed).saturating_sub(counts.spared.load(Ordering::Relaxed));
            dropped + counts.repeated.load(Ordering::Relaxed)
        };
        self.counts.get().map_or(0, count)
    }

    /// Ticks that were over before the programme loop came to them, since the start.
    pub fn starved_ticks(&self) -> u64 {
        self.counts.get().map_or(0, |counts| counts.missed.load(Ordering::Relaxed))
    }

    /// Asks for a key picture soon: somebody begins to watch or to receive.
    pub fn ask_key(&self) {
        self.key_wanted.store(true, Ordering::Release);
    }

    /// Whether the programme is encoded less finely, to save time.
    pub fn set_coarse(&self, coarse: bool) {
        self.coarse.store(coarse, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn is_coarse(&self) -> bool {
        self.coarse.load(Ordering::Relaxed)
    }

    /// The live playlist.
    pub fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Takes one encoded picture of the programme.
    pub fn video(&self, unit: &AccessUnit) {
        if let Some(trace) = &self.trace {
            trace.encoded(unit.pts, Wall::now());
        }
        if unit.key {
            self.key_wanted.store(false, Ordering::Release);
        }
        self.to_viewers(unit);
        self.package(unit, Presentation::push_video);
        self.hand_on(unit);
    }

    /// Whether a key picture is needed now.
    pub fn wants_key(&self) -> bool {
        self.key_wanted.load(Ordering::Acquire) || self.live.as_ref().is_some_and(|live| lock(&live.presentation).wants_key())
    }

    /// Takes one encoded run of the programme's sound.
    pub fn sound(&self, unit: &AccessUnit) {
        self.package(unit, Presentation::push_audio);
        self.hand_on(unit);
    }

    /// Takes one encoded run of the programme's sound for viewers by WebRTC.
    pub fn viewers_sound(&self, unit: &AccessUnit) {
        self.to_viewers(unit);
    }

    /// Whether anybody watches by WebRTC, so that their sound is needed.
    pub fn has_viewers(&self) -> bool {
        self.rtc.get().is_some_and(|rtc| rtc.viewers() > 0)
    }

    fn to_viewers(&self, unit: &AccessUnit) {
        let Some(rtc) = self.rtc.get().filter(|rtc| rtc.viewers() > 0) else { return };
        // A full queue leaves pictures out until the next key, for these viewers alone.
        if rtc.send_programme(unit) {
            self.whep_bytes.fetch_add(unit.data.len() as u64, Ordering::Relaxed);
        }
    }

    fn package(&self, unit: &AccessUnit, push: impl FnOnce(&mut Presentation, &AccessUnit, Wall) -> Vec<Finished>) {
        let Some(live) = &self.live else { return };
        let wall = self.clock.wall_of(unit.pts);
        let changed = live.change(self.clock.wall_of(self.clock.now()), |presentation| push(presentation, unit, wall));
        let mut bytes = lock(&self.hls_bytes);
        bytes.0 += unit.data.len() as u64;
        bytes.1.note(self.clock.now(), unit.data.len() as f64 * 8.0);
        drop(bytes);
        self.follow(changed);
    }

    /// Tells and keeps what a change of the playlist led to.
    fn follow(&self, changed: Changed) {
        if let Some(listener) = self.notices.get() {
            changed.notices.into_iter().for_each(listener);
        }
        let Some(store) = &self.store else { return };
        // A store that is gone is the end of the studio; the live playlist serves from memory.
        for finished in changed.finished {
            store.send(Kept::Segment(finished)).ok();
        }
        if let Some(resume) = changed.resume {
            store.send(Kept::Resume(resume)).ok();
        }
    }

    fn hand_on(&self, unit: &AccessUnit) {
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.push(unit);
        }
        for pushing in lock(&self.pushes).values() {
            pushing.push.push(unit);
        }
    }

    /// Starts recording the programme into `dir`.
    pub fn record(&self, dir: PathBuf, config: &crate::RecordingConfig, on_event: impl FnMut(record::Event) + Send + 'static) -> Result<(), tl_media::Error> {
        let mut recorder = lock(&self.recorder);
        if recorder.is_none() {
            *recorder = Some(Recorder::start(config.recorder(dir, "programme".into(), record::Kind::Programme), on_event)?);
        }
        Ok(())
    }

    /// Ends the recording and tells what was written.
    pub fn stop_recording(&self) -> Option<record::Summary> {
        let recorder = lock(&self.recorder).take();
        recorder.and_then(Recorder::finish)
    }

    /// Whether the programme is being recorded.
    pub fn is_recording(&self) -> bool {
        lock(&self.recorder).is_some()
    }

    /// Starts sending to a destination; does nothing when it is being sent to.
    pub fn connect(
        &self,
        destination: &Destination,
        has_audio: bool,
        mut on_event: impl FnMut(DestinationEvent) + Send + 'static,
    ) -> Result<(), tl_media::Error> {
        let name = destination.name.as_str();
        if self.state_of(name).is_some_and(|state| state == "refused") {
            // Its supervisor has given up; asking again means starting anew.
            self.say_goodbye(name);
        }
        if self.is_connected(name) {
            return Ok(());
        }
        let (label, current) = (name.to_owned(), Arc::new(AtomicBool::new(true)));
        let own = Arc::clone(&current);
        let config = push::Config { name: name.to_owned(), url: destination.url.clone(), has_audio, extra_roots: Vec::new() };
        let push = Push::start(config, move |event| {
            on_event(DestinationEvent { name: label.clone(), event, current: Arc::clone(&own) });
        })?;
        let pushing =
            Pushing { current, name: name.to_owned(), url: destination.shown(), push, meter: Mutex::new(RateMeter::new(RATE_OVER)), seen: Mutex::new(0) };
        lock(&self.pushes).insert(name.to_owned(), Arc::new(pushing));
        Ok(())
    }

    /// Stops sending to a destination.
    pub fn disconnect(&self, name: &str) {
        self.say_goodbye(name);
        self.note_state(name, "off", "", None);
    }

    /// Whether a destination is being sent to.
    pub fn is_connected(&self, name: &str) -> bool {
        lock(&self.pushes).contains_key(name)
    }

    /// Lets a destination go on a thread of its own: its supervisor may sit in a name look-up, and nobody waits for that.
    fn say_goodbye(&self, name: &str) {
        let pushing = lock(&self.pushes).remove(name);
        if let Some(pushing) = pushing {
            pushing.current.store(false, Ordering::Release);
            self.leaving.let_go("a destination", pushing);
        }
    }

    fn state_of(&self, name: &str) -> Option<String> {
        lock(&self.states).get(name).map(|known| known.state.clone())
    }

    /// Notes a destination's state for the snapshot.
    pub fn note_state(&self, name: &str, state: &str, detail: &str, retry_at: Option<MediaTime>) {
        lock(&self.states).insert(name.to_owned(), State { state: state.to_owned(), detail: detail.to_owned(), retry_at });
    }

    /// Whether anything but the playlist takes the programme.
    pub fn has_consumers(&self) -> bool {
        lock(&self.recorder).is_some() || !lock(&self.pushes).is_empty() || self.has_viewers()
    }

    /// All ways out, for a snapshot.
    pub fn view(&self) -> Vec<OutputView> {
        let now = self.clock.now();
        let mut views = Vec::new();
        if self.live.is_some() {
            let mut bytes = lock(&self.hls_bytes);
            let bitrate_bps = bytes.1.per_second(now);
            let state = if bitrate_bps.is_some() { "live" } else { "waiting" };
            views.push(OutputView { bytes: bytes.0, bitrate_bps, ..blank_view("Watch page", "hls", "live.m3u8", state) });
        }
        if let Some(rtc) = self.rtc.get() {
            let state = if rtc.viewers() > 0 { "live" } else { "waiting" };
            let bytes = self.whep_bytes.load(Ordering::Relaxed);
            views.push(OutputView { bytes, ..blank_view("Watch page, WebRTC", "whep", "whep", state) });
        }
        let pushes: Vec<Arc<Pushing>> = lock(&self.pushes).values().cloned().collect();
        let states = lock(&self.states);
        for pushing in pushes {
            let stats = pushing.push.stats();
            let mut seen = lock(&pushing.seen);
            let mut meter = lock(&pushing.meter);
            meter.note(now, stats.bytes.saturating_sub(*seen) as f64 * 8.0);
            *seen = stats.bytes;
            let known = states.get(&pushing.name).cloned().unwrap_or_else(|| State { state: "connecting".into(), ..State::default() });
            views.push(OutputView {
                detail: known.detail,
                bytes: stats.bytes,
                reconnects: u32::try_from(stats.reconnects).unwrap_or(u32::MAX),
                bitrate_bps: meter.per_second(now),
                retry_in_ms: known.retry_at.map(|at| millis_until(at, now)),
                dropped: stats.dropped,
                ..blank_view(&pushing.name, pushing.push.protocol(), &pushing.url, &known.state)
            });
        }
        views
    }

    /// Closes the playlist for good.
    pub fn end(&self) {
        if let Some(live) = &self.live {
            self.follow(live.change(self.clock.wall_of(self.clock.now()), Presentation::end));
        }
        let names: Vec<String> = lock(&self.pushes).keys().cloned().collect();
        for name in names {
            self.say_goodbye(&name);
        }
    }
}

/// A way out of which nothing is measured.
pub fn blank_view(name: &str, kind: &str, url: &str, state: &str) -> OutputView {
    OutputView {
        name: name.into(),
        kind: kind.into(),
        url: url.into(),
        state: state.into(),
        detail: String::new(),
        bytes: 0,
        reconnects: 0,
        bitrate_bps: None,
        retry_in_ms: None,
        dropped: 0,
    }
}

/// What is left until `at`, for a countdown.
pub fn millis_until(at: MediaTime, now: MediaTime) -> u32 {
    u32::try_from((at - now).0.max(0) / 1_000_000).unwrap_or(u32::MAX)
}
