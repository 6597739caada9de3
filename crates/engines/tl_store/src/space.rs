//! How much disk is left, and for how long it lasts.

use std::path::Path;
use std::time::Duration;

use crate::Error;

/// Bytes that this user may still write where `path` lies.
pub fn free_bytes(path: &Path) -> Result<u64, Error> {
    fs4::available_space(path).map_err(Error::io("ask for the free space of", path))
}

/// What the studio does about the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Enough for more than 30 minutes.
    Plenty,
    /// 30 minutes or less are left: tell the person.
    Warn,
    /// 10 minutes or less are left: stop the cameras' own recordings, keep the programme's.
    ShedIso,
    /// 500 MB or less are left: stop every recording, keep the programme on air.
    Stop,
}

/// The free space below which every recording stops, bytes.
pub const STOP_BELOW_BYTES: u64 = 500_000_000;

/// How long `free` bytes last when `bytes_per_second` are written, keeping [`STOP_BELOW_BYTES`]; none when nothing is written.
pub fn time_left(free: u64, bytes_per_second: f64) -> Option<Duration> {
    let usable = free.saturating_sub(STOP_BELOW_BYTES) as f64;
    // A day is as good as for ever and keeps the number small enough to show.
    (bytes_per_second.is_finite() && bytes_per_second > 0.0).then(|| Duration::from_secs_f64((usable / bytes_per_second).min(86_400.0)))
}

/// What is to be done with `free` bytes left at this rate.
pub fn level(free: u64, bytes_per_second: f64) -> Level {
    let minutes = time_left(free, bytes_per_second).map(|left| left.as_secs() / 60);
    match minutes {
        _ if free <= STOP_BELOW_BYTES => Level::Stop,
        Some(0..10) => Level::ShedIso,
        Some(10..30) => Level::Warn,
        _ => Level::Plenty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_are_thirty_minutes_ten_minutes_and_500_megabytes() {
        let rate = 1_000_000.0;
        let at = |minutes: u64| STOP_BELOW_BYTES + minutes * 60 * 1_000_000;
        assert_eq!(level(at(31), rate), Level::Plenty);
        assert_eq!(level(at(29), rate), Level::Warn);
        assert_eq!(level(at(9), rate), Level::ShedIso);
        assert_eq!(level(STOP_BELOW_BYTES, rate), Level::Stop);
        assert_eq!(level(at(1), 0.0), Level::Plenty);
        assert_eq!(time_left(at(1), f64::NAN), None);
    }

    #[test]
    fn this_machine_has_a_disk() {
        assert!(free_bytes(&std::env::temp_dir()).expect("an answer") > 0);
        assert!(free_bytes(Path::new("/no/such/place")).is_err());
    }
}
