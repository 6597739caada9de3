//! One virtual phone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tl_base::{Protocol, SlotId, Wall};
use tl_rtc::publish::Impairment;

use super::app::App;
use super::camera::Camera;
use super::clock::PhoneClock;
use super::file::Film;
use super::line::{Answer, Errands, Line, Stage};
use super::pieces::Pieces;
use super::sending::{Habits, Look, Sending};
use super::webrtc::{WebRtc, shown_by};
use super::{FaultKind, Faults};
use crate::clips::Loaded;
use crate::signalling::{Door, Refusal};
use crate::truth::{Record, Writer};
use crate::{Clip, Error, Options, PhoneSummary, PhoneTicket, Seed, Way};

/// Between two attempts to join, milliseconds.
const RETRY_MS: (f64, f64) = (500.0, 1_000.0);
/// Jitter of a healthy local network, milliseconds.
const LAN_JITTER_MS: f64 = 4.0;
/// What apps' encoders hide, seconds: nobody is told.
const HIDDEN_SECS: (f64, f64) = (0.08, 0.30);
/// A dead phone looks again after this long.
const DEAD_LOOK: Duration = Duration::from_millis(50);

enum State {
    /// Not connected until then.
    Waiting(Instant),
    /// On its way, or connected; what it sends while it is.
    On(Box<dyn Line>, Option<Box<Sending>>),
}

/// One virtual phone.
pub(crate) struct Phone {
    index: usize,
    ticket: PhoneTicket,
    slot: SlotId,
    camera: u8,
    position: &'static str,
    /// None: the studio plays a film.
    media: Option<Arc<Loaded>>,
    film: PathBuf,
    clock: PhoneClock,
    started: Instant,
    bind: std::net::IpAddr,
    door: Door,
    faults: Faults,
    /// Whether something is to happen to its datagrams.
    is_impaired: bool,
    habits: Habits,
    healthy: Impairment,
    impaired: Impairment,
    seed: Seed,
    chance: Seed,
    /// Counts what was uploaded.
    pieces: Arc<AtomicU64>,
    seq: u64,
    frames: u64,
    connects: u64,
    failures: u64,
    state: State,
}

impl Phone {
    pub(crate) fn new(
        index: usize,
        ticket: &PhoneTicket,
        (clip, media): (&Clip, Option<Arc<Loaded>>),
        seed: &Seed,
        started: (Instant, Wall),
        options: &Options,
        door: Door,
    ) -> Self {
        let mut chance = seed.child(&format!("phone {}", ticket.slot));
        let clock = PhoneClock::random(&mut chance, started.1);
        let healthy = Impairment { jitter_ms: LAN_JITTER_MS, delay_ms: 0.5, seed: chance.bits(), ..Impairment::default() };
        let protocol = ticket.way.protocol();
        let hidden = seed.child(&format!("hidden {}", ticket.slot)).range(HIDDEN_SECS.0, HIDDEN_SECS.1);
        let habits = Habits {
            hidden_secs: if matches!(protocol, Protocol::Srt | Protocol::Rtmp) { hidden } else { 0.0 },
            // What WebRTC sends is jittered datagram by datagram.
            jitter_secs: if protocol == Protocol::Webrtc { 0.0 } else { LAN_JITTER_MS / 1e3 },
            ..Habits::default()
        };
        let of_datagrams = |kind: FaultKind| matches!(kind, FaultKind::Loss { .. } | FaultKind::Burst { .. } | FaultKind::Jitter { .. });
        Self {
            index,
            ticket: ticket.clone(),
            slot: ticket.slot,
            camera: clip.camera,
            position: clip.position.id,
            media,
            film: clip.film.clone(),
            clock,
            started: started.0,
            bind: options.bind,
            door,
            is_impaired: options.faults.0.iter().any(|fault| fault.slot == ticket.slot && of_datagrams(fault.kind)),
            faults: options.faults.clone(),
            habits,
            healthy,
            impaired: healthy,
            seed: seed.clone(),
            chance,
            pieces: Arc::default(),
            seq: 0,
            frames: 0,
            connects: 0,
            failures: 0,
            state: State::Waiting(started.0),
        }
    }

    pub(crate) fn was_live(&self) -> bool {
        self.connects > 0
    }

    /// The studio's answer to an errand.
    pub(super) fn answered(&mut self, answer: Result<Answer, Refusal>, now: Instant) {
        if let State::On(line, _) = &mut self.state {
            line.answered(answer, now);
        }
    }

    /// Does what is due; the answer is when to come again.
    pub(crate) fn step(&mut self, now: Instant, errands: &super::ErrandQueue, truth: &mut Writer) -> Result<Instant, Error> {
        let errands = Errands { phone: self.index, queue: errands };
        let secs = now.saturating_duration_since(self.started).as_secs_f64();
        let state = std::mem::replace(&mut self.state, State::Waiting(now));
        let Some(look) = self.suffer(secs) else {
            // Gone without a word: the connection is forgotten, nothing is said to the studio.
            self.state = match state {
                State::On(mut line, _) => {
                    if line.fade() {
                        State::On(line, None)
                    } else {
                        errands.bury(line);
                        State::Waiting(now + DEAD_LOOK)
                    }
                }
                State::Waiting(_) => State::Waiting(now + DEAD_LOOK),
            };
            return Ok(now + DEAD_LOOK);
        };
        match state {
            State::Waiting(until) if now < until => {
                self.state = State::Waiting(until);
                Ok(until)
            }
            State::Waiting(_) => {
                self.state = State::On(self.begin(now)?, None);
                Ok(now)
            }
            State::On(line, sending) => self.go_on(line, sending, look, (now, secs), &errands, truth),
        }
    }

    fn begin(&mut self, now: Instant) -> Result<Box<dyn Line>, Error> {
        let (slot, seed) = (self.slot, &self.seed);
        let empty = || Error::Phone { slot: slot.0, message: "it has nothing to send".into() };
        let media = || self.media.as_deref().ok_or_else(empty);
        Ok(match &self.ticket.way {
            Way::Webrtc => Box::new(WebRtc::new(slot, &self.ticket.token, self.bind, self.impaired, shown_by(self.clock, self.started))?),
            Way::Srt { url } => Box::new(App::call(slot, url, self.is_impaired.then_some(self.impaired), now)?),
            Way::Rtmp { url } => Box::new(App::call(slot, url, None, now)?),
            Way::Rtsp { director } => Box::new(Camera::rtsp(slot, director, self.bind, media()?, self.clock, seed, now)?),
            Way::Mjpeg { director } => Box::new(Camera::mjpeg(slot, director, self.bind, seed, now)?),
            Way::Chunks => {
                let time = (self.clock, self.started);
                Box::new(Pieces::start(slot, &self.ticket.token, self.door.clone(), media()?, time, &self.pieces)?)
            }
            Way::File { owner } => Box::new(Film::new(slot, owner, &self.film)),
        })
    }

    /// What is wrong at this moment; none when the phone is dead.
    fn suffer(&mut self, secs: f64) -> Option<Look> {
        let mut look = Look::Loop;
        let mut wanted = self.healthy;
        for kind in self.faults.of(self.slot, secs) {
            match kind {
                FaultKind::Loss { share } => wanted.loss = share,
                FaultKind::Burst { share, packets } => (wanted.loss, wanted.burst) = ((share * packets).min(0.5), packets),
                FaultKind::Jitter { millis } => wanted.jitter_ms = millis,
                FaultKind::Freeze => look = Look::Frozen,
                FaultKind::Black => look = Look::Black,
                FaultKind::Die => return None,
            }
        }
        self.impaired = wanted;
        Some(look)
    }

    /// What the network does to what is sent, where it is repaired before anybody sees it.
    fn habits(&self) -> Habits {
        let of_datagrams = matches!(self.ticket.way, Way::Webrtc) || (matches!(self.ticket.way, Way::Srt { .. }) && self.is_impaired);
        if of_datagrams {
            return Habits { jitter_secs: 0.0, ..self.habits };
        }
        Habits { jitter_secs: self.impaired.jitter_ms / 1e3, stalls: self.impaired.loss, ..self.habits }
    }

    fn go_on(
        &mut self,
        mut line: Box<dyn Line>,
        sending: Option<Box<Sending>>,
        look: Look,
        (now, secs): (Instant, f64),
        errands: &Errands<'_>,
        truth: &mut Writer,
    ) -> Result<Instant, Error> {
        line.impair(self.impaired);
        let (stage, wake) = line.poll(now, errands);
        match stage {
            Stage::Over(why) => {
                errands.bury(line);
                self.try_later(now, &why);
                Ok(now + Duration::from_millis(5))
            }
            Stage::Opening => {
                self.state = State::On(line, None);
                Ok(wake)
            }
            Stage::Open => {
                let habits = self.habits();
                let mut sending = match (sending, &self.media) {
                    (Some(sending), _) => sending,
                    (None, None) => {
                        self.connects = self.connects.max(1);
                        self.state = State::On(line, None);
                        return Ok(wake);
                    }
                    (None, Some(media)) => {
                        self.connects += 1;
                        tracing::info!(slot = self.slot.0, protocol = %self.ticket.way.protocol(), "phone is connected");
                        Box::new(Sending::begin(self.clock, secs, habits, &media.sound))
                    }
                };
                sending.set_habits(habits);
                self.send(line.as_mut(), &mut sending, look, secs, truth)?;
                let due = self.started + Duration::from_secs_f64(sending.wake_secs().max(0.0));
                // What was sent just now may have made more due.
                let wake = if matches!(self.ticket.way, Way::Webrtc) { line.poll(now, errands).1 } else { wake };
                self.state = State::On(line, Some(sending));
                Ok(wake.min(due))
            }
        }
    }

    fn send(&mut self, line: &mut dyn Line, sending: &mut Sending, look: Look, secs: f64, truth: &mut Writer) -> Result<(), Error> {
        let Self { clock, camera, slot, seq, media, chance, frames, .. } = self;
        let Some(media) = media else { return Ok(()) };
        sending.capture(secs, look, media, chance, &mut |at, frame, click| {
            *seq += 1;
            Record { camera: *camera, slot: *slot, frame, wall_us: clock.wall(at), seq: *seq, click_us: click.map(|at| clock.wall(at)) }
        });
        while let Some(parcel) = sending.pop(secs) {
            if let (true, Some(record)) = (line.send(&parcel, secs), parcel.record) {
                *frames += 1;
                truth.write(&record)?;
            }
        }
        Ok(())
    }

    fn try_later(&mut self, now: Instant, why: &str) {
        self.failures += 1;
        let wait = self.chance.range(RETRY_MS.0, RETRY_MS.1);
        tracing::info!(slot = self.slot.0, why, "phone tries again");
        self.state = State::Waiting(now + Duration::from_secs_f64(wait / 1e3));
    }

    /// Hangs up properly.
    pub(crate) fn leave(self, door: &Door) -> PhoneSummary {
        if let State::On(line, _) = self.state {
            line.leave(door);
        }
        PhoneSummary {
            slot: self.slot,
            camera: self.camera,
            protocol: self.ticket.way.protocol(),
            position: self.position.to_owned(),
            offset_ms: self.clock.offset_us as f64 / 1e3,
            drift_ppm: self.clock.drift_ppm,
            hidden_ms: self.habits.hidden_secs * 1e3,
            frames: self.frames,
            connects: self.connects,
            failures: self.failures,
        }
    }
}
