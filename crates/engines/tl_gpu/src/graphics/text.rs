//! Fonts, and words that fit.

use std::collections::HashMap;
use std::sync::Arc;

use resvg::usvg::{self, fontdb};

use super::template::escape;

const FONTS: [&[u8]; 4] = [
    include_bytes!("../../../../../assets/fonts/Inter-Regular.ttf"),
    include_bytes!("../../../../../assets/fonts/Inter-SemiBold.ttf"),
    include_bytes!("../../../../../assets/fonts/BarlowCondensed-Medium.ttf"),
    include_bytes!("../../../../../assets/fonts/BarlowCondensed-SemiBold.ttf"),
];
/// Widths kept.
const MAX_WIDTHS: usize = 512;
/// Characters of a line at most, before it is fitted.
const MAX_CHARS: usize = 120;

/// A family and weight of the bundled fonts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Face {
    /// Interface words, normal.
    Inter,
    /// Interface words, emphasised.
    InterStrong,
    /// Numbers and short names.
    Barlow,
}

impl Face {
    fn attributes(self) -> &'static str {
        match self {
            Self::Inter => "font-family=\"Inter\" font-weight=\"400\"",
            Self::InterStrong => "font-family=\"Inter\" font-weight=\"600\"",
            Self::Barlow => "font-family=\"Barlow Condensed\" font-weight=\"600\"",
        }
    }

    /// Height of a capital letter as a share of the size.
    pub fn capital(self) -> f32 {
        match self {
            Self::Inter | Self::InterStrong => 0.727,
            Self::Barlow => 0.7,
        }
    }
}

/// A line as it fits: its words and their size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    pub text: String,
    pub size: f32,
    /// At that size.
    pub width: f32,
}

/// Reads drawings with the bundled fonts and measures words.
pub(crate) struct Typesetter {
    options: usvg::Options<'static>,
    /// Widths at size 1.
    widths: HashMap<(Face, String), f32>,
}

impl Typesetter {
    pub fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        for font in FONTS {
            fonts.load_font_data(font.to_vec());
        }
        fonts.set_sans_serif_family("Inter");
        let options = usvg::Options { font_family: "Inter".into(), fontdb: Arc::new(fonts), ..usvg::Options::default() };
        Self { options, widths: HashMap::new() }
    }

    pub fn parse(&self, drawing: &str) -> Result<usvg::Tree, usvg::Error> {
        usvg::Tree::from_str(drawing, &self.options)
    }

    /// Width of a line at this size.
    pub fn width(&mut self, face: Face, text: &str, size: f32) -> f32 {
        if let Some(width) = self.widths.get(&(face, text.to_owned())) {
            return width * size;
        }
        let drawing = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"><text {} font-size=\"100\">{}</text></svg>",
            face.attributes(),
            escape(text)
        );
        let width = self.parse(&drawing).map_or(0.0, |tree| tree.root().abs_bounding_box().width() / 100.0);
        if self.widths.len() >= MAX_WIDTHS {
            self.widths.clear();
        }
        self.widths.insert((face, text.to_owned()), width);
        width * size
    }

    /// The line at `size`, else smaller, else, at `smallest`, cut with an ellipsis.
    pub fn fit(&mut self, face: Face, text: &str, size: f32, smallest: f32, room: f32) -> Fitted {
        let text: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
        let natural = self.width(face, &text, 1.0);
        if natural * smallest <= room {
            let size = if natural > 0.0 { size.min(room / natural) } else { size };
            return Fitted { width: natural * size, text, size };
        }
        let cut = |count: usize| -> String { format!("{}…", text.chars().take(count).collect::<String>().trim_end()) };
        let (mut fits, mut not) = (0, text.chars().count());
        while not - fits > 1 {
            let middle = (fits + not) / 2;
            if self.width(face, &cut(middle), smallest) <= room {
                fits = middle;
            } else {
                not = middle;
            }
        }
        let text = cut(fits);
        Fitted { width: self.width(face, &text, smallest), text, size: smallest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_fonts_are_found() {
        let mut set = Typesetter::new();
        let families: Vec<String> = set.options.fontdb.faces().filter_map(|face| Some(face.families.first()?.0.clone())).collect();
        assert_eq!(families, ["Inter", "Inter", "Barlow Condensed", "Barlow Condensed"]);
        assert!(set.width(Face::Barlow, "LIONS", 32.0) < set.width(Face::InterStrong, "LIONS", 32.0));
    }

    #[test]
    fn a_long_line_is_made_smaller_and_then_cut() {
        let mut set = Typesetter::new();
        let fits = set.fit(Face::InterStrong, "Lions", 34.0, 24.0, 400.0);
        assert_eq!((fits.text.as_str(), fits.size), ("Lions", 34.0));
        let smaller = set.fit(Face::InterStrong, "Sportgemeinschaft Nord", 34.0, 24.0, 320.0);
        assert!(smaller.size < 34.0 && !smaller.text.contains('…') && smaller.width <= 320.1, "{smaller:?}");
        let cut = set.fit(Face::InterStrong, &"Wanderers ".repeat(30), 34.0, 24.0, 320.0);
        assert!(cut.text.ends_with('…') && cut.width <= 320.1 && cut.width > 260.0, "{cut:?}");
    }

    #[test]
    fn any_words_are_measured() {
        bolero::check!().with_type::<String>().for_each(|text| {
            let mut set = Typesetter::new();
            assert!(set.fit(Face::Barlow, text, 32.0, 18.0, 72.0).width <= 72.5);
        });
    }
}
