//! What is asked, and the answer.

use serde::{Deserialize, Serialize};
use tl_show::Action;
use ts_rs::TS;

/// A command as it comes through the door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Idempotency key of the sender's, 1 to 64 characters: the same id gets the same answer and acts once.
    pub id: String,
    /// What is asked.
    pub command: Action,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done; the sequence number of the last event it made (of the newest event when nothing changed).
    Seq(u64),
    /// Not done, and why.
    Refused(Refusal),
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: what is wrong and what to do, one sentence.
    pub message: String,
}

/// Kinds of refusal; each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// 400: not understood or out of range.
    Invalid,
    /// 401: no or unknown token.
    Unauthenticated,
    /// 403: this role may not.
    Forbidden,
    /// 404: no such thing.
    NotFound,
    /// 409: the slot is taken, or the state does not allow it.
    Conflict,
    /// 410: it was there and is gone.
    Gone,
    /// 413: too large.
    TooLarge,
    /// 429: too many.
    TooMany,
    /// 503: not now; try again.
    Busy,
}
