//! Pictures and sound in, encoded units out.

mod aac;
mod choice;
mod opus;
mod video;

pub use aac::AacEncoder;
pub(crate) use choice::configure_x264;
pub use choice::{EncoderInfo, encoders};
pub use opus::encode_opus;
pub use video::{Video, VideoEncoder};
