//! Microphones without a picture, and who hears what.

use tl_base::{MediaTime, Protocol, SlotId, SourceId};
use tl_show::Fader;
use tl_store::Actor;
use tl_wire::{RefusalCode, Role};

use super::commands::refusal;
use super::{Control, WhipReply};
use crate::air::returns::Hearer;
use crate::inputs::holder::Sender;

impl Control {
    pub(super) fn whip_microphone(&mut self, actor: &Actor, slot: SlotId, offer: &str) -> WhipReply {
        let may = match actor.role {
            Role::Owner | Role::Director => true,
            Role::Commentator => slot == SlotId::COMMENTARY,
            Role::Camera | Role::Viewer => false,
        };
        if !may {
            return Err(refusal(RefusalCode::Forbidden, "This ticket is not for a microphone; ask the director for one."));
        }
        let now = self.parts.clock.now();
        let Some(rtc) = self.parts.rtc.clone() else {
            return Err(refusal(RefusalCode::Busy, "This studio takes no phones."));
        };
        let Some(microphone) = self.microphones.get_mut(&slot) else {
            return Err(refusal(RefusalCode::NotFound, "There is no such microphone."));
        };
        if !microphone.may_join(&actor.label, now) {
            return Err(refusal(RefusalCode::Conflict, "Somebody else has this microphone; ask them to leave first."));
        }
        let answer = rtc.offer(slot, offer).map_err(|error| refusal(RefusalCode::Invalid, format!("The offer was not understood: {error}.")))?;
        let sender = Sender::of_session(answer.session);
        let before = microphone.feed.take_over(sender);
        microphone.join(sender, Protocol::Webrtc, &actor.label, now);
        if let Some(before) = before {
            self.close_sender(slot, before);
        }
        self.publish();
        Ok(tl_server::WhipAnswer { session: answer.session.to_string(), sdp: answer.sdp })
    }

    pub(super) fn look_at_microphones(&mut self, now: MediaTime) {
        for microphone in self.microphones.values_mut() {
            microphone.look(now);
        }
        let hearers = self.hearers();
        if **self.parts.hearers.load() != hearers {
            self.parts.hearers.store(std::sync::Arc::new(hearers));
        }
    }

    /// Who hears the programme without their own sound: whoever wants to, and whom the director speaks to.
    fn hearers(&self) -> Vec<Hearer> {
        let cameras = self.cameras.iter().map(|(slot, camera)| (*slot, camera.session(), camera.listens, camera.addressed));
        let microphones = self.microphones.iter().map(|(slot, microphone)| (*slot, microphone.session(), microphone.listens, microphone.addressed));
        let all = cameras.chain(microphones).filter(|(slot, _, listens, addressed)| *slot != SlotId::TALKBACK && (*listens || *addressed));
        all.filter_map(|(slot, session, _, addressed)| Some(Hearer { slot, session: session?, addressed })).collect()
    }

    /// Hands faders and finish to the sound loop. A source's delay is in its times already.
    pub(super) fn set_up_sound(&mut self) {
        let show = &self.parts.show;
        let open = |slot: &SlotId| (*slot, Fader { delay_ms: 0, ..show.fader(*slot) });
        let faders: std::collections::BTreeMap<SourceId, Fader> = self.cameras.keys().chain(self.microphones.keys()).map(open).collect();
        self.parts.faders.store(std::sync::Arc::new(faders));
        let finish = show.processing();
        let processing = tl_sound::Processing { ducking_lu: finish.ducking_db, riding: finish.riding, target_lufs: self.parts.config.loudness_lufs };
        self.parts.processing.store(std::sync::Arc::new(processing));
    }
}
