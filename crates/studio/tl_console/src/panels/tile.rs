//! One camera: picture, tally, name, state, sound, network, delay.

use egui::accesskit::Role;
use egui::{Align2, Color32, CursorIcon, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use tl_show::{Action, SourceState};
use tl_wire::{CameraView, Snapshot};

use crate::arrange::{self, FOOT, METER};
use crate::text::{self, Style};
use crate::tokens::{dark, meaning, size, space};
use crate::widgets::{self, FRAME, Tally};
use crate::{Asked, View, words};

/// Draws a camera's tile. A click cuts to it; with Shift, or with the other button, it becomes the next.
pub fn tile_ui(ui: &mut Ui, rect: Rect, foot: f32, camera: &CameraView, show: &Snapshot, view: &View<'_>, asked: &mut Vec<Asked>) {
    let tally = tally_of(camera, show);
    let trouble = words::trouble(camera);
    let response = ui.interact(rect, ui.scope_id().with(("tile", camera.slot)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, tally == Some(Tally::Live), name(camera, tally, &trouble)));
    if response.clicked() && !ui.input(|input| input.modifiers.shift) {
        asked.push(Asked::Command(Action::Cut { slot: camera.slot }));
    } else if response.clicked() || response.secondary_clicked() {
        asked.push(Asked::Command(Action::Preview { slot: camera.slot }));
    }
    let line = match tally {
        Some(tally) => Stroke::new(FRAME, tally.frame()),
        None if response.is_pointer_button_down_on() => Stroke::new(FRAME, dark::LINE_STRONG),
        None if response.hovered() => Stroke::new(1.0, dark::LINE_STRONG),
        None => Stroke::new(1.0, dark::LINE),
    };
    ui.painter().rect_stroke(rect, widgets::CORNERS, line, StrokeKind::Inside);
    let inside = rect.shrink(FRAME);
    let screen = inside.with_max_y(rect.bottom() - foot);
    screen_ui(ui, screen, camera, view, &trouble);
    if let Some(tally) = tally {
        tally.flag(ui, screen.min + vec2(space::S1, space::S1));
    }
    foot_ui(ui, Rect::from_min_max(pos2(inside.left(), screen.bottom()), inside.max), camera, &trouble);
    widgets::focus_ring(ui, &response, rect);
    // No tooltip: it would cover the pictures that a director looks at.
    response.on_hover_cursor(CursorIcon::PointingHand);
}

fn tally_of(camera: &CameraView, show: &Snapshot) -> Option<Tally> {
    if show.program.live == Some(camera.slot) && !show.program.slate {
        Some(Tally::Live)
    } else {
        (show.program.next == Some(camera.slot)).then_some(Tally::Next)
    }
}

/// "Camera 2, Corner, next, gone".
fn name(camera: &CameraView, tally: Option<Tally>, trouble: &str) -> String {
    let mut out = format!("Camera {}", camera.slot);
    let name = words::camera_name(camera);
    for part in [if *name == out { "" } else { &name }, tally.map_or("", Tally::word), trouble] {
        if !part.is_empty() {
            out.push_str(", ");
            out.push_str(part);
        }
    }
    out
}

fn screen_ui(ui: &Ui, screen: Rect, camera: &CameraView, view: &View<'_>, trouble: &str) {
    let texture = view.pictures.cameras.get(&camera.slot).filter(|_| camera.state != SourceState::Empty);
    if let Some(texture) = texture {
        // An old picture is dark: nobody takes it for what is happening.
        let tint = if words::can_show(camera) { Color32::WHITE } else { dark::LINE };
        widgets::picture(ui, *texture, arrange::fit(texture.size, screen.with_max_x(screen.right() - METER)), tint);
    }
    if words::can_show(camera) {
        let meter = Rect::from_min_max(pos2(screen.right() - METER + 3.0, screen.top() + 3.0), screen.max - vec2(3.0, 3.0));
        widgets::meter(ui, meter, camera.level_dbfs, ("level", camera.slot), &format!("Sound of {}", words::camera_name(camera)));
    }
    if !trouble.is_empty() {
        trouble_ui(ui, screen, camera, trouble);
    } else if texture.is_none() {
        text::middle(ui, "No picture yet", text::SMALL, screen.shrink(space::S4));
    }
}

fn trouble_ui(ui: &Ui, screen: Rect, camera: &CameraView, trouble: &str) {
    let alarming = words::is_alarming(camera);
    let (style, mark) = if alarming { (text::SMALL_STRONG.colour(meaning::ATTENTION_TEXT), 24.0) } else { (text::SMALL, 0.0) };
    let room = screen.width() - 40.0 - mark;
    let galley = text::wrapped(ui, &[(trouble, style)], room, 3);
    let mut place = Rect::from_center_size(screen.center(), galley.size() + vec2(mark + 16.0, 10.0));
    if words::can_show(camera) {
        // Where there is something to see, the words stay out of its middle.
        place = place.translate(vec2(0.0, screen.bottom() - space::S1 - place.bottom()));
    }
    if alarming {
        ui.painter().rect_filled(place, widgets::CORNERS, meaning::ATTENTION);
        widgets::triangle(ui, place.left_center() + vec2(16.0, 0.0), meaning::ATTENTION_TEXT, meaning::ATTENTION);
    }
    text::put(ui, galley, place.with_min_x(place.left() + mark + 8.0).with_max_x(place.right() - 8.0), Align2::LEFT_CENTER);
}

/// Number and name, network and delay; on two lines where there is room.
fn foot_ui(ui: &Ui, rect: Rect, camera: &CameraView, trouble: &str) {
    let rect = rect.shrink2(vec2(space::S1 + 2.0, 0.0));
    let tall = rect.height() > FOOT;
    let first = rect.with_max_y(rect.top() + if tall { rect.height() / 2.0 + 1.0 } else { rect.height() });
    let number = text::line(ui, &camera.slot.to_string(), text::NUMBER, 30.0);
    let number = text::put(ui, number, first, Align2::LEFT_CENTER);
    let steps = widgets::steps(ui, pos2(first.right(), first.center().y + 6.0), words::network_steps(camera));
    let mut name_ends = steps.left() - space::S2;
    let (delay, style) = delay(camera);
    if tall {
        let second = rect.with_min_y(first.bottom() - 2.0);
        text::left(ui, &facts(camera, trouble), text::SMALL, second.with_max_x(second.right() - 60.0));
        text::right(ui, &delay, style, second);
    } else if rect.width() >= 190.0 && !delay.is_empty() {
        let delay = text::line(ui, &delay, style, 70.0);
        name_ends = text::put(ui, delay, first.with_max_x(name_ends), Align2::RIGHT_CENTER).left() - space::S2;
    }
    text::left(ui, &words::camera_name(camera), text::SMALL_STRONG, first.with_min_x(number.right() + space::S2).with_max_x(name_ends));
}

/// How far behind it is, or that it is too slow for the show.
fn delay(camera: &CameraView) -> (String, Style) {
    let number = text::NUMBER.points(size::BODY).colour(dark::TEXT_MUTED);
    match &camera.delay_ms {
        Some(_) if words::can_show(camera) && !camera.locked => ("late".into(), text::SMALL_STRONG.colour(meaning::ATTENTION_ON_DARK)),
        Some(delay) if words::can_show(camera) => (format!("{:.0} ms", delay.p95), number),
        _ => (String::new(), number),
    }
}

fn facts(camera: &CameraView, trouble: &str) -> String {
    if !words::can_show(camera) {
        return trouble.to_owned();
    }
    let mut out = camera.size.map_or_else(String::new, |size| format!("{}p", size.short_side()));
    if let Some(fps) = camera.stats.fps {
        out.push_str(&format!(" {fps:.0} fps"));
    }
    out
}
