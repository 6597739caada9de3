//! Encoded and decoded media as it travels between rooms: [`AccessUnit`], [`Frame`], [`AudioBlock`], codec configurations and
//! colour facts.
//!
//! This room refuses to decode, convert or schedule anything; it reads headers and no pictures.
//!
//! Invariant: media bytes are shared, never copied, when a record is cloned.
//!
//! ```
//! use tl_frame::h264;
//! assert!(h264::nals(&[0, 0, 0, 1, 0x65, 0x88]).next().is_some_and(|nal| h264::kind(nal) == h264::IDR));
//! ```

pub mod adts;
mod audio;
pub mod av1;
mod bits;
mod frame;
pub mod h264;
pub mod h265;
pub mod jpeg;
mod unit;
pub mod vp8;
pub mod vp9;

pub use audio::AudioBlock;
pub use frame::{Colour, External, Frame, Layout, Matrix, Memory, PixelFormat, Plane, Planes, Range, Rotation, VecPlanes};
pub use unit::{AccessUnit, Codec, ConfigId};
