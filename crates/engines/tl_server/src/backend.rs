//! What the door asks of the studio.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tl_base::{SlotId, Wall};
use tl_playlist::Answer;
use tl_store::{Actor, Hash};
use tl_wire::{Command, Event, JoinTicket, Outcome, Recording, Refusal, Role, SessionState, Snapshot};
use tokio::sync::watch;

/// An answer that takes its time. It is polled on the server's own runtime.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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
}

/// The studio's answer to a WHIP offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhipAnswer {
    /// Names the WebRTC session in its Location; letters, digits, `_`, `-`.
    pub session: String,
    /// The answer.
    pub sdp: String,
}

/// What the door asks. Methods that are not [`Answering`] are called on the server's threads and must return at once.
pub trait Backend: Send + Sync + 'static {
    /// Whose token this is; in constant time.
    fn authenticate(&self, token: &str) -> Option<Actor>;
    /// Does a command, once for each id.
    fn command(&self, actor: Actor, command: Command) -> Answering<'_, Outcome>;
    /// What is, whole; the door projects it for the role.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// Up to `max` events behind `seq`, in order.
    fn events_after(&self, seq: u64, max: usize) -> Vec<Event>;
    /// Rises with each event; its value is the newest sequence number.
    fn event_version(&self) -> watch::Receiver<u64>;
    /// All sessions.
    fn sessions(&self) -> Vec<SessionSummary>;
    /// The current session's recordings.
    fn recordings(&self) -> Vec<Recording>;
    /// The file of a recording by its plain file name.
    fn recording_path(&self, name: &str) -> Option<PathBuf>;
    /// The newest small JPEG of a camera.
    fn thumbnail(&self, slot: SlotId) -> Option<Bytes>;
    /// Takes a WHIP offer.
    fn whip(&self, actor: Actor, slot: SlotId, offer: String) -> Answering<'_, Result<WhipAnswer, Refusal>>;
    /// Ends a WHIP session of this slot.
    fn whip_end(&self, actor: Actor, slot: SlotId, session: String) -> Answering<'_, Result<(), Refusal>>;
    /// Live media by its path and query.
    fn media(&self, path: &str, query: &str) -> Answer;
    /// Rises whenever an answer of [`Backend::media`] might change.
    fn media_version(&self) -> watch::Receiver<u64>;
    /// The file of a stored blob.
    fn content(&self, hash: &Hash) -> Option<PathBuf>;
    /// The studio's measurements in Prometheus text; the door adds its own.
    fn metrics(&self) -> String;
    /// The newest log lines, oldest first.
    fn logs(&self, max: usize) -> Vec<String>;
    /// Invites someone. The door has checked that `actor` may.
    fn issue_ticket(&self, actor: &Actor, role: Role, slot: Option<SlotId>) -> Result<JoinTicket, Refusal>;
}
