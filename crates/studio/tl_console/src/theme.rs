//! How egui is dressed: the house's fonts, and its tokens where a stock widget is used (tooltip, scroll bar).

use std::sync::Arc;

use egui::{CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Shadow, Stroke, TextStyle, Vec2};

use crate::tokens::{dark, motion, radius, size, space};

/// Family of emphasis: Inter SemiBold.
pub const STRONG: &str = "strong";
/// Family of score, clock and big numbers: Barlow Condensed SemiBold.
pub const NUMBERS: &str = "numbers";

const INTER: &[u8] = include_bytes!("../../../../assets/fonts/Inter-Regular.ttf");
const INTER_STRONG: &[u8] = include_bytes!("../../../../assets/fonts/Inter-SemiBold.ttf");
const BARLOW: &[u8] = include_bytes!("../../../../assets/fonts/BarlowCondensed-SemiBold.ttf");

/// What the shell clears the window to before it paints the console.
pub fn ground() -> egui::Color32 {
    dark::GROUND
}

/// Dresses a context. Its own zoom keys are switched off: Ctrl and plus belong to the show's keys or to nobody.
pub fn dress(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.set_theme(egui::Theme::Dark);
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
    ctx.style_mut_of(egui::Theme::Dark, style);
    // Soft edges double the triangles, and lines on whole points do not need them; text and discs are soft by themselves.
    ctx.tessellation_options_mut(|options| options.feathering = false);
}

fn fonts() -> FontDefinitions {
    let named = |name: &str, bytes: &'static [u8]| (name.to_owned(), Arc::new(FontData::from_static(bytes)));
    let family = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    FontDefinitions {
        font_data: [named("inter", INTER), named("inter-strong", INTER_STRONG), named("barlow", BARLOW)].into(),
        families: [
            (FontFamily::Proportional, family(&["inter"])),
            (FontFamily::Monospace, family(&["inter"])),
            (FontFamily::Name(STRONG.into()), family(&["inter-strong"])),
            // What the condensed face lacks comes from the other.
            (FontFamily::Name(NUMBERS.into()), family(&["barlow", "inter-strong"])),
        ]
        .into(),
    }
}

fn style(style: &mut egui::Style) {
    let font = |points| FontId::new(points, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, font(size::SMALL)),
        (TextStyle::Body, font(size::BODY)),
        (TextStyle::Button, font(size::BODY)),
        (TextStyle::Monospace, font(size::BODY)),
        (TextStyle::Heading, font(size::TITLE)),
    ]
    .into();
    style.animation_time = motion::FAST_MS;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.spacing.item_spacing = Vec2::splat(space::S2);
    let visuals = &mut style.visuals;
    (visuals.panel_fill, visuals.window_fill, visuals.extreme_bg_color, visuals.faint_bg_color) = (dark::GROUND, dark::RAISED, dark::SURFACE, dark::SURFACE);
    visuals.override_text_color = Some(dark::TEXT);
    visuals.hyperlink_color = dark::LINK;
    visuals.window_stroke = Stroke::new(1.0, dark::LINE);
    visuals.selection.bg_fill = dark::PRESS;
    // One blurred shadow costs the software driver more than all the text.
    (visuals.window_shadow, visuals.popup_shadow) = (Shadow::NONE, Shadow::NONE);
    (visuals.window_corner_radius, visuals.menu_corner_radius) = (CornerRadius::same(radius::NORMAL), CornerRadius::same(radius::NORMAL));
    for widget in [&mut visuals.widgets.inactive, &mut visuals.widgets.hovered, &mut visuals.widgets.active, &mut visuals.widgets.open] {
        (widget.bg_fill, widget.weak_bg_fill, widget.expansion) = (dark::LINE_STRONG, dark::OVERLAY, 0.0);
        widget.bg_stroke = Stroke::NONE;
    }
}
