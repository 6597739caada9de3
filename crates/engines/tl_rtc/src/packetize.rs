//! Whole pictures to RTP payloads: H.264 (RFC 6184, packetization-mode 1), made once for however many viewers.

use std::sync::Arc;

use tl_frame::h264;

/// The longest payload, bytes. With 12 bytes of RTP, up to 32 of header extensions, 16 of SRTP and 48 of UDP over IPv6 a datagram
/// stays under 1,280 bytes, which every network carries whole (RFC 8200, section 5).
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1_160;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// NAL unit type of filler data, which carries nothing.
const FILLER: u8 = 12;

/// The payloads of one access unit in Annex B; empty when there is nothing in it to send.
pub(crate) fn h264(access_unit: &[u8]) -> Vec<Arc<[u8]>> {
    let mut out = Vec::with_capacity(access_unit.len() / MAX_PAYLOAD_BYTES + 2);
    // Small units share a packet: parameter sets and messages travel with each other.
    let mut together: Vec<&[u8]> = Vec::new();
    let mut together_bytes = 1;
    for nal in h264::nals(access_unit).filter(|nal| !nal.is_empty() && !matches!(h264::kind(nal), h264::AUD | FILLER)) {
        if together_bytes + 2 + nal.len() > MAX_PAYLOAD_BYTES {
            flush(&mut together, &mut together_bytes, &mut out);
        }
        if nal.len() > MAX_PAYLOAD_BYTES {
            fragment(nal, &mut out);
        } else {
            together.push(nal);
            together_bytes += 2 + nal.len();
        }
    }
    flush(&mut together, &mut together_bytes, &mut out);
    out
}

/// Writes what was gathered: one unit as it is, several as a STAP-A.
fn flush(together: &mut Vec<&[u8]>, together_bytes: &mut usize, out: &mut Vec<Arc<[u8]>>) {
    match together.as_slice() {
        [] => return,
        [only] => out.push(Arc::from(*only)),
        several => {
            let headers = several.iter().filter_map(|nal| nal.first());
            // The forbidden bit of any and the highest importance of all (RFC 6184, section 5.7.1).
            let (forbidden, importance) = headers.fold((0, 0), |(f, i), header| (f | header & 0x80, i.max(header & 0x60)));
            let mut payload = Vec::with_capacity(*together_bytes);
            payload.push(forbidden | importance | STAP_A);
            for nal in several {
                payload.extend_from_slice(&u16::try_from(nal.len()).unwrap_or(u16::MAX).to_be_bytes());
                payload.extend_from_slice(nal);
            }
            out.push(payload.into());
        }
    }
    together.clear();
    *together_bytes = 1;
}

/// Cuts a long unit into fragments of about the same length.
fn fragment(nal: &[u8], out: &mut Vec<Arc<[u8]>>) {
    let Some((&header, body)) = nal.split_first() else { return };
    let count = body.len().div_ceil(MAX_PAYLOAD_BYTES - 2).max(1);
    let length = body.len().div_ceil(count);
    for (index, piece) in body.chunks(length.max(1)).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if (index + 1) * length >= body.len() { 0x40 } else { 0 };
        let mut payload = Vec::with_capacity(piece.len() + 2);
        payload.extend_from_slice(&[header & 0xe0 | FU_A, start | end | header & 0x1f]);
        payload.extend_from_slice(piece);
        out.push(payload.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depacketize;

    fn annex_b(nals: &[Vec<u8>]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect()
    }

    #[test]
    fn what_is_taken_apart_goes_together_again() {
        let check = |nals: &[Vec<u8>], payloads: usize| {
            let unit = annex_b(nals);
            let out = h264(&unit);
            assert_eq!(out.len(), payloads);
            assert!(out.iter().all(|payload| payload.len() <= MAX_PAYLOAD_BYTES));
            let picture = depacketize::h264(out.iter().map(|payload| &**payload), unit.len()).expect("a picture");
            assert_eq!(picture.data, unit);
        };
        let slice = |kind: u8, bytes: usize| [vec![kind, 0x88], vec![0xa5; bytes]].concat();
        check(&[slice(0x41, 10)], 1);
        check(&[slice(0x67, 20), slice(0x68, 4), slice(0x65, 5_000)], 6);
        check(&[slice(0x67, 20), slice(0x68, 4), slice(0x65, 100)], 1);
        check(&[slice(0x41, 1_158)], 1);
        check(&[slice(0x41, 1_159)], 2);
        check(&[slice(0x41, 600), slice(0x01, 600), slice(0x01, 50)], 2);
    }

    #[test]
    fn delimiters_and_filler_stay_behind() {
        assert!(h264(&annex_b(&[vec![0x09, 0xf0], vec![0x0c, 0xff, 0xff]])).is_empty());
        assert!(h264(&[]).is_empty());
        assert_eq!(h264(&annex_b(&[vec![0x09, 0xf0], vec![0x41, 0x88, 1]])).len(), 1);
    }

    #[test]
    fn any_bytes_make_payloads_that_fit() {
        bolero::check!().for_each(|bytes: &[u8]| {
            for payload in h264(bytes) {
                assert!(!payload.is_empty() && payload.len() <= MAX_PAYLOAD_BYTES);
            }
        });
    }
}
