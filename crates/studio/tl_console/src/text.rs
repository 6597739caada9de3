//! Words and numbers on the screen. Galleys are cached by egui; a text that stays the same is laid out once.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align, Align2, Color32, FontFamily, FontId, Galley, Pos2, Rect, Ui};

use crate::theme;
use crate::tokens::{dark, size};

/// Which face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Running words.
    Normal,
    /// Emphasis.
    Strong,
    /// Score, clock and other numbers, every digit as wide as the widest.
    Numbers,
}

/// Face, size and colour.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    face: Face,
    points: f32,
    colour: Color32,
}

/// Running words in the size of the body.
pub const BODY: Style = Style { face: Face::Normal, points: size::BODY, colour: dark::TEXT };
/// Small words that stand back.
pub const SMALL: Style = Style { face: Face::Normal, points: size::SMALL, colour: dark::TEXT_MUTED };
/// Small words that stand out.
pub const SMALL_STRONG: Style = Style { face: Face::Strong, points: size::SMALL, colour: dark::TEXT };
/// The name of something.
pub const NAME: Style = Style { face: Face::Strong, points: size::BODY, colour: dark::TEXT };
/// A heading.
pub const TITLE: Style = Style { face: Face::Strong, points: size::TITLE, colour: dark::TEXT };
/// A number beside words.
pub const NUMBER: Style = Style { face: Face::Numbers, points: size::LEAD, colour: dark::TEXT };
/// Score and clock.
pub const BIG_NUMBER: Style = Style { face: Face::Numbers, points: size::TITLE, colour: dark::TEXT };

impl Style {
    /// The same in another colour.
    pub const fn colour(self, colour: Color32) -> Self {
        Self { colour, ..self }
    }

    /// The same in another size.
    pub const fn points(self, points: f32) -> Self {
        Self { points, ..self }
    }

    fn font(self) -> FontId {
        let family = match self.face {
            Face::Normal => FontFamily::Proportional,
            Face::Strong => FontFamily::Name(theme::STRONG.into()),
            Face::Numbers => FontFamily::Name(theme::NUMBERS.into()),
        };
        FontId::new(self.points, family)
    }

    fn format(self) -> TextFormat {
        TextFormat { font_id: self.font(), color: self.colour, valign: Align::Center, ..TextFormat::default() }
    }
}

/// One line, cut with an ellipsis where it is wider than `width` points.
pub fn line(ui: &Ui, text: &str, style: Style, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob { wrap: TextWrapping::truncate_at_width(width.max(1.0)), break_on_newline: false, ..LayoutJob::default() };
    if style.face == Face::Numbers {
        append_tabular(ui, &mut job, text, style);
    } else {
        job.append(text, 0.0, style.format());
    }
    ui.painter().layout_job(job)
}

/// Words that wrap at `width` and end after `rows` lines; each part in its own style.
pub fn wrapped(ui: &Ui, parts: &[(&str, Style)], width: f32, rows: usize) -> Arc<Galley> {
    let wrap = TextWrapping { max_width: width.max(1.0), max_rows: rows, break_anywhere: false, overflow_character: Some('…') };
    let mut job = LayoutJob { wrap, ..LayoutJob::default() };
    for (text, style) in parts {
        job.append(text, 0.0, style.format());
    }
    ui.painter().layout_job(job)
}

/// Words that wrap at `width`, each line in the middle.
pub fn centred(ui: &Ui, text: &str, style: Style, width: f32, rows: usize) -> Arc<Galley> {
    let wrap = TextWrapping { max_width: width.max(1.0), max_rows: rows, break_anywhere: false, overflow_character: Some('…') };
    let mut job = LayoutJob { wrap, halign: Align::Center, ..LayoutJob::default() };
    job.append(text, 0.0, style.format());
    ui.painter().layout_job(job)
}

/// Neither face has figures of one width that egui could switch on, so each digit is set into the middle of a cell.
fn append_tabular(ui: &Ui, job: &mut LayoutJob, text: &str, style: Style) {
    let (font, format) = (style.font(), style.format());
    let mut before = 0.0;
    for c in text.chars() {
        let spare = if c.is_ascii_digit() { ui.fonts_mut(|fonts| fonts.glyph_width(&font, '4') - fonts.glyph_width(&font, c)).max(0.0) } else { 0.0 };
        let mut bytes = [0; 4];
        job.append(c.encode_utf8(&mut bytes), before + spare / 2.0, format.clone());
        before = spare / 2.0;
    }
}

/// Draws a galley at a place of `rect` and gives where it lies.
pub fn put(ui: &Ui, galley: Arc<Galley>, rect: Rect, place: Align2) -> Rect {
    let lies = place.align_size_within_rect(galley.size(), rect);
    // A galley whose lines are centred lies around its origin.
    let origin = lies.min - galley.rect.min.to_vec2();
    ui.painter().galley(Pos2::new(origin.x.round(), origin.y.round()), galley, Color32::PLACEHOLDER);
    lies
}

/// A line at the left of `rect`, in the middle of its height, not wider than it.
pub fn left(ui: &Ui, text: &str, style: Style, rect: Rect) -> Rect {
    put(ui, line(ui, text, style, rect.width()), rect, Align2::LEFT_CENTER)
}

/// A line at the right of `rect`, in the middle of its height, not wider than it.
pub fn right(ui: &Ui, text: &str, style: Style, rect: Rect) -> Rect {
    put(ui, line(ui, text, style, rect.width()), rect, Align2::RIGHT_CENTER)
}

/// A line in the middle of `rect`, not wider than it.
pub fn middle(ui: &Ui, text: &str, style: Style, rect: Rect) -> Rect {
    put(ui, line(ui, text, style, rect.width()), rect, Align2::CENTER_CENTER)
}
