//! Small pictures of cameras.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::{check_camera, check_session};
use crate::app::App;
use crate::guard::Caller;
use crate::refused::Refused;

pub(super) async fn get_thumbnail(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((id, slot)): Path<(String, String)>,
) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let slot = check_camera(&slot, &caller.actor)?;
    let jpeg = app.backend.thumbnail(slot).ok_or_else(|| Refused::not_found(format!("Camera {slot} has no picture yet; ask again when it is live.")))?;
    let types = [(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((types, jpeg).into_response())
}
