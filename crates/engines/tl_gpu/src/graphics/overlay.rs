//! A drawn graphic as the GPU takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resvg::tiny_skia::Pixmap;
use tl_base::{MediaTime, Size, SlotId};
use tl_frame::{Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};

use crate::colour::programme_of_rgb;
use crate::plan::PxRect;

/// Tells graphics apart on the device.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A drawn graphic: planes in programme colour (BT.709, limited range) with alpha, and where on the canvas they belong.
#[derive(Clone, Debug)]
pub struct OverlayImage {
    id: u64,
    place: PxRect,
    /// Luma and alpha, two bytes a pixel.
    luma: Vec<u8>,
    /// U, V, alpha and nothing, four bytes for each 2x2 pixels.
    chroma: Vec<u8>,
    /// The same without alpha, when nothing shines through.
    frame: Option<Frame>,
}

impl OverlayImage {
    /// A graphic that shows nothing, two pixels wide and high.
    pub fn empty(_canvas: Size) -> Self {
        Self { id: next_id(), place: PxRect::new(0, 0, 2, 2), luma: [16, 0].repeat(4), chroma: vec![128, 128, 0, 0], frame: None }
    }

    /// Converts drawn pixels whose left top corner lies at `origin`; odd origins and sides are rounded to even ones with clear pixels.
    pub(crate) fn from_pixmap(pixmap: &Pixmap, origin: (u32, u32)) -> Self {
        let (pad_x, pad_y) = (origin.0 % 2, origin.1 % 2);
        let place =
            PxRect::new(origin.0 - pad_x, origin.1 - pad_y, (pixmap.width() + pad_x).next_multiple_of(2), (pixmap.height() + pad_y).next_multiple_of(2));
        let source = Source { pixmap, pad: (pad_x, pad_y) };
        let mut luma = Vec::with_capacity((place.area() * 2) as usize);
        for y in 0..place.height {
            for x in 0..place.width {
                let [r, g, b, a] = source.at(i64::from(x), i64::from(y));
                let [code, ..] = programme_of_rgb(straight([r, g, b], a));
                luma.extend_from_slice(&[code.round() as u8, a as u8]);
            }
        }
        let mut chroma = Vec::with_capacity(place.area() as usize);
        for y in (0..i64::from(place.height)).step_by(2) {
            for x in (0..i64::from(place.width)).step_by(2) {
                // Chroma lies on the left column, so that one weighs twice.
                let taps = [(-1, 1.0), (0, 2.0), (1, 1.0)];
                let mut sum = [0.0_f32; 4];
                for (dx, weight) in taps {
                    for dy in 0..2 {
                        let value = source.at(x + dx, y + dy);
                        for (sum, value) in sum.iter_mut().zip(value) {
                            *sum += value * weight / 8.0;
                        }
                    }
                }
                let [r, g, b, a] = sum;
                let [_, u, v] = programme_of_rgb(straight([r, g, b], a));
                chroma.extend_from_slice(&[u.round() as u8, v.round() as u8, a.round() as u8, 0]);
            }
        }
        let id = next_id();
        let frame = whole_frame(id, place, &luma, &chroma);
        Self { id, place, luma, chroma, frame }
    }

    /// Left top corner on the canvas, even pixels.
    pub fn origin(&self) -> (u32, u32) {
        (self.place.x, self.place.y)
    }

    /// Even width and height, pixels.
    pub fn size(&self) -> Size {
        Size::new(self.place.width, self.place.height)
    }

    /// The graphic as a picture in programme colour; none when something shines through.
    pub fn frame(&self) -> Option<&Frame> {
        self.frame.as_ref()
    }

    /// Mean luma code value of what can be seen, weighted by alpha; 16 is black.
    pub fn mean_luma(&self) -> f64 {
        let (pairs, _) = self.luma.as_chunks::<2>();
        let (sum, weight) = pairs.iter().fold((0.0, 0.0), |(sum, weight), [y, a]| (sum + f64::from(*y) * f64::from(*a), weight + f64::from(*a)));
        if weight > 0.0 { sum / weight } else { 0.0 }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn place(&self) -> PxRect {
        self.place
    }

    pub(crate) fn luma(&self) -> &[u8] {
        &self.luma
    }

    pub(crate) fn chroma(&self) -> &[u8] {
        &self.chroma
    }
}

fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

/// Pixels of a pixmap, premultiplied, 0 to 255, clear outside.
struct Source<'a> {
    pixmap: &'a Pixmap,
    pad: (u32, u32),
}

impl Source<'_> {
    fn at(&self, x: i64, y: i64) -> [f32; 4] {
        let (x, y) = (x - i64::from(self.pad.0), y - i64::from(self.pad.1));
        // To the left of the edge and below it the edge goes on, else its colour would pale.
        let (width, height) = (i64::from(self.pixmap.width()), i64::from(self.pixmap.height()));
        let (Ok(x), Ok(y)) = (u32::try_from(if x == -1 { 0 } else { x }), u32::try_from(y)) else { return [0.0; 4] };
        if i64::from(x) >= width || i64::from(y) >= height {
            return [0.0; 4];
        }
        let pixel = self.pixmap.pixel(x, y).map_or([0; 4], |pixel| [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]);
        pixel.map(f32::from)
    }
}

fn straight(rgb: [f32; 3], alpha: f32) -> [f32; 3] {
    if alpha <= 0.0 { [0.0; 3] } else { rgb.map(|value| value * 255.0 / alpha) }
}

fn whole_frame(id: u64, place: PxRect, luma: &[u8], chroma: &[u8]) -> Option<Frame> {
    let (pairs, _) = luma.as_chunks::<2>();
    if pairs.iter().any(|[_, alpha]| *alpha != 255) {
        return None;
    }
    let size = Size::new(place.width, place.height);
    let mut planes = VecPlanes::new(PixelFormat::I420, size);
    for (out, [y, _]) in planes.plane_mut(0).iter_mut().zip(pairs) {
        *out = *y;
    }
    let (quads, _) = chroma.as_chunks::<4>();
    for (out, [u, ..]) in planes.plane_mut(1).iter_mut().zip(quads) {
        *out = *u;
    }
    for (out, [_, v, ..]) in planes.plane_mut(2).iter_mut().zip(quads) {
        *out = *v;
    }
    Some(Frame {
        source: SlotId(0),
        seq: id,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size,
        rotation: Rotation::None,
        capture: MediaTime::ZERO,
        arrival: MediaTime::ZERO,
        memory: Memory::Cpu(Arc::new(planes)),
    })
}
