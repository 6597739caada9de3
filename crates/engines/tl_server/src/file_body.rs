//! Sending a file, whole or in part.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::refused::Refused;

const PIECE_BYTES: usize = 64 << 10;

/// How a file is described to who asked for it.
pub(crate) struct Described<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) cache: &'static str,
    /// Strong, without quotes; none: made from length and time, for files that may grow.
    pub(crate) etag: Option<String>,
}

/// Opens a plain file and sends what the request's headers ask for.
pub(crate) async fn send(path: &Path, asked: &HeaderMap, described: Described<'_>) -> Result<Response, Refused> {
    let owned = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || tl_store::files::open_plain(&owned)).await;
    let gone = || Refused::not_found("This file is no longer there; load the list again.");
    let (file, len) = opened.map_err(|_| gone())?.map_err(|_| gone())?;
    let etag = described.etag.or_else(|| tag_of(&file, len)).map(|etag| format!("\"{etag}\""));
    if let Some(known) = etag.as_ref().filter(|etag| is_known(asked, etag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        if let (Ok(etag), cache) = (HeaderValue::from_str(known), HeaderValue::from_static(described.cache)) {
            response.headers_mut().insert(header::ETAG, etag);
            response.headers_mut().insert(header::CACHE_CONTROL, cache);
        }
        return Ok(response);
    }
    let range = asked.get(header::RANGE).and_then(|range| range.to_str().ok());
    let unchanged = asked.get(header::IF_RANGE).is_none_or(|known| etag.as_ref().is_some_and(|etag| known.as_bytes() == etag.as_bytes()));
    let part = range.filter(|_| unchanged).map_or(Part::Whole, |range| part_of(range, len));
    let (status, from, to) = match part {
        Part::Whole => (StatusCode::OK, 0, len),
        Part::From(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Part::Outside => return Ok(outside(len)),
    };
    let mut file = tokio::fs::File::from_std(file);
    file.seek(SeekFrom::Start(from)).await.map_err(|_| gone())?;
    let mut response = (status, Body::from_stream(pieces(file, to - from))).into_response();
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, described.content_type);
    set(header::CACHE_CONTROL, described.cache);
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CONTENT_LENGTH, &(to - from).to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        set(header::CONTENT_RANGE, &format!("bytes {from}-{}/{len}", to - 1));
    }
    if let Some(etag) = etag {
        set(header::ETAG, &etag);
    }
    Ok(response)
}

/// Another length or another time is another file.
fn tag_of(file: &std::fs::File, len: u64) -> Option<String> {
    let changed = file.metadata().and_then(|facts| facts.modified()).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("{len:x}-{:x}", changed.as_nanos()))
}

/// Whether the asker has this very file (RFC 9110, If-None-Match).
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let mut known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    known.any(|known| known.trim() == "*" || known.trim().trim_start_matches("W/") == etag)
}

/// The answer to a range that lies behind the end.
pub(crate) fn outside(len: u64) -> Response {
    let refused = Refused::invalid("The range lies behind the end of the file; ask for a smaller one.").with_status(StatusCode::RANGE_NOT_SATISFIABLE);
    let mut response = refused.into_response();
    if let Ok(range) = HeaderValue::from_str(&format!("bytes */{len}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// `len` bytes from where the file stands, piece by piece; ends early when the file does.
fn pieces(file: tokio::fs::File, len: u64) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, len), |(mut file, left)| async move {
        let want = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        if want == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; want];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        Ok(Some((Bytes::from(piece), (file, left - read as u64))))
    })
}

/// What is asked for of a body.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// Everything, also for ranges that we do not know: that is always right.
    Whole,
    /// From the first up to before the second.
    From(u64, u64),
    /// Nothing of it is there.
    Outside,
}

/// One range of RFC 9110; several at a time are answered by the whole.
pub(crate) fn part_of(range: &str, len: u64) -> Part {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else { return Part::Whole };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    match (number(first), number(last), first.is_empty(), last.is_empty()) {
        (Some(first), Some(last), ..) if last < first => Part::Whole,
        (Some(first), ..) if first >= len && (last.is_empty() || number(last).is_some()) => Part::Outside,
        (Some(first), Some(last), ..) => Part::From(first, last.saturating_add(1).min(len)),
        (Some(first), None, _, true) => Part::From(first, len),
        (None, Some(0), true, _) => Part::Outside,
        (None, Some(_), true, _) if len == 0 => Part::Outside,
        (None, Some(tail), true, _) => Part::From(len.saturating_sub(tail), len),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_rfc_9110() {
        for (range, expect) in [
            ("bytes=0-0", Part::From(0, 1)),
            ("bytes=0-", Part::From(0, 100)),
            ("bytes=10-19", Part::From(10, 20)),
            ("bytes=90-500", Part::From(90, 100)),
            ("bytes=-10", Part::From(90, 100)),
            ("bytes=-500", Part::From(0, 100)),
            ("bytes=100-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-3", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes=0-99999999999999999999999", Part::Whole),
        ] {
            assert_eq!(part_of(range, 100), expect, "{range}");
        }
        assert_eq!(part_of("bytes=-5", 0), Part::Outside);
    }

    #[test]
    fn any_range_lies_within_the_file() {
        bolero::check!().with_iterations(10_000).with_type::<(String, u64, u64, u64)>().for_each(|(text, first, last, len)| {
            for range in [format!("bytes={text}"), format!("bytes={first}-{last}"), format!("bytes=-{last}")] {
                if let Part::From(from, to) = part_of(&range, *len) {
                    assert!(from < to && to <= *len, "{range} of {len}");
                }
            }
        });
    }
}
