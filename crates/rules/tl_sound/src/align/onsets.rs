//! Where an envelope rises sharply.
//!
//! The measure is the positive change of the logarithm of the energy (spectral flux in one band; Bello et al., "A tutorial on onset
//! detection in music signals", 2005), counted in standard deviations of its own noise, which are taken from the median so that the
//! onsets themselves do not count.

use super::envelope::Envelope;

/// Energy of -90 dBFS: what is below is silence, whatever its ratio.
const QUIET: f32 = 1e-9;
/// Least noise of a logarithm that is assumed.
const LEAST_NOISE: f32 = 0.1;
/// From so many deviations on a rise may be an onset: of ten seconds of noise none or one.
pub(super) const MAYBE: f32 = 4.0;
/// From so many on it is one: noise reaches this once in days.
const SURELY: f32 = 5.5;
/// More says nothing more: one loud clap must not outvote all others.
const MOST: f32 = 16.0;

/// Rises of an envelope.
pub(super) struct Onsets {
    /// Number of the hop of the first value.
    pub(super) first: i64,
    /// Change of the logarithm of the energy at each hop, in standard deviations.
    pub(super) change: Vec<f32>,
    /// Of these the onsets; else 0.
    pub(super) onset: Vec<f32>,
}

impl Onsets {
    /// The rise from the mean of `side` hops to that of the next; none when nothing surely rises.
    pub(super) fn of(envelope: &Envelope, side: usize) -> Option<Self> {
        let (first, energies) = envelope.hops();
        let mut sum = 0.0_f64;
        let sums: Vec<f64> = std::iter::once(0.0)
            .chain(energies.iter().map(|energy| {
                sum += f64::from(*energy);
                sum
            }))
            .collect();
        let level = |from: f64, to: f64| (((to - from).max(0.0) / side as f64) as f32 + QUIET).ln();
        let mut change: Vec<f32> = sums
            .windows(2 * side + 1)
            .filter_map(|window| Some(level(*window.get(side)?, *window.last()?) - level(*window.first()?, *window.get(side)?)))
            .collect();
        let noise = deviation(&change)?;
        change.iter_mut().for_each(|value| *value = (*value / noise).clamp(-MOST, MOST));
        if !change.iter().any(|value| *value >= SURELY) {
            return None;
        }
        let onset = change.iter().map(|value| if *value > MAYBE { *value } else { 0.0 }).collect();
        Some(Self { first: first + side as i64, change, onset })
    }
}

/// Standard deviation from the median of the absolute values (1.4826 x, as of a normal distribution).
fn deviation(values: &[f32]) -> Option<f32> {
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    let middle = sizes.len() / 2;
    if sizes.is_empty() {
        return None;
    }
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
    Some((*median * 1.4826).max(LEAST_NOISE))
}
