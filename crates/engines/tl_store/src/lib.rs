//! What must outlive the process: blobs by their hash, the event log, sessions, tokens and settings.
//!
//! This room refuses to delete what it cannot read: a torn or damaged file is set aside and told, never lost in silence.
//!
//! Invariant: a file that carries its final name is whole. Everything is written beside it, flushed to the disk and renamed,
//! except the event log, whose lines carry their own checksum.
//!
//! ```
//! use bytes::Bytes;
//! let folder = tempfile::tempdir().unwrap();
//! let store = tl_store::ContentStore::open(folder.path()).unwrap();
//! let hash = store.put(&[Bytes::from_static(b"one "), Bytes::from_static(b"segment")]).unwrap();
//! assert_eq!(store.open_blob(&hash).unwrap().len, 11);
//! ```

mod checksum;
mod content;
mod error;
mod event_log;
mod event_reader;
pub mod files;
mod hash;
mod session;
pub mod settings;
pub mod setup;
pub mod space;
pub mod tokens;

pub use content::{Blob, ContentStore, FsckReport, StoreStats};
pub use error::{Error, Severity};
pub use event_log::EventLog;
pub use event_reader::{EventReader, MAX_PAGE};
pub use hash::Hash;
pub use session::{Era, Session, SessionRecord, SessionStore, SlotRecord};
pub use settings::{Problem, Settings};
pub use setup::SetupStore;
pub use tokens::{Actor, Redeemed, StoredLink, TokenKind, TokenView, Tokens, Void, random_token};
