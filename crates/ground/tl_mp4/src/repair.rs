//! Cutting a torn end off.

use std::fs::OpenOptions;
use std::path::Path;

use crate::Error;
use crate::scan::{Scan, scan};

/// Truncates a fragmented file behind its last whole fragment and waits until that is on the disk. A file whose movie header
/// is not readable is left as it is, and so is one with its samples in tables, which a truncation could only harm.
pub fn repair(path: &Path) -> Result<Scan, Error> {
    let found = scan(path)?;
    if !found.fragmented {
        return Err(Error::NoHeader("file is not fragmented"));
    }
    if found.whole_bytes < found.file_bytes {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(found.whole_bytes)?;
        file.sync_all()?;
    }
    Ok(Scan { file_bytes: found.whole_bytes, ..found })
}
