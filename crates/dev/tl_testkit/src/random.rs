//! Chance that comes from a seed.

use std::ops::Range;

/// A small generator (splitmix64): good enough for tests, the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator that this one's later numbers do not depend on.
    pub fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// At least 0, less than 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Within `range`; its start when it is empty.
    pub fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + self.unit() * (range.end - range.start).max(0.0)
    }

    /// A whole number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `items`; none of an empty list.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// Exponentially distributed with this mean: the time to the next of events that know nothing of each other.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Normally distributed with this deviation around zero.
    pub fn normal(&mut self, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos() * deviation
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, value) in chunk.iter_mut().zip(self.next_u64().to_le_bytes()) {
                *byte = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw = |seed| {
            std::iter::repeat_with({
                let mut random = Random::new(seed);
                move || random.next_u64()
            })
        };
        assert!(draw(5).take(100).eq(draw(5).take(100)));
        assert!(draw(5).take(2).ne(draw(6).take(2)));
        // Written down, so that no later change moves every seeded test.
        assert_eq!(Random::new(1).next_u64(), 0x910a_2dec_8902_5cc1);
    }

    #[test]
    fn distributions_have_their_means() {
        let mut random = Random::new(3);
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean((0..20_000).map(|_| random.unit()).collect()) - 0.5).abs() < 0.01);
        assert!((mean((0..20_000).map(|_| random.exponential(4.0)).collect()) - 4.0).abs() < 0.15);
        assert!((mean((0..20_000).map(|_| random.normal(2.0).powi(2)).collect()) - 4.0).abs() < 0.2);
        assert!((0..1_000).all(|_| random.below(3) < 3 && (5.0..7.0).contains(&random.within(5.0..7.0))));
        assert_eq!((random.below(0), random.pick::<u8>(&[])), (0, None));
    }
}
