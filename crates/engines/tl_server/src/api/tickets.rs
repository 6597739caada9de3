//! Inviting someone.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use tl_base::SlotId;
use tl_wire::{RefusalCode, Role};

use super::json;
use crate::app::App;
use crate::body::read_json;
use crate::guard::Caller;
use crate::refused::Refused;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketAsked {
    role: Role,
    #[serde(default)]
    slot: Option<SlotId>,
}

pub(super) async fn issue_ticket(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, request: Request) -> Result<Response, Refused> {
    let asked: TicketAsked = read_json(request, &app.config.limits).await?;
    if asked.role == Role::Owner && caller.actor.role != Role::Owner {
        return Err(Refused::new(RefusalCode::Forbidden, "Only the owner of this machine may invite another owner; ask there."));
    }
    let slot = match (asked.role, asked.slot) {
        (Role::Camera, Some(slot)) if (1..=SlotId::MAX).contains(&slot.0) => Some(slot),
        (Role::Camera, _) => return Err(Refused::invalid(format!("A camera's ticket needs a slot from 1 to {}; name one.", SlotId::MAX))),
        (_, None) => None,
        (_, Some(_)) => return Err(Refused::invalid("Only a camera's ticket has a slot; leave it out.")),
    };
    Ok(json(&app.backend.issue_ticket(&caller.actor, asked.role, slot)?))
}
