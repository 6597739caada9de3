//! Time as the show counts it.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The studio's one sample rate. Programme time is counted in these samples.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// Signed nanoseconds since the session's epoch, or a distance between two such times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(transparent)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// The epoch itself, or no distance.
    pub const ZERO: Self = Self(0);

    /// A time from whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// A time from whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000_000)
    }

    /// A time from whole microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros * 1_000)
    }

    /// A time from seconds with a fraction; what is not finite becomes zero.
    pub fn from_secs_f64(secs: f64) -> Self {
        if secs.is_finite() { Self((secs * 1e9) as i64) } else { Self::ZERO }
    }

    /// The moment at which this many samples at [`SAMPLE_RATE_HZ`] have passed, rounded down.
    pub fn from_samples(samples: i64) -> Self {
        Self((i128::from(samples) * 1_000_000_000).div_euclid(i128::from(SAMPLE_RATE_HZ)) as i64)
    }

    /// Whole samples at [`SAMPLE_RATE_HZ`] up to this time, rounded to the nearest.
    pub fn to_samples(self) -> i64 {
        ((i128::from(self.0) * i128::from(SAMPLE_RATE_HZ) + 500_000_000).div_euclid(1_000_000_000)) as i64
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds with a fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Milliseconds with a fraction.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The distance without its sign.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As a standard duration; what is negative becomes zero.
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos(self.0.max(0) as u64)
    }
}

impl From<Duration> for MediaTime {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Add for MediaTime {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for MediaTime {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for MediaTime {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for MediaTime {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_secs_f64())
    }
}

/// Pictures a second, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct Rate {
    /// Pictures in [`Rate::den`] seconds.
    pub num: u32,
    /// Seconds, at least 1.
    pub den: u32,
}

impl Rate {
    /// 30 pictures a second.
    pub const FPS_30: Self = Self { num: 30, den: 1 };

    /// A rate of `num / den` pictures a second; none when either is zero or the rate exceeds 240.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        (num > 0 && den > 0 && u64::from(num) <= 240 * u64::from(den)).then_some(Self { num, den })
    }

    /// The start of tick `tick`, counted in samples so that sound and picture never part.
    pub fn tick_start(self, tick: u64) -> MediaTime {
        let samples = u128::from(tick) * u128::from(SAMPLE_RATE_HZ) * u128::from(self.den) / u128::from(self.num);
        MediaTime::from_samples(samples as i64)
    }

    /// The length of one tick, rounded down.
    pub fn period(self) -> MediaTime {
        MediaTime((1_000_000_000_i128 * i128::from(self.den) / i128::from(self.num)) as i64)
    }

    /// Pictures a second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

/// The session's clock: the system's monotonic clock, read from an epoch. Cheap to copy; every thread reads the same time.
#[derive(Clone, Copy, Debug)]
pub struct MediaClock {
    epoch: Instant,
    offset: MediaTime,
    wall_at_epoch: Wall,
}

impl MediaClock {
    /// A clock that shows `offset` now. A first era starts at zero, a resumed one behind the last time of the era before.
    pub fn starting_at(offset: MediaTime) -> Self {
        let wall = Wall::now();
        Self { epoch: Instant::now(), offset, wall_at_epoch: Wall(wall.0 - offset.0 / 1_000) }
    }

    /// The time now.
    pub fn now(&self) -> MediaTime {
        MediaTime::from(self.epoch.elapsed()) + self.offset
    }

    /// The time at `instant`, which may lie before the epoch.
    pub fn at(&self, instant: Instant) -> MediaTime {
        match instant.checked_duration_since(self.epoch) {
            Some(after) => MediaTime::from(after) + self.offset,
            None => self.offset - MediaTime::from(self.epoch.duration_since(instant)),
        }
    }

    /// The instant at which this clock shows `time`.
    pub fn instant_of(&self, time: MediaTime) -> Instant {
        let since = time - self.offset;
        if since.0 >= 0 { self.epoch + since.to_duration() } else { self.epoch.checked_sub((-since).to_duration()).unwrap_or(self.epoch) }
    }

    /// The wall clock's time at `time`, as anchored when this clock was made; it does not jump when the wall clock does.
    pub fn wall_of(&self, time: MediaTime) -> Wall {
        Wall(self.wall_at_epoch.0 + time.0 / 1_000)
    }
}

/// Wall-clock time: microseconds since 1970-01-01 UTC. For records and people, never for media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(transparent)]
pub struct Wall(pub i64);

impl Wall {
    /// The wall clock now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// RFC 3339 with milliseconds, in UTC: `2026-11-20T18:04:05.123Z`.
    pub fn to_rfc3339(self) -> String {
        let secs = self.0.div_euclid(1_000_000);
        let millis = self.0.rem_euclid(1_000_000) / 1_000;
        let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
    }
}

/// Days since 1970-01-01 to year, month, day (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_from_the_sample_count() {
        assert_eq!(Rate::FPS_30.tick_start(1), MediaTime::from_samples(1_600));
        assert_eq!(Rate::FPS_30.tick_start(90_000), MediaTime::from_secs(3_000));
        let ntsc = Rate::new(30_000, 1_001).expect("a rate");
        assert_eq!(ntsc.tick_start(30_000), MediaTime::from_secs(1_001));
    }

    #[test]
    fn samples_and_time_agree_both_ways() {
        for samples in [-48_001, -1, 0, 1, 1_023, 1_024, 48_000, 172_800_000] {
            assert_eq!(MediaTime::from_samples(samples).to_samples(), samples);
        }
    }

    #[test]
    fn a_rate_of_nothing_or_too_much_is_refused() {
        assert!(Rate::new(0, 1).is_none() && Rate::new(30, 0).is_none() && Rate::new(241, 1).is_none());
    }

    #[test]
    fn the_wall_is_written_as_people_read_it() {
        assert_eq!(Wall(0).to_rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall(951_827_696_789_000).to_rfc3339(), "2000-02-29T12:34:56.789Z");
        assert_eq!(Wall(1_795_129_445_001_999).to_rfc3339(), "2026-11-19T23:04:05.001Z");
    }

    #[test]
    fn a_clock_reads_before_and_after_its_epoch() {
        let clock = MediaClock::starting_at(MediaTime::from_secs(5));
        let later = MediaTime::from_secs(9);
        assert_eq!(clock.at(clock.instant_of(later)), later);
        assert!(clock.now() >= MediaTime::from_secs(5));
    }
}
