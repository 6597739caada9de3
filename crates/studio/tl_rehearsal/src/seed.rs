//! Chance that repeats itself: every random choice of a rehearsal comes from one number.

/// A generator of random numbers (SplitMix64). Children made by [`Seed::child`] are independent of how often the parent was asked.
#[derive(Clone, Debug)]
pub struct Seed {
    root: u64,
    state: u64,
}

impl Seed {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { root: mix(seed), state: mix(seed) }
    }

    /// An independent generator for one purpose.
    pub fn child(&self, purpose: &str) -> Self {
        let named = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self::new(self.root ^ named)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Evenly between 0 and 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly between `low` and `high`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    /// True with probability `share`.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A random value between 0 and 1 that belongs to a cell of the plane: the same cell always gets the same.
pub(crate) fn cell(x: i32, y: i32, salt: u32) -> f32 {
    let mut z = (x as u32).wrapping_mul(0x9e37_79b9) ^ (y as u32).wrapping_mul(0x85eb_ca6b) ^ salt.wrapping_mul(0xc2b2_ae35);
    z = (z ^ (z >> 16)).wrapping_mul(0x7feb_352d);
    z = (z ^ (z >> 15)).wrapping_mul(0x846c_a68b);
    z ^= z >> 16;
    (z >> 8) as f32 / 16_777_216.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_children_differ() {
        let (mut a, mut b) = (Seed::new(7), Seed::new(7));
        assert_eq!((a.bits(), a.bits()), (b.bits(), b.bits()));
        assert_eq!(a.child("clock").bits(), Seed::new(7).child("clock").bits());
        assert_ne!(a.child("clock").bits(), a.child("loss").bits());
    }

    #[test]
    fn values_stay_in_range() {
        let mut seed = Seed::new(0);
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&seed.unit())));
        assert!((0..1_000).all(|_| seed.below(3) < 3));
        assert_eq!(seed.below(0), 0);
        assert!((0.0..1.0).contains(&cell(-5, i32::MIN, u32::MAX)));
    }
}
