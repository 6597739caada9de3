use std::sync::Arc;

use tl_base::{MediaTime, SlotId};
use tl_frame::{Memory, PixelFormat, VecPlanes};

use super::*;
use crate::scene::{self, Transition};
use crate::{OverlayImage, Placed};

const CANVAS: Size = Size::new(1_280, 720);

fn frame(width: u32, height: u32) -> Frame {
    let size = Size::new(width, height);
    Frame {
        source: SlotId(1),
        seq: 1,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size,
        rotation: Rotation::None,
        capture: MediaTime::ZERO,
        arrival: MediaTime::ZERO,
        memory: Memory::Cpu(Arc::new(VecPlanes::new(PixelFormat::I420, size))),
    }
}

fn plan(layers: Vec<Layer>, overlays: Vec<Placed>) -> Plan {
    let mut plan = Plan::default();
    plan.make(&Scene { layers, overlays }, CANVAS);
    plan
}

/// Every pixel of the canvas is drawn opaquely once, or comes from the base.
fn assert_covered_once(plan: &Plan) {
    let opaque: u64 = plan.pieces.iter().filter(|piece| piece.is_opaque()).map(|piece| piece.rect.area()).sum();
    if plan.base.is_none() {
        assert_eq!(opaque, PxRect::whole(CANVAS).area(), "{:?}", plan.pieces);
    }
    for (index, piece) in plan.pieces.iter().enumerate() {
        let hidden = plan.pieces.iter().skip(index + 1).any(|later| later.is_opaque() && later.rect.intersect(piece.rect).is_some());
        assert!(!hidden, "{piece:?} is drawn for nothing");
    }
}

#[test]
fn a_hole_leaves_what_lies_around_it() {
    let whole = PxRect::new(0, 0, 100, 50);
    let left: Vec<PxRect> = whole.without(PxRect::new(20, 10, 30, 20)).collect();
    assert_eq!(left.iter().map(|rect| rect.area()).sum::<u64>(), 100 * 50 - 30 * 20);
    assert!(whole.without(whole).next().is_none());
}

#[test]
fn a_picture_that_fits_needs_nothing() {
    let plan = plan(scene::full(frame(1_280, 720), CANVAS), Vec::new());
    assert_eq!(plan.base, Some((0, (0, 0))));
    assert!(plan.pieces.is_empty() && plan.dirty.is_empty());
}

#[test]
fn a_graphic_makes_only_its_rectangle_dirty() {
    let image = Arc::new(OverlayImage::empty(CANVAS));
    let plan = plan(scene::full(frame(1_280, 720), CANVAS), vec![Placed { image: Arc::clone(&image), opacity: 1.0 }, Placed { image, opacity: 0.0 }]);
    assert_eq!(plan.dirty, [Dirty { rect: PxRect::new(0, 0, 2, 2), needs_base: true }]);
    assert_eq!(plan.overlays.len(), 1);
}

#[test]
fn other_shapes_sizes_and_colours_are_drawn() {
    for other in [
        frame(1_920, 1_080),
        frame(720, 1_280),
        frame(1_280, 718),
        Frame { rotation: Rotation::Half, ..frame(1_280, 720) },
        Frame { colour: Colour::assumed_for(Size::new(640, 360)), ..frame(1_280, 720) },
    ] {
        let plan = plan(scene::full(other, CANVAS), Vec::new());
        assert_eq!(plan.base, None);
        assert_covered_once(&plan);
    }
}

#[test]
fn a_dissolve_between_arrangements_draws_each_pixel_of_either_once() {
    let pip = || scene::picture_in_picture(frame(1_280, 720), frame(1_280, 720), CANVAS);
    let side = || scene::side_by_side(frame(1_280, 720), frame(640, 360), CANVAS);
    for kind in [Transition::Dissolve, Transition::Wipe, Transition::Dip, Transition::Cut] {
        for progress in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let plan = plan(scene::transition(kind, progress, pip(), side(), CANVAS), Vec::new());
            assert_covered_once(&plan);
            let blended: u64 = plan.pieces.iter().filter(|piece| !piece.is_opaque()).map(|piece| piece.rect.area()).sum();
            assert!(blended <= PxRect::whole(CANVAS).area(), "{kind:?} {progress}");
        }
    }
}

#[test]
fn an_inset_is_patched_into_the_base() {
    let plan = plan(scene::picture_in_picture(frame(1_280, 720), frame(1_280, 720), CANVAS), Vec::new());
    assert_eq!(plan.base, Some((0, (0, 0))));
    assert!(plan.dirty.iter().all(|dirty| !dirty.needs_base), "{:?}", plan.dirty);
}

#[test]
fn a_crop_of_a_larger_picture_is_copied() {
    let crop = Rect::new(320.0, 180.0, 1_280.0, 720.0);
    let layer = Layer { crop: Some(crop), ..Layer::new(LayerPicture::Frame(frame(1_920, 1_080)), Rect::whole(CANVAS)) };
    assert_eq!(plan(vec![layer.clone()], Vec::new()).base, Some((0, (320, 180))));
    // An odd corner would put chroma between two samples.
    let odd = Layer { crop: Some(Rect { x: 321.0, ..crop }), ..layer };
    assert_eq!(plan(vec![odd], Vec::new()).base, None);
}

#[test]
fn a_turned_picture_keeps_its_corners() {
    // A stored picture of 400x200 whose left top corner must come to where the turn puts it.
    for (rotation, canvas_corner) in
        [(Rotation::None, (0.0, 0.0)), (Rotation::Clockwise90, (200.0, 0.0)), (Rotation::Half, (400.0, 200.0)), (Rotation::Clockwise270, (0.0, 400.0))]
    {
        let turned = matches!(rotation, Rotation::Clockwise90 | Rotation::Clockwise270);
        let rect = if turned { Rect::new(0.0, 0.0, 200.0, 400.0) } else { Rect::new(0.0, 0.0, 400.0, 200.0) };
        let layer = Layer::new(LayerPicture::Frame(Frame { rotation, ..frame(400, 200) }), rect);
        let plan = plan(vec![layer], Vec::new());
        let mapping = plan.pieces.iter().find_map(|piece| if let Fill::Picture(_, mapping) = piece.fill { Some(mapping) } else { None }).expect("drawn");
        let (x, y) = canvas_corner;
        let [a, b, c, d] = mapping.turn;
        let [ox, oy] = mapping.offset;
        assert_eq!((x * a + y * b + ox, x * c + y * d + oy), (0.0, 0.0), "{rotation:?}");
    }
}

#[test]
fn any_scene_is_planned() {
    type Numbers = (f32, f32, f32, f32);
    bolero::check!().with_type::<Vec<(Numbers, Option<Numbers>, f32, Option<(f32, f32)>, u8, u8)>>().for_each(|layers| {
        let layers = layers.iter().map(|((x, y, width, height), crop, opacity, wipe, group, picture)| Layer {
            picture: match picture % 3 {
                0 => LayerPicture::Frame(frame(64, 48)),
                1 => LayerPicture::Frame(Frame { size: Size::new(4_000, 4_000), ..frame(64, 48) }),
                _ => LayerPicture::Colour(*picture, 128, 128),
            },
            rect: Rect::new(*x, *y, *width, *height),
            crop: crop.map(|(x, y, width, height)| Rect::new(x, y, width, height)),
            fit: if group % 2 == 0 { Fit::Contain } else { Fit::Cover },
            opacity: *opacity,
            wipe: wipe.map(|(progress, softness)| Wipe { progress, softness }),
            group: group % 4,
        });
        let plan = plan(layers.collect(), Vec::new());
        for piece in &plan.pieces {
            assert!(piece.rect.intersect(PxRect::whole(CANVAS)) == Some(piece.rect) && piece.rect.x % 2 == 0 && piece.rect.width % 2 == 0);
        }
        assert!(plan.pieces.len() <= MAX_PIECES);
    });
}
