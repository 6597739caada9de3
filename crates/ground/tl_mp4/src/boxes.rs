//! Box headers, read without trust: a size is believed only where the bytes are really there.
//!
//! Nothing here recurses, so nesting costs no stack.

use crate::Error;

/// The header of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Four characters.
    pub kind: [u8; 4],
    /// Bytes of the header: 8, or 16 with a long size.
    pub header_bytes: u64,
    /// Bytes with the header; none when the box reaches to the end of what holds it.
    pub total_bytes: Option<u64>,
}

/// Reads a header from the first up to 16 bytes of a box; none when they are too few or say a size smaller than the header.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let size = be_u32(bytes, 0)?;
    let kind: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    let (header_bytes, total_bytes) = match size {
        0 => (8, None),
        1 => (16, Some(be_u64(bytes, 8)?)),
        size => (8, Some(u64::from(size))),
    };
    (total_bytes.is_none_or(|total| total >= header_bytes)).then_some(Header { kind, header_bytes, total_bytes })
}

/// A box within the body of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child<'a> {
    /// Four characters.
    pub kind: [u8; 4],
    /// Bytes from the start of the parent's body to the start of this one's.
    pub body_at: usize,
    /// The bytes behind its header.
    pub body: &'a [u8],
}

/// The boxes in a body, one after the other; ends at the first one that does not fit.
pub(crate) fn children(body: &[u8]) -> impl Iterator<Item = Child<'_>> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let rest = body.get(at..)?;
        let header = header(rest)?;
        let total = header.total_bytes.map_or(Some(rest.len()), |total| usize::try_from(total).ok())?;
        let start = usize::try_from(header.header_bytes).ok()?;
        let child = Child { kind: header.kind, body_at: at + start, body: rest.get(start..total)? };
        at += total;
        Some(child)
    })
}

/// The first child of this kind.
pub(crate) fn child<'a>(body: &'a [u8], kind: &'static str) -> Result<Child<'a>, Error> {
    children(body).find(|child| child.kind == *kind.as_bytes()).ok_or(Error::Malformed { kind, reason: "missing or cut off" })
}

/// The 32 bits at `at`.
pub(crate) fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// The 64 bits at `at`.
pub(crate) fn be_u64(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_be_bytes(eight.try_into().ok()?))
}

/// The 16 bits at `at`.
pub(crate) fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}
