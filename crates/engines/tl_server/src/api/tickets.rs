//! Inviting people, and taking it back.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Serialize;
use tl_base::SlotId;
use tl_wire::{RefusalCode, Role, TicketKind};

use super::json;
use super::watch::save_grants;
use crate::app::App;
use crate::asked::TicketAsked;
use crate::body::read_json;
use crate::guard::Caller;
use crate::refused::Refused;

/// The longest label, bytes.
const MAX_LABEL_BYTES: usize = 64;

pub(super) async fn issue_ticket(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, request: Request) -> Result<Response, Refused> {
    let asked: TicketAsked = read_json(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    if asked.role == Role::Owner && caller.actor.role != Role::Owner {
        return Err(Refused::new(RefusalCode::Forbidden, "Only the owner of this machine may invite another owner; ask there."));
    }
    match (asked.kind, asked.role, asked.slot) {
        (TicketKind::Crew, Role::Camera, None) => {}
        (TicketKind::Crew, ..) => return Err(Refused::invalid("The crew code is for cameras and names no slot; the director gives one.")),
        (_, Role::Camera, Some(slot)) if slot.is_camera() => {}
        (_, Role::Camera, _) => return Err(Refused::invalid(format!("A camera's ticket needs a slot from 1 to {}; name one.", SlotId::MAX))),
        (_, _, None) => {}
        (_, _, Some(_)) => return Err(Refused::invalid("Only a camera's ticket has a slot; leave it out.")),
    }
    Ok(json(&app.backend.issue_ticket(caller.actor, asked).await?))
}

pub(super) async fn list_tickets(State(app): State<Arc<App>>) -> Response {
    json(&app.backend.tickets())
}

#[derive(Serialize)]
struct Revoked {
    /// Tickets, links and tokens that open nothing any more.
    revoked: usize,
    /// Links for watching that ended with them.
    viewers: usize,
}

pub(super) async fn revoke_ticket(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, Path(label): Path<String>) -> Result<Response, Refused> {
    if label.is_empty() || label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control) {
        return Err(Refused::invalid(format!("A label has 1 to {MAX_LABEL_BYTES} bytes; look at the list of tickets.")));
    }
    let owners = app.backend.tickets().iter().any(|ticket| ticket.label == label && ticket.role == Role::Owner);
    if owners && caller.actor.role != Role::Owner {
        return Err(Refused::new(RefusalCode::Forbidden, "Only the owner of this machine may take an owner's link back; ask there."));
    }
    let revoked = app.backend.revoke_ticket(caller.actor, label.clone()).await?;
    let viewers = end_access(&app, &label).await;
    Ok(json(&Revoked { revoked, viewers }))
}

/// Ends what goes through this door by a label whose tokens are void now: links for watching, and running streams at once. Tells
/// how many links ended.
pub(super) async fn end_access(app: &App, label: &str) -> usize {
    let viewers = app.grants.revoke(Some(label));
    app.access.send_modify(|version| *version = version.wrapping_add(1));
    save_grants(app).await;
    viewers
}
