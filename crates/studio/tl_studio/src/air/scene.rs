//! From a shot and the pictures of this tick to layers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tl_base::{Size, SlotId};
use tl_frame::{Frame, Memory};
use tl_gpu::{Layer, LayerPicture, Rect};
use tl_show::{Layout, TransitionKind};

use crate::air::mix::{Overlays, Shot};

/// Mean 8-bit luma below this is black.
const BLACK_LUMA: u64 = 20;

/// The layers of one shot: the slate where its main camera has no picture.
pub fn layers(shot: Shot, picked: &BTreeMap<SlotId, Frame>, overlays: &Overlays, canvas: Size) -> Vec<Layer> {
    let main = shot.live.and_then(|slot| picked.get(&slot)).cloned();
    let Some(main) = main else { return slate(overlays, canvas) };
    match shot.layout {
        Layout::Full => tl_gpu::scene::full(main, canvas),
        Layout::PictureInPicture { inset } => match picked.get(&inset) {
            Some(inset) => tl_gpu::scene::picture_in_picture(main, inset.clone(), canvas),
            None => tl_gpu::scene::full(main, canvas),
        },
        Layout::SideBySide { right } => match picked.get(&right) {
            Some(right) => tl_gpu::scene::side_by_side(main, right.clone(), canvas),
            None => tl_gpu::scene::full(main, canvas),
        },
    }
}

fn slate(overlays: &Overlays, canvas: Size) -> Vec<Layer> {
    let picture = match &overlays.slate {
        Some(image) => LayerPicture::Slate(Arc::clone(image)),
        // Dark blue-grey, brighter than black on purpose: somebody is there.
        None => LayerPicture::Colour(52, 134, 122),
    };
    vec![Layer::new(picture, Rect::whole(canvas))]
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
    let Memory::Cpu(planes) = &frame.memory else { return false };
    let Some(luma) = planes.plane(0) else { return false };
    let (mut sum, mut count) = (0_u64, 0_u64);
    for y in (0..luma.layout.height).step_by(8) {
        for sample in luma.row(y).iter().step_by(8) {
            sum += u64::from(*sample);
            count += 1;
        }
    }
    count > 0 && sum < BLACK_LUMA * count
}
