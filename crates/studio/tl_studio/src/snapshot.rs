//! The control loop's part that draws the snapshot.

use std::sync::atomic::Ordering;

use tl_show::{Graphic, SourceState};
use tl_store::space::Level;
use tl_wire::{BudgetView, CameraView, Health, Meter, Snapshot, Warning};

use crate::camera::Camera;
use crate::control::Control;
use crate::session::unmeasured;

fn warning(about: &str, message: &str, remedy: &str) -> Warning {
    Warning { about: about.into(), message: message.into(), remedy: remedy.into() }
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
        let writing = |source: Option<tl_base::SlotId>| match source {
            Some(slot) => self.cameras.get(&slot).is_some_and(|camera| camera.feed.is_recording()),
            None => self.parts.outputs.is_recording(),
        };
        Snapshot {
            session: self.parts.session.clone(),
            state: self.state,
            era: self.parts.era,
            media_time: now,
            seq: self.seq(),
            program: show.program().clone(),
            output: unmeasured(&self.parts.config),
            teams: [home.clone(), away.clone()],
            clock: *show.clock(),
            clock_millis: show.clock().millis_at(now),
            graphics: graphics.into_iter().map(|(graphic, name)| (name.to_owned(), show.graphic(graphic))).collect(),
            sound: show.sound(),
            meter: Meter::default(),
            warnings: self.warnings(&cameras),
            cameras,
            outputs: self.outputs_view(),
            recordings: self.parts.recordings.view(now, writing),
            budget,
            health: Health::default(),
            viewers: self.parts.shared.viewers.load(Ordering::Relaxed),
        }
    }

    /// Destinations that are off stand in the list too, so that a page can start them.
    fn outputs_view(&self) -> Vec<tl_wire::OutputView> {
        let mut views = self.parts.outputs.view();
        for destination in &self.parts.config.destinations {
            if !views.iter().any(|view| view.name == destination.name) {
                let state = self.parts.show.destinations().get(&destination.name).cloned().filter(|state| state == "refused").unwrap_or_else(|| "off".into());
                views.push(tl_wire::OutputView {
                    name: destination.name.clone(),
                    kind: "rtmp".into(),
                    url: tl_base::log::redact(destination.url.expose()),
                    state,
                    detail: String::new(),
                    bytes: 0,
                    reconnects: 0,
                    bitrate_bps: None,
                });
            }
        }
        views
    }

    fn camera_view(&self, slot: tl_base::SlotId, camera: &Camera) -> CameraView {
        let show = &self.parts.show;
        let named = show.camera(slot);
        let measured = camera.feed.measured();
        let program = show.program();
        let delay = measured.delay_ms;
        // A phone's clock is told against the wall clock, which is what people mean by a clock that is off.
        let anchor_ms = self.parts.clock.wall_of(tl_base::MediaTime::ZERO).0 as f64 / 1e3;
        let clock = camera.clock.map(|clock| tl_base::clock_sync::ClockState { offset_ms: clock.offset_ms - anchor_ms, ..clock });
        let mut stats = camera.stats;
        stats.fps = measured.fps.or(stats.fps);
        stats.bitrate_bps = measured.bitrate_bps.or(stats.bitrate_bps);
        stats.decode_ms = measured.decode_ms;
        CameraView {
            slot,
            name: if named.name.is_empty() { format!("Camera {slot}") } else { named.name },
            position: named.position,
            protocol: camera.protocol.into(),
            state: camera.state,
            live: program.live == Some(slot) && !program.slate,
            next: program.next == Some(slot),
            admission: camera.admission.clone(),
            size: measured.size,
            codec: measured.codec.map(|codec| format!("{codec:?}").to_lowercase()),
            stats,
            clock,
            locked: camera.state == SourceState::Live && camera.feed.arrival_delay().is_some_and(|delay| self.parts.budget.can_lock(delay)),
            delay_ms: delay,
            frames: measured.frames,
            lost: camera.lost,
            reconnects: camera.reconnects,
            quality: None,
            level_dbfs: measured.level_dbfs,
            fader: show.fader(slot),
        }
    }

    fn warnings(&self, cameras: &[CameraView]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for camera in cameras {
            let about = format!("camera {}", camera.slot);
            match camera.state {
                SourceState::Lost => warnings.push(Warning {
                    about: about.clone(),
                    message: format!("{}: no picture.", camera.name),
                    remedy: "Ask its owner to look at the phone; it returns by itself.".into(),
                }),
                SourceState::Stale => {
                    warnings.push(Warning {
                        about: about.clone(),
                        message: format!("{}: the picture stands still.", camera.name),
                        remedy: "Wait a moment, or cut to another camera.".into(),
                    });
                }
                _ => {}
            }
            if let Some(verdict) = camera.admission.as_ref().filter(|verdict| !verdict.accepted) {
                warnings.push(Warning { about, message: verdict.reason.clone(), remedy: verdict.suggested_adjustments.join(" ") });
            }
        }
        match self.disk {
            Level::Plenty => {}
            Level::Warn => warnings.push(warning("disk", "Less than 30 minutes of recording fit on the disk.", "Free some space, or record to another disk.")),
            Level::ShedIso => warnings.push(warning(
                "disk",
                "Less than ten minutes fit on the disk: the cameras' own recordings have stopped.",
                "Free some space; they start again by themselves.",
            )),
            Level::Stop => warnings.push(warning(
                "disk",
                "The disk is full: nothing is recorded, the programme goes on.",
                "Free some space; recording starts again by itself.",
            )),
        }
        for view in self.parts.outputs.view() {
            if matches!(view.state.as_str(), "waiting" | "refused") {
                let remedy = if view.state == "refused" { "Check the address and the stream key." } else { "Nothing; it is tried again by itself." };
                warnings.push(Warning { about: view.name.clone(), message: format!("{} is not reached: {}", view.name, view.detail), remedy: remedy.into() });
            }
        }
        warnings
    }
}
