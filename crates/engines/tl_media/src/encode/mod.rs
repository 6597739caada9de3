//! Pictures and sound in, encoded units out.

mod aac;
mod choice;
mod even;
mod opus;
mod supervised;
mod video;

pub use aac::AacEncoder;
pub(crate) use choice::configure_x264;
pub use choice::{EncoderInfo, encoders};
pub use opus::{OpusEncoder, encode_opus};
pub use supervised::{Event, Quality, Supervised};
pub use video::{Health, Video, VideoEncoder};
