//! What the first bytes of a VP8 frame say (RFC 6386, section 9.1).

use tl_base::Size;

/// Whether decoding may start at this frame.
pub fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|tag| tag & 1 == 0)
}

/// The picture's size; none when this is not a whole key-frame header.
pub fn size(frame: &[u8]) -> Option<Size> {
    let header = frame.get(..10).filter(|_| is_key(frame))?;
    if header.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let side = |at: usize| Some(u32::from(u16::from_le_bytes([*header.get(at)?, *header.get(at + 1)?]) & 0x3fff));
    let size = Size::new(side(6)?, side(8)?);
    (size.short_side() > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_tells_its_size() {
        let header = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02, 0xff];
        assert_eq!(size(&header), Some(Size::new(1280, 720)));
        for cut in 0..10 {
            assert_eq!(size(header.get(..cut).expect("shorter")), None);
        }
        assert!(!is_key(&[0x11]) && !is_key(&[]));
    }
    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            if let Some(size) = size(bytes) {
                assert!(is_key(bytes) && size.long_side() < 1 << 14);
            }
        });
    }
}
