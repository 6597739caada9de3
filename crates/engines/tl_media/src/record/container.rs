//! How timed samples become the bytes of a file.

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ};
use tl_frame::{Codec, av1, h264, h265};
use tl_mp4::{Run, Sample, Track};

use crate::Error;
use crate::record::mkv::{Entry, Mkv};
use crate::record::picture::Picture;
use crate::record::sound::Sound;

/// Ticks a second of a video track: the usual grid, fine enough for any camera's clock.
const VIDEO_TIMESCALE: u32 = 90_000;
/// Numbers of the tracks; a track that is not there leaves its number free.
pub(super) const VIDEO_TRACK: u8 = 1;
pub(super) const OWN_SOUND_TRACK: u8 = 2;
pub(super) const PROGRAMME_TRACK: u8 = 3;

/// One encoded sample at its place in the file.
pub(super) struct Timed {
    /// When it is decoded.
    pub(super) start: MediaTime,
    /// When the next one is decoded.
    pub(super) end: MediaTime,
    /// How much later than decoded it is shown.
    pub(super) offset: MediaTime,
    pub(super) key: bool,
    pub(super) data: Bytes,
}

/// A sound track as the head announces it.
#[derive(Clone, Copy)]
pub(super) struct SoundHead {
    pub(super) number: u8,
    pub(super) name: &'static str,
    pub(super) sound: Sound,
}

/// The samples of one track that go into a fragment.
pub(super) struct TrackRun<'a> {
    pub(super) number: u8,
    pub(super) timescale: u32,
    pub(super) samples: &'a [Timed],
}

/// Writes heads and fragments of one file.
pub(super) enum Container {
    Mp4 { sequence: u32 },
    Mkv(Mkv),
}

impl Container {
    pub(super) fn new(picture: &Picture) -> Self {
        if picture.track().is_some() { Self::Mp4 { sequence: 0 } } else { Self::Mkv(Mkv::default()) }
    }

    /// The first bytes of the file.
    pub(super) fn head(&mut self, picture: &Picture, sounds: &[SoundHead]) -> Result<Bytes, Error> {
        match (self, picture) {
            (Self::Mkv(mkv), Picture::Vp8(size)) => Ok(mkv.head(Entry { codec: "V_VP8", size: *size }, sounds)),
            (Self::Mkv(mkv), Picture::Mjpeg(size)) => Ok(mkv.head(Entry { codec: "V_MJPEG", size: *size }, sounds)),
            _ => {
                let config = picture.track().ok_or_else(|| Error::Unsupported(format!("{:?} in MP4", picture.codec())))?;
                let mut tracks = vec![(Track { id: VIDEO_TRACK.into(), timescale: VIDEO_TIMESCALE, config }, "picture")];
                tracks.extend(
                    sounds.iter().map(|head| (Track { id: head.number.into(), timescale: head.sound.timescale(), config: head.sound.track() }, head.name)),
                );
                Ok(tl_mp4::init_segment_named(&tracks)?)
            }
        }
    }

    /// The bytes of one fragment.
    pub(super) fn fragment(&mut self, codec: Codec, video: &[Timed], sounds: &[TrackRun<'_>]) -> Result<Bytes, Error> {
        match self {
            Self::Mp4 { sequence } => {
                *sequence += 1;
                let pictures = TrackRun { number: VIDEO_TRACK, timescale: VIDEO_TIMESCALE, samples: video };
                let store = |data: &Bytes| stored(codec, data);
                let mut runs: Vec<Run> = run(&pictures, store).into_iter().collect();
                let offsets = vec![video.iter().map(|sample| signed_ticks(sample.offset, VIDEO_TIMESCALE)).collect()];
                let offsets = if runs.is_empty() { Vec::new() } else { offsets };
                runs.extend(sounds.iter().filter_map(|sound| run(sound, Bytes::clone)));
                Ok(tl_mp4::fragment_reordered(*sequence, &runs, &offsets)?)
            }
            Self::Mkv(mkv) => {
                let pictures = TrackRun { number: VIDEO_TRACK, timescale: SAMPLE_RATE_HZ, samples: video };
                Ok(mkv.cluster(std::iter::once(&pictures).chain(sounds)))
            }
        }
    }

    /// What a clean end fills in: places and bytes.
    pub(super) fn patches(&self, length: MediaTime, bytes: u64) -> Vec<(u64, Vec<u8>)> {
        match self {
            Self::Mp4 { .. } => Vec::new(),
            Self::Mkv(mkv) => mkv.patches(length, bytes),
        }
    }
}

/// A picture as MP4 stores it.
fn stored(codec: Codec, data: &Bytes) -> Bytes {
    match codec {
        Codec::H264 => Bytes::from(h264::to_length_prefixed(data, false)),
        Codec::H265 => Bytes::from(h265::to_length_prefixed(data, false)),
        Codec::Av1 => av1::without_delimiters(data),
        _ => data.clone(),
    }
}

fn ticks(time: MediaTime, timescale: u32) -> u64 {
    let ticks = (i128::from(time.nanos()) * i128::from(timescale) + 500_000_000).div_euclid(1_000_000_000);
    u64::try_from(ticks).unwrap_or_default()
}

fn signed_ticks(time: MediaTime, timescale: u32) -> i32 {
    let ticks = (i128::from(time.nanos()) * i128::from(timescale) + 500_000_000).div_euclid(1_000_000_000);
    i32::try_from(ticks).unwrap_or_default()
}

fn run(track: &TrackRun<'_>, store: impl Fn(&Bytes) -> Bytes) -> Option<Run> {
    let timescale = track.timescale;
    let base_decode_time = ticks(track.samples.first()?.start, timescale);
    let samples = track.samples.iter().map(|sample| {
        let duration = ticks(sample.end, timescale).saturating_sub(ticks(sample.start, timescale));
        Sample { data: store(&sample.data), duration: u32::try_from(duration).unwrap_or(u32::MAX), key: sample.key }
    });
    Some(Run { track_id: track.number.into(), base_decode_time, samples: samples.collect() })
}
