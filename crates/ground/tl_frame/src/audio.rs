//! Sound as samples.

use std::sync::Arc;

use tl_base::{MediaTime, SourceId};

/// A run of decoded sound.
#[derive(Clone, Debug)]
pub struct AudioBlock {
    /// Who made it.
    pub source: SourceId,
    /// When its first sample was captured.
    pub capture: MediaTime,
    /// Samples a second of each channel.
    pub rate_hz: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Interleaved samples, full scale = ±1; length = frames x channels.
    pub samples: Arc<[f32]>,
}

impl AudioBlock {
    /// Samples of each channel.
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels.max(1))
    }
}
