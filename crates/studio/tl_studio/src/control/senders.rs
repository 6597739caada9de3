//! Who joins, who leaves, and what phones say.

use std::sync::Arc;

use tl_base::{MediaTime, Protocol, SlotId};
use tl_rtc::SessionId;
use tl_rtc::data::{FromPhone, Tally, ToPhone};
use tl_show::{Fact, SourceState};
use tl_store::Actor;
use tl_wire::{Refusal, RefusalCode, Role};

use super::commands::refusal;
use super::{Control, WhipReply};
use crate::inputs::camera::{Camera, Reached};
use crate::inputs::holder::Sender;

impl Control {
    /// Cameras of an earlier run are not there until they return.
    pub(super) fn clear_ghosts(&mut self) {
        let ghosts: Vec<(SlotId, SourceState)> = self
            .parts
            .show
            .cameras()
            .map(|(slot, camera)| (slot, camera.state))
            .filter(|(_, state)| !matches!(state, SourceState::Empty | SourceState::Lost))
            .collect();
        for (slot, from) in ghosts {
            self.log(Fact::SourceChanged { slot, from, to: SourceState::Lost, reason: "the studio was started again".into() }, "studio", None);
        }
        let known: Vec<SlotId> = self.parts.show.cameras().filter(|(_, camera)| camera.state == SourceState::Lost).map(|(slot, _)| slot).collect();
        for slot in known {
            if let Some(camera) = self.camera(slot, Protocol::Webrtc) {
                camera.state = SourceState::Lost;
            }
        }
    }

    /// A slot's camera, made when nobody was there before; none for a slot that this session does not have.
    pub(super) fn camera(&mut self, slot: SlotId, protocol: Protocol) -> Option<&mut Camera> {
        let feed = self.parts.shared.feeds.get(&slot).filter(|_| slot.is_camera())?;
        let (trim, delay) = (self.parts.show.trim_ms(slot), self.parts.show.fader(slot).delay_ms);
        Some(self.cameras.entry(slot).or_insert_with(|| {
            feed.set_trim(MediaTime::from_millis(i64::from(trim)));
            feed.set_sound_delay(MediaTime::from_millis(i64::from(delay)));
            Camera::new(Arc::clone(feed), protocol)
        }))
    }

    pub(super) fn whip(&mut self, actor: &Actor, slot: SlotId, offer: &str) -> WhipReply {
        if !slot.is_camera() {
            return self.whip_microphone(actor, slot, offer);
        }
        let now = self.parts.clock.now();
        self.may_send(actor, slot)?;
        let Some(rtc) = self.parts.rtc.clone() else {
            return Err(refusal(RefusalCode::Busy, "This studio takes no phones."));
        };
        let Some(camera) = self.camera(slot, Protocol::Webrtc) else {
            return Err(refusal(RefusalCode::NotFound, format!("There is no camera position {slot}.")));
        };
        if !camera.may_join(&actor.label, now) {
            return Err(refusal(RefusalCode::Conflict, format!("Camera {slot} is taken by another phone; ask the director for a free position.")));
        }
        let answer = rtc.offer(slot, offer).map_err(|error| refusal(RefusalCode::Invalid, format!("The phone's offer was not understood: {error}.")))?;
        let sender = Sender::of_session(answer.session);
        if let Some(old) = camera.feed.take_over(sender) {
            self.close_sender(slot, old);
        }
        self.joined(slot, sender, Protocol::Webrtc, &actor.label);
        Ok(tl_server::WhipAnswer { session: answer.session.to_string(), sdp: answer.sdp })
    }

    /// Whether somebody may send into a slot at all.
    pub(super) fn may_send(&self, actor: &Actor, slot: SlotId) -> Result<(), Refusal> {
        let own_slot = matches!(actor.role, Role::Owner | Role::Director) || (actor.role == Role::Camera && actor.slot == Some(slot));
        if !own_slot {
            return Err(refusal(RefusalCode::Forbidden, format!("This ticket is not for camera {slot}; ask the director for one.")));
        }
        if slot.0 > self.parts.config.cameras {
            return Err(refusal(RefusalCode::NotFound, format!("There is no camera position {slot}; this session has {}.", self.parts.config.cameras)));
        }
        Ok(())
    }

    /// Somebody sends into a slot from now on; the feed is theirs already.
    pub(super) fn joined(&mut self, slot: SlotId, sender: Sender, protocol: Protocol, holder: &str) {
        let now = self.parts.clock.now();
        self.forget_foreign_trim(slot, protocol);
        let Some(camera) = self.camera(slot, protocol) else { return };
        let from = camera.state;
        let to = camera.join(sender, protocol, holder, now);
        camera.state = to;
        camera.reached = Reached { state: "connected", detail: String::new(), retry_at: None, ..std::mem::take(&mut camera.reached) };
        self.record_camera(slot);
        if from != to {
            self.log(Fact::SourceChanged { slot, from, to, reason: String::new() }, "studio", None);
        }
        self.forget_tally(slot);
        self.mix();
        self.publish();
    }

    /// What was taken off for a sender without a clock of its own is no use to one that has one.
    fn forget_foreign_trim(&mut self, slot: SlotId, protocol: Protocol) {
        let hid = self.cameras.get(&slot).is_some_and(|camera| !camera.protocol.has_sender_clock());
        if hid && protocol.has_sender_clock() && self.parts.show.trim_ms(slot) != 0 {
            self.log(Fact::TrimSet { slot, trim_ms: 0 }, "studio", None);
            self.apply_times(slot);
        }
    }

    pub(super) fn whip_end(&mut self, slot: SlotId, session: &str) -> Result<(), Refusal> {
        let camera = self.cameras.get(&slot).and_then(Camera::session);
        let open = camera.or_else(|| self.microphones.get(&slot).and_then(|microphone| microphone.session()));
        let Some(open) = open.filter(|open| open.to_string() == session) else {
            return Err(refusal(RefusalCode::NotFound, "This phone session is not open any more."));
        };
        if let Some(rtc) = &self.parts.rtc {
            rtc.close(open);
        }
        self.left(slot, Sender::of_session(open), "the phone left");
        Ok(())
    }

    /// Whoever sent into a slot is gone. Its place is free.
    pub(super) fn left(&mut self, slot: SlotId, sender: Sender, reason: &str) {
        if let Some(feed) = self.parts.shared.feeds.get(&slot) {
            feed.holder().release(sender);
        }
        self.publishers.remove(&sender);
        self.give_back(slot, sender);
        if let Some(microphone) = self.microphones.get_mut(&slot).filter(|microphone| microphone.sender == Some(sender)) {
            microphone.leave();
            return;
        }
        let Some(camera) = self.cameras.get_mut(&slot).filter(|camera| camera.sender == Some(sender)) else { return };
        camera.sender = None;
        camera.listens = false;
        camera.feed.end_part();
        if camera.reached.state == "connected" {
            camera.reached.state = "off";
        }
        let from = camera.state;
        if matches!(from, SourceState::Empty | SourceState::Lost) {
            return;
        }
        let to = if from == SourceState::Joining && camera.feed.measured().frames == 0 { SourceState::Empty } else { SourceState::Lost };
        camera.state = to;
        self.log(Fact::SourceChanged { slot, from, to, reason: reason.to_owned() }, "studio", None);
        self.mix();
    }

    /// What was set for a slot and was displaced meanwhile gets its place back: it is started anew, since it has been connected for long.
    fn give_back(&mut self, slot: SlotId, leaver: Sender) {
        let Some(feed) = self.parts.shared.feeds.get(&slot).filter(|feed| feed.holder().now().is_none()) else { return };
        if self.ways.has_set(slot) && !self.ways.is_set(slot, leaver) && self.state == tl_wire::SessionState::Running {
            self.ways.restart(slot, feed);
        }
    }

    /// Ends whoever sends as `sender`, however they do it.
    pub(super) fn close_sender(&mut self, slot: SlotId, sender: Sender) {
        if let (Some(session), Some(rtc)) = (sender.session(), &self.parts.rtc) {
            rtc.close(session);
        } else if let (Some(connection), Some(rtmp)) = (self.publishers.remove(&sender), &self.rtmp) {
            rtmp.close(connection, "another sender takes this camera");
        } else if self.ways.knows(slot, sender)
            && let Some(feed) = self.parts.shared.feeds.get(&slot)
        {
            self.ways.turn_away(slot, sender, feed);
        }
    }

    /// Lets whoever sends into a slot go; they may come back.
    pub(super) fn disconnect(&mut self, slot: SlotId, reason: &str) {
        let camera = self.cameras.get(&slot).and_then(|camera| camera.sender);
        let Some(sender) = camera.or_else(|| self.microphones.get(&slot).and_then(|microphone| microphone.sender)) else { return };
        self.close_sender(slot, sender);
        if self.ways.has_set(slot)
            && self.ways.knows(slot, sender)
            && let Some(feed) = self.parts.shared.feeds.get(&slot)
        {
            self.ways.restart(slot, feed);
        }
        self.left(slot, sender, reason);
    }

    pub(super) fn rtc(&mut self, event: tl_rtc::Event) {
        match event {
            tl_rtc::Event::Connected { session, slot } => {
                tracing::info!(%slot, known = self.slot_of(session).is_some(), "a phone is connected");
                self.forget_tally(slot);
            }
            // Media goes from the receiver's thread straight to the feed, and a wish for a key straight to the encoder.
            tl_rtc::Event::Media { .. } | tl_rtc::Event::KeyWanted => {}
            tl_rtc::Event::Data { session, message } => self.phone_says(session, message),
            tl_rtc::Event::Clock { session, state } => {
                if let Some(camera) = self.by_session(session) {
                    camera.clock = Some(state);
                }
            }
            tl_rtc::Event::Stats { session, stats, lost, .. } => {
                if let Some(camera) = self.by_session(session) {
                    camera.stats = stats;
                    camera.note_lost(lost);
                }
                self.advise(session);
            }
            tl_rtc::Event::Closed { session, slot, reason } => self.left(slot, Sender::of_session(session), &reason),
            tl_rtc::Event::ViewerConnected { session } => tracing::info!(%session, "a viewer is connected"),
            tl_rtc::Event::ViewerClosed { session, reason } => tracing::info!(%session, reason, "a viewer left"),
        }
    }

    fn by_session(&mut self, session: SessionId) -> Option<&mut Camera> {
        self.cameras.values_mut().find(|camera| camera.session() == Some(session))
    }

    fn slot_of(&self, session: SessionId) -> Option<SlotId> {
        let camera = self.cameras.iter().find(|(_, camera)| camera.session() == Some(session)).map(|(slot, _)| *slot);
        camera.or_else(|| self.microphones.iter().find(|(_, microphone)| microphone.session() == Some(session)).map(|(slot, _)| *slot))
    }

    fn phone_says(&mut self, session: SessionId, message: FromPhone) {
        let Some(slot) = self.slot_of(session) else { return };
        match message {
            FromPhone::Hello { name, .. } => {
                // The channel is open now: what was said before was lost.
                self.forget_tally(slot);
                let name: String = name.chars().filter(|c| !c.is_control()).take(tl_show::MAX_NAME_CHARS).collect();
                let known = self.parts.show.camera(slot);
                if slot.is_camera() && known.name.is_empty() && !name.is_empty() {
                    self.log(Fact::CameraNamed { slot, name, position: known.position }, "phone", None);
                }
            }
            FromPhone::Listen { on } => {
                if let Some(camera) = self.cameras.get_mut(&slot) {
                    camera.listens = on;
                } else if let Some(microphone) = self.microphones.get_mut(&slot) {
                    microphone.listens = on;
                }
            }
            // A phone that speaks sends its sound anyway; the mark shows who wants to be heard.
            FromPhone::Talk { on } => {
                if let Some(camera) = self.cameras.get_mut(&slot) {
                    camera.speaks = on;
                }
            }
            _ => {}
        }
    }

    /// What a phone tells of itself beside its pieces. A position that somebody gave the camera stays, and a name that is no position is
    /// left out.
    pub(super) fn described(&mut self, slot: SlotId, sender: Sender, position: &str, quality: Option<f64>) {
        let Some(camera) = self.cameras.get_mut(&slot).filter(|camera| camera.sender == Some(sender)) else { return };
        camera.quality = quality;
        let known = self.parts.show.camera(slot);
        if known.position.is_empty() && tl_show::POSITIONS.contains(&position) {
            self.log(Fact::CameraNamed { slot, name: known.name, position: position.to_owned() }, "phone", None);
        }
    }

    /// Steps a phone's bitrate, size and rate with what the network carries.
    fn advise(&mut self, session: SessionId) {
        let Some(rtc) = self.parts.rtc.clone() else { return };
        let now = self.parts.clock.now();
        let Some(camera) = self.by_session(session) else { return };
        let stats = camera.stats;
        if let Some(advice) = camera.ladder.observe(now, &stats) {
            rtc.send(session, &ToPhone::Advice(advice));
        }
    }

    /// What a camera's person sees.
    pub(super) fn tally_of(&self, slot: SlotId) -> Tally {
        let program = self.parts.show.program();
        let live = self.cameras.get(&slot).is_some_and(|camera| camera.state == SourceState::Live);
        match () {
            () if program.live == Some(slot) && !program.slate => Tally::Live,
            () if program.next == Some(slot) => Tally::Next,
            () if live => Tally::Ready,
            () => Tally::Idle,
        }
    }

    pub(super) fn send_tallies(&mut self) {
        let Some(rtc) = self.parts.rtc.clone() else { return };
        let sessions: Vec<(SlotId, SessionId)> = self.cameras.iter().filter_map(|(slot, camera)| Some((*slot, camera.session()?))).collect();
        for (slot, session) in sessions {
            let tally = self.tally_of(slot);
            if self.tally.insert(slot, tally) != Some(tally) {
                rtc.send(session, &ToPhone::Tally { state: tally });
            }
        }
    }

    pub(super) fn forget_tally(&mut self, slot: SlotId) {
        self.tally.remove(&slot);
    }

    /// Ends a phone's session at `at`.
    pub(super) fn close_later(&mut self, session: SessionId, at: MediaTime) {
        self.closing.push((at, session));
    }

    pub(super) fn close_due(&mut self, now: MediaTime) {
        let Some(rtc) = &self.parts.rtc else { return };
        self.closing.retain(|(at, session)| {
            let due = *at <= now;
            if due {
                rtc.close(*session);
            }
            !due
        });
    }
}
