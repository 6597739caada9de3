//! Measurements in Prometheus text: the studio's, and the door's own.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;

pub(super) async fn get_metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = app.backend.metrics();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let mut gauge = |name: &str, help: &str, value: u64| line(&mut text, name, help, "gauge", &[("", value)]);
    gauge("touchline_http_connections", "Open connections.", app.connections.load(Ordering::Relaxed) as u64);
    gauge("touchline_event_streams", "Open event streams.", app.streams.load(Ordering::Relaxed) as u64);
    // Each waiting request counts for its address and for its grant.
    gauge("touchline_media_waiting", "Media requests that wait.", app.waiting.all() as u64 / 2);
    gauge("touchline_viewers", "Viewers who fetched media in the last ten seconds.", u64::from(app.grants.watching()));
    let answered = app.answered.all();
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| format!("{{class=\"{class}\"}}"));
    let values: Vec<(&str, u64)> = classes.iter().map(String::as_str).zip(answered).collect();
    line(&mut text, "touchline_http_answers_total", "Answers by the class of their status.", "counter", &values);
    let types = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (types, text).into_response()
}

fn line(text: &mut String, name: &str, help: &str, kind: &str, values: &[(&str, u64)]) {
    let mut put = || -> std::fmt::Result {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        values.iter().try_for_each(|(labels, value)| writeln!(text, "{name}{labels} {value}"))
    };
    if put().is_err() {
        tl_base::never!("a text in memory takes what is written");
    }
}
