//! What asks for a person: what the shell has to say, who waits at the door, warnings with their remedies, overload.
//!
//! It takes the room between the other panels of the rail, so that none of them moves when a warning comes or goes.

use std::borrow::Cow;
use std::time::Duration;

use egui::{Align2, Rect, ScrollArea, Ui, UiBuilder, vec2};
use tl_show::Action;
use tl_wire::{JoinRequest, Snapshot, Warning};

use crate::text;
use crate::tokens::{dark, meaning, space};
use crate::widgets::{self, Button, Kind};
use crate::{Asked, words};

/// What there is to say.
#[derive(Clone, Copy, Debug)]
pub struct Notices<'a> {
    /// The show, with its warnings and who waits at the door.
    pub show: &'a Snapshot,
    /// What the shell has to say.
    pub notice: Option<&'a str>,
    /// For how long the studio has said nothing.
    pub silence: Option<Duration>,
}

impl Notices<'_> {
    /// Draws the panel.
    pub fn show(&self, ui: &mut Ui, rect: Rect, asked: &mut Vec<Asked>) {
        widgets::card(ui, rect);
        let (own, load) = (self.own(), words::load(&self.show.load));
        let warnings = own.len() + self.warnings().count() + usize::from(load.is_some());
        let waiting = self.show.joins.len();
        if warnings + waiting == 0 {
            let calm = "All is well";
            text::middle(ui, calm, text::SMALL.colour(dark::TEXT_FAINT), rect);
            return widgets::says(ui, rect, "notices", calm, "");
        }
        let head = rect.with_max_y(rect.top() + 28.0).shrink2(vec2(space::S3, 0.0));
        let heading = heading(warnings, waiting);
        text::left(ui, &heading, text::SMALL_STRONG, head);
        widgets::says(ui, head, "notices", &heading, "");
        let list = rect.with_min_y(head.bottom()).shrink2(vec2(space::S2, 0.0)).with_max_y(rect.bottom() - space::S1);
        let mut list = ui.new_child(UiBuilder::new().id_salt("notices list").max_rect(list));
        ScrollArea::vertical().id_salt("notices").auto_shrink(false).show(&mut list, |ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, space::S1);
            // One after the other: a crowd at the door must not push the warnings out of sight.
            if let Some(request) = self.show.joins.first() {
                waiting_ui(ui, request, self.show, asked);
            }
            for (message, remedy) in &own {
                card(ui, message, remedy);
            }
            for warning in self.warnings() {
                card(ui, &warning.message, &warning.remedy);
            }
            if let Some((message, remedy)) = &load {
                card(ui, message, remedy);
            }
        });
    }

    /// The studio's warnings. That of an overload is left out: what viewers see of it is said by [`words::load`].
    fn warnings(&self) -> impl Iterator<Item = &Warning> {
        let told = self.show.load.level > 0;
        self.show.warnings.iter().filter(move |warning| !(told && warning.message.starts_with("This computer is too busy")))
    }

    /// What only the window knows, with what to do.
    fn own(&self) -> Vec<(Cow<'_, str>, String)> {
        let silent = self.silence.map(|silence| {
            let message = format!("The studio has said nothing for {} s. The programme goes on by itself.", silence.as_secs());
            (Cow::Owned(message), "What you see here is old. If it stays so, start Touchline again: the session goes on.".to_owned())
        });
        let notice = self.notice.map(|notice| (Cow::Borrowed(notice), String::new()));
        [silent, notice].into_iter().flatten().collect()
    }
}

fn heading(warnings: usize, waiting: usize) -> String {
    let warnings = match warnings {
        0 => String::new(),
        1 => "1 warning".into(),
        _ => format!("{warnings} warnings"),
    };
    match (waiting, warnings.is_empty()) {
        (0, _) => warnings,
        (_, true) => format!("{waiting} at the door"),
        (_, false) => format!("{waiting} at the door, {warnings}"),
    }
}

/// What it means, then what to do.
fn card(ui: &mut Ui, message: &str, remedy: &str) {
    let width = ui.available_width();
    let galley =
        text::wrapped(ui, &[(message, text::SMALL_STRONG), (if remedy.is_empty() { "" } else { " " }, text::SMALL), (remedy, text::SMALL)], width - 44.0, 8);
    let (rect, response) = ui.allocate_exact_size(vec2(width, galley.size().y + 12.0), egui::Sense::hover());
    frame(ui, rect);
    widgets::triangle(ui, rect.left_top() + vec2(20.0, 15.0), meaning::ATTENTION, meaning::ATTENTION_TEXT);
    text::put(ui, galley, rect.with_min_x(rect.left() + 36.0), Align2::LEFT_CENTER);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Alert, true, format!("{message} {remedy}")));
}

fn frame(ui: &Ui, rect: Rect) {
    widgets::card(ui, rect);
    ui.painter().rect_filled(rect.with_max_x(rect.left() + 4.0), 0.0, meaning::ATTENTION);
}

/// Somebody with the crew code: the number that their phone shows too, and whether they may come in.
fn waiting_ui(ui: &mut Ui, request: &JoinRequest, show: &Snapshot, asked: &mut Vec<Asked>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 72.0), egui::Sense::hover());
    frame(ui, rect);
    let inside = rect.shrink2(vec2(space::S3, space::S1));
    let who = inside.with_max_y(inside.top() + 26.0);
    let digits = request.digits.split_at_checked(3).map_or_else(|| request.digits.clone(), |(first, second)| format!("{first} {second}"));
    let number = text::put(ui, text::line(ui, &digits, text::BIG_NUMBER, 90.0), who, Align2::RIGHT_CENTER);
    let name = if request.name.is_empty() { "Somebody" } else { &request.name };
    text::left(ui, name, text::SMALL_STRONG, who.with_max_x(number.left() - space::S2));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Alert, true, format!("{name} waits to come in, number {digits}")));
    let (let_in, refuse) = inside.with_min_y(who.bottom() + 2.0).split_left_right_at_fraction(0.62);
    let place = words::free_place(show);
    let words = place.map_or_else(|| "No place free".to_owned(), |place| format!("Let in at {place}"));
    let says = format!("Let {name} in");
    let button = Button { kind: Kind::Primary, says: &says, enabled: place.is_some(), ..Button::new(&words) };
    if button.show(ui, let_in.with_max_x(let_in.right() - space::S1), ("let in", &request.id))
        && let Some(slot) = place
    {
        asked.push(Asked::Command(Action::AdmitPhone { request: request.id.clone(), slot }));
    }
    let says = format!("Send {name} away");
    if (Button { says: &says, ..Button::new("Send away") }).show(ui, refuse, ("refuse", &request.id)) {
        asked.push(Asked::Command(Action::RefusePhone { request: request.id.clone() }));
    }
}
