//! Sources without a drift, and the ebur128 crate as the judge of what leaves.

use std::f64::consts::TAU;

use ebur128::{EbuR128, Mode};
use tl_base::{MediaTime, SlotId, SourceId};
use tl_frame::AudioBlock;
use tl_sound::{LOOK_AHEAD, Meters, Mixer};

/// Frames asked for at a time.
pub const SPAN: usize = 1_024;

/// A wave by its sample's number at 48 kHz.
pub type Wave = Box<dyn FnMut(i64) -> f32>;

/// Sources that send blocks of 20 ms.
#[derive(Default)]
pub struct Feeds {
    waves: Vec<(SourceId, Wave)>,
    sent: i64,
}

impl Feeds {
    pub fn with(mut self, source: u16, wave: impl FnMut(i64) -> f32 + 'static) -> Self {
        self.waves.push((SlotId(source), Box::new(wave)));
        self
    }

    /// Mixes from where it stands to `until_secs`; `each` is called before each span with its time.
    pub fn run(
        &mut self,
        mixer: &mut Mixer,
        span: &mut i64,
        until_secs: f64,
        mut each: impl FnMut(&mut Mixer, f64),
        mut took: impl FnMut(&Mixer, &[f32], &Meters),
    ) {
        while (*span as f64 + 1.0) * SPAN as f64 <= until_secs * 48_000.0 {
            let start = *span * SPAN as i64;
            while self.sent < start + SPAN as i64 + LOOK_AHEAD.to_samples() + 1 {
                for (source, wave) in &mut self.waves {
                    let samples = (self.sent..self.sent + 960).map(&mut *wave).collect();
                    mixer.push(AudioBlock { source: *source, capture: MediaTime::from_samples(self.sent), rate_hz: 48_000, channels: 1, samples });
                }
                self.sent += 960;
            }
            each(mixer, start as f64 / 48_000.0);
            let (samples, meters) = mixer.mix(MediaTime::from_samples(start), SPAN);
            assert!(samples.iter().all(|value| value.is_finite()));
            took(mixer, &samples, &meters);
            *span += 1;
        }
    }

    /// Mixes `secs` from the start and gives the whole.
    pub fn whole(mut self, mixer: &mut Mixer, secs: f64) -> (Vec<f32>, Meters) {
        let (mut whole, mut last) = (Vec::new(), Meters::default());
        self.run(
            mixer,
            &mut 0,
            secs,
            |_, _| {},
            |_, samples, meters| {
                whole.extend_from_slice(samples);
                last = meters.clone();
            },
        );
        (whole, last)
    }
}

/// White noise of a seed, uniform within ±1 (RMS 0.577).
pub fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// Noise through two one-pole low-passes: a crowd.
pub fn crowd(seed: u64, level: f32) -> impl FnMut(i64) -> f32 {
    let (mut noise, mut one, mut two) = (noise(seed), 0.0_f32, 0.0_f32);
    move |_| {
        one += (noise() - one) * 0.2;
        two += (one - two) * 0.2;
        two * level * 5.0
    }
}

/// Syllables of 160 ms every 200 ms, words of four, pauses of 250 ms: a voice of harmonics.
pub fn speech(level: f32) -> impl FnMut(i64) -> f32 {
    move |n| {
        let t = n as f64 / 48_000.0;
        let in_word = t.rem_euclid(1.05);
        let in_syllable = in_word.rem_euclid(0.2);
        if in_word > 0.8 || in_syllable > 0.16 {
            return 0.0;
        }
        let shape = (in_syllable / 0.16 * std::f64::consts::PI).sin();
        let pitch = 130.0 + 20.0 * (t * 0.7).sin();
        let voice: f64 = (1..=12).map(|k| (t * pitch * f64::from(k) * TAU).sin() / f64::from(k)).sum();
        (voice * shape) as f32 * level
    }
}

/// Integrated loudness, LUFS, by a meter that is not the mixer's.
pub fn integrated(samples: &[f32]) -> f64 {
    let mut judge = EbuR128::new(2, 48_000, Mode::I).expect("a judge");
    judge.add_frames_f32(samples).expect("whole frames");
    judge.loudness_global().expect("a loudness")
}

/// Loudness without gates, LUFS, by a meter that is not the mixer's: at most 3 s.
pub fn ungated(samples: &[f32]) -> f64 {
    let mut judge = EbuR128::new(2, 48_000, Mode::S).expect("a judge");
    judge.add_frames_f32(samples).expect("whole frames");
    judge.loudness_window((samples.len() / 96) as u32).expect("a loudness")
}

/// True peak, dBTP, by a meter that is not the mixer's.
pub fn true_peak_dbtp(samples: &[f32]) -> f64 {
    let mut judge = EbuR128::new(2, 48_000, Mode::TRUE_PEAK).expect("a judge");
    judge.add_frames_f32(samples).expect("whole frames");
    let most = judge.true_peak(0).expect("left").max(judge.true_peak(1).expect("right"));
    20.0 * most.log10()
}

/// Mean square of both channels, dB.
pub fn level_db(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    10.0 * (sum / samples.len().max(1) as f64).max(1e-20).log10()
}

/// Samples of a span of time from what was mixed from 0 on.
pub fn part(whole: &[f32], from_secs: f64, until_secs: f64) -> &[f32] {
    &whole[2 * (from_secs * 48_000.0) as usize..2 * (until_secs * 48_000.0) as usize]
}

/// Level of a tone within samples of the left channel, dB of its peak, by a window that leaves other tones out.
pub fn tone_db(samples: &[f32], hz: f64) -> f64 {
    let count = samples.len() as f64 / 2.0;
    let (mut sine, mut cosine, mut weight) = (0.0, 0.0, 0.0);
    for (n, value) in samples.iter().step_by(2).enumerate() {
        let window = 0.5 - 0.5 * (n as f64 / count * TAU).cos();
        let angle = n as f64 / 48_000.0 * hz * TAU;
        sine += f64::from(*value) * angle.sin() * window;
        cosine += f64::from(*value) * angle.cos() * window;
        weight += window;
    }
    20.0 * (2.0 * (sine * sine + cosine * cosine).sqrt() / weight).max(1e-12).log10()
}
