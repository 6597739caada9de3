//! A live WebM or Matroska stream, read element by element as its bytes come (RFC 9559).
//!
//! Segment and clusters are walked through without asking for their size, which a live recorder does not know; everything else
//! is taken whole or passed over.

use bytes::Bytes;

use tl_base::MediaTime;
use tl_frame::{Codec, av1};
use tl_mp4::TrackConfig;

use crate::chunks::build::{Sample, Track};
use crate::chunks::{Found, Waiting};
use crate::file::ebml::{self, BlockHead, Header, Read, id};

/// The largest element taken whole beside a block: lists of a live recorder have a few hundred bytes.
const MAX_LIST_BYTES: u64 = 1 << 20;
/// The largest block taken: one picture.
const MAX_BLOCK_BYTES: u64 = 6 << 20;
/// Tracks looked at.
const MAX_TRACKS: usize = 16;

#[derive(Default)]
pub(super) struct WebM {
    waiting: Waiting,
    /// Nanoseconds of a tick.
    scale: Option<u64>,
    cluster: Option<u64>,
    has_tracks: bool,
    /// Bytes are missing; the next cluster is looked for.
    lost: bool,
}

impl WebM {
    /// Reads on as far as the bytes reach.
    pub(super) fn push(&mut self, data: &[u8], found: &mut Vec<Found>) -> Result<(), &'static str> {
        self.waiting.add(data)?;
        if self.lost && !self.find_cluster() {
            return Ok(());
        }
        loop {
            let header = match ebml::header(self.waiting.get()) {
                Read::Header(header) => header,
                Read::Short => return Ok(()),
                Read::Broken => return Err("no element where one should be"),
            };
            if !self.element(header, found)? {
                return Ok(());
            }
        }
    }

    /// Bytes are missing from here on.
    pub(super) fn lose(&mut self) -> Result<(), &'static str> {
        self.waiting.clear();
        self.cluster = None;
        self.lost = true;
        if self.has_tracks { Ok(()) } else { Err("the recording's track list is missing") }
    }

    /// Reads one element; false when more bytes are needed.
    fn element(&mut self, header: Header, found: &mut Vec<Found>) -> Result<bool, &'static str> {
        let whole = header.size.map(|size| size.saturating_add(header.header_bytes as u64));
        let limit = match header.id {
            id::SEGMENT => {
                self.waiting.pass(header.header_bytes as u64);
                return Ok(true);
            }
            id::CLUSTER => {
                self.cluster = None;
                self.waiting.pass(header.header_bytes as u64);
                return Ok(true);
            }
            id::SIMPLE_BLOCK | id::BLOCK_GROUP => MAX_BLOCK_BYTES,
            id::INFO | id::TRACKS | id::TIMESTAMP => MAX_LIST_BYTES,
            _ => {
                self.waiting.pass(whole.ok_or("an element without a size")?);
                return Ok(true);
            }
        };
        let whole = whole.filter(|whole| *whole <= limit).ok_or("an element is too large")?;
        let bytes = usize::try_from(whole).unwrap_or(usize::MAX);
        let Some(body) = self.waiting.get().get(header.header_bytes..bytes) else { return Ok(false) };
        match header.id {
            id::INFO => self.scale = ebml::child(body, id::TIMESTAMP_SCALE).and_then(ebml::unsigned).filter(|scale| (1..=1_000_000_000).contains(scale)),
            id::TRACKS => {
                let tracks: Vec<Track> = tracks(body).collect();
                if tracks.is_empty() {
                    return Err("no track that is read here");
                }
                self.has_tracks = true;
                found.push(Found::Tracks(tracks));
            }
            id::TIMESTAMP => self.cluster = ebml::unsigned(body),
            id::SIMPLE_BLOCK => found.extend(self.block(body)),
            _ => found.extend(ebml::child(body, id::BLOCK).and_then(|block| self.block(block))),
        }
        self.waiting.pass(whole);
        Ok(true)
    }

    /// A block's frame; none before its cluster's time is known, and for blocks that several frames share.
    fn block(&self, block: &[u8]) -> Option<Found> {
        let head = BlockHead::read(block).filter(|head| !head.is_laced())?;
        let ticks = i64::try_from(self.cluster?).ok()?.checked_add(i64::from(head.relative))?;
        let scale = i64::try_from(self.scale.unwrap_or(1_000_000)).ok()?;
        let pts = MediaTime(ticks.checked_mul(scale)?);
        let data = Bytes::copy_from_slice(block.get(head.bytes..)?);
        Some(Found::Sample(Sample { track: head.track, pts, dts: pts, data }))
    }

    /// Looks for a cluster that begins as clusters do; true when one lies at the front now.
    fn find_cluster(&mut self) -> bool {
        let bytes = self.waiting.get();
        let is_cluster = |window: &[u8]| {
            let Read::Header(header) = ebml::header(window) else { return false };
            let behind = window.get(header.header_bytes..).map(ebml::header);
            header.id == id::CLUSTER
                && matches!(behind, Some(Read::Header(next)) if id::FIRST_IN_CLUSTER.contains(&next.id) && next.size.is_some_and(|size| size <= 8))
        };
        let at = (0..bytes.len()).find(|at| bytes.get(*at) == Some(&0x1f) && bytes.get(*at..).is_some_and(is_cluster));
        match at {
            Some(at) => {
                self.waiting.pass(at as u64);
                self.lost = false;
                true
            }
            None => {
                // The front of one may be the end of what is here.
                self.waiting.pass(bytes.len().saturating_sub(2 * ebml::MAX_HEADER_BYTES) as u64);
                false
            }
        }
    }
}

/// The tracks that can become units.
fn tracks(list: &[u8]) -> impl Iterator<Item = Track> {
    let entries = ebml::children(list).filter(|(id, _)| *id == id::TRACK_ENTRY).take(MAX_TRACKS);
    entries.filter_map(|(_, entry)| {
        let number = ebml::child(entry, id::TRACK_NUMBER).and_then(ebml::unsigned)?;
        let private = ebml::child(entry, id::CODEC_PRIVATE);
        let track = |codec, config, nal_length_bytes| Some(Track { number, codec, config, nal_length_bytes });
        match ebml::child(entry, id::CODEC_ID)? {
            b"V_VP8" => track(Codec::Vp8, None, 0),
            b"V_VP9" => track(Codec::Vp9, None, 0),
            // Behind four bytes of the record stand the units that hold for all (AV1 in Matroska, section 4).
            b"V_AV1" => track(Codec::Av1, private.and_then(|record| av1::Sequence::find(record.get(4..)?)).map(TrackConfig::Av1), 0),
            b"V_MPEG4/ISO/AVC" => {
                let (config, length) = private.and_then(tl_mp4::live::avc_record).unwrap_or((None, 0));
                track(Codec::H264, config, length)
            }
            b"V_MPEGH/ISO/HEVC" => {
                let (config, length) = private.and_then(tl_mp4::live::hevc_record).unwrap_or((None, 0));
                track(Codec::H265, config, length)
            }
            b"A_OPUS" => track(Codec::Opus, None, 0),
            b"A_AAC" => track(Codec::AacAdts, private.and_then(aac_config), 0),
            _ => None,
        }
    })
}

/// The first two bytes of an AudioSpecificConfig.
fn aac_config(record: &[u8]) -> Option<TrackConfig> {
    let &[first, second] = record.first_chunk::<2>()?;
    let (object_type, rate_index, channels) = (first >> 3, (first & 7) << 1 | second >> 7, second >> 3 & 0xf);
    let fits = (1..=4).contains(&object_type) && rate_index <= 12 && (1..=7).contains(&channels);
    fits.then_some(TrackConfig::SourceAac { object_type, rate_index, channels })
}
