//! RTP packets of one stream inside an RTSP connection (RFC 3550; RFC 2326, section 10.12).

use tl_base::MediaTime;
use tl_frame::h264;

/// The largest payload: what fits a network's usual packet, as cameras send it over TCP too.
const MAX_PAYLOAD_BYTES: usize = 1_400;
/// Seconds from 1900 to 1970.
const NTP_EPOCH_SECS: i64 = 2_208_988_800;
/// FU-A's type (RFC 6184, section 5.8).
const FU_A: u8 = 28;

/// One stream's numbering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// The channel of its packets; reports go by the next one.
    pub(super) channel: u8,
    pub(super) payload_type: u8,
    pub(super) rate_hz: u32,
    pub(super) ssrc: u32,
    /// Where its time stamps begin.
    pub(super) base: u32,
    pub(super) seq: u16,
    pub(super) packets: u32,
    pub(super) bytes: u32,
}

impl Stream {
    /// The stamp of a moment of the phone's, which counts from its start.
    pub(super) fn stamp(&self, pts: MediaTime) -> u32 {
        let ticks = i128::from(pts.0) * i128::from(self.rate_hz) / 1_000_000_000;
        self.base.wrapping_add(ticks as u32)
    }

    fn packet(&mut self, out: &mut Vec<u8>, stamp: u32, marker: bool, payload: [&[u8]; 2]) {
        let length = payload.iter().map(|part| part.len()).sum::<usize>();
        frame(out, self.channel, 12 + length);
        out.extend_from_slice(&[0x80, u8::from(marker) << 7 | self.payload_type]);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&stamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        payload.iter().for_each(|part| out.extend_from_slice(part));
        self.seq = self.seq.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(length as u32);
    }

    /// A picture of H.264 (RFC 6184, packetization-mode 1).
    pub(super) fn picture(&mut self, out: &mut Vec<u8>, stream: &[u8], pts: MediaTime) {
        let stamp = self.stamp(pts);
        let mut nals = h264::nals(stream).filter(|nal| h264::kind(nal) != h264::AUD).peekable();
        while let Some(nal) = nals.next() {
            let last = nals.peek().is_none();
            if nal.len() <= MAX_PAYLOAD_BYTES {
                self.packet(out, stamp, last, [nal, &[]]);
                continue;
            }
            let Some((header, body)) = nal.split_first() else { continue };
            let mut pieces = body.chunks(MAX_PAYLOAD_BYTES - 2).peekable();
            let mut start = 0x80;
            while let Some(piece) = pieces.next() {
                let end = pieces.peek().is_none();
                let fragment = [header & 0xe0 | FU_A, start | u8::from(end) << 6 | header & 0x1f];
                self.packet(out, stamp, last && end, [&fragment, piece]);
                start = 0;
            }
        }
    }

    /// A raw AAC frame (RFC 3640, mode AAC-hbr: 13 bits of size, 3 of index).
    pub(super) fn sound(&mut self, out: &mut Vec<u8>, data: &[u8], pts: MediaTime) {
        let Ok(size) = u16::try_from(data.len()) else { return };
        if size >= 1 << 13 {
            return;
        }
        let [high, low] = (size << 3).to_be_bytes();
        self.packet(out, self.stamp(pts), true, [&[0, 16, high, low], data]);
    }

    /// A sender report: what the phone's clock shows now, nanoseconds since 1970, and the stamp of the same moment; then a name.
    pub(super) fn report(&self, out: &mut Vec<u8>, shown_ns: i64, pts: MediaTime) {
        let (secs, nanos) = (shown_ns.div_euclid(1_000_000_000), shown_ns.rem_euclid(1_000_000_000));
        let fraction = ((nanos as u64) << 32) / 1_000_000_000;
        const NAME: &[u8; 9] = b"touchline";
        frame(out, self.channel + 1, 28 + 20);
        out.extend_from_slice(&[0x80, 200, 0, 6]);
        for word in [self.ssrc, (secs + NTP_EPOCH_SECS) as u32, fraction as u32, self.stamp(pts), self.packets, self.bytes] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        // SDES with a canonical name, ended and filled up to a whole word.
        out.extend_from_slice(&[0x81, 202, 0, 4]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[1, NAME.len() as u8]);
        out.extend_from_slice(NAME);
        out.push(0);
    }
}

fn frame(out: &mut Vec<u8>, channel: u8, length: usize) {
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&(length as u16).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream { channel: 0, payload_type: 96, rate_hz: 90_000, ssrc: 7, base: u32::MAX, seq: u16::MAX, packets: 0, bytes: 0 }
    }

    /// Channel and bytes of each frame.
    fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut found = Vec::new();
        while let [b'$', channel, high, low, rest @ ..] = bytes {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            found.push((*channel, rest[..length].to_vec()));
            bytes = &rest[length..];
        }
        assert!(bytes.is_empty());
        found
    }

    #[test]
    fn a_large_picture_is_cut_and_comes_together_again() {
        let nal: Vec<u8> = [0x65].into_iter().chain((0..5_000_u32).map(|n| (n % 250 + 2) as u8)).collect();
        let picture = [&[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1][..], &nal].concat();
        let (mut stream, mut out) = (stream(), Vec::new());
        stream.picture(&mut out, &picture, MediaTime::from_secs(1));
        let packets = frames(&out);
        assert_eq!(packets.len(), 5);
        assert!(packets.iter().all(|(channel, packet)| *channel == 0 && packet[4..8] == 89_999_u32.to_be_bytes()));
        assert_eq!(packets.iter().map(|(_, packet)| packet[1] >> 7).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
        assert_eq!(packets[0].1[12..], [0x67, 1, 2]);
        assert_eq!((packets[1].1[13], packets[4].1[13]), (0x85, 0x45));
        let joined: Vec<u8> = packets[1..].iter().flat_map(|(_, packet)| packet[14..].to_vec()).collect();
        assert_eq!(joined, nal[1..]);
        assert_eq!(stream.seq, 4);
    }

    #[test]
    fn a_report_ties_both_clocks_together() {
        let (mut stream, mut out) = (stream(), Vec::new());
        stream.sound(&mut out, &[1; 300], MediaTime::ZERO);
        stream.report(&mut out, 1_500_000_000, MediaTime::from_secs(1));
        let packets = frames(&out);
        assert_eq!(packets[0].1[12..16], [0, 16, 0x09, 0x60]);
        let (channel, report) = &packets[1];
        assert_eq!((*channel, report.len()), (1, 48));
        assert_eq!(report[8..12], ((NTP_EPOCH_SECS + 1) as u32).to_be_bytes());
        assert_eq!(report[12..16], 0x8000_0000_u32.to_be_bytes());
        assert_eq!(report[20..28], [0, 0, 0, 1, 0, 0, 1, 48]);
        assert_eq!(report[28..32], [0x81, 202, 0, 4]);
    }
}
