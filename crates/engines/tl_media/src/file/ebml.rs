//! Element headers of Matroska and WebM (RFC 8794), read without trust: nothing recurses, no size is believed before its bytes
//! are there.

/// Element ids (RFC 9559), as written.
pub(crate) mod id {
    pub(crate) const HEADER: u32 = 0x1a45_dfa3;
    pub(crate) const SEGMENT: u32 = 0x1853_8067;
    pub(crate) const SEEK_HEAD: u32 = 0x114d_9b74;
    pub(crate) const INFO: u32 = 0x1549_a966;
    pub(crate) const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
    pub(crate) const DURATION: u32 = 0x4489;
    pub(crate) const TRACKS: u32 = 0x1654_ae6b;
    pub(crate) const TRACK_ENTRY: u32 = 0xae;
    pub(crate) const TRACK_NUMBER: u32 = 0xd7;
    pub(crate) const TRACK_TYPE: u32 = 0x83;
    pub(crate) const CODEC_ID: u32 = 0x86;
    pub(crate) const CODEC_PRIVATE: u32 = 0x63a2;
    pub(crate) const CLUSTER: u32 = 0x1f43_b675;
    pub(crate) const TIMESTAMP: u32 = 0xe7;
    pub(crate) const SIMPLE_BLOCK: u32 = 0xa3;
    pub(crate) const BLOCK_GROUP: u32 = 0xa0;
    pub(crate) const BLOCK: u32 = 0xa1;
    pub(crate) const CUES: u32 = 0x1c53_bb6b;
    pub(crate) const CHAPTERS: u32 = 0x1043_a770;
    pub(crate) const TAGS: u32 = 0x1254_c367;
    pub(crate) const ATTACHMENTS: u32 = 0x1941_a469;

    /// With what a cluster may begin: its time, a checksum, its place, or the size of the one before.
    pub(crate) const FIRST_IN_CLUSTER: [u32; 4] = [TIMESTAMP, 0xbf, 0xa7, 0xab];
    /// What stands directly in a segment.
    pub(crate) const TOP: [u32; 8] = [SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, CHAPTERS, TAGS, ATTACHMENTS];
}

/// The longest header: four bytes of id, eight of size.
pub(crate) const MAX_HEADER_BYTES: usize = 12;

/// The head of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u32,
    /// Bytes of id and size.
    pub(crate) header_bytes: usize,
    /// Bytes behind them; none where it is not known beforehand.
    pub(crate) size: Option<u64>,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Header(Header),
    /// More bytes are needed.
    Short,
    /// This is no element.
    Broken,
}

/// Reads the header at the front of `bytes`.
pub(crate) fn header(bytes: &[u8]) -> Read {
    let Some(&first) = bytes.first() else { return Read::Short };
    let id_bytes = first.leading_zeros() as usize + 1;
    if id_bytes > 4 {
        return Read::Broken;
    }
    let Some(id) = bytes.get(..id_bytes) else { return Read::Short };
    let Some(&first) = bytes.get(id_bytes) else { return Read::Short };
    let size_bytes = first.leading_zeros() as usize + 1;
    if size_bytes > 8 {
        return Read::Broken;
    }
    let Some(size) = bytes.get(id_bytes..id_bytes + size_bytes) else { return Read::Short };
    let id = id.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
    Read::Header(Header { id, header_bytes: id_bytes + size_bytes, size: number(size) })
}

/// A number behind its marker; none where all its bits are set, which means unknown.
fn number(bytes: &[u8]) -> Option<u64> {
    let raw = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let mask = (1_u64 << (7 * bytes.len())) - 1;
    Some(raw & mask).filter(|value| *value != mask)
}

/// The elements within a body, one after the other; ends at the first that does not fit.
pub(crate) fn children(body: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let Read::Header(found) = header(rest) else { return None };
        let behind = rest.get(found.header_bytes..)?;
        let (child, next) = behind.split_at_checked(usize::try_from(found.size?).ok()?)?;
        rest = next;
        Some((found.id, child))
    })
}

/// The first child with this id.
pub(crate) fn child(body: &[u8], id: u32) -> Option<&[u8]> {
    children(body).find(|(found, _)| *found == id).map(|(_, child)| child)
}

/// An unsigned number of up to eight bytes.
pub(crate) fn unsigned(body: &[u8]) -> Option<u64> {
    (body.len() <= 8).then(|| body.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// The front of a block: its track, its time against its cluster's, its flags, and the bytes they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    pub(crate) track: u64,
    pub(crate) relative: i16,
    pub(crate) flags: u8,
    pub(crate) bytes: usize,
}

impl BlockHead {
    pub(crate) fn read(block: &[u8]) -> Option<Self> {
        let width = block.first()?.leading_zeros() as usize + 1;
        let track = number(block.get(..width).filter(|_| width <= 8)?)?;
        let &[high, low, flags] = block.get(width..)?.first_chunk::<3>()?;
        Some(Self { track, relative: i16::from_be_bytes([high, low]), flags, bytes: width + 3 })
    }

    /// Whether several frames share the block.
    pub(crate) fn is_laced(self) -> bool {
        self.flags & 0x06 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_id_and_size() {
        let known = Header { id: id::CLUSTER, header_bytes: 5, size: Some(5) };
        assert_eq!(header(&[0x1f, 0x43, 0xb6, 0x75, 0x85, 9]), Read::Header(known));
        let unknown = Header { id: id::SEGMENT, header_bytes: 12, size: None };
        assert_eq!(header(&[0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Read::Header(unknown));
        assert_eq!(header(&[0x1f, 0x43, 0xb6]), Read::Short);
        assert_eq!((header(&[0x00, 0x80]), header(&[0xa3, 0x00])), (Read::Broken, Read::Broken));
        assert_eq!(BlockHead::read(&[0x81, 0xff, 0xfe, 0x80, 7]), Some(BlockHead { track: 1, relative: -2, flags: 0x80, bytes: 4 }));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            header(bytes);
            assert!(children(bytes).map(|(_, child)| child.len()).sum::<usize>() <= bytes.len());
            BlockHead::read(bytes);
        });
    }
}
