//! The control loop's part for cameras, recordings and destinations: who joins, what state follows, what is told.

use std::path::PathBuf;
use std::sync::Arc;

use tl_base::{MediaTime, SlotId};
use tl_media::{record, rtmp};
use tl_rtc::SessionId;
use tl_rtc::data::{FromPhone, ToPhone};
use tl_show::{Fact, SourceState};
use tl_store::Actor;
use tl_store::space::Level;
use tl_wire::{Refusal, RefusalCode, Role};

use crate::camera::Camera;
use crate::control::{Control, Wake, WhipReply};
use crate::feed::Feed;
use crate::recordings::Repaired;

/// A refused phone has this long to read the advice.
const REFUSED_AFTER: MediaTime = MediaTime::from_secs(2);

fn refusal(code: RefusalCode, message: String) -> Refusal {
    Refusal { code, message }
}

impl Control {
    /// Notes in the log what became of files that a crash had left open.
    pub(crate) fn tell_repairs(&mut self, repaired: &[(PathBuf, Repaired)]) {
        for (path, outcome) in repaired {
            let (state, reason) = match outcome {
                Repaired::Whole(cut) => ("repaired", format!("{cut} bytes of an unfinished fragment were cut off")),
                Repaired::Unreadable(reason) => ("failed", reason.clone()),
            };
            self.log(tl_show::Fact::RecordingChanged { file: Self::short(path), state: state.into(), reason }, "studio", None);
        }
    }

    /// Cameras of an earlier run are not there until they return.
    pub(crate) fn clear_ghosts(&mut self) {
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
            self.camera(slot, "webrtc").state = SourceState::Lost;
        }
    }

    fn camera(&mut self, slot: SlotId, protocol: &'static str) -> &mut Camera {
        let parts = &self.parts;
        self.cameras.entry(slot).or_insert_with(|| {
            let feed = Feed::new(slot, parts.clock, parts.sound.clone());
            let mut feeds = (**parts.shared.feeds.load()).clone();
            feeds.insert(slot, Arc::clone(&feed));
            parts.shared.feeds.store(Arc::new(feeds));
            Camera::new(feed, protocol)
        })
    }

    pub(crate) fn whip(&mut self, actor: &Actor, slot: SlotId, offer: &str) -> WhipReply {
        let now = self.parts.clock.now();
        let own_slot = actor.role == Role::Owner || (actor.role == Role::Camera && actor.slot == Some(slot));
        if !own_slot {
            return Err(refusal(RefusalCode::Forbidden, format!("This ticket is not for camera {slot}; ask the director for one.")));
        }
        if slot.0 > self.parts.config.cameras {
            return Err(refusal(RefusalCode::NotFound, format!("There is no camera position {slot}; this session has {}.", self.parts.config.cameras)));
        }
        let Some(rtc) = self.parts.rtc.clone() else {
            return Err(refusal(RefusalCode::Busy, "This studio takes no phones.".into()));
        };
        let camera = self.camera(slot, "webrtc");
        if !camera.may_join(&actor.label, now) {
            return Err(refusal(RefusalCode::Conflict, format!("Camera {slot} is taken by another phone; ask the director for a free position.")));
        }
        let answer = rtc.offer(slot, offer).map_err(|error| refusal(RefusalCode::Invalid, format!("The phone's offer was not understood: {error}.")))?;
        if let Some(old) = camera.session.take() {
            rtc.close(old);
        }
        self.joined(slot, Some(answer.session), &actor.label, now);
        Ok(tl_server::WhipAnswer { session: answer.session.to_string(), sdp: answer.sdp })
    }

    pub(crate) fn file_joined(&mut self, slot: SlotId) {
        let now = self.parts.clock.now();
        self.camera(slot, "file");
        self.joined(slot, None, "file", now);
    }

    fn joined(&mut self, slot: SlotId, session: Option<SessionId>, holder: &str, now: MediaTime) {
        let Some(camera) = self.cameras.get_mut(&slot) else { return };
        let from = camera.state;
        let to = camera.join(session, holder, now);
        camera.state = to;
        self.record_camera(slot);
        if from != to {
            self.log(Fact::SourceChanged { slot, from, to, reason: String::new() }, "studio", None);
        }
        self.forget_tally(slot);
        self.mix();
        self.publish();
    }

    pub(crate) fn whip_end(&mut self, slot: SlotId, session: &str) -> Result<(), Refusal> {
        let open = self.cameras.get(&slot).and_then(|camera| camera.session).filter(|open| open.to_string() == session);
        let Some(open) = open else {
            return Err(refusal(RefusalCode::NotFound, "This phone session is not open any more.".into()));
        };
        if let Some(rtc) = &self.parts.rtc {
            rtc.close(open);
        }
        self.left(slot, open, "the phone left");
        Ok(())
    }

    fn left(&mut self, slot: SlotId, session: SessionId, reason: &str) {
        let Some(camera) = self.cameras.get_mut(&slot).filter(|camera| camera.session == Some(session)) else { return };
        camera.session = None;
        camera.feed.end_part();
        let from = camera.state;
        if matches!(from, SourceState::Empty | SourceState::Lost) {
            return;
        }
        let to = if from == SourceState::Joining && camera.feed.measured().frames == 0 { SourceState::Empty } else { SourceState::Lost };
        camera.state = to;
        self.log(Fact::SourceChanged { slot, from, to, reason: reason.to_owned() }, "studio", None);
        self.mix();
    }

    pub(crate) fn rtc(&mut self, event: tl_rtc::Event) {
        match event {
            tl_rtc::Event::Connected { session, slot } => {
                let phone = self.cameras.get(&slot).filter(|camera| camera.session == Some(session));
                tracing::info!(slot = slot.0, known = phone.is_some(), "a phone is connected");
                self.forget_tally(slot);
            }
            // Media goes from the receiver's thread straight to the feed.
            tl_rtc::Event::Media { .. } => {}
            tl_rtc::Event::Data { session, message } => self.phone_says(session, message),
            tl_rtc::Event::Clock { session, state } => {
                if let Some(camera) = self.by_session(session) {
                    camera.clock = Some(state);
                }
            }
            tl_rtc::Event::Stats { session, stats, lost, .. } => {
                if let Some(camera) = self.by_session(session) {
                    camera.stats = stats;
                    camera.lost = lost;
                }
                self.advise(session);
            }
            tl_rtc::Event::Closed { session, slot, reason } => self.left(slot, session, &reason),
        }
    }

    fn by_session(&mut self, session: SessionId) -> Option<&mut Camera> {
        self.cameras.values_mut().find(|camera| camera.session == Some(session))
    }

    fn phone_says(&mut self, session: SessionId, message: FromPhone) {
        let Some((slot, _)) = self.cameras.iter().find(|(_, camera)| camera.session == Some(session)).map(|(slot, camera)| (*slot, camera.state)) else {
            return;
        };
        if let FromPhone::Hello { name, .. } = message {
            // The channel is open now: what was said before was lost.
            self.forget_tally(slot);
            let name: String = name.chars().filter(|c| !c.is_control()).take(tl_show::MAX_NAME_CHARS).collect();
            let known = self.parts.show.camera(slot);
            if known.name.is_empty() && !name.is_empty() {
                self.log(Fact::CameraNamed { slot, name, position: known.position }, "phone", None);
            }
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

    pub(crate) fn look_at_cameras(&mut self, now: MediaTime) {
        let slots: Vec<SlotId> = self.cameras.keys().copied().collect();
        for slot in slots {
            self.look_at_state(slot, now);
            self.look_at_admission(slot, now);
        }
        self.start_programme_recording();
    }

    fn look_at_state(&mut self, slot: SlotId, now: MediaTime) {
        let Some(camera) = self.cameras.get_mut(&slot) else { return };
        let from = camera.state;
        let Some((to, reason)) = camera.next_state(now) else { return };
        camera.state = to;
        self.log(Fact::SourceChanged { slot, from, to, reason: reason.to_owned() }, "studio", None);
    }

    fn look_at_admission(&mut self, slot: SlotId, now: MediaTime) {
        let Some(camera) = self.cameras.get_mut(&slot) else { return };
        let first = camera.admission.is_none();
        let Some(verdict) = camera.judge(now) else { return };
        let (Some(rtc), Some(session)) = (self.parts.rtc.clone(), camera.session) else { return };
        let accepted = verdict.accepted;
        let reason = verdict.reason.clone();
        rtc.send(session, &ToPhone::Admission(verdict));
        // A refusal ends the session after the advice only at a first join; a camera that has been on the show stays and is not chosen.
        if !accepted && first && camera.reconnects == 0 {
            self.close_later(session, now + REFUSED_AFTER);
            tracing::info!(slot = slot.0, reason, "a camera was not admitted");
        }
    }

    /// Records what a camera sends, as it comes, unless the disk is nearly full.
    fn record_camera(&mut self, slot: SlotId) {
        let Some(camera) = self.cameras.get(&slot).filter(|_| self.parts.config.recording.iso && self.disk < Level::ShedIso) else { return };
        let wakes = self.parts.wakes.clone();
        let dir = self.parts.recordings.dir().to_path_buf();
        // A control loop that is gone needs no report.
        let started = camera.feed.record(dir, &self.parts.config.recording, move |event| drop(wakes.send(Wake::Recording(Some(slot), event))));
        if let Err(error) = started {
            self.log(Fact::RecordingChanged { file: format!("cam{slot}"), state: "failed".into(), reason: error.to_string() }, "studio", None);
        }
    }

    /// Sheds recordings as the disk fills, cameras first, and starts them again when there is room.
    pub(crate) fn mind_disk(&mut self) {
        let before = self.disk;
        self.disk = self.parts.health.disk(self.parts.config.recording.keep_free_bytes);
        if self.disk == before {
            return;
        }
        let slots: Vec<SlotId> = self.cameras.keys().copied().collect();
        if self.disk >= Level::ShedIso {
            for slot in slots.into_iter().filter(|_| before < Level::ShedIso) {
                let summary = self.cameras.get(&slot).and_then(|camera| camera.feed.stop_recording());
                self.note_stopped(Some(slot), summary, "less than ten minutes of disk are left; the programme is recorded on");
            }
        } else if before >= Level::ShedIso {
            for slot in slots {
                self.record_camera(slot);
            }
        }
        if self.disk == Level::Stop {
            let summary = self.parts.outputs.stop_recording();
            self.note_stopped(None, summary, "the disk is nearly full; the programme goes on air unrecorded");
        }
    }

    fn note_stopped(&mut self, source: Option<SlotId>, summary: Option<record::Summary>, reason: &str) {
        let Some(summary) = summary else { return };
        for part in &summary.parts {
            self.parts.recordings.part_ended(source, part);
        }
        let file = source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"));
        self.log(Fact::RecordingChanged { file, state: "finished".into(), reason: reason.into() }, "studio", None);
    }

    fn start_programme_recording(&mut self) {
        let due = self.parts.config.recording.programme && self.disk < Level::Stop && self.cameras.values().any(|camera| camera.state == SourceState::Live);
        if !due || self.parts.outputs.is_recording() || self.parts.show.ended() {
            return;
        }
        let wakes = self.parts.wakes.clone();
        let dir = self.parts.recordings.dir().to_path_buf();
        // A control loop that is gone needs no report.
        let started = self.parts.outputs.record(dir, &self.parts.config.recording, move |event| drop(wakes.send(Wake::Recording(None, event))));
        if let Err(error) = started {
            tracing::error!(%error, "the programme is not recorded");
        }
    }

    pub(crate) fn recording(&mut self, source: Option<SlotId>, event: record::Event) {
        let name = || source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"));
        let (file, state, reason) = match event {
            record::Event::PartStarted { path, start } => {
                let file = Self::short(&path);
                self.parts.recordings.part_started(source, path, start);
                (file, "started", String::new())
            }
            record::Event::PartEnded(info) => {
                self.parts.recordings.part_ended(source, &info);
                (Self::short(&info.path), "finished", String::new())
            }
            record::Event::Dropped { units } => (name(), "failed", format!("the disk was too slow: {units} pictures are missing")),
            record::Event::DiskFull { path } => (Self::short(&path), "failed", "the disk is full; recording goes on when there is room".to_owned()),
            record::Event::Failed { path, reason } => (Self::short(&path), "failed", reason),
            record::Event::Resumed => (name(), "started", "recording goes on".to_owned()),
        };
        self.log(Fact::RecordingChanged { file, state: state.into(), reason }, "studio", None);
    }

    pub(crate) fn destination(&mut self, name: &str, event: rtmp::Event) {
        let (state, reason) = match event {
            rtmp::Event::Connecting => ("connecting", String::new()),
            rtmp::Event::Live => ("live", String::new()),
            rtmp::Event::Waiting { retry_in, reason } => ("waiting", format!("{reason}; trying again in {:.0} s", retry_in.as_secs_f64())),
            rtmp::Event::Refused { reason } => ("refused", reason),
            rtmp::Event::Stopped => ("off", String::new()),
        };
        self.parts.outputs.note_state(name, state, &reason);
        if self.parts.show.destinations().get(name).map(String::as_str) != Some(state) {
            self.log(Fact::DestinationChanged { name: name.to_owned(), state: state.into(), reason }, "studio", None);
        }
    }
}
