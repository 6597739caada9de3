//! Stored blobs by their hash, and finished sessions by the hash of their manifest.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use tl_playlist::vod::{File, Manifest};
use tl_store::Hash;
use tl_store::files::is_safe_name;

use super::json;
use crate::app::App;
use crate::file_body::{Described, send};
use crate::refused::Refused;

/// A name that stands for these bytes and no others.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

pub(super) async fn get_content(State(app): State<Arc<App>>, Path(hash): Path<String>, headers: HeaderMap) -> Result<Response, Refused> {
    match find(&app, &hash, "")? {
        Found::Blob(hash, path) => send(&path, &headers, described("application/octet-stream", hash)).await,
        Found::Elsewhere(redirect) => Ok(redirect.into_response()),
    }
}

#[derive(Serialize)]
struct Info {
    hash: Hash,
    bytes: u64,
    /// What it is when it is a finished session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionInfo>,
}

#[derive(Serialize)]
struct SessionInfo {
    seconds: f64,
    segments: usize,
    codecs: Vec<String>,
    /// Bytes of all its blobs, equal ones counted once.
    stored_bytes: u64,
    /// Relative to this answer's folder.
    hls: &'static str,
    dash: &'static str,
}

pub(super) async fn get_content_info(State(app): State<Arc<App>>, Path(hash): Path<String>) -> Result<Response, Refused> {
    let (hash, path) = match find(&app, &hash, "info")? {
        Found::Blob(hash, path) => (hash, path),
        Found::Elsewhere(redirect) => return Ok(redirect.into_response()),
    };
    let facts = tokio::fs::symlink_metadata(&path).await.ok().filter(std::fs::Metadata::is_file).ok_or_else(unknown)?;
    let session = app.manifests.get(hash, path).await.map(|manifest| describe(&manifest));
    Ok(json(&Info { hash, bytes: facts.len(), session }))
}

/// The manifest itself: what a finished session consists of.
pub(super) async fn get_content_index(State(app): State<Arc<App>>, Path(hash): Path<String>, headers: HeaderMap) -> Result<Response, Refused> {
    let (hash, path) = match find(&app, &hash, "")? {
        Found::Blob(hash, path) => (hash, path),
        Found::Elsewhere(redirect) => return Ok(redirect.into_response()),
    };
    app.manifests.get(hash, path.clone()).await.ok_or_else(no_session)?;
    send(&path, &headers, described("application/json", hash)).await
}

pub(super) async fn get_content_file(State(app): State<Arc<App>>, Path((hash, file)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, Refused> {
    if file.len() > 256 || file.split('/').count() > 2 || !file.split('/').all(is_safe_name) {
        return Err(unknown());
    }
    let (hash, path) = match find(&app, &hash, &file)? {
        Found::Blob(hash, path) => (hash, path),
        Found::Elsewhere(redirect) => return Ok(redirect.into_response()),
    };
    let manifest = app.manifests.get(hash, path).await.ok_or_else(no_session)?;
    match manifest.get(&file).ok_or_else(unknown)? {
        File::Text { content_type, body } => {
            let types = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type)), (header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER))];
            Ok((types, body).into_response())
        }
        File::Blob { content_type, hash } => {
            let hash = Hash::parse(&hash).ok_or_else(unknown)?;
            let path = app.backend.content(&hash).ok_or_else(unknown)?;
            send(&path, &headers, described(content_type, hash)).await
        }
    }
}

enum Found {
    Blob(Hash, PathBuf),
    /// A finished session by its id: its content id is the lasting name.
    Elsewhere(Redirect),
}

fn find(app: &App, text: &str, rest: &str) -> Result<Found, Refused> {
    if let Some(hash) = Hash::parse(text) {
        return app.backend.content(&hash).map(|path| Found::Blob(hash, path)).ok_or_else(unknown);
    }
    let session = app.backend.sessions().into_iter().find(|session| session.id == text || (session.current && text == "current")).ok_or_else(unknown)?;
    match session.content {
        Some(hash) => Ok(Found::Elsewhere(Redirect::temporary(&format!("/api/v1/content/{hash}/{rest}")))),
        None => Err(Refused::not_found("This session is not finished, so it has no content id yet; watch it live.")),
    }
}

fn describe(manifest: &Manifest) -> SessionInfo {
    let seconds = |ticks: u64| ticks as f64 / f64::from(tl_base::SAMPLE_RATE_HZ);
    let blobs: std::collections::BTreeMap<&str, u64> =
        manifest.renditions.iter().flat_map(|rendition| &rendition.segments).map(|segment| (segment.hash.as_str(), segment.bytes)).collect();
    let longest = manifest.renditions.iter().map(|rendition| rendition.segments.iter().map(|segment| segment.duration).sum::<u64>()).max();
    SessionInfo {
        seconds: seconds(longest.unwrap_or(0)),
        segments: manifest.renditions.first().map_or(0, |rendition| rendition.segments.len()),
        codecs: manifest.renditions.iter().map(|rendition| rendition.codecs.clone()).collect(),
        stored_bytes: blobs.values().sum(),
        hls: "index.m3u8",
        dash: "manifest.mpd",
    }
}

fn described(content_type: &str, hash: Hash) -> Described<'_> {
    Described { content_type, cache: FOR_EVER, etag: Some(hash.to_string()) }
}

fn unknown() -> Refused {
    Refused::not_found("There is no content with this hash; a hash is 64 lower-case hexadecimal digits.")
}

fn no_session() -> Refused {
    Refused::not_found("This content is not a finished session; fetch it without anything behind its hash.")
}
