//! RTP payloads to whole pictures: H.264 (RFC 6184, packetization-mode 1) and VP8 (RFC 7741).
//!
//! A picture whose payloads do not fit together is refused as a whole: half a picture is worth less than none.

use tl_frame::h264;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// NAL unit type of filler data, which carries nothing.
const FILLER: u8 = 12;

/// One picture put together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Annex B for H.264, the frame itself for VP8.
    pub data: Vec<u8>,
    /// Whether decoding may start here.
    pub key: bool,
    /// Whether there is anything to decode, not parameter sets alone.
    pub coded: bool,
    /// Where the last sequence parameter set lies in `data`, H.264 only.
    pub sps: Option<(usize, usize)>,
    /// Where the last picture parameter set lies in `data`, H.264 only.
    pub pps: Option<(usize, usize)>,
    /// Whether the first slice of the picture is there, H.264 only (clause 7.4.3, `first_mb_in_slice` = 0).
    pub from_top: bool,
}

impl Picture {
    fn begin_nal(&mut self) -> usize {
        self.data.extend_from_slice(&START_CODE);
        self.data.len()
    }

    /// Takes the NAL unit that fills `data` from `start` into account; delimiters and filler leave again.
    fn end_nal(&mut self, start: usize) {
        let nal = self.data.get(start..).unwrap_or_default();
        let span = Some((start, self.data.len()));
        match h264::kind(nal) {
            h264::SPS => self.sps = span,
            h264::PPS => self.pps = span,
            h264::AUD | FILLER => self.data.truncate(start - START_CODE.len()),
            kind @ 1..=h264::IDR => {
                // `first_mb_in_slice` is an Exp-Golomb code, so a leading one bit means zero.
                let top = nal.get(1).is_some_and(|byte| byte & 0x80 != 0);
                self.from_top |= !self.coded && top;
                self.coded = true;
                self.key |= kind == h264::IDR;
            }
            _ => {}
        }
    }
}

/// Joins the payloads of one H.264 access unit; none when they do not form one.
pub(crate) fn h264<'a>(payloads: impl Iterator<Item = &'a [u8]>, size_hint: usize) -> Option<Picture> {
    let mut picture = Picture { data: Vec::with_capacity(size_hint + 64), ..Picture::default() };
    let mut fragment: Option<usize> = None;
    for payload in payloads {
        let (&header, rest) = payload.split_first()?;
        let kind = header & 0x1f;
        if kind != FU_A && fragment.is_some() {
            return None;
        }
        match kind {
            1..=23 => {
                let start = picture.begin_nal();
                picture.data.extend_from_slice(payload);
                picture.end_nal(start);
            }
            STAP_A => {
                let mut rest = rest;
                while let Some((length, tail)) = rest.split_first_chunk::<2>() {
                    let (nal, after) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                    if nal.is_empty() {
                        return None;
                    }
                    let start = picture.begin_nal();
                    picture.data.extend_from_slice(nal);
                    picture.end_nal(start);
                    rest = after;
                }
            }
            FU_A => {
                let (&fu, body) = rest.split_first()?;
                let (first, last) = (fu & 0x80 != 0, fu & 0x40 != 0);
                if first {
                    if fragment.is_some() {
                        return None;
                    }
                    fragment = Some(picture.begin_nal());
                    picture.data.push((header & 0xe0) | (fu & 0x1f));
                }
                let start = fragment?;
                picture.data.extend_from_slice(body);
                if last {
                    picture.end_nal(start);
                    fragment = None;
                }
            }
            _ => return None,
        }
    }
    (fragment.is_none() && !picture.data.is_empty()).then_some(picture)
}

/// Joins the payloads of one VP8 frame; none when they do not form one.
pub(crate) fn vp8<'a>(payloads: impl Iterator<Item = &'a [u8]>, size_hint: usize) -> Option<Picture> {
    let mut picture = Picture { data: Vec::with_capacity(size_hint), coded: true, from_top: true, ..Picture::default() };
    for (index, payload) in payloads.enumerate() {
        let (begins, body) = vp8_body(payload)?;
        if begins != (index == 0) && index == 0 {
            return None;
        }
        picture.data.extend_from_slice(body);
    }
    picture.key = tl_frame::vp8::is_key(&picture.data);
    (!picture.data.is_empty()).then_some(picture)
}

/// Whether a key frame of VP8 begins with this payload.
pub(crate) fn begins_vp8_key(payload: &[u8]) -> bool {
    vp8_body(payload).is_some_and(|(begins, body)| begins && tl_frame::vp8::is_key(body))
}

/// Splits off the payload descriptor; tells whether the frame begins here.
fn vp8_body(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (&first, mut rest) = payload.split_first()?;
    let begins = first & 0x10 != 0 && first & 0x07 == 0;
    if first & 0x80 != 0 {
        let (&extensions, after) = rest.split_first()?;
        rest = after;
        if extensions & 0x80 != 0 {
            let (&picture_id, after) = rest.split_first()?;
            rest = if picture_id & 0x80 != 0 { after.get(1..)? } else { after };
        }
        if extensions & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if extensions & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    (!rest.is_empty()).then_some((begins, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(payloads: &[&[u8]]) -> Option<Picture> {
        h264(payloads.iter().copied(), 0)
    }

    #[test]
    fn single_aggregated_and_fragmented_units_become_annex_b() {
        let stap = [0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce];
        let picture = join(&[&stap, &[0x7c, 0x85, 0x88, 1], &[0x7c, 0x05, 2], &[0x7c, 0x45, 3]]).expect("whole");
        assert_eq!(picture.data, [0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88, 1, 2, 3]);
        assert!(picture.key && picture.coded && picture.from_top);
        assert_eq!((picture.sps, picture.pps), (Some((4, 6)), Some((10, 12))));
        let plain = join(&[&[0x09, 0xf0], &[0x41, 0x9a, 7]]).expect("whole");
        assert_eq!(plain.data, [0, 0, 0, 1, 0x41, 0x9a, 7], "the delimiter leaves");
        assert!(!plain.key);
    }

    #[test]
    fn a_picture_with_a_hole_is_refused() {
        assert!(join(&[&[0x7c, 0x05, 2], &[0x7c, 0x45, 3]]).is_none(), "no first fragment");
        assert!(join(&[&[0x7c, 0x85, 1], &[0x7c, 0x05, 2]]).is_none(), "no last fragment");
        assert!(join(&[&[0x7c, 0x85, 1], &[0x41, 0x9a]]).is_none(), "another unit between fragments");
        assert!(join(&[&[0x78, 0, 9, 1]]).is_none(), "aggregate longer than its packet");
        assert!(join(&[&[0x1d, 1, 2]]).is_none() && join(&[&[]]).is_none() && join(&[]).is_none());
        assert!(!join(&[&[0x41, 0x40, 7]]).expect("whole").from_top, "a later slice alone");
    }

    #[test]
    fn vp8_descriptors_are_taken_off() {
        let key = [0x90, 0xe0, 0x81, 0x02, 0x03, 0x04, 0x10, 0x02];
        let picture = vp8([&key[..], &[0x00, 9, 9]].into_iter(), 0).expect("whole");
        assert_eq!(picture.data, [0x10, 0x02, 9, 9]);
        assert!(picture.key);
        assert!(vp8([&[0x00_u8, 9, 9][..]].into_iter(), 0).is_none(), "does not begin here");
        assert!(vp8([&[0x90_u8, 0x80, 0x80][..]].into_iter(), 0).is_none(), "descriptor cut off");
    }

    #[test]
    fn any_payloads_are_read_without_a_panic() {
        bolero::check!().with_type::<Vec<Vec<u8>>>().for_each(|payloads| {
            let total: usize = payloads.iter().map(Vec::len).sum();
            if let Some(picture) = h264(payloads.iter().map(Vec::as_slice), total) {
                assert!(picture.data.len() <= 5 * total + 5);
            }
            if let Some(picture) = vp8(payloads.iter().map(Vec::as_slice), total) {
                assert!(picture.data.len() <= total);
            }
        });
    }
}
