//! What a person or program needs to join.

use serde::{Deserialize, Serialize};
use tl_base::SlotId;
use ts_rs::TS;

use crate::Role;

/// An invitation. It holds a secret: never log it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JoinTicket {
    /// What the holder may do.
    pub role: Role,
    /// The camera position, for a camera.
    pub slot: Option<SlotId>,
    /// The page to open, with the token in its fragment.
    pub page: String,
    /// The token itself.
    pub token: String,
    /// SHA-256 of the server's certificate, hexadecimal.
    pub certificate_sha256: String,
}
