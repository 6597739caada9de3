//! Who tries too many wrong tokens waits.
//!
//! Only different wrong tokens count: a page that keeps asking with an old link must not lock its whole house out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Addresses remembered at a time; the one that failed first leaves.
const MAX_ADDRESSES: usize = 4_096;

const WINDOW: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Record {
    /// When, and the beginning of the wrong token's hash.
    wrong: Vec<(Instant, [u8; 8])>,
    locked_until: Option<Instant>,
}

/// What a wrong token led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It was counted.
    Counted,
    /// With this one the address is locked out.
    JustLocked,
    /// The address was locked out before.
    Locked,
}

/// Wrong tokens by address.
pub(crate) struct Lockout {
    allowed: usize,
    lock_time: Duration,
    records: Mutex<HashMap<IpAddr, Record>>,
}

impl Lockout {
    pub(crate) fn new(allowed: usize, lock_time: Duration) -> Self {
        Self { allowed, lock_time, records: Mutex::new(HashMap::new()) }
    }

    /// How long this address is still locked out.
    pub(crate) fn locked_for(&self, ip: IpAddr, now: Instant) -> Option<Duration> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let until = records.get(&ip.to_canonical())?.locked_until?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Notes a wrong token; tells whether the address is locked out now.
    pub(crate) fn wrong(&self, ip: IpAddr, token: &str, now: Instant) -> Wrong {
        let mut mark = [0; 8];
        mark.iter_mut().zip(Sha256::digest(token.as_bytes())).for_each(|(mark, byte)| *mark = byte);
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MAX_ADDRESSES {
            make_room(&mut records, now);
        }
        let record = records.entry(ip.to_canonical()).or_default();
        record.wrong.retain(|(at, _)| now.duration_since(*at) < WINDOW);
        if !record.wrong.iter().any(|(_, known)| *known == mark) && record.wrong.len() < self.allowed {
            record.wrong.push((now, mark));
        }
        if record.wrong.len() >= self.allowed {
            record.wrong.clear();
            let was = record.locked_until.is_some_and(|until| until > now);
            record.locked_until = Some(now + self.lock_time);
            return if was { Wrong::Locked } else { Wrong::JustLocked };
        }
        if record.locked_until.is_some_and(|until| until > now) { Wrong::Locked } else { Wrong::Counted }
    }
}

fn make_room(records: &mut HashMap<IpAddr, Record>, now: Instant) {
    let fresh = |record: &Record| record.locked_until.is_some_and(|until| until > now) || record.wrong.iter().any(|(at, _)| now.duration_since(*at) < WINDOW);
    records.retain(|_, record| fresh(record));
    if records.len() >= MAX_ADDRESSES {
        let oldest = records.iter().min_by_key(|(_, record)| record.wrong.first().map(|(at, _)| *at)).map(|(ip, _)| *ip);
        oldest.and_then(|ip| records.remove(&ip));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 9));

    #[test]
    fn five_different_wrong_tokens_in_a_minute_lock_for_a_minute() {
        let lockout = Lockout::new(5, Duration::from_secs(60));
        let start = Instant::now();
        for token in ["a", "b", "c", "d"] {
            assert_eq!(lockout.wrong(IP, token, start), Wrong::Counted);
        }
        assert_eq!(lockout.wrong(IP, "a", start), Wrong::Counted, "the same again does not count");
        assert_eq!(lockout.wrong(IP, "e", start), Wrong::JustLocked);
        assert_eq!(lockout.wrong(IP, "f", start), Wrong::Locked);
        assert!(lockout.locked_for(IP, start + Duration::from_secs(59)).is_some());
        assert!(lockout.locked_for(IP, start + Duration::from_secs(60)).is_none());
        let other = "10.0.0.1".parse().expect("an address");
        assert!(lockout.locked_for(other, start).is_none());
    }

    #[test]
    fn slow_mistakes_never_lock() {
        let lockout = Lockout::new(5, Duration::from_secs(60));
        let start = Instant::now();
        for number in 0..100_u64 {
            assert_eq!(lockout.wrong(IP, &number.to_string(), start + Duration::from_secs(16 * number)), Wrong::Counted);
        }
    }

    #[test]
    fn addresses_are_bounded() {
        let lockout = Lockout::new(5, Duration::from_secs(60));
        let now = Instant::now();
        for number in 0..MAX_ADDRESSES as u32 + 100 {
            lockout.wrong(IpAddr::V4(number.into()), "x", now);
        }
        assert!(lockout.records.lock().expect("no panic").len() <= MAX_ADDRESSES);
    }
}
