//! What the markers of a JPEG image say (ITU-T T.81, annex B).

use tl_base::Size;

/// The picture's size, from the first frame header; none when there is none before the first scan.
pub fn size(image: &[u8]) -> Option<Size> {
    let mut rest = image.strip_prefix(&[0xff, 0xd8])?;
    loop {
        // Any number of 0xff may stand in front of a marker.
        let at = rest.iter().position(|byte| *byte != 0xff)?;
        let marker = *rest.get(at)?;
        if at == 0 {
            return None;
        }
        rest = rest.get(at + 1..)?;
        match marker {
            0x01 | 0xd0..=0xd7 => continue,
            // The end, or a scan without a frame header.
            0x00 | 0xd8..=0xda => return None,
            _ => {}
        }
        let length = usize::from(be_u16(rest, 0)?);
        let segment = rest.get(2..length)?;
        // Frame headers, beside which stand DHT, JPG and DAC.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let size = Size::new(u32::from(be_u16(segment, 3)?), u32::from(be_u16(segment, 1)?));
            return (size.short_side() > 0).then_some(size);
        }
        rest = rest.get(length..)?;
    }
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_header_tells_the_size() {
        let mut image = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc0, 0, 11, 8, 0x02, 0xd0, 0x05, 0x00, 1, 1, 0x11, 0];
        assert_eq!(size(&image), Some(Size::new(1_280, 720)));
        for cut in 0..image.len() {
            let found = size(image.get(..cut).expect("shorter"));
            assert_eq!(found, None, "cut at {cut}");
        }
        // A scan before any frame header says nothing of the size.
        image.splice(2..2, [0xff, 0xda, 0, 2]);
        assert_eq!(size(&image), None);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            size(bytes);
            size(&[&[0xff, 0xd8], bytes].concat());
        });
    }
}
