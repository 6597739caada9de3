//! Samples of a container to units as sources send them.

use bytes::Bytes;

use tl_base::{MediaTime, SourceId};
use tl_frame::{AccessUnit, Codec, ConfigId, adts, av1, h264, h265, vp8, vp9};
use tl_mp4::TrackConfig;

/// One track of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) number: u64,
    pub(super) codec: Codec,
    /// What the container says of it; none where the samples say it themselves.
    pub(super) config: Option<TrackConfig>,
    /// Bytes of the length in front of each NAL unit; 0 for start codes.
    pub(super) nal_length_bytes: usize,
}

/// One sample as the container holds it.
pub(super) struct Sample {
    pub(super) track: u64,
    pub(super) pts: MediaTime,
    pub(super) dts: MediaTime,
    pub(super) data: Bytes,
}

#[derive(Default)]
pub(super) struct Builder {
    tracks: Vec<Track>,
    has_key: bool,
    /// Parameter sets in force, to see a change.
    known: Option<TrackConfig>,
    changed: bool,
}

impl Builder {
    /// Takes a recording's tracks; true when others were in force.
    pub(super) fn set_tracks(&mut self, tracks: Vec<Track>) -> bool {
        let changed = !self.tracks.is_empty() && self.tracks != tracks;
        self.has_key &= !changed;
        self.tracks = tracks;
        changed
    }

    /// Pictures are left out up to the next key picture.
    pub(super) fn needs_key(&mut self) {
        self.has_key = false;
    }

    /// Whether parameter sets changed in mid-stream since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The unit of a sample; none for a track that is not ours, a picture that cannot be decoded, and what is broken. Its
    /// capture time, arrival and configuration are the caller's.
    pub(super) fn unit(&mut self, sample: Sample, source: SourceId) -> Option<AccessUnit> {
        let track = self.tracks.iter().find(|track| track.number == sample.track)?.clone();
        let data = match track.codec {
            Codec::H264 | Codec::H265 => annex_b(&sample.data, track.nal_length_bytes)?,
            Codec::AacAdts => with_header(&sample.data, track.config.as_ref()?)?,
            _ => sample.data,
        };
        if data.is_empty() {
            return None;
        }
        let mut unit = AccessUnit {
            source,
            codec: track.codec,
            config_id: ConfigId(0),
            capture: sample.pts,
            pts: sample.pts,
            dts: sample.dts,
            arrival: sample.pts,
            key: true,
            data,
        };
        if track.codec.is_audio() {
            return Some(unit);
        }
        unit.key = is_key(track.codec, &unit.data);
        if unit.key {
            self.complete(&mut unit, track.config.as_ref())?;
        }
        self.has_key |= unit.key;
        self.has_key.then_some(unit)
    }

    /// Puts the configuration in front of a key picture that has none, and notes a change; none when nothing says what it is.
    fn complete(&mut self, unit: &mut AccessUnit, stated: Option<&TrackConfig>) -> Option<()> {
        let inside = match unit.codec {
            Codec::H264 => h264::Parameters::find(&unit.data).map(TrackConfig::H264),
            Codec::H265 => h265::Parameters::find(&unit.data).map(TrackConfig::H265),
            Codec::Av1 => av1::Sequence::find(&unit.data).map(TrackConfig::Av1),
            Codec::Vp9 => tl_mp4::Vp9::find(&unit.data).map(TrackConfig::Vp9),
            _ => return Some(()),
        };
        let config = inside.or_else(|| stated.cloned())?;
        unit.data = match &config {
            TrackConfig::H264(parameters) => h264::with_parameter_sets(&unit.data, parameters),
            TrackConfig::H265(parameters) => h265::with_parameter_sets(&unit.data, parameters),
            TrackConfig::Av1(sequence) => av1::with_sequence_header(&unit.data, sequence),
            _ => unit.data.clone(),
        };
        self.changed |= self.known.as_ref().is_some_and(|known| *known != config);
        self.known = Some(config);
        Some(())
    }
}

/// What the bytes say; a container's own word is not asked, since some call every sample a key.
fn is_key(codec: Codec, data: &[u8]) -> bool {
    match codec {
        Codec::H264 => h264::is_key(data),
        Codec::H265 => h265::is_key(data),
        Codec::Vp8 => vp8::is_key(data),
        Codec::Vp9 => vp9::is_key(data),
        // The sequence header may stand in the container alone.
        Codec::Av1 => av1::is_key_frame(data),
        _ => true,
    }
}

/// Lengths in front of NAL units to start codes; none when they do not add up.
fn annex_b(sample: &Bytes, length_bytes: usize) -> Option<Bytes> {
    if length_bytes == 0 || sample.starts_with(&[0, 0, 0, 1, 0x09]) {
        return Some(sample.clone());
    }
    let mut out = Vec::with_capacity(sample.len() + 16);
    let mut rest = sample.as_ref();
    while !rest.is_empty() {
        let (length, behind) = rest.split_at_checked(length_bytes)?;
        let length = length.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        let (nal, behind) = behind.split_at_checked(length)?;
        if !nal.is_empty() {
            out.extend_from_slice(&[0, 0, 0, 1]);
            out.extend_from_slice(nal);
        }
        rest = behind;
    }
    Some(Bytes::from(out))
}

/// A raw AAC frame behind the header that its track's configuration makes.
fn with_header(frame: &Bytes, config: &TrackConfig) -> Option<Bytes> {
    let (object_type, rate_index, channels) = match config {
        TrackConfig::Aac { channels } => (2, 3, u8::try_from(*channels).ok()?),
        TrackConfig::SourceAac { object_type, rate_index, channels } => (*object_type, *rate_index, *channels),
        _ => return None,
    };
    let header = adts::Header::write(object_type, rate_index, channels, frame.len())?;
    Some(Bytes::from([&header[..], frame].concat()))
}
