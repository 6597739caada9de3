//! The description of this API, kept by hand and held against the table of routes by a test.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// OpenAPI 3.1.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

pub(super) async fn get_document() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT).into_response()
}
