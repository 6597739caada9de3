//! What the programme should look like: written by the control loop, read by the programme loop once a tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use tl_base::{MediaTime, SlotId};
use tl_gpu::OverlayImage;
use tl_show::{Layout, SoundChoice, TransitionKind};

use crate::inputs::feed::Feed;

/// One arrangement of cameras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shot {
    /// The main camera; none shows the slate.
    pub live: Option<SlotId>,
    /// How others join it.
    pub layout: Layout,
}

/// What the programme loop should do from now on. Swapped whole; never changed in place.
#[derive(Clone, Default)]
pub struct Mix {
    /// Rises with every change, so that the loop notices a cut to the same camera.
    pub version: u64,
    /// What to show.
    pub shot: Shot,
    /// How to get there.
    pub transition: TransitionKind,
    /// How long that takes.
    pub duration: MediaTime,
    /// Where to go when the live camera dies, best first.
    pub fallbacks: Vec<SlotId>,
    /// Every feed of the session.
    pub feeds: BTreeMap<SlotId, Arc<Feed>>,
    /// Whether anybody needs pictures at all.
    pub wanted: bool,
    /// The sound to mix.
    pub sound: SoundChoice,
}

/// The graphics on air, as the graphics worker last drew them.
#[derive(Clone, Default)]
pub struct Overlays {
    /// In drawing order.
    pub images: Vec<Arc<OverlayImage>>,
    /// What shows when no camera does.
    pub slate: Option<Arc<OverlayImage>>,
}
