//! The handlers, one file for each resource, and how the table becomes a router.

mod cameras;
mod commands;
mod content;
mod document;
mod events;
mod login;
mod media;
mod metrics;
mod pages;
mod recordings;
mod sessions;
mod tickets;
mod watch;
mod whip;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, options, post};
use serde::Serialize;
use tl_base::SlotId;
use tl_wire::{RefusalCode, Role};
use tower_http::compression::CompressionLayer;

use crate::Actor;
use crate::app::{App, Door};
use crate::guard::{Gate, check_host, guard};
use crate::refused::Refused;
use crate::routes::{Endpoint, ROUTES};

/// Everything that one door serves.
pub(crate) fn router(app: &Arc<App>, door: Door) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let gate = Gate { app: Arc::clone(app), door, route };
        router = router.route(route.path, handler(route.endpoint).layer(from_fn_with_state(gate, guard)));
    }
    router
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(CompressionLayer::new().gzip(true).compress_when(is_worth_compressing))
        .layer(from_fn_with_state((Arc::clone(app), door), check_host))
        .layer(axum::Extension(door))
        .with_state(Arc::clone(app))
}

fn handler(endpoint: Endpoint) -> MethodRouter<Arc<App>> {
    match endpoint {
        Endpoint::PostCommand => post(commands::post_command),
        Endpoint::GetSnapshot => get(sessions::get_snapshot),
        Endpoint::StreamEvents => get(events::stream_events),
        Endpoint::ListSessions => get(sessions::list_sessions),
        Endpoint::GetStatus => get(sessions::get_status),
        Endpoint::GetHealth => get(sessions::get_health),
        Endpoint::GetLogs => get(sessions::get_logs),
        Endpoint::ListRecordings => get(recordings::list_recordings),
        Endpoint::GetRecording => get(recordings::get_recording),
        Endpoint::GetThumbnail => get(cameras::get_thumbnail),
        Endpoint::GetContent => get(content::get_content),
        Endpoint::GetContentInfo => get(content::get_content_info),
        Endpoint::OfferWhip => post(whip::offer_whip),
        Endpoint::EndWhip => delete(whip::end_whip),
        Endpoint::DescribeWhip => options(whip::describe_whip),
        Endpoint::StartWatching => post(watch::start_watching),
        Endpoint::EndWatching => delete(watch::end_watching),
        Endpoint::GetMedia => get(media::get_media),
        Endpoint::IssueTicket => post(tickets::issue_ticket),
        Endpoint::LogIn => post(login::log_in),
        Endpoint::LogOut => delete(login::log_out),
        Endpoint::GetMetrics => get(metrics::get_metrics),
        Endpoint::GetDocument => get(document::get_document),
        Endpoint::GoToDesk => get(pages::go_to_desk),
        Endpoint::GoToFolder => get(pages::go_to_folder),
        Endpoint::GetPage => get(pages::get_page),
    }
}

async fn unknown() -> Refused {
    Refused::not_found("There is nothing at this address; the API is described at /api/v1/openapi.json.")
}

async fn wrong_method() -> Refused {
    Refused::invalid("This address does not take this method; see /api/v1/openapi.json.").with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Playlists and pages. Never an answer that mixes a secret with words of the caller's, whose length would tell.
fn is_worth_compressing(_: StatusCode, _: axum::http::Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    const TYPES: [&str; 5] = ["application/vnd.apple.mpegurl", "text/html", "text/javascript", "text/css", "image/svg+xml"];
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    TYPES.iter().any(|known| given.starts_with(known)) && !headers.contains_key(header::CONTENT_RANGE)
}

/// A JSON answer that nobody keeps.
fn json<T: Serialize>(value: &T) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], axum::Json(value)).into_response()
}

/// `{id}` of a session: `current`, or the id of the one that runs.
fn check_session(app: &App, id: &str) -> Result<(), Refused> {
    if id == "current" || app.backend.snapshot().session == id {
        return Ok(());
    }
    Err(Refused::not_found("There is no such running session; use `current`, or see /api/v1/sessions."))
}

/// `{slot}`, which a camera may only use when it is its own.
fn check_slot(text: &str, actor: &Actor) -> Result<SlotId, Refused> {
    let slot = SlotId::parse(text).ok_or_else(|| Refused::not_found(format!("There is no such camera position; positions are 1 to {}.", SlotId::MAX)))?;
    if actor.role == Role::Camera && actor.slot != Some(slot) {
        return Err(Refused::new(RefusalCode::Forbidden, format!("This link is not for camera {slot}; ask the director for one that is.")));
    }
    Ok(slot)
}

/// A whole number from a query, `key=12`.
fn number_in(query: Option<&str>, key: &str) -> Option<u64> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.parse().ok())
}
