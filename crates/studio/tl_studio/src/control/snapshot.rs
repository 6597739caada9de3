//! The control loop's part that draws the snapshot.

use std::sync::atomic::Ordering;

use tl_base::{MediaTime, SlotId};
use tl_show::{Graphic, SourceState};
use tl_wire::{BudgetView, CameraView, Health, InputView, Load, Meter, MicrophoneView, Snapshot};

use crate::control::Control;
use crate::inputs::camera::{Camera, Reached};
use crate::inputs::microphone::Microphone;
use crate::outputs::{blank_view, millis_until};
use crate::records::session::unmeasured;

fn input_view(reached: &Reached, decoder: Option<&str>, now: MediaTime) -> InputView {
    InputView {
        state: if reached.state.is_empty() { "off".into() } else { reached.state.into() },
        address: reached.address.clone(),
        detail: reached.detail.clone(),
        retry_in_ms: reached.retry_at.map(|at| millis_until(at, now)),
        decoder: decoder.map(str::to_owned),
    }
}

impl Control {
    /// What is, now. Figures of the loops beside this one are filled in by the probe.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = self.parts.clock.now();
        let show = &self.parts.show;
        let budget = BudgetView { now_ms: self.parts.budget.now().as_millis_f64(), target_ms: self.parts.budget.target().as_millis_f64() };
        let graphics = [(Graphic::ScoreBug, "score_bug"), (Graphic::Clock, "clock"), (Graphic::LowerThird, "lower_third")];
        let mut cameras: Vec<CameraView> = self.cameras.iter().map(|(slot, camera)| self.camera_view(*slot, camera)).collect();
        cameras.sort_by_key(|camera| camera.slot);
        let [home, away] = show.teams();
        let microphones = self.microphones.iter().filter(|(_, microphone)| microphone.state != SourceState::Empty || microphone.reached != Reached::default());
        Snapshot {
            session: self.parts.session.clone(),
            state: self.state,
            era: self.parts.era,
            media_time: now,
            seq: self.journal.seq(),
            program: show.program().clone(),
            output: unmeasured(&self.parts.config),
            teams: [home.clone(), away.clone()],
            clock: *show.clock(),
            clock_millis: show.clock().millis_at(now),
            graphics: graphics.into_iter().map(|(graphic, name)| (name.to_owned(), show.graphic(graphic))).collect(),
            sound: show.sound(),
            sound_processing: show.processing(),
            meter: Meter::default(),
            warnings: self.warnings(&cameras),
            cameras,
            microphones: microphones.map(|(slot, microphone)| self.microphone_view(*slot, microphone)).collect(),
            joins: self.parts.access.waiting(),
            outputs: self.outputs_view(),
            recordings: self.parts.recordings.view(now, |entry| self.is_writing(entry)),
            budget,
            health: Health::default(),
            load: Load { level: self.governor.level() as u8, shed: self.governor.steps().iter().map(|step| step.phrase().to_owned()).collect() },
            viewers: self.parts.shared.viewers.load(Ordering::Relaxed),
            viewers_whep: self.parts.rtc.as_ref().map_or(0, |rtc| u32::try_from(rtc.viewers()).unwrap_or(u32::MAX)),
        }
    }

    /// Destinations that are off stand in the list too, so that a page can start them.
    fn outputs_view(&self) -> Vec<tl_wire::OutputView> {
        let mut views = self.parts.outputs.view();
        for destination in &self.parts.config.destinations {
            if !views.iter().any(|view| view.name == destination.name) {
                let state = self.parts.show.destinations().get(&destination.name).cloned().filter(|state| state == "refused").unwrap_or_else(|| "off".into());
                views.push(blank_view(&destination.name, destination.kind(), &destination.shown(), &state));
            }
        }
        views
    }

    fn microphone_view(&self, slot: SlotId, microphone: &Microphone) -> MicrophoneView {
        MicrophoneView {
            slot,
            name: if slot == SlotId::COMMENTARY { "Commentary".into() } else { "Talkback".into() },
            protocol: microphone.protocol.to_string(),
            state: microphone.state,
            level_dbfs: microphone.feed.measured().level_dbfs,
            fader: self.parts.show.fader(slot),
        }
    }

    fn camera_view(&self, slot: SlotId, camera: &Camera) -> CameraView {
        let show = &self.parts.show;
        let now = self.parts.clock.now();
        let named = show.camera(slot);
        let measured = camera.feed.measured();
        let program = show.program();
        let delay = measured.delay_ms;
        // A phone's clock is told against the wall clock, which is what people mean by a clock that is off.
        let anchor_ms = self.parts.clock.wall_of(MediaTime::ZERO).0 as f64 / 1e3;
        // A sender without a clock of its own is known by its arrivals alone: what is known of it is its trim.
        let offset_of = |offset_ms: f64| if camera.protocol.has_sender_clock() { offset_ms - anchor_ms } else { f64::from(show.trim_ms(slot)) };
        let clock = camera.clock.map(|clock| tl_base::clock_sync::ClockState { offset_ms: offset_of(clock.offset_ms), ..clock });
        let mut stats = camera.stats;
        stats.fps = measured.fps.or(stats.fps);
        stats.bitrate_bps = measured.bitrate_bps.or(stats.bitrate_bps);
        stats.decode_ms = measured.decode_ms;
        CameraView {
            slot,
            name: if named.name.is_empty() { format!("Camera {slot}") } else { named.name },
            position: named.position,
            protocol: camera.protocol.to_string(),
            input: input_view(&camera.reached, measured.decoder, now),
            state: camera.state,
            live: program.live == Some(slot) && !program.slate,
            next: program.next == Some(slot),
            admission: camera.admission.clone(),
            size: measured.size,
            codec: measured.codec.map(|codec| codec.name().to_owned()),
            stats,
            clock,
            locked: camera.state == SourceState::Live && camera.feed.arrival_delay().is_some_and(|delay| self.parts.budget.can_lock(delay)),
            delay_ms: delay,
            frames: measured.frames,
            lost: camera.lost,
            reconnects: camera.reconnects,
            quality: camera.quality,
            level_dbfs: measured.level_dbfs,
            fader: show.fader(slot),
            trim_ms: show.trim_ms(slot),
            trimmed: show.is_trimmed(slot),
            priority: show.priority(slot),
            shed: if camera.feed.is_keys_only() { "keys_only".into() } else { "none".into() },
            hears: match (camera.addressed, camera.listens) {
                (true, _) => "director".into(),
                (false, true) => "programme".into(),
                (false, false) => "off".into(),
            },
        }
    }
}
