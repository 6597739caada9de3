//! Setting sources' clocks by something that all of them saw or heard.

use tl_base::{MediaTime, SlotId};
use tl_show::{Fact, SourceState, SyncKind};
use tl_sound::align::{Offset, Unsure};
use tl_wire::{Refusal, RefusalCode};

use super::Control;
use super::commands::refusal;

impl Control {
    /// Sets the trims of all live sources without a clock of their own, by the reference's pictures or sound of the last seconds.
    pub(super) fn sync_sources(&mut self, by: SyncKind, reference: Option<SlotId>, actor: &str, command: &str) -> Result<(), Refusal> {
        let reference = reference.or_else(|| self.best_clock()).ok_or_else(|| refusal(RefusalCode::Conflict, "No camera is live to go by."))?;
        let found = self.offsets_to(reference, by);
        if found.is_empty() {
            return Err(refusal(RefusalCode::Conflict, "No other camera needs a sync."));
        }
        let mut unsure = Vec::new();
        for (slot, offset) in found {
            match offset {
                Ok(offset) => {
                    // What lies behind the reference hides more: its capture times are moved by the offset.
                    let trim = MediaTime::from_millis(i64::from(self.parts.show.trim_ms(slot))) - offset.offset;
                    let trim_ms = (trim.as_millis_f64().round() as i32).clamp(*tl_show::TRIM_MS.start(), *tl_show::TRIM_MS.end());
                    self.log(Fact::TrimSet { slot, trim_ms }, actor, Some(command));
                    self.apply_times(slot);
                }
                Err(reason) => unsure.push(format!("camera {slot}: {reason}")),
            }
        }
        if unsure.is_empty() {
            return Ok(());
        }
        let what = match by {
            SyncKind::Clap => "Clap near the cameras",
            SyncKind::Flash => "Flash a light that every camera sees",
        };
        Err(refusal(RefusalCode::Conflict, format!("{what} and try again ({}).", unsure.join(", "))))
    }

    /// The live camera whose clock is known best.
    fn best_clock(&self) -> Option<SlotId> {
        let live = self.cameras.iter().filter(|(_, camera)| camera.state == SourceState::Live);
        let certainty = |uncertainty_ms: Option<f64>| (uncertainty_ms.unwrap_or(1e6) * 1e3) as i64;
        live.min_by_key(|(slot, camera)| (!camera.protocol.has_sender_clock(), certainty(camera.clock.map(|clock| clock.uncertainty_ms)), **slot))
            .map(|(slot, _)| *slot)
    }

    fn offsets_to(&self, reference: SlotId, by: SyncKind) -> Vec<(SlotId, Result<Offset, Unsure>)> {
        let Some(anchor) = self.cameras.get(&reference) else { return Vec::new() };
        // An upload that asks for the time knows it as well as a phone by WebRTC does.
        let knows = |camera: &crate::inputs::camera::Camera| camera.protocol.has_sender_clock() || camera.clock.is_some_and(|clock| clock.two_way);
        let needy = self.cameras.iter().filter(|(slot, camera)| **slot != reference && camera.state == SourceState::Live && !knows(camera));
        let offset = |camera: &crate::inputs::camera::Camera| match by {
            SyncKind::Clap => anchor.feed.sound_offset_of(&camera.feed),
            SyncKind::Flash => anchor.feed.flash_offset_of(&camera.feed),
        };
        needy.map(|(slot, camera)| (*slot, offset(camera))).collect()
    }
}
