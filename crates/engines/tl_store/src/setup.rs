//! What a person sets up while the studio runs: where a source's pictures come from, and where the programme goes.
//!
//! Addresses and keys are secrets here: they are kept in a file of mode 0600 and come back to nobody.

mod address;
mod destination;
mod environment;
mod kept;
mod source;

pub(crate) use address::{MAX_URL_CHARS, host_of};
pub(crate) use environment::camera_name;

pub use destination::{DestinationKind, DestinationSetup, PRESETS};
pub use environment::secret_from_environment;
pub use kept::SetupStore;
pub use source::{SourceSetup, Transport};
