//! From a shot and the pictures of this tick to layers.

use std::sync::Arc;

use tl_base::{Size, SlotId};
use tl_frame::Frame;
use tl_gpu::{Layer, LayerPicture, Rect};
use tl_show::{Layout, TransitionKind};

use crate::air::mix::{Overlays, Shot};

/// Mean 8-bit luma below this is black.
const BLACK_LUMA: f32 = 20.0;
/// One of so many rows and columns is looked at for that.
const BLACK_STEP: usize = 8;

/// The pictures of one tick: a few, so they are looked through.
pub type Picked = Vec<(SlotId, Frame)>;

/// A camera's picture of this tick.
pub fn picture_of(picked: &[(SlotId, Frame)], slot: SlotId) -> Option<&Frame> {
    picked.iter().find(|(of, _)| *of == slot).map(|(_, frame)| frame)
}

/// Puts one shot on top of `layers`: the slate where its main camera has no picture.
pub fn add_shot(layers: &mut Vec<Layer>, shot: Shot, picked: &[(SlotId, Frame)], overlays: &Overlays, canvas: Size) {
    let picture = |slot: SlotId| picture_of(picked, slot).cloned();
    let Some(main) = shot.live.and_then(picture) else { return layers.push(slate(overlays, canvas)) };
    match shot.layout {
        Layout::Full => tl_gpu::scene::add_full(layers, main, canvas),
        Layout::PictureInPicture { inset } => match picture(inset) {
            Some(inset) => tl_gpu::scene::add_picture_in_picture(layers, main, inset, canvas),
            None => tl_gpu::scene::add_full(layers, main, canvas),
        },
        Layout::SideBySide { right } => match picture(right) {
            Some(right) => tl_gpu::scene::add_side_by_side(layers, main, right, canvas),
            None => tl_gpu::scene::add_full(layers, main, canvas),
        },
    }
}

fn slate(overlays: &Overlays, canvas: Size) -> Layer {
    let picture = match &overlays.slate {
        Some(image) => LayerPicture::Slate(Arc::clone(image)),
        // Dark blue-grey, brighter than black on purpose: somebody is there.
        None => LayerPicture::Colour(52, 134, 122),
    };
    Layer::new(picture, Rect::whole(canvas))
}

/// The GPU's word for a transition.
pub fn kind(kind: TransitionKind) -> tl_gpu::scene::Transition {
    match kind {
        TransitionKind::Cut | TransitionKind::Dissolve => tl_gpu::scene::Transition::Dissolve,
        TransitionKind::Dip => tl_gpu::scene::Transition::Dip,
        TransitionKind::Wipe => tl_gpu::scene::Transition::Wipe,
    }
}

/// Whether a picture is black, by every eighth sample of every eighth row.
pub fn is_black(frame: &Frame) -> bool {
    frame.mean_luma(BLACK_STEP).is_some_and(|mean| mean < BLACK_LUMA)
}
