//! What one tick shows, and helpers that arrange it.

use std::sync::Arc;

use tl_base::Size;
use tl_frame::Frame;

use crate::OverlayImage;
use crate::plan::{MAX_LAYERS, MAX_OVERLAYS};

/// A rectangle in canvas pixels (or, for a crop, in pixels of the upright picture).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// A rectangle from its left top corner and its sides.
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// All of a canvas.
    pub fn whole(size: Size) -> Self {
        Self::new(0.0, 0.0, size.width as f32, size.height as f32)
    }
}

/// How a picture of another shape goes into its rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of it shows; what is left of the rectangle shows what lies below.
    #[default]
    Contain,
    /// The rectangle is filled; what stands over is cut off evenly.
    Cover,
}

/// A soft edge that moves over the canvas from left to right and uncovers the layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wipe {
    /// 0 shows nothing of the layer, 1 all of it.
    pub progress: f32,
    /// Width of the soft edge as a share of the canvas' width.
    pub softness: f32,
}

/// What a layer shows.
#[derive(Clone, Debug)]
pub enum LayerPicture {
    /// A decoded picture.
    Frame(Frame),
    /// A drawn picture that fills the canvas.
    Slate(Arc<OverlayImage>),
    /// One colour, BT.709 limited range.
    Colour(u8, u8, u8),
}

/// One picture in its place.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it shows.
    pub picture: LayerPicture,
    /// Where, in canvas pixels; edges are rounded to even pixels so that they fall on chroma samples.
    pub rect: Rect,
    /// Part of the upright picture that shows, in its pixels; none shows all.
    pub crop: Option<Rect>,
    /// How the shape is fitted.
    pub fit: Fit,
    /// 0 to 1.
    pub opacity: f32,
    /// Soft edge in front of the layer.
    pub wipe: Option<Wipe>,
    /// Neighbouring layers of one group are one picture: at each pixel only the topmost counts, and its opacity lets shine through
    /// what lies below the whole group. So an arrangement of several pictures dissolves as one.
    pub group: u8,
}

impl Layer {
    /// A whole picture within `rect`.
    pub fn new(picture: LayerPicture, rect: Rect) -> Self {
        Self { picture, rect, crop: None, fit: Fit::Contain, opacity: 1.0, wipe: None, group: 0 }
    }
}

/// A graphic at the place that it was drawn for.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The drawn graphic.
    pub image: Arc<OverlayImage>,
    /// 0 to 1.
    pub opacity: f32,
}

/// One tick's picture: layers from back to front over programme black, then graphics.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// Back to front; more than 16 are cut off.
    pub layers: Vec<Layer>,
    /// Back to front; more than 16 are cut off.
    pub overlays: Vec<Placed>,
}

impl Scene {
    /// An empty scene with room for all that can show, so that filling it allocates nothing.
    pub fn with_room() -> Self {
        // One more: the slate or ground below sixteen pictures.
        Self { layers: Vec::with_capacity(MAX_LAYERS + 1), overlays: Vec::with_capacity(MAX_OVERLAYS) }
    }

    /// Lets go of what it shows and keeps its room.
    pub fn clear(&mut self) {
        self.layers.clear();
        self.overlays.clear();
    }
}

/// How one arrangement follows another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transition {
    /// At once.
    #[default]
    Cut,
    /// One fades into the other.
    Dissolve,
    /// Through black.
    Dip,
    /// A soft edge moves from left to right.
    Wipe,
}

/// Width of the wipe's soft edge as a share of the canvas' width.
const WIPE_SOFTNESS: f32 = 0.06;
/// Distance of an inset from the canvas' edge and its size, as shares of the canvas' sides.
const INSET_MARGIN: f32 = 0.05;
/// A third: pictures of the canvas' size then need few samples.
const INSET_SIZE: f32 = 1.0 / 3.0;

/// A camera that fills the canvas as far as its shape allows.
pub fn full(frame: Frame, canvas: Size) -> Vec<Layer> {
    made(|layers| add_full(layers, frame, canvas))
}

/// The same, on top of `layers`.
pub fn add_full(layers: &mut Vec<Layer>, frame: Frame, canvas: Size) {
    layers.push(Layer::new(LayerPicture::Frame(frame), Rect::whole(canvas)));
}

fn made(add: impl FnOnce(&mut Vec<Layer>)) -> Vec<Layer> {
    let mut layers = Vec::new();
    add(&mut layers);
    layers
}

/// A slate that fills the canvas.
pub fn slate(image: Arc<OverlayImage>, canvas: Size) -> Vec<Layer> {
    vec![Layer::new(LayerPicture::Slate(image), Rect::whole(canvas))]
}

/// One camera that fills the canvas and a small one at the bottom right, inside the safe area, with a thin frame.
pub fn picture_in_picture(base: Frame, inset: Frame, canvas: Size) -> Vec<Layer> {
    made(|layers| add_picture_in_picture(layers, base, inset, canvas))
}

/// The same, on top of `layers`.
pub fn add_picture_in_picture(layers: &mut Vec<Layer>, base: Frame, inset: Frame, canvas: Size) {
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let rect = Rect::new(width * (1.0 - INSET_MARGIN - INSET_SIZE), height * (1.0 - INSET_MARGIN - INSET_SIZE), width * INSET_SIZE, height * INSET_SIZE);
    // A light line within a dark one is seen on ice and in front of a crowd.
    let line = (height / 540.0).round().max(1.0) * 2.0;
    let around = |by: f32| Rect::new(even(rect.x) - by, even(rect.y) - by, even(rect.width) + 2.0 * by, even(rect.height) + 2.0 * by);
    add_full(layers, base, canvas);
    layers.push(Layer::new(LayerPicture::Colour(36, 130, 126), around(2.0 * line)));
    layers.push(Layer::new(LayerPicture::Colour(225, 128, 128), around(line)));
    layers
        .push(Layer { fit: Fit::Cover, ..Layer::new(LayerPicture::Frame(inset), Rect::new(even(rect.x), even(rect.y), even(rect.width), even(rect.height))) });
}

/// Two cameras beside one another, each as large as it can be without cutting off more than a quarter of its width.
pub fn side_by_side(left: Frame, right: Frame, canvas: Size) -> Vec<Layer> {
    made(|layers| add_side_by_side(layers, left, right, canvas))
}

/// The same, on top of `layers`.
pub fn add_side_by_side(layers: &mut Vec<Layer>, left: Frame, right: Frame, canvas: Size) {
    let gap = (canvas.width as f32 / 320.0).round().max(1.0) * 2.0;
    let width = even((canvas.width as f32 - gap) / 2.0);
    // Three to four keeps what happens in the middle of either picture and leaves narrow bars above and below.
    let height = even((width * 3.0 / 4.0).min(canvas.height as f32));
    let top = even((canvas.height as f32 - height) / 2.0);
    let place = |frame: Frame, x: f32| Layer { fit: Fit::Cover, ..Layer::new(LayerPicture::Frame(frame), Rect::new(x, top, width, height)) };
    // A dark ground instead of black: the bars are meant.
    let ground = Layer::new(LayerPicture::Colour(36, 130, 126), Rect::whole(canvas));
    layers.extend([ground, place(left, 0.0), place(right, canvas.width as f32 - width)]);
}

/// The layers in the middle of a transition: `progress` 0 shows `from`, 1 shows `to`.
pub fn transition(kind: Transition, progress: f32, mut from: Vec<Layer>, mut to: Vec<Layer>, canvas: Size) -> Vec<Layer> {
    blend(kind, progress, &mut from, &mut to, canvas);
    from
}

/// The same in place: `layers` begins as what was shown before, and `to` is emptied into it.
pub fn blend(kind: Transition, progress: f32, layers: &mut Vec<Layer>, to: &mut Vec<Layer>, canvas: Size) {
    let progress = if progress.is_finite() { progress.clamp(0.0, 1.0) } else { 1.0 };
    if progress <= 0.0 {
        to.clear();
        return;
    }
    if progress >= 1.0 || kind == Transition::Cut {
        return replace(layers, to);
    }
    match kind {
        Transition::Dip if progress < 0.5 => {
            to.clear();
            fade(layers, 1.0 - 2.0 * progress);
        }
        Transition::Dip => {
            replace(layers, to);
            fade(layers, 2.0 * progress - 1.0);
        }
        Transition::Dissolve => over(layers, to, canvas, |layer| layer.opacity = progress),
        Transition::Wipe => over(layers, to, canvas, |layer| layer.wipe = Some(Wipe { progress, softness: WIPE_SOFTNESS })),
        Transition::Cut => replace(layers, to),
    }
}

fn replace(layers: &mut Vec<Layer>, by: &mut Vec<Layer>) {
    layers.clear();
    layers.append(by);
}

fn fade(layers: &mut [Layer], opacity: f32) {
    for layer in layers {
        layer.opacity *= opacity;
    }
}

/// `to` as one group over the layers, with its own black where it leaves the canvas free.
fn over(layers: &mut Vec<Layer>, to: &mut Vec<Layer>, canvas: Size, each: impl Fn(&mut Layer)) {
    let group = layers.iter().map(|layer| layer.group).max().unwrap_or(0).saturating_add(1);
    let (y, u, v) = crate::scene::BLACK;
    let ground = layers.len();
    layers.push(Layer::new(LayerPicture::Colour(y, u, v), Rect::whole(canvas)));
    layers.append(to);
    for layer in layers.iter_mut().skip(ground) {
        layer.group = group;
        each(layer);
    }
}

/// Programme black: BT.709 limited range.
pub const BLACK: (u8, u8, u8) = (16, 128, 128);

/// Rounded to an even number of pixels.
pub(crate) fn even(value: f32) -> f32 {
    (value / 2.0).round() * 2.0
}
