//! What a person or program needs to join.

use serde::{Deserialize, Serialize};
use tl_base::{SlotId, Wall};
use ts_rs::TS;

use crate::Role;

/// How often a ticket can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TicketKind {
    /// Once, and within 120 seconds; it is exchanged for a token of the phone's own.
    Personal,
    /// By many, until it is made void; the director lets each of them in.
    Crew,
    /// As often as its holder likes, until it is made void: for this machine's own tools.
    Link,
}

/// An invitation. It holds secrets: never log it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JoinTicket {
    /// How often it can be used.
    pub kind: TicketKind,
    /// What the holder may do.
    pub role: Role,
    /// The camera position, for a camera.
    pub slot: Option<SlotId>,
    /// The page to open, with the token in its fragment.
    pub page: String,
    /// The same page by every other address of this machine: never depend on a name being found.
    pub other_pages: Vec<String>,
    /// The token itself; a crew code is short enough to be typed.
    pub token: String,
    /// When it becomes void, microseconds since 1970; none: when somebody makes it so.
    pub expires: Option<Wall>,
    /// SHA-256 of the server's certificate, hexadecimal.
    pub certificate_sha256: String,
    /// For apps that speak SRT, where the ticket is a camera's.
    pub srt: Option<SrtInvitation>,
    /// For apps that speak RTMP, where the ticket is a camera's.
    pub rtmp: Option<RtmpInvitation>,
}

/// What an SRT app is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SrtInvitation {
    /// `srt://host:port` of the slot's own port, caller mode.
    pub url: String,
    /// Stream id.
    pub stream_id: String,
    /// Passphrase, AES-128.
    pub passphrase: String,
    /// Latency to set, milliseconds.
    pub latency_ms: u32,
}

/// What an RTMP app is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RtmpInvitation {
    /// `rtmp://host:port/live`.
    pub url: String,
    /// Stream key.
    pub key: String,
}
