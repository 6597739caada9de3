//! What has to be drawn where for one tick: rectangles without overlap where a layer hides another, and how their pixels are found.

use tl_base::Size;
use tl_frame::{Colour, Frame, Rotation};

use crate::layout;
use crate::scene::{BLACK, even};
use crate::{Fit, Layer, LayerPicture, Rect, Scene, Wipe};

/// Layers and graphics beyond these numbers are cut off.
pub(crate) const MAX_LAYERS: usize = 16;
pub(crate) const MAX_OVERLAYS: usize = 16;
/// Pieces of layers beyond this number are cut off; four pictures in a grid over two others make a dozen.
pub(crate) const MAX_PIECES: usize = 96;
/// A canvas that changes in more than this share is made whole on the device.
const MAX_PATCHED_SHARE: f64 = 0.6;

/// A rectangle of whole canvas pixels; all four numbers are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PxRect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl PxRect {
    pub fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    pub fn whole(size: Size) -> Self {
        Self::new(0, 0, size.width, size.height)
    }

    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn right(self) -> u32 {
        self.x + self.width
    }

    fn bottom(self) -> u32 {
        self.y + self.height
    }

    fn of_edges(left: u32, top: u32, right: u32, bottom: u32) -> Option<Self> {
        (left < right && top < bottom).then(|| Self::new(left, top, right - left, bottom - top))
    }

    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::of_edges(self.x.max(other.x), self.y.max(other.y), self.right().min(other.right()), self.bottom().min(other.bottom()))
    }

    fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self::new(x, y, self.right().max(other.right()) - x, self.bottom().max(other.bottom()) - y)
    }

    /// What is left of this rectangle without `hole`: above, below, left and right of it.
    fn without(self, hole: Self) -> impl Iterator<Item = Self> {
        let parts = match self.intersect(hole) {
            None => [Some(self), None, None, None],
            Some(hole) => [
                Self::of_edges(self.x, self.y, self.right(), hole.y),
                Self::of_edges(self.x, hole.bottom(), self.right(), self.bottom()),
                Self::of_edges(self.x, hole.y, hole.x, hole.bottom()),
                Self::of_edges(hole.right(), hole.y, self.right(), hole.bottom()),
            ],
        };
        parts.into_iter().flatten()
    }
}

/// Where a canvas pixel's colour lies in the stored picture, in luma pixels of either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mapping {
    /// Stored = (x * `turn[0]` + y * `turn[1]`, x * `turn[2]` + y * `turn[3]`) + `offset`.
    pub turn: [f64; 4],
    pub offset: [f64; 2],
    /// Stored pixels per canvas pixel along the stored axes.
    pub step: [f64; 2],
}

impl Mapping {
    /// How far left and above a canvas pixel its stored pixel lies, when pictures lie pixel on pixel and chroma does so too.
    pub fn shift(&self) -> Option<(i64, i64)> {
        let [x, y] = self.offset;
        let whole = |value: f64| value.fract() == 0.0 && (value / 2.0).fract() == 0.0;
        (self.turn == [1.0, 0.0, 0.0, 1.0] && whole(x) && whole(y)).then_some((x as i64, y as i64))
    }
}

/// What fills a piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fill {
    /// The picture of the layer with this index.
    Picture(usize, Mapping),
    /// One colour.
    Colour(u8, u8, u8),
}

/// One rectangle of the canvas that one layer shows in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    pub rect: PxRect,
    pub fill: Fill,
    pub opacity: f32,
    /// Right end and width of the soft edge, canvas pixels.
    pub edge: Option<(f32, f32)>,
}

impl Piece {
    fn is_opaque(&self) -> bool {
        self.opacity >= 1.0 && self.edge.is_none()
    }
}

/// A part of the canvas that goes through the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dirty {
    pub rect: PxRect,
    /// Whether the picture below shines through and has to be there first.
    pub needs_base: bool,
}

/// All that one tick needs. Its vectors are kept from tick to tick.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Layer whose picture is the canvas as it is, but for the dirty parts, and the place of its pixel for canvas pixel (0, 0).
    pub base: Option<(usize, (i64, i64))>,
    /// Back to front.
    pub pieces: Vec<Piece>,
    /// Indices of graphics that show, and where, back to front.
    pub overlays: Vec<(usize, PxRect)>,
    /// Without a base the whole canvas.
    pub dirty: Vec<Dirty>,
    parts: Vec<(u16, Piece)>,
    visible: Vec<PxRect>,
    cut: Vec<PxRect>,
}

impl Plan {
    /// Plans `scene` anew.
    pub fn make(&mut self, scene: &Scene, canvas: Size) {
        self.base = None;
        self.pieces.clear();
        self.overlays.clear();
        self.dirty.clear();
        self.spread(scene, canvas);
        self.find_visible();
        for (index, placed) in scene.overlays.iter().take(MAX_OVERLAYS).enumerate() {
            let place = placed.image.place().intersect(PxRect::whole(canvas));
            if let Some(rect) = place.filter(|_| placed.opacity > 0.0) {
                self.overlays.push((index, rect));
            }
        }
        self.find_base(scene, canvas);
    }

    /// Each layer's parts: the one behind a wipe's edge is opaque, the one in front is nothing.
    fn spread(&mut self, scene: &Scene, canvas: Size) {
        let (y, u, v) = BLACK;
        self.parts.clear();
        self.parts.push((0, Piece { rect: PxRect::whole(canvas), fill: Fill::Colour(y, u, v), opacity: 1.0, edge: None }));
        let mut group = 0;
        let mut last = None;
        for (index, layer) in scene.layers.iter().take(MAX_LAYERS).enumerate() {
            if last.replace(layer.group) != Some(layer.group) {
                group += 1;
            }
            let Some((rect, fill)) = place(layer, index, canvas) else { continue };
            let opacity = if layer.opacity.is_finite() { layer.opacity.clamp(0.0, 1.0) } else { 1.0 };
            let piece = Piece { rect, fill, opacity, edge: None };
            match layer.wipe {
                _ if opacity <= 0.0 => {}
                None => self.parts.push((group, piece)),
                Some(wipe) => {
                    let (solid, end, width) = wipe_edge(wipe, canvas);
                    let column = |value: f32| (even(value.clamp(0.0, canvas.width as f32)) as u32).min(canvas.width);
                    let (solid_end, soft_end) = (column(solid - 1.0), column(end + 1.0));
                    let behind = PxRect::of_edges(0, 0, solid_end, canvas.height).and_then(|zone| rect.intersect(zone));
                    let within = PxRect::of_edges(solid_end, 0, soft_end, canvas.height).and_then(|zone| rect.intersect(zone));
                    self.parts.extend(behind.map(|rect| (group, Piece { rect, ..piece })));
                    self.parts.extend(within.map(|rect| (group, Piece { rect, edge: Some((end, width)), ..piece })));
                }
            }
        }
    }

    /// From front to back: a part loses what its own group covers, and where opaque parts in front really show.
    fn find_visible(&mut self) {
        for (index, (group, part)) in self.parts.iter().enumerate().rev() {
            self.visible.clear();
            self.visible.push(part.rect);
            let own = self.parts.iter().skip(index + 1).take_while(|(later, _)| later == group).map(|(_, later)| later.rect);
            let front = self.pieces.iter().filter(|piece| piece.is_opaque()).map(|piece| piece.rect);
            for hole in own.chain(front) {
                self.cut.clear();
                self.cut.extend(self.visible.iter().flat_map(|rect| rect.without(hole)));
                std::mem::swap(&mut self.cut, &mut self.visible);
            }
            let room = MAX_PIECES.saturating_sub(self.pieces.len());
            self.pieces.extend(self.visible.iter().take(room).map(|rect| Piece { rect: *rect, ..*part }));
        }
        self.pieces.reverse();
    }

    /// The topmost layer that fills the canvas with a picture that needs no work, if little enough lies over it.
    fn find_base(&mut self, scene: &Scene, canvas: Size) {
        let whole = PxRect::whole(canvas);
        let base = self.parts.iter().rev().find_map(|(_, part)| {
            let Fill::Picture(index, mapping) = part.fill else { return None };
            let shift = direct(scene.layers.get(index)?, &mapping)?;
            (part.rect == whole && part.is_opaque()).then_some((index, shift))
        });
        if let Some((index, shift)) = base {
            let is_base = |piece: &Piece| matches!(piece.fill, Fill::Picture(of, _) if of == index);
            for piece in self.pieces.iter().filter(|piece| !is_base(piece)) {
                merge(&mut self.dirty, Dirty { rect: piece.rect, needs_base: !piece.is_opaque() });
            }
            for (_, rect) in &self.overlays {
                merge(&mut self.dirty, Dirty { rect: *rect, needs_base: true });
            }
            let area: u64 = self.dirty.iter().map(|dirty| dirty.rect.area()).sum();
            if (area as f64) <= MAX_PATCHED_SHARE * whole.area() as f64 {
                self.base = Some((index, shift));
                self.pieces.retain(|piece| !is_base(piece));
                return;
            }
        }
        self.dirty.clear();
        self.dirty.push(Dirty { rect: whole, needs_base: false });
    }
}

/// Adds a rectangle to rectangles that do not touch one another.
fn merge(list: &mut Vec<Dirty>, mut new: Dirty) {
    while let Some(at) = list.iter().position(|old| old.rect.intersect(new.rect).is_some()) {
        let old = list.swap_remove(at);
        let rect = old.rect.union(new.rect);
        // The corners of a common rectangle belong to neither.
        let grown = rect != old.rect && rect != new.rect;
        new = Dirty { rect, needs_base: old.needs_base || new.needs_base || grown };
    }
    list.push(new);
}

/// The frame behind a layer's picture.
pub(crate) fn frame_of(layer: &Layer) -> Option<&Frame> {
    match &layer.picture {
        LayerPicture::Frame(frame) => Some(frame),
        LayerPicture::Slate(image) => image.frame(),
        LayerPicture::Colour(..) => None,
    }
}

/// The shift of a picture whose samples are the canvas' samples.
pub(crate) fn direct(layer: &Layer, mapping: &Mapping) -> Option<(i64, i64)> {
    frame_of(layer).filter(|frame| frame.colour == Colour::PROGRAMME)?;
    mapping.shift()
}

/// Column up to which the layer shows wholly, column from which it does not show, and the edge's width.
fn wipe_edge(wipe: Wipe, canvas: Size) -> (f32, f32, f32) {
    let width = (wipe.softness.clamp(0.0, 1.0) * canvas.width as f32).max(2.0);
    let progress = if wipe.progress.is_finite() { wipe.progress.clamp(0.0, 1.0) } else { 1.0 };
    let end = progress * (canvas.width as f32 + width);
    (end - width, end, width)
}

/// Where a layer lies and what fills it; none when nothing of it can be seen.
fn place(layer: &Layer, index: usize, canvas: Size) -> Option<(PxRect, Fill)> {
    match &layer.picture {
        LayerPicture::Colour(y, u, v) => Some((snap(layer.rect, canvas)?.0, Fill::Colour(*y, *u, *v))),
        LayerPicture::Frame(_) | LayerPicture::Slate(_) => {
            let frame = frame_of(layer).filter(|frame| layout::is_whole(frame))?;
            let (rect, mapping) = fit(layer, frame, canvas)?;
            Some((rect, Fill::Picture(index, mapping)))
        }
    }
}

/// Even edges, and what of them lies on the canvas.
fn snap(rect: Rect, canvas: Size) -> Option<(PxRect, Rect)> {
    let edges = [rect.x, rect.y, rect.x + rect.width, rect.y + rect.height].map(even);
    let [left, top, right, bottom] = edges;
    if !edges.iter().all(|edge| edge.abs() < 65_536.0) {
        return None;
    }
    let on = |edge: f32, side: u32| (edge.max(0.0) as u32).min(side);
    let visible = PxRect::of_edges(on(left, canvas.width), on(top, canvas.height), on(right, canvas.width), on(bottom, canvas.height))?;
    Some((visible, Rect::new(left, top, right - left, bottom - top)))
}

fn fit(layer: &Layer, frame: &Frame, canvas: Size) -> Option<(PxRect, Mapping)> {
    let (stored_w, stored_h) = (f64::from(frame.size.width), f64::from(frame.size.height));
    let turned = matches!(frame.rotation, Rotation::Clockwise90 | Rotation::Clockwise270);
    let (upright_w, upright_h) = if turned { (stored_h, stored_w) } else { (stored_w, stored_h) };
    let asked = layer.crop.unwrap_or(Rect::new(0.0, 0.0, upright_w as f32, upright_h as f32));
    let Rect { x, y, width, height } = layer.rect;
    if ![asked.x, asked.y, asked.width, asked.height, x, y, width, height].iter().all(|value| value.is_finite()) {
        return None;
    }
    let left = f64::from(asked.x).clamp(0.0, upright_w);
    let top = f64::from(asked.y).clamp(0.0, upright_h);
    let mut crop = [left, top, (f64::from(asked.width)).clamp(0.0, upright_w - left), f64::from(asked.height).clamp(0.0, upright_h - top)];
    let [_, _, crop_w, crop_h] = crop;
    let (box_w, box_h) = (f64::from(layer.rect.width), f64::from(layer.rect.height));
    if !(crop_w >= 1.0 && crop_h >= 1.0 && box_w >= 1.0 && box_h >= 1.0) {
        return None;
    }
    let mut target = layer.rect;
    match layer.fit {
        Fit::Contain => {
            let scale = (box_w / crop_w).min(box_h / crop_h);
            let (width, height) = ((crop_w * scale) as f32, (crop_h * scale) as f32);
            target = Rect::new(target.x + (target.width - width) / 2.0, target.y + (target.height - height) / 2.0, width, height);
        }
        Fit::Cover => {
            let scale = (box_w / crop_w).max(box_h / crop_h);
            let (width, height) = (box_w / scale, box_h / scale);
            crop = [left + (crop_w - width) / 2.0, top + (crop_h - height) / 2.0, width, height];
        }
    }
    let (visible, target) = snap(target, canvas)?;
    let [crop_x, crop_y, crop_w, crop_h] = crop;
    let (kx, ky) = (crop_w / f64::from(target.width), crop_h / f64::from(target.height));
    // Upright = (kx * x + ox, ky * y + oy).
    let (ox, oy) = (crop_x - kx * f64::from(target.x), crop_y - ky * f64::from(target.y));
    let (turn, offset, step) = match frame.rotation {
        Rotation::None => ([kx, 0.0, 0.0, ky], [ox, oy], [kx, ky]),
        Rotation::Half => ([-kx, 0.0, 0.0, -ky], [stored_w - ox, stored_h - oy], [kx, ky]),
        Rotation::Clockwise90 => ([0.0, ky, -kx, 0.0], [oy, stored_h - ox], [ky, kx]),
        Rotation::Clockwise270 => ([0.0, -ky, kx, 0.0], [stored_w - oy, ox], [ky, kx]),
    };
    Some((visible, Mapping { turn, offset, step }))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
