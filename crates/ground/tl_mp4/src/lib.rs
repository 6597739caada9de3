//! Fragments of ISO base media files: written, scanned, repaired and joined.
//!
//! [`init_segment`] and [`fragment`] write what a recorder appends and what a viewer fetches; [`scan`](scan::scan) reads a
//! file that may have been torn by a crash or made by a stranger; [`repair`] cuts the torn end off; [`join`] makes one file
//! of several parts without touching a sample.
//!
//! This room refuses to know what is inside a sample, to hold a whole file in memory, and to believe a size or a count that
//! the bytes around it do not bear out.
//!
//! Invariant: reading takes memory bounded by constants of this crate, however large or hostile the file is.
//!
//! ```
//! use bytes::Bytes;
//! use tl_mp4::{Run, Sample, Track, TrackConfig};
//! # fn main() -> Result<(), tl_mp4::Error> {
//! let track = Track { id: 1, timescale: 48_000, config: TrackConfig::Aac { channels: 2 } };
//! let mut file = tl_mp4::init_segment(&[track])?.to_vec();
//! let sample = Sample { data: Bytes::from_static(&[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c]), duration: 1_024, key: true };
//! file.extend_from_slice(&tl_mp4::fragment(1, &[Run { track_id: 1, base_decode_time: 0, samples: vec![sample] }])?);
//! let found = tl_mp4::scan::scan_bytes(&file)?;
//! assert_eq!((found.fragments, found.whole_bytes), (1, file.len() as u64));
//! # Ok(())
//! # }
//! ```

mod boxes;
mod error;
mod fragment;
mod init;
pub mod inspect;
mod join;
pub mod live;
mod repair;
pub mod scan;
mod track;

pub use error::Error;
pub use fragment::{Run, Sample, fragment, fragment_reordered};
pub use init::{init_segment, init_segment_named};
pub use join::{Join, join};
pub use repair::repair;
pub use track::{Track, TrackConfig, Vp9, codec_string};
