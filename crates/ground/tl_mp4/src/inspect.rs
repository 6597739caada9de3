//! What the boxes of a movie header and of a fragment say.

use mp4_atom::{Atom, Av1c, Avcc, Dops, Esds, Hvcc, Tfdt, Tfhd, Trex, Trun, TrunSamples, VpcC};
use tl_base::Size;
use tl_frame::{av1, h264, h265, vp9};

use crate::boxes::{be_u16, be_u32, child, children};
use crate::scan::Reader;
use crate::{Error, Track, TrackConfig, Vp9};

/// More tracks than this are a sign of nonsense, not of a recording.
const MAX_TRACKS: usize = 64;
/// An elementary stream descriptor is a few dozen bytes; its parser recurses, so its depth is held down by its length.
const MAX_ESDS_BYTES: usize = 512;
/// AudioSpecificConfig's index of 48 kHz (ISO/IEC 14496-3, table 1.18).
const AAC_48_KHZ: u8 = 3;
/// Bytes of a picture sample entry before its boxes.
const VISUAL_ENTRY_BYTES: usize = 78;
/// Bytes of a sound sample entry before its boxes.
const AUDIO_ENTRY_BYTES: usize = 28;
/// `sample_is_non_sync_sample` (ISO/IEC 14496-12, 8.8.3.1).
pub(crate) const NON_SYNC: u32 = 0x0001_0000;

/// What the movie header says of one track.
#[derive(Clone, Debug)]
pub(crate) struct MovieTrack {
    pub id: u32,
    pub timescale: u32,
    /// The sample entry's four characters.
    pub entry: [u8; 4],
    /// None when the codec is none of ours.
    pub config: Option<TrackConfig>,
    /// Bytes of the length in front of each NAL unit; 4 where there are none.
    pub nal_length_bytes: usize,
    /// Samples in the header's own tables; none in a fragmented file.
    pub table_samples: u64,
    /// Ticks that those samples last.
    pub table_duration: u64,
    pub defaults: Defaults,
}

/// What samples of a fragment inherit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    pub duration: u32,
    pub size: u32,
    pub flags: u32,
}

/// The tracks of a movie header.
#[derive(Clone, Debug)]
pub(crate) struct Movie {
    pub tracks: Vec<MovieTrack>,
    /// Whether fragments may follow.
    pub fragmented: bool,
}

/// One fragment.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Sequence number.
    pub sequence: u32,
    /// Its runs, one for each track fragment.
    pub runs: Vec<FragmentRun>,
    /// Bytes of `moof` and `mdat`.
    pub bytes: u64,
}

/// One track's samples in a fragment.
#[derive(Clone, Debug)]
pub struct FragmentRun {
    /// Which track.
    pub track_id: u32,
    /// Decode time of the first sample; none when the fragment does not say.
    pub base_decode_time: Option<u64>,
    /// Ticks that all samples last.
    pub duration: u64,
    /// How many samples.
    pub samples: u64,
    /// Whether decoding may start at the first one.
    pub starts_with_sync: bool,
    /// Where the samples lie, bytes from the start of the `moof`.
    pub data: std::ops::Range<u64>,
    /// Where the decode time is written, bytes from the start of the `moof` body, and whether it has 64 bits.
    pub(crate) time_field: Option<(usize, bool)>,
}

/// The tracks that an initialisation segment describes; refuses codecs that are not ours.
pub fn read_init(bytes: &[u8]) -> Result<Vec<Track>, Error> {
    let (reader, _) = Reader::open(std::io::Cursor::new(bytes), bytes.len() as u64)?;
    let ours = |track: &MovieTrack| {
        let config = track.config.clone().ok_or(Error::Malformed { kind: "stsd", reason: "codec is not known here" })?;
        Ok(Track { id: track.id, timescale: track.timescale, config })
    };
    reader.movie().tracks.iter().map(ours).collect()
}

/// The fragments of a media segment that belongs to `init`; refuses anything that is cut off or left over.
pub fn read_fragments(init: &[u8], segment: &[u8]) -> Result<Vec<Fragment>, Error> {
    let (reader, _) = Reader::open(std::io::Cursor::new(init), init.len() as u64)?;
    let mut reader = Reader::resume(std::io::Cursor::new(segment), segment.len() as u64, reader.movie().clone());
    let mut found = Vec::new();
    while let Some(at) = reader.next_fragment()? {
        found.push(at.fragment);
    }
    if reader.whole_bytes() != segment.len() as u64 {
        return Err(Error::Malformed { kind: "moof", reason: "segment is not whole fragments" });
    }
    Ok(found)
}

/// Reads the body of a `moov`.
pub(crate) fn movie(body: &[u8]) -> Result<Movie, Error> {
    let mut tracks = Vec::new();
    let mut trexes = Vec::new();
    let mut fragmented = false;
    for part in children(body) {
        match &part.kind {
            b"trak" if tracks.len() == MAX_TRACKS => return Err(Error::Malformed { kind: "moov", reason: "too many tracks" }),
            b"trak" => tracks.push(movie_track(part.body)?),
            b"mvex" => {
                fragmented = true;
                let leaves = children(part.body).filter(|leaf| leaf.kind == *b"trex").take(MAX_TRACKS);
                trexes.extend(leaves.filter_map(|leaf| Trex::decode_body(&mut { leaf.body }).ok()));
            }
            _ => {}
        }
    }
    for track in &mut tracks {
        if let Some(trex) = trexes.iter().find(|trex| trex.track_id == track.id) {
            track.defaults = Defaults { duration: trex.default_sample_duration, size: trex.default_sample_size, flags: trex.default_sample_flags };
        }
    }
    if tracks.is_empty() {
        return Err(Error::NoHeader("no track"));
    }
    Ok(Movie { tracks, fragmented })
}

fn movie_track(body: &[u8]) -> Result<MovieTrack, Error> {
    let tkhd = child(body, "tkhd")?;
    let mdia = child(body, "mdia")?;
    let mdhd = child(mdia.body, "mdhd")?;
    let stbl = child(child(mdia.body, "minf")?.body, "stbl")?;
    // Both boxes hold two times before the field, of 32 or of 64 bits.
    let after_times = |body: &[u8]| body.first().map(|version| if *version == 1 { 20 } else { 12 });
    let cut = |kind| Error::Malformed { kind, reason: "cut off" };
    let id = after_times(tkhd.body).and_then(|at| be_u32(tkhd.body, at)).ok_or(cut("tkhd"))?;
    let timescale = after_times(mdhd.body).and_then(|at| be_u32(mdhd.body, at)).ok_or(cut("mdhd"))?;
    if timescale == 0 {
        return Err(Error::Malformed { kind: "mdhd", reason: "timescale is zero" });
    }
    let stsd = child(stbl.body, "stsd")?;
    let entry = stsd.body.get(8..).and_then(|entries| children(entries).next()).ok_or(cut("stsd"))?;
    let (table_samples, table_duration) = tables(stbl.body)?;
    Ok(MovieTrack {
        id,
        timescale,
        entry: entry.kind,
        config: config(entry.kind, entry.body),
        nal_length_bytes: nal_length_bytes(entry.kind, entry.body).unwrap_or(4),
        table_samples,
        table_duration,
        defaults: Defaults::default(),
    })
}

/// Samples and ticks in the tables of `stbl`; counts that their boxes cannot hold are refused, never allocated.
fn tables(stbl: &[u8]) -> Result<(u64, u64), Error> {
    let samples = match child(stbl, "stsz") {
        Err(_) => 0,
        Ok(stsz) => {
            let cut = Error::Malformed { kind: "stsz", reason: "cut off" };
            let (Some(size), Some(count)) = (be_u32(stsz.body, 4), be_u32(stsz.body, 8)) else { return Err(cut) };
            if size == 0 && u64::from(count) * 4 > stsz.body.len().saturating_sub(12) as u64 {
                return Err(Error::Malformed { kind: "stsz", reason: "count exceeds the box" });
            }
            u64::from(count)
        }
    };
    let Ok(stts) = child(stbl, "stts") else { return Ok((samples, 0)) };
    let count = be_u32(stts.body, 4).ok_or(Error::Malformed { kind: "stts", reason: "cut off" })?;
    let entries = stts.body.get(8..).unwrap_or_default();
    if u64::from(count) * 8 > entries.len() as u64 {
        return Err(Error::Malformed { kind: "stts", reason: "count exceeds the box" });
    }
    let ticks = |entry: &[u8]| u64::from(be_u32(entry, 0).unwrap_or(0)).saturating_mul(u64::from(be_u32(entry, 4).unwrap_or(0)));
    let duration = entries.chunks_exact(8).take(count as usize).map(ticks).fold(0, u64::saturating_add);
    Ok((samples, duration))
}

fn config(entry: [u8; 4], body: &[u8]) -> Option<TrackConfig> {
    match &entry {
        b"avc1" | b"avc3" => {
            let avcc = child(body.get(VISUAL_ENTRY_BYTES..)?, "avcC").ok()?;
            avc_config(&Avcc::decode_body(&mut { avcc.body }).ok()?).map(TrackConfig::H264)
        }
        b"mp4a" => {
            let esds = child(body.get(AUDIO_ENTRY_BYTES..)?, "esds").ok().filter(|esds| esds.body.len() <= MAX_ESDS_BYTES)?;
            let config = Esds::decode_body(&mut { esds.body }).ok()?.es_desc.dec_config;
            let specific = config.dec_specific.filter(|_| config.object_type_indication == 0x40)?;
            let channels = u8::try_from(be_u16(body, 16)?).ok()?;
            match (specific.profile, specific.freq_index, specific.chan_conf) {
                (2, AAC_48_KHZ, 1 | 2) => Some(TrackConfig::Aac { channels: channels.into() }),
                // What spectral band replication adds is found by the decoder; its core is LC.
                (2 | 5 | 29, rate_index @ 0..=12, chan_conf @ 1..=7) => Some(TrackConfig::SourceAac { object_type: 2, rate_index, channels: chan_conf }),
                _ => None,
            }
        }
        b"hvc1" | b"hev1" => {
            let hvcc = child(body.get(VISUAL_ENTRY_BYTES..)?, "hvcC").ok()?;
            hevc_config(&Hvcc::decode_body(&mut { hvcc.body }).ok()?).map(TrackConfig::H265)
        }
        b"vp09" => {
            let vpcc = child(body.get(VISUAL_ENTRY_BYTES..)?, "vpcC").ok()?;
            vp9_config(body, &VpcC::decode_body(&mut { vpcc.body }).ok()?).map(TrackConfig::Vp9)
        }
        b"av01" => {
            let av1c = child(body.get(VISUAL_ENTRY_BYTES..)?, "av1C").ok()?;
            let av1c = Av1c::decode_body(&mut { av1c.body }).ok()?;
            av1::Sequence::find(&av1c.config_obus).map(TrackConfig::Av1)
        }
        b"Opus" => {
            let dops = child(body.get(AUDIO_ENTRY_BYTES..)?, "dOps").ok()?;
            let dops = Dops::decode_body(&mut { dops.body }).ok()?;
            Some(TrackConfig::Opus { channels: u16::from(dops.output_channel_count), pre_skip: dops.pre_skip })
        }
        _ => None,
    }
}

pub(crate) fn avc_config(avcc: &Avcc) -> Option<h264::Parameters> {
    h264::Parameters::parse(avcc.sequence_parameter_sets.first()?, avcc.picture_parameter_sets.first()?)
}

pub(crate) fn hevc_config(hvcc: &Hvcc) -> Option<h265::Parameters> {
    let nals = |kind: u8| hvcc.arrays.iter().filter(move |array| array.nal_unit_type == kind).flat_map(|array| &array.nalus).map(Vec::as_slice);
    let pps: Vec<&[u8]> = nals(h265::PPS).collect();
    h265::Parameters::parse(nals(h265::VPS).next()?, nals(h265::SPS).next()?, &pps)
}

/// The field that stands at a fixed place of both records (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1).
fn nal_length_bytes(entry: [u8; 4], body: &[u8]) -> Option<usize> {
    let (kind, at) = match &entry {
        b"avc1" | b"avc3" => ("avcC", 4),
        b"hvc1" | b"hev1" => ("hvcC", 21),
        _ => return None,
    };
    let record = child(body.get(VISUAL_ENTRY_BYTES..)?, kind).ok()?;
    Some(usize::from(record.body.get(at)? & 3) + 1)
}

fn vp9_config(entry: &[u8], vpcc: &VpcC) -> Option<Vp9> {
    let subsampling = match vpcc.chroma_subsampling {
        0 | 1 => (true, true),
        2 => (true, false),
        _ => (false, false),
    };
    let space = match vpcc.matrix_coefficients {
        6 => 1,
        1 => 2,
        _ => 0,
    };
    let colour = vp9::Colour { bit_depth: vpcc.bit_depth, space, full_range: vpcc.video_full_range_flag, subsampling };
    Some(Vp9 { size: Size::new(be_u16(entry, 24)?.into(), be_u16(entry, 26)?.into()), profile: vpcc.profile, colour })
}

/// Reads the body of a `moof` whose header has `header_bytes` and which lies at `offset` of its file.
pub(crate) fn fragment(body: &[u8], header_bytes: u64, offset: u64, movie: &Movie) -> Result<Fragment, Error> {
    let mfhd = child(body, "mfhd")?;
    let sequence = be_u32(mfhd.body, 4).ok_or(Error::Malformed { kind: "mfhd", reason: "cut off" })?;
    let mut runs = Vec::new();
    for traf in children(body).filter(|part| part.kind == *b"traf") {
        if runs.len() == MAX_TRACKS {
            return Err(Error::Malformed { kind: "moof", reason: "too many track fragments" });
        }
        runs.push(run(traf.body, traf.body_at, offset, movie)?);
    }
    Ok(Fragment { sequence, runs, bytes: header_bytes + body.len() as u64 })
}

fn run(body: &[u8], body_at: usize, moof_offset: u64, movie: &Movie) -> Result<FragmentRun, Error> {
    let malformed = |kind| move |_| Error::Malformed { kind, reason: "not readable" };
    let tfhd = Tfhd::decode_body(&mut { child(body, "tfhd")?.body }).map_err(malformed("tfhd"))?;
    let inherited = movie.tracks.iter().find(|track| track.id == tfhd.track_id).map(|track| track.defaults).unwrap_or_default();
    let defaults = Defaults {
        duration: tfhd.default_sample_duration.unwrap_or(inherited.duration),
        size: tfhd.default_sample_size.unwrap_or(inherited.size),
        flags: tfhd.default_sample_flags.unwrap_or(inherited.flags),
    };
    let mut found =
        FragmentRun { track_id: tfhd.track_id, base_decode_time: None, duration: 0, samples: 0, starts_with_sync: false, data: 0..0, time_field: None };
    if let Ok(tfdt) = child(body, "tfdt") {
        let wide = tfdt.body.first() == Some(&1);
        found.base_decode_time = Some(Tfdt::decode_body(&mut { tfdt.body }).map_err(malformed("tfdt"))?.base_media_decode_time);
        found.time_field = Some((body_at + tfdt.body_at + 4, wide));
    }
    // An absolute base is turned into one that counts from the moof; what lies before it is no data of this fragment.
    let base = tfhd.base_data_offset.map_or(0, |base| base as i128 - i128::from(moof_offset));
    let mut next = base;
    let mut data: Option<(i128, i128)> = None;
    for part in children(body).filter(|part| part.kind == *b"trun") {
        let trun = Trun::decode_body(&mut { part.body }).map_err(malformed("trun"))?;
        let totals = totals(&trun.samples, defaults);
        if found.samples == 0 && totals.samples > 0 {
            found.starts_with_sync = totals.first_flags & NON_SYNC == 0;
        }
        found.samples = found.samples.saturating_add(totals.samples);
        found.duration = found.duration.saturating_add(totals.duration);
        let start = trun.data_offset.map_or(next, |offset| base + i128::from(offset));
        next = start + i128::from(totals.bytes);
        data = Some(data.map_or((start, next), |(low, high)| (low.min(start), high.max(next))));
    }
    let (start, end) = data.unwrap_or((0, 0));
    let outside = |_| Error::Malformed { kind: "trun", reason: "data lies outside the fragment" };
    found.data = u64::try_from(start).map_err(outside)?..u64::try_from(end).map_err(outside)?;
    Ok(found)
}

struct Totals {
    samples: u64,
    duration: u64,
    bytes: u64,
    first_flags: u32,
}

fn totals(samples: &TrunSamples, defaults: Defaults) -> Totals {
    match samples {
        // Never counted out: four thousand million samples may be claimed in twelve bytes.
        TrunSamples::Inherited { count, first_flags } => Totals {
            samples: u64::from(*count),
            duration: u64::from(*count) * u64::from(defaults.duration),
            bytes: u64::from(*count) * u64::from(defaults.size),
            first_flags: first_flags.unwrap_or(defaults.flags),
        },
        TrunSamples::Explicit(entries) => Totals {
            samples: entries.len() as u64,
            duration: entries.iter().map(|entry| u64::from(entry.duration.unwrap_or(defaults.duration))).sum(),
            bytes: entries.iter().map(|entry| u64::from(entry.size.unwrap_or(defaults.size))).sum(),
            first_flags: entries.first().and_then(|entry| entry.flags).unwrap_or(defaults.flags),
        },
    }
}
