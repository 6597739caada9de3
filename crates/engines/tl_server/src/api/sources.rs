//! Where sources' pictures come from.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use tl_base::Protocol;
use tl_store::setup::SourceSetup;
use tl_wire::{RefusalCode, Role};

use super::{check_session, check_slot, json};
use crate::app::App;
use crate::body::read_secret_json;
use crate::guard::Caller;
use crate::refused::Refused;

pub(super) async fn set_source(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((id, slot)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, Refused> {
    check_session(&app, &id)?;
    let slot = check_slot(&slot, &caller.actor)?;
    let setup: SourceSetup = read_secret_json(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    if setup.protocol == Protocol::File && caller.actor.role != Role::Owner {
        return Err(Refused::new(RefusalCode::Forbidden, "Only the owner of this machine may play its files; ask there."));
    }
    setup.check(slot).map_err(|reason| Refused::invalid(format!("This cannot be source {slot}: {reason}.")))?;
    app.backend.set_source(caller.actor, slot, setup).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_source(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((id, slot)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    check_session(&app, &id)?;
    let slot = check_slot(&slot, &caller.actor)?;
    app.backend.clear_source(caller.actor, slot).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list_devices(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    Ok(json(&app.backend.devices().await?))
}
