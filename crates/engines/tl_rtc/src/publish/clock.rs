//! A phone's own time.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use str0m::{Input, Rtc};

/// What a phone's clock shows at an instant, nanoseconds since an epoch of its own. It must run forwards.
pub type Clock = Arc<dyn Fn(Instant) -> i64 + Send + Sync>;

/// A phone's time may differ this much from the wall clock and still be told as it is.
const NEAR: i64 = 1_800 * 1_000_000_000;

/// The instant and the wall time at which the protocol library froze its conversion of one into the other.
static FROZEN: LazyLock<(Instant, i64)> = LazyLock::new(|| {
    let mut rtc = Rtc::new(Instant::now());
    if let Err(error) = rtc.handle_input(Input::Timeout(Instant::now())) {
        tracing::debug!(%error, "protocol");
    }
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX))
});

/// A clock that was `offset_secs` ahead of the wall clock when this process began to look, and gains `drift_ppm` microseconds
/// each second since.
pub fn offset_clock(offset_secs: f64, drift_ppm: f64) -> Clock {
    let (began, wall) = *FROZEN;
    let first = wall.saturating_add((offset_secs * 1e9) as i64);
    Arc::new(move |now| {
        let since = signed_nanos(now, began);
        first.saturating_add(since).saturating_add((since as f64 * drift_ppm * 1e-6) as i64)
    })
}

/// The protocol instance of a phone is fed instants of the phone's own time, so that the reports it writes tell that time.
pub(crate) struct PhoneTime {
    clock: Clock,
    /// Added to the clock where it is nowhere near the wall clock, because reports cannot tell such times.
    epoch: i64,
}

impl PhoneTime {
    pub fn new(clock: Clock, now: Instant) -> Self {
        let (began, wall) = *FROZEN;
        let expected = wall.saturating_add(signed_nanos(now, began));
        let off = expected.saturating_sub(clock(now));
        Self { clock, epoch: if off.saturating_abs() < NEAR { 0 } else { off } }
    }

    /// What the phone's clock shows.
    pub fn nanos(&self, now: Instant) -> i64 {
        (self.clock)(now)
    }

    /// The same as its reports and pongs tell it: nanoseconds since 1970.
    pub fn ntp(&self, now: Instant) -> i64 {
        self.nanos(now).saturating_add(self.epoch)
    }

    /// The phone's own instant of `now`.
    pub fn instant(&self, now: Instant) -> Instant {
        self.instant_of(self.nanos(now))
    }

    /// The phone's own instant at which its clock shows `nanos`.
    pub fn instant_of(&self, nanos: i64) -> Instant {
        let (began, wall) = *FROZEN;
        let since = nanos.saturating_add(self.epoch).saturating_sub(wall);
        let distance = Duration::from_nanos(since.unsigned_abs());
        let moved = if since >= 0 { began.checked_add(distance) } else { began.checked_sub(distance) };
        moved.unwrap_or(began)
    }

    /// The real instant of a phone's own `then`, near `now`.
    pub fn real(&self, now: Instant, then: Instant) -> Instant {
        let own = self.instant(now);
        now + then.saturating_duration_since(own).min(Duration::from_secs(3_600))
    }
}

fn signed_nanos(later: Instant, earlier: Instant) -> i64 {
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match later.checked_duration_since(earlier) {
        Some(after) => nanos(after),
        None => nanos(earlier.duration_since(later)).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_s_time_runs_off_and_fast() {
        let now = Instant::now();
        let clock = offset_clock(-5.0, 50.0);
        let later = now + Duration::from_secs(100);
        // 50 parts per million of 100 s are 5 ms; the sum passes through floating point.
        assert!((clock(later) - clock(now) - 100_005_000_000).abs() < 1_000);
        let time = PhoneTime::new(clock, now);
        let own = time.instant(later);
        assert!(time.real(now, own).duration_since(later) < Duration::from_millis(10));
        assert_eq!(time.ntp(now), time.nanos(now));
    }

    #[test]
    fn a_clock_with_any_epoch_is_told_near_the_wall_clock() {
        let began = Instant::now();
        let clock: Clock = Arc::new(move |now: Instant| now.saturating_duration_since(began).as_nanos() as i64);
        let time = PhoneTime::new(clock, began);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as i64;
        assert!((time.ntp(Instant::now()) - wall).abs() < 2_000_000_000);
    }
}
