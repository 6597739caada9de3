//! The handlers, one file for each resource, and how the table becomes a router.

mod cameras;
mod chunks;
mod commands;
mod content;
mod destinations;
mod document;
mod events;
mod join;
mod login;
mod media;
mod metrics;
mod offers;
mod pages;
mod recordings;
mod sessions;
mod sources;
mod tickets;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, options, post, put};
use serde::Serialize;
use tl_base::SlotId;
use tl_wire::{RefusalCode, Role};
use tower_http::compression::CompressionLayer;

use crate::Actor;
use crate::app::{App, Door};
use crate::guard::{Gate, check_host, guard};
use crate::projection::slot_of;
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
        Endpoint::StreamDelivery => get(events::stream_delivery),
        Endpoint::ListSessions => get(sessions::list_sessions),
        Endpoint::GetStatus => get(sessions::get_status),
        Endpoint::GetHealth => get(sessions::get_health),
        Endpoint::GetLogs => get(sessions::get_logs),
        Endpoint::GetClock => get(sessions::get_clock),
        Endpoint::ListRecordings => get(recordings::list_recordings),
        Endpoint::ListAllRecordings => get(recordings::list_all_recordings),
        Endpoint::GetRecording => get(recordings::get_recording),
        Endpoint::GetThumbnail => get(cameras::get_thumbnail),
        Endpoint::PutChunk => post(chunks::put_chunk),
        Endpoint::EndChunks => delete(chunks::end_chunks),
        Endpoint::SetSource => put(sources::set_source),
        Endpoint::ClearSource => delete(sources::clear_source),
        Endpoint::ListDevices => get(sources::list_devices),
        Endpoint::ListDestinations => get(destinations::list_destinations),
        Endpoint::SetDestination => put(destinations::set_destination),
        Endpoint::RemoveDestination => delete(destinations::remove_destination),
        Endpoint::TestDestination => post(destinations::test_destination),
        Endpoint::GetContent => get(content::get_content),
        Endpoint::GetContentInfo => get(content::get_content_info),
        Endpoint::GetContentIndex => get(content::get_content_index),
        Endpoint::GetContentFile => get(content::get_content_file),
        Endpoint::OfferWhip => post(offers::offer_whip),
        Endpoint::EndWhip => delete(offers::end_whip),
        Endpoint::OfferWhep => post(offers::offer_whep),
        Endpoint::EndWhep => delete(offers::end_whep),
        Endpoint::DescribeOffers => options(offers::describe_offers),
        Endpoint::StartWatching => post(watch::start_watching),
        Endpoint::EndWatching => delete(watch::end_watching),
        Endpoint::GetMedia => get(media::get_media),
        Endpoint::IssueTicket => post(tickets::issue_ticket),
        Endpoint::ListTickets => get(tickets::list_tickets),
        Endpoint::RevokeTicket => delete(tickets::revoke_ticket),
        Endpoint::Join => post(join::join),
        Endpoint::GetJoin => get(join::get_join),
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

/// `{slot}`: whoever sends one source may only use their own.
fn check_slot(text: &str, actor: &Actor) -> Result<SlotId, Refused> {
    let unknown = || Refused::not_found(format!("There is no such source; cameras are 1 to {}, microphones commentary and talkback.", SlotId::MAX));
    let slot = SlotId::parse(text).ok_or_else(unknown)?;
    if matches!(actor.role, Role::Owner | Role::Director) || slot_of(actor) == Some(slot) {
        return Ok(slot);
    }
    Err(Refused::new(RefusalCode::Forbidden, format!("This link is not for source {slot}; ask the director for one that is.")))
}

/// The same for cameras alone.
fn check_camera(text: &str, actor: &Actor) -> Result<SlotId, Refused> {
    let none = || Refused::not_found(format!("There is no such camera position; positions are 1 to {}.", SlotId::MAX));
    check_slot(text, actor).and_then(|slot| if slot.is_camera() { Ok(slot) } else { Err(none()) })
}

/// A whole number from a query, `key=12`.
fn number_in(query: Option<&str>, key: &str) -> Option<u64> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.parse().ok())
}
