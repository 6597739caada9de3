//! The director lets people in, sends them away, and takes access back.

use std::sync::PoisonError;

use tl_base::SlotId;
use tl_show::{AccessChange, Fact};
use tl_store::Actor;
use tl_wire::{Refusal, RefusalCode, Role};

use super::Control;
use super::commands::refusal;
use crate::access::label_of;

/// Why somebody who sent is gone.
const TAKEN_BACK: &str = "its access was taken back";

impl Control {
    pub(super) fn admit(&mut self, actor: &str, command: &str, request: &str, slot: SlotId) -> Result<(), Refusal> {
        if slot.0 > self.parts.config.cameras {
            return Err(refusal(RefusalCode::NotFound, format!("There is no camera position {slot}; this session has {}.", self.parts.config.cameras)));
        }
        let label = self.parts.access.admit(request, slot)?;
        self.log(Fact::AccessChanged { what: AccessChange::Admitted, label, role: "camera".into() }, actor, Some(command));
        Ok(())
    }

    pub(super) fn refuse_join(&mut self, actor: &str, command: &str, request: &str) -> Result<(), Refusal> {
        let label = self.parts.access.refuse(request)?;
        self.log(Fact::AccessChanged { what: AccessChange::Refused, label, role: String::new() }, actor, Some(command));
        Ok(())
    }

    /// Makes a label's tokens void and ends what came in by them: phones, uploads, viewers by WebRTC, and apps that were set to what
    /// its invitation told. The door ends what goes through it.
    pub(super) fn revoke(&mut self, actor: &Actor, command: &str, label: &str) -> Result<(), Refusal> {
        let owners = self.parts.access.tokens().list().iter().any(|token| token.label == label && token.role == Role::Owner);
        if owners && actor.role != Role::Owner {
            return Err(refusal(RefusalCode::Forbidden, "Only the owner of this machine may take an owner's link back; ask there."));
        }
        // Keys last longer than the ticket that told them.
        let invited = (1..=self.parts.config.cameras).map(SlotId).find(|slot| label_of(Role::Camera, Some(*slot)) == label);
        if let Some(slot) = invited {
            self.renew_keys(slot)?;
        }
        let busy = |error: tl_store::Error| refusal(RefusalCode::Busy, format!("Access was not taken back: {error}."));
        let count = self.parts.access.tokens().revoke(label).map_err(busy)?;
        if count == 0 && invited.is_none() {
            return Err(refusal(RefusalCode::NotFound, format!("Nobody has access by the name {label}.")));
        }
        let cameras = self.cameras.iter().filter(|(_, camera)| camera.holder == label && camera.sender.is_some()).map(|(slot, _)| *slot);
        let microphones = self.microphones.iter().filter(|(_, microphone)| microphone.holder == label && microphone.sender.is_some());
        let slots: Vec<SlotId> = cameras.chain(microphones.map(|(slot, _)| *slot)).collect();
        for slot in slots {
            self.parts.uploads.end(slot, label);
            self.disconnect(slot, TAKEN_BACK);
        }
        if let Some(rtc) = &self.parts.rtc {
            self.parts.viewers.end_of(rtc, label);
        }
        self.log(Fact::AccessChanged { what: AccessChange::Revoked, label: label.to_owned(), role: String::new() }, &actor.label, Some(command));
        Ok(())
    }

    /// Gives a slot another passphrase and stream key, and cuts off who sends by the ones before.
    fn renew_keys(&mut self, slot: SlotId) -> Result<(), Refusal> {
        let passphrase = {
            let mut keys = self.parts.keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.renew(slot).map_err(|error| refusal(RefusalCode::Busy, format!("Access was not taken back: {error}.")))?;
            keys.passphrase(slot)
        };
        if let Some(rtmp) = &self.rtmp {
            rtmp.close_source(slot, TAKEN_BACK);
        }
        let sender = self.cameras.get(&slot).and_then(|camera| camera.sender);
        if let Some(publisher) = sender.filter(|sender| self.publishers.contains_key(sender)) {
            self.left(slot, publisher, TAKEN_BACK);
        }
        let feed = self.parts.shared.feeds.get(&slot).cloned();
        if let Some(caller) = feed.and_then(|feed| self.ways.rekey(slot, passphrase, &feed)) {
            self.left(slot, caller, TAKEN_BACK);
        }
        Ok(())
    }

    pub(super) fn renew_crew_code(&mut self, actor: &str, command: &str) -> Result<(), Refusal> {
        let busy = |error: tl_store::Error| refusal(RefusalCode::Busy, format!("The crew code was not renewed: {error}."));
        self.parts.access.tokens().renew_crew_code().map_err(busy)?;
        self.log(Fact::AccessChanged { what: AccessChange::Issued, label: "crew code".into(), role: "camera".into() }, actor, Some(command));
        Ok(())
    }
}
