//! Opus as transport streams carry it: each packet behind a control header (ETSI TS 103 491, annex; "Opus in MPEG-TS").

/// The packets of an elementary packet; what does not parse ends them.
pub(super) fn packets(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (packet, rest) = split(bytes)?;
        bytes = rest;
        Some(packet)
    })
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[first, second], mut rest) = bytes.split_first_chunk::<2>()?;
    if first != 0x7f || second & 0xe0 != 0xe0 {
        return None;
    }
    let mut length = 0;
    loop {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        length += usize::from(*byte);
        if *byte != 0xff {
            break;
        }
    }
    for flag in [0x10, 0x08] {
        if second & flag != 0 {
            rest = rest.get(2..)?;
        }
    }
    if second & 0x04 != 0 {
        let (length, behind) = rest.split_first()?;
        rest = behind.get(usize::from(*length)..)?;
    }
    (length > 0).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_taken_off() {
        let mut bytes = vec![0x7f, 0xe0, 3, 1, 2, 3];
        bytes.extend_from_slice(&[0x7f, 0xf0, 0xff, 1, 0, 9]);
        bytes.extend_from_slice(&[5; 256]);
        bytes.extend_from_slice(&[0x7f, 0xe4, 1, 2, 0xaa, 0xaa, 8, 0x12]);
        assert_eq!(packets(&bytes).map(<[u8]>::len).collect::<Vec<_>>(), [3, 256, 1]);
        assert_eq!(packets(&[0x7f, 0xe0, 9, 1]).count(), 0);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| assert!(packets(bytes).map(<[u8]>::len).sum::<usize>() <= bytes.len()));
    }
}
