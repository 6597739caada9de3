//! What follows for cameras from what arrives: their state, the verdict on them, and the times they are given.

use tl_base::{MediaTime, SlotId};
use tl_rtc::data::ToPhone;
use tl_show::{Fact, SourceState};

use super::Control;

/// A refused phone has this long to read the advice.
const REFUSED_AFTER: MediaTime = MediaTime::from_secs(2);

impl Control {
    pub(super) fn look_at_cameras(&mut self, now: MediaTime) {
        for (slot, sender) in self.parts.uploads.expire() {
            self.left(slot, sender, "no piece came for too long");
        }
        let slots: Vec<SlotId> = self.cameras.keys().copied().collect();
        for slot in slots {
            self.look_at_state(slot, now);
            self.look_at_admission(slot, now);
        }
        self.start_programme_recording();
    }

    fn look_at_state(&mut self, slot: SlotId, now: MediaTime) {
        let uploaded = self.parts.uploads.clock_of(slot);
        let Some(camera) = self.cameras.get_mut(&slot) else { return };
        camera.clock = uploaded.or(camera.clock);
        let from = camera.state;
        let Some((to, reason)) = camera.next_state(now) else { return };
        camera.state = to;
        if to == SourceState::Lost {
            // What was recorded of it is whole from now on, and can be read, mended and deleted while it is away.
            camera.feed.end_part();
        }
        self.log(Fact::SourceChanged { slot, from, to, reason: reason.to_owned() }, "studio", None);
    }

    fn look_at_admission(&mut self, slot: SlotId, now: MediaTime) {
        let Some(camera) = self.cameras.get_mut(&slot) else { return };
        let first = camera.admission.is_none();
        let Some(verdict) = camera.judge(now) else { return };
        let (accepted, reason) = (verdict.accepted, verdict.reason.clone());
        let (returned, session) = (camera.reconnects > 0, camera.session());
        let (Some(rtc), Some(session)) = (self.parts.rtc.clone(), session) else { return };
        rtc.send(session, &ToPhone::Admission(verdict));
        // A refusal ends the session after the advice only at a first join; a camera that has been on the show stays and is not chosen.
        if !accepted && first && !returned {
            self.close_later(session, now + REFUSED_AFTER);
            tracing::info!(%slot, reason, "a camera was not admitted");
        }
    }

    /// Gives a source's feed the trim and the delay that the show says.
    pub(super) fn apply_times(&self, slot: SlotId) {
        let Some(feed) = self.parts.shared.feeds.get(&slot) else { return };
        feed.set_trim(MediaTime::from_millis(i64::from(self.parts.show.trim_ms(slot))));
        feed.set_sound_delay(MediaTime::from_millis(i64::from(self.parts.show.fader(slot).delay_ms)));
    }
}
