//! Live media pipelines: decode, encode, record, push, and the small file tools that go with them.
//!
//! This room refuses to know about cameras, shows or networks of phones: encoded units and pictures come in, pictures,
//! encoded units and files go out. It never paces anything and reads no clock to decide what is shown; what it hands on
//! carries the capture time it came with.
//!
//! Invariant: no call of a live engine (`push`) waits for a codec, a disk or a network; what does not fit in its stated
//! bound is dropped up to the next key picture and counted.
//!
//! Every engine owns its threads; dropping it joins them. Callbacks run on the engine's own thread and must return quickly.
//!
//! ```no_run
//! use tl_base::SlotId;
//! use tl_frame::Codec;
//! use tl_media::{VideoDecoder, decode, file};
//!
//! # fn main() -> Result<(), tl_media::Error> {
//! tl_media::init()?;
//! let config = decode::Video { source: SlotId(1), codec: Codec::H264, max_queue: 8 };
//! let decoder = VideoDecoder::new(config, |frame| println!("{}", frame.capture))?;
//! for unit in file::read_access_units("camera.mp4".as_ref())? {
//!     decoder.push(unit)?;
//! }
//! # Ok(())
//! # }
//! ```

pub mod chunks;
pub mod decode;
pub mod destination;
pub mod destination_test;
pub mod encode;
mod error;
pub mod file;
pub mod input;
mod line;
mod mapped;
pub mod push;
pub mod record;
mod retry;
pub mod rtmp;
pub mod rtmp_server;
pub mod srt;
mod thumbnail;
mod unit_queue;

pub use decode::{OpusDecoder, SoundDecoder, VideoDecoder};
pub use encode::{AacEncoder, EncoderInfo, OpusEncoder, VideoEncoder, encode_opus, encoders};
pub use error::{Error, Severity};
pub use line::init;
pub use push::Push;
pub use record::Recorder;
pub use rtmp::RtmpPush;
pub use rtmp_server::RtmpServer;
pub use srt::SrtPush;
pub use thumbnail::thumbnail_jpeg;
