//! The few things that the console is made of: buttons, flags, meters, cards. Each has a name for those who do not see it.

use egui::accesskit::Role;
use egui::{Align2, Color32, CornerRadius, CursorIcon, Id, Mesh, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::Texture;
use crate::text::{self, Style};
use crate::tokens::{dark, meaning, radius, space};

/// Corners of everything.
pub const CORNERS: CornerRadius = CornerRadius::same(radius::NORMAL);
/// Thickness of a frame that says live or next, points.
pub const FRAME: f32 = 3.0;
/// Level from which a meter is amber, dBFS: above it a shout clips.
const HOT_DBFS: f32 = -3.0;
/// Lowest level that a meter shows, dBFS.
const LOWEST_DBFS: f32 = -60.0;

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one that is pressed most.
    Primary,
    /// Any other.
    Plain,
    /// Of several, the chosen one.
    Chosen,
    /// What it switches on is on air.
    OnAir,
}

/// A button with its words, and what a screen reader says of it.
#[derive(Clone, Copy, Debug)]
pub struct Button<'a> {
    /// Words on it.
    pub words: &'a str,
    /// Words for a screen reader.
    pub says: &'a str,
    /// How it looks.
    pub kind: Kind,
    /// Whether it can be pressed.
    pub enabled: bool,
    /// Style of the words; their colour is the button's.
    pub style: Style,
}

impl<'a> Button<'a> {
    /// An ordinary button that says what is written on it.
    pub const fn new(words: &'a str) -> Self {
        Self { words, says: words, kind: Kind::Plain, enabled: true, style: text::SMALL_STRONG }
    }

    /// Draws it and tells whether it was pressed.
    pub fn show(self, ui: &Ui, rect: Rect, id: impl egui::AsIdSalt) -> bool {
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, ui.scope_id().with(id), sense);
        let chosen = matches!(self.kind, Kind::Chosen | Kind::OnAir);
        response.widget_info(|| WidgetInfo::selected(Role::Button, self.enabled, chosen, self.says));
        let (fill, words, line) = self.colours(&response);
        ui.painter().rect(rect, CORNERS, fill, line, StrokeKind::Inside);
        text::middle(ui, self.words, self.style.colour(words), rect.shrink2(vec2(space::S1, 0.0)));
        focus_ring(ui, &response, rect);
        if self.enabled { response.on_hover_cursor(CursorIcon::PointingHand).clicked() } else { false }
    }

    fn colours(&self, response: &Response) -> (Color32, Color32, Stroke) {
        let plain = Stroke::new(1.0, dark::LINE);
        if !self.enabled {
            return (dark::SURFACE, dark::TEXT_FAINT, plain);
        }
        let (down, over) = (response.is_pointer_button_down_on(), response.hovered());
        match self.kind {
            Kind::Primary if down => (dark::PRESS_ACTIVE, dark::PRESS_TEXT, Stroke::NONE),
            Kind::Primary if over => (dark::PRESS_HOVER, dark::PRESS_TEXT, Stroke::NONE),
            Kind::Primary => (dark::PRESS, dark::PRESS_TEXT, Stroke::NONE),
            Kind::OnAir => (meaning::ON_AIR, meaning::ON_AIR_TEXT, Stroke::NONE),
            Kind::Chosen => (dark::OVERLAY, dark::TEXT, Stroke::new(2.0, dark::LINK)),
            Kind::Plain if down => (dark::GROUND, dark::TEXT, Stroke::new(1.0, dark::LINE_STRONG)),
            Kind::Plain if over => (dark::OVERLAY, dark::TEXT, Stroke::new(1.0, dark::LINE_STRONG)),
            Kind::Plain => (dark::RAISED, dark::TEXT, plain),
        }
    }
}

/// Shows where the keyboard is.
pub fn focus_ring(ui: &Ui, response: &Response, rect: Rect) {
    if response.has_focus() {
        ui.painter().rect_stroke(rect, CORNERS, Stroke::new(2.0, dark::FOCUS), StrokeKind::Inside);
    }
}

/// A line around a group of things that belong together. It is not filled: on the software driver a filled pixel costs about as
/// much as a pixel of a picture, and the shell has cleared the window to the ground already.
pub fn card(ui: &Ui, rect: Rect) {
    outline(ui, rect, dark::LINE);
}

/// A thin line around something.
pub fn outline(ui: &Ui, rect: Rect, colour: Color32) {
    ui.painter().rect_stroke(rect, CORNERS, Stroke::new(1.0, colour), StrokeKind::Inside);
}

/// Tells a screen reader what is drawn at a place, and shows `more` to who rests the pointer there.
pub fn says(ui: &Ui, rect: Rect, id: impl egui::AsIdSalt, words: &str, more: &str) {
    let response = ui.interact(rect, ui.scope_id().with(id), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    if !more.is_empty() {
        response.on_hover_text(more);
    }
}

/// A picture without bars, four corners of one mesh.
pub fn picture(ui: &Ui, texture: Texture, rect: Rect, tint: Color32) {
    let mut mesh = Mesh::with_texture(texture.id);
    mesh.add_rect_with_uv(rect, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), tint);
    ui.painter().add(Shape::mesh(mesh));
}

/// On air or next, by shape, word and colour: a filled flag with a dot, or an outlined one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// On air.
    Live,
    /// Next.
    Next,
}

impl Tally {
    /// Colour of its frame.
    pub fn frame(self) -> Color32 {
        match self {
            Self::Live => meaning::ON_AIR,
            Self::Next => meaning::NEXT,
        }
    }

    /// The word for a screen reader.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Next => "next",
        }
    }

    /// Draws the flag with its top left corner at a place and gives its rectangle.
    pub fn flag(self, ui: &Ui, at: egui::Pos2) -> Rect {
        match self {
            Self::Live => {
                let words = text::line(ui, "LIVE", text::SMALL_STRONG.colour(meaning::ON_AIR_TEXT), 80.0);
                let rect = Rect::from_min_size(at, vec2(words.size().x + 28.0, 22.0));
                ui.painter().rect_filled(rect, CORNERS, meaning::ON_AIR);
                ui.painter().circle_filled(rect.left_center() + vec2(12.0, 0.0), 4.0, meaning::ON_AIR_TEXT);
                text::put(ui, words, rect.with_min_x(rect.left() + 20.0), Align2::LEFT_CENTER);
                rect
            }
            Self::Next => {
                let words = text::line(ui, "NEXT", text::SMALL_STRONG.colour(meaning::NEXT_ON_DARK), 80.0);
                let rect = Rect::from_min_size(at, vec2(words.size().x + 16.0, 22.0));
                // Filled, for it lies over a picture.
                ui.painter().rect(rect, CORNERS, dark::GROUND, Stroke::new(2.0, meaning::NEXT_ON_DARK), StrokeKind::Inside);
                text::put(ui, words, rect, Align2::CENTER_CENTER);
                rect
            }
        }
    }
}

/// The triangle that asks for attention, in the middle of a place.
pub fn triangle(ui: &Ui, center: egui::Pos2, colour: Color32, mark: Color32) {
    let corner = |x: f32, y: f32| center + vec2(x, y);
    ui.painter().add(Shape::convex_polygon(vec![corner(0.0, -7.0), corner(8.0, 7.0), corner(-8.0, 7.0)], colour, Stroke::NONE));
    ui.painter().rect_filled(Rect::from_min_max(corner(-1.0, -2.5), corner(1.0, 2.5)), 0.0, mark);
    ui.painter().rect_filled(Rect::from_min_max(corner(-1.0, 3.5), corner(1.0, 5.5)), 0.0, mark);
}

/// How much of a meter a level fills, 0 to 1.
fn share(dbfs: f32) -> f32 {
    if dbfs.is_finite() { ((dbfs - LOWEST_DBFS) / -LOWEST_DBFS).clamp(0.0, 1.0) } else { 0.0 }
}

/// A level from -60 to 0 dBFS, upright where the place is higher than wide; what is above -3 is amber, and wider.
pub fn meter(ui: &Ui, rect: Rect, dbfs: Option<f32>, id: impl egui::AsIdSalt, label: &str) {
    let level = dbfs.unwrap_or(LOWEST_DBFS);
    let upright = rect.height() > rect.width();
    let part = |from: f32, to: f32| {
        if upright {
            Rect::from_min_max(pos2(rect.left(), rect.bottom() - rect.height() * to), pos2(rect.right(), rect.bottom() - rect.height() * from))
        } else {
            Rect::from_min_max(pos2(rect.left() + rect.width() * from, rect.top()), pos2(rect.left() + rect.width() * to, rect.bottom()))
        }
    };
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, dark::OVERLAY);
    let (filled, hot) = (share(level), share(HOT_DBFS));
    if filled > 0.0 {
        painter.rect_filled(part(0.0, filled.min(hot)), 0.0, dark::TEXT_MUTED);
    }
    if filled > hot {
        painter.rect_filled(part(hot, filled), 0.0, meaning::ATTENTION);
    }
    // The limit is a notch, so that amber is not the only sign of it.
    painter.rect_filled(part(hot - 0.004, hot + 0.004), 0.0, dark::GROUND);
    let id: Id = ui.scope_id().with(id);
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo { value: Some(f64::from(level.max(LOWEST_DBFS).round())), ..WidgetInfo::labeled(Role::Meter, true, label) });
}

/// A network in four steps.
pub fn steps(ui: &Ui, right_bottom: egui::Pos2, steps: u8) -> Rect {
    let rect = Rect::from_min_max(right_bottom - vec2(18.0, 12.0), right_bottom);
    for step in 0..4_u8 {
        let (left, height) = (rect.left() + f32::from(step) * 5.0, 3.0 + f32::from(step) * 3.0);
        let bar = Rect::from_min_max(pos2(left, rect.bottom() - height), pos2(left + 3.0, rect.bottom()));
        ui.painter().rect_filled(bar, 0.0, if step < steps { dark::TEXT_MUTED } else { dark::LINE });
    }
    rect
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_fills_between_its_ends() {
        assert_eq!(
            [share(-60.0), share(-30.0), share(0.0), share(6.0), share(-120.0), share(f32::NEG_INFINITY), share(f32::NAN)],
            [0.0, 0.5, 1.0, 1.0, 0.0, 0.0, 0.0]
        );
    }
}
