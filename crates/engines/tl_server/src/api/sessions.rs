//! What is: sessions, the snapshot, and how the studio feels.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use tl_base::{EraId, MediaTime};
use tl_wire::{Health, OutputView, ProgramView, SessionState, Warning};

use super::{check_session, json, number_in};
use crate::app::App;
use crate::guard::Caller;
use crate::projection::project_snapshot;
use crate::refused::Refused;

/// The most log lines of one answer.
const MAX_LINES: usize = 1_000;

pub(super) async fn get_snapshot(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    Ok(json(&project_snapshot(&app.backend.snapshot(), &caller.actor)))
}

pub(super) async fn list_sessions(State(app): State<Arc<App>>) -> Response {
    json(&app.backend.sessions())
}

#[derive(Serialize)]
struct Status {
    session: String,
    state: SessionState,
    era: EraId,
    media_time: MediaTime,
    seq: u64,
}

pub(super) async fn get_status(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let now = app.backend.snapshot();
    Ok(json(&Status { session: now.session.clone(), state: now.state, era: now.era, media_time: now.media_time, seq: now.seq }))
}

#[derive(Serialize)]
struct HealthView<'a> {
    /// `ok`, or `attention` when there are warnings.
    state: &'static str,
    machine: Health,
    programme: &'a ProgramView,
    outputs: &'a [OutputView],
    warnings: &'a [Warning],
    viewers: u32,
}

pub(super) async fn get_health(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let now = app.backend.snapshot();
    let state = if now.warnings.is_empty() { "ok" } else { "attention" };
    let viewers = app.grants.watching();
    Ok(json(&HealthView { state, machine: now.health, programme: &now.output, outputs: &now.outputs, warnings: &now.warnings, viewers }))
}

#[derive(Serialize)]
struct Logs {
    lines: Vec<String>,
}

pub(super) async fn get_logs(State(app): State<Arc<App>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let max = number_in(query.as_deref(), "max").and_then(|max| usize::try_from(max).ok()).unwrap_or(200).min(MAX_LINES);
    // What comes here was redacted when it was written; a second look costs nothing.
    let lines = app.backend.logs(max).iter().map(|line| tl_base::log::redact(line)).collect();
    Ok(json(&Logs { lines }))
}
