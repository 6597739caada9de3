//! One fragment: `moof` and `mdat`.

use bytes::Bytes;
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};

use crate::Error;

/// Sample flags of one that depends on no other (ISO/IEC 14496-12, 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
/// Sample flags of one that depends on others and is no sync sample.
const NOT_SYNC: u32 = 0x0101_0000;
/// Size and kind in front of the media data.
const MDAT_HEADER_BYTES: usize = 8;

/// One sample of a track.
#[derive(Clone, Debug)]
pub struct Sample {
    /// H.264 or H.265 with 4-byte lengths in front of the NAL units, one VP9 superframe, one AV1 temporal unit, one raw AAC
    /// frame, or one Opus packet.
    pub data: Bytes,
    /// Ticks of the track's timescale.
    pub duration: u32,
    /// Whether decoding may start here; true for every sound sample.
    pub key: bool,
}

/// Consecutive samples of one track.
#[derive(Clone, Debug)]
pub struct Run {
    /// As in the movie header.
    pub track_id: u32,
    /// Decode time of the first sample, ticks of the track's timescale.
    pub base_decode_time: u64,
    /// At least one.
    pub samples: Vec<Sample>,
}

/// One `moof` and its `mdat` with these runs, in this order. Presentation follows decoding order, so there are no
/// composition offsets. `sequence` rises by one from fragment to fragment of a file.
pub fn fragment(sequence: u32, runs: &[Run]) -> Result<Bytes, Error> {
    fragment_reordered(sequence, runs, &[])
}

/// The same for pictures that are shown in another order than decoded: `offsets[run][sample]` is presentation minus decoding
/// time, ticks of the track's timescale. A run without offsets of its own, and a sample behind their end, has none.
pub fn fragment_reordered(sequence: u32, runs: &[Run], offsets: &[Vec<i32>]) -> Result<Bytes, Error> {
    if runs.is_empty() || runs.iter().any(|run| run.samples.is_empty()) {
        return Err(Error::Empty);
    }
    let payload: u64 = runs.iter().flat_map(|run| &run.samples).map(|sample| sample.data.len() as u64).sum();
    let too_large = |_| Error::TooLarge { what: "fragment", size: payload };
    let mdat_bytes = u32::try_from(payload + MDAT_HEADER_BYTES as u64).map_err(too_large)?;

    let offsets_of = |at: usize| offsets.get(at).map_or(&[][..], Vec::as_slice);
    let trafs = runs.iter().enumerate().map(|(at, run)| traf(run, offsets_of(at)));
    let mut moof = Moof { mfhd: Mfhd { sequence_number: sequence }, traf: trafs.collect::<Result<_, _>>()? };
    let mut measure = Vec::with_capacity(1_024);
    moof.encode(&mut measure)?;
    let mut data_offset = measure.len() + MDAT_HEADER_BYTES;
    for (traf, run) in moof.traf.iter_mut().zip(runs) {
        for trun in &mut traf.trun {
            trun.data_offset = Some(i32::try_from(data_offset).map_err(too_large)?);
        }
        data_offset += run.samples.iter().map(|sample| sample.data.len()).sum::<usize>();
    }

    let mut out = measure;
    out.clear();
    out.reserve_exact(data_offset);
    moof.encode(&mut out)?;
    out.extend_from_slice(&mdat_bytes.to_be_bytes());
    out.extend_from_slice(b"mdat");
    for sample in runs.iter().flat_map(|run| &run.samples) {
        out.extend_from_slice(&sample.data);
    }
    Ok(Bytes::from(out))
}

fn traf(run: &Run, offsets: &[i32]) -> Result<Traf, Error> {
    let reordered = offsets.iter().any(|offset| *offset != 0);
    let first_duration = run.samples.first().map_or(0, |sample| sample.duration);
    let even = run.samples.iter().all(|sample| sample.duration == first_duration);
    let all_key = run.samples.iter().all(|sample| sample.key);
    // One flag for all where possible; a key picture in front costs one word, one elsewhere costs a word a sample.
    let key_later = run.samples.iter().skip(1).any(|sample| sample.key);
    let entry = |(at, sample): (usize, &Sample)| {
        let flags = if sample.key { SYNC } else { NOT_SYNC };
        let size = u32::try_from(sample.data.len()).map_err(|_| Error::TooLarge { what: "sample", size: sample.data.len() as u64 })?;
        let says_flags = !all_key && (key_later || (at == 0 && sample.key));
        let cts = reordered.then(|| i64::from(offsets.get(at).copied().unwrap_or_default()));
        Ok(TrunEntry { duration: (!even).then_some(sample.duration), size: Some(size), flags: says_flags.then_some(flags), cts })
    };
    let entries: Vec<TrunEntry> = run.samples.iter().enumerate().map(entry).collect::<Result<_, Error>>()?;
    Ok(Traf {
        tfhd: Tfhd {
            track_id: run.track_id,
            default_sample_duration: even.then_some(first_duration),
            default_sample_flags: Some(if all_key { SYNC } else { NOT_SYNC }),
            default_base_is_moof: true,
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time: run.base_decode_time }),
        // The offset is filled in once the size of the whole box is known; it does not change that size.
        trun: vec![Trun { data_offset: Some(0), samples: TrunSamples::Explicit(entries) }],
        ..Traf::default()
    })
}
