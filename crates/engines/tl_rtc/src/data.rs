//! What phone and studio say to each other over the data channel `studio`: one JSON object a message, told apart by `type`.
//!
//! Unknown fields are ignored and unknown types are counted and ignored, so that a page that is older or newer than the studio
//! still works.

use serde::{Deserialize, Serialize};
use tl_base::{Admission, PictureAdvice};

use crate::Error;

/// The data channel's label.
pub const LABEL: &str = "studio";
/// The longest message either way, bytes.
pub const MAX_MESSAGE_BYTES: usize = 4_096;
/// The longest text kept of a phone's own words, characters.
const MAX_TEXT_CHARS: usize = 256;

/// From the phone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPhone {
    /// The first word: who is there.
    Hello {
        /// What the person called this camera.
        #[serde(default)]
        name: String,
        /// The browser's own description.
        #[serde(default)]
        user_agent: String,
    },
    /// The answer to [`ToPhone::Ping`].
    Pong {
        /// The ping's number.
        id: u32,
        /// What the phone's clock showed when it answered, microseconds from any epoch.
        clock_us: i64,
    },
    /// How the phone is, every few seconds. What it cannot know is none.
    Phone {
        /// Charge, 0 to 1.
        #[serde(default)]
        battery: Option<f64>,
        /// Whether it charges.
        #[serde(default)]
        charging: Option<bool>,
        /// Pictures that its camera or encoder dropped since the start.
        #[serde(default)]
        dropped: Option<u64>,
        /// Picture width in pixels that its camera gives.
        #[serde(default)]
        width: Option<u32>,
        /// Picture height in pixels that its camera gives.
        #[serde(default)]
        height: Option<u32>,
        /// Pictures a second that its camera gives.
        #[serde(default)]
        fps: Option<f64>,
        /// Why its encoder holds back, in the browser's word: `none`, `cpu`, `bandwidth`, `other`.
        #[serde(default)]
        limited_by: Option<String>,
        /// Whether the page can be seen; a hidden page stops its camera on most phones.
        #[serde(default)]
        visible: Option<bool>,
    },
    /// Whether the person wants to hear the return sound: the programme without their own microphone.
    Listen {
        /// Wanted, or no longer.
        on: bool,
    },
    /// Push-to-talk: the button is held, or was let go.
    Talk {
        /// Held.
        on: bool,
    },
}

/// Which lamp the phone shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tally {
    /// Its picture is on air.
    Live,
    /// Its picture comes next.
    Next,
    /// It waits.
    Ready,
    /// Nothing is being shown or prepared: before and after the show.
    Idle,
    /// An earlier picture of it is on air.
    Replay,
}

/// To the phone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPhone {
    /// Asks what the phone's clock shows; answered at once by [`FromPhone::Pong`].
    Ping {
        /// Comes back in the answer.
        id: u32,
    },
    /// Which lamp to show.
    Tally {
        /// The lamp.
        state: Tally,
    },
    /// The verdict on the camera.
    Admission(Admission),
    /// What to send from now on.
    Advice(PictureAdvice),
    /// A sentence for the person who holds the phone.
    Message {
        /// The sentence.
        text: String,
    },
    /// Somebody speaks to the person who holds the phone, or stops.
    Talk {
        /// Who, as the phone should show it.
        from: String,
        /// Whether they speak now.
        on: bool,
    },
    /// A ready-made text from the desk, shown large until it is read.
    Text {
        /// The text.
        text: String,
    },
}

impl FromPhone {
    /// Reads one message; none when it is too long, not text, not JSON, of an unknown type or without a needed field. Words are
    /// cut to a length that a log can bear, and control characters are taken out.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        let mut message: Self = serde_json::from_slice(bytes).ok()?;
        match &mut message {
            Self::Hello { name, user_agent } => {
                tidy(name);
                tidy(user_agent);
            }
            Self::Phone { battery, fps, limited_by, .. } => {
                *battery = battery.filter(|charge| (0.0..=1.0).contains(charge));
                *fps = fps.filter(|fps| (0.0..=1_000.0).contains(fps));
                if let Some(text) = limited_by {
                    tidy(text);
                }
            }
            Self::Pong { .. } | Self::Listen { .. } | Self::Talk { .. } => {}
        }
        Some(message)
    }

    /// The message as text.
    pub fn to_json(&self) -> Result<String, Error> {
        to_json(self)
    }
}

impl ToPhone {
    /// Reads one message; none when it is too long or not one of these.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= MAX_MESSAGE_BYTES).then(|| serde_json::from_slice(bytes).ok()).flatten()
    }

    /// The message as text.
    pub fn to_json(&self) -> Result<String, Error> {
        to_json(self)
    }
}

fn to_json(message: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(message).map_err(|error| Error::Protocol(error.to_string()))?;
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(Error::MessageTooLong { bytes: text.len(), limit: MAX_MESSAGE_BYTES });
    }
    Ok(text)
}

fn tidy(text: &mut String) {
    *text = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_the_phone_page_writes_them() {
        let check = |text: &str, expect: Option<FromPhone>| assert_eq!(FromPhone::parse(text.as_bytes()), expect, "{text}");
        check(r#"{"type":"pong","id":7,"clock_us":-5}"#, Some(FromPhone::Pong { id: 7, clock_us: -5 }));
        check(r#"{"type":"hello","name":"Left\u0007","later":1}"#, Some(FromPhone::Hello { name: "Left".into(), user_agent: String::new() }));
        check(r#"{"type":"listen","on":true}"#, Some(FromPhone::Listen { on: true }));
        check(r#"{"type":"talk","on":false}"#, Some(FromPhone::Talk { on: false }));
        check(r#"{"type":"talk","on":"yes"}"#, None);
        check(r#"{"type":"pong","id":7}"#, None);
        check(r#"{"type":"reboot"}"#, None);
        check("", None);
        check("[1,2,3]", None);
        let phone = FromPhone::parse(br#"{"type":"phone","battery":7.5,"dropped":3}"#);
        assert!(matches!(phone, Some(FromPhone::Phone { battery: None, dropped: Some(3), .. })));
    }

    #[test]
    fn what_the_studio_says_is_flat_json() {
        let advice = ToPhone::Advice(PictureAdvice { bitrate_bps: 1_500_000, scale_down_by: 1.0, max_fps: 30.0 });
        let text = advice.to_json().expect("short");
        assert_eq!(text, r#"{"type":"advice","bitrate_bps":1500000,"scale_down_by":1.0,"max_fps":30.0}"#);
        assert_eq!(ToPhone::parse(text.as_bytes()), Some(advice));
        assert_eq!(ToPhone::Tally { state: Tally::Live }.to_json().expect("short"), r#"{"type":"tally","state":"live"}"#);
        assert_eq!(ToPhone::Talk { from: "director".into(), on: true }.to_json().expect("short"), r#"{"type":"talk","from":"director","on":true}"#);
        assert_eq!(ToPhone::Tally { state: Tally::Replay }.to_json().expect("short"), r#"{"type":"tally","state":"replay"}"#);
        assert!(matches!(ToPhone::Message { text: "x".repeat(5_000) }.to_json(), Err(Error::MessageTooLong { .. })));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic_and_words_stay_short() {
        bolero::check!().for_each(|bytes: &[u8]| {
            if let Some(FromPhone::Hello { name, user_agent }) = FromPhone::parse(bytes) {
                assert!(name.chars().count() <= MAX_TEXT_CHARS && user_agent.chars().count() <= MAX_TEXT_CHARS);
            }
            ToPhone::parse(bytes);
        });
    }
}
