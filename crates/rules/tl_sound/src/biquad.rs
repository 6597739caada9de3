//! Filters of second order, from the Audio EQ Cookbook (R. Bristow-Johnson, W3C note 2021).

use std::f32::consts::{FRAC_1_SQRT_2, TAU};

/// One filter and its state, in transposed direct form 2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Biquad {
    b: [f32; 3],
    a: [f32; 2],
    state: [f32; 2],
}

impl Biquad {
    /// Lets pass what is above `hz`, with the steepest flank that has no bump (Q = 1/sqrt 2).
    pub(crate) fn high_pass(hz: f32, rate_hz: f32) -> Self {
        let (cos, alpha) = Self::angles(hz, rate_hz);
        Self::with([(1.0 + cos) / 2.0, -(1.0 + cos), (1.0 + cos) / 2.0], cos, alpha)
    }

    /// Lets pass what is below `hz`.
    pub(crate) fn low_pass(hz: f32, rate_hz: f32) -> Self {
        let (cos, alpha) = Self::angles(hz, rate_hz);
        Self::with([(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0], cos, alpha)
    }

    fn angles(hz: f32, rate_hz: f32) -> (f32, f32) {
        let angle = TAU * hz.min(rate_hz * 0.45) / rate_hz;
        (angle.cos(), angle.sin() / (2.0 * FRAC_1_SQRT_2))
    }

    fn with(b: [f32; 3], cos: f32, alpha: f32) -> Self {
        let a0 = 1.0 + alpha;
        Self { b: b.map(|value| value / a0), a: [-2.0 * cos / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    pub(crate) fn pass(&mut self, value: f32) -> f32 {
        let out = self.b[0] * value + self.state[0];
        self.state = [self.b[1] * value - self.a[0] * out + self.state[1], self.b[2] * value - self.a[1] * out];
        out
    }
}
