//! What the door asks of the studio.

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tl_base::{MediaTime, SlotId};
use tl_playlist::Answer;
use tl_store::setup::{DestinationSetup, SourceSetup};
use tl_store::{Actor, Hash, TokenView};
use tl_wire::{Command, Event, JoinTicket, Outcome, Recording, Refusal, Snapshot};
use tokio::sync::watch;

use crate::asked::{
    AllRecordings, ChunkAnswer, ChunkPiece, Destinations, DeviceView, JoinAnswer, JoinAsked, SessionSummary, StreamingEvent, TicketAsked, WhipAnswer,
};

/// An answer that takes its time. It is polled on the server's own runtime.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the door asks. Methods that are not [`Answering`] are called on the server's threads and must return at once, without
/// touching the disk.
pub trait Backend: Send + Sync + 'static {
    /// Whose token this is; in constant time.
    fn authenticate(&self, token: &str) -> Option<Actor>;
    /// An address showed too many wrong tokens and is locked out for a while: to be logged as an event.
    fn locked_out(&self, address: IpAddr);
    /// Does a command, once for each id.
    fn command(&self, actor: Actor, command: Command) -> Answering<'_, Outcome>;
    /// What is, whole; the door projects it for the role.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// The studio's clock.
    fn now(&self) -> MediaTime;

    /// Up to `max` events behind `seq`, in order, from memory. When the first of them is not there any more, nothing is
    /// returned and [`Backend::first_event`] lies behind `seq + 1`.
    fn events_after(&self, seq: u64, max: usize) -> Vec<Event>;
    /// The number of the oldest event that [`Backend::events_after`] knows; 1 when it knows all, or when there is none yet.
    fn first_event(&self) -> u64;
    /// The same as [`Backend::events_after`], from the log on the disk.
    fn logged_events_after(&self, seq: u64, max: usize) -> Answering<'_, Vec<Event>>;
    /// Rises with each event; its value is the newest sequence number.
    fn event_version(&self) -> watch::Receiver<u64>;
    /// Up to `max` events of live delivery behind `seq`, in order; those that are no longer kept are skipped.
    fn streaming_events_after(&self, seq: u64, max: usize) -> Vec<StreamingEvent>;
    /// Rises with each of them; its value is the newest number.
    fn streaming_version(&self) -> watch::Receiver<u64>;

    /// All sessions.
    fn sessions(&self) -> Vec<SessionSummary>;
    /// The current session's recordings.
    fn recordings(&self) -> Vec<Recording>;
    /// The recordings of all sessions on this machine.
    fn all_recordings(&self) -> Answering<'_, Result<AllRecordings, Refusal>>;
    /// The file of a recording by its session's id and its plain file name.
    fn recording_path(&self, session: &str, name: &str) -> Answering<'_, Option<PathBuf>>;
    /// The newest small JPEG of a camera.
    fn thumbnail(&self, slot: SlotId) -> Option<Bytes>;

    /// Takes a WHIP offer; also for [`SlotId::COMMENTARY`] and [`SlotId::TALKBACK`].
    fn whip(&self, actor: Actor, slot: SlotId, offer: String) -> Answering<'_, Result<WhipAnswer, Refusal>>;
    /// Ends a WHIP session of this slot.
    fn whip_end(&self, actor: Actor, slot: SlotId, session: String) -> Answering<'_, Result<(), Refusal>>;
    /// Takes a viewer's WHEP offer. `Busy` when there are as many viewers as may be, `TooMany` when there are of this address: the
    /// page then goes to LL-HLS. Whoever comes with a viewer's grant is a viewer with the grant's label.
    fn whep(&self, actor: Actor, address: IpAddr, offer: String) -> Answering<'_, Result<WhipAnswer, Refusal>>;
    /// Ends a WHEP session.
    fn whep_end(&self, actor: Actor, session: String) -> Answering<'_, Result<(), Refusal>>;
    /// Takes one recorded piece of a phone. `Conflict`: the slot is taken; `Gone`: the stream must begin anew with its header.
    fn chunk(&self, actor: Actor, slot: SlotId, piece: ChunkPiece) -> Answering<'_, Result<ChunkAnswer, Refusal>>;
    /// A phone that sent pieces stops.
    fn chunk_end(&self, actor: Actor, slot: SlotId) -> Answering<'_, Result<(), Refusal>>;

    /// Where a source's pictures come from. The door has checked the form and who may.
    fn set_source(&self, actor: Actor, slot: SlotId, setup: SourceSetup) -> Answering<'_, Result<(), Refusal>>;
    /// A source takes whoever comes again.
    fn clear_source(&self, actor: Actor, slot: SlotId) -> Answering<'_, Result<(), Refusal>>;
    /// Cameras and microphones of this machine.
    fn devices(&self) -> Answering<'_, Result<Vec<DeviceView>, Refusal>>;
    /// Where the programme may go.
    fn destinations(&self) -> Destinations;
    /// Adds a destination or changes it. The door has checked the form.
    fn set_destination(&self, actor: Actor, name: String, setup: DestinationSetup) -> Answering<'_, Result<(), Refusal>>;
    /// Takes a destination out.
    fn remove_destination(&self, actor: Actor, name: String) -> Answering<'_, Result<(), Refusal>>;
    /// Tries key and uplink for 1 to 10 seconds; answers with the report.
    fn test_destination(&self, actor: Actor, name: String, seconds: u32) -> Answering<'_, Result<serde_json::Value, Refusal>>;

    /// Live media by its path and query.
    fn media(&self, path: &str, query: &str) -> Answer;
    /// Rises whenever an answer of [`Backend::media`] might change.
    fn media_version(&self) -> watch::Receiver<u64>;
    /// The file of a stored blob. A finished session's manifest is a blob too; the door serves what it names.
    fn content(&self, hash: &Hash) -> Option<PathBuf>;

    /// The studio's measurements in Prometheus text; the door adds its own.
    fn metrics(&self) -> String;
    /// The newest log lines, oldest first.
    fn logs(&self, max: usize) -> Vec<String>;

    /// Invites someone. The door has checked that `actor` may.
    fn issue_ticket(&self, actor: Actor, asked: TicketAsked) -> Answering<'_, Result<JoinTicket, Refusal>>;
    /// Makes everything with this label void and disconnects who uses it, as the command `revoke_access` does; tells how many
    /// tickets and tokens there were. The door ends its own streams and grants after either.
    fn revoke_ticket(&self, actor: Actor, label: String) -> Answering<'_, Result<usize, Refusal>>;
    /// Tickets, links and tokens that hold, without their secrets.
    fn tickets(&self) -> Vec<TokenView>;
    /// Somebody comes with a ticket or the crew code. `Unauthenticated`: it is not known, which the door counts as a guess;
    /// `Gone`: it was used or is too old, which counts too.
    fn join(&self, address: IpAddr, asked: JoinAsked) -> Answering<'_, Result<JoinAnswer, Refusal>>;
    /// What became of a request to join; waits for the director for up to 10 seconds. `Forbidden`: sent away; `Gone`: too late.
    fn join_state(&self, request: String) -> Answering<'_, Result<JoinAnswer, Refusal>>;
}
