//! What the hall sounds like: crowd, skates, sticks, a whistle, and every five seconds a clap that belongs to a flash in the picture.

use std::f32::consts::TAU;

use tl_base::{MediaTime, SAMPLE_RATE_HZ};

use crate::Seed;
use crate::rink::{FRAMES, Game, PERIOD_SECS, RATE};

/// Samples of each channel in the loop.
pub(crate) const SAMPLES: usize = (PERIOD_SECS as usize) * SAMPLE_RATE_HZ as usize;
/// Pictures of the loop in which the flash is lit; the click starts when these were captured.
pub(crate) const CLAPS: [u32; 2] = [60, 210];
/// When the referee whistles, seconds into the loop; far from every clap.
const WHISTLE_SECS: f32 = 8.55;

/// Whether the flash is lit in picture `index` of the loop.
pub(crate) fn is_clap(index: u32) -> bool {
    CLAPS.contains(&(index % FRAMES))
}

/// A random value between -1 and 1 for each sample, after a low-pass at `high_hz` and a high-pass at `low_hz`, without a seam.
fn band(chance: &mut Seed, low_hz: f32, high_hz: f32) -> Vec<f32> {
    let rate = SAMPLE_RATE_HZ as f32;
    let (up, down) = (1.0 - (-TAU * high_hz / rate).exp(), 1.0 - (-TAU * low_hz / rate).exp());
    let noise: Vec<f32> = (0..SAMPLES).map(|_| chance.range(-1.0, 1.0) as f32).collect();
    let (mut first, mut second, mut slow) = (0.0, 0.0, 0.0);
    let mut out = vec![0.0; SAMPLES];
    // The filters run into the loop once, so that its end fits its beginning.
    let lead = noise.iter().skip(SAMPLES - 9_600).map(|value| (value, None));
    let body = noise.iter().zip(out.iter_mut()).map(|(value, out)| (value, Some(out)));
    for (value, out) in lead.chain(body) {
        first += (value - first) * up;
        second += (first - second) * up;
        slow += (second - slow) * down;
        if let Some(out) = out {
            *out = second - slow;
        }
    }
    let level = (out.iter().map(|value| value * value).sum::<f32>() / SAMPLES as f32).sqrt().max(1e-9);
    out.iter_mut().for_each(|value| *value /= level);
    out
}

/// The loop as camera `camera` hears it: interleaved stereo, full scale ±1.
pub(crate) fn hall(seed: u64, camera: u8) -> Vec<f32> {
    let seed = Seed::new(seed);
    let game = Game::new(&seed);
    let mut chance = seed.child(&format!("sound {camera}"));
    let (murmur, voices) = (band(&mut chance, 110.0, 520.0), band(&mut chance, 500.0, 2_600.0));
    let (air, ice) = (band(&mut chance, 40.0, 160.0), band(&mut chance, 2_800.0, 7_500.0));
    let near = 0.75 + 0.5 * chance.unit() as f32;
    let mut mono: Vec<f32> = (0..SAMPLES)
        .zip(murmur.iter().zip(&voices).zip(air.iter().zip(&ice)))
        .map(|(at, ((murmur, voices), (air, ice)))| {
            let time = at as f32 / SAMPLE_RATE_HZ as f32;
            let turn = |turns: f32, phase: f32| (TAU * turns * time / PERIOD_SECS + phase).sin();
            let excited = 0.65 + 0.20 * turn(1.0, 0.6) + 0.15 * turn(3.0, 2.0);
            let strides = turn(14.0, 0.0).max(0.0).powi(4) + turn(17.0, 1.3).max(0.0).powi(6);
            0.022 * murmur * excited + 0.014 * voices * excited * excited + 0.006 * air + 0.006 * near * ice * strides
        })
        .collect();
    for hit in game.hits() {
        let strength = 0.10 * near;
        ring(&mut mono, hit, 0.05, |t| strength * (-t * 90.0).exp() * ((TAU * 1_450.0 * t).sin() + 0.5 * (TAU * 2_330.0 * t).sin()));
    }
    ring(&mut mono, WHISTLE_SECS, 0.62, |t| {
        let swell = (t * 40.0).min(1.0) * ((0.62 - t) * 25.0).clamp(0.0, 1.0);
        let pea = 0.65 + 0.35 * (TAU * 41.0 * t).sin();
        0.07 * swell * pea * ((TAU * 2_870.0 * t).sin() + 0.6 * (TAU * 3_180.0 * t).sin())
    });
    for clap in CLAPS {
        let start = clap as f32 / RATE.as_f64() as f32;
        ring(&mut mono, start, 0.015, |t| 0.8 * (-t * 260.0).exp() * (TAU * 2_100.0 * t).cos());
    }
    let wide = band(&mut chance, 300.0, 1_800.0);
    mono.iter().zip(wide).flat_map(|(value, wide)| [(value + 0.005 * wide).clamp(-0.98, 0.98), (value - 0.005 * wide).clamp(-0.98, 0.98)]).collect()
}

/// Adds a sound that starts at a time and lasts a while, around the loop's end if need be.
fn ring(mono: &mut [f32], start_secs: f32, secs: f32, value: impl Fn(f32) -> f32) {
    let start = (start_secs * SAMPLE_RATE_HZ as f32).round() as usize;
    for step in 0..(secs * SAMPLE_RATE_HZ as f32) as usize {
        let at = (start + step) % mono.len().max(1);
        if let Some(sample) = mono.get_mut(at) {
            *sample += value(step as f32 / SAMPLE_RATE_HZ as f32);
        }
    }
}

/// Samples that must be known after a click before it is believed.
const AFTER: usize = 2_880;
/// Samples remembered before a moment.
const BEFORE: usize = 1_440;

/// Finds clicks in sound that arrives in pieces.
///
/// A click rises within a millisecond or two far above what was heard over the last 30 ms and is gone 40 ms later; a whistle or a cheer
/// is not. Memory is bounded by a piece and 90 ms.
#[derive(Debug, Default)]
pub(crate) struct ClickFinder {
    level: Vec<f32>,
    /// Time of the first kept sample, nanoseconds.
    start_ns: i64,
    /// Where the search goes on.
    at: usize,
    found_ns: Vec<i64>,
}

impl ClickFinder {
    /// Hears interleaved sound that starts at `start_ns`. A gap or step of more than 5 ms starts the search anew.
    pub(crate) fn push(&mut self, samples: &[f32], channels: usize, start_ns: i64) {
        let expected = self.time_of(self.level.len());
        if self.level.is_empty() || (start_ns - expected).abs() > 5_000_000 {
            (self.start_ns, self.at) = (start_ns, 0);
            self.level.clear();
        }
        self.level.extend(samples.chunks(channels.max(1)).map(|frame| frame.iter().map(|value| value.abs()).fold(0.0, f32::max)));
        self.search();
        let forget = self.at.saturating_sub(BEFORE).min(self.level.len());
        self.start_ns = self.time_of(forget);
        self.level.drain(..forget);
        self.at -= forget;
    }

    /// When clicks began, nanoseconds.
    pub(crate) fn finish(self) -> Vec<i64> {
        self.found_ns
    }

    fn time_of(&self, sample: usize) -> i64 {
        self.start_ns + MediaTime::from_samples(sample as i64).0
    }

    fn search(&mut self) {
        while self.at + AFTER < self.level.len() {
            let at = self.at;
            self.at += 1;
            let value = self.level.get(at).copied().unwrap_or(0.0);
            if value < 0.12 {
                continue;
            }
            let loudest = |from: usize, to: usize| self.level.get(from..to).unwrap_or_default().iter().copied().fold(0.0, f32::max);
            let peak = loudest(at, at + 144);
            let rises = peak > 0.25 && value > peak * 0.3 && peak > 3.0 * loudest(at.saturating_sub(BEFORE), at.saturating_sub(96));
            if rises && at >= 480 && loudest(at + 1_920, at + AFTER) < peak * 0.4 {
                self.found_ns.push(self.time_of(at));
                self.at += SAMPLE_RATE_HZ as usize / 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clicks(samples: &[f32], channels: usize, start_ns: i64, piece: usize) -> Vec<i64> {
        let mut finder = ClickFinder::default();
        for (index, samples) in samples.chunks(piece * channels).enumerate() {
            finder.push(samples, channels, start_ns + MediaTime::from_samples((index * piece) as i64).0);
        }
        finder.finish()
    }

    #[test]
    fn clicks_are_heard_where_the_flashes_are() {
        for camera in 1..=3 {
            let sound = hall(5, camera);
            assert_eq!(sound.len(), SAMPLES * 2);
            assert!(sound.iter().all(|value| value.abs() <= 1.0));
            for piece in [960, 1_024, SAMPLES] {
                let found = clicks(&sound, 2, 1_000_000_000, piece);
                let expected = CLAPS.map(|clap| 1_000_000_000 + i64::from(clap) * 1_000_000_000 / 30);
                assert_eq!(found.len(), 2, "{found:?}");
                assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 2_000_000), "{found:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_sounds_the_same() {
        assert_eq!(hall(1, 2), hall(1, 2));
        assert_ne!(hall(1, 2), hall(2, 2));
    }

    #[test]
    fn nothing_is_heard_in_silence_or_a_steady_tone() {
        assert!(clicks(&[], 2, 0, 960).is_empty());
        assert!(clicks(&vec![0.0; 96_000], 2, 0, 960).is_empty());
        let tone: Vec<f32> = (0..96_000).map(|at| (at as f32 * 0.3).sin() * 0.8).collect();
        assert!(clicks(&tone, 1, 0, 960).is_empty());
    }

    #[test]
    fn a_gap_in_the_sound_starts_the_search_anew() {
        let mut finder = ClickFinder::default();
        finder.push(&vec![0.01; 4_800], 1, 0);
        finder.push(&vec![0.9; 9_600], 1, 5_000_000_000);
        assert!(finder.finish().is_empty());
    }
}
