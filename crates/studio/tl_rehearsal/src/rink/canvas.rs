//! Where figures are drawn before they go onto the picture: a small canvas of premultiplied colour, blended straight into Y, U and V.

use tl_base::Size;
use tl_frame::{PixelFormat, VecPlanes};

use super::Rgb;
use super::text::Mask;

/// A picture in I420, BT.709, limited range.
pub(crate) struct Picture {
    pub(crate) size: Size,
    pub(crate) planes: VecPlanes,
}

/// Luma and chroma of a colour, BT.709 limited, 8-bit scale.
pub(crate) fn yuv(colour: Rgb) -> [f32; 3] {
    let [r, g, b] = colour;
    [
        16.0 + 219.0 * (0.2126 * r + 0.7152 * g + 0.0722 * b),
        128.0 + 224.0 * (-0.114_57 * r - 0.385_43 * g + 0.5 * b),
        128.0 + 224.0 * (0.5 * r - 0.454_15 * g - 0.045_85 * b),
    ]
}

impl Picture {
    pub(crate) fn new(size: Size) -> Self {
        Self { size, planes: VecPlanes::new(PixelFormat::I420, size) }
    }

    pub(crate) fn split(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let (luma, chroma) = ((self.size.width * self.size.height) as usize, (self.size.width.div_ceil(2) * self.size.height.div_ceil(2)) as usize);
        let bytes = self.planes.bytes_mut();
        let (y, rest) = bytes.split_at_mut(luma.min(bytes.len()));
        let (u, v) = rest.split_at_mut(chroma.min(rest.len()));
        (y, u, v)
    }

    /// Fills a rectangle of even sides with a colour.
    pub(crate) fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, colour: Rgb) {
        let [luma, cb, cr] = yuv(colour).map(|value| value.round() as u8);
        let (stride, chroma_stride) = (self.size.width as usize, self.size.width.div_ceil(2) as usize);
        let (ys, us, vs) = self.split();
        for row in y..y + height {
            let start = row as usize * stride + x as usize;
            ys.get_mut(start..start + width as usize).unwrap_or_default().fill(luma);
        }
        for row in y / 2..(y + height) / 2 {
            let start = row as usize * chroma_stride + x as usize / 2;
            us.get_mut(start..start + width as usize / 2).unwrap_or_default().fill(cb);
            vs.get_mut(start..start + width as usize / 2).unwrap_or_default().fill(cr);
        }
    }
}

/// What stands in front of the figures: one byte a pixel, 255 hides.
pub(crate) struct Cover<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) stride: usize,
    /// Pixel of the cover at the picture's top left.
    pub(crate) origin: (i32, i32),
}

impl Cover<'_> {
    fn at(&self, x: i32, y: i32) -> f32 {
        let (x, y) = (x + self.origin.0, y + self.origin.1);
        if x < 0 || y < 0 || x as usize >= self.stride {
            return 0.0;
        }
        self.bytes.get(y as usize * self.stride + x as usize).map_or(0.0, |value| f32::from(*value) / 255.0)
    }
}

/// A canvas that covers part of the picture; its corners lie on even pixels.
#[derive(Default)]
pub(crate) struct Canvas {
    left: i32,
    top: i32,
    width: usize,
    height: usize,
    /// Red, green, blue, coverage; colour is premultiplied.
    pixels: Vec<[f32; 4]>,
}

/// An end of a limb on the canvas, pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
}

impl Canvas {
    /// Starts anew over this part of a picture of `size`, cut to it; false when nothing of it is inside.
    pub(crate) fn begin(&mut self, bounds: (f32, f32, f32, f32), size: Size) -> bool {
        let (x0, y0, x1, y1) = bounds;
        let even = |value: f32, limit: u32| (value.clamp(0.0, limit as f32) as i32) & !1;
        let (left, top) = (even(x0 - 2.0, size.width), even(y0 - 2.0, size.height));
        let (right, bottom) = (even(x1 + 4.0, size.width), even(y1 + 4.0, size.height));
        (self.left, self.top) = (left, top);
        (self.width, self.height) = ((right - left).max(0) as usize, (bottom - top).max(0) as usize);
        self.pixels.clear();
        self.pixels.resize(self.width * self.height, [0.0; 4]);
        !self.pixels.is_empty()
    }

    fn rows(&mut self, x0: f32, y0: f32, x1: f32, y1: f32) -> impl Iterator<Item = (f32, f32, &mut [[f32; 4]])> {
        let from_x = ((x0.floor() as i32 - self.left).max(0) as usize).min(self.width);
        let to_x = ((x1.ceil() as i32 + 1 - self.left).max(0) as usize).min(self.width);
        let from_y = ((y0.floor() as i32 - self.top).max(0) as usize).min(self.height);
        let to_y = ((y1.ceil() as i32 + 1 - self.top).max(0) as usize).min(self.height);
        let (left, top, width) = (self.left, self.top, self.width.max(1));
        let rows = self.pixels.chunks_exact_mut(width).enumerate().skip(from_y).take(to_y.saturating_sub(from_y));
        rows.map(move |(row, pixels)| {
            let part = pixels.get_mut(from_x..to_x.max(from_x)).unwrap_or_default();
            ((from_x as i32 + left) as f32 + 0.5, (row as i32 + top) as f32 + 0.5, part)
        })
    }

    /// A limb: round, lit from above, thicker at one end than at the other.
    pub(crate) fn limb(&mut self, a: End, b: End, colour: Rgb) {
        // Thinner than a pixel is drawn as a pixel that is not quite there.
        let thin = a.radius.max(b.radius).min(0.5) / 0.5;
        let (ra, rb) = (a.radius.max(0.5), b.radius.max(0.5));
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let inverse = 1.0 / (dx * dx + dy * dy).max(1e-6);
        let reach = ra.max(rb) + 1.0;
        let (x0, x1) = (a.x.min(b.x) - reach, a.x.max(b.x) + reach);
        let (y0, y1) = (a.y.min(b.y) - reach, a.y.max(b.y) + reach);
        for (x, y, row) in self.rows(x0, y0, x1, y1) {
            for (step, pixel) in row.iter_mut().enumerate() {
                let px = x + step as f32 - a.x;
                let py = y - a.y;
                let t = ((px * dx + py * dy) * inverse).clamp(0.0, 1.0);
                let (ox, oy) = (px - dx * t, py - dy * t);
                let radius = ra + (rb - ra) * t;
                let squared = ox * ox + oy * oy;
                if squared > (radius + 0.5) * (radius + 0.5) {
                    continue;
                }
                let away = squared.sqrt();
                let coverage = (radius - away + 0.5).clamp(0.0, 1.0) * thin;
                let (nx, ny) = (ox / radius, oy / radius);
                let nz = (1.0 - nx * nx - ny * ny).max(0.0).sqrt();
                let lit = (0.70 - 0.26 * ny + 0.26 * nz - 0.05 * nx).clamp(0.42, 1.14);
                over(pixel, colour, lit, coverage);
            }
        }
    }

    /// Words laid on a plane: `centre` plus `right` and `down`, the half sides of the words' rectangle.
    pub(crate) fn words(&mut self, mask: &Mask, centre: (f32, f32), right: (f32, f32), down: (f32, f32), colour: Rgb) {
        let det = right.0 * down.1 - right.1 * down.0;
        if det.abs() < 1e-3 || mask.width == 0 {
            return;
        }
        let reach_x = right.0.abs() + down.0.abs();
        let reach_y = right.1.abs() + down.1.abs();
        let (width, height) = (mask.width as f32, mask.height as f32);
        for (x, y, row) in self.rows(centre.0 - reach_x, centre.1 - reach_y, centre.0 + reach_x, centre.1 + reach_y) {
            for (step, pixel) in row.iter_mut().enumerate() {
                // Four looks per pixel, since the words are usually shrunk.
                let looks = [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)].map(|(jx, jy)| {
                    let (px, py) = (x + step as f32 + jx - centre.0, y + jy - centre.1);
                    let u = (px * down.1 - py * down.0) / det;
                    let v = (py * right.0 - px * right.1) / det;
                    if u.abs() > 1.0 || v.abs() > 1.0 { 0.0 } else { mask.sample((u + 1.0) * 0.5 * width, (v + 1.0) * 0.5 * height) }
                });
                let coverage = looks.into_iter().sum::<f32>() / 4.0;
                if coverage > 0.0 {
                    let under = pixel[3];
                    over(pixel, colour, 1.0, coverage * under);
                }
            }
        }
    }

    /// A soft dark spot, for shadows on the ice.
    pub(crate) fn shade(&mut self, centre: (f32, f32), radii: (f32, f32), strength: f32) {
        let (rx, ry) = (radii.0.max(0.5), radii.1.max(0.5));
        for (x, y, row) in self.rows(centre.0 - rx, centre.1 - ry, centre.0 + rx, centre.1 + ry) {
            for (step, pixel) in row.iter_mut().enumerate() {
                let away = ((x + step as f32 - centre.0) / rx).powi(2) + ((y - centre.1) / ry).powi(2);
                let soft = (1.0 - away).max(0.0);
                over(pixel, [0.16, 0.22, 0.30], 1.0, strength * soft * soft);
            }
        }
    }

    /// Blends the canvas into the picture.
    pub(crate) fn onto(&self, picture: &mut Picture, cover: &Cover<'_>, tint: [f32; 3]) {
        self.blend(picture, cover, tint, |y| (y, 1.0));
    }

    /// Blends the canvas upside down below the line `foot`, fading: what the ice mirrors.
    pub(crate) fn mirrored(&self, picture: &mut Picture, cover: &Cover<'_>, tint: [f32; 3], foot: f32, strength: f32) {
        let span = (foot - self.top as f32).max(1.0);
        self.blend(picture, cover, tint, |y| {
            let below = y as f32 - foot;
            let fade = (1.0 - below / span).clamp(0.0, 1.0);
            ((foot - below).round() as i32, if below < 0.0 { 0.0 } else { strength * fade * fade })
        });
    }

    /// `from` tells for a row of the picture which row of the canvas it shows, and how strongly.
    fn blend(&self, picture: &mut Picture, cover: &Cover<'_>, tint: [f32; 3], from: impl Fn(i32) -> (i32, f32)) {
        let size = picture.size;
        let (stride, chroma_stride) = (size.width as usize, size.width.div_ceil(2) as usize);
        let first = self.top;
        // Upside down the canvas reaches as far below the feet as it does above.
        let last = (self.top + 2 * self.height as i32).min(size.height as i32) & !1;
        let (ys, us, vs) = picture.split();
        for pair in (first..last).step_by(2) {
            let rows = [pair, pair + 1].map(|y| {
                let (row, strength) = from(y);
                let inside = row >= self.top && row < self.top + self.height as i32 && strength > 0.0;
                let start = if inside { (row - self.top) as usize * self.width } else { 0 };
                (y, if inside { self.pixels.get(start..start + self.width).unwrap_or_default() } else { &[] }, strength)
            });
            if rows.iter().all(|(_, pixels, _)| pixels.is_empty()) {
                continue;
            }
            for column in (0..self.width).step_by(2) {
                let mut sum = [0.0_f32; 4];
                for &(y, pixels, strength) in &rows {
                    for x in column..column + 2 {
                        let Some(&[r, g, b, a]) = pixels.get(x) else { continue };
                        if a <= 0.002 {
                            continue;
                        }
                        let shown = strength * (1.0 - cover.at(self.left + x as i32, y));
                        let (r, g, b, a) = (r * tint[0] * shown, g * tint[1] * shown, b * tint[2] * shown, a * shown);
                        let at = y as usize * stride + self.left as usize + x;
                        if let Some(luma) = ys.get_mut(at) {
                            let ours = 16.0 * a + 219.0 * (0.2126 * r + 0.7152 * g + 0.0722 * b);
                            *luma = (f32::from(*luma) * (1.0 - a) + ours + 0.5) as u8;
                        }
                        for (total, value) in sum.iter_mut().zip([r, g, b, a]) {
                            *total += value;
                        }
                    }
                }
                if sum[3] <= 0.0 {
                    continue;
                }
                let [r, g, b, a] = sum.map(|value| value / 4.0);
                let at = pair as usize / 2 * chroma_stride + (self.left as usize + column) / 2;
                if let (Some(u), Some(v)) = (us.get_mut(at), vs.get_mut(at)) {
                    *u = (f32::from(*u) * (1.0 - a) + 128.0 * a + 224.0 * (-0.114_57 * r - 0.385_43 * g + 0.5 * b) + 0.5) as u8;
                    *v = (f32::from(*v) * (1.0 - a) + 128.0 * a + 224.0 * (0.5 * r - 0.454_15 * g - 0.045_85 * b) + 0.5) as u8;
                }
            }
        }
    }
}

fn over(pixel: &mut [f32; 4], colour: Rgb, lit: f32, coverage: f32) {
    let [r, g, b] = colour;
    let rest = 1.0 - coverage;
    let [pr, pg, pb, pa] = *pixel;
    *pixel =
        [pr * rest + (r * lit).min(1.0) * coverage, pg * rest + (g * lit).min(1.0) * coverage, pb * rest + (b * lit).min(1.0) * coverage, pa * rest + coverage];
}
