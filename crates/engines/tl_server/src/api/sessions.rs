//! What is: sessions, the snapshot, and how the studio feels.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use tl_base::{EraId, MediaTime, Wall};
use tl_wire::{Health, OutputView, ProgramView, SessionState, Warning};

use super::{check_session, json, number_in};
use crate::app::App;
use crate::asked::{Streaming, StreamingEvent};
use crate::guard::Caller;
use crate::projection::project_snapshot;
use crate::refused::Refused;

/// The most log lines of one answer.
const MAX_LINES: usize = 1_000;

/// Events of live delivery that tell how it goes: about the last 20 segments.
const RECENT_EVENTS: u64 = 128;

pub(super) async fn get_snapshot(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    Ok(json(&project_snapshot(&app.backend.snapshot(), &caller.actor)))
}

pub(super) async fn list_sessions(State(app): State<Arc<App>>) -> Response {
    json(&app.backend.sessions())
}

#[derive(Serialize)]
struct Status {
    session: String,
    state: SessionState,
    era: EraId,
    media_time: MediaTime,
    seq: u64,
}

pub(super) async fn get_status(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let now = app.backend.snapshot();
    Ok(json(&Status { session: now.session.clone(), state: now.state, era: now.era, media_time: now.media_time, seq: now.seq }))
}

#[derive(Serialize)]
struct HealthView<'a> {
    /// `ok`, or `attention` when there are warnings.
    state: &'static str,
    machine: Health,
    programme: &'a ProgramView,
    outputs: &'a [OutputView],
    warnings: &'a [Warning],
    viewers: u32,
    delivery: Option<Delivery>,
}

/// What the newest events of live delivery say.
#[derive(Serialize)]
struct Delivery {
    /// Length so far, seconds.
    played_s: f64,
    /// Segments that were announced, and those that became gaps.
    segments_ready: u64,
    segments_failed: u64,
    /// Seconds of programme that were delivered in each second lately; 1 keeps up.
    encode_rate: Option<f64>,
    /// Seconds since the newest segment was announced: what viewers' buffers live on.
    newest_segment_age_s: Option<f64>,
}

impl Delivery {
    fn of(events: &[StreamingEvent], now: Wall) -> Option<Self> {
        let progress = |event: &StreamingEvent| match event.what {
            Streaming::ProgressUpdate { played_s, segments_ready, segments_failed } => Some((event.wall, played_s, segments_ready, segments_failed)),
            _ => None,
        };
        let (wall, played_s, segments_ready, segments_failed) = events.iter().rev().find_map(progress)?;
        let (first_wall, first_played_s, ..) = events.iter().find_map(progress)?;
        let span = seconds_between(first_wall, wall).filter(|span| *span > 0.0);
        let segment = events.iter().rev().find(|event| matches!(event.what, Streaming::SegmentReady { .. }));
        Some(Self {
            played_s,
            segments_ready,
            segments_failed,
            encode_rate: span.map(|span| (played_s - first_played_s) / span),
            newest_segment_age_s: segment.and_then(|segment| seconds_between(segment.wall, now)),
        })
    }
}

/// None when the wall clock was set back in between.
fn seconds_between(from: Wall, to: Wall) -> Option<f64> {
    let micros = to.0.saturating_sub(from.0);
    (micros >= 0).then_some(micros as f64 / 1e6)
}

pub(super) async fn get_health(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let now = app.backend.snapshot();
    let state = if now.warnings.is_empty() { "ok" } else { "attention" };
    let viewers = app.grants.watching();
    let newest = *app.backend.streaming_version().borrow();
    let delivery = Delivery::of(&app.backend.streaming_events_after(newest.saturating_sub(RECENT_EVENTS), RECENT_EVENTS as usize), Wall::now());
    Ok(json(&HealthView { state, machine: now.health, programme: &now.output, outputs: &now.outputs, warnings: &now.warnings, viewers, delivery }))
}

#[derive(Serialize)]
struct Logs {
    lines: Vec<String>,
}

pub(super) async fn get_logs(State(app): State<Arc<App>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    check_session(&app, &id)?;
    let max = number_in(query.as_deref(), "max").and_then(|max| usize::try_from(max).ok()).unwrap_or(200).min(MAX_LINES);
    // What comes here was redacted when it was written; a second look costs nothing.
    let lines = app.backend.logs(max).iter().map(|line| tl_base::log::redact(line)).collect();
    Ok(json(&Logs { lines }))
}

#[derive(Serialize)]
struct Clock {
    /// The studio's clock, microseconds.
    clock_us: i64,
}

/// For phones without a data channel: several of these, and the one that came back fastest tells the offset.
pub(super) async fn get_clock(State(app): State<Arc<App>>) -> Response {
    json(&Clock { clock_us: app.backend.now().nanos() / 1_000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_is_told_from_its_newest_events() {
        let at = |seq: u64, wall_s: i64, what| StreamingEvent { seq, wall: Wall(wall_s * 1_000_000), what };
        let progress = |ready: u64| Streaming::ProgressUpdate { played_s: ready as f64 * 2.0, segments_ready: ready, segments_failed: 1 };
        let segment = Streaming::SegmentReady { kind: "video".to_owned(), name: "s1".to_owned(), msn: 1, seconds: 2.0, bytes: 9, latency_ms: None };
        assert!(Delivery::of(&[], Wall(0)).is_none() && Delivery::of(&[at(1, 1, segment.clone())], Wall(0)).is_none());
        let events = [at(1, 10, progress(5)), at(2, 18, segment), at(3, 20, progress(11))];
        let told = Delivery::of(&events, Wall(21_000_000)).expect("a delivery");
        assert_eq!((told.segments_ready, told.segments_failed, told.encode_rate, told.newest_segment_age_s), (11, 1, Some(1.2), Some(3.0)));
        // A wall clock that was set back tells nothing rather than something wrong.
        let told = Delivery::of(&events, Wall(0)).expect("a delivery");
        assert_eq!(told.newest_segment_age_s, None);
        assert_eq!(Delivery::of(&events[..1], Wall(0)).expect("a delivery").encode_rate, None);
    }
}
