//! The pages of `ui/dist`.

use axum::extract::OriginalUri;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use rust_embed::RustEmbed;

use crate::refused::Refused;

/// A release holds its pages; while developing they are read from their folder.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../../ui/dist"]
#[allow_missing = true]
struct Pages;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Touchline</title><p>The pages are not built; run ./studio";

pub(super) async fn go_to_desk() -> Redirect {
    Redirect::to("/desk/")
}

pub(super) async fn go_to_folder(OriginalUri(uri): OriginalUri) -> Redirect {
    Redirect::permanent(&format!("{}/", uri.path()))
}

pub(super) async fn get_page(OriginalUri(uri): OriginalUri) -> Result<Response, Refused> {
    let path = uri.path().trim_start_matches('/');
    let is_index = path.ends_with('/');
    let path = if is_index { format!("{path}index.html") } else { path.to_owned() };
    let plain = path.split('/').all(tl_store::files::is_safe_name);
    let Some(file) = plain.then(|| Pages::get(&path)).flatten() else {
        return if is_index {
            Ok((StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response())
        } else {
            Err(Refused::not_found("There is no such page; go to /desk/, /phone/ or /watch/."))
        };
    };
    // Built files carry a hash of their content in their name.
    let cache = if path.contains("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let types = [(header::CONTENT_TYPE, HeaderValue::from_static(type_of(&path))), (header::CACHE_CONTROL, HeaderValue::from_static(cache))];
    Ok((types, file.data).into_response())
}

fn type_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
