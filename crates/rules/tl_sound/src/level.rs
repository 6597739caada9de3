//! A gain that moves without a click.

/// 20 ms: crossfades and fader moves.
pub(crate) const RAMP_FRAMES: u32 = 960;

/// A gain on its straight way to another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ramp {
    value: f32,
    target: f32,
    step: f32,
    left: u32,
}

impl Ramp {
    /// A ramp that stands at `value`.
    pub(crate) fn at(value: f32) -> Self {
        Self { value, target: value, step: 0.0, left: 0 }
    }

    /// Sets out for `target`, to arrive after [`RAMP_FRAMES`].
    pub(crate) fn go_to(&mut self, target: f32) {
        if target != self.target {
            self.target = target;
            self.left = RAMP_FRAMES;
            self.step = (target - self.value) / RAMP_FRAMES as f32;
        }
    }

    /// Whether nothing can be heard now or on the way.
    pub(crate) fn is_silent(&self) -> bool {
        self.target == 0.0 && self.value == 0.0
    }

    /// The gain of the next frame.
    pub(crate) fn next(&mut self) -> f32 {
        match self.left {
            0 => {}
            1 => {
                self.value = self.target;
                self.left = 0;
            }
            _ => {
                self.value += self.step;
                self.left -= 1;
            }
        }
        self.value
    }
}

/// A gain from decibels.
pub(crate) fn gain_of(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}
