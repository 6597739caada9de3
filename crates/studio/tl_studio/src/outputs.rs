//! Where the encoded programme goes: live playlist, recording, destinations, content store.
//!
//! Everything here takes access units on the encoders' threads and must return at once; whatever is slow has a bounded queue and a
//! thread of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tl_base::queue::{Sender, WhenFull, bounded};
use tl_base::{MediaClock, MediaTime, RateMeter, Secret, Wall};
use tl_frame::{AccessUnit, Frame};
use tl_media::{Recorder, RtmpPush, VideoEncoder, encode, record, rtmp};
use tl_playlist::{Finished, Presentation};
use tl_store::ContentStore;
use tl_wire::OutputView;
use tokio::sync::watch;

use crate::trace::Trace;

/// Whole segments waiting for the content store: half a minute; more are not stored, and counted.
const STORE_QUEUE: usize = 32;
/// Key pictures off the grid come at most this often: one a second.
const EXTRA_KEYS_APART: MediaTime = MediaTime::from_secs(1);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The live playlist and its version.
pub struct Live {
    presentation: Mutex<Presentation>,
    version: watch::Sender<u64>,
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

    fn change(&self, change: impl FnOnce(&mut Presentation) -> Vec<Finished>) -> Vec<Finished> {
        let mut presentation = lock(&self.presentation);
        let before = presentation.version();
        let finished = change(&mut presentation);
        let after = presentation.version();
        drop(presentation);
        if after != before {
            self.version.send_replace(after);
        }
        finished
    }
}

struct Push {
    name: String,
    url: String,
    push: RtmpPush,
    meter: Mutex<RateMeter>,
    seen: Mutex<u64>,
}

/// What is told about destinations.
pub type DestinationEvent = (String, rtmp::Event);

/// All ways out of the studio.
pub struct Outputs {
    clock: MediaClock,
    trace: Option<Trace>,
    live: Option<Live>,
    recorder: Mutex<Option<Recorder>>,
    pushes: Mutex<BTreeMap<String, Arc<Push>>>,
    states: Mutex<BTreeMap<String, (String, String)>>,
    store: Option<Sender<Finished>>,
    goodbyes: Mutex<Vec<JoinHandle<()>>>,
    hls_bytes: Mutex<(u64, RateMeter)>,
}

/// The content store's thread; joined when dropped, after the outputs are gone.
pub struct StoreWriter(Option<JoinHandle<()>>);

impl Drop for StoreWriter {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the content store's writer panicked");
        }
    }
}

/// Starts the thread that files finished segments away, after it has removed those that are older than `retention_days`.
pub fn store_writer(store: Arc<ContentStore>, retention_days: u32) -> std::io::Result<(StoreWriter, Sender<Finished>)> {
    let (sender, waiting) = bounded::<Finished>(STORE_QUEUE, WhenFull::DropOldest);
    let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
        match store.expire(Duration::from_secs(u64::from(retention_days) * 86_400)) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old segments were removed"),
            Err(error) => tracing::warn!(%error, "old segments were not removed"),
        }
        while let Some(finished) = waiting.recv() {
            if let Err(error) = store.put(&finished.body) {
                tracing::warn!(%error, name = finished.name, "a segment was not stored");
            }
        }
    })?;
    Ok((StoreWriter(Some(thread)), sender))
}

impl Outputs {
    /// Ways out without any open yet. Without `presentation` there is no live playlist.
    pub fn new(clock: MediaClock, trace: Option<Trace>, presentation: Option<Presentation>, store: Option<Sender<Finished>>) -> Arc<Self> {
        let live = presentation.map(|presentation| Live { presentation: Mutex::new(presentation), version: watch::channel(0).0 });
        let hls_bytes = Mutex::new((0, RateMeter::new(MediaTime::from_secs(4))));
        Arc::new(Self {
            clock,
            trace,
            live,
            recorder: Mutex::default(),
            pushes: Mutex::default(),
            states: Mutex::default(),
            store,
            goodbyes: Mutex::default(),
            hls_bytes,
        })
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
        self.package(unit, Presentation::push_video);
        self.hand_on(unit);
    }

    /// Whether the playlist needs a key picture now.
    pub fn wants_key(&self) -> bool {
        self.live.as_ref().is_some_and(|live| lock(&live.presentation).wants_key())
    }

    /// Takes one encoded run of the programme's sound.
    pub fn sound(&self, unit: &AccessUnit) {
        self.package(unit, Presentation::push_audio);
        self.hand_on(unit);
    }

    fn package(&self, unit: &AccessUnit, push: impl FnOnce(&mut Presentation, &AccessUnit, Wall) -> Vec<Finished>) {
        let Some(live) = &self.live else { return };
        let wall = self.clock.wall_of(unit.pts);
        let finished = live.change(|presentation| push(presentation, unit, wall));
        let mut bytes = lock(&self.hls_bytes);
        bytes.0 += unit.data.len() as u64;
        bytes.1.note(self.clock.now(), unit.data.len() as f64 * 8.0);
        drop(bytes);
        self.store_away(finished);
    }

    fn store_away(&self, finished: Vec<Finished>) {
        let Some(store) = &self.store else { return };
        for finished in finished {
            // A store that is gone is the end of the studio; the live playlist serves from memory.
            store.send(finished).ok();
        }
    }

    fn hand_on(&self, unit: &AccessUnit) {
        if let Some(recorder) = lock(&self.recorder).as_ref() {
            recorder.push(unit);
        }
        for push in lock(&self.pushes).values() {
            push.push.push(unit);
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
        name: &str,
        url: &Secret,
        has_audio: bool,
        mut on_event: impl FnMut(DestinationEvent) + Send + 'static,
    ) -> Result<(), tl_media::Error> {
        if self.state_of(name).is_some_and(|state| state == "refused") {
            // Its supervisor has given up; asking again means starting anew.
            self.say_goodbye(name);
        }
        if lock(&self.pushes).contains_key(name) {
            return Ok(());
        }
        let label = name.to_owned();
        let config = rtmp::Config { name: name.to_owned(), url: url.clone(), has_audio, extra_roots: Vec::new() };
        let push = RtmpPush::start(config, move |event| on_event((label.clone(), event)))?;
        let shown = tl_base::log::redact(url.expose());
        let push = Push { name: name.to_owned(), url: shown, push, meter: Mutex::new(RateMeter::new(MediaTime::from_secs(4))), seen: Mutex::new(0) };
        lock(&self.pushes).insert(name.to_owned(), Arc::new(push));
        Ok(())
    }

    /// Stops sending to a destination. What was sent stays in its figures.
    pub fn disconnect(&self, name: &str) {
        self.say_goodbye(name);
        lock(&self.states).insert(name.to_owned(), ("off".into(), String::new()));
    }

    /// Lets a destination go on a thread of its own: its supervisor may sit in a name look-up, and nobody waits for that.
    fn say_goodbye(&self, name: &str) {
        let Some(push) = lock(&self.pushes).remove(name) else { return };
        let leaving = std::thread::Builder::new().name("goodbye".into()).spawn(move || drop(push));
        let mut goodbyes = lock(&self.goodbyes);
        goodbyes.retain(|leaving| !leaving.is_finished());
        match leaving {
            Ok(leaving) => goodbyes.push(leaving),
            Err(error) => tracing::warn!(%error, "a destination was let go on the spot"),
        }
    }

    fn state_of(&self, name: &str) -> Option<String> {
        lock(&self.states).get(name).map(|(state, _)| state.clone())
    }

    /// Notes a destination's state for the snapshot.
    pub fn note_state(&self, name: &str, state: &str, detail: &str) {
        lock(&self.states).insert(name.to_owned(), (state.to_owned(), detail.to_owned()));
    }

    /// Whether anything but the playlist takes the programme.
    pub fn has_consumers(&self) -> bool {
        lock(&self.recorder).is_some() || !lock(&self.pushes).is_empty()
    }

    /// All ways out, for a snapshot.
    pub fn view(&self) -> Vec<OutputView> {
        let now = self.clock.now();
        let mut views = Vec::new();
        if self.live.is_some() {
            let mut bytes = lock(&self.hls_bytes);
            let bitrate_bps = bytes.1.per_second(now);
            let state = if bitrate_bps.is_some() { "live" } else { "waiting" };
            views.push(OutputView {
                name: "Watch page".into(),
                kind: "hls".into(),
                url: "live.m3u8".into(),
                state: state.into(),
                detail: String::new(),
                bytes: bytes.0,
                reconnects: 0,
                bitrate_bps,
            });
        }
        let pushes: Vec<Arc<Push>> = lock(&self.pushes).values().cloned().collect();
        let states = lock(&self.states);
        for push in pushes {
            let stats = push.push.stats();
            let mut seen = lock(&push.seen);
            let mut meter = lock(&push.meter);
            meter.note(now, stats.bytes.saturating_sub(*seen) as f64 * 8.0);
            *seen = stats.bytes;
            let (state, detail) = states.get(&push.name).cloned().unwrap_or_else(|| ("connecting".into(), String::new()));
            views.push(OutputView {
                name: push.name.clone(),
                kind: "rtmp".into(),
                url: push.url.clone(),
                state,
                detail,
                bytes: stats.bytes,
                reconnects: u32::try_from(stats.reconnects).unwrap_or(u32::MAX),
                bitrate_bps: meter.per_second(now),
            });
        }
        views
    }

    /// Closes the playlist for good.
    pub fn end(&self) {
        if let Some(live) = &self.live {
            self.store_away(live.change(Presentation::end));
        }
        let names: Vec<String> = lock(&self.pushes).keys().cloned().collect();
        for name in names {
            self.say_goodbye(&name);
        }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        for leaving in std::mem::take(&mut *lock(&self.goodbyes)) {
            if leaving.join().is_err() {
                tracing::error!("letting a destination go panicked");
            }
        }
    }
}

/// The one encoder of the programme.
pub struct ProgramEncoder {
    encoder: VideoEncoder,
    outputs: Arc<Outputs>,
    keyed: Mutex<MediaTime>,
}

impl ProgramEncoder {
    /// Opens the encoder; what it makes goes to `outputs`.
    pub fn open(config: encode::Video, outputs: Arc<Outputs>) -> Result<Self, tl_media::Error> {
        let taken = Arc::clone(&outputs);
        let encoder = VideoEncoder::new(config, move |unit| taken.video(&unit))?;
        Ok(Self { encoder, outputs, keyed: Mutex::new(MediaTime(i64::MIN / 2)) })
    }

    /// Encodes one picture, whose capture time is its output time; `key` when it falls on the grid.
    pub fn push(&self, picture: Frame, key: bool) -> Result<(), tl_media::Error> {
        let mut keyed = lock(&self.keyed);
        let asked = key || (self.outputs.wants_key() && picture.capture - *keyed >= EXTRA_KEYS_APART);
        if asked {
            *keyed = picture.capture;
        }
        drop(keyed);
        self.encoder.push(picture, asked)
    }

    /// Which encoder it is.
    pub fn name(&self) -> &str {
        self.encoder.name()
    }
}
