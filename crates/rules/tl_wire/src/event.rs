//! What happened, as it is logged and sent.

use serde::{Deserialize, Serialize};
use tl_base::{EraId, MediaTime, Wall};
use tl_show::Fact;
use ts_rs::TS;

/// Version of the event's form; rises when a reader must know.
pub const SCHEMA_VERSION: u32 = 1;

/// One entry of the append-only log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Event {
    /// Gap-free from 1 within the session.
    pub seq: u64,
    /// The session's id.
    pub session: String,
    /// The run of the studio.
    pub era: EraId,
    /// When, in show time.
    pub media_time: MediaTime,
    /// When, by the wall clock.
    pub wall: Wall,
    /// Who: a token's label, `studio`, `failover`.
    pub actor: String,
    /// The command that led to it.
    pub command_id: Option<String>,
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}
