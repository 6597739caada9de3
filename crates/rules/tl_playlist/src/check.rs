//! A part as it was written, against what it was made of.
//!
//! This reads the boxes itself and shares nothing with the writer, so that a mistake of the writer is not repeated here. It is
//! strict: what the writer has no reason to write is a flaw.

use tl_mp4::Sample;

/// Sample flags of one that depends on no other, and of one that does (ISO/IEC 14496-12, 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;
/// `default-base-is-moof`, `default-sample-duration` and `default-sample-flags` of a track fragment header.
const BASE_IS_MOOF: u32 = 0x02_0000;
const DEFAULT_DURATION: u32 = 0x08;
const DEFAULT_FLAGS: u32 = 0x20;
/// Data offset, flags of the first sample, and durations, sizes and flags for each sample, of a track run.
const OFFSET: u32 = 0x001;
const FIRST_FLAGS: u32 = 0x004;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const FLAGS: u32 = 0x400;

/// What a part must say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub track_id: u32,
    pub sequence: u32,
    /// Decode time of its first sample.
    pub start: u64,
    pub samples: &'a [Sample],
}

/// What is wrong with a part.
pub(crate) type Flaw = &'static str;

/// Whether `bytes` are `moof` and `mdat` of exactly what is wanted.
pub(crate) fn part(bytes: &[u8], wanted: &Wanted<'_>) -> Result<(), Flaw> {
    let mut file = Cursor(bytes);
    let mut moof = file.body(b"moof").ok_or("moof is not whole")?;
    let moof_bytes = bytes.len() - file.0.len();
    let mut mfhd = moof.body(b"mfhd").ok_or("mfhd is missing")?;
    mfhd.expect(0, "mfhd is of another kind")?;
    mfhd.expect(wanted.sequence, "sequence number is wrong")?;
    mfhd.end()?;
    let mut traf = moof.body(b"traf").ok_or("traf is missing")?;
    moof.end()?;
    let defaults = header(&mut traf, wanted)?;
    let mut tfdt = traf.body(b"tfdt").ok_or("tfdt is missing")?;
    tfdt.expect(0x0100_0000, "tfdt is of another kind")?;
    tfdt.expect((wanted.start >> 32) as u32, "decode time is wrong")?;
    tfdt.expect(wanted.start as u32, "decode time is wrong")?;
    tfdt.end()?;
    let trun = traf.body(b"trun").ok_or("trun is missing")?;
    traf.end()?;
    run(trun, wanted, defaults, moof_bytes)?;
    let mut mdat = file.body(b"mdat").ok_or("mdat is not whole")?;
    file.end()?;
    for sample in wanted.samples {
        let held = mdat.take(sample.data.len()).ok_or("mdat is too short")?;
        if held != sample.data {
            return Err("a sample is not what was encoded");
        }
    }
    mdat.end()
}

/// Duration and flags of samples that do not say theirs.
type Defaults = (Option<u32>, Option<u32>);

fn header(traf: &mut Cursor<'_>, wanted: &Wanted<'_>) -> Result<Defaults, Flaw> {
    let mut tfhd = traf.body(b"tfhd").ok_or("tfhd is missing")?;
    let flags = tfhd.u32().ok_or("tfhd is cut off")?;
    if flags & !(DEFAULT_DURATION | DEFAULT_FLAGS) != BASE_IS_MOOF {
        return Err("tfhd is of another kind");
    }
    tfhd.expect(wanted.track_id, "track is wrong")?;
    let mut default = |flag: u32| if flags & flag == 0 { Ok(None) } else { tfhd.u32().map(Some).ok_or("tfhd is cut off") };
    let found = (default(DEFAULT_DURATION)?, default(DEFAULT_FLAGS)?);
    tfhd.end()?;
    if found.1.is_some_and(|flags| flags != SYNC && flags != NOT_SYNC) {
        return Err("sync flag of the track is wrong");
    }
    Ok(found)
}

fn run(mut trun: Cursor<'_>, wanted: &Wanted<'_>, (duration, flags): Defaults, moof_bytes: usize) -> Result<(), Flaw> {
    let kind = trun.u32().ok_or("trun is cut off")?;
    // Version 1; what every sample says for itself may vary, the rest may not.
    if kind & !(FIRST_FLAGS | DURATIONS | FLAGS) != 0x0100_0000 | OFFSET | SIZES {
        return Err("trun is of another kind");
    }
    trun.expect(wanted.samples.len() as u32, "number of samples is wrong")?;
    trun.expect(moof_bytes as u32 + 8, "data offset is wrong")?;
    let first_flags = if kind & FIRST_FLAGS == 0 { flags } else { trun.u32() };
    for (at, sample) in wanted.samples.iter().enumerate() {
        let flags = if at == 0 { first_flags } else { flags };
        let mut own = |flag: u32, default: Option<u32>| if kind & flag == 0 { default } else { trun.u32() };
        if own(DURATIONS, duration) != Some(sample.duration) {
            return Err("duration of a sample is wrong");
        }
        if own(SIZES, None) != u32::try_from(sample.data.len()).ok() {
            return Err("size of a sample is wrong");
        }
        if own(FLAGS, flags) != Some(if sample.key { SYNC } else { NOT_SYNC }) {
            return Err(if at == 0 { "sync flag of the first sample is wrong" } else { "sync flag of a sample is wrong" });
        }
    }
    trun.end()
}

/// Bytes that are still to be read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn expect(&mut self, value: u32, flaw: Flaw) -> Result<(), Flaw> {
        if self.u32() == Some(value) { Ok(()) } else { Err(flaw) }
    }

    /// The body of the next box, which is whole and of this kind.
    fn body(&mut self, kind: &[u8; 4]) -> Option<Self> {
        let bytes = usize::try_from(self.u32()?).ok()?.checked_sub(8)?;
        if self.take(4)? != kind {
            return None;
        }
        self.take(bytes).map(Self)
    }

    fn end(&self) -> Result<(), Flaw> {
        if self.0.is_empty() { Ok(()) } else { Err("something is left over") }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tl_mp4::Run;

    use super::*;

    fn sample(bytes: usize, duration: u32, key: bool) -> Sample {
        Sample { data: Bytes::from(vec![7; bytes]), duration, key }
    }

    fn shapes() -> Vec<Vec<Sample>> {
        vec![
            vec![sample(40, 1_600, true), sample(9, 1_600, false), sample(11, 1_600, false)],
            vec![sample(40, 1_600, true), sample(9, 1_601, false)],
            vec![sample(5, 1_600, false), sample(50, 1_601, true)],
            vec![sample(6, 1_024, true); 10],
            vec![sample(6, 1_600, false)],
        ]
    }

    fn written(samples: &[Sample]) -> Bytes {
        tl_mp4::fragment(7, &[Run { track_id: 1, base_decode_time: 5_000_000_000, samples: samples.to_vec() }]).expect("a fragment")
    }

    fn wanted(samples: &[Sample]) -> Wanted<'_> {
        Wanted { track_id: 1, sequence: 7, start: 5_000_000_000, samples }
    }

    #[test]
    fn what_the_writer_makes_is_good_and_every_flipped_bit_is_seen() {
        for samples in shapes() {
            let good = written(&samples);
            assert_eq!(part(&good, &wanted(&samples)), Ok(()));
            for bit in 0..good.len() * 8 {
                let mut spoilt = good.to_vec();
                spoilt[bit / 8] ^= 1 << (bit % 8);
                assert!(part(&spoilt, &wanted(&samples)).is_err(), "bit {bit} of {samples:?}");
            }
            for len in 0..good.len() {
                assert!(part(&good[..len], &wanted(&samples)).is_err());
            }
            assert!(part(&[&good[..], &[0]].concat(), &wanted(&samples)).is_err());
        }
    }

    #[test]
    fn a_part_of_something_else_is_seen() {
        let shapes = shapes();
        let good = written(&shapes[0]);
        for other in &shapes[1..] {
            assert!(part(&good, &wanted(other)).is_err());
        }
        assert_eq!(part(&good, &Wanted { sequence: 8, ..wanted(&shapes[0]) }), Err("sequence number is wrong"));
        assert_eq!(part(&good, &Wanted { start: 5_000_000_001, ..wanted(&shapes[0]) }), Err("decode time is wrong"));
        assert_eq!(part(&good, &Wanted { start: 1 << 33, ..wanted(&shapes[0]) }), Err("decode time is wrong"));
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic() {
        let samples = &shapes()[0];
        let good = written(samples);
        bolero::check!().with_type::<(Vec<u8>, u16)>().for_each(|(noise, at)| {
            assert!(part(noise, &wanted(samples)).is_err());
            let mut bytes = good.to_vec();
            let at = usize::from(*at) % bytes.len();
            let end = (at + noise.len()).min(bytes.len());
            bytes.splice(at..end, noise.iter().copied());
            assert_eq!(part(&bytes, &wanted(samples)).is_ok(), bytes == good);
        });
    }
}
