//! WHIP (RFC 9725) and WHEP: an offer in, the studio's answer out. Candidates are all in the answer, so there is no PATCH.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tl_store::files::is_safe_name;
use tl_wire::RefusalCode;

use super::check_slot;
use crate::app::App;
use crate::asked::WhipAnswer;
use crate::body::read_sdp;
use crate::guard::Caller;
use crate::refused::Refused;

pub(super) async fn offer_whip(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(slot): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let slot = check_slot(&slot, &caller.actor)?;
    let offer = read_sdp(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    let answer = app.backend.whip(caller.actor, slot, offer).await?;
    respond(&format!("/whip/{slot}"), answer)
}

pub(super) async fn end_whip(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((slot, session)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let slot = check_slot(&slot, &caller.actor)?;
    check_connection(&session)?;
    app.backend.whip_end(caller.actor, slot, session).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn offer_whep(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Refused> {
    let offer = read_sdp(request, &app.config.limits).await?;
    caller.check_still(&app)?;
    let answer = app.backend.whep(caller.actor, peer.ip(), offer).await?;
    respond("/whep", answer)
}

pub(super) async fn end_whep(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, Path(session): Path<String>) -> Result<StatusCode, Refused> {
    check_connection(&session)?;
    app.backend.whep_end(caller.actor, session).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn describe_offers() -> Response {
    let headers = [
        (header::ALLOW, HeaderValue::from_static("OPTIONS, POST")),
        (header::HeaderName::from_static("accept-post"), HeaderValue::from_static("application/sdp")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn respond(place: &str, answer: WhipAnswer) -> Result<Response, Refused> {
    let (Ok(location), Ok(etag), true) = (
        HeaderValue::from_str(&format!("{place}/{}", answer.session)),
        HeaderValue::from_str(&format!("\"{}\"", answer.session)),
        is_safe_name(&answer.session),
    ) else {
        tl_base::never!("a WebRTC session's name cannot stand in an address");
        return Err(Refused::new(RefusalCode::Busy, "The studio could not name this connection; try again."));
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/sdp")),
        (header::LOCATION, location),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::CREATED, headers, answer.sdp).into_response())
}

fn check_connection(session: &str) -> Result<(), Refused> {
    if is_safe_name(session) { Ok(()) } else { Err(Refused::not_found("There is no such connection; it may have ended already.")) }
}
