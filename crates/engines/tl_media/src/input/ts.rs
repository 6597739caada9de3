//! MPEG transport streams (ISO/IEC 13818-1) taken apart into whole elementary packets, with the sender's own 33-bit stamps.
//!
//! The tables and headers are read by `mpeg2ts-reader`; here are resynchronisation, bounds, and the choice of one stream of
//! pictures and one of sound of the first programme. A packet with a hole in it is dropped. One that states no length ends
//! with the first stuffed transport packet: senders stuff only there, and waiting for the next picture would cost a picture's
//! length. A sender that does otherwise is found out and waited for.

use mpeg2ts_reader::demultiplex::{
    Demultiplex, DemuxContext, FilterChangeset, FilterRequest, NullPacketFilter, PacketFilter, PatPacketFilter, PmtPacketFilter,
};
use mpeg2ts_reader::descriptor::{CoreDescriptors, UnknownDescriptor};
use mpeg2ts_reader::packet::{Packet, Pid};
use mpeg2ts_reader::pes::{PesContents, PesHeader, PesLength, PtsDts, Timestamp};
use mpeg2ts_reader::psi::pat::PAT_PID;
use mpeg2ts_reader::psi::pmt::StreamInfo;
use mpeg2ts_reader::smptera::FormatIdentifier;
use mpeg2ts_reader::{StreamType, packet_filter_switch};

/// The largest elementary packet kept.
const MAX_PACKET_BYTES: usize = 8 << 20;
/// Packets handed on at most for one push; a message of SRT holds seven transport packets.
const MAX_OUT: usize = 4_096;
/// Every transport packet begins with it.
const SYNC: u8 = 0x47;
/// What a transport packet of a running stream carries.
const FULL: usize = 184;
/// What a clock reference takes of it.
const CLOCK_REFERENCE: usize = 8;

/// What an elementary stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    H264,
    H265,
    Adts,
    Latm,
    Opus,
    MpegSound,
    Ac3,
}

impl Content {
    pub(super) fn is_audio(self) -> bool {
        !matches!(self, Self::H264 | Self::H265)
    }

    fn of(stream: &StreamInfo<'_>) -> Option<Self> {
        const ATSC_AC3: StreamType = StreamType(0x81);
        match stream.stream_type() {
            StreamType::H264 => Some(Self::H264),
            StreamType::H265 => Some(Self::H265),
            StreamType::ADTS => Some(Self::Adts),
            StreamType::LATM => Some(Self::Latm),
            StreamType::ISO_11172_AUDIO | StreamType::ISO_138183_AUDIO => Some(Self::MpegSound),
            ATSC_AC3 => Some(Self::Ac3),
            StreamType::H222_0_PES_PRIVATE_DATA => Self::of_private(stream),
            _ => None,
        }
    }

    fn of_private(stream: &StreamInfo<'_>) -> Option<Self> {
        /// ETSI EN 300 468, table 12: AC-3_descriptor.
        const DVB_AC3: u8 = 0x6a;
        stream.descriptors::<CoreDescriptors<'_>>().filter_map(Result::ok).find_map(|descriptor| match descriptor {
            CoreDescriptors::Registration(registration) => {
                let known = [(b"Opus", Self::Opus), (b"AC-3", Self::Ac3), (b"HEVC", Self::H265)];
                known.into_iter().find(|(name, _)| registration.is_format(FormatIdentifier::from(&name[..]))).map(|(_, content)| content)
            }
            CoreDescriptors::UserPrivate(UnknownDescriptor { tag: DVB_AC3, .. }) => Some(Self::Ac3),
            _ => None,
        })
    }
}

/// One whole elementary packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pes {
    pub(super) content: Content,
    /// 33 bits of 90 kHz; none when the packet says nothing.
    pub(super) pts: Option<u64>,
    pub(super) dts: Option<u64>,
    pub(super) data: Vec<u8>,
}

/// Takes one transport stream apart.
pub(super) struct Demux {
    context: Context,
    demultiplex: Demultiplex<Context>,
    /// Less than two transport packets that wait for the rest.
    rest: Vec<u8>,
    /// Whether the last packet began where this one must.
    in_step: bool,
    taken: u64,
    found: u64,
}

impl Demux {
    pub(super) fn new() -> Self {
        let mut context = Context { changes: FilterChangeset::default(), out: Vec::new(), broken: 0, programme: None, pictures: None, sound: None };
        let demultiplex = Demultiplex::new(&mut context);
        Self { context, demultiplex, rest: Vec::new(), in_step: false, taken: 0, found: 0 }
    }

    /// Takes bytes, aligned or not, and gives what they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Pes> {
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        if self.rest.is_empty() {
            let used = self.feed(bytes);
            self.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(bytes);
            let used = self.feed(&all);
            self.rest.extend_from_slice(all.get(used..).unwrap_or_default());
        }
        let out = std::mem::take(&mut self.context.out);
        self.found = self.found.saturating_add(out.len() as u64);
        out
    }

    /// Bytes taken before the first elementary packet was found; none after it.
    pub(super) fn fruitless_bytes(&self) -> Option<u64> {
        (self.found == 0).then_some(self.taken)
    }

    /// Packets dropped since the last call: holes, or too large.
    pub(super) fn take_broken(&mut self) -> u64 {
        std::mem::take(&mut self.context.broken)
    }

    /// Hands whole packets on; returns the bytes used.
    fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let tail = bytes.get(at..).unwrap_or_default();
            // The first packet is believed when another begins behind it.
            let needed = if self.in_step { Packet::SIZE } else { Packet::SIZE + 1 };
            if tail.len() < needed {
                return at;
            }
            let starts = tail.first() == Some(&SYNC) && (self.in_step || tail.get(Packet::SIZE) == Some(&SYNC));
            if !starts {
                self.in_step = false;
                at += tail.iter().skip(1).position(|byte| *byte == SYNC).map_or(tail.len(), |skip| skip + 1);
                continue;
            }
            self.in_step = true;
            let run = tail.chunks_exact(Packet::SIZE).take_while(|packet| packet.first() == Some(&SYNC)).count() * Packet::SIZE;
            self.demultiplex.push(&mut self.context, tail.get(..run).unwrap_or_default());
            at += run;
        }
    }
}

/// Shared by the filters of all streams.
pub struct Context {
    changes: FilterChangeset<Filter>,
    out: Vec<Pes>,
    broken: u64,
    programme: Option<u16>,
    pictures: Option<Pid>,
    sound: Option<Pid>,
}

packet_filter_switch! {
    Filter<Context> {
        Pat: PatPacketFilter<Context>,
        Pmt: PmtPacketFilter<Context>,
        Pes: Assembler,
        Nothing: NullPacketFilter<Context>,
    }
}

impl DemuxContext for Context {
    type F = Filter;

    fn filter_changeset(&mut self) -> &mut FilterChangeset<Filter> {
        &mut self.changes
    }

    fn construct(&mut self, request: FilterRequest<'_, '_>) -> Filter {
        match request {
            FilterRequest::ByPid(PAT_PID) => Filter::Pat(PatPacketFilter::default()),
            FilterRequest::Pmt { pid, program_number } if *self.programme.get_or_insert(program_number) == program_number => {
                Filter::Pmt(PmtPacketFilter::new(pid, program_number))
            }
            FilterRequest::ByStream { stream_info, .. } => {
                let chosen = Content::of(stream_info).filter(|content| {
                    let place = if content.is_audio() { &mut self.sound } else { &mut self.pictures };
                    *place.get_or_insert(stream_info.elementary_pid()) == stream_info.elementary_pid()
                });
                chosen.map_or_else(|| Filter::Nothing(NullPacketFilter::default()), |content| Filter::Pes(Assembler::new(content)))
            }
            _ => Filter::Nothing(NullPacketFilter::default()),
        }
    }
}

/// Puts one stream's packets together.
pub struct Assembler {
    content: Content,
    counter: Option<u8>,
    open: Option<Open>,
    /// Whether a stuffed transport packet ends an elementary packet.
    stuffed_ends: bool,
    /// One ended that way and nothing came behind it yet.
    ended_early: bool,
}

struct Open {
    pes: Pes,
    /// Bytes that the header promises; none when it does not.
    length: Option<usize>,
}

impl PacketFilter for Assembler {
    type Ctx = Context;

    fn consume(&mut self, context: &mut Context, packet: &Packet<'_>) {
        let Some(payload) = packet.payload().filter(|payload| !payload.is_empty()) else { return };
        let counter = packet.continuity_counter().count();
        if self.counter == Some(counter) {
            // Each packet may be sent twice (section 2.4.3.3).
            return;
        }
        let follows = self.counter.is_none_or(|last| (last + 1) & 0xf == counter);
        self.counter = Some(counter);
        if !follows {
            self.drop_open(context);
            self.ended_early = false;
        }
        if packet.payload_unit_start_indicator() {
            self.close(context);
            self.begin(context, payload);
        } else {
            self.take(context, payload, is_stuffed(packet.buffer(), payload));
        }
    }
}

/// Whether a transport packet carries less than it could.
fn is_stuffed(packet: &[u8], payload: &[u8]) -> bool {
    let flags = match packet {
        [_, _, _, control, length, flags, ..] if control & 0x20 != 0 && *length > 0 => *flags,
        _ => 0,
    };
    payload.len() < if flags & 0x10 != 0 { FULL - CLOCK_REFERENCE } else { FULL }
}

impl Assembler {
    fn new(content: Content) -> Self {
        Self { content, counter: None, open: None, stuffed_ends: true, ended_early: false }
    }

    fn begin(&mut self, context: &mut Context, payload: &[u8]) {
        /// Start code, stream id and length; flags and the length of what they announce.
        const HEAD: usize = 9;
        self.ended_early = false;
        let Some(header) = PesHeader::from_bytes(payload) else { return };
        let PesContents::Parsed(Some(parsed)) = header.contents() else { return };
        let announced = payload.get(HEAD - 1).copied().map_or(0, usize::from);
        let length = match header.pes_packet_length() {
            PesLength::Bounded(length) => usize::from(length.get()).checked_sub(3 + announced),
            PesLength::Unbounded => None,
        };
        let value = |stamp: Result<Timestamp, _>| stamp.ok().map(Timestamp::value);
        let (pts, dts) = match parsed.pts_dts() {
            Ok(PtsDts::PtsOnly(pts)) => (value(pts), None),
            Ok(PtsDts::Both { pts, dts }) => (value(pts), value(dts)),
            _ => (None, None),
        };
        self.open = Some(Open { pes: Pes { content: self.content, pts, dts, data: Vec::with_capacity(length.unwrap_or(8 << 10)) }, length });
        self.take(context, parsed.payload(), false);
    }

    fn take(&mut self, context: &mut Context, data: &[u8], stuffed: bool) {
        let Some(open) = &mut self.open else {
            if std::mem::take(&mut self.ended_early) {
                self.stuffed_ends = false;
                context.broken = context.broken.saturating_add(1);
            }
            return;
        };
        if open.pes.data.len() + data.len() > MAX_PACKET_BYTES {
            return self.drop_open(context);
        }
        open.pes.data.extend_from_slice(data);
        let complete = open.length.map_or(stuffed && self.stuffed_ends, |length| open.pes.data.len() >= length);
        if complete {
            self.ended_early = open.length.is_none();
            self.close(context);
        }
    }

    fn close(&mut self, context: &mut Context) {
        let Some(mut open) = self.open.take() else { return };
        let whole = open.length.is_none_or(|length| open.pes.data.len() >= length);
        if !whole || open.pes.data.is_empty() || context.out.len() >= MAX_OUT {
            context.broken = context.broken.saturating_add(1);
            return;
        }
        open.pes.data.truncate(open.length.unwrap_or(usize::MAX));
        context.out.push(open.pes);
    }

    fn drop_open(&mut self, context: &mut Context) {
        if self.open.take().is_some() {
            context.broken = context.broken.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ISO/IEC 13818-1, annex A.
    fn crc(bytes: &[u8]) -> u32 {
        bytes
            .iter()
            .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }))
    }

    fn transport(pid: u16, start: bool, counter: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![SYNC, u8::from(start) << 6 | (pid >> 8) as u8, pid as u8, 0x10 | counter & 0xf];
        let stuffing = 184 - payload.len();
        if stuffing > 0 {
            out[3] |= 0x20;
            out.push((stuffing - 1) as u8);
            if stuffing > 1 {
                out.push(0);
                out.extend(std::iter::repeat_n(0xff, stuffing - 2));
            }
        }
        out.extend_from_slice(payload);
        out
    }

    fn section(pid: u16, table: u8, body: &[u8]) -> Vec<u8> {
        let length = body.len() + 5 + 4;
        let mut section = vec![table, 0xb0 | (length >> 8) as u8, length as u8, 0, 1, 0xc1, 0, 0];
        section.extend_from_slice(body);
        let sum = crc(&section);
        section.extend_from_slice(&sum.to_be_bytes());
        section.insert(0, 0);
        section.resize(184, 0xff);
        transport(pid, true, 0, &section)
    }

    fn tables() -> Vec<u8> {
        let mut out = section(0, 0, &[0, 1, 0xe1, 0]);
        out.extend(section(0x100, 2, &[0xe1, 1, 0xf0, 0, 0x1b, 0xe1, 1, 0xf0, 0, 0x0f, 0xe1, 2, 0xf0, 0]));
        out
    }

    fn pes(pts: u64, length: u16, body: &[u8]) -> Vec<u8> {
        let stamp = [0x21 | (pts >> 29) as u8 & 0xe, (pts >> 22) as u8, (pts >> 14) as u8 | 1, (pts >> 7) as u8, (pts << 1) as u8 | 1];
        let mut out = vec![0, 0, 1, 0xe0];
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0x80, 0x80, 5]);
        out.extend_from_slice(&stamp);
        out.extend_from_slice(body);
        out
    }

    fn packets(pid: u16, first: u8, pes: &[u8]) -> Vec<u8> {
        let chunks = pes.chunks(184).enumerate();
        chunks.flat_map(|(at, chunk)| transport(pid, at == 0, first.wrapping_add(at as u8), chunk)).collect()
    }

    #[test]
    fn a_picture_leaves_with_its_last_packet() {
        let mut demux = Demux::new();
        assert!(demux.push(&tables()).is_empty());
        let body: Vec<u8> = (0..1_000_u32).map(|byte| byte as u8).collect();
        let out = demux.push(&packets(0x101, 0, &pes(0x1_2345_6789, 0, &body)));
        assert_eq!(out, [Pes { content: Content::H264, pts: Some(0x1_2345_6789), dts: None, data: body.clone() }]);
        let stated = pes(90_000, 3 + 5 + 50, &body[..50]);
        let out = demux.push(&packets(0x102, 0, &stated));
        assert_eq!(out, [Pes { content: Content::Adts, pts: Some(90_000), dts: None, data: body[..50].to_vec() }]);
        assert_eq!((demux.fruitless_bytes(), demux.take_broken()), (None, 0));
    }

    #[test]
    fn a_sender_that_stuffs_in_the_middle_is_waited_for() {
        let mut demux = Demux::new();
        demux.push(&tables());
        let picture = |counter: u8| {
            let mut out = transport(0x101, true, counter, &pes(1, 0, &[1; 100]));
            out.extend(transport(0x101, false, counter + 1, &[2; 100]));
            out.extend(transport(0x101, false, counter + 2, &[3; 100]));
            out
        };
        let lengths: Vec<usize> = (0..4).flat_map(|at| demux.push(&picture(at * 3))).map(|pes| pes.data.len()).collect();
        assert_eq!(lengths, [200, 300, 300]);
        assert_eq!(demux.take_broken(), 1);
    }

    #[test]
    fn a_hole_costs_its_packet_and_repeats_cost_nothing() {
        let mut demux = Demux::new();
        demux.push(&tables());
        let whole = packets(0x101, 0, &pes(1, 0, &[7; 600]));
        let holed: Vec<u8> = [&whole[..188], &whole[2 * 188..]].concat();
        assert!(demux.push(&holed).is_empty());
        assert_eq!(demux.take_broken(), 1);
        let twice: Vec<u8> = packets(0x101, 4, &pes(1, 0, &[7; 600])).chunks(188).flat_map(|packet| [packet, packet].concat()).collect();
        assert_eq!(demux.push(&twice).len(), 1);
    }

    #[test]
    fn bytes_cut_anywhere_give_the_same() {
        let mut stream = vec![SYNC, 1, 2, 3];
        stream.extend(tables());
        for number in 0..5_u8 {
            stream.extend(packets(0x101, number * 4, &pes(u64::from(number), 0, &[number; 600])));
        }
        for cut in [1, 7, 187, 188, 189, 1_316, 4_000] {
            let mut demux = Demux::new();
            let found: usize = stream.chunks(cut).map(|bytes| demux.push(bytes).len()).sum();
            assert_eq!(found, 5, "cut {cut}");
            assert!(demux.rest.len() < 2 * Packet::SIZE);
        }
    }

    #[test]
    fn noise_is_counted_and_nothing_grows() {
        let mut demux = Demux::new();
        let noise: Vec<u8> = (0..2_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for bytes in noise.chunks(1_316) {
            assert!(demux.push(bytes).is_empty());
            assert!(demux.rest.len() < 2 * Packet::SIZE + 1_316);
        }
        assert_eq!(demux.fruitless_bytes(), Some(noise.len() as u64));
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic() {
        bolero::check!().with_iterations(3_000).with_type::<(Vec<u8>, u8, u8)>().for_each(|(noise, at, mode)| {
            let mut stream = tables();
            stream.extend(packets(0x101, 0, &pes(1, 0, noise)));
            let mut section_body = noise.clone();
            section_body.truncate(150);
            stream.extend(section(0x100, *mode, &section_body));
            stream.extend(section(0, 0, &section_body));
            for (offset, byte) in noise.iter().enumerate() {
                let place = (usize::from(*at) * 7 + offset * 13) % stream.len();
                if mode & 1 == 1 {
                    stream[place] ^= byte;
                }
            }
            let mut demux = Demux::new();
            for bytes in stream.chunks(usize::from(*at).max(1)) {
                demux.push(bytes);
            }
            demux.push(noise);
            assert!(demux.rest.len() < 4 * Packet::SIZE);
        });
    }
}
