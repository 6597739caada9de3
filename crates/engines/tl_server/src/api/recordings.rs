//! The recordings of the running session.

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
    check_session(&app, &id)?;
    let mut recordings = app.backend.recordings();
    if caller.actor.role != Role::Owner {
        recordings.iter_mut().for_each(hide_folders);
    }
    Ok(json(&recordings))
}

pub(super) async fn get_recording(State(app): State<Arc<App>>, Path((id, name)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let unknown = || Refused::not_found("There is no such recording; load the list of recordings again.");
    let path = Some(&name).filter(|name| is_safe_name(name)).and_then(|name| app.backend.recording_path(name)).ok_or_else(unknown)?;
    let content_type = match name.rsplit('.').next() {
        Some("mp4") => "video/mp4",
        Some("mkv") => "video/x-matroska",
        _ => "application/octet-stream",
    };
    send(&path, &headers, Described { content_type, cache: "no-store", etag: None }).await
}
