//! One virtual phone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tl_base::{Secret, SlotId, Wall};
use tl_rtc::publish::{self, Event, Impairment, Publisher};

use super::clock::PhoneClock;
use super::sending::{Look, Sending};
use super::{FaultKind, Faults, Knock};
use crate::clips::Loaded;
use crate::signalling::{Door, Joined, Refusal};
use crate::truth::{Record, Writer};
use crate::{Clip, Error, Options, PhoneSummary, PhoneTicket, Seed};
use tl_base::queue::Sender;

/// A phone that hears nothing from the studio for this long joins anew; the studio pings every second at least.
const SILENCE: Duration = Duration::from_millis(2_200);
/// From an answer to a connection, at most.
const CONNECTING: Duration = Duration::from_secs(3);
/// Between two attempts to join, milliseconds.
const RETRY_MS: (f64, f64) = (500.0, 1_000.0);
/// Jitter of a healthy local network, milliseconds.
const LAN_JITTER_MS: f64 = 4.0;

enum State {
    /// Not connected until then.
    Waiting(Instant),
    /// The offer is on its way.
    Asked(Box<Publisher>),
    /// Answered, not yet connected.
    Connecting(Box<Publisher>, Joined, Instant),
    /// Sends.
    Live(Box<Publisher>, Joined, Box<Sending>, Heard),
}

/// When the studio was last heard.
struct Heard {
    pongs: u64,
    at: Instant,
}

/// One virtual phone.
pub(crate) struct Phone {
    index: usize,
    slot: SlotId,
    token: Secret,
    camera: u8,
    position: &'static str,
    media: Arc<Loaded>,
    clock: PhoneClock,
    started: Instant,
    bind: std::net::IpAddr,
    faults: Faults,
    healthy: Impairment,
    impaired: Impairment,
    chance: Seed,
    /// Where the loop goes on.
    next_index: u32,
    seq: u64,
    frames: u64,
    connects: u64,
    failures: u64,
    state: State,
}

impl Phone {
    pub(crate) fn new(index: usize, ticket: &PhoneTicket, clip: &Clip, media: Arc<Loaded>, seed: &Seed, started: (Instant, Wall), options: &Options) -> Self {
        let mut chance = seed.child(&format!("phone {}", ticket.slot));
        let clock = PhoneClock::random(&mut chance, started.1);
        let healthy = Impairment { jitter_ms: LAN_JITTER_MS, delay_ms: 0.5, seed: chance.bits(), ..Impairment::default() };
        Self {
            index,
            slot: ticket.slot,
            token: ticket.token.clone(),
            camera: clip.camera,
            position: clip.position.id,
            media,
            clock,
            started: started.0,
            bind: options.bind,
            faults: options.faults.clone(),
            healthy,
            impaired: healthy,
            next_index: chance.below(crate::rink::FRAMES as usize) as u32,
            chance,
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

    /// The studio's answer to the offer.
    pub(crate) fn answered(&mut self, result: Result<Joined, Refusal>, now: Instant) {
        let State::Asked(mut publisher) = std::mem::replace(&mut self.state, State::Waiting(now)) else { return };
        let taken =
            result.map_err(|refusal| refusal.to_string()).and_then(|joined| publisher.accept(&joined.sdp).map(|()| joined).map_err(|error| error.to_string()));
        match taken {
            Ok(joined) => self.state = State::Connecting(publisher, joined, now + CONNECTING),
            Err(why) => self.try_later(now, &why),
        }
    }

    /// Does what is due; the answer is when to come again.
    pub(crate) fn step(&mut self, now: Instant, knocks: &Sender<Knock>, truth: &mut Writer) -> Result<Instant, Error> {
        let secs = now.saturating_duration_since(self.started).as_secs_f64();
        let look = match self.suffer(secs) {
            Some(look) => look,
            // Gone without a word: the connection is forgotten, nothing is said to the studio.
            None => {
                self.state = State::Waiting(now + Duration::from_millis(50));
                return Ok(now + Duration::from_millis(50));
            }
        };
        match std::mem::replace(&mut self.state, State::Waiting(now)) {
            State::Waiting(until) if now < until => {
                self.state = State::Waiting(until);
                Ok(until)
            }
            State::Waiting(_) => {
                self.ask(now, knocks)?;
                Ok(now + Duration::from_millis(5))
            }
            State::Asked(publisher) => {
                self.state = State::Asked(publisher);
                Ok(now + Duration::from_millis(5))
            }
            State::Connecting(publisher, joined, until) => Ok(self.connect(publisher, joined, until, now, secs)),
            State::Live(publisher, joined, sending, heard) => self.send(publisher, joined, sending, heard, look, now, secs, truth),
        }
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
        if wanted != self.impaired {
            self.impaired = wanted;
            if let State::Connecting(publisher, ..) | State::Live(publisher, ..) = &mut self.state {
                publisher.set_impairment(wanted);
            }
        }
        Some(look)
    }

    fn ask(&mut self, now: Instant, knocks: &Sender<Knock>) -> Result<(), Error> {
        let failed = |error: tl_rtc::Error| Error::Phone { slot: self.slot.0, message: error.to_string() };
        let (clock, started) = (self.clock, self.started);
        let shows = move |at: Instant| {
            let secs = at.checked_duration_since(started).map_or_else(|| -started.duration_since(at).as_secs_f64(), |since| since.as_secs_f64());
            clock.shows_ns(secs)
        };
        let name = format!("Virtual phone {}", self.slot);
        let config = publish::Config { bind: self.bind, impair: self.impaired, clock: Arc::new(shows), name, ..publish::Config::default() };
        let mut publisher = Box::new(Publisher::new(config).map_err(failed)?);
        let offer = publisher.offer().map_err(failed)?;
        match knocks.send(Knock { phone: self.index, slot: self.slot, token: self.token.clone(), offer }) {
            Ok(()) => self.state = State::Asked(publisher),
            Err(_) => self.try_later(now, "too many wishes at once"),
        }
        Ok(())
    }

    fn connect(&mut self, mut publisher: Box<Publisher>, joined: Joined, until: Instant, now: Instant, secs: f64) -> Instant {
        let wake = publisher.poll(now);
        while let Some(event) = publisher.next_event() {
            match event {
                Event::Connected => {
                    self.connects += 1;
                    tracing::info!(slot = self.slot.0, "phone is connected");
                    let sending = Box::new(Sending::begin(self.clock, secs, self.next_index));
                    self.state = State::Live(publisher, joined, sending, Heard { pongs: 0, at: now });
                    return now;
                }
                Event::Closed => {
                    self.try_later(now, "closed before it was connected");
                    return now + Duration::from_millis(5);
                }
                Event::KeyFrameRequested | Event::Data(_) => {}
            }
        }
        if now > until {
            self.try_later(now, "no connection");
            return now + Duration::from_millis(5);
        }
        self.state = State::Connecting(publisher, joined, until);
        wake
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of the live state, taken apart by the caller")]
    fn send(
        &mut self,
        mut publisher: Box<Publisher>,
        joined: Joined,
        mut sending: Box<Sending>,
        mut heard: Heard,
        look: Look,
        now: Instant,
        secs: f64,
        truth: &mut Writer,
    ) -> Result<Instant, Error> {
        let Self { clock, camera, slot, seq, media, chance, .. } = self;
        sending.capture(secs, look, media, chance, &mut |at, frame| {
            *seq += 1;
            Record { camera: *camera, slot: *slot, frame, wall_us: clock.wall(at), seq: *seq }
        });
        while let Some(parcel) = sending.pop(secs) {
            let sent = if parcel.record.is_some() {
                publisher.send_video(&parcel.unit, parcel.capture_ns)
            } else {
                publisher.send_audio(&parcel.unit, parcel.capture_ns)
            };
            match (sent, parcel.record) {
                (Ok(()), Some(record)) => {
                    self.frames += 1;
                    truth.write(&record)?;
                }
                (Ok(()), None) => {}
                (Err(error), _) => tracing::debug!(slot = self.slot.0, %error, "not sent"),
            }
        }
        let wake = publisher.poll(now);
        let mut closed = false;
        while let Some(event) = publisher.next_event() {
            match event {
                Event::Closed => closed = true,
                // Every second of the loop begins with a key picture, and it came from no encoder that could make another.
                Event::KeyFrameRequested => {}
                Event::Connected => {}
                Event::Data(message) => tracing::trace!(slot = self.slot.0, ?message, "the studio says"),
            }
        }
        let pongs = publisher.counts().pongs;
        if pongs != heard.pongs {
            heard = Heard { pongs, at: now };
        }
        self.next_index = sending.next_index();
        if closed || now.saturating_duration_since(heard.at) > SILENCE {
            // The studio is not told: it is not there, or it hung up.
            self.try_later(now, if closed { "the studio hung up" } else { "the studio is silent" });
            return Ok(now + Duration::from_millis(5));
        }
        let due = self.started + Duration::from_secs_f64(sending.wake_secs().max(0.0));
        self.state = State::Live(publisher, joined, sending, heard);
        Ok(wake.min(due))
    }

    fn try_later(&mut self, now: Instant, why: &str) {
        self.failures += 1;
        let wait = self.chance.range(RETRY_MS.0, RETRY_MS.1);
        tracing::info!(slot = self.slot.0, why, "phone tries again");
        self.state = State::Waiting(now + Duration::from_secs_f64(wait / 1e3));
    }

    /// Hangs up properly.
    pub(crate) fn leave(self, door: &Door) -> PhoneSummary {
        if let State::Live(mut publisher, joined, ..) | State::Connecting(mut publisher, joined, _) = self.state {
            publisher.close();
            if let Err(refusal) = door.leave(&joined.location, &self.token) {
                tracing::debug!(%refusal, "the studio did not hear a phone's goodbye");
            }
        }
        PhoneSummary {
            slot: self.slot,
            camera: self.camera,
            position: self.position.to_owned(),
            offset_ms: self.clock.offset_us as f64 / 1e3,
            drift_ppm: self.clock.drift_ppm,
            frames: self.frames,
            connects: self.connects,
            failures: self.failures,
        }
    }
}
