//! Encoded units in, pictures and sound out.

mod opus;
mod video;

pub use opus::OpusDecoder;
pub(crate) use opus::samples_of;
pub use video::{Stats, Video, VideoDecoder};
