//! The control loop: everything that can wake it is a variant of one closed enum; it decides, logs, and publishes.
//!
//! It may stall for seconds with no effect on air: pictures and sound travel beside it.

mod access;
mod cameras;
mod commands;
mod destinations;
mod journal;
mod load;
mod microphones;
mod recordings;
mod senders;
mod snapshot;
mod sync;
mod warnings;
mod ways;

pub(crate) use warnings::no_graphics;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tl_base::queue::{Received, Receiver, Sender};
use tl_base::{EraId, MediaClock, MediaTime, SlotId, SourceId, Wall};
use tl_media::{encode, record};
use tl_rtc::SessionId;
use tl_rtc::data::Tally;
use tl_show::{Fact, Fader, Layout, Show, SourceState, TransitionKind};
use tl_store::space::Level;
use tl_store::{Actor, EventLog};
use tl_wire::{Command, Event, Outcome, Refusal, RefusalCode, SCHEMA_VERSION, SessionState, Snapshot};
use tokio::sync::{oneshot, watch};

use crate::air::budget::Budget;
use crate::air::graphics::{GraphicsWorker, Wanted};
use crate::air::mix::{Mix, Shot};
use crate::air::program::Failover;
use crate::air::returns::Hearer;
use crate::health::HealthProbe;
use crate::inputs::camera::Camera;
use crate::inputs::feed::Feed;
use crate::inputs::holder;
use crate::inputs::keys::SlotKeys;
use crate::inputs::microphone::Microphone;
use crate::inputs::uploads::Uploads;
use crate::inputs::ways::{Published, Told, Ways};
use crate::outputs::{DestinationEvent, Outputs};
use crate::overload::Governor;
use crate::records::library::{Library, Progress};
use crate::records::recordings::Recordings;
use crate::records::session::Handle;
use crate::viewers::Viewers;
use journal::Journal;

/// How often the loop looks at its cameras when nothing wakes it.
const LOOK: Duration = Duration::from_millis(50);
/// How often it publishes a snapshot although nothing was decided.
const PUBLISH: MediaTime = MediaTime::from_millis(200);

/// What a phone got for its offer.
pub type WhipReply = Result<tl_server::WhipAnswer, Refusal>;

/// Everything that wakes the loop.
pub enum Wake {
    /// Somebody asks for something.
    Command(Actor, Command, oneshot::Sender<Outcome>),
    /// A phone offers its pictures.
    Whip(Actor, SlotId, String, oneshot::Sender<WhipReply>),
    /// A phone says that it leaves.
    WhipEnd(SlotId, String, oneshot::Sender<Result<(), Refusal>>),
    /// The receiver reports; media does not come this way.
    Rtc(tl_rtc::Event),
    /// The programme loop left a source by itself.
    Failover(Failover),
    /// A destination changed.
    Destination(DestinationEvent),
    /// A recording changed; none is the programme's.
    Recording(Option<SlotId>, record::Event),
    /// A supervised way in changed.
    Way(Told),
    /// A publisher of the RTMP server came, went, or was measured.
    Published(Published),
    /// A phone began to upload pieces: where, as whom, whose.
    Uploading(SlotId, holder::Sender, String),
    /// What a phone that uploads says of itself beside its pieces: where, as whom, its position, how good its picture is.
    Described(SlotId, holder::Sender, String, Option<f64>),
    /// A phone ended its upload.
    UploadEnded(SlotId, holder::Sender),
    /// Somebody tells where a source's pictures come from; none: it takes whoever comes.
    SetSource(Actor, SlotId, Option<tl_store::setup::SourceSetup>, oneshot::Sender<Result<(), Refusal>>),
    /// Somebody adds a destination or gives it another address; none: takes it out of the list.
    SetDestination(Actor, String, Option<tl_store::setup::DestinationSetup>, oneshot::Sender<Result<(), Refusal>>),
    /// The programme's encoder was watched and acted upon.
    Encoder(encode::Event),
    /// A segment or playlist was mended before it was announced.
    Mended(tl_playlist::Finding),
    /// A check, repair or deletion of a recording goes on.
    Library(Progress),
    /// Somebody was invited, came, or was locked out.
    Access(tl_wire::AccessChange, String, String),
    /// Tests: do nothing for this long.
    Stall(Duration),
    /// End the session.
    Stop(oneshot::Sender<()>),
}

/// What the loop shares with the outside.
pub struct Shared {
    /// The newest snapshot.
    pub snapshot: ArcSwap<Snapshot>,
    /// The newest events, oldest first.
    pub events: ArcSwap<VecDeque<Event>>,
    /// Sequence number of the newest event.
    pub version: watch::Sender<u64>,
    /// Viewers in the last seconds.
    pub viewers: AtomicU32,
    /// Every feed by slot, microphones' too; none is added later.
    pub feeds: BTreeMap<SlotId, Arc<Feed>>,
    /// Destinations as they are set up.
    pub destinations: ArcSwap<Vec<crate::config::Destination>>,
    /// What pages may show of cameras comes this much later at the least, so that a busy machine draws fewer.
    pub thumbnail_age_ms: AtomicU32,
}

/// How often the hour is kept with the tokens.
const KEEP_TIME: MediaTime = MediaTime::from_secs(60);

/// What the loop is built from.
pub struct Parts {
    /// Session id.
    pub session: String,
    /// Run of the studio.
    pub era: EraId,
    /// Show time.
    pub clock: MediaClock,
    /// Shared with server and loops.
    pub shared: Arc<Shared>,
    /// What to show.
    pub mix: Arc<ArcSwap<Mix>>,
    /// Every source's fader.
    pub faders: Arc<ArcSwap<BTreeMap<SourceId, Fader>>>,
    /// How the programme's sound is finished.
    pub processing: Arc<ArcSwap<tl_sound::Processing>>,
    /// Who hears the programme without their own sound.
    pub hearers: Arc<ArcSwap<Vec<Hearer>>>,
    /// The delay budget.
    pub budget: Arc<Budget>,
    /// Ways out.
    pub outputs: Arc<Outputs>,
    /// The receiver; none in a lean run.
    pub rtc: Option<Arc<tl_rtc::Server>>,
    /// Draws graphics; none in a lean run.
    pub graphics: Option<GraphicsWorker>,
    /// Recordings of the session.
    pub recordings: Recordings,
    /// The show so far.
    pub show: Show,
    /// Events so far, newest last.
    pub past: Vec<Event>,
    /// Show time that the match clock must not count.
    pub skipped: MediaTime,
    /// The session on disk.
    pub handle: Handle,
    /// Settings that the loop needs.
    pub config: crate::Config,
    /// What apps are set to.
    pub keys: Arc<Mutex<SlotKeys>>,
    /// Phones that upload pieces.
    pub uploads: Arc<Uploads>,
    /// Viewers by WebRTC.
    pub viewers: Arc<Viewers>,
    /// Checks and repairs recordings.
    pub library: Library,
    /// What was set up by pages and scripts.
    pub setup: tl_store::setup::SetupStore,
    /// Where apps reach the studio.
    pub ports: Arc<crate::ports::Ports>,
    /// Tickets, the crew code and who waits.
    pub access: Arc<crate::access::Access>,
    /// To itself, for callbacks.
    pub wakes: Sender<Wake>,
    /// This machine.
    pub health: HealthProbe,
    /// Draws the parts of a snapshot that live elsewhere.
    pub probe: Box<dyn FnMut(&mut Snapshot) + Send>,
}

/// The loop's own state.
pub struct Control {
    parts: Parts,
    journal: Journal,
    cameras: BTreeMap<SlotId, Camera>,
    microphones: BTreeMap<SlotId, Microphone>,
    ways: Ways,
    rtmp: Option<tl_media::rtmp_server::RtmpServer>,
    /// Which connection a publisher sends through.
    publishers: BTreeMap<holder::Sender, tl_media::rtmp_server::ConnectionId>,
    governor: Governor,
    state: SessionState,
    mix_version: u64,
    published: MediaTime,
    looked: MediaTime,
    tally: BTreeMap<SlotId, Tally>,
    closing: Vec<(MediaTime, SessionId)>,
    disk: Level,
    /// When load was looked at last.
    load_seen: MediaTime,
    /// Ticks that the programme loop came too late for, as they were told last.
    starved: u64,
    /// When it was last written down how late it is, so that no token outlives a clock that is set back.
    time_kept: MediaTime,
    /// When the programme's recording may be tried again after it could not be started.
    record_again: MediaTime,
}

impl Control {
    /// A loop that has not begun.
    pub fn new(mut parts: Parts, log: EventLog) -> Self {
        let now = parts.clock.now();
        let journal = Journal::new(log, &std::mem::take(&mut parts.past), now);
        let ways = Ways::new(parts.clock, parts.wakes.clone());
        let microphone = |slot: SlotId| Some((slot, Microphone::new(Arc::clone(parts.shared.feeds.get(&slot)?))));
        let microphones = [SlotId::COMMENTARY, SlotId::TALKBACK].into_iter().filter_map(microphone).collect();
        let governor = Governor::new(parts.config.overload, now);
        Self {
            parts,
            journal,
            cameras: BTreeMap::new(),
            microphones,
            ways,
            rtmp: None,
            publishers: BTreeMap::new(),
            governor,
            state: SessionState::Running,
            mix_version: 0,
            published: MediaTime(i64::MIN / 2),
            looked: now,
            tally: BTreeMap::new(),
            closing: Vec::new(),
            disk: Level::Plenty,
            load_seen: now,
            starved: 0,
            time_kept: now,
            record_again: now,
        }
    }

    /// Runs until it is stopped; gives the session's recordings back.
    pub fn run(mut self, wakes: &Receiver<Wake>) -> Recordings {
        let anchor = self.parts.clock.wall_of(self.parts.clock.now());
        let offset = self.parts.clock.now();
        self.log(Fact::EraOpened { era: self.parts.era, wall_anchor: anchor, offset }, "studio", None);
        let clock = *self.parts.show.clock();
        if clock.running && self.parts.skipped > MediaTime::ZERO {
            let clock = tl_show::MatchClock { since: clock.since + self.parts.skipped, ..clock };
            self.log(Fact::ClockSet { clock }, "studio", None);
        }
        self.clear_ghosts();
        self.open_ways();
        self.reconnect_destinations();
        self.publish();
        loop {
            match wakes.recv_timeout(LOOK) {
                Received::Item(Wake::Stop(done)) => {
                    self.stop();
                    // Whoever asked may have left meanwhile.
                    done.send(()).ok();
                    return self.parts.recordings;
                }
                Received::Item(wake) => self.handle(wake),
                Received::TimedOut => {}
                Received::Closed => {
                    self.stop();
                    return self.parts.recordings;
                }
            }
            let now = self.parts.clock.now();
            if now - self.looked >= MediaTime::from(LOOK) {
                self.look(now);
            }
            if now - self.published >= PUBLISH {
                self.publish();
            }
        }
    }

    fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Command(actor, command, reply) => {
                let outcome = self.command(&actor, command);
                self.publish();
                reply.send(outcome).ok();
            }
            Wake::Whip(actor, slot, offer, reply) => {
                let answer = self.whip(&actor, slot, &offer);
                reply.send(answer).ok();
            }
            Wake::WhipEnd(slot, session, reply) => {
                let ended = self.whip_end(slot, &session);
                reply.send(ended).ok();
            }
            Wake::Rtc(event) => self.rtc(event),
            Wake::Failover(failover) => self.failover(failover),
            Wake::Destination(told) if !told.current.load(Ordering::Acquire) => {}
            Wake::Destination(told) => self.destination(&told.name, told.event),
            Wake::Recording(source, event) => self.recording(source, event),
            Wake::Way(told) => self.way(told),
            Wake::Published(published) => self.published(published),
            Wake::Uploading(slot, sender, label) => self.uploading(slot, sender, &label),
            Wake::Described(slot, sender, position, quality) => self.described(slot, sender, &position, quality),
            Wake::UploadEnded(slot, sender) => self.left(slot, sender, "the phone left"),
            Wake::SetSource(actor, slot, setup, reply) => {
                let done = self.set_source(&actor, slot, setup);
                self.publish();
                reply.send(done).ok();
            }
            Wake::SetDestination(actor, name, destination, reply) => {
                let done = self.set_destination(&actor, &name, destination);
                self.publish();
                reply.send(done).ok();
            }
            Wake::Encoder(event) => self.encoder(event),
            Wake::Mended(finding) => self.mended(finding),
            Wake::Library(progress) => self.library(progress),
            Wake::Access(what, label, role) => drop(self.log(Fact::AccessChanged { what, label, role }, "studio", None)),
            Wake::Stall(time) => std::thread::sleep(time),
            Wake::Stop(_) => {}
        }
    }

    /// Appends one fact to the log and folds it into the show.
    fn log(&mut self, fact: Fact, actor: &str, command_id: Option<&str>) -> u64 {
        let now = self.parts.clock.now();
        let seq = self.journal.next_seq();
        self.parts.show.apply(&fact, seq, now);
        self.journal.note(Event {
            seq,
            session: self.parts.session.clone(),
            era: self.parts.era,
            media_time: now,
            wall: Wall::now(),
            actor: actor.to_owned(),
            command_id: command_id.map(str::to_owned),
            schema_version: SCHEMA_VERSION,
            fact,
        });
        seq
    }

    fn end_session(&mut self, actor: &str, id: &str) {
        self.log(Fact::SessionEnded {}, actor, Some(id));
        if let Err(error) = self.parts.handle.mark(SessionState::Completed) {
            tracing::error!(%error, "the end of the session was not noted on disk");
        }
        self.state = SessionState::Completed;
        self.parts.outputs.end();
    }

    /// Publishes what the programme should do from now on.
    pub(crate) fn mix(&mut self) {
        let show = &self.parts.show;
        let program = show.program();
        let (transition, duration) = self.last_transition();
        let live = if program.slate { None } else { program.live };
        // A camera never stands inside or beside itself, as it would when the inset takes over.
        let layout = match program.layout {
            Layout::PictureInPicture { inset: other } | Layout::SideBySide { right: other } if live == Some(other) => Layout::Full,
            layout => layout,
        };
        let shot = Shot { live, layout };
        let before = self.parts.mix.load();
        let feeds: BTreeMap<SlotId, Arc<Feed>> = self.cameras.iter().map(|(slot, camera)| (*slot, Arc::clone(&camera.feed))).collect();
        let fallbacks = self.fallbacks(shot.live);
        let wanted = self.wanted();
        let same_feeds = before.feeds.len() == feeds.len();
        let sound = show.sound();
        if self.mix_version > 0 && same_feeds && before.shot == shot && before.fallbacks == fallbacks && before.wanted == wanted && before.sound == sound {
            return;
        }
        drop(before);
        self.mix_version += 1;
        self.parts.mix.store(Arc::new(Mix { version: self.mix_version, shot, transition, duration, fallbacks, feeds, wanted, sound }));
    }

    fn last_transition(&self) -> (TransitionKind, MediaTime) {
        let cut = self.journal.recent().iter().rev().find_map(|event| match &event.fact {
            Fact::CutMade { transition, duration_ms, .. } => Some((*transition, MediaTime::from_millis(i64::from(*duration_ms)))),
            _ => None,
        });
        cut.unwrap_or((TransitionKind::Cut, MediaTime::ZERO))
    }

    /// Live cameras, best first: the one that was to be next, then the steadiest.
    fn fallbacks(&self, live: Option<SlotId>) -> Vec<SlotId> {
        let next = self.parts.show.program().next;
        let usable = |camera: &&SlotId| {
            self.cameras.get(camera).is_some_and(|camera| camera.state == SourceState::Live && camera.admission.as_ref().is_none_or(|verdict| verdict.accepted))
        };
        let mut slots: Vec<SlotId> = self.cameras.keys().filter(|slot| Some(**slot) != live).filter(usable).copied().collect();
        slots.sort_by_key(|slot| {
            let loss = self.cameras.get(slot).and_then(|camera| camera.stats.loss).unwrap_or(0.0);
            (Some(*slot) != next, self.parts.show.priority(*slot), (loss * 20.0) as u32, *slot)
        });
        slots
    }

    /// Whether anybody needs pictures: a camera is there, or somebody watches, or something is being sent.
    fn wanted(&self) -> bool {
        self.state == SessionState::Running
            && (self.cameras.values().any(|camera| camera.state != SourceState::Empty)
                || self.parts.outputs.has_consumers()
                || self.parts.shared.viewers.load(Ordering::Relaxed) > 0)
    }

    fn failover(&mut self, failover: Failover) {
        // A person may have cut meanwhile; then the loop has long followed.
        if self.parts.show.program().live != failover.from && failover.from.is_some() {
            return;
        }
        let reason = match (failover.from, failover.to) {
            (Some(from), Some(_)) => format!("camera {from} stopped sending"),
            (Some(from), None) => format!("camera {from} stopped sending and no other camera is live"),
            (None, _) => "a camera is live again".to_owned(),
        };
        let fact = Fact::CutMade { from: failover.from, to: failover.to, transition: TransitionKind::Cut, duration_ms: 0, by: "failover".into(), reason };
        self.log(fact, "failover", None);
        self.mix();
        self.publish();
    }

    /// Looks at every camera, the budget, and what follows from them.
    fn look(&mut self, now: MediaTime) {
        let elapsed = now - self.looked;
        self.looked = now;
        self.look_at_cameras(now);
        self.look_at_microphones(now);
        let on_air = self.parts.show.program().live.is_some();
        let locked = self.cameras.values().filter(|camera| camera.state == SourceState::Live).filter_map(|camera| camera.feed.arrival_delay());
        self.parts.budget.steer(locked, elapsed, !on_air);
        let budget = self.parts.budget.now();
        for camera in self.cameras.values() {
            camera.feed.lag().steer(camera.feed.arrival_delay(), elapsed);
        }
        // The others' pictures of the moment that the slowest shows must still be there.
        let latest = self.cameras.values().map(|camera| camera.feed.lag().beyond(budget)).max().unwrap_or(MediaTime::ZERO);
        for camera in self.cameras.values() {
            camera.feed.set_horizon(budget + latest);
        }
        self.leave_empty_air();
        self.mix();
        self.send_tallies();
        self.close_due(now);
        self.journal.sync_when_due(now);
        self.mind_disk();
        self.mind_load(now);
        if now - self.time_kept >= KEEP_TIME {
            self.time_kept = now;
            if let Err(error) = self.parts.access.tokens().keep_time() {
                tracing::warn!(%error, "the hour was not kept with the tokens");
            }
        }
    }

    /// Puts the first live camera on air when nothing is and nobody asked for the slate.
    fn leave_empty_air(&mut self) {
        let program = self.parts.show.program();
        if program.live.is_some() || program.slate || self.state != SessionState::Running {
            return;
        }
        let Some(to) = self.fallbacks(None).first().copied() else { return };
        let fact = Fact::CutMade {
            from: None,
            to: Some(to),
            transition: TransitionKind::Cut,
            duration_ms: 0,
            by: "studio".into(),
            reason: format!("camera {to} is live"),
        };
        self.log(fact, "studio", None);
        self.publish();
    }

    /// Puts events, snapshot and graphics out.
    pub(crate) fn publish(&mut self) {
        self.published = self.parts.clock.now();
        let seq = self.journal.seq();
        if *self.parts.shared.version.borrow() != seq {
            self.parts.shared.events.store(Arc::new(self.journal.recent().clone()));
            self.parts.shared.version.send_replace(seq);
        }
        if let Some(graphics) = &self.parts.graphics {
            graphics.show(Wanted::of(&self.parts.show, &self.parts.config.title));
        }
        self.set_up_sound();
        let mut snapshot = self.snapshot();
        snapshot.health = self.parts.health.health(snapshot.recordings.iter().map(|recording| recording.bytes).sum());
        (self.parts.probe)(&mut snapshot);
        self.parts.shared.snapshot.store(Arc::new(snapshot));
    }

    fn stop(&mut self) {
        if self.state == SessionState::Running {
            self.state = SessionState::Completed;
        }
        self.rtmp = None;
        let slots: Vec<SlotId> = self.cameras.keys().chain(self.microphones.keys()).copied().collect();
        for slot in slots {
            self.ways.clear(slot);
        }
        let sessions = self.cameras.values().filter_map(Camera::session).chain(self.microphones.values().filter_map(Microphone::session));
        if let Some(rtc) = &self.parts.rtc {
            sessions.for_each(|session| rtc.close(session));
        }
        self.stop_recordings();
        self.parts.outputs.end();
        self.publish();
        self.journal.sync();
    }
}

pub(crate) fn refused(code: RefusalCode, message: &str) -> Outcome {
    Outcome::Refused(Refusal { code, message: message.to_owned() })
}
