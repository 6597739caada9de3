//! Small tools for files: cached clips, reading back what was recorded, and the last resort for joining.

mod clip;
mod join;
mod read;
mod source;

pub use clip::ClipWriter;
pub use join::{Joined, join_reencoded};
pub use read::{FileInfo, Summary, decode_file, probe, read_access_units};
