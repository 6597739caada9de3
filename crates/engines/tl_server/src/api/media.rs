//! Live media for viewers, from memory. A request for what is not there yet waits until it is.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use sha2::{Digest, Sha256};
use tl_playlist::{Answer, Cache, Reply};
use tl_store::files::is_safe_name;
use tl_wire::RefusalCode;

use crate::app::{App, WaitKey};
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
    if !app.grants.check(&grant) {
        return Err(Refused::new(RefusalCode::Gone, "This link for watching has ended; open the watch page again."));
    }
    let query = query.unwrap_or_default();
    if !is_media_path(&path) || query.len() > MAX_QUERY_BYTES {
        return Err(unknown());
    }
    let reply = match app.backend.media(&path, &query) {
        Answer::Wait => wait(&app, &grant, peer, &path, &query).await?,
        answer => ready(answer)?,
    };
    Ok(respond(reply, &headers))
}

/// Waits for what is being made, for at most three target durations.
async fn wait(app: &App, grant: &str, peer: SocketAddr, path: &str, query: &str) -> Result<Reply, Refused> {
    let crowded = || Refused::new(RefusalCode::TooMany, "Too many requests wait for the same; ask again in a moment.").retry_after(1);
    let _by_ip = app.waiting.take(WaitKey::Ip(peer.ip().to_canonical())).ok_or_else(crowded)?;
    let _by_grant = app.waiting.take(WaitKey::Grant(short_hash(grant))).ok_or_else(crowded)?;
    let late = || Refused::new(RefusalCode::Busy, "This part of the programme did not come in time; ask again.").retry_after(1);
    let mut version = app.backend.media_version();
    let mut closing = app.closing.clone();
    let deadline = tokio::time::sleep(app.config.media_wait);
    tokio::pin!(deadline);
    loop {
        // Seen before it is asked: a change in between ends the wait at once.
        version.borrow_and_update();
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

fn respond(reply: Reply, asked: &HeaderMap) -> Response {
    let cache = match reply.cache {
        Cache::NoCache => "no-store",
        Cache::Short => "private, max-age=1",
        Cache::Immutable => "private, max-age=3600, immutable",
    };
    let len: usize = reply.body.iter().map(|piece| piece.len()).sum();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    // The compression layer takes this away where it compresses.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    let ranged = asked.contains_key(header::RANGE) && !reply.compressible;
    if ranged {
        // Media is small and immutable: the whole is a right answer to any range, and says that ranges are not served.
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    }
    let body = Body::from_stream(stream::iter(reply.body.into_iter().map(Ok::<_, std::convert::Infallible>)));
    (StatusCode::OK, headers, body).into_response()
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
    fn media_paths_are_plain_names() {
        for good in ["live.m3u8", "v0/media.m3u8", "a0/s12.p3.m4s"] {
            assert!(is_media_path(good), "{good}");
        }
        for bad in ["", "/", "v0/", "/v0", "../a", "v0/../a", "v0//a", "a/b/c/d", "v0/a\0", "v0\\a", "c:/a", "nul", "v0/..%2f"] {
            assert!(!is_media_path(bad), "{bad}");
        }
    }
}
