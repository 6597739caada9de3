//! The event stream: each client holds a place in the log and no queue, so a slow one costs nothing but itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tl_wire::{Event, RefusalCode};
use tokio::sync::watch;

use super::{check_session, number_in};
use crate::app::{App, Door};
use crate::guard::{Caller, actor_of};
use crate::projection::project_event;
use crate::refused::Refused;

/// Events taken from the log at a time.
const BATCH: usize = 128;

pub(super) async fn stream_events(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Door>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let full = || Refused::new(RefusalCode::TooMany, "Too many pages follow the show; close some and try again.").retry_after(5);
    let place = StreamPlace::take(&app.streams, app.config.limits.event_streams).ok_or_else(full)?;
    let version = app.backend.event_version();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.trim().parse::<u64>().ok());
    // Without a place in the log the stream begins now.
    let seq = last.or_else(|| number_in(query.as_deref(), "after")).unwrap_or_else(|| app.backend.snapshot().seq);
    let heartbeat = app.config.limits.heartbeat;
    let closing = app.closing.clone();
    let follower =
        Follower { app, door, caller, seq, ready: VecDeque::from([Bytes::from_static(b"retry: 2000\n\n")]), version, closing, heartbeat, _place: place };
    let body = Body::from_stream(stream::unfold(follower, |mut follower| async move {
        let piece = follower.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), follower))
    }));
    let types = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((types, body).into_response())
}

/// One client's place in the log.
struct Follower {
    app: Arc<App>,
    door: Door,
    caller: Caller,
    /// The newest event that was looked at.
    seq: u64,
    ready: VecDeque<Bytes>,
    version: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    heartbeat: Duration,
    _place: StreamPlace,
}

impl Follower {
    /// The next piece to send; none when the studio closes or the token was revoked.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            self.version.borrow_and_update();
            let events = self.app.backend.events_after(self.seq, BATCH);
            if let Some(last) = events.last() {
                self.seq = last.seq.max(self.seq + 1);
                self.ready.extend(events.iter().filter_map(|event| project_event(event, &self.caller.actor)).filter_map(|event| message(&event)));
                continue;
            }
            if *self.closing.borrow() {
                return None;
            }
            tokio::select! {
                changed = self.version.changed() => changed.ok()?,
                _ = self.closing.changed() => return None,
                () = tokio::time::sleep(self.heartbeat) => {
                    let still = actor_of(&self.app, self.door, self.caller.token.expose());
                    if still.as_ref() != Some(&self.caller.actor) {
                        return None;
                    }
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
            }
        }
    }
}

fn message(event: &Event) -> Option<Bytes> {
    match serde_json::to_string(event) {
        Ok(json) => Some(Bytes::from(format!("id: {}\ndata: {json}\n\n", event.seq))),
        Err(error) => {
            tl_base::never!("event {} cannot be written: {error}", event.seq);
            None
        }
    }
}

/// One of the streams that may be open at a time.
struct StreamPlace(Arc<AtomicUsize>);

impl StreamPlace {
    fn take(open: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let one_more = |count: usize| (count < most).then_some(count + 1);
        open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok().map(|_| Self(Arc::clone(open)))
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
