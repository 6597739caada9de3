//! Trading a token for a cookie, since pictures and downloads of a page cannot carry a header.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tl_base::{Secret, SlotId};
use tl_wire::Role;

use super::json;
use crate::app::{App, Door};
use crate::body::read_secret_json;
use crate::guard::{authenticate, cookie, peer_of};
use crate::refused::Refused;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    token: Secret,
}

#[derive(Serialize)]
struct LoggedIn {
    role: Role,
    label: String,
    slot: Option<SlotId>,
}

pub(super) async fn log_in(State(app): State<Arc<App>>, Extension(door): Extension<Door>, request: Request) -> Result<Response, Refused> {
    let peer = peer_of(&request);
    let asked: LogIn = read_secret_json(request, &app.config.limits).await?;
    let actor = authenticate(&app, door, peer, asked.token.expose())?;
    let mut response = json(&LoggedIn { role: actor.role, label: actor.label, slot: actor.slot });
    set_cookie(&mut response, &cookie(&app.cookie_name(door), asked.token.expose(), door));
    Ok(response)
}

pub(super) async fn log_out(State(app): State<Arc<App>>, Extension(door): Extension<Door>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &cookie(&app.cookie_name(door), "", door));
    response
}

pub(super) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}
