//! Beginning to watch, and ending it for everybody.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tl_wire::RefusalCode;

use super::json;
use crate::app::App;
use crate::guard::Caller;
use crate::refused::Refused;

#[derive(Serialize)]
struct WatchGrant {
    /// Path of the playlist, with the grant in it.
    url: String,
    /// When it ends, RFC 3339.
    expires: String,
}

pub(super) async fn start_watching(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Result<Response, Refused> {
    let busy = || Refused::new(RefusalCode::Busy, "The studio could not make a link for watching; try again.").retry_after(1);
    let issued = app.grants.issue(&caller.actor.label).map_err(|error| {
        tracing::warn!("no grant: {error}");
        busy()
    })?;
    save_grants(&app).await;
    Ok(json(&WatchGrant { url: format!("/v/{}/live.m3u8", issued.text), expires: issued.expires.to_rfc3339() }))
}

#[derive(Serialize)]
struct Ended {
    /// Links that no longer open anything.
    revoked: usize,
}

pub(super) async fn end_watching(State(app): State<Arc<App>>) -> Response {
    let revoked = app.grants.revoke(None);
    save_grants(&app).await;
    json(&Ended { revoked })
}

/// A grant that is not kept still works until the next start.
pub(super) async fn save_grants(app: &App) {
    let grants = Arc::clone(&app.grants);
    match tokio::task::spawn_blocking(move || grants.save()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("viewers will have to open their link again after a restart: {error}"),
        Err(error) => tracing::warn!("viewers' links were not kept: {error}"),
    }
}
