//! Encoded units in, pictures and sound out.

mod choice;
mod codec;
mod opus;
mod retired;
mod sound;
mod video;
mod whole;

pub use choice::{DecoderInfo, decoders};
pub use opus::OpusDecoder;
pub(crate) use opus::samples_of;
pub use sound::SoundDecoder;
pub use video::{Stats, Video, VideoDecoder};
pub(crate) use whole::FileDecoder;
