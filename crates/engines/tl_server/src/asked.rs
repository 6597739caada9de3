//! What is asked through the door, and the answers, as they cross it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tl_base::{Admission, PictureAdvice, Secret, SlotId, Wall};
use tl_store::Hash;
use tl_wire::{Recording, Role, SessionState, TicketKind};

/// A session in the list of sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its id.
    pub id: String,
    /// When it was made, microseconds since 1970.
    pub created: Wall,
    /// Its state.
    pub state: SessionState,
    /// Whether it is the one that `current` means.
    pub current: bool,
    /// Its content id once it is finished: the hash of its manifest.
    #[serde(default)]
    pub content: Option<Hash>,
}

/// The studio's answer to a WHIP or WHEP offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhipAnswer {
    /// Names the WebRTC session in its Location; letters, digits, `_`, `-`. Hard to guess.
    pub session: String,
    /// The answer.
    pub sdp: String,
}

/// One recorded piece of a phone that cannot use WebRTC.
#[derive(Clone, Debug, PartialEq)]
pub struct ChunkPiece {
    /// Counts from 0 within one recording.
    pub sequence: u64,
    /// The phone's clock at the piece's start, milliseconds, finite.
    pub timestamp_ms: f64,
    /// The phone's clock when it was sent, milliseconds, finite.
    pub sent_ms: Option<f64>,
    /// The studio's clock minus the phone's, milliseconds, where the phone has asked for the time.
    pub offset_ms: Option<f64>,
    /// The round trip by which it was found, milliseconds, not negative.
    pub rtt_ms: Option<f64>,
    /// `center_ice` and so on; empty when the phone did not say.
    pub position: String,
    /// 0 to 1, as the phone judges its picture.
    pub quality: Option<f64>,
    /// What it is, `video/webm;codecs=vp8,opus`.
    pub mime: String,
    /// Its bytes, at most [`crate::Limits::chunk_bytes`].
    pub data: Bytes,
}

/// The answer to a piece.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChunkAnswer {
    /// The number that is expected next.
    pub next: u64,
    /// What the phone should send instead.
    pub advice: Option<PictureAdvice>,
    /// `idle`, `next`, `live`, `replay`.
    pub tally: String,
    /// The verdict at its join.
    pub admission: Option<Admission>,
}

/// A camera or microphone of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// Names it in a [`tl_store::setup::SourceSetup`].
    pub id: String,
    /// What people call it.
    pub label: String,
    /// `video` or `audio`.
    pub kind: String,
    /// What it can do, one line each.
    pub modes: Vec<String>,
}

/// Where the programme may go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Destinations {
    /// Places that the studio knows, with their limits, as `tl_media` describes them.
    pub presets: serde_json::Value,
    /// What is set up.
    pub destinations: Vec<DestinationView>,
}

/// A destination without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationView {
    /// Its name.
    pub name: String,
    /// `rtmp` or `srt`.
    pub kind: String,
    /// Where, without its key.
    pub url: String,
    /// Which preset; none: an address of one's own.
    pub preset: Option<String>,
    /// Whether a key is set.
    pub has_key: bool,
    /// Whether the settings file names it.
    pub in_settings: bool,
    /// What does not fit what the platform takes, one sentence each.
    pub advice: Vec<String>,
}

/// The recordings of every session on this machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AllRecordings {
    /// Newest first.
    pub sessions: Vec<SessionRecordings>,
    /// Free where recordings go, bytes.
    pub free_bytes: Option<u64>,
    /// Recording time left at the present rate, seconds; none when nothing is written.
    pub left_s: Option<f64>,
}

/// One session's recordings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionRecordings {
    /// Its id.
    pub session: String,
    /// When it was made.
    pub created: Wall,
    /// What was recorded.
    pub recordings: Vec<Recording>,
}

/// What happened to live delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamingEvent {
    /// Counts from 1 in this run.
    pub seq: u64,
    /// When, microseconds since 1970.
    pub wall: Wall,
    /// What.
    #[serde(flatten)]
    pub what: Streaming,
}

/// The events of the streaming design; their names are a contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Streaming {
    /// A whole segment can be fetched.
    SegmentReady {
        /// `video` or `audio`.
        kind: String,
        /// Its name.
        name: String,
        /// Its media sequence number.
        msn: u64,
        /// Its length.
        seconds: f64,
        /// Bytes.
        bytes: u64,
        /// From its last picture's capture until it was announced.
        latency_ms: Option<f64>,
    },
    /// A playlist names another segment.
    ManifestUpdated {
        /// `video` or `audio`.
        kind: String,
        /// Its path.
        path: String,
        /// The newest segment in it.
        msn: u64,
        /// Bytes.
        bytes: u64,
    },
    /// The session is over, and everything of it was delivered.
    TranscodeCompleted {
        /// Length.
        played_s: f64,
        /// Segments that were announced.
        segments_ready: u64,
        /// Segments that became gaps.
        segments_failed: u64,
    },
    /// Segments could not be made.
    TranscodeFailed {
        /// `video` or `audio`.
        kind: String,
        /// Why.
        reason: String,
    },
    /// How far it is.
    ProgressUpdate {
        /// Length so far.
        played_s: f64,
        /// Segments that were announced.
        segments_ready: u64,
        /// Segments that became gaps.
        segments_failed: u64,
    },
}

/// What kind of ticket is asked for. The door has checked that role, slot and kind fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketAsked {
    /// What its holder may do.
    pub role: Role,
    /// The camera position, for a camera.
    #[serde(default)]
    pub slot: Option<SlotId>,
    /// How often it can be used; once when nothing is said.
    #[serde(default = "personal")]
    pub kind: TicketKind,
}

fn personal() -> TicketKind {
    TicketKind::Personal
}

/// Somebody wants in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum JoinAsked {
    /// With a personal ticket.
    Ticket {
        /// The text behind `#ticket=` of the ticket's page.
        ticket: Secret,
    },
    /// With the crew code.
    Crew {
        /// As it was typed.
        code: Secret,
        /// What they call themselves, 1 to 40 characters.
        name: String,
    },
}

/// The studio's answer to somebody who wants in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAnswer {
    /// They are in, by this token.
    In {
        /// 256 bits; told once.
        token: Secret,
        /// What they may do.
        role: Role,
        /// The camera position, for a camera.
        slot: Option<SlotId>,
        /// Their label in events.
        label: String,
    },
    /// The director has not decided yet.
    Waiting {
        /// Names the request; a secret of theirs.
        request: String,
        /// Six digits that the director sees too.
        digits: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_is_a_ticket_asked_or_a_way_in_or_refused() {
        bolero::check!().with_iterations(5_000).with_type::<(Vec<u8>, String, String, u16)>().for_each(|(bytes, one, two, slot)| {
            assert!(serde_json::from_slice::<TicketAsked>(bytes).is_err());
            assert!(serde_json::from_slice::<JoinAsked>(bytes).is_err());
            let asked: Result<JoinAsked, _> = serde_json::from_value(serde_json::json!({"code": one, "name": two}));
            // A secret is told by no debug print.
            let hidden = one.chars().count() > 3 && !two.contains(one.as_str()) && !"***CrewcodenameSecret".contains(one.as_str());
            assert!(!hidden || !format!("{asked:?}").contains(&format!("{one:?}")));
            let near = serde_json::json!({"role": "camera", "slot": slot, "kind": one});
            assert!(serde_json::from_value::<TicketAsked>(near).is_err() || matches!(one.as_str(), "personal" | "crew" | "link"));
        });
    }
}
