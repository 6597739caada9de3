//! What can go wrong in this room.

use tl_base::Size;

/// Why the picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No adapter can make pictures here; on Linux the software one comes with `mesa-vulkan-drivers`.
    #[error("no graphics adapter works here ({tried} tried); install mesa-vulkan-drivers")]
    NoAdapter {
        /// Adapters that were tried.
        tried: usize,
    },
    /// The device refused something that it must be able to do.
    #[error("graphics device failed: {0}")]
    Device(String),
    /// The canvas is empty, odd or larger than 8,192 pixels.
    #[error("canvas must be even and between 16 and 8192 pixels: {}x{}", .0.width, .0.height)]
    Canvas(Size),
    /// The operating system gave no thread.
    #[error("thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A graphics template or font is broken.
    #[error("graphics template {name}: {reason}")]
    Template {
        /// Which template.
        name: &'static str,
        /// What the parser said.
        reason: String,
    },
}
