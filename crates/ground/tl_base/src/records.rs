//! Plain records that rooms exchange.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size from its two sides.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The longer side.
    pub fn long_side(self) -> u32 {
        self.width.max(self.height)
    }

    /// The shorter side.
    pub fn short_side(self) -> u32 {
        self.width.min(self.height)
    }
}

/// The way in which a source reaches the studio. The words are a contract with scripts and the settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// A browser or app over WebRTC (WHIP).
    Webrtc,
    /// An IP camera that the studio pulls from.
    Rtsp,
    /// An app that calls the slot's own port.
    Srt,
    /// An app that publishes to the studio's RTMP server.
    Rtmp,
    /// Motion JPEG over HTTP, pulled.
    Mjpeg,
    /// Recorded pieces that a phone's page uploads where WebRTC does not work.
    Chunks,
    /// A file played as if it were live.
    File,
    /// A camera or microphone of this machine.
    Device,
}

impl Protocol {
    /// Every way in, as the demo lists them.
    pub const ALL: [Self; 8] = [Self::Webrtc, Self::Rtsp, Self::Srt, Self::Rtmp, Self::Mjpeg, Self::Chunks, Self::File, Self::Device];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webrtc => "webrtc",
            Self::Rtsp => "rtsp",
            Self::Srt => "srt",
            Self::Rtmp => "rtmp",
            Self::Mjpeg => "mjpeg",
            Self::Chunks => "chunks",
            Self::File => "file",
            Self::Device => "device",
        }
    }

    /// Reads its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == word)
    }

    /// Whether the sender's own clock is known by RTCP or the data channel; the others show an uncertainty and take a trim.
    pub fn has_sender_clock(self) -> bool {
        matches!(self, Self::Webrtc | Self::Rtsp | Self::File)
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is measured of a source over the last seconds. A value that was not measured is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct SourceStats {
    /// Video and sound together, as received, bits a second.
    pub bitrate_bps: Option<f64>,
    /// Complete pictures a second.
    pub fps: Option<f64>,
    /// Share of packets lost before repair, 0 to 1.
    pub loss: Option<f64>,
    /// Inter-arrival jitter, milliseconds (RFC 3550, section 6.4.1).
    pub jitter_ms: Option<f64>,
    /// Round trip, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Time to decode one picture, milliseconds, mean.
    pub decode_ms: Option<f64>,
}

/// The verdict on a camera that joined. The names are a contract with phones and scripts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Admission {
    /// Whether the camera takes part.
    pub accepted: bool,
    /// One sentence for a person; empty when there is nothing to say.
    pub reason: String,
    /// What the person or the phone can do about it.
    pub suggested_adjustments: Vec<String>,
    /// What the studio wants the phone to send, bits a second.
    pub expected_bitrate: u32,
    /// What the studio wants the phone to send, pixels.
    pub expected_size: Size,
    /// What the studio wants the phone to send, pictures a second.
    pub expected_rate: f64,
    /// 0 is served first when time is short.
    pub processing_priority: u8,
}

/// What a sender should send from now on; a phone steps bitrate first, then size, then rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct PictureAdvice {
    /// Bits a second.
    pub bitrate_bps: u32,
    /// Divide both sides by this, at least 1.
    pub scale_down_by: f64,
    /// Pictures a second at most.
    pub max_fps: f64,
}
