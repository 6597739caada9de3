//! The programme on its way to viewers: each access unit is cut into packets once, the newest pictures are kept for those who
//! join, and the encoder is asked for a key picture no more often than it bears.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tl_base::{MediaClock, MediaTime};
use tl_frame::{AccessUnit, Codec};

use crate::packetize;

/// Key pictures are asked of the encoder at most this often.
pub(crate) const KEY_SPACING: Duration = Duration::from_secs(1);
/// Pictures since a key are kept for viewers who join, as long as that key is this young: who comes later waits for a new key
/// instead of running behind by that much.
const KEEP: MediaTime = MediaTime::from_secs(1);
/// And as long as they are not more than this.
const KEEP_BYTES: usize = 2 << 20;
/// A programme whose time stamps are this near the clock tells them; others are moved to where they came.
const NEAR: MediaTime = MediaTime::from_secs(5);
/// RTP times begin anywhere (RFC 3550, section 5.1).
const VIDEO_BASE: u32 = 0x1f2e_3d4c;
const SOUND_BASE: u32 = 0x2b3a_4958;

/// One access unit in packets, shared by all viewers.
#[derive(Debug)]
pub(crate) struct Shot {
    pub sound: bool,
    /// Whether decoding may start here.
    pub key: bool,
    /// RTP time: 90 kHz for pictures, 48 kHz for sound.
    pub rtp: u32,
    /// When it was, or would have been, on the studio's clock; never after it came.
    pub wall: Instant,
    pub payloads: Vec<Arc<[u8]>>,
    /// Of all payloads.
    pub bytes: usize,
}

/// The programme.
pub(crate) struct Programme {
    clock: MediaClock,
    /// Added to a time stamp to have the studio's clock.
    shift: Option<MediaTime>,
    since_key: Vec<Arc<Shot>>,
    kept_bytes: usize,
    /// Time stamp of the key picture that `since_key` begins with.
    key_at: Option<MediaTime>,
    key_wanted: bool,
    key_asked: Option<Instant>,
}

impl Programme {
    pub fn new(clock: MediaClock) -> Self {
        Self { clock, shift: None, since_key: Vec::new(), kept_bytes: 0, key_at: None, key_wanted: false, key_asked: None }
    }

    /// Cuts an access unit into packets; none when it is nothing that viewers are sent.
    pub fn take(&mut self, unit: &AccessUnit, now: Instant) -> Option<Arc<Shot>> {
        let (sound, payloads) = match unit.codec {
            Codec::H264 => (false, packetize::h264(&unit.data)),
            Codec::Opus if !unit.data.is_empty() => (true, vec![Arc::from(&*unit.data)]),
            _ => return None,
        };
        if payloads.is_empty() {
            return None;
        }
        let bytes = payloads.iter().map(|payload| payload.len()).sum();
        let shot = Arc::new(Shot { sound, key: unit.key, rtp: rtp_time(unit.pts, sound), wall: self.wall(unit.pts, now), payloads, bytes });
        if !sound {
            self.keep(&shot, unit.pts);
        }
        Some(shot)
    }

    /// The pictures since a young key, for a viewer who joins.
    pub fn since_key(&self) -> &[Arc<Shot>] {
        &self.since_key
    }

    /// A viewer needs a key picture.
    pub fn want_key(&mut self) {
        self.key_wanted = true;
    }

    /// When the encoder may be asked, if it has to be.
    pub fn key_due(&self, now: Instant) -> Option<Instant> {
        self.key_wanted.then(|| self.key_asked.map_or(now, |asked| asked + KEY_SPACING))
    }

    /// Whether the encoder has to be asked now; it counts as asked by that.
    pub fn take_key_due(&mut self, now: Instant) -> bool {
        let due = self.key_due(now).is_some_and(|due| now >= due);
        if due {
            self.key_asked = Some(now);
            self.key_wanted = false;
        }
        due
    }

    /// Nobody views any more.
    pub fn rest(&mut self) {
        self.forget();
        self.key_wanted = false;
    }

    fn keep(&mut self, shot: &Arc<Shot>, pts: MediaTime) {
        if shot.key {
            self.forget();
            self.key_at = Some(pts);
            self.key_wanted = false;
        }
        let Some(key_at) = self.key_at else { return };
        if pts - key_at >= KEEP || pts < key_at || self.kept_bytes + shot.bytes > KEEP_BYTES {
            self.forget();
            return;
        }
        self.kept_bytes += shot.bytes;
        self.since_key.push(Arc::clone(shot));
    }

    fn forget(&mut self) {
        self.since_key.clear();
        (self.kept_bytes, self.key_at) = (0, None);
    }

    /// The instant that a sender report ties to `pts`: pictures and sound share one shift, so their distance stays what it is.
    fn wall(&mut self, pts: MediaTime, now: Instant) -> Instant {
        let late = self.clock.at(now) - pts;
        let near = late.0 >= 0 && late <= NEAR;
        let shift = *self.shift.get_or_insert(if near { MediaTime::ZERO } else { late });
        // What is stamped later than it came would be from the future, and what jumped far back has begun anew.
        let off = late - shift;
        let shift = if off.0 < 0 || off > NEAR { late } else { shift };
        self.shift = Some(shift);
        self.clock.instant_of(pts + shift).min(now)
    }
}

/// RTP time of a time stamp; it wraps.
pub(crate) fn rtp_time(pts: MediaTime, sound: bool) -> u32 {
    let (rate, base) = if sound { (48_000, SOUND_BASE) } else { (90_000, VIDEO_BASE) };
    let ticks = (i128::from(pts.0) * rate + 500_000_000).div_euclid(1_000_000_000);
    (ticks as u32).wrapping_add(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tl_base::SlotId;
    use tl_frame::ConfigId;

    fn unit(codec: Codec, millis: i64, key: bool) -> AccessUnit {
        let pts = MediaTime::from_millis(millis);
        let data = if codec == Codec::H264 { vec![0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88, 1, 2] } else { vec![0xfc, 1] };
        AccessUnit { source: SlotId(1), codec, config_id: ConfigId(1), capture: pts, pts, dts: pts, arrival: pts, key, data: data.into() }
    }

    fn programme() -> (Programme, Instant) {
        let clock = MediaClock::starting_at(MediaTime::ZERO);
        let began = clock.instant_of(MediaTime::ZERO);
        (Programme::new(clock), began)
    }

    #[test]
    fn pictures_and_sound_keep_their_distance() {
        let check = |offset: i64| {
            let (mut programme, began) = programme();
            let mut ties = Vec::new();
            for index in 0..100_i64 {
                let now = began + Duration::from_millis(10_000 + index as u64 * 20 + index as u64 % 7);
                let pts = offset + 9_900 + index * 20;
                for codec in [Codec::H264, Codec::Opus] {
                    let shot = programme.take(&unit(codec, pts, true), now).expect("a shot");
                    assert!(shot.wall <= now);
                    let rate = if shot.sound { 48 } else { 90 };
                    let base = if shot.sound { SOUND_BASE } else { VIDEO_BASE };
                    assert_eq!(shot.rtp.wrapping_sub(base), (pts * rate) as u32);
                    ties.push((pts, shot.wall));
                }
            }
            let zero = |(pts, wall): &(i64, Instant)| wall.saturating_duration_since(began).as_millis() as i64 - pts;
            let last = zero(ties.last().expect("ties"));
            assert!(ties[100..].iter().all(|tie| (zero(tie) - last).abs() <= 1), "one shift for both");
            last
        };
        assert_eq!(check(0), 0, "a programme on the studio's clock tells its own times");
        check(500_000);
        check(-1_000_000);
    }

    #[test]
    fn who_joins_soon_after_a_key_gets_what_came_since() {
        let (mut programme, began) = programme();
        let mut push = |millis: i64, key: bool| {
            let now = began + Duration::from_millis(millis as u64);
            programme.take(&unit(Codec::H264, millis, key), now);
            programme.since_key().len()
        };
        assert_eq!(push(0, false), 0);
        assert_eq!(push(33, true), 1);
        assert_eq!(push(66, false), 2);
        assert_eq!(push(1_000, false), 3);
        assert_eq!(push(1_033, false), 0, "the key is too old by now");
        assert_eq!(push(1_066, false), 0);
        assert_eq!(push(2_033, true), 1);
    }

    #[test]
    fn the_encoder_is_asked_once_a_second_at_most() {
        let (mut programme, began) = programme();
        let at = |millis| began + Duration::from_millis(millis);
        assert!(!programme.take_key_due(at(0)));
        programme.want_key();
        assert!(programme.take_key_due(at(10)) && !programme.take_key_due(at(11)));
        programme.want_key();
        assert!(!programme.take_key_due(at(900)) && programme.key_due(at(900)) == Some(at(1_010)));
        programme.take(&unit(Codec::H264, 950, true), at(950));
        assert!(!programme.take_key_due(at(2_000)), "a key that came by itself will do");
    }

    #[test]
    fn other_codecs_and_empty_units_are_no_shots() {
        let (mut programme, began) = programme();
        let mut empty = unit(Codec::Opus, 0, true);
        empty.data = bytes::Bytes::new();
        assert!(programme.take(&empty, began).is_none());
        assert!(programme.take(&unit(Codec::Vp8, 0, true), began).is_none());
        let garbage = bolero::produce::<(i64, Vec<u8>, bool)>();
        bolero::check!().with_generator(garbage).for_each(|(pts, data, key)| {
            let (mut programme, began) = super::tests::programme();
            let mut unit = unit(Codec::H264, 0, *key);
            (unit.pts, unit.data) = (MediaTime(*pts / 4), data.clone().into());
            programme.take(&unit, began);
        });
    }
}
