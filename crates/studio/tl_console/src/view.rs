//! What the console is given to draw.

use std::collections::BTreeMap;
use std::time::Duration;

use egui::TextureId;
use tl_base::SlotId;
use tl_wire::Snapshot;

/// Everything that one frame of the console shows. It is borrowed: the shell keeps what it owns.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The show; none while the studio starts.
    pub snapshot: Option<&'a Snapshot>,
    /// The pictures that are there.
    pub pictures: &'a Pictures,
    /// How a phone joins; none until the door is open.
    pub join: Option<&'a Join>,
    /// Time since the window opened. It leads what moves and what blinks.
    pub now: Duration,
    /// Whether the window fills the screen.
    pub full_screen: bool,
    /// One sentence that the shell has to say, with what to do about it; none when all is well.
    pub notice: Option<&'a str>,
    /// Whether the person closes the window while the show is on air, and is to be asked.
    pub asking_to_close: bool,
}

/// The pictures of this frame, already on the graphics device that draws the window.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// The finished programme, graphics included.
    pub program: Option<Texture>,
    /// What a take would show: mostly the tile of the next camera. None: the tile of the next camera is taken from `cameras`.
    pub next: Option<Texture>,
    /// Each camera's tile. A camera that went away may keep its last picture here; the console says that it is old.
    pub cameras: BTreeMap<SlotId, Texture>,
}

/// A picture on the graphics device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texture {
    /// Its name at egui's painter. Its colours are sRGB-encoded, without alpha.
    pub id: TextureId,
    /// Width and height, pixels.
    pub size: [u32; 2],
}

/// How a phone joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// The whole crew link, drawn as a code to scan. It opens the door to who asks to join; the director admits.
    pub link: String,
    /// What to type where scanning fails: host and port, without the code.
    pub host: String,
    /// The crew code to type there.
    pub code: String,
}
