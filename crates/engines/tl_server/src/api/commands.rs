//! Asking for something to be done.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use tl_wire::{Action, Command, Outcome};

use super::tickets::end_access;
use super::{check_session, json};
use crate::app::App;
use crate::body::read_json;
use crate::guard::Caller;
use crate::refused::Refused;

/// The longest idempotency key, bytes.
const MAX_ID_BYTES: usize = 64;

pub(super) async fn post_command(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let command: Command = read_json(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    let plain = !command.id.is_empty() && command.id.len() <= MAX_ID_BYTES && !command.id.chars().any(char::is_control);
    if !plain {
        return Err(Refused::invalid(format!("The command's id is not a text of 1 to {MAX_ID_BYTES} characters; send a fresh one with each command.")));
    }
    let taken_back = if let Action::RevokeAccess { label } = &command.command { Some(label.clone()) } else { None };
    match app.backend.command(caller.actor, command).await {
        Outcome::Refused(refusal) => Err(refusal.into()),
        done @ Outcome::Seq(_) => {
            if let Some(label) = taken_back {
                end_access(&app, &label).await;
            }
            Ok(json(&done))
        }
    }
}
