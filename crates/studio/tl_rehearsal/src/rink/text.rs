//! Words as coverage masks, set in the product's own condensed type.

use resvg::usvg;
use tiny_skia::{Pixmap, Transform};

const FONT: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../assets/fonts/BarlowCondensed-SemiBold.ttf"));

/// Coverage of a word, one byte a pixel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    coverage: Vec<u8>,
}

impl Mask {
    /// Coverage at a pixel, 0 to 1; 0 outside.
    pub(crate) fn at(&self, x: i32, y: i32) -> f32 {
        if x < 0 || y < 0 || x as usize >= self.width {
            return 0.0;
        }
        self.coverage.get(y as usize * self.width + x as usize).map_or(0.0, |value| f32::from(*value) / 255.0)
    }

    /// Coverage between pixels, 0 to 1.
    pub(crate) fn sample(&self, x: f32, y: f32) -> f32 {
        let (x0, y0) = ((x - 0.5).floor(), (y - 0.5).floor());
        let (fx, fy) = (x - 0.5 - x0, y - 0.5 - y0);
        let (x0, y0) = (x0 as i32, y0 as i32);
        let top = self.at(x0, y0) * (1.0 - fx) + self.at(x0 + 1, y0) * fx;
        let bottom = self.at(x0, y0 + 1) * (1.0 - fx) + self.at(x0 + 1, y0 + 1) * fx;
        top * (1.0 - fy) + bottom * fy
    }
}

/// Sets words; holds the type so that it is parsed once.
pub(crate) struct Type {
    options: usvg::Options<'static>,
}

impl Type {
    pub(crate) fn new() -> Self {
        let mut options = usvg::Options::default();
        options.fontdb_mut().load_font_data(FONT.to_vec());
        Self { options }
    }

    /// The drawing that this SVG describes; an empty one when it does not parse.
    pub(crate) fn draw(&self, svg: &str, width: u32, height: u32) -> Option<Pixmap> {
        let tree = usvg::Tree::from_str(svg, &self.options).ok()?;
        let mut pixmap = Pixmap::new(width, height)?;
        resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
        Some(pixmap)
    }

    /// One line of words, `size` pixels high, trimmed to the columns it fills.
    pub(crate) fn line(&self, words: &str, size: f32, spacing: f32) -> Mask {
        let (width, height) = (((words.chars().count() as f32 + 1.0) * (size * 0.75 + spacing)).ceil() as u32, (size * 1.25).ceil() as u32);
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        let svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><text x="2" y="{}" font-family="Barlow Condensed" font-weight="600" font-size="{size}" letter-spacing="{spacing}" fill="#fff">{words}</text></svg>"##,
            size
        );
        let Some(pixmap) = self.draw(&svg, width, height) else { return Mask::default() };
        let used = |x: u32| (0..height).any(|y| pixmap.pixel(x, y).is_some_and(|pixel| pixel.alpha() > 20));
        let first = (0..width).find(|x| used(*x)).unwrap_or(0);
        let last = (0..width).rev().find(|x| used(*x)).unwrap_or(0);
        let span = first..=last.max(first);
        let coverage = (0..height).flat_map(|y| span.clone().map(move |x| (x, y))).map(|(x, y)| pixmap.pixel(x, y).map_or(0, |pixel| pixel.alpha())).collect();
        Mask { width: (last.max(first) - first + 1) as usize, height: height as usize, coverage }
    }
}
