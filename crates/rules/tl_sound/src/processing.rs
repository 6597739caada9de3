//! What a person may set about the programme's finish.

/// How the programme's sound is finished.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Processing {
    /// Loudness of the commentator over everything else while they speak, 6 to 20 LU.
    pub ducking_lu: f32,
    /// Whether the programme's gain is led to the target.
    pub riding: bool,
    /// The target, -30 to -10 LUFS.
    pub target_lufs: f32,
}

impl Default for Processing {
    fn default() -> Self {
        Self { ducking_lu: 15.0, riding: true, target_lufs: -16.0 }
    }
}

impl Processing {
    /// Values within their limits; what is no number is the default.
    pub(crate) fn limited(self) -> Self {
        let usual = Self::default();
        let within = |value: f32, low: f32, high: f32, usual: f32| if value.is_finite() { value.clamp(low, high) } else { usual };
        Self {
            ducking_lu: within(self.ducking_lu, 6.0, 20.0, usual.ducking_lu),
            riding: self.riding,
            target_lufs: within(self.target_lufs, -30.0, -10.0, usual.target_lufs),
        }
    }
}
