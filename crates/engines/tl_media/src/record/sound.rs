//! Sound on its way into a part: what it is, and where on the file's timeline each packet lies.

use tl_base::{MediaTime, SAMPLE_RATE_HZ};
use tl_frame::{AccessUnit, Codec, adts};
use tl_mp4::TrackConfig;

use crate::decode::samples_of;
use crate::record::container::Timed;

/// What an Opus decoder throws away at the start: the usual encoder's run-in, samples.
pub(super) const OPUS_PRE_SKIP: u16 = 312;
/// Sound this close behind its expected place is put there; more is a gap.
const AUDIO_SLACK: MediaTime = MediaTime::from_millis(10);
/// Sound that has run so far ahead of its pictures loses a packet: less than one picture's time.
const AUDIO_LEAD: MediaTime = MediaTime::from_millis(25);

/// How a track's sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    /// The programme's: raw AAC-LC, 48 kHz stereo.
    Aac,
    /// A source's, with what its headers say.
    SourceAac { object_type: u8, rate_index: u8, channels: u8 },
    /// 48 kHz stereo.
    Opus,
}

/// One packet and what it is.
pub(super) struct Packet {
    pub(super) sound: Sound,
    pub(super) data: bytes::Bytes,
    pub(super) length: MediaTime,
}

impl Packet {
    /// Reads a unit of sound; none when it is none or is broken.
    pub(super) fn read(unit: &AccessUnit) -> Option<Self> {
        match unit.codec {
            Codec::Aac => Some(Self { sound: Sound::Aac, data: unit.data.clone(), length: MediaTime::from_samples(1_024) }),
            Codec::Opus => {
                let samples = i64::try_from(samples_of(&unit.data)?).ok()?;
                Some(Self { sound: Sound::Opus, data: unit.data.clone(), length: MediaTime::from_samples(samples) })
            }
            Codec::AacAdts => {
                let header = adts::Header::parse(&unit.data).filter(|header| header.frame_bytes == unit.data.len() && header.blocks == 1)?;
                let sound = Sound::SourceAac { object_type: header.object_type, rate_index: header.rate_index, channels: header.channels };
                let length = MediaTime(i64::from(header.samples()) * 1_000_000_000 / i64::from(header.rate_hz()));
                Some(Self { sound, data: unit.data.slice(header.header_bytes..), length })
            }
            _ => None,
        }
    }
}

impl Sound {
    pub(super) fn is_aac(self) -> bool {
        self != Self::Opus
    }

    /// Ticks a second of its track: its own samples, so that no packet's length is rounded.
    pub(super) fn timescale(self) -> u32 {
        match self {
            Self::SourceAac { rate_index, .. } => adts::rate_of(rate_index),
            Self::Aac | Self::Opus => SAMPLE_RATE_HZ,
        }
    }

    pub(super) fn track(self) -> TrackConfig {
        match self {
            Self::Aac => TrackConfig::Aac { channels: 2 },
            Self::SourceAac { object_type, rate_index, channels } => TrackConfig::SourceAac { object_type, rate_index, channels },
            Self::Opus => TrackConfig::Opus { channels: 2, pre_skip: OPUS_PRE_SKIP },
        }
    }
}

/// One sound track of a part.
#[derive(Default)]
pub(super) struct SoundTrack {
    /// What the file's head says of it, or will say.
    pub(super) sound: Option<Sound>,
    pub(super) samples: Vec<Timed>,
    end: Option<MediaTime>,
    /// Sound came that the head has no room for.
    pub(super) misses: bool,
}

impl SoundTrack {
    /// A track that the head announces even when no sound has come, or one that waits for its first.
    pub(super) fn expecting(sound: Option<Sound>) -> Self {
        Self { sound, ..Self::default() }
    }

    /// Whether the file takes such sound: as its head says, or any while there is no head.
    pub(super) fn takes(&mut self, sound: Sound, head_written: bool) -> bool {
        let takes = self.sound.map_or(!head_written, |known| known == sound);
        self.misses |= !takes;
        takes
    }

    /// The packets that begin before `end`.
    pub(super) fn due(&self, end: MediaTime) -> &[Timed] {
        let count = self.samples.partition_point(|sample| sample.start < end);
        self.samples.get(..count).unwrap_or_default()
    }

    /// Whether there are any.
    pub(super) fn is_due(&self, end: MediaTime) -> bool {
        !self.due(end).is_empty()
    }

    /// Forgets them.
    pub(super) fn drop_due(&mut self, end: MediaTime) {
        self.samples.drain(..self.due(end).len());
    }

    /// Puts a packet at `at` of the file's timeline, or directly behind the one before when that is near.
    pub(super) fn push(&mut self, packet: Packet, at: MediaTime) {
        let lead = self.end.map_or(MediaTime::ZERO, |end| end - at);
        if at < MediaTime::ZERO || lead > AUDIO_LEAD {
            return;
        }
        let start = match self.end {
            Some(end) if at - end < AUDIO_SLACK => end,
            _ => at,
        };
        let end = start + packet.length;
        if let Some(last) = self.samples.last_mut() {
            last.end = start;
        }
        self.sound = Some(packet.sound);
        self.end = Some(end);
        self.samples.push(Timed { start, end, offset: MediaTime::ZERO, key: true, data: packet.data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_packet_is_read_without_a_panic() {
        bolero::check!().with_type::<(Vec<u8>, u8)>().for_each(|(bytes, codec)| {
            let codec = [Codec::Opus, Codec::AacAdts, Codec::Aac, Codec::H264][usize::from(*codec) % 4];
            // Half of them begin as an ADTS header does.
            let data = if bytes.len() % 2 == 0 { bytes.clone() } else { [&[0xff, 0xf1][..], bytes].concat() };
            let at = MediaTime::ZERO;
            let config_id = tl_frame::ConfigId(0);
            let unit = AccessUnit { source: tl_base::SlotId(1), codec, config_id, capture: at, pts: at, dts: at, arrival: at, key: true, data: data.into() };
            if let Some(packet) = Packet::read(&unit) {
                assert!(packet.data.len() <= unit.data.len() && packet.length > MediaTime::ZERO && packet.length < MediaTime::from_secs(1));
                assert!(packet.sound.timescale() > 0);
            }
        });
    }
}
