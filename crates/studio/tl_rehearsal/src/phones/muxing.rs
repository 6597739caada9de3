//! A recording as a phone's browser makes it: fragments of MP4.

use bytes::Bytes;
use tl_base::SAMPLE_RATE_HZ;
use tl_frame::h264;
use tl_mp4::{Run, Sample, Track, TrackConfig};

use super::sending::Parcel;
use crate::clips::Loaded;
use crate::forms::AAC_SAMPLES;

/// Ticks a second of pictures, and of one of them.
const PICTURE_TICKS: (u32, u32) = (90_000, 3_000);

/// What is being recorded. It begins with a key picture.
pub(super) struct Recording {
    head: h264::Parameters,
    /// The phone's clock at the recording's beginning, nanoseconds; none before its first picture.
    epoch_ns: Option<i64>,
    fragments: u32,
    /// Samples of the piece being recorded, each with its time since the beginning, nanoseconds.
    pictures: Vec<(i64, Sample)>,
    sounds: Vec<(i64, Sample)>,
}

impl Recording {
    /// What a phone calls it.
    pub(super) const MIME: &'static str = "video/mp4;codecs=avc1.42c01f,mp4a.40.2";

    /// None when the clip does not say how it is encoded.
    pub(super) fn new(media: &Loaded) -> Option<Self> {
        let head = media.video.first().and_then(|unit| h264::Parameters::find(&unit.data))?;
        Some(Self { head, epoch_ns: None, fragments: 0, pictures: Vec::new(), sounds: Vec::new() })
    }

    /// Begins anew with the next key picture.
    pub(super) fn restart(&mut self) {
        (self.epoch_ns, self.fragments) = (None, 0);
        self.pictures.clear();
        self.sounds.clear();
    }

    /// Whether the newest picture is its first.
    pub(super) fn is_fresh(&self) -> bool {
        self.fragments == 0 && self.pictures.len() == 1 && self.sounds.is_empty()
    }

    /// Takes a picture or a packet; false when it has no place in the recording.
    pub(super) fn push(&mut self, parcel: &Parcel) -> bool {
        let unit = &parcel.unit;
        let sound = unit.codec.is_audio();
        if self.epoch_ns.is_none() && unit.key && !sound {
            self.epoch_ns = Some(parcel.capture_ns);
        }
        let Some(at) = self.epoch_ns.map(|epoch| parcel.capture_ns - epoch).filter(|at| *at >= 0) else { return false };
        if sound {
            self.sounds.push((at, Sample { data: unit.data.clone(), duration: AAC_SAMPLES, key: true }));
        } else {
            let data = Bytes::from(h264::to_length_prefixed(&unit.data, false));
            self.pictures.push((at, Sample { data, duration: PICTURE_TICKS.1, key: unit.key }));
        }
        true
    }

    /// What was recorded since the last cut: the phone's clock at its start, nanoseconds, and its bytes. None: nothing.
    pub(super) fn cut(&mut self) -> Option<(i64, Bytes)> {
        let epoch = self.epoch_ns?;
        let (pictures, sounds) = (std::mem::take(&mut self.pictures), std::mem::take(&mut self.sounds));
        let start = pictures.iter().chain(&sounds).map(|(at, _)| *at).min()?;
        let run = |track_id, rate_hz, samples: Vec<(i64, Sample)>| {
            let (first, _) = samples.first()?;
            let base_decode_time = (i128::from(*first) * i128::from(rate_hz) / 1_000_000_000) as u64;
            Some(Run { track_id, base_decode_time, samples: samples.into_iter().map(|(_, sample)| sample).collect() })
        };
        let runs: Vec<Run> = [run(1, PICTURE_TICKS.0, pictures), run(2, SAMPLE_RATE_HZ, sounds)].into_iter().flatten().collect();
        self.fragments += 1;
        let made = tl_mp4::fragment(self.fragments, &runs).and_then(|fragment| {
            let mut bytes = if self.fragments == 1 { self.init()?.to_vec() } else { Vec::new() };
            bytes.extend_from_slice(&fragment);
            Ok(Bytes::from(bytes))
        });
        made.map_err(|error| tracing::warn!(%error, "a piece was not recorded")).ok().map(|bytes| (epoch + start, bytes))
    }

    fn init(&self) -> Result<Bytes, tl_mp4::Error> {
        let tracks = [
            Track { id: 1, timescale: PICTURE_TICKS.0, config: TrackConfig::H264(self.head.clone()) },
            Track { id: 2, timescale: SAMPLE_RATE_HZ, config: TrackConfig::Aac { channels: 2 } },
        ];
        tl_mp4::init_segment(&tracks)
    }
}
