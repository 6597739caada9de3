//! How timed samples become the bytes of a file.

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ};
use tl_frame::{Codec, h264};
use tl_mp4::{Run, Sample, Track, TrackConfig};

use crate::Error;
use crate::record::mkv::Mkv;

/// Ticks a second of a video track: the usual grid, fine enough for any camera's clock.
pub(super) const VIDEO_TIMESCALE: u32 = 90_000;
/// What an Opus decoder throws away at the start: the usual encoder's run-in, samples.
pub(super) const OPUS_PRE_SKIP: u16 = 312;
const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;

/// One encoded sample at its place in the file.
pub(super) struct Timed {
    pub(super) start: MediaTime,
    pub(super) end: MediaTime,
    pub(super) key: bool,
    pub(super) data: Bytes,
}

/// What the pictures of a part are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    H264(h264::Parameters),
    Vp8(tl_base::Size),
}

impl Picture {
    pub(super) fn codec(&self) -> Codec {
        match self {
            Self::H264(_) => Codec::H264,
            Self::Vp8(_) => Codec::Vp8,
        }
    }

    pub(super) fn extension(&self) -> &'static str {
        match self {
            Self::H264(_) => "mp4",
            Self::Vp8(_) => "webm",
        }
    }

    /// Whether a part of such pictures can hold such sound.
    pub(super) fn goes_with(&self, audio: Codec) -> bool {
        match self {
            Self::H264(_) => matches!(audio, Codec::Aac | Codec::Opus),
            Self::Vp8(_) => audio == Codec::Opus,
        }
    }
}

/// Writes heads and fragments of one file.
pub(super) enum Container {
    Mp4 { sequence: u32 },
    Mkv(Mkv),
}

impl Container {
    pub(super) fn new(picture: &Picture) -> Self {
        match picture {
            Picture::H264(_) => Self::Mp4 { sequence: 0 },
            Picture::Vp8(_) => Self::Mkv(Mkv::default()),
        }
    }

    /// The first bytes of the file.
    pub(super) fn head(&mut self, picture: &Picture, audio: Option<Codec>) -> Result<Bytes, Error> {
        match (self, picture) {
            (Self::Mkv(mkv), Picture::Vp8(size)) => Ok(mkv.head(*size, audio.is_some())),
            (_, Picture::H264(parameters)) => {
                let mut tracks = vec![Track { id: VIDEO_TRACK, timescale: VIDEO_TIMESCALE, config: TrackConfig::H264(parameters.clone()) }];
                let config = audio.map(|codec| match codec {
                    Codec::Aac => TrackConfig::Aac { channels: 2 },
                    _ => TrackConfig::Opus { channels: 2, pre_skip: OPUS_PRE_SKIP },
                });
                tracks.extend(config.map(|config| Track { id: AUDIO_TRACK, timescale: SAMPLE_RATE_HZ, config }));
                Ok(tl_mp4::init_segment(&tracks)?)
            }
            (Self::Mp4 { .. }, Picture::Vp8(_)) => Err(Error::Unsupported("VP8 in MP4".to_owned())),
        }
    }

    /// The bytes of one fragment.
    pub(super) fn fragment(&mut self, video: &[Timed], audio: &[Timed]) -> Result<Bytes, Error> {
        match self {
            Self::Mp4 { sequence } => {
                *sequence += 1;
                let runs = [run(VIDEO_TRACK, VIDEO_TIMESCALE, video, true), run(AUDIO_TRACK, SAMPLE_RATE_HZ, audio, false)];
                Ok(tl_mp4::fragment(*sequence, &runs.into_iter().flatten().collect::<Vec<_>>())?)
            }
            Self::Mkv(mkv) => Ok(mkv.cluster(video, audio)),
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

fn ticks(time: MediaTime, timescale: u32) -> u64 {
    let ticks = (i128::from(time.nanos()) * i128::from(timescale) + 500_000_000).div_euclid(1_000_000_000);
    u64::try_from(ticks).unwrap_or_default()
}

fn run(track_id: u32, timescale: u32, samples: &[Timed], is_h264: bool) -> Option<Run> {
    let base_decode_time = ticks(samples.first()?.start, timescale);
    let samples = samples.iter().map(|sample| {
        let duration = ticks(sample.end, timescale).saturating_sub(ticks(sample.start, timescale));
        let data = if is_h264 { Bytes::from(h264::to_length_prefixed(&sample.data, false)) } else { sample.data.clone() };
        Sample { data, duration: u32::try_from(duration).unwrap_or(u32::MAX), key: sample.key }
    });
    Some(Run { track_id, base_decode_time, samples: samples.collect() })
}
