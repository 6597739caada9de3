//! A phone's page: WHIP and WebRTC.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tl_base::{Secret, SlotId};
use tl_rtc::publish::{self, Clock, Event, Impairment, Publisher};

use super::line::{Answer, Errands, Line, Stage, What};
use super::sending::Parcel;
use crate::Error;
use crate::signalling::{Door, Joined, Refusal};

/// A phone that hears nothing from the studio for this long joins anew; the studio pings every second at least.
const SILENCE: Duration = Duration::from_millis(2_200);
/// From an answer to a connection, at most.
const CONNECTING: Duration = Duration::from_secs(3);
/// Between two looks while the studio thinks.
const LOOK: Duration = Duration::from_millis(5);

enum State {
    /// The offer was not sent yet.
    New(String),
    /// The offer is on its way.
    Asked,
    /// Answered, not yet connected.
    Connecting(Instant),
    /// Connected; how many pongs were counted when the studio was heard last.
    Live { pongs: u64, at: Instant },
    /// It did not come about.
    Failed(String),
}

/// One WebRTC session.
pub(super) struct WebRtc {
    publisher: Publisher,
    slot: SlotId,
    token: Secret,
    joined: Option<Joined>,
    state: State,
}

impl WebRtc {
    pub(super) fn new(slot: SlotId, token: &Secret, bind: IpAddr, impair: Impairment, clock: Clock) -> Result<Self, Error> {
        let failed = |error: tl_rtc::Error| Error::Phone { slot: slot.0, message: error.to_string() };
        let config = publish::Config { bind, impair, clock, name: format!("Virtual phone {slot}"), ..publish::Config::default() };
        let mut publisher = Publisher::new(config).map_err(failed)?;
        let offer = publisher.offer().map_err(failed)?;
        Ok(Self { publisher, slot, token: token.clone(), joined: None, state: State::New(offer) })
    }

    /// What happened at the publisher; whether it connected and whether it closed.
    fn events(&mut self) -> (bool, bool) {
        let (mut connected, mut closed) = (false, false);
        while let Some(event) = self.publisher.next_event() {
            match event {
                Event::Connected => connected = true,
                Event::Closed => closed = true,
                // Every second of the loop begins with a key picture, and it came from no encoder that could make another.
                Event::KeyFrameRequested | Event::Sound(_) | Event::Bandwidth(_) | Event::Ceiling(_) => {}
                Event::Data(message) => tracing::trace!(slot = self.slot.0, ?message, "the studio says"),
            }
        }
        (connected, closed)
    }

    fn connecting(&mut self, now: Instant, until: Instant) -> (Stage, Instant) {
        let wake = self.publisher.poll(now);
        match self.events() {
            (true, _) => {
                self.state = State::Live { pongs: 0, at: now };
                (Stage::Open, now)
            }
            (_, true) => (Stage::Over("closed before it was connected".into()), now),
            _ if now > until => (Stage::Over("no connection".into()), now),
            _ => (Stage::Opening, wake),
        }
    }

    fn live(&mut self, now: Instant, heard: (u64, Instant)) -> (Stage, Instant) {
        let wake = self.publisher.poll(now);
        if self.events().1 {
            return (Stage::Over("the studio hung up".into()), now);
        }
        let pongs = self.publisher.counts().pongs;
        let at = if pongs == heard.0 { heard.1 } else { now };
        self.state = State::Live { pongs, at };
        // The studio is not told: it is not there.
        let silent = now.saturating_duration_since(at) > SILENCE;
        (if silent { Stage::Over("the studio is silent".into()) } else { Stage::Open }, wake)
    }
}

impl Line for WebRtc {
    fn poll(&mut self, now: Instant, errands: &Errands<'_>) -> (Stage, Instant) {
        match &mut self.state {
            State::New(offer) => {
                let sdp = std::mem::take(offer);
                let (slot, token) = (self.slot, self.token.clone());
                if !errands.send(What::Offer { slot, token, sdp }) {
                    return (Stage::Over("too many wishes at once".into()), now);
                }
                self.state = State::Asked;
                (Stage::Opening, now + LOOK)
            }
            State::Asked => (Stage::Opening, now + LOOK),
            State::Connecting(until) => {
                let until = *until;
                self.connecting(now, until)
            }
            State::Live { pongs, at } => {
                let heard = (*pongs, *at);
                self.live(now, heard)
            }
            State::Failed(why) => (Stage::Over(std::mem::take(why)), now),
        }
    }

    fn send(&mut self, parcel: &Parcel, _now_secs: f64) -> bool {
        let (unit, at) = (&parcel.unit, parcel.capture_ns);
        let sent = if unit.codec.is_audio() { self.publisher.send_audio(unit, at) } else { self.publisher.send_video(unit, at) };
        if let Err(error) = &sent {
            tracing::debug!(slot = self.slot.0, %error, "not sent");
        }
        sent.is_ok()
    }

    fn answered(&mut self, answer: Result<Answer, Refusal>, now: Instant) {
        let taken = match answer {
            Ok(Answer::Joined(joined)) => self.publisher.accept(&joined.sdp).map(|()| joined).map_err(|error| error.to_string()),
            Ok(Answer::SourceSet) => return,
            Err(refusal) => Err(refusal.to_string()),
        };
        self.state = match taken {
            Ok(joined) => {
                self.joined = Some(joined);
                State::Connecting(now + CONNECTING)
            }
            Err(why) => State::Failed(why),
        };
    }

    fn impair(&mut self, wanted: Impairment) {
        self.publisher.set_impairment(wanted);
    }

    fn leave(mut self: Box<Self>, door: &Door) {
        let Some(joined) = self.joined.take() else { return };
        self.publisher.close();
        if let Err(refusal) = door.leave(&joined.location, &self.token) {
            tracing::debug!(%refusal, "the studio did not hear a phone's goodbye");
        }
    }
}

/// A phone's clock for its publisher: what it shows at any moment.
pub(super) fn shown_by(clock: super::clock::PhoneClock, started: Instant) -> Clock {
    Arc::new(move |at: Instant| {
        let secs = at.checked_duration_since(started).map_or_else(|| -started.duration_since(at).as_secs_f64(), |since| since.as_secs_f64());
        clock.shows_ns(secs)
    })
}
