//! Live media for viewers, from memory. A request for what is not there yet waits until it is.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use sha2::{Digest, Sha256};
use tl_playlist::{Answer, Cache, Reply};
use tl_store::files::is_safe_name;
use tl_wire::RefusalCode;

use crate::app::{App, WaitKey};
use crate::file_body::{Part, outside, part_of};
use crate::refused::Refused;

/// The longest query, bytes: two numbers and a word.
const MAX_QUERY_BYTES: usize = 256;

pub(super) async fn get_media(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((grant, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    check_grant(&app, &grant)?;
    let query = query.unwrap_or_default();
    if !is_media_path(&path) || query.len() > MAX_QUERY_BYTES {
        return Err(unknown());
    }
    let reply = match app.backend.media(&path, &query) {
        Answer::Wait => wait(&app, &grant, peer, &path, &query).await?,
        answer => ready(answer)?,
    };
    Ok(respond(&app, reply, &headers))
}

fn check_grant(app: &App, grant: &str) -> Result<(), Refused> {
    let ended = || Refused::new(RefusalCode::Gone, "This link for watching has ended; open the watch page again.");
    if app.grants.check(grant) { Ok(()) } else { Err(ended()) }
}

/// Waits for what is being made, for at most three target durations.
async fn wait(app: &App, grant: &str, peer: SocketAddr, path: &str, query: &str) -> Result<Reply, Refused> {
    let crowded = || Refused::new(RefusalCode::TooMany, "Too many requests wait for the same; ask again in a moment.").retry_after(1);
    let _by_ip = app.waiting.take(WaitKey::Ip(peer.ip().to_canonical())).ok_or_else(crowded)?;
    let _by_grant = app.waiting.take(WaitKey::Grant(short_hash(grant))).ok_or_else(crowded)?;
    let late = || Refused::new(RefusalCode::Busy, "This part of the programme did not come in time; ask again.").retry_after(1);
    let mut version = app.backend.media_version();
    let (mut closing, mut access) = (app.closing.clone(), app.access.subscribe());
    let deadline = tokio::time::sleep(app.config.media_wait);
    tokio::pin!(deadline);
    loop {
        // Seen before it is asked: a change in between ends the wait at once.
        version.borrow_and_update();
        check_grant(app, grant)?;
        match app.backend.media(path, query) {
            Answer::Wait => {}
            answer => return ready(answer),
        }
        if *closing.borrow() {
            return Err(late());
        }
        tokio::select! {
            changed = version.changed() => changed.map_err(|_| late())?,
            _ = closing.changed() => return Err(late()),
            _ = access.changed() => {}
            () = &mut deadline => return Err(late()),
        }
    }
}

fn ready(answer: Answer) -> Result<Reply, Refused> {
    match answer {
        Answer::Ready(reply) => Ok(reply),
        Answer::NotFound => Err(unknown()),
        Answer::Gone => Err(Refused::new(RefusalCode::Gone, "This part of the programme is no longer kept; go on from the live edge.")),
        Answer::Bad(reason) => Err(Refused::invalid(format!("The request makes no sense ({reason}); follow the playlist."))),
        Answer::Wait => Err(Refused::new(RefusalCode::Busy, "Not yet; ask again.").retry_after(1)),
    }
}

fn respond(app: &App, reply: Reply, asked: &HeaderMap) -> Response {
    let cache = match reply.cache {
        Cache::NoCache => "no-store",
        Cache::Short => "private, max-age=1",
        Cache::Immutable => "private, max-age=3600, immutable",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if reply.compressible {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(packed) = packed(app, &reply.body, asked) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(packed.len()));
            return (StatusCode::OK, headers, Body::from(packed)).into_response();
        }
    }
    let len: u64 = reply.body.iter().map(|piece| piece.len() as u64).sum();
    let range = asked.get(header::RANGE).and_then(|range| range.to_str().ok()).filter(|_| !reply.compressible);
    let (status, from, to) = match range.map_or(Part::Whole, |range| part_of(range, len)) {
        Part::Whole => (StatusCode::OK, 0, len),
        Part::From(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Part::Outside => return outside(len),
    };
    if !reply.compressible {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::from_str(&format!("bytes {from}-{}/{len}", to - 1))
    {
        headers.insert(header::CONTENT_RANGE, range);
    }
    // The compression layer takes this away where it compresses.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    let body = Body::from_stream(stream::iter(cut(reply.body, from, to).into_iter().map(Ok::<_, std::convert::Infallible>)));
    (status, headers, body).into_response()
}

/// The same text packed, once for all who fetch this version of it.
fn packed(app: &App, body: &[Bytes], asked: &HeaderMap) -> Option<Bytes> {
    let accepts = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let gzip = |coding: &str| {
        let mut words = coding.split(';').map(str::trim);
        let refused = |weight: &str| weight.strip_prefix("q=").is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        words.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && !words.any(refused)
    };
    let ([text], true) = (body, accepts.into_iter().any(gzip)) else { return None };
    Some(app.packed.lock().unwrap_or_else(PoisonError::into_inner).gzip(text))
}

/// The bytes from `from` up to before `to` of pieces that follow each other; nothing is copied.
fn cut(body: Vec<Bytes>, from: u64, to: u64) -> Vec<Bytes> {
    let mut at = 0;
    let mut part = Vec::with_capacity(body.len());
    for piece in body {
        let len = piece.len() as u64;
        let (begin, end) = (from.saturating_sub(at).min(len), to.saturating_sub(at).min(len));
        if begin < end {
            part.push(piece.slice(begin as usize..end as usize));
        }
        at += len;
    }
    part
}

/// Up to three plain names: what a playlist may name.
fn is_media_path(path: &str) -> bool {
    path.len() <= 256 && path.split('/').count() <= 3 && path.split('/').all(is_safe_name)
}

fn short_hash(text: &str) -> u64 {
    Sha256::digest(text.as_bytes()).iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

fn unknown() -> Refused {
    Refused::not_found("There is no such part of the programme; follow the playlist.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_out_of_pieces() {
        let body: Vec<Bytes> = ["abc", "", "defg", "h"].map(|piece| Bytes::from_static(piece.as_bytes())).into();
        for from in 0..=8 {
            for to in from..=8 {
                let part = cut(body.clone(), from, to).concat();
                assert_eq!(part, b"abcdefgh"[from as usize..to as usize]);
            }
        }
    }

    #[test]
    fn media_paths_are_plain_names() {
        for good in ["live.m3u8", "v0/media.m3u8", "a0/s12.p3.m4s"] {
            assert!(is_media_path(good), "{good}");
        }
        for bad in ["", "/", "v0/", "/v0", "../a", "v0/../a", "v0//a", "a/b/c/d", "v0/a\0", "v0\\a", "c:/a", "nul", "v0/..%2f"] {
            assert!(!is_media_path(bad), "{bad}");
        }
    }
}
