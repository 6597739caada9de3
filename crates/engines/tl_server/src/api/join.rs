//! Coming in with a ticket or the crew code.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tl_base::SlotId;
use tl_store::files::is_safe_name;
use tl_wire::{Refusal, RefusalCode, Role};

use super::json;
use super::login::set_cookie;
use crate::app::{App, Door, WaitKey};
use crate::asked::{JoinAnswer, JoinAsked};
use crate::body::read_secret_json;
use crate::guard::{check_lock, cookie, count_wrong, peer_of};
use crate::refused::Refused;

/// The longest ticket, code or name, bytes.
const MAX_TEXT_BYTES: usize = 256;

pub(super) async fn join(State(app): State<Arc<App>>, Extension(door): Extension<Door>, request: Request) -> Result<Response, Refused> {
    let peer = peer_of(&request);
    check_lock(&app, peer)?;
    let asked: JoinAsked = read_secret_json(request, &app.config.limits).await?;
    let shown = match &asked {
        JoinAsked::Ticket { ticket } => ticket.clone(),
        JoinAsked::Crew { code, name } if name.len() <= MAX_TEXT_BYTES => code.clone(),
        JoinAsked::Crew { .. } => return Err(Refused::invalid("The name is too long; use a short one.")),
    };
    if shown.expose().is_empty() || shown.expose().len() > MAX_TEXT_BYTES {
        return Err(Refused::invalid("The ticket or code is empty or too long; copy it as it was given."));
    }
    let answer = app.backend.join(peer.ip().to_canonical(), asked).await;
    respond(&app, door, answer.map_err(|refusal| counted(&app, peer, shown.expose(), refusal))?)
}

pub(super) async fn get_join(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request): Path<String>,
) -> Result<Response, Refused> {
    check_lock(&app, peer)?;
    if !is_safe_name(&request) {
        return Err(Refused::new(RefusalCode::Gone, "There is no such request; type the crew code again."));
    }
    let crowded = || Refused::new(RefusalCode::TooMany, "Too many requests wait here; ask again in a moment.").retry_after(1);
    let _place = app.waiting.take(WaitKey::Ip(peer.ip().to_canonical())).ok_or_else(crowded)?;
    let mut closing = app.closing.clone();
    let answer = tokio::select! {
        answer = app.backend.join_state(request.clone()) => answer,
        _ = closing.wait_for(|closing| *closing) => return Err(Refused::new(RefusalCode::Busy, "The studio closes; ask again.").retry_after(2)),
    };
    respond(&app, door, answer.map_err(|refusal| counted(&app, peer, &request, refusal))?)
}

/// What opened nothing counts as a guess.
fn counted(app: &App, peer: SocketAddr, shown: &str, refusal: Refusal) -> Refused {
    let guess = matches!(refusal.code, RefusalCode::Unauthenticated | RefusalCode::Gone);
    guess.then(|| count_wrong(app, peer, shown)).flatten().unwrap_or_else(|| refusal.into())
}

#[derive(Serialize)]
struct Joined<'a> {
    token: &'a str,
    role: Role,
    slot: Option<SlotId>,
    label: &'a str,
}

#[derive(Serialize)]
struct Waiting<'a> {
    request: &'a str,
    digits: &'a str,
}

fn respond(app: &App, door: Door, answer: JoinAnswer) -> Result<Response, Refused> {
    match answer {
        JoinAnswer::In { token, role, slot, label } => {
            let mut response = json(&Joined { token: token.expose(), role, slot, label: &label });
            set_cookie(&mut response, &cookie(&app.cookie_name(door), token.expose(), door));
            Ok(response)
        }
        JoinAnswer::Waiting { request, digits } => {
            let mut response = json(&Waiting { request: &request, digits: &digits }).into_response();
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            Ok(response)
        }
    }
}
