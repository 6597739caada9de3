//! What stands before every handler: host, origin, token, role. In this order, and before the body is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use tl_base::Secret;
use tl_wire::{RefusalCode, Role};

use crate::Actor;
use crate::app::{App, Door};
use crate::lockout::Wrong;
use crate::origin::{host_of, is_our_host, is_same_origin};
use crate::refused::Refused;
use crate::routes::{Access, Method, Route};

/// The guard of one route at one door.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) app: Arc<App>,
    pub(crate) door: Door,
    pub(crate) route: &'static Route,
}

/// Who asks, as handlers see it.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    /// For long answers, which look from time to time whether it still holds.
    pub(crate) token: Secret,
    door: Door,
}

impl Caller {
    /// Whether token or grant still stand for the same person: a body may take its time, and access may be taken back meanwhile.
    pub(crate) fn check_still(&self, app: &App) -> Result<(), Refused> {
        let by_token = actor_of(app, self.door, self.token.expose()).as_ref() == Some(&self.actor);
        let by_grant = || self.actor.role == Role::Viewer && app.grants.label_of(self.token.expose()).as_ref() == Some(&self.actor.label);
        let gone = || Refused::new(RefusalCode::Unauthenticated, "Access was taken back; ask the director for a fresh link.");
        if by_token || by_grant() { Ok(()) } else { Err(gone()) }
    }
}

#[derive(PartialEq)]
enum Via {
    Header,
    Cookie,
}

/// Runs before everything else, for known and unknown routes: is it us who is called?
pub(crate) async fn check_host(State((app, door)): State<(Arc<App>, Door)>, request: Request, next: Next) -> Response {
    let ours = host_of(request.uri(), request.headers()).is_some_and(|host| is_our_host(host, &app.config.names));
    let mut response = if ours {
        next.run(request).await
    } else {
        Refused::new(RefusalCode::Forbidden, "The address names a host that is not this studio; use the link that the studio shows.").into_response()
    };
    app.answered.count(response.status().as_u16());
    secure(response.headers_mut(), door);
    response
}

/// Runs before the handler of one route.
pub(crate) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match gate.check(&request) {
        Ok(Pass::Go(caller)) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Ok(Pass::Answer(response)) => response,
        Err(refused) => refused.into_response(),
    }
}

enum Pass {
    Go(Option<Caller>),
    Answer(Response),
}

impl Gate {
    fn check(&self, request: &Request) -> Result<Pass, Refused> {
        self.check_origin(request, false)?;
        match self.route.access {
            Access::Open | Access::Grant => Ok(Pass::Go(None)),
            Access::Public if self.door == Door::Https => Ok(Pass::Go(None)),
            Access::Public => self.check_plain_door(request),
            Access::RolesOrGrant(roles) => match self.viewer(request) {
                Some(viewer) => Ok(Pass::Go(Some(viewer))),
                None => self.check_role(request, roles),
            },
            Access::Roles(roles) => self.check_role(request, roles),
        }
    }

    fn check_role(&self, request: &Request, roles: &[Role]) -> Result<Pass, Refused> {
        let (caller, via) = self.caller(request)?;
        self.check_origin(request, via == Via::Cookie)?;
        if roles.contains(&caller.actor.role) {
            return Ok(Pass::Go(Some(caller)));
        }
        let message = format!("A {} link may not do this; ask the director for one that may.", name_of(caller.actor.role));
        Err(Refused::new(RefusalCode::Forbidden, message))
    }

    /// Whoever shows a viewer's grant: a viewer, and nothing else.
    fn viewer(&self, request: &Request) -> Option<Caller> {
        let grant = bearer_of(request.headers())?;
        let label = self.app.grants.label_of(grant)?;
        Some(Caller { actor: Actor { role: Role::Viewer, label, slot: None }, token: Secret::new(grant), door: self.door })
    }

    /// A request that changes something comes from our own pages, or from a program that sets no origin and no cookie.
    fn check_origin(&self, request: &Request, by_cookie: bool) -> Result<(), Refused> {
        if matches!(self.route.method, Method::Get | Method::Options) {
            return Ok(());
        }
        let host = host_of(request.uri(), request.headers()).unwrap_or_default();
        let ours = match request.headers().get(header::ORIGIN) {
            Some(origin) => origin.to_str().is_ok_and(|origin| is_same_origin(origin, self.door.scheme(), host)),
            None => !by_cookie,
        };
        let message = "The request comes from a page that is not this studio's; open the studio's own page.";
        if ours { Ok(()) } else { Err(Refused::new(RefusalCode::Forbidden, message)) }
    }

    /// Pages on the plain door: `?door=TOKEN` becomes a cookie, so that it does not stay in the address.
    fn check_plain_door(&self, request: &Request) -> Result<Pass, Refused> {
        let shown = request.uri().query().into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("door="));
        if let Some(shown) = shown {
            self.authenticate(request, shown)?;
            let mut response = StatusCode::SEE_OTHER.into_response();
            let cookie = cookie(&self.app.cookie_name(self.door), shown, self.door);
            if let (Ok(cookie), Ok(place)) = (HeaderValue::from_str(&cookie), HeaderValue::from_str(request.uri().path())) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
                response.headers_mut().insert(header::LOCATION, place);
            }
            return Ok(Pass::Answer(response));
        }
        self.caller(request).map(|(caller, _)| Pass::Go(Some(caller)))
    }

    fn caller(&self, request: &Request) -> Result<(Caller, Via), Refused> {
        let bearer = bearer_of(request.headers());
        let by_cookie = || cookie_of(request.headers(), &self.app.cookie_name(self.door));
        let shown = bearer.map(|token| (token, Via::Header)).or_else(|| by_cookie().map(|token| (token, Via::Cookie)));
        let Some((token, via)) = shown else {
            return Err(Refused::new(RefusalCode::Unauthenticated, "This needs a token; open the link that the studio shows."));
        };
        Ok((Caller { actor: self.authenticate(request, token)?, token: Secret::new(token), door: self.door }, via))
    }

    fn authenticate(&self, request: &Request, token: &str) -> Result<Actor, Refused> {
        authenticate(&self.app, self.door, peer_of(request), token)
    }
}

/// Whose token this is. Wrong ones are counted; from the network, a locked address is not even looked at.
pub(crate) fn authenticate(app: &App, door: Door, peer: SocketAddr, token: &str) -> Result<Actor, Refused> {
    check_lock(app, peer)?;
    let unknown = || Refused::new(RefusalCode::Unauthenticated, "This token is not known or no longer valid; ask the director for a fresh link.");
    actor_of(app, door, token).ok_or_else(|| count_wrong(app, peer, token).unwrap_or_else(unknown))
}

/// Refuses an address that is locked out.
pub(crate) fn check_lock(app: &App, peer: SocketAddr) -> Result<(), Refused> {
    let ip = peer.ip().to_canonical();
    let left = app.lockout.locked_for(ip, Instant::now()).filter(|_| !(app.config.limits.trust_loopback && ip.is_loopback()));
    left.map_or(Ok(()), |left| Err(locked(left.as_secs() + 1)))
}

/// Counts a wrong token, ticket or code; the refusal when the address is locked out by now.
pub(crate) fn count_wrong(app: &App, peer: SocketAddr, shown: &str) -> Option<Refused> {
    let ip = peer.ip().to_canonical();
    match app.lockout.wrong(ip, shown, Instant::now()) {
        Wrong::Counted => return None,
        Wrong::Locked => {}
        Wrong::JustLocked => {
            tracing::warn!("{ip} showed too many wrong tokens and is locked out");
            app.backend.locked_out(ip);
        }
    }
    Some(locked(app.config.limits.lock_time.as_secs()))
}

fn locked(left_secs: u64) -> Refused {
    let message = format!("Too many wrong tokens came from this device; wait {left_secs} s and open the link again.");
    Refused::new(RefusalCode::TooMany, message).retry_after(left_secs)
}

/// Whose token this is, without counting: for long answers that look again.
pub(crate) fn actor_of(app: &App, door: Door, token: &str) -> Option<Actor> {
    let is_door = door == Door::Loopback && bool::from(app.door_token.expose().as_bytes().ct_eq(token.as_bytes()));
    if is_door { Some(Actor { role: Role::Owner, label: "owner".to_owned(), slot: None }) } else { app.backend.authenticate(token) }
}

/// A cookie that holds a token for a day.
pub(crate) fn cookie(name: &str, token: &str, door: Door) -> String {
    let secure = if door == Door::Https { "; Secure" } else { "" };
    let life = if token.is_empty() { 0 } else { 86_400 };
    format!("{name}={token}; Path=/; Max-Age={life}; HttpOnly{secure}; SameSite=Strict")
}

/// Where a request comes from.
pub(crate) fn peer_of(request: &Request) -> SocketAddr {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)), |info| info.0)
}

fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookie_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

fn name_of(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner's",
        Role::Director => "director's",
        Role::Camera => "camera's",
        Role::Commentator => "commentator's",
        Role::Viewer => "viewer's",
    }
}

/// Every answer says what a browser may do with it.
fn secure(headers: &mut HeaderMap, door: Door) {
    // Media Source Extensions play from `blob:`, and the player's worker is made from one.
    const CSP: &str = "default-src 'none'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; \
        media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut set = |name: &'static str, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set("content-security-policy", CSP);
    set("referrer-policy", "no-referrer");
    set("x-content-type-options", "nosniff");
    set("cross-origin-resource-policy", "same-origin");
    set("permissions-policy", "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()");
    if door == Door::Https {
        set("cross-origin-opener-policy", "same-origin");
    }
}
