//! Pictures and sound at the pace of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tl_base::MediaTime;
use tl_frame::{AccessUnit, AudioBlock};
use tl_media::{AacEncoder, Push, RtmpPush, SrtPush};

use super::{CAMERA, SMALL, Seen, units};

/// What takes a programme.
pub trait Takes: Send + Sync + 'static {
    fn take(&self, unit: &AccessUnit);
}

macro_rules! takes {
    ($($push:ty),*) => {$(
        impl Takes for $push {
            fn take(&self, unit: &AccessUnit) {
                self.push(unit);
            }
        }
    )*};
}

takes!(Push, RtmpPush, SrtPush);

/// Takers that get the same units, as destinations and a recording do in a show.
pub struct Together(pub Vec<Arc<dyn Takes>>);

impl Takes for Together {
    fn take(&self, unit: &AccessUnit) {
        self.0.iter().for_each(|taker| taker.take(unit));
    }
}

/// Pictures and sound for ever, given out at the pace of life on a thread of its own.
pub struct Programme {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Programme {
    pub fn play(push: &Arc<impl Takes>, speed: f64) -> Self {
        let mut media = units(SMALL, 0..120);
        media.extend(sound(4));
        media.sort_by_key(|unit| unit.capture);
        let (stop, push) = (Arc::new(AtomicBool::new(false)), Arc::downgrade(push));
        let stopped = Arc::clone(&stop);
        let start = Instant::now();
        let thread = std::thread::spawn(move || {
            for round in 0.. {
                for unit in &media {
                    let shift = MediaTime::from_secs(4 * round);
                    let unit = AccessUnit { capture: unit.capture + shift, pts: unit.pts + shift, dts: unit.dts + shift, ..unit.clone() };
                    // A camera's pace, not a condition: pictures come when they are due.
                    std::thread::sleep((start + unit.capture.to_duration().div_f64(speed)).saturating_duration_since(Instant::now()));
                    let Some(push) = push.upgrade().filter(|_| !stopped.load(Ordering::Relaxed)) else { return };
                    push.take(&unit);
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Programme {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a thread").join().expect("no panic");
    }
}

/// Exactly so many seconds of AAC.
pub fn sound(seconds: i64) -> Vec<AccessUnit> {
    let seen = Seen::default();
    let into = seen.clone();
    let encoder = AacEncoder::new(CAMERA, 2, 128_000, move |unit| into.add(unit)).expect("an encoder");
    for at in 0..30 * seconds {
        let samples: Vec<f32> = (0..1_600).flat_map(|frame| [((at * 1_600 + frame) as f32 * 0.06).sin() * 0.2; 2]).collect();
        let capture = MediaTime::from_samples(1_600 * at);
        let block = AudioBlock { source: CAMERA, capture, rate_hz: 48_000, channels: 2, samples: samples.into() };
        while encoder.push(&block).is_err() {
            std::thread::yield_now();
        }
    }
    encoder.finish().expect("ends");
    seen.all().into_iter().filter(|unit| unit.capture < MediaTime::from_secs(seconds)).collect()
}
