//! Stored blobs by their hash.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use tl_store::Hash;

use super::json;
use crate::app::App;
use crate::file_body::{Described, send};
use crate::refused::Refused;

pub(super) async fn get_content(State(app): State<Arc<App>>, Path(hash): Path<String>, headers: HeaderMap) -> Result<Response, Refused> {
    let (hash, path) = find(&app, &hash)?;
    let described = Described { content_type: "application/octet-stream", cache: "private, max-age=31536000, immutable", etag: Some(hash.to_string()) };
    send(&path, &headers, described).await
}

#[derive(Serialize)]
struct Info {
    hash: Hash,
    bytes: u64,
}

pub(super) async fn get_content_info(State(app): State<Arc<App>>, Path(hash): Path<String>) -> Result<Response, Refused> {
    let (hash, path) = find(&app, &hash)?;
    let facts = tokio::fs::symlink_metadata(&path).await.ok().filter(std::fs::Metadata::is_file);
    facts.map(|facts| json(&Info { hash, bytes: facts.len() })).ok_or_else(unknown)
}

fn find(app: &App, text: &str) -> Result<(Hash, std::path::PathBuf), Refused> {
    let hash = Hash::parse(text).ok_or_else(unknown)?;
    app.backend.content(&hash).map(|path| (hash, path)).ok_or_else(unknown)
}

fn unknown() -> Refused {
    Refused::not_found("There is no content with this hash; a hash is 64 lower-case hexadecimal digits.")
}
