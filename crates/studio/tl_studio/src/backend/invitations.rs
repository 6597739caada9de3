//! Invitations, and the test of a destination.

use std::sync::PoisonError;
use std::time::Duration;

use tl_base::{Secret, SlotId, Wall};
use tl_media::{destination, destination_test};
use tl_server::{Answering, DestinationView, TicketAsked};
use tl_store::Actor;
use tl_wire::{AccessChange, Command, JoinTicket, Outcome, Refusal, RefusalCode, Role, RtmpInvitation, SrtInvitation, TicketKind};

use super::{StudioBackend, busy, trial};
use crate::access::{CREW, label_of};
use crate::config::Destination;
use crate::control::Wake;
use crate::inputs::keys::SlotKeys;

/// A test of a destination ends after this long, whatever it waits for.
const TEST_WITHIN: Duration = Duration::from_secs(60);

fn refusal(code: RefusalCode, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

impl StudioBackend {
    /// Makes an invitation.
    pub(super) fn invite(&self, actor: &Actor, asked: TicketAsked) -> Result<JoinTicket, Refusal> {
        let door = self.door.get().ok_or_else(busy)?;
        let slot = asked.slot.filter(|_| asked.role == Role::Camera);
        if slot.is_some_and(|slot| slot.0 > self.cameras) {
            return Err(refusal(RefusalCode::Invalid, format!("A camera's ticket needs a slot from 1 to {}.", self.cameras)));
        }
        if asked.role == Role::Owner && (actor.role != Role::Owner || asked.kind != TicketKind::Link) {
            return Err(refusal(RefusalCode::Forbidden, "The owner's link is only given out on this machine."));
        }
        let label = label_of(asked.role, slot);
        let tokens = self.backing.access.tokens();
        let made = |error: tl_store::Error| refusal(RefusalCode::Busy, format!("No ticket could be made: {error}."));
        let (token, expires): (Secret, Option<Wall>) = match asked.kind {
            TicketKind::Personal => tokens.issue_ticket(asked.role, &label, slot).map(|(token, expires)| (token, Some(expires))).map_err(made)?,
            TicketKind::Crew => (tokens.crew_code().map_err(made)?, None),
            TicketKind::Link => {
                let token = self.handle.token(asked.role, &label, slot);
                (token.map_err(|error| refusal(RefusalCode::Busy, format!("No ticket could be made: {error}.")))?, None)
            }
        };
        self.note_access(AccessChange::Issued, if asked.kind == TicketKind::Crew { CREW } else { &label }, &format!("{:?}", asked.role).to_lowercase());
        let page = |host: &str| page_of(host, asked, slot, token.expose());
        let (srt, rtmp) = slot.map(|slot| self.app_invitations(&door.host, slot)).unwrap_or_default();
        Ok(JoinTicket {
            kind: asked.kind,
            role: asked.role,
            slot,
            page: page(&door.host),
            other_pages: door.others.iter().map(|host| page(host)).collect(),
            token: token.expose().to_owned(),
            expires,
            certificate_sha256: door.certificate_sha256.clone(),
            srt,
            rtmp,
        })
    }

    /// What apps that speak SRT or RTMP are set to for a slot.
    fn app_invitations(&self, host: &str, slot: SlotId) -> (Option<SrtInvitation>, Option<RtmpInvitation>) {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let keys = self.backing.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let srt = self.backing.ports.srt(slot).zip(keys.passphrase(slot)).map(|(port, passphrase)| SrtInvitation {
            url: format!("srt://{name}:{port}"),
            stream_id: SlotKeys::stream_id(slot),
            passphrase: passphrase.expose().to_owned(),
            latency_ms: u32::try_from(self.srt_latency.0 / 1_000_000).unwrap_or(120),
        });
        let rtmp = self.backing.ports.rtmp_url(name).zip(keys.stream_key(slot));
        let rtmp = rtmp.map(|(url, key)| RtmpInvitation { url, key: key.expose().to_owned() });
        (srt, rtmp)
    }

    /// Makes a label's access void: the control loop ends what came in by it.
    pub(super) fn revoke(&self, actor: Actor, label: String) -> Answering<'static, Result<usize, Refusal>> {
        let count = self.backing.access.tokens().list().iter().filter(|view| view.label == label).count();
        // No two are one command that was sent twice.
        let Ok(id) = tl_store::random_token(16) else { return Box::pin(async { Err(busy()) }) };
        let command = Command { id, command: tl_wire::Action::RevokeAccess { label } };
        let done = self.ask(|reply| Wake::Command(actor, command, reply), super::busy_command);
        Box::pin(async move {
            match done.await {
                Outcome::Seq(_) => Ok(count.max(1)),
                Outcome::Refused(refusal) => Err(refusal),
            }
        })
    }

    pub(super) fn destination_view(&self, known: &Destination) -> DestinationView {
        let preset = known.setup.as_ref().and_then(|setup| setup.preset.clone());
        let programme = destination::Programme {
            size: self.programme.size,
            rate: self.programme.rate,
            bitrate_bps: self.programme.bitrate_bps,
            gop: self.programme.gop,
            audio_bps: self.programme.audio_bps,
        };
        let found = preset.as_deref().and_then(|wanted| destination::presets().iter().find(|preset| preset.id == wanted));
        DestinationView {
            name: known.name.clone(),
            kind: known.kind().into(),
            url: known.shown(),
            preset,
            has_key: known.setup.as_ref().is_none_or(|setup| setup.key.is_some()),
            in_settings: known.in_settings,
            advice: found.map(|preset| destination::check(preset, &programme)).unwrap_or_default(),
        }
    }

    /// Tries key and uplink, one destination at a time.
    pub(super) fn try_destination(&self, name: &str, seconds: u32) -> Answering<'static, Result<serde_json::Value, Refusal>> {
        let known = self.backing.shared.destinations.load().iter().find(|known| known.name == name).cloned();
        let Some(known) = known else {
            let message = format!("There is no destination called {name}; add it first.");
            return Box::pin(async move { Err(refusal(RefusalCode::NotFound, message)) });
        };
        if self.backing.outputs.is_connected(name) {
            return Box::pin(async { Err(refusal(RefusalCode::Conflict, "This destination is being sent to; stop it first.")) });
        }
        let Some(place) = self.testing.take() else {
            return Box::pin(async { Err(refusal(RefusalCode::TooMany, "Another destination is being tested; wait for it.")) });
        };
        let programme = self.programme;
        let config = destination_test::Config {
            url: known.url,
            extra_roots: Vec::new(),
            has_audio: programme.has_audio,
            bitrate_bps: programme.bitrate_bps,
            size: programme.size,
            rate: programme.rate,
            seconds: seconds.clamp(1, 10),
        };
        Box::pin(async move {
            let report = trial::run(place, TEST_WITHIN, move |cancel| destination_test::run(&config, cancel, |_| {})).await;
            let report = report.ok_or_else(busy)?;
            let report =
                report.map_err(|error| refusal(RefusalCode::Invalid, format!("The test could not be made: {}.", tl_base::log::redact(&error.to_string()))))?;
            serde_json::to_value(&report).map_err(|_| busy())
        })
    }
}

/// The page to open. What stands behind the `#` never reaches a server's log.
fn page_of(host: &str, asked: TicketAsked, slot: Option<SlotId>, token: &str) -> String {
    let folder = match asked.role {
        Role::Camera | Role::Commentator => "phone",
        Role::Viewer => "watch",
        Role::Owner | Role::Director => "desk",
    };
    let place = match (asked.role, slot) {
        (Role::Camera, Some(slot)) => format!("&slot={slot}"),
        (Role::Commentator, _) => "&slot=commentary".to_owned(),
        _ => String::new(),
    };
    match asked.kind {
        TicketKind::Personal => format!("https://{host}/{folder}/#ticket={token}{place}"),
        TicketKind::Crew => format!("https://{host}/phone/#code={token}"),
        TicketKind::Link => format!("https://{host}/{folder}/#t={token}{place}"),
    }
}
