//! Rules of the multivariant playlist.

use super::parse::Attributes;
use super::{Found, Problem};

/// Everything that a multivariant playlist can break by itself.
pub fn multivariant(text: &str) -> Vec<Problem> {
    let mut found = Found::default();
    found.need(text.lines().next() == Some("#EXTM3U"), "m3u-head", || "first line is not EXTM3U".to_owned());
    let versions = text.lines().filter(|line| line.starts_with("#EXT-X-VERSION:")).count();
    found.need(versions == 1, "one-version", || format!("{versions} VERSION tags"));
    found.need(text.lines().any(|line| line == "#EXT-X-INDEPENDENT-SEGMENTS"), "independent-segments", || "tag is missing".to_owned());
    let groups: Vec<_> = tags(text, "#EXT-X-MEDIA:").filter(|media| media.get("TYPE") == Some("AUDIO")).filter_map(|media| media.get("GROUP-ID")).collect();
    let variants = variants(text);
    found.need(!variants.is_empty(), "stream-inf", || "no variant".to_owned());
    for (attributes, uri) in &variants {
        found.need(uri.is_some(), "uri", || "a variant has none".to_owned());
        for key in ["BANDWIDTH", "AVERAGE-BANDWIDTH", "FRAME-RATE"] {
            found.need(attributes.number(key).is_some_and(|value| value > 0.0), "stream-inf", || format!("{key} is missing"));
        }
        for key in ["CODECS", "RESOLUTION"] {
            found.need(attributes.get(key).is_some_and(|value| !value.is_empty()), "stream-inf", || format!("{key} is missing"));
        }
        let (peak, average) = (attributes.number("BANDWIDTH").unwrap_or(0.0), attributes.number("AVERAGE-BANDWIDTH").unwrap_or(0.0));
        found.need(average <= peak, "bandwidth-order", || format!("average {average}, peak {peak}"));
        if let Some(group) = attributes.get("AUDIO") {
            found.need(groups.contains(&group), "audio-group", || format!("no group {group}"));
        }
    }
    found.0
}

/// The attributes of each tag of this kind.
pub(super) fn tags<'a>(text: &'a str, tag: &'a str) -> impl Iterator<Item = Attributes<'a>> {
    text.lines().filter_map(move |line| line.strip_prefix(tag)).map(Attributes::parse)
}

/// The attributes of each variant, and the address behind it.
pub(super) fn variants(text: &str) -> Vec<(Attributes<'_>, Option<&str>)> {
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(value) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            found.push((Attributes::parse(value), lines.peek().copied().filter(|next| !next.starts_with('#') && !next.is_empty())));
        }
    }
    found
}
