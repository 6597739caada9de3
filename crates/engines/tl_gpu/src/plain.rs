//! A tick's picture where there is no device to draw it: the largest picture of the scene alone, the topmost of equals, brought to the canvas
//! by its nearest samples. No graphics, no transition, nothing side by side, and a picture that is to be turned stays as it lies;
//! but a picture.

use std::sync::Arc;

use tl_base::Size;
use tl_frame::{Frame, Memory, PixelFormat};

use crate::Scene;
use crate::layout;
use crate::plan::{self, PxRect};
use crate::pool::{Pool, Pooled};
use crate::scene::{Layer, LayerPicture};

/// Where nothing can be shown: dark, and brighter than what counts as black.
const GROUND: (u8, u8, u8) = (44, 132, 124);

/// The planes of the picture.
pub(crate) fn picture(scene: &Scene, canvas: Size, pool: &Pool) -> Memory {
    let shown = scene.layers.iter().filter(|layer| layer.opacity >= 0.5 && layer.wipe.is_none_or(|wipe| wipe.progress >= 0.5));
    // The last of those that are as large.
    let largest = shown.max_by_key(|layer| (layer.rect.width * layer.rect.height) as u64);
    let frame = largest.and_then(plan::frame_of).filter(|frame| layout::is_whole(frame));
    if let Some(frame) = frame.filter(|frame| frame.size == canvas && frame.format == PixelFormat::I420) {
        return frame.memory.clone();
    }
    let mut out = pool.take();
    fill(&mut out, largest.map_or(GROUND, colour_of));
    if let Some(frame) = frame {
        bring(frame, canvas, &mut out);
    }
    Memory::Cpu(Arc::new(out))
}

fn colour_of(layer: &Layer) -> (u8, u8, u8) {
    match layer.picture {
        LayerPicture::Colour(y, u, v) => (y, u, v),
        // Programme black beside a picture of another shape.
        LayerPicture::Frame(_) => (16, 128, 128),
        LayerPicture::Slate(_) => GROUND,
    }
}

fn fill(out: &mut Pooled, (y, u, v): (u8, u8, u8)) {
    for (index, value) in [y, u, v].into_iter().enumerate() {
        out.plane_mut(index).0.fill(value);
    }
}

/// All of a frame, in the middle of the canvas.
fn bring(frame: &Frame, canvas: Size, out: &mut Pooled) {
    let Size { width, height } = frame.size;
    let wide = u64::from(width) * u64::from(canvas.height) >= u64::from(height) * u64::from(canvas.width);
    let even = |side: u64| (side as u32).max(2) & !1;
    let fitted = if wide {
        Size::new(canvas.width, even(u64::from(canvas.width) * u64::from(height) / u64::from(width)))
    } else {
        Size::new(even(u64::from(canvas.height) * u64::from(width) / u64::from(height)), canvas.height)
    };
    let (left, top) = (((canvas.width - fitted.width) / 2) & !1, ((canvas.height - fitted.height) / 2) & !1);
    let mut row_samples = Vec::new();
    layout::for_rows(frame, PxRect::new(0, 0, width, height), |plane, row, samples| {
        let divisor = if plane == 0 { 1 } else { 2 };
        let part = |side: u32| side.div_ceil(divisor) as usize;
        let (from_width, from_height) = (part(width), part(height));
        let (to_width, to_height) = (part(fitted.width), part(fitted.height));
        row_samples.resize(from_width, 0);
        samples.copy_to(&mut row_samples);
        let (bytes, stride) = out.plane_mut(plane);
        // Every row whose nearest one this is.
        for to in (row * to_height).div_ceil(from_height)..((row + 1) * to_height).div_ceil(from_height) {
            let start = (top / divisor) as usize * stride + to * stride + (left / divisor) as usize;
            let Some(target) = bytes.get_mut(start..start + to_width) else { continue };
            for (x, sample) in target.iter_mut().enumerate() {
                *sample = row_samples.get(x * from_width / to_width).copied().unwrap_or_default();
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use tl_frame::Colour;
    use tl_testkit::picture::frame;

    use super::*;
    use crate::{Rect, Wipe};

    const CANVAS: Size = Size::new(64, 36);

    fn layer(size: Size, format: PixelFormat, luma: u8) -> Layer {
        let picture = frame(size, format, Colour::PROGRAMME, move |plane, _, _| if plane == 0 { luma } else { 100 });
        Layer::new(LayerPicture::Frame(picture), Rect::whole(CANVAS))
    }

    /// Luma in the middle and in the left upper corner.
    fn luma(scene: &Scene) -> (u8, u8) {
        let Memory::Cpu(planes) = picture(scene, CANVAS, &Pool::new(CANVAS)) else { panic!("no planes") };
        let plane = planes.plane(0).expect("luma");
        (plane.bytes[18 * plane.layout.stride + 32], plane.bytes[0])
    }

    #[test]
    fn a_picture_of_the_canvas_goes_through_as_it_is() {
        let on = layer(CANVAS, PixelFormat::I420, 90);
        let LayerPicture::Frame(Frame { memory: Memory::Cpu(before), .. }) = &on.picture else { panic!("no frame") };
        let before = Arc::clone(before);
        let Memory::Cpu(after) = picture(&Scene { layers: vec![on], overlays: Vec::new() }, CANVAS, &Pool::new(CANVAS)) else { panic!("no planes") };
        assert!(Arc::ptr_eq(&before, &after));
    }

    #[test]
    fn other_shapes_lie_in_the_middle_on_black() {
        let check = |size: Size, format, expect: (u8, u8)| {
            assert_eq!(luma(&Scene { layers: vec![layer(size, format, 90)], overlays: Vec::new() }), expect, "{size:?} {format:?}");
        };
        check(Size::new(128, 72), PixelFormat::I420, (90, 90));
        check(Size::new(31, 17), PixelFormat::Nv12, (90, 90));
        check(Size::new(36, 64), PixelFormat::I420, (90, 16));
        check(Size::new(90, 16), PixelFormat::Nv12, (90, 16));
    }

    #[test]
    fn the_largest_counts_and_of_equals_the_topmost_that_shows() {
        let whole = |luma| layer(CANVAS, PixelFormat::I420, luma);
        let mut corner = whole(200);
        corner.rect = Rect::new(0.0, 0.0, 16.0, 9.0);
        let fading = |luma, opacity| Layer { opacity, ..whole(luma) };
        let wiped = |luma, progress| Layer { wipe: Some(Wipe { progress, softness: 0.1 }), ..whole(luma) };
        let check = |layers: Vec<Layer>, expect: u8| assert_eq!(luma(&Scene { layers, overlays: Vec::new() }).0, expect);
        check(vec![whole(90), corner], 90);
        check(vec![whole(90), fading(150, 0.4)], 90);
        check(vec![whole(90), fading(150, 0.6)], 150);
        check(vec![whole(90), wiped(150, 0.3)], 90);
        check(vec![whole(90), wiped(150, 0.7)], 150);
        check(Vec::new(), GROUND.0);
    }
}
