//! Paths and queries, read without trust.

use crate::answer::Kind;

/// The longest path or query that is looked at, bytes.
const MAX_BYTES: usize = 1_024;

/// What a path names within a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The multivariant playlist.
    Live,
    /// The DASH manifest.
    Manifest,
    /// Something of one rendition.
    Of(Kind, Thing),
}

/// What of a rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// Its playlist.
    Playlist,
    /// The initialisation segment that came with this segment.
    Init(u64),
    /// A whole segment.
    Segment(u64),
    /// A part of a segment.
    Part(u64, u64),
}

impl Target {
    /// Reads a path; none when it names nothing that could be here.
    pub fn parse(path: &str) -> Option<Self> {
        if path.len() > MAX_BYTES {
            return None;
        }
        if path == "live.m3u8" {
            return Some(Self::Live);
        }
        if path == "manifest.mpd" {
            return Some(Self::Manifest);
        }
        let (folder, name) = path.split_once('/')?;
        let which = [Kind::Video, Kind::Audio].into_iter().find(|kind| kind.folder() == folder)?;
        let thing = if name == "media.m3u8" {
            Thing::Playlist
        } else if let Some(number) = name.strip_prefix("init").and_then(|rest| rest.strip_suffix(".mp4")) {
            Thing::Init(plain(number)?)
        } else {
            let stem = name.strip_prefix('s')?.strip_suffix(".m4s")?;
            match stem.split_once(".p") {
                Some((segment, part)) => Thing::Part(plain(segment)?, plain(part)?),
                None => Thing::Segment(plain(stem)?),
            }
        };
        Some(Self::Of(which, thing))
    }
}

/// Delivery directives of a playlist request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// Answer when this segment is there.
    pub msn: Option<u64>,
    /// With `msn`: answer when this part is there.
    pub part: Option<u64>,
    /// Leave old segments out.
    pub skip: bool,
}

impl Directives {
    /// Reads a query; parameters that are not directives are somebody else's.
    pub fn parse(query: &str) -> Result<Self, String> {
        if query.len() > MAX_BYTES {
            return Err("query is too long".to_owned());
        }
        let mut found = Self::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = || plain(value).ok_or_else(|| format!("{key} is not a plain number"));
            let twice = match key {
                "_HLS_msn" => found.msn.replace(number()?).is_some(),
                "_HLS_part" => found.part.replace(number()?).is_some(),
                "_HLS_skip" if matches!(value, "YES" | "v2") => std::mem::replace(&mut found.skip, true),
                "_HLS_skip" => return Err("_HLS_skip is neither YES nor v2".to_owned()),
                _ => false,
            };
            if twice {
                return Err(format!("{key} is given twice"));
            }
        }
        if found.part.is_some() && found.msn.is_none() {
            return Err("_HLS_part without _HLS_msn".to_owned());
        }
        Ok(found)
    }
}

/// Digits alone, without leading zeros: each thing has one name.
pub(crate) fn plain(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_one_thing_each() {
        assert_eq!(Target::parse("live.m3u8"), Some(Target::Live));
        assert_eq!(Target::parse("manifest.mpd"), Some(Target::Manifest));
        assert_eq!(Target::parse("v0/media.m3u8"), Some(Target::Of(Kind::Video, Thing::Playlist)));
        assert_eq!(Target::parse("a0/init7.mp4"), Some(Target::Of(Kind::Audio, Thing::Init(7))));
        assert_eq!(Target::parse("v0/s123.m4s"), Some(Target::Of(Kind::Video, Thing::Segment(123))));
        assert_eq!(Target::parse("v0/s123.p4.m4s"), Some(Target::Of(Kind::Video, Thing::Part(123, 4))));
        for bad in ["", "/", "v0", "v0/", "v1/media.m3u8", "/live.m3u8", "live.m3u8/", "v0/s.m4s", "v0/s01.m4s", "v0/s+1.m4s", "v0/s1.p.m4s", "v0/s1.p-1.m4s"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
        for bad in ["../v0/s1.m4s", "v0/../live.m3u8", "v0/s1.p1.p1.m4s", "v0/s99999999999999999999.m4s", "v0//s1.m4s", "v0/s1.m4s\0", "V0/s1.m4s", "v0/s١.m4s"]
        {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn directives_are_read_among_other_parameters() {
        assert_eq!(Directives::parse("").expect("none"), Directives::default());
        let full = Directives { msn: Some(12), part: Some(3), skip: true };
        assert_eq!(Directives::parse("a=b&_HLS_msn=12&_HLS_part=3&_HLS_skip=YES&x").expect("all"), full);
        for bad in
            ["_HLS_part=1", "_HLS_msn=", "_HLS_msn=-1", "_HLS_msn=1.5", "_HLS_msn=1&_HLS_msn=2", "_HLS_skip=NO", "_HLS_skip=YES&_HLS_skip=YES", "_HLS_msn=0x1"]
        {
            assert!(Directives::parse(bad).is_err(), "{bad}");
        }
        assert!(Directives::parse(&"a".repeat(2_000)).is_err());
    }

    #[test]
    fn any_path_and_query_are_read_without_a_panic() {
        bolero::check!().with_type::<(String, String)>().for_each(|(path, query)| {
            if let Some(Target::Of(_, Thing::Part(segment, part))) = Target::parse(path) {
                assert!(path.ends_with(&format!("/s{segment}.p{part}.m4s")));
            }
            let read = Directives::parse(query);
            assert!(read.is_err() || query.len() <= MAX_BYTES);
        });
    }
}
