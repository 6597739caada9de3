//! WHIP (RFC 9725): a phone's offer in, the studio's answer out. Candidates are all in the answer, so there is no PATCH.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tl_store::files::is_safe_name;
use tl_wire::RefusalCode;

use super::check_slot;
use crate::app::App;
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
    let answer = app.backend.whip(caller.actor, slot, offer).await?;
    let place = format!("/whip/{slot}/{}", answer.session);
    let (Ok(location), Ok(etag), true) =
        (HeaderValue::from_str(&place), HeaderValue::from_str(&format!("\"{}\"", answer.session)), is_safe_name(&answer.session))
    else {
        tl_base::never!("a WHIP session's name cannot stand in an address");
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

pub(super) async fn end_whip(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((slot, session)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let slot = check_slot(&slot, &caller.actor)?;
    if !is_safe_name(&session) {
        return Err(Refused::not_found("There is no such connection; it may have ended already."));
    }
    app.backend.whip_end(caller.actor, slot, session).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn describe_whip() -> Response {
    let headers = [
        (header::ALLOW, HeaderValue::from_static("OPTIONS, POST")),
        (header::HeaderName::from_static("accept-post"), HeaderValue::from_static("application/sdp")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
