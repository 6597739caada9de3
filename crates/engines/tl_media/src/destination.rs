//! What is known of the places that a show is sent to, as data.
//!
//! Platforms change their minds; each set of limits says where it comes from, and what it does not know it leaves open.

use serde::Serialize;

use tl_base::{MediaTime, Rate, Secret, Size};

/// A kind of destination.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preset {
    /// Its word in settings.
    pub id: &'static str,
    /// Its name for a person.
    pub name: &'static str,
    /// Addresses of its servers without the key, the preferred one first. None where the owner gives a whole address.
    pub servers: &'static [&'static str],
    /// Where a person finds the key.
    pub key_hint: &'static str,
    /// What it takes.
    pub limits: Limits,
}

/// What a platform takes. None: not known, or no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Limits {
    /// Pictures and sound together, bits a second.
    pub max_bitrate_bps: Option<u32>,
    /// The same for pictures of up to 1280x720 where that is less.
    pub max_bitrate_720p_bps: Option<u32>,
    /// The longest distance between key pictures, seconds.
    pub max_gop_secs: Option<f64>,
    /// The distance between key pictures that it asks for, seconds.
    pub gop_secs: Option<f64>,
    /// Sound, bits a second.
    pub max_audio_bps: Option<u32>,
    /// The largest picture.
    pub max_size: Option<Size>,
    /// The most pictures a second.
    pub max_rate: Option<u32>,
    /// The longest broadcast, hours.
    pub max_hours: Option<u32>,
    /// Where this is known from.
    pub source: &'static str,
}

/// What the studio makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Programme {
    /// Size of the pictures.
    pub size: Size,
    /// Pictures a second.
    pub rate: Rate,
    /// Pictures, bits a second.
    pub bitrate_bps: u32,
    /// Distance between key pictures.
    pub gop: MediaTime,
    /// Sound, bits a second.
    pub audio_bps: u32,
}

/// The largest picture that [`Limits::max_bitrate_720p_bps`] is meant for.
const HD: Size = Size::new(1_280, 720);

static PRESETS: [Preset; 4] = [
    Preset {
        id: "youtube",
        name: "YouTube",
        servers: &["rtmps://a.rtmps.youtube.com/live2", "rtmps://b.rtmps.youtube.com/live2?backup=1"],
        key_hint: "YouTube Studio, Go live, Stream key",
        limits: Limits {
            // What it recommends for 2160p at 60.
            max_bitrate_bps: Some(35_000_000),
            max_bitrate_720p_bps: None,
            max_gop_secs: Some(4.0),
            gop_secs: Some(2.0),
            max_audio_bps: Some(384_000),
            max_size: Some(Size::new(3_840, 2_160)),
            max_rate: Some(60),
            max_hours: None,
            source: "YouTube Help, answer 2853702, Choose live encoder settings: H.264 up to 35 Mbit/s for 2160p at 60; addresses, key pictures every 2 s and at most 4 s, and sound from general knowledge",
        },
    },
    Preset {
        id: "twitch",
        name: "Twitch",
        servers: &["rtmps://live.twitch.tv/app"],
        key_hint: "Twitch, Creator Dashboard, Settings, Stream",
        limits: Limits {
            max_bitrate_bps: Some(6_000_000),
            max_bitrate_720p_bps: None,
            max_gop_secs: None,
            gop_secs: Some(2.0),
            max_audio_bps: Some(160_000),
            max_size: Some(Size::new(1_920, 1_080)),
            max_rate: Some(60),
            max_hours: Some(48),
            source: "Twitch, Broadcasting guidelines: H.264 at a steady 3 to 6 Mbit/s, key pictures every 2 s, AAC-LC up to 160 kbit/s, 48 hours; size and rate from general knowledge",
        },
    },
    Preset {
        id: "facebook",
        name: "Facebook",
        servers: &["rtmps://live-api-s.facebook.com:443/rtmp"],
        key_hint: "Facebook, Live Producer, Streaming software",
        limits: Limits {
            max_bitrate_bps: Some(9_000_000),
            max_bitrate_720p_bps: Some(6_000_000),
            max_gop_secs: Some(4.0),
            gop_secs: Some(2.0),
            max_audio_bps: Some(256_000),
            max_size: Some(Size::new(1_920, 1_080)),
            max_rate: Some(60),
            max_hours: Some(8),
            source: "Meta for Developers, Live Video API, Reference, Recommended settings: up to 9 Mbit/s for 1080p and 6 for 720p, key pictures every 2 s and at most 4 s, AAC-LC up to 256 kbit/s, 8 hours, RTMPS; address from general knowledge",
        },
    },
    Preset {
        id: "custom",
        name: "Another server",
        servers: &[],
        key_hint: "An address of the form rtmp://, rtmps:// or srt:// that the server's owner gives you",
        limits: Limits {
            max_bitrate_bps: None,
            max_bitrate_720p_bps: None,
            max_gop_secs: None,
            gop_secs: None,
            max_audio_bps: None,
            max_size: None,
            max_rate: None,
            max_hours: None,
            source: "nothing is known of it",
        },
    },
];

/// Every kind of destination, the one for all others last.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset with this word.
pub fn preset(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

impl Preset {
    /// The address of a server with the key behind it; none when there is no such server.
    pub fn url(&self, server: usize, key: &Secret) -> Option<Secret> {
        let server = self.servers.get(server)?;
        // A query of the server's belongs behind the key.
        let (path, query) = server.split_once('?').map_or((*server, String::new()), |(path, query)| (path, format!("?{query}")));
        Some(Secret::new(format!("{path}/{}{query}", key.expose().trim())))
    }
}

/// What this destination may not like about a programme, one sentence each; empty when nothing is known against it.
pub fn check(preset: &Preset, programme: &Programme) -> Vec<String> {
    let (limits, name) = (&preset.limits, preset.name);
    let mut found = Vec::new();
    let total = programme.bitrate_bps.saturating_add(programme.audio_bps);
    let size = programme.size;
    let is_small = size.long_side() <= HD.long_side() && size.short_side() <= HD.short_side();
    let max_bitrate = limits.max_bitrate_720p_bps.filter(|_| is_small).or(limits.max_bitrate_bps);
    if let Some(max) = max_bitrate.filter(|max| total > *max) {
        found.push(format!("{name} takes up to {:.1} Mbit/s, the programme has {:.1}", f64::from(max) / 1e6, f64::from(total) / 1e6));
    }
    let gop = programme.gop.as_secs_f64();
    if let Some(max) = limits.max_gop_secs.filter(|max| gop > *max) {
        found.push(format!("{name} wants a key picture at least every {max} s, the programme has one every {gop} s"));
    } else if let Some(wanted) = limits.gop_secs.filter(|wanted| (gop - wanted).abs() > 0.01) {
        found.push(format!("{name} asks for a key picture every {wanted} s, the programme has one every {gop} s"));
    }
    if let Some(max) = limits.max_audio_bps.filter(|max| programme.audio_bps > *max) {
        found.push(format!("{name} takes sound up to {} kbit/s, the programme has {}", max / 1_000, programme.audio_bps / 1_000));
    }
    if let Some(max) = limits.max_size.filter(|max| size.long_side() > max.long_side() || size.short_side() > max.short_side()) {
        found.push(format!("{name} takes pictures up to {}x{}, the programme has {}x{}", max.width, max.height, size.width, size.height));
    }
    if let Some(max) = limits.max_rate.filter(|max| programme.rate.as_f64() > f64::from(*max) + 0.01) {
        found.push(format!("{name} takes up to {max} pictures a second, the programme has {:.0}", programme.rate.as_f64()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAMME: Programme =
        Programme { size: Size::new(1_280, 720), rate: Rate::FPS_30, bitrate_bps: 3_000_000, gop: MediaTime::from_secs(2), audio_bps: 128_000 };

    #[track_caller]
    fn warnings(id: &str, programme: Programme, expect: &[&str]) {
        let found = check(preset(id).expect("known"), &programme);
        assert_eq!(found.len(), expect.len(), "{found:?}");
        assert!(found.iter().zip(expect).all(|(found, expect)| found.contains(expect)), "{found:?}");
    }

    #[test]
    fn a_usual_programme_suits_everybody() {
        for preset in presets() {
            assert_eq!(check(preset, &PROGRAMME), Vec::<String>::new());
            assert!(!preset.limits.source.is_empty() && preset.servers.iter().all(|server| server.starts_with("rtmps://")));
        }
    }

    #[test]
    fn what_is_too_much_is_told() {
        warnings("twitch", Programme { bitrate_bps: 8_000_000, ..PROGRAMME }, &["6.0 Mbit/s"]);
        warnings("twitch", Programme { gop: MediaTime::from_secs(4), audio_bps: 192_000, ..PROGRAMME }, &["every 2 s", "160 kbit/s"]);
        warnings("facebook", Programme { bitrate_bps: 7_000_000, ..PROGRAMME }, &["6.0 Mbit/s"]);
        warnings("facebook", Programme { bitrate_bps: 7_000_000, size: Size::new(1_920, 1_080), ..PROGRAMME }, &[]);
        warnings("youtube", Programme { gop: MediaTime::from_secs(10), ..PROGRAMME }, &["at least every 4 s"]);
        let large = Programme { size: Size::new(3_840, 2_160), ..PROGRAMME };
        warnings("twitch", large, &["1920x1080"]);
        warnings("custom", Programme { bitrate_bps: 90_000_000, ..large }, &[]);
    }

    #[test]
    fn a_key_goes_behind_the_path_and_in_front_of_a_query() {
        let key = Secret::new(" abcd-1234 ");
        let url = |server| preset("youtube").and_then(|preset| preset.url(server, &key)).map(|url| url.expose().to_owned());
        assert_eq!(url(0).as_deref(), Some("rtmps://a.rtmps.youtube.com/live2/abcd-1234"));
        assert_eq!(url(1).as_deref(), Some("rtmps://b.rtmps.youtube.com/live2/abcd-1234?backup=1"));
        assert_eq!(url(2), None);
    }
}
