//! Commands, events and snapshots as they cross a border, and their TypeScript twins.
//!
//! This room refuses to decide anything: it names and carries.
//!
//! The twins stand in `ui/shared/src/generated/wire.ts`; a test fails when they are stale, `cargo xtask bless` refreshes them.
//!
//! Invariant: no secret is a field of anything here except [`JoinTicket`].
//!
//! ```
//! use tl_wire::Command;
//! let asked: Command = serde_json::from_str(r#"{"id": "7f", "command": {"type": "cut", "slot": 2}}"#)?;
//! assert_eq!(asked.id, "7f");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod command;
mod event;
mod role;
mod snapshot;
mod ticket;

pub use command::{Command, Outcome, Refusal, RefusalCode};
pub use event::{Event, SCHEMA_VERSION};
pub use role::Role;
pub use snapshot::{
    BudgetView, CameraView, Destination, Encoder, Health, InputView, JoinRequest, Load, Meter, MicrophoneView, OutputView, ProgramView, Recording,
    SessionState, Snapshot, Warning,
};
pub use ticket::{JoinTicket, RtmpInvitation, SrtInvitation, TicketKind};

// What a command asks and what an event tells, for rooms that read the wire and not the rules.
pub use tl_show::{AccessChange, Action, Fact};
