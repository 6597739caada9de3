//! Where the programme goes.

use serde::{Deserialize, Serialize};
use tl_base::Secret;

use super::address;

/// Places whose addresses the studio knows: `custom` is an address of one's own.
pub const PRESETS: [&str; 4] = ["youtube", "twitch", "facebook", "custom"];

/// How a destination is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// RTMP or RTMPS.
    #[default]
    Rtmp,
    /// SRT, called by the studio.
    Srt,
}

impl DestinationKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Srt => "srt",
        }
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Rtmp => &["rtmp", "rtmps"],
            Self::Srt => &["srt"],
        }
    }
}

/// Where the programme goes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationSetup {
    /// How it is reached.
    #[serde(default)]
    pub kind: DestinationKind,
    /// One of [`PRESETS`]; none: custom.
    #[serde(default)]
    pub preset: Option<String>,
    /// The address, with or without the key; none where the preset knows it.
    #[serde(default)]
    pub url: Option<Secret>,
    /// The key, put behind the address (for SRT: the passphrase); none keeps the one that was set for this very address.
    #[serde(default)]
    pub key: Option<Secret>,
}

impl DestinationSetup {
    /// Whether this can be a destination; tells what is wrong in one phrase that names no secret.
    pub fn check(&self) -> Result<(), String> {
        if let Some(preset) = &self.preset
            && !PRESETS.contains(&preset.as_str())
        {
            return Err(format!("there is no such preset; the presets are {}", PRESETS.join(", ")));
        }
        let known = self.preset.as_deref().is_some_and(|preset| preset != "custom");
        if known && self.kind == DestinationKind::Srt {
            return Err("presets are reached by rtmp".to_owned());
        }
        match &self.url {
            Some(url) => address::check(url.expose(), self.kind.schemes())?,
            None if known => {}
            None => return Err("there is no url".to_owned()),
        }
        let key = self.key.as_ref().map_or("", Secret::expose);
        if key.chars().count() > address::MAX_URL_CHARS || key.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(format!("a key has at most {} characters and no spaces", address::MAX_URL_CHARS));
        }
        // SRT 1.4: a passphrase has 10 to 79 bytes.
        if self.kind == DestinationKind::Srt && self.key.as_ref().is_some_and(|key| !(10..=79).contains(&key.expose().len())) {
            return Err("a passphrase of SRT has 10 to 79 characters".to_owned());
        }
        Ok(())
    }

    /// The whole address to connect to; `server` stands in where the preset knows it. None when there is no address at all.
    pub fn full_url(&self, server: Option<&str>) -> Option<Secret> {
        let base = self.url.as_ref().map(Secret::expose).or(server)?;
        let Some(key) = self.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty()) else { return Some(Secret::new(base)) };
        Some(Secret::new(match self.kind {
            DestinationKind::Rtmp => format!("{}/{key}", base.trim_end_matches('/')),
            // Who reads it splits at & and undoes percent-encoding.
            DestinationKind::Srt => format!("{base}{}passphrase={}", if base.contains('?') { '&' } else { '?' }, address::encoded(key)),
        }))
    }

    /// The address without its key, for people; empty where only the preset knows it.
    pub fn shown(&self) -> String {
        let shown = |url: &Secret| match self.kind {
            DestinationKind::Rtmp => tl_base::log::redact(url.expose()),
            DestinationKind::Srt => address::shown(url.expose()),
        };
        self.url.as_ref().map(shown).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(json: &str) -> DestinationSetup {
        serde_json::from_str(json).expect("a setup")
    }

    #[test]
    fn a_destination_has_an_address_or_a_preset_that_knows_it() {
        assert_eq!(setup(r#"{"preset":"youtube","key":"abcd"}"#).check(), Ok(()));
        assert_eq!(setup(r#"{"url":"rtmps://a.example/live","key":"abcd"}"#).check(), Ok(()));
        assert_eq!(setup(r#"{"kind":"srt","url":"srt://a.example:9000?mode=caller"}"#).check(), Ok(()));
        for bad in [
            r#"{}"#,
            r#"{"preset":"custom"}"#,
            r#"{"preset":"vhs","url":"rtmp://a/b"}"#,
            r#"{"kind":"srt","url":"rtmp://a/b"}"#,
            r#"{"kind":"srt","preset":"twitch","url":"srt://a:1"}"#,
            r#"{"url":"http://a/b"}"#,
            r#"{"url":"rtmp://a/b","key":"with space"}"#,
            r#"{"kind":"srt","url":"srt://a:1","key":"short"}"#,
        ] {
            assert!(setup(bad).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_key_goes_behind_the_address_and_is_never_shown() {
        let rtmp = setup(r#"{"url":"rtmps://a.example/live/","key":"s3cret"}"#);
        assert_eq!(rtmp.full_url(None).expect("an address").expose(), "rtmps://a.example/live/s3cret");
        let srt = setup(r#"{"kind":"srt","url":"srt://a.example:9000?mode=caller","key":"s3cret-s3cret"}"#);
        assert_eq!(srt.full_url(None).expect("an address").expose(), "srt://a.example:9000?mode=caller&passphrase=s3cret-s3cret");
        let preset = setup(r#"{"preset":"twitch","key":"s3cret"}"#);
        assert_eq!(preset.full_url(Some("rtmps://ingest.example/app")).expect("an address").expose(), "rtmps://ingest.example/app/s3cret");
        assert_eq!(preset.full_url(None), None);
        let told = format!("{rtmp:?} {srt:?} {} {}", rtmp.shown(), setup(r#"{"url":"rtmp://a.example/live/s3cret"}"#).shown());
        assert!(!told.contains("s3cret"), "{told}");
    }

    #[test]
    fn a_passphrase_goes_in_encoded() {
        for (key, expect) in [("100%secure-pass", "100%25secure-pass"), ("abc&def12345", "abc%26def12345"), ("a+b=c?d#e/12", "a%2Bb%3Dc%3Fd%23e%2F12")] {
            let setup = DestinationSetup { key: Some(Secret::new(key)), ..setup(r#"{"kind":"srt","url":"srt://a.example:9000?streamid=%23a"}"#) };
            assert_eq!(setup.check(), Ok(()));
            assert_eq!(setup.full_url(None).expect("an address").expose(), format!("srt://a.example:9000?streamid=%23a&passphrase={expect}"));
        }
    }

    #[test]
    fn any_json_is_a_destination_or_refused() {
        bolero::check!().with_iterations(5_000).with_type::<(Vec<u8>, bool, String, String)>().for_each(|(bytes, srt, url, key)| {
            if let Ok(setup) = serde_json::from_slice::<DestinationSetup>(bytes) {
                assert!(setup.check().is_err());
            }
            let kind = if *srt { DestinationKind::Srt } else { DestinationKind::Rtmp };
            let setup = DestinationSetup { kind, preset: None, url: Some(Secret::new(url)), key: Some(Secret::new(key)) };
            if setup.check().is_ok() {
                assert!(setup.full_url(None).is_some());
                setup.shown();
            }
        });
    }
}
