//! The studio's door: HTTPS with HTTP/2 for phones, pages and scripts, and plain HTTP for this machine alone.
//!
//! [`Server`] owns one thread with its own small runtime and asks a [`Backend`] for everything it serves. One table
//! ([`routes::ROUTES`]) names every route and who may use it; routes are mounted from it, so a route without a rule cannot
//! exist. Pages are those of `ui/dist`.
//!
//! This room refuses to know what a command means, to hold a picture longer than it takes to send it, and to open a file
//! that the backend or a hash did not name.
//!
//! Invariant: no request reaches the backend before its host, its origin and its token were checked; a viewer's grant opens
//! media and nothing else.
//!
//! ```no_run
//! # fn demo(backend: std::sync::Arc<dyn tl_server::Backend>) -> Result<(), tl_server::Error> {
//! let names = tl_server::Names::of_this_machine(&[]);
//! let tls = tl_server::TlsFiles::ensure("data/tls".as_ref(), &names)?;
//! let server = tl_server::Server::start(tl_server::Config::new(([0, 0, 0, 0], 7443).into(), tls, names), backend)?;
//! println!("https://{}", server.https_addr);
//! server.shutdown();
//! # Ok(())
//! # }
//! ```

mod api;
mod app;
mod asked;
mod backend;
mod body;
mod config;
mod connection;
mod error;
mod feed;
mod file_body;
mod grants;
mod guard;
mod lockout;
mod manifests;
mod origin;
mod piece;
mod projection;
mod refused;
pub mod routes;
mod server;
mod streaming_log;
mod tls;
mod waiting_room;

pub use asked::{
    AllRecordings, ChunkAnswer, ChunkPiece, DestinationView, Destinations, DeviceView, JoinAnswer, JoinAsked, SessionRecordings, SessionSummary, Streaming,
    StreamingEvent, TicketAsked, WhipAnswer,
};
pub use backend::{Answering, Backend};
pub use config::{Config, Limits};
pub use error::Error;
pub use projection::{project_event, project_snapshot};
pub use server::{Server, Traffic};
pub use streaming_log::{MAX_STREAMING_EVENTS, StreamingLog};
pub use tl_store::Actor;
pub use tls::{Names, TlsFiles};
pub use waiting_room::{MAX_WAITING, WaitingRoom};
