//! The recordings of the running session and of those before.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tl_store::files::is_safe_name;
use tl_wire::Role;

use super::{check_session, json};
use crate::app::App;
use crate::file_body::{Described, send};
use crate::guard::Caller;
use crate::projection::hide_folders;
use crate::refused::Refused;

pub(super) async fn list_recordings(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Result<Response, Refused> {
    let mut recordings = if check_session(&app, &id).is_ok() {
        app.backend.recordings()
    } else {
        let unknown = || Refused::not_found("There is no such session; see /api/v1/sessions.");
        app.backend.all_recordings().await?.sessions.into_iter().find(|session| session.session == id).map(|session| session.recordings).ok_or_else(unknown)?
    };
    if caller.actor.role != Role::Owner {
        recordings.iter_mut().for_each(hide_folders);
    }
    Ok(json(&recordings))
}

pub(super) async fn list_all_recordings(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Result<Response, Refused> {
    let mut all = app.backend.all_recordings().await?;
    if caller.actor.role != Role::Owner {
        all.sessions.iter_mut().flat_map(|session| &mut session.recordings).for_each(hide_folders);
    }
    Ok(json(&all))
}

pub(super) async fn get_recording(State(app): State<Arc<App>>, Path((id, name)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, Refused> {
    let id = if id == "current" { app.backend.snapshot().session.clone() } else { id };
    let unknown = || Refused::not_found("There is no such recording; load the list of recordings again.");
    if !is_safe_name(&name) || !is_safe_name(&id) {
        return Err(unknown());
    }
    let path = app.backend.recording_path(&id, &name).await.ok_or_else(unknown)?;
    let content_type = match name.rsplit('.').next() {
        Some("mp4") => "video/mp4",
        Some("mkv") => "video/x-matroska",
        Some("webm") => "video/webm",
        _ => "application/octet-stream",
    };
    send(&path, &headers, Described { content_type, cache: "no-store", etag: None }).await
}
