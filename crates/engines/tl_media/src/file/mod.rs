//! Small tools for files: cached clips, reading back and verifying what was recorded, mending what was torn, and the last
//! resort for joining.

mod clip;
pub(crate) mod ebml;
mod join;
mod matroska;
mod read;
mod repair;
mod source;
mod verify;

pub use clip::ClipWriter;
pub use join::{Joined, join_reencoded};
pub use read::{FileInfo, Summary, decode_file, probe, read_access_units};
pub use repair::{Repaired, repair};
pub use verify::{Depth, TrackLength, Verified, verify};
