//! A finished session from the content store: its manifest of blobs, and the playlists of it in HLS and DASH.
//!
//! While a session runs, each stored piece gives an [`Entry`]; all of them together make a [`Manifest`] when it is over. Its
//! JSON is canonical, so that the SHA-256 of it names the content: equal content has an equal name.
//!
//! Pieces that are missing, whether they were gaps or never reached the store, leave a hole that players step over; a segment
//! that is missing in one rendition is left out of the other too.
//!
//! ```
//! use tl_playlist::vod::Manifest;
//! let problem = Manifest::parse("{\"renditions\":[]}").expect_err("nothing to play");
//! assert_eq!(problem.to_string(), "manifest has no pictures");
//! ```

mod build;
mod render;

use serde::{Deserialize, Serialize};
use tl_base::{Rate, Size};

pub use build::Entry;

use crate::answer::Kind;
use crate::dash;
use crate::presentation::PLAYLIST;
use crate::request::plain;

/// The longest manifest that is read, bytes: a day of two renditions takes a quarter of it.
const MAX_BYTES: usize = 64 << 20;
/// More segments than this are nonsense: a week of the shortest.
const MAX_SEGMENTS: usize = 700_000;
/// The longest that a segment may last, samples of 48 kHz: an hour.
const MAX_TICKS: u64 = 3_600 * 48_000;
/// No decode time lies behind this, samples of 48 kHz: sums stay far from the ends of the range.
const MAX_TIME: u64 = 1 << 52;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is longer than any session.
    #[error("manifest is too long: {0} bytes")]
    TooLong(usize),
    /// It is no manifest.
    #[error("manifest cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// There must be one rendition of pictures, and may be one of sound.
    #[error("manifest has no pictures")]
    NoPictures,
    /// A rendition contradicts itself or the other.
    #[error("manifest contradicts itself: {0}")]
    Contradiction(&'static str),
}

/// A finished session as blobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Pictures, then sound where there is any; segments of the same index play at the same time.
    pub renditions: Vec<Rendition>,
}

/// One rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendition {
    /// Which it is.
    pub kind: Kind,
    /// RFC 6381, of its first segment.
    pub codecs: String,
    /// Of pictures.
    pub size: Option<Size>,
    /// Of pictures.
    pub rate: Option<Rate>,
    /// Highest bit rate of a segment, bits a second.
    pub bandwidth: u64,
    /// Blob of the initialisation segment: 64 lower-case hexadecimal digits.
    pub init: String,
    /// In the order of play.
    pub segments: Vec<Segment>,
}

/// One segment; times in samples of 48 kHz.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Decode time of its first sample.
    pub time: u64,
    /// How long it lasts.
    pub duration: u64,
    /// Its blob.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it does not continue the one before.
    pub discontinuity: bool,
    /// Blob of the initialisation segment that holds from here on, where it is not the one before.
    pub init: Option<String>,
}

/// What a path within a finished session stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// A playlist or manifest.
    Text {
        /// Media type.
        content_type: &'static str,
        /// UTF-8.
        body: String,
    },
    /// A blob.
    Blob {
        /// Media type.
        content_type: &'static str,
        /// Its hash.
        hash: String,
    },
}

impl Manifest {
    /// As JSON without spaces and with sorted keys; the SHA-256 of these bytes names the content.
    pub fn to_json(&self) -> String {
        match serde_json::to_value(self) {
            Ok(value) => canonical(&value),
            Err(error) => {
                tl_base::never!("a manifest cannot be written: {error}");
                String::new()
            }
        }
    }

    /// Reads what [`Manifest::to_json`] wrote, and believes nothing of it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong(text.len()));
        }
        let manifest: Self = serde_json::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What a path relative to the session's address stands for: `index.m3u8`, `video.m3u8`, `audio.m3u8`, `manifest.mpd`,
    /// `video/init.mp4`, `video/{n}.m4s` with numbers from 1, and the same of `audio`.
    pub fn get(&self, path: &str) -> Option<File> {
        let text = |content_type, body| Some(File::Text { content_type, body });
        match path {
            "index.m3u8" => return text(PLAYLIST, self.index()),
            "manifest.mpd" => return text(dash::MPD, self.mpd()),
            "video.m3u8" => return text(PLAYLIST, self.media(Kind::Video)?),
            "audio.m3u8" => return text(PLAYLIST, self.media(Kind::Audio)?),
            _ => {}
        }
        let (folder, name) = path.split_once('/')?;
        let rendition = self.renditions.iter().find(|rendition| rendition.kind.word() == folder)?;
        let number = |text: &str| usize::try_from(plain(text)?).ok()?.checked_sub(1);
        let hash = if name == "init.mp4" {
            &rendition.init
        } else if let Some(text) = name.strip_prefix("init").and_then(|rest| rest.strip_suffix(".mp4")) {
            rendition.segments.get(number(text)?)?.init.as_ref()?
        } else {
            &rendition.segments.get(number(name.strip_suffix(".m4s")?)?)?.hash
        };
        Some(File::Blob { content_type: rendition.kind.media_type(), hash: hash.clone() })
    }

    /// The rendition of this kind.
    pub fn rendition(&self, kind: Kind) -> Option<&Rendition> {
        self.renditions.iter().find(|rendition| rendition.kind == kind)
    }

    /// All blobs that it names, with repetitions.
    pub fn blobs(&self) -> impl Iterator<Item = &str> {
        self.renditions.iter().flat_map(|rendition| {
            let segments = rendition.segments.iter().flat_map(|segment| segment.init.as_deref().into_iter().chain([segment.hash.as_str()]));
            [rendition.init.as_str()].into_iter().chain(segments)
        })
    }

    fn check(&self) -> Result<(), Error> {
        let [video, rest @ ..] = self.renditions.as_slice() else { return Err(Error::NoPictures) };
        if video.kind != Kind::Video || video.segments.is_empty() {
            return Err(Error::NoPictures);
        }
        if rest.len() > 1 || rest.iter().any(|rendition| rendition.kind != Kind::Audio) {
            return Err(Error::Contradiction("there is more than pictures and sound"));
        }
        if rest.iter().any(|rendition| rendition.segments.len() != video.segments.len()) || video.segments.len() > MAX_SEGMENTS {
            return Err(Error::Contradiction("number of segments"));
        }
        let fits = |segment: &Segment| (1..=MAX_TICKS).contains(&segment.duration) && segment.time <= MAX_TIME;
        if !self.renditions.iter().flat_map(|rendition| &rendition.segments).all(fits) {
            return Err(Error::Contradiction("time of a segment"));
        }
        if !self.blobs().all(is_hash) {
            return Err(Error::Contradiction("hash"));
        }
        Ok(())
    }
}

/// 64 lower-case hexadecimal digits.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// JSON with sorted keys, whatever order the map has.
fn canonical(value: &serde_json::Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    let list = |out: &mut String, open: char, close: char, each: &mut dyn Iterator<Item = (Option<&str>, &Value)>| {
        out.push(open);
        for (at, (key, value)) in each.enumerate() {
            if at > 0 {
                out.push(',');
            }
            if let Some(key) = key {
                out.push_str(&Value::from(key).to_string());
                out.push(':');
            }
            write(value, out);
        }
        out.push(close);
    };
    match value {
        Value::Array(values) => list(out, '[', ']', &mut values.iter().map(|value| (None, value))),
        Value::Object(map) => {
            let mut sorted: Vec<_> = map.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            list(out, '{', '}', &mut sorted.into_iter().map(|(key, value)| (Some(key.as_str()), value)));
        }
        // Numbers of a manifest are whole, so that they have one form.
        plain => out.push_str(&plain.to_string()),
    }
}
