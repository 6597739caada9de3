//! A transport stream of one H.264 programme, each picture complete when it leaves (ISO/IEC 13818-1).

/// Where the pictures are.
const PICTURES: u16 = 0x101;

/// Writes pictures as messages of seven transport packets at most.
#[derive(Default)]
pub struct Writer {
    counter: u8,
    table_counter: u8,
}

impl Writer {
    /// The messages of one picture, tables in front of them.
    pub fn messages(&mut self, pts_90k: u64, picture: &[u8]) -> Vec<Vec<u8>> {
        let mut packets = vec![self.section(0, 0, &[0, 1, 0xe1, 0]), self.section(0x100, 2, &[0xe1, 1, 0xf0, 0, 0x1b, 0xe1, 1, 0xf0, 0])];
        self.table_counter = self.table_counter.wrapping_add(1);
        let byte = |shift: u32| (pts_90k >> shift) as u8;
        let mut pes = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21 | byte(29) & 0xe, byte(22), byte(14) | 1, byte(7), (pts_90k << 1) as u8 | 1];
        pes.extend_from_slice(picture);
        for (at, payload) in pes.chunks(184).enumerate() {
            packets.push(transport(PICTURES, at == 0, self.counter, payload));
            self.counter = self.counter.wrapping_add(1);
        }
        packets.chunks(7).map(<[Vec<u8>]>::concat).collect()
    }

    fn section(&self, pid: u16, table: u8, body: &[u8]) -> Vec<u8> {
        let mut section = vec![table, 0xb0, (body.len() + 9) as u8, 0, 1, 0xc1, 0, 0];
        section.extend_from_slice(body);
        let sum = crc(&section);
        section.extend_from_slice(&sum.to_be_bytes());
        section.insert(0, 0);
        section.resize(184, 0xff);
        transport(pid, true, self.table_counter, &section)
    }
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }))
}

fn transport(pid: u16, start: bool, counter: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x47, u8::from(start) << 6 | (pid >> 8) as u8, pid as u8, 0x10 | counter & 0xf];
    let stuffing = 184 - payload.len();
    if stuffing > 0 {
        out[3] |= 0x20;
        out.push((stuffing - 1) as u8);
        out.extend(std::iter::once(0).chain(std::iter::repeat(0xff)).take(stuffing - 1));
    }
    out.extend_from_slice(payload);
    out
}
