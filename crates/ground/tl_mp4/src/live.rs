//! A stream of fragments that arrives in pieces: what its movie header describes, and where each sample of a fragment lies.
//!
//! The caller holds the bytes; here one whole box at a time is read.

use std::ops::Range;

use mp4_atom::{Atom, Tfdt, Tfhd, Trun, TrunSamples};

use crate::boxes::{Header, child, children, header};
use crate::inspect::{Defaults, Movie, NON_SYNC, movie};
use crate::{Error, TrackConfig};

/// The largest movie header or fragment header of a stream that should be taken.
pub const MAX_HEAD_BYTES: u64 = 1 << 20;
/// Samples that one fragment may announce: minutes of pictures and sound.
const MAX_SAMPLES: usize = 1 << 16;

/// A box's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxHead {
    /// Four characters.
    pub kind: [u8; 4],
    /// Bytes of the header: 8, or 16 with a long size.
    pub header_bytes: u64,
    /// Bytes with the header; none when the box reaches to the end of the stream.
    pub total_bytes: Option<u64>,
}

/// The header at the front of `bytes`, of which 16 are enough; none when they are too few or contradict themselves.
pub fn box_head(bytes: &[u8]) -> Option<BoxHead> {
    let Header { kind, header_bytes, total_bytes } = header(bytes)?;
    Some(BoxHead { kind, header_bytes, total_bytes })
}

/// One track of a stream.
#[derive(Clone, Debug)]
pub struct LiveTrack {
    /// Track id.
    pub id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// The sample entry's four characters.
    pub entry: [u8; 4],
    /// None when the codec is none of ours, or its parameter sets stand in the samples.
    pub config: Option<TrackConfig>,
    /// Bytes of the length in front of each NAL unit, 1 to 4; 4 where there are none.
    pub nal_length_bytes: usize,
}

/// A sample of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSample {
    /// Which track.
    pub track_id: u32,
    /// Where its bytes lie, from the start of the `moof`.
    pub data: Range<u64>,
    /// Decode time, ticks of its track.
    pub decode_time: u64,
    /// Presentation minus decode time, ticks.
    pub offset: i64,
    /// Ticks that it lasts.
    pub duration: u32,
    /// Whether decoding may start here.
    pub key: bool,
}

/// The movie header of a stream.
#[derive(Clone, Debug)]
pub struct LiveMovie(Movie);

impl LiveMovie {
    /// Reads a whole `moov` box.
    pub fn read(moov: &[u8]) -> Result<Self, Error> {
        let head = header(moov).filter(|head| head.kind == *b"moov" && moov.len() as u64 <= MAX_HEAD_BYTES).ok_or(Error::NoHeader("not a movie header"))?;
        Ok(Self(movie(body(moov, head))?))
    }

    /// Its tracks.
    pub fn tracks(&self) -> impl Iterator<Item = LiveTrack> {
        self.0.tracks.iter().map(|track| LiveTrack {
            id: track.id,
            timescale: track.timescale,
            entry: track.entry,
            config: track.config.clone(),
            nal_length_bytes: track.nal_length_bytes,
        })
    }

    /// The samples that a whole `moof` box announces, in the order in which they lie.
    pub fn samples(&self, moof: &[u8]) -> Result<Vec<LiveSample>, Error> {
        let malformed = Error::Malformed { kind: "moof", reason: "not readable" };
        let head = header(moof).filter(|head| head.kind == *b"moof" && moof.len() as u64 <= MAX_HEAD_BYTES).ok_or(malformed)?;
        let mut found = Vec::new();
        let mut next = 0;
        for traf in children(body(moof, head)).filter(|part| part.kind == *b"traf") {
            self.track_fragment(traf.body, &mut next, &mut found)?;
        }
        found.sort_by_key(|sample| sample.data.start);
        Ok(found)
    }

    /// The samples of one `traf`. `next` is where data goes on when nothing says where it lies.
    fn track_fragment(&self, traf: &[u8], next: &mut i64, found: &mut Vec<LiveSample>) -> Result<(), Error> {
        let malformed = |kind| move |_| Error::Malformed { kind, reason: "not readable" };
        let tfhd = Tfhd::decode_body(&mut { child(traf, "tfhd")?.body }).map_err(malformed("tfhd"))?;
        let inherited = self.0.tracks.iter().find(|track| track.id == tfhd.track_id).map(|track| track.defaults).unwrap_or_default();
        let defaults = Defaults {
            duration: tfhd.default_sample_duration.unwrap_or(inherited.duration),
            size: tfhd.default_sample_size.unwrap_or(inherited.size),
            flags: tfhd.default_sample_flags.unwrap_or(inherited.flags),
        };
        if tfhd.base_data_offset.is_some() {
            // A place in a file that nobody here has.
            return Err(Error::Malformed { kind: "tfhd", reason: "absolute offset in a stream" });
        }
        let mut decode_time = Tfdt::decode_body(&mut { child(traf, "tfdt")?.body }).map_err(malformed("tfdt"))?.base_media_decode_time;
        for part in children(traf).filter(|part| part.kind == *b"trun") {
            let trun = Trun::decode_body(&mut { part.body }).map_err(malformed("trun"))?;
            if trun.samples.len().saturating_add(found.len()) > MAX_SAMPLES {
                return Err(Error::Malformed { kind: "trun", reason: "too many samples" });
            }
            let mut at = trun.data_offset.map_or(*next, i64::from);
            run(&trun.samples, defaults, tfhd.track_id, &mut decode_time, &mut at, found)?;
            *next = at;
        }
        Ok(())
    }
}

fn run(samples: &TrunSamples, defaults: Defaults, track_id: u32, decode_time: &mut u64, at: &mut i64, found: &mut Vec<LiveSample>) -> Result<(), Error> {
    for entry in samples.iter() {
        let (size, duration) = (entry.size.unwrap_or(defaults.size), entry.duration.unwrap_or(defaults.duration));
        let outside = |_| Error::Malformed { kind: "trun", reason: "data lies outside the fragment" };
        let start = u64::try_from(*at).map_err(outside)?;
        let key = entry.flags.unwrap_or(defaults.flags) & NON_SYNC == 0;
        let data = start..start.saturating_add(size.into());
        found.push(LiveSample { track_id, data, decode_time: *decode_time, offset: entry.cts.unwrap_or(0), duration, key });
        *at = at.saturating_add(size.into());
        *decode_time = decode_time.saturating_add(duration.into());
    }
    Ok(())
}

fn body(whole: &[u8], head: Header) -> &[u8] {
    whole.get(usize::try_from(head.header_bytes).unwrap_or(usize::MAX)..).unwrap_or_default()
}

/// The configuration of an `avcC` record (ISO/IEC 14496-15, 5.3.3.1), as Matroska carries it: parameters where there are any,
/// and the bytes of each NAL unit's length.
pub fn avc_record(record: &[u8]) -> Option<(Option<TrackConfig>, usize)> {
    let avcc = mp4_atom::Avcc::decode_body(&mut { record }).ok()?;
    Some((crate::inspect::avc_config(&avcc).map(TrackConfig::H264), usize::from(avcc.length_size)))
}

/// The same of an `hvcC` record (8.3.3.1).
pub fn hevc_record(record: &[u8]) -> Option<(Option<TrackConfig>, usize)> {
    let hvcc = mp4_atom::Hvcc::decode_body(&mut { record }).ok()?;
    Some((crate::inspect::hevc_config(&hvcc).map(TrackConfig::H265), usize::from(hvcc.length_size_minus_one) + 1))
}
