//! What a phone says about a recorded piece, in the address or in headers.

use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};
use bytes::Bytes;

use crate::asked::ChunkPiece;
use crate::refused::Refused;

/// The longest position and type, bytes.
const MAX_TEXT_BYTES: usize = 128;

/// The longest description of a picture's quality, bytes.
const MAX_QUALITY_BYTES: usize = 2_048;

/// Names of what is measured of a picture, each 0 to 1.
const QUALITIES: [&str; 7] = ["resolution", "frame_rate", "stability", "lighting", "focus_quality", "motion_blur", "position_effectiveness"];

/// Reads what stands beside a piece's bytes. Short names and those of the source design are the same; an address wins over
/// headers.
pub(crate) fn read_piece(uri: &Uri, headers: &HeaderMap) -> Result<ChunkPiece, Refused> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
    let given = |names: [&str; 2]| -> Option<&str> {
        let in_address = names.iter().find_map(|name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()));
        in_address.or_else(|| names.iter().find_map(|name| headers.get(*name)?.to_str().ok()))
    };
    let sequence = given(["seq", "sequenceNumber"]).and_then(|text| text.parse::<u64>().ok());
    let timestamp = given(["timestamp", "timestamp"]).and_then(millis);
    let (Some(sequence), Some(timestamp_ms)) = (sequence, timestamp) else {
        return Err(Refused::invalid("A piece needs seq, a whole number, and timestamp, milliseconds of the phone's clock; send both."));
    };
    let mime = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_media(mime) {
        let refused = Refused::invalid("The body's Content-Type is not video/… or audio/…; send the recorder's own type.");
        return Err(refused.with_status(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let position = given(["position", "cameraPosition"]).filter(|text| is_word(text)).unwrap_or_default();
    Ok(ChunkPiece {
        sequence,
        timestamp_ms,
        sent_ms: given(["sent", "sent"]).and_then(millis),
        offset_ms: given(["offset", "offset"]).and_then(millis),
        rtt_ms: given(["rtt", "rtt"]).and_then(millis).filter(|trip| *trip >= 0.0),
        position: position.to_owned(),
        quality: given(["quality", "qualityMetrics"]).and_then(quality_of),
        mime: mime.to_owned(),
        data: Bytes::new(),
    })
}

/// Milliseconds of a phone's clock: finite, and within some thousands of years.
fn millis(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && number.abs() < 1e14)
}

fn is_media(mime: &str) -> bool {
    let known = mime.starts_with("video/") || mime.starts_with("audio/");
    known && mime.len() <= MAX_TEXT_BYTES && mime.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn is_word(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A number from 0 to 1, or the mean of the named ones in an object.
fn quality_of(text: &str) -> Option<f64> {
    let within = |number: &f64| (0.0..=1.0).contains(number);
    if text.len() > MAX_QUALITY_BYTES {
        return None;
    }
    match serde_json::from_str::<serde_json::Value>(text).ok()? {
        serde_json::Value::Object(object) => {
            let known: Vec<f64> = QUALITIES.iter().filter_map(|name| object.get(*name)?.as_f64()).filter(within).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        }
        other => other.as_f64().filter(within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, headers: &[(&'static str, &str)]) -> Result<ChunkPiece, Refused> {
        let uri = address.parse().unwrap_or_default();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                map.append(*name, value);
            }
        }
        read_piece(&uri, &map)
    }

    const TYPE: (&str, &str) = ("content-type", "video/webm;codecs=vp8,opus");

    #[test]
    fn both_kinds_of_names_and_both_places_are_read() {
        let expect = ChunkPiece {
            sequence: 7,
            timestamp_ms: 1_234.5,
            sent_ms: Some(1_300.0),
            offset_ms: None,
            rtt_ms: None,
            position: "center_ice".to_owned(),
            quality: Some(0.5),
            mime: TYPE.1.to_owned(),
            data: Bytes::new(),
        };
        let short = read("/c?seq=7&timestamp=1234.5&sent=1300&position=center_ice&quality=0.5", &[TYPE]).expect("read");
        let metrics =
            "/c?sequenceNumber=7&timestamp=1234.5&sent=1300&cameraPosition=center_ice&qualityMetrics=%7B%22stability%22%3A0.4%2C%22lighting%22%3A0.6%7D";
        let long = read(metrics, &[TYPE]).expect("read");
        let headers = [TYPE, ("seq", "7"), ("timestamp", "1234.5"), ("sent", "1300"), ("position", "center_ice"), ("quality", "0.5")];
        let in_headers = read("/c", &headers).expect("read");
        assert_eq!([&short, &long, &in_headers], [&expect; 3]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_or_left_out() {
        for bad in ["/c", "/c?seq=1", "/c?timestamp=1", "/c?seq=-1&timestamp=1", "/c?seq=1&timestamp=nan", "/c?seq=1&timestamp=inf", "/c?seq=1&timestamp=1e99"]
        {
            assert!(read(bad, &[TYPE]).is_err(), "{bad}");
        }
        for bad in ["", "text/html", "video/\u{7f}", &format!("video/{}", "x".repeat(200))] {
            assert!(read("/c?seq=1&timestamp=1", &[("content-type", bad)]).is_err(), "{bad}");
        }
        let odd = read("/c?seq=1&timestamp=1&sent=x&position=%3Cscript%3E&quality=7", &[TYPE]).expect("read");
        assert_eq!((odd.sent_ms, odd.position.as_str(), odd.quality), (None, "", None));
    }

    #[test]
    fn any_words_are_a_piece_or_refused() {
        bolero::check!().with_iterations(5_000).with_type::<(String, String, String, Vec<u8>)>().for_each(|(one, two, three, bytes)| {
            let plain = |text: &str| text.chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect::<String>();
            let address = format!("/c?seq={}&timestamp={}&quality={}&{}", plain(one), plain(two), plain(three), plain(&String::from_utf8_lossy(bytes)));
            let answers = [read(&address, &[TYPE]), read("/c", &[("content-type", one), ("seq", two), ("timestamp", three)])];
            for piece in answers.into_iter().flatten() {
                assert!(piece.timestamp_ms.is_finite() && piece.quality.is_none_or(|quality| (0.0..=1.0).contains(&quality)));
            }
            quality_of(one);
        });
    }
}
