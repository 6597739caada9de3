//! Where an executable ends.

use std::io::{self, Read};

/// Bytes of the header of a 64-bit ELF file.
const HEADER: usize = 64;

/// Length in bytes of the ELF file that `reader` begins with: the end of its section headers, which linkers and `strip` put last. `None` when it is not a
/// 64-bit little-endian ELF file.
pub fn length(reader: &mut impl Read) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER];
    match reader.read_exact(&mut header) {
        Ok(()) => Ok(of_header(&header)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Field offsets are those of `Elf64_Ehdr` in elf(5).
fn of_header(header: &[u8; HEADER]) -> Option<u64> {
    const CLASS_64: u8 = 2;
    const LITTLE_ENDIAN: u8 = 1;
    if !header.starts_with(b"\x7fELF") || header.get(4) != Some(&CLASS_64) || header.get(5) != Some(&LITTLE_ENDIAN) {
        return None;
    }
    let sections_at = u64::from_le_bytes(header.get(0x28..0x30)?.try_into().ok()?);
    let section_bytes = u16::from_le_bytes(header.get(0x3a..0x3c)?.try_into().ok()?);
    let sections = u16::from_le_bytes(header.get(0x3c..0x3e)?.try_into().ok()?);
    sections_at.checked_add(u64::from(section_bytes) * u64::from(sections))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn an_executable_ends_where_its_file_does() {
        let path = std::env::current_exe().expect("this test");
        let size = path.metadata().expect("facts").len();
        let found = length(&mut File::open(&path).expect("this test")).expect("bytes").expect("an ELF file");
        // Some linkers pad the end of a file that was not stripped.
        assert!(found <= size && size - found < 4096, "{found} of {size}");
    }

    #[test]
    fn other_files_are_no_executables() {
        let check = |bytes: &[u8]| assert_eq!(length(&mut &*bytes).expect("bytes"), None);
        check(b"");
        check(b"#!/bin/sh\n");
        check(&[0; 64]);
        let mut of_32_bits = [0; 64];
        of_32_bits[..6].copy_from_slice(b"\x7fELF\x01\x01");
        check(&of_32_bits);
        let mut endless = [0xff; 64];
        endless[..6].copy_from_slice(b"\x7fELF\x02\x01");
        check(&endless);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let found = length(&mut &*[b"\x7fELF\x02\x01", bytes].concat()).expect("bytes in memory");
            assert!(found.is_none() || bytes.len() >= HEADER - 6);
        });
    }
}
