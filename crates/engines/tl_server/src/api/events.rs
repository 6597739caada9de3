//! The event streams: each client holds a place in a log and no queue, so a slow one costs nothing but itself.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tl_wire::RefusalCode;
use tokio::sync::watch;

use super::{check_session, number_in};
use crate::app::{App, Door, Place};
use crate::feed::{BATCH, Page, message};
use crate::guard::{Caller, actor_of};
use crate::refused::Refused;

pub(super) async fn stream_events(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Door>,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let place = StreamPlace::take(&app, peer)?;
    let version = app.backend.event_version();
    // Without a place in the log the stream begins now.
    let seq = place_of(&headers, query.as_deref()).unwrap_or_else(|| app.backend.snapshot().seq);
    Ok(Follower::begin(&app, door, caller, Log::Show, seq, version, place))
}

pub(super) async fn stream_delivery(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Door>,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let place = StreamPlace::take(&app, peer)?;
    let version = app.backend.streaming_version();
    let seq = place_of(&headers, query.as_deref()).unwrap_or_else(|| *version.borrow());
    Ok(Follower::begin(&app, door, caller, Log::Delivery, seq, version, place))
}

/// Where a client goes on: `Last-Event-ID`, or `after` in the query.
fn place_of(headers: &HeaderMap, query: Option<&str>) -> Option<u64> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.trim().parse::<u64>().ok());
    last.or_else(|| number_in(query, "after"))
}

#[derive(Clone, Copy)]
enum Log {
    Show,
    Delivery,
}

/// One client's place in a log.
struct Follower {
    app: Arc<App>,
    door: Door,
    caller: Caller,
    log: Log,
    /// The newest event that was looked at.
    seq: u64,
    greeting: Option<Bytes>,
    version: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    access: watch::Receiver<u64>,
    _place: StreamPlace,
}

impl Follower {
    fn begin(app: &Arc<App>, door: Door, caller: Caller, log: Log, seq: u64, version: watch::Receiver<u64>, place: StreamPlace) -> Response {
        let (closing, access) = (app.closing.clone(), app.access.subscribe());
        let greeting = Some(Bytes::from_static(b"retry: 2000\n\n"));
        let follower = Self { app: Arc::clone(app), door, caller, log, seq, greeting, version, closing, access, _place: place };
        let body = Body::from_stream(stream::unfold(follower, |mut follower| async move {
            let piece = follower.next().await?;
            Some((Ok::<_, Infallible>(piece), follower))
        }));
        let types = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (types, body).into_response()
    }

    /// The next piece to send; none when the studio closes or the token was revoked.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            self.version.borrow_and_update();
            if let Some(page) = self.page().await {
                self.seq = page.seq;
                if let Some(piece) = joined(page.messages) {
                    return Some(piece);
                }
                continue;
            }
            if *self.closing.borrow() {
                return None;
            }
            tokio::select! {
                changed = self.version.changed() => changed.ok()?,
                _ = self.closing.changed() => return None,
                _ = self.access.changed() => self.check_access()?,
                () = tokio::time::sleep(self.app.config.limits.heartbeat) => {
                    self.check_access()?;
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }

    async fn page(&self) -> Option<Page> {
        match self.log {
            Log::Show => self.app.feed.after(self.app.backend.as_ref(), &self.caller.actor, self.seq).await,
            Log::Delivery => {
                let events = self.app.backend.streaming_events_after(self.seq, BATCH);
                let seq = events.last()?.seq;
                Some(Page { seq, messages: events.iter().filter_map(|event| message(event.seq, event)).collect() })
            }
        }
    }

    /// None when the token no longer stands for the same person.
    fn check_access(&self) -> Option<()> {
        let still = actor_of(&self.app, self.door, self.caller.token.expose());
        (still.as_ref() == Some(&self.caller.actor)).then_some(())
    }
}

/// Several messages as one piece, so that a client far behind costs few writes.
fn joined(messages: Vec<Bytes>) -> Option<Bytes> {
    if messages.len() <= 1 {
        return messages.into_iter().next();
    }
    Some(Bytes::from(messages.concat()))
}

/// One of the streams that may be open at a time, in all and for one address.
struct StreamPlace {
    open: Arc<AtomicUsize>,
    _of_address: Place<IpAddr>,
}

impl StreamPlace {
    fn take(app: &App, peer: SocketAddr) -> Result<Self, Refused> {
        let full = || Refused::new(RefusalCode::TooMany, "Too many pages follow the show; close some and try again.").retry_after(5);
        let (limits, ip) = (&app.config.limits, peer.ip().to_canonical());
        let most = if ip.is_loopback() { limits.event_streams_from_loopback } else { limits.event_streams_per_ip };
        let of_address = app.followers.take_of(ip, most).ok_or_else(full)?;
        let one_more = |count: usize| (count < limits.event_streams).then_some(count + 1);
        let taken = app.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok();
        if taken { Ok(Self { open: Arc::clone(&app.streams), _of_address: of_address }) } else { Err(full()) }
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}
