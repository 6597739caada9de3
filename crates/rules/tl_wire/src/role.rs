//! Who someone is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A role that a token carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// This machine's owner: everything.
    Owner,
    /// Runs the show.
    Director,
    /// Sends one camera's pictures.
    Camera,
    /// Speaks: sends the commentator's microphone and hears the programme without it.
    Commentator,
    /// Watches.
    Viewer,
}
