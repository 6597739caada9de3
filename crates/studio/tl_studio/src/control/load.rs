//! What is shed when time is short, and what became of the encoder.

use std::sync::atomic::Ordering;

use tl_base::{MediaTime, SlotId};
use tl_media::encode;
use tl_playlist::Action as Mend;
use tl_show::Fact;

use super::Control;
use crate::overload::{Seen, Step};

/// How often load is looked at.
const LOOK_AT_LOAD: MediaTime = MediaTime::from_millis(500);
/// Age of small pictures before they are drawn anew, milliseconds: as usual, and when time is short.
const THUMBNAIL_AGE_MS: [u32; 2] = [300, 1_500];

impl Control {
    pub(super) fn mind_load(&mut self, now: MediaTime) {
        if now - self.load_seen < LOOK_AT_LOAD {
            return;
        }
        self.load_seen = now;
        let starved = self.parts.outputs.starved_ticks();
        let before = std::mem::replace(&mut self.starved, starved);
        if starved > before {
            tracing::warn!(ticks = starved - before, "ticks were missed");
        }
        let missed = self.parts.outputs.missed_ticks();
        let seen = Seen { missed, machine_cpu: self.parts.health.machine_cpu() };
        if self.governor.look(now, seen) {
            let shed = self.governor.steps().iter().map(|step| step.phrase().to_owned()).collect();
            let reason = if self.governor.level() == 0 { "there is time again" } else { "this computer is too busy for everything" };
            self.log(Fact::LoadShed { level: self.governor.level() as u8, shed, reason: reason.into() }, "studio", None);
        }
        self.shed();
    }

    /// Does what the level says; a camera that comes on air or next meanwhile is decoded whole again.
    fn shed(&mut self) {
        let sheds = |step: Step| self.governor.steps().contains(&step);
        let age = THUMBNAIL_AGE_MS[usize::from(sheds(Step::Preview))];
        self.parts.shared.thumbnail_age_ms.store(age, Ordering::Relaxed);
        self.parts.outputs.set_coarse(sheds(Step::Quality));
        let needed = if sheds(Step::OffAir) { self.needed_cameras() } else { self.cameras.keys().copied().collect() };
        for (slot, camera) in &self.cameras {
            camera.feed.set_keys_only(!needed.contains(slot));
        }
    }

    /// Cameras that are seen, will be seen, or would step in; and of the rest those that come first.
    fn needed_cameras(&self) -> Vec<SlotId> {
        let program = self.parts.show.program();
        let beside = match program.layout {
            tl_show::Layout::PictureInPicture { inset: other } | tl_show::Layout::SideBySide { right: other } => Some(other),
            tl_show::Layout::Full => None,
        };
        let stand_in = self.fallbacks(program.live).first().copied();
        [program.live, program.next, beside, stand_in].into_iter().flatten().collect()
    }

    pub(super) fn encoder(&mut self, event: encode::Event) {
        let (encoder, reason) = match event {
            encode::Event::Restarted { encoder, reason } => (encoder, format!("it was started again: {reason}")),
            encode::Event::CircuitOpened { to, reason, .. } => {
                let rate = if to.one_in > 1 { " at half the rate" } else { "" };
                (to.encoder, format!("it stands in at {} kbit/s{rate}: {reason}", to.bitrate_bps / 1_000))
            }
            encode::Event::StartFailed { reason } => (String::new(), format!("no encoder starts: {reason}")),
            encode::Event::HalfOpen { to } => (to.encoder, "it passed a trial and is used again, on probation".to_owned()),
            encode::Event::CircuitClosed { quality } => (quality.encoder, "it has held".to_owned()),
        };
        self.log(Fact::EncoderChanged { encoder, reason }, "studio", None);
    }

    pub(super) fn mended(&mut self, finding: tl_playlist::Finding) {
        let how = match finding.action {
            Mend::Remade => "remade",
            Mend::Gap => "gap",
            Mend::Withheld => "withheld",
        };
        self.log(Fact::SegmentMended { name: finding.place, how: how.into(), reason: finding.reason }, "studio", None);
    }
}
