//! Commands: asked once, decided by the show, and done by whoever it concerns.

use tl_base::SlotId;
use tl_rtc::data::ToPhone;
use tl_show::Action;
use tl_store::Actor;
use tl_wire::{Command, Outcome, Refusal, RefusalCode};

use super::{Control, refused};

impl Control {
    pub(super) fn command(&mut self, actor: &Actor, command: Command) -> Outcome {
        let Command { id, command } = command;
        if id.is_empty() || id.len() > 64 {
            return refused(RefusalCode::Invalid, "the command's id must have 1 to 64 characters");
        }
        if let Some(answer) = self.journal.answered(&actor.label, &id) {
            return answer;
        }
        let outcome = self.decide(actor, &id, command);
        self.journal.remember(&actor.label, &id, &outcome);
        outcome
    }

    fn decide(&mut self, actor: &Actor, id: &str, action: Action) -> Outcome {
        let now = self.parts.clock.now();
        let facts = match self.parts.show.decide(&action, &actor.label, now) {
            Ok(facts) => facts,
            Err(refusal) => {
                let code = match refusal.kind {
                    tl_show::RefusalKind::Invalid => RefusalCode::Invalid,
                    tl_show::RefusalKind::Conflict => RefusalCode::Conflict,
                };
                return refused(code, &refusal.message);
            }
        };
        for fact in facts {
            self.log(fact, &actor.label, Some(id));
        }
        if let Err(refusal) = self.act(actor, id, action) {
            return Outcome::Refused(refusal);
        }
        self.mix();
        Outcome::Seq(self.journal.seq())
    }

    /// What an action does beyond its facts.
    fn act(&mut self, actor: &Actor, id: &str, action: Action) -> Result<(), Refusal> {
        match action {
            Action::Cut { slot } | Action::Preview { slot } => {
                self.wake_camera(slot);
                Ok(())
            }
            Action::SetLayout { layout: tl_show::Layout::PictureInPicture { inset: slot } | tl_show::Layout::SideBySide { right: slot } } => {
                self.wake_camera(slot);
                Ok(())
            }
            Action::Destination { name, on } => self.switch_destination(&name, on),
            Action::EndSession {} => {
                self.end_session(&actor.label, id);
                Ok(())
            }
            Action::SetTrim { slot, .. } => {
                self.apply_times(slot);
                Ok(())
            }
            Action::SetFader { slot, .. } => {
                self.apply_times(slot);
                Ok(())
            }
            Action::SyncSources { by, reference } => self.sync_sources(by, reference, &actor.label, id),
            Action::Talk { to, on } => {
                self.talk(to, on, &actor.label);
                Ok(())
            }
            Action::SendText { to, text } => {
                self.say(to, &ToPhone::Text { text });
                Ok(())
            }
            Action::Disconnect { slot } => {
                self.disconnect(slot, "the director let it go");
                Ok(())
            }
            Action::AdmitPhone { request, slot } => self.admit(&actor.label, id, &request, slot),
            Action::RefusePhone { request } => self.refuse_join(&actor.label, id, &request),
            Action::RevokeAccess { label } => self.revoke(actor, id, &label),
            Action::RenewCrewCode {} => self.renew_crew_code(&actor.label, id),
            Action::VerifyRecording { id } => self.verify_recording(&id),
            Action::RepairRecording { id } => self.repair_recording(&id),
            Action::DeleteRecording { id: recording } => self.delete_recording(&actor.label, id, &recording),
            _ => Ok(()),
        }
    }

    /// Says something to one phone, or to all that are there.
    pub(super) fn say(&self, to: Option<SlotId>, message: &ToPhone) {
        let Some(rtc) = &self.parts.rtc else { return };
        let cameras = self.cameras.iter().filter_map(|(slot, camera)| Some((*slot, camera.session()?)));
        let microphones = self.microphones.iter().filter_map(|(slot, microphone)| Some((*slot, microphone.session()?)));
        for (_, session) in cameras.chain(microphones).filter(|(slot, _)| to.is_none_or(|to| to == *slot)) {
            rtc.send(session, message);
        }
    }

    /// The director opens or closes his microphone to one phone, or to all.
    fn talk(&mut self, to: Option<SlotId>, on: bool, from: &str) {
        for (_, camera) in self.cameras.iter_mut().filter(|(slot, _)| to.is_none_or(|to| to == **slot)) {
            camera.addressed = on;
        }
        if to.is_none_or(|to| to == SlotId::COMMENTARY)
            && let Some(commentator) = self.microphones.get_mut(&SlotId::COMMENTARY)
        {
            commentator.addressed = on;
        }
        self.say(to, &ToPhone::Talk { from: from.to_owned(), on });
    }
}

pub(super) fn refusal(code: RefusalCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}
