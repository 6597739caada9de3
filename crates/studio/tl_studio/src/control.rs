//! The control loop: everything that can wake it is a variant of one closed enum; it decides, logs, and publishes.
//!
//! It may stall for seconds with no effect on air: pictures and sound travel beside it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tl_base::queue::{Received, Receiver, Sender};
use tl_base::{EraId, MediaClock, MediaTime, Secret, SlotId, SourceId, Wall};
use tl_frame::AudioBlock;
use tl_media::record;
use tl_rtc::SessionId;
use tl_rtc::data::{Tally, ToPhone};
use tl_show::{Action, Fact, Fader, Layout, Show, SourceState, TransitionKind};
use tl_store::space::Level;
use tl_store::{Actor, EventLog};
use tl_wire::{Command, Event, Outcome, Refusal, RefusalCode, SCHEMA_VERSION, SessionState, Snapshot};
use tokio::sync::{oneshot, watch};

use crate::budget::Budget;
use crate::camera::Camera;
use crate::feed::Feed;
use crate::graphics::{GraphicsWorker, Wanted};
use crate::health::HealthProbe;
use crate::mix::{Mix, Shot};
use crate::outputs::{DestinationEvent, Outputs};
use crate::program::Failover;
use crate::recordings::Recordings;
use crate::session::Handle;

/// How often the loop looks at its cameras when nothing wakes it.
const LOOK: Duration = Duration::from_millis(50);
/// How often it publishes a snapshot although nothing was decided.
const PUBLISH: MediaTime = MediaTime::from_millis(200);
/// How often events are flushed to the disk.
const SYNC: MediaTime = MediaTime::from_millis(800);
/// Events kept while the disk takes none; later ones are lost to the log, not to the show.
const MAX_UNSAVED: usize = 8_192;
/// Answers remembered for commands that are sent twice.
const REMEMBERED: usize = 1_024;
/// Events kept in memory for pages that reconnect; older ones are read from the log.
pub const RECENT_EVENTS: usize = 4_096;

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
    /// A file that stands for a camera began.
    FileJoined(SlotId),
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
    /// Every feed by slot, for the receiver's thread.
    pub feeds: ArcSwap<BTreeMap<SlotId, Arc<Feed>>>,
}

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
    /// Every camera's fader.
    pub faders: Arc<ArcSwap<BTreeMap<SourceId, Fader>>>,
    /// The delay budget.
    pub budget: Arc<Budget>,
    /// Ways out.
    pub outputs: Arc<Outputs>,
    /// The receiver; none in a lean run.
    pub rtc: Option<Arc<tl_rtc::Server>>,
    /// Draws graphics; none in a lean run.
    pub graphics: Option<GraphicsWorker>,
    /// Event log.
    pub log: EventLog,
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
    /// Where decoded sound goes.
    pub sound: Sender<AudioBlock>,
    /// To itself, for callbacks.
    pub wakes: Sender<Wake>,
    /// This machine.
    pub health: HealthProbe,
    /// Draws the parts of a snapshot that live elsewhere.
    pub probe: Box<dyn FnMut(&mut Snapshot) + Send>,
}

/// The loop's own state.
pub struct Control {
    pub(crate) parts: Parts,
    pub(crate) cameras: BTreeMap<SlotId, Camera>,
    pub(crate) state: SessionState,
    recent: VecDeque<Event>,
    answers: HashMap<String, Outcome>,
    answer_order: VecDeque<String>,
    mix_version: u64,
    published: MediaTime,
    looked: MediaTime,
    tally: BTreeMap<SlotId, Tally>,
    closing: Vec<(MediaTime, SessionId)>,
    /// Events that the disk has not taken yet, oldest first.
    unsaved: VecDeque<Event>,
    synced: MediaTime,
    pub(crate) disk: Level,
    seq: u64,
}

impl Control {
    /// A loop that has not begun.
    pub fn new(parts: Parts) -> Self {
        let mut recent: VecDeque<Event> = parts.past.iter().rev().take(RECENT_EVENTS).cloned().collect();
        recent.make_contiguous().reverse();
        let seq = parts.past.last().map_or(0, |event| event.seq);
        let now = parts.clock.now();
        // A command that is sent again after the studio died must not count twice.
        let commands = recent.iter().rev().filter_map(|event| Some((format!("{}\u{0}{}", event.actor, event.command_id.as_ref()?), Outcome::Seq(event.seq))));
        let answers: HashMap<String, Outcome> = commands.take(REMEMBERED).collect();
        Self {
            parts,
            cameras: BTreeMap::new(),
            state: SessionState::Running,
            recent,
            answer_order: answers.keys().cloned().collect(),
            answers,
            mix_version: 0,
            published: MediaTime(i64::MIN / 2),
            looked: now,
            tally: BTreeMap::new(),
            closing: Vec::new(),
            unsaved: VecDeque::new(),
            synced: now,
            disk: Level::Plenty,
            seq,
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
            Wake::Destination((name, event)) => self.destination(&name, event),
            Wake::Recording(source, event) => self.recording(source, event),
            Wake::FileJoined(slot) => self.file_joined(slot),
            Wake::Stall(time) => std::thread::sleep(time),
            Wake::Stop(_) => {}
        }
    }

    /// Appends one fact to the log and folds it into the show.
    pub(crate) fn log(&mut self, fact: Fact, actor: &str, command_id: Option<&str>) -> u64 {
        let now = self.parts.clock.now();
        self.seq += 1;
        self.parts.show.apply(&fact, self.seq, now);
        let event = Event {
            seq: self.seq,
            session: self.parts.session.clone(),
            era: self.parts.era,
            media_time: now,
            wall: Wall::now(),
            actor: actor.to_owned(),
            command_id: command_id.map(str::to_owned),
            schema_version: SCHEMA_VERSION,
            fact,
        };
        if self.unsaved.len() < MAX_UNSAVED {
            self.unsaved.push_back(event.clone());
            self.save_events();
        }
        if self.recent.len() == RECENT_EVENTS {
            self.recent.pop_front();
        }
        self.recent.push_back(event);
        self.seq
    }

    /// Writes what waits, in order. What a full disk refuses is tried again once a second.
    fn save_events(&mut self) {
        while let Some(event) = self.unsaved.front() {
            if let Err(error) = self.parts.log.append(event) {
                if self.unsaved.len() == 1 {
                    tracing::error!(%error, "events are not written; the show goes on and they are kept");
                }
                return;
            }
            self.unsaved.pop_front();
        }
    }

    fn sync_events(&mut self, now: MediaTime) {
        if now - self.synced < SYNC {
            return;
        }
        self.synced = now;
        self.save_events();
        if let Err(error) = self.parts.log.sync() {
            tracing::error!(%error, "the event log was not flushed");
        }
    }

    fn command(&mut self, actor: &Actor, command: Command) -> Outcome {
        let Command { id, command } = command;
        if id.is_empty() || id.len() > 64 {
            return refused(RefusalCode::Invalid, "the command's id must have 1 to 64 characters");
        }
        let key = format!("{}\u{0}{id}", actor.label);
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let outcome = self.decide(actor, &id, command);
        if self.answer_order.len() == REMEMBERED
            && let Some(oldest) = self.answer_order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.answer_order.push_back(key.clone());
        self.answers.insert(key, outcome.clone());
        outcome
    }

    fn decide(&mut self, actor: &Actor, id: &str, action: Action) -> Outcome {
        let now = self.parts.clock.now();
        let facts = match self.parts.show.decide(&action, &actor.label, now) {
            Ok(facts) => facts,
            Err(refusal) => {
                let code = match refusal.kind {
                    tl_show::RefusalKind::Invalid => RefusalCode::Invalid,
                    tl_show::RefusalKind::Conflict => RefusalCode::Conflict,
                };
                return refused(code, &refusal.message);
            }
        };
        for fact in facts {
            self.log(fact, &actor.label, Some(id));
        }
        match action {
            Action::Destination { name, on } => {
                if let Err(refusal) = self.switch_destination(&name, on) {
                    return Outcome::Refused(refusal);
                }
            }
            Action::EndSession {} => self.end_session(&actor.label, id),
            _ => {}
        }
        self.mix();
        Outcome::Seq(self.seq)
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
        let cut = self.recent.iter().rev().find_map(|event| match &event.fact {
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
            (Some(*slot) != next, (loss * 20.0) as u32, *slot)
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
        let on_air = self.parts.show.program().live.is_some();
        let locked = self.cameras.values().filter(|camera| camera.state == SourceState::Live).filter_map(|camera| camera.feed.arrival_delay());
        self.parts.budget.steer(locked, elapsed, !on_air);
        let budget = self.parts.budget.now();
        for camera in self.cameras.values() {
            camera.feed.set_budget(budget);
        }
        self.leave_empty_air();
        self.mix();
        self.send_tallies();
        self.close_due(now);
        self.sync_events(now);
        self.mind_disk();
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

    fn send_tallies(&mut self) {
        let program = self.parts.show.program().clone();
        let Some(rtc) = &self.parts.rtc else { return };
        for (slot, camera) in &self.cameras {
            let Some(session) = camera.session else { continue };
            let tally = match () {
                () if program.live == Some(*slot) && !program.slate => Tally::Live,
                () if program.next == Some(*slot) => Tally::Next,
                () => Tally::Ready,
            };
            if self.tally.insert(*slot, tally) != Some(tally) {
                rtc.send(session, &ToPhone::Tally { state: tally });
            }
        }
    }

    /// Ends a phone's session at `at`.
    pub(crate) fn close_later(&mut self, session: SessionId, at: MediaTime) {
        self.closing.push((at, session));
    }

    fn close_due(&mut self, now: MediaTime) {
        let Some(rtc) = &self.parts.rtc else { return };
        self.closing.retain(|(at, session)| {
            let due = *at <= now;
            if due {
                rtc.close(*session);
            }
            !due
        });
    }

    pub(crate) fn forget_tally(&mut self, slot: SlotId) {
        self.tally.remove(&slot);
    }

    /// Puts events, snapshot and graphics out.
    pub(crate) fn publish(&mut self) {
        self.published = self.parts.clock.now();
        if *self.parts.shared.version.borrow() != self.seq {
            self.parts.shared.events.store(Arc::new(self.recent.clone()));
            self.parts.shared.version.send_replace(self.seq);
        }
        if let Some(graphics) = &self.parts.graphics {
            graphics.show(Wanted::of(&self.parts.show, &self.parts.config.title));
        }
        let faders: BTreeMap<SourceId, Fader> = self.cameras.keys().map(|slot| (*slot, self.parts.show.fader(*slot))).collect();
        self.parts.faders.store(Arc::new(faders));
        let mut snapshot = self.snapshot();
        snapshot.health = self.parts.health.health(snapshot.recordings.iter().map(|recording| recording.bytes).sum());
        (self.parts.probe)(&mut snapshot);
        self.parts.shared.snapshot.store(Arc::new(snapshot));
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    fn stop(&mut self) {
        if self.state == SessionState::Running {
            self.state = SessionState::Completed;
        }
        for camera in self.cameras.values() {
            if let (Some(rtc), Some(session)) = (&self.parts.rtc, camera.session) {
                rtc.close(session);
            }
        }
        let summaries: Vec<(Option<SlotId>, Option<record::Summary>)> = self
            .cameras
            .iter()
            .map(|(slot, camera)| (Some(*slot), camera.feed.stop_recording()))
            .chain(std::iter::once((None, self.parts.outputs.stop_recording())))
            .collect();
        for (source, summary) in summaries {
            for part in summary.iter().flat_map(|summary| &summary.parts) {
                self.parts.recordings.part_ended(source, part);
            }
        }
        self.parts.outputs.end();
        self.publish();
        self.save_events();
        if let Err(error) = self.parts.log.sync() {
            tracing::error!(%error, "the event log was not synced");
        }
    }

    /// The file name of a recording's part, for events.
    pub(crate) fn short(path: &Path) -> String {
        path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    fn switch_destination(&mut self, name: &str, on: bool) -> Result<(), Refusal> {
        let known = self.parts.config.destinations.iter().find(|destination| destination.name == name);
        let Some(destination) = known.cloned() else {
            return Err(Refusal { code: RefusalCode::NotFound, message: format!("There is no destination called {name}; add it to the settings.") });
        };
        if on {
            self.connect(&destination.name, &destination.url);
        } else {
            self.parts.outputs.disconnect(name);
            self.log(Fact::DestinationChanged { name: name.to_owned(), state: "off".into(), reason: String::new() }, "studio", None);
        }
        Ok(())
    }

    pub(crate) fn connect(&mut self, name: &str, url: &Secret) {
        let wakes = self.parts.wakes.clone();
        let has_audio = self.parts.config.sound;
        // A control loop that is behind hears the next state instead.
        let connected = self.parts.outputs.connect(name, url, has_audio, move |event| drop(wakes.send(Wake::Destination(event))));
        if let Err(error) = connected {
            let reason = tl_base::log::redact(&error.to_string());
            self.parts.outputs.note_state(name, "refused", &reason);
            self.log(Fact::DestinationChanged { name: name.to_owned(), state: "refused".into(), reason }, "studio", None);
        }
    }

    /// Destinations that were on when the last run ended are reached again unaided.
    fn reconnect_destinations(&mut self) {
        let on: Vec<_> = self
            .parts
            .config
            .destinations
            .iter()
            .filter(|destination| {
                destination.on || self.parts.show.destinations().get(&destination.name).is_some_and(|state| state != "off" && state != "refused")
            })
            .cloned()
            .collect();
        for destination in on {
            self.connect(&destination.name, &destination.url);
        }
    }
}

pub(crate) fn refused(code: RefusalCode, message: &str) -> Outcome {
    Outcome::Refused(Refusal { code, message: message.to_owned() })
}
