//! The desktop's look: theme, widgets, panels. Snapshot and texture ids come in, commands go out.
//!
//! This room refuses to open a window, to run a loop, to touch the graphics device and to reach into the studio.
//!
//! Invariant: the same view draws the same frame; nothing is decided here.
//!
//! The shell runs it once for each frame of the window:
//!
//! ```
//! use tl_console::{Console, Layout, Pictures, View, egui};
//! let ctx = egui::Context::default();
//! let mut console = Console::new(&ctx, Layout::default());
//! let pictures = Pictures::default();
//! let view = View { snapshot: None, pictures: &pictures, join: None, now: Default::default(), full_screen: false, notice: None, asking_to_close: false };
//! let mut asked = Vec::new();
//! let mut frame = ctx.run_ui(egui::RawInput::default(), |ui| asked = console.show(ui, &view));
//! assert!(!frame.shapes.is_empty() && asked.is_empty());
//! // The shell's painter takes these; they may not be dropped.
//! frame.textures_delta.clear();
//! ```

mod arrange;
mod ask;
mod code;
mod console;
mod keys;
mod layout;
mod panels;
mod text;
mod theme;
mod tokens;
mod view;
mod widgets;
mod words;

pub use ask::Asked;
pub use console::Console;
pub use layout::Layout;
pub use theme::ground;
pub use view::{Join, Pictures, Texture, View};

// The shell takes egui from here, so that both speak of the same.
pub use egui;
