//! Recorded pieces of phones that cannot use WebRTC.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use tl_wire::RefusalCode;

use super::{check_camera, check_session, json};
use crate::app::App;
use crate::asked::ChunkPiece;
use crate::body::read;
use crate::guard::Caller;
use crate::piece::read_piece;
use crate::refused::Refused;

pub(super) async fn put_chunk(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((id, slot)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let slot = check_camera(&slot, &caller.actor)?;
    let piece = read_piece(request.uri(), request.headers())?;
    let limits = &app.config.limits;
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|len| len > limits.chunk_bytes as u64) {
        return Err(Refused::new(RefusalCode::TooLarge, format!("A piece has at most {} bytes; record shorter ones.", limits.chunk_bytes)));
    }
    let ip = peer.ip().to_canonical();
    let most = if ip.is_loopback() { limits.uploads_from_loopback } else { limits.uploads_per_ip };
    let crowded = || Refused::new(RefusalCode::TooMany, "Two pieces of this device are on their way already; send one after the other.").retry_after(1);
    let place = app.uploads.take_of(ip, most).ok_or_else(crowded)?;
    let data = read(request.into_body(), limits.chunk_bytes, limits.body_time).await?;
    drop(place);
    caller.check_still(&app)?;
    if data.is_empty() {
        return Err(Refused::invalid("The piece is empty; send what the recorder gave."));
    }
    Ok(json(&app.backend.chunk(caller.actor, slot, ChunkPiece { data, ..piece }).await?))
}

pub(super) async fn end_chunks(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((id, slot)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    check_session(&app, &id)?;
    let slot = check_camera(&slot, &caller.actor)?;
    app.backend.chunk_end(caller.actor, slot).await?;
    Ok(StatusCode::NO_CONTENT)
}
