//! Bodies from outside: bounded in bytes, in time and in depth before anything reads them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tl_wire::RefusalCode;

use crate::config::Limits;
use crate::refused::Refused;

/// Reads a JSON body.
pub(crate) async fn read_json<T: DeserializeOwned>(request: Request, limits: &Limits) -> Result<T, Refused> {
    let body = read_json_bytes(request, limits).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Refused::invalid(format!("The JSON in the body is not what this route takes ({error}); see /api/v1/openapi.json.")))
}

/// Reads a JSON body that holds secrets. What is wrong is told by its place alone: a reader's own words quote what it read.
pub(crate) async fn read_secret_json<T: DeserializeOwned>(request: Request, limits: &Limits) -> Result<T, Refused> {
    let body = read_json_bytes(request, limits).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Refused::invalid(format!("The JSON in the body is not what this route takes ({place}); see /api/v1/openapi.json."))
    })
}

async fn read_json_bytes(request: Request, limits: &Limits) -> Result<Bytes, Refused> {
    expect_type(request.headers(), "application/json")?;
    let body = read(request.into_body(), limits.json_bytes, limits.body_time).await?;
    if depth(&body) > limits.json_depth {
        return Err(Refused::invalid(format!("The JSON in the body is nested deeper than {} levels; send a flatter one.", limits.json_depth)));
    }
    Ok(body)
}

/// Reads an SDP body.
pub(crate) async fn read_sdp(request: Request, limits: &Limits) -> Result<String, Refused> {
    expect_type(request.headers(), "application/sdp")?;
    let body = read(request.into_body(), limits.sdp_bytes, limits.body_time).await?;
    match String::from_utf8(body.into()) {
        Ok(text) if !text.trim().is_empty() => Ok(text),
        Ok(_) => Err(Refused::invalid("The SDP in the body is empty; send the offer.")),
        Err(_) => Err(Refused::invalid("The SDP in the body is not UTF-8 text; send the offer as it was made.")),
    }
}

/// Reads a body of at most `limit` bytes within the time.
pub(crate) async fn read(body: Body, limit: usize, time: Duration) -> Result<Bytes, Refused> {
    let read = tokio::time::timeout(time, axum::body::to_bytes(body, limit)).await;
    let late = || Refused::invalid(format!("The body did not arrive within {} s; try again.", time.as_secs())).with_status(StatusCode::REQUEST_TIMEOUT);
    let body = read.map_err(|_| late())?;
    body.map_err(|_| Refused::new(RefusalCode::TooLarge, format!("The body is cut off or larger than {limit} bytes; send a smaller one.")))
}

fn expect_type(headers: &HeaderMap, expect: &str) -> Result<(), Refused> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bare = given.split(';').next().unwrap_or_default().trim();
    if bare.eq_ignore_ascii_case(expect) {
        return Ok(());
    }
    Err(Refused::invalid(format!("The body's Content-Type is not {expect}; set that header.")).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// How deep JSON is nested, without reading it: brackets outside strings.
fn depth(json: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use tl_wire::Command;

    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        for (json, expect) in [("1", 0), ("[]", 1), ("{\"a\":[1,[2]]}", 3), ("\"[[[[\"", 0), (r#"["\"[[", []]"#, 2), ("]]]][", 1), (r#""\\"[["#, 2)] {
            assert_eq!(depth(json.as_bytes()), expect, "{json}");
        }
    }

    fn deep(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => 1 + items.iter().map(deep).max().unwrap_or(0),
            serde_json::Value::Object(items) => 1 + items.values().map(deep).max().unwrap_or(0),
            _ => 0,
        }
    }

    #[test]
    fn the_depth_is_never_less_than_what_serde_finds() {
        let alphabet = br#"[]{}",:1\a "#;
        bolero::check!().with_iterations(20_000).with_type::<Vec<u8>>().for_each(|bytes| {
            let json: Vec<u8> = bytes.iter().filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len())).copied().collect();
            if let Ok(value) = serde_json::from_slice(&json) {
                assert_eq!(depth(&json), deep(&value));
            }
        });
    }

    #[test]
    fn any_bytes_are_a_command_or_refused() {
        bolero::check!().with_iterations(5_000).with_type::<Vec<u8>>().for_each(|bytes| {
            depth(bytes);
            assert!(serde_json::from_slice::<Command>(bytes).is_err());
        });
    }
}
