//! The whole console.

use std::time::Duration;

use egui::{CursorIcon, Rect, Sense, Stroke, Ui, UiBuilder, pos2, vec2};
use tl_base::MediaTime;
use tl_show::SourceState;
use tl_wire::{SessionState, Snapshot};

use crate::arrange::{self, Arranged, GAP};
use crate::code::Code;
use crate::keys::{Press, Pressed};
use crate::panels::notices::Notices;
use crate::panels::{bottom, cut, door, game, help, pair, question, records, sound, starting, strip, tiles};
use crate::tokens::dark;
use crate::{Asked, Layout, View, theme};

/// Rails that are lower than this leave out what stands elsewhere too (recordings) or is seldom set (lengths), points.
const SHORT_RAIL: f32 = 560.0;
/// Snapshots come five times a second; who hears none for this long is told that what he sees is old.
const SILENCE: Duration = Duration::from_secs(3);

/// All state of the look. It belongs to the thread that draws the window.
#[derive(Debug)]
pub struct Console {
    layout: Layout,
    help: bool,
    code: Code,
    heard: Heard,
}

/// When the studio last said something new.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    media_time: MediaTime,
    at: Duration,
}

impl Heard {
    /// For how long it has said nothing; none while it speaks.
    fn silence(&mut self, show: &Snapshot, now: Duration) -> Option<Duration> {
        if self.media_time != show.media_time || self.at > now {
            *self = Self { media_time: show.media_time, at: now };
        }
        let silence = now - self.at;
        (show.state == SessionState::Running && silence >= SILENCE).then_some(silence)
    }
}

impl Console {
    /// Dresses `ctx` (fonts, theme) and arranges the console as it was left. Once for each context.
    pub fn new(ctx: &egui::Context, layout: Layout) -> Self {
        theme::dress(ctx);
        Self { layout, help: false, code: Code::default(), heard: Heard::default() }
    }

    /// Draws one frame into the whole of `ui` (what `egui::Context::run_ui` hands out) and gives what the person asked for, in
    /// order. The shell clears the window to [`ground`](crate::ground) before it paints. It takes about a millisecond and waits for
    /// nothing.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>) -> Vec<Asked> {
        let mut asked = Vec::new();
        self.keys(ui, view, &mut asked);
        let (window, from_keys, covered) = (ui.content_rect(), asked.len(), self.help || view.asking_to_close);
        let ui = &mut ui.new_child(UiBuilder::new().id_salt("console").max_rect(window));
        ui.set_clip_rect(window);
        let places = view.snapshot.map_or(0, |show| tiles::placed(&show.cameras).len());
        let places = arrange::arrange(window, &self.layout, arrange::places(places));
        match view.snapshot {
            Some(show) => self.show_ui(ui, &places, show, view, &mut asked),
            None => starting::starting_ui(ui, window.with_max_y(places.keys.top()), view.notice),
        }
        let keys_wanted = bottom::bottom_ui(ui, places.keys, view, &mut asked);
        if covered {
            // The keyboard still reaches what lies behind; it does nothing there.
            asked.truncate(from_keys);
        }
        if view.asking_to_close {
            question::question_ui(ui, window, view.snapshot, &mut asked);
        } else if self.help {
            self.help = !help::help_ui(ui, window);
        } else {
            self.help = keys_wanted;
        }
        asked
    }

    /// What to remember; cheap, so that the shell may compare it now and then.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn show_ui(&mut self, ui: &mut Ui, places: &Arranged, show: &Snapshot, view: &View<'_>, asked: &mut Vec<Asked>) {
        strip::strip_ui(ui, places.strip, show);
        if show.cameras.iter().all(|camera| camera.state == SourceState::Empty) {
            door::large_ui(ui, places.stage, view.join, &mut self.code, asked);
        } else {
            pair::pair_ui(ui, places, show, view);
            tiles::tiles_ui(ui, &places.grid, show, view, &mut self.code, asked);
            self.drag_ui(ui, places);
        }
        let silence = self.heard.silence(show, view.now);
        rail_ui(ui, places.rail, show, &Notices { show, notice: view.notice, silence }, asked);
    }

    /// The gaps between the parts can be dragged; a double click gives them back to the console.
    fn drag_ui(&mut self, ui: &Ui, places: &Arranged) {
        let across = Rect::from_min_max(pos2(places.stage.left(), places.grid.rect.top() - GAP), pos2(places.stage.right(), places.grid.rect.top()));
        let response = ui.interact(across, ui.scope_id().with("share"), Sense::click_and_drag()).on_hover_cursor(CursorIcon::ResizeVertical);
        if response.double_clicked() {
            self.layout.tiles_share = None;
        } else if response.dragged()
            && let Some(at) = response.interact_pointer_pos()
        {
            self.layout.tiles_share = Some(((places.stage.bottom() - at.y) / places.stage.height()).clamp(0.2, 0.7));
        }
        if response.hovered() || response.dragged() {
            ui.painter().hline(across.x_range(), across.center().y, Stroke::new(2.0, dark::LINE_STRONG));
        }
        let down = places.rail.with_min_x(places.rail.left() - GAP).with_max_x(places.rail.left());
        let response = ui.interact(down, ui.scope_id().with("rail"), Sense::click_and_drag()).on_hover_cursor(CursorIcon::ResizeHorizontal);
        if response.double_clicked() {
            self.layout.rail_points = Layout::default().rail_points;
        } else if response.dragged()
            && let Some(at) = response.interact_pointer_pos()
        {
            self.layout.rail_points = (places.rail.right() - at.x).clamp(*arrange::RAIL.start(), *arrange::RAIL.end());
        }
        if response.hovered() || response.dragged() {
            ui.painter().vline(down.center().x, down.y_range(), Stroke::new(2.0, dark::LINE_STRONG));
        }
    }

    fn keys(&mut self, ui: &Ui, view: &View<'_>, asked: &mut Vec<Asked>) {
        if ui.ctx().text_edit_focused() {
            return;
        }
        let on_button = ui.memory(|memory| memory.focused().is_some());
        let pressed: Vec<Press> = ui.input(|input| input.events.iter().filter_map(Press::of).collect());
        for press in pressed {
            if on_button && press.presses_button() {
                continue;
            }
            match press.asks(view.snapshot) {
                Some(Pressed::Back) if view.asking_to_close => asked.push(Asked::StayOpen),
                Some(Pressed::Back) if self.help => self.help = false,
                Some(Pressed::Back) if view.full_screen => asked.push(Asked::FullScreen(false)),
                Some(Pressed::FullScreen) => asked.push(Asked::FullScreen(!view.full_screen)),
                Some(Pressed::Help) if !view.asking_to_close => self.help = !self.help,
                // Whoever reads the list or is asked something does not direct.
                Some(Pressed::Act(action)) if !view.asking_to_close && !self.help => asked.push(Asked::Command(action)),
                _ => {}
            }
        }
    }
}

/// Cut on top, the others at the bottom, and what asks for a person in the room between: nothing moves when a warning comes.
fn rail_ui(ui: &mut Ui, rail: Rect, show: &Snapshot, notices: &Notices<'_>, asked: &mut Vec<Asked>) {
    let from_top = |height: f32| rail.with_max_y(rail.top() + height);
    let cut = from_top(cut::height(rail.height() < SHORT_RAIL));
    cut::cut_ui(ui, cut, show, asked);
    let short = rail.height() < SHORT_RAIL;
    let mut bottom = rail.bottom();
    let mut from_bottom = |height: f32| {
        let place = Rect::from_min_size(pos2(rail.left(), bottom - height), vec2(rail.width(), height));
        bottom -= height + GAP;
        place
    };
    if !short {
        records::records_ui(ui, from_bottom(records::HEIGHT), show);
    }
    sound::sound_ui(ui, from_bottom(sound::HEIGHT), show);
    let game = from_bottom(game::HEIGHT);
    game::game_ui(ui, game, show, asked);
    notices.show(ui, Rect::from_min_max(pos2(rail.left(), cut.bottom() + GAP), pos2(rail.right(), game.top() - GAP)), asked);
}
