//! The multiview window's own thread: input in, frames out.
//!
//! It drives itself, since the window system's loop sleeps when nothing happens: a frame 10 to 20 times a second, none while the window is
//! minimised. What a person does is acted upon at once, between frames. It waits for nothing but its own queue, and for the display server
//! while a picture is handed over; nobody waits for it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_base::Size;
use tl_base::queue::{Received, Receiver};
use tl_cli::usage::say;
use tl_console::{Asked, Console, Join, Pictures, View, egui};
use tl_gpu::{Paint, Painted};
use tl_studio::{Answer, Multiview};
use tl_wire::{Outcome, SessionState, Snapshot};

use crate::input;
use crate::pace::{FASTEST, Pace, STILL};
use crate::painter::Painter;
use crate::pictures;
use crate::present::{Handles, Screen};
use crate::reader::Reader;
use crate::remembered::{Place, Remembered};
use crate::shell::Shell;
use crate::told::{Finished, Teller, Told};

/// A sentence stays this long.
const NOTICE: Duration = Duration::from_secs(8);
/// While it is minimised, or waits for a picture, the thread looks this often.
const LOOK: Duration = Duration::from_millis(250);
/// So many pictures in a row are lost, and no more are expected.
const GIVE_UP: u32 = 20;
/// A window that panicked begins anew so many times.
const BEGIN_AGAIN: u32 = 3;
/// What is remembered is written this often at most.
const KEEP: Duration = Duration::from_secs(3);
/// How a phone joins is asked this often: the code may be renewed.
const JOIN: Duration = Duration::from_secs(2);
/// Figures are logged this often.
const TELL: Duration = Duration::from_secs(5);

/// Starts the thread.
pub fn start(
    shell: Arc<Shell>,
    handles: Handles,
    size: Size,
    scale: f64,
    remembered: Remembered,
    told: Receiver<Told>,
    teller: &Teller,
) -> std::io::Result<JoinHandle<()>> {
    let home = Home { shell, told, teller: teller.clone(), remembered, size: Cell::new(size), scale: Cell::new(scale as f32), studio: RefCell::default() };
    std::thread::Builder::new().name("window".into()).spawn(move || home.run(&handles))
}

/// What stays when the window has to begin anew.
struct Home {
    shell: Arc<Shell>,
    told: Receiver<Told>,
    teller: Teller,
    remembered: Remembered,
    size: Cell<Size>,
    scale: Cell<f32>,
    studio: RefCell<Option<Multiview>>,
}

impl Home {
    fn run(&self, handles: &Handles) {
        for _ in 0..=BEGIN_AGAIN {
            let ran = catch_unwind(AssertUnwindSafe(|| Screen::open(handles).map(|screen| Window::new(self, screen).run())));
            match ran {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    say(&format!("No window: {error}. The show goes on without it; use the control page."));
                    return self.shell.leave();
                }
                // The panic itself was told in the log.
                Err(_) => say("The window failed and begins anew. The show is not affected."),
            }
        }
        say("No window: it failed again and again. The show goes on without it; use the control page.");
        self.shell.leave();
    }
}

struct Window<'a> {
    home: &'a Home,
    shell: Arc<Shell>,
    screen: Screen,
    finished: Finished,
    ctx: egui::Context,
    console: Console,
    reader: Reader,
    painter: Painter,
    studio: Option<Multiview>,
    snapshot: Option<Arc<Snapshot>>,
    pictures: Pictures,
    join: Option<Join>,
    join_asked: Option<Instant>,
    answers: Vec<Answer>,
    notice: Option<(String, Instant)>,
    asking_to_close: bool,
    remembered: Remembered,
    kept: (Remembered, Instant),
    events: Vec<egui::Event>,
    /// An input among `events` must be acted upon now.
    urgent: bool,
    size: Size,
    scale: f32,
    focused: bool,
    minimised: bool,
    /// It may be elsewhere, or have another state, than was seen last.
    moved: bool,
    full_screen: bool,
    shapes: Option<(Vec<egui::epaint::ClippedShape>, f32)>,
    cursor: egui::CursorIcon,
    began: Instant,
    /// A picture is being painted since then.
    painting: Option<Instant>,
    next: Instant,
    pace: Pace,
    figures: Figures,
    firsts: Firsts,
    /// Pictures that were not shown, one after the other.
    lost: u32,
    /// The control page is to be opened (behind the multiview?), and could not be yet.
    desk_wanted: Option<bool>,
    stop: bool,
}

/// What is logged from time to time.
struct Figures {
    since: Instant,
    shown: u32,
    waited: Duration,
    took: Duration,
    showing: Duration,
}

/// Which first pictures were told of in the log.
#[derive(Default)]
struct Firsts {
    console: bool,
    camera: bool,
}

impl Firsts {
    fn note(&mut self, with_cameras: bool) {
        if !std::mem::replace(&mut self.console, true) {
            tracing::debug!("window: the first picture is shown");
        }
        if with_cameras && !std::mem::replace(&mut self.camera, true) {
            tracing::debug!("window: the first picture with a camera is shown");
        }
    }
}

impl Figures {
    fn new() -> Self {
        Self { since: Instant::now(), shown: 0, waited: Duration::ZERO, took: Duration::ZERO, showing: Duration::ZERO }
    }
}

impl<'a> Window<'a> {
    fn new(home: &'a Home, screen: Screen) -> Self {
        let (remembered, studio) = (home.remembered.clone(), home.studio.borrow().clone());
        let ctx = egui::Context::default();
        let console = Console::new(&ctx, remembered.console.clone());
        let now = Instant::now();
        Self {
            home,
            shell: Arc::clone(&home.shell),
            screen,
            finished: home.teller.finished(),
            ctx,
            console,
            reader: Reader::new(home.teller.clone()),
            painter: Painter::default(),
            studio,
            snapshot: None,
            pictures: Pictures::default(),
            join: None,
            join_asked: None,
            answers: Vec::new(),
            notice: None,
            asking_to_close: false,
            full_screen: remembered.full_screen,
            kept: (remembered.clone(), now),
            remembered,
            events: Vec::new(),
            urgent: false,
            size: home.size.get(),
            scale: home.scale.get(),
            focused: true,
            minimised: false,
            moved: false,
            shapes: None,
            cursor: egui::CursorIcon::Default,
            began: now,
            painting: None,
            next: now,
            pace: Pace::default(),
            figures: Figures::new(),
            firsts: Firsts::default(),
            lost: 0,
            desk_wanted: None,
            stop: false,
        }
    }

    fn run(mut self) {
        while !self.stop {
            match self.home.told.recv_timeout(self.patience()) {
                Received::Item(told) => {
                    self.hear(told);
                    while let Some(told) = self.home.told.try_recv() {
                        self.hear(told);
                    }
                    // Once for however many messages: each look asks the main thread.
                    if std::mem::take(&mut self.moved) && !self.stop {
                        self.look_at_window();
                    }
                }
                // The window system may tell of a window's return before it knows it itself.
                Received::TimedOut if self.minimised => self.look_at_window(),
                Received::TimedOut => {}
                Received::Closed => break,
            }
            if let Some(painted) = self.finished.take() {
                self.painted(painted);
            }
            if std::mem::take(&mut self.urgent) {
                self.pass();
            }
            if self.is_seen() && self.painting.is_none() && Instant::now() >= self.next {
                self.frame();
            }
            self.take_answers();
            self.keep(false);
        }
        if let Some(studio) = &self.studio {
            studio.look(false);
        }
        self.keep(true);
    }

    fn patience(&self) -> Duration {
        if self.painting.is_some() || !self.is_seen() { LOOK } else { self.next.saturating_duration_since(Instant::now()) }
    }

    fn is_seen(&self) -> bool {
        !self.minimised && self.studio.is_some() && self.size.width > 0 && self.size.height > 0
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Input(events) => {
                self.next = self.next.min(Instant::now() + FASTEST);
                for event in events {
                    if let egui::Event::WindowFocused(focused) = event {
                        self.focused = focused;
                        self.reader.focus(focused);
                    }
                    self.urgent |= input::is_urgent(&event);
                    // Only where the pointer is now counts.
                    if matches!((&event, self.events.last()), (egui::Event::PointerMoved(_), Some(egui::Event::PointerMoved(_)))) {
                        self.events.pop();
                    }
                    self.events.push(event);
                }
            }
            Told::Resized(width, height) => {
                self.size = Size::new(width, height);
                self.home.size.set(self.size);
            }
            Told::Scale(scale) => {
                self.scale = scale as f32;
                self.home.scale.set(self.scale);
            }
            Told::LookAtWindow => self.moved = true,
            Told::CloseAsked => self.close_asked(),
            Told::Studio(studio) => {
                studio.look(true);
                *self.home.studio.borrow_mut() = Some(studio.clone());
                self.studio = Some(studio);
                self.next = Instant::now();
                if self.remembered.desk_open {
                    self.open_desk(true);
                }
            }
            Told::DeskDied => self.say("The control page stopped; open it again from here. The show is not affected.".into()),
            Told::Desk(open) => self.remembered.desk_open = open,
            Told::Notice(notice) => self.say(notice),
            Told::Stop => self.stop = true,
        }
    }

    fn say(&mut self, notice: String) {
        self.notice = Some((notice, Instant::now()));
    }

    fn look_at_window(&mut self) {
        let state = self.shell.state();
        if self.minimised != state.minimised {
            self.minimised = state.minimised;
            self.next = Instant::now();
            if let Some(studio) = &self.studio {
                studio.look(!state.minimised);
            }
        }
        if let Some(bounds) = state.bounds {
            self.reader.place(bounds);
        }
        self.full_screen = state.full_screen;
        self.remembered.full_screen = state.full_screen;
        if let Some(place) = state.place.filter(|_| !state.full_screen && !state.minimised) {
            // A maximised window comes back to the size that it had before.
            self.remembered.multiview = if place.maximised { Place { maximised: true, ..self.remembered.multiview } } else { place };
        }
    }

    fn close_asked(&mut self) {
        let on_air = self.snapshot_now().is_some_and(|snapshot| is_on_air(&snapshot));
        // Where the question cannot be seen, asking twice is the answer.
        let unseen = self.lost >= GIVE_UP && self.asking_to_close;
        if !on_air || unseen {
            return self.shell.close();
        }
        self.asking_to_close = true;
        self.urgent = true;
        self.shell.to_front();
    }

    fn snapshot_now(&self) -> Option<Arc<Snapshot>> {
        self.studio.as_ref().map(Multiview::snapshot)
    }

    /// Runs the console once over what came in.
    fn pass(&mut self) {
        self.snapshot = self.snapshot_now();
        let now = Instant::now();
        if self.notice.as_ref().is_some_and(|(_, since)| now.duration_since(*since) > NOTICE) {
            self.notice = None;
        }
        if self.join_asked.is_none_or(|asked| now.duration_since(asked) > JOIN) {
            self.join_asked = Some(now);
            let joining = self.studio.as_ref().and_then(Multiview::joining);
            self.join = joining.map(|joining| Join { link: joining.link, host: joining.host, code: joining.code });
        }
        self.reader.follow(&self.ctx);
        let input = self.raw_input();
        let Self { ctx, console, snapshot, pictures, join, notice, began, full_screen, asking_to_close, .. } = self;
        let view = View {
            snapshot: snapshot.as_deref(),
            pictures,
            join: join.as_ref(),
            now: began.elapsed(),
            full_screen: *full_screen,
            notice: notice.as_ref().map(|(notice, _)| notice.as_str()),
            asking_to_close: *asking_to_close,
        };
        let mut asked = Vec::new();
        let output = ctx.run_ui(input, |ui| asked.extend(console.show(ui, &view)));
        self.painter.change(output.textures_delta);
        self.reader.tell(output.platform_output.accesskit_update);
        self.shapes = Some((output.shapes, output.pixels_per_point));
        if output.platform_output.cursor_icon != self.cursor {
            self.cursor = output.platform_output.cursor_icon;
            self.shell.set_cursor(self.cursor);
        }
        asked.into_iter().for_each(|asked| self.carry_out(asked));
    }

    fn raw_input(&mut self) -> egui::RawInput {
        let points = egui::vec2(self.size.width as f32 / self.scale, self.size.height as f32 / self.scale);
        let mut input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, points)),
            time: Some(self.began.elapsed().as_secs_f64()),
            focused: self.focused,
            events: std::mem::take(&mut self.events),
            max_texture_side: Some(2_048),
            ..Default::default()
        };
        let viewport = input.viewports.entry(egui::ViewportId::ROOT).or_default();
        viewport.native_pixels_per_point = Some(self.scale);
        input
    }

    fn carry_out(&mut self, asked: Asked) {
        match asked {
            Asked::Command(action) => {
                if let Some(studio) = &self.studio {
                    self.answers.push(studio.ask(action));
                }
            }
            Asked::FullScreen(full) => {
                self.full_screen = full;
                self.shell.fill_screen(full);
            }
            Asked::OpenDesk => self.open_desk(false),
            Asked::Close => self.shell.close(),
            Asked::StayOpen => self.asking_to_close = false,
        }
    }

    /// Opens the control page, now or as soon as its door is open.
    fn open_desk(&mut self, behind: bool) {
        self.desk_wanted = Some(behind);
        if let Some(page) = self.studio.as_ref().and_then(Multiview::desk_page) {
            self.desk_wanted = None;
            self.shell.open_desk(&page, behind);
        }
    }

    /// What was refused is said.
    fn take_answers(&mut self) {
        let mut refused = None;
        self.answers.retain_mut(|answer| match answer.try_take() {
            Some(Outcome::Refused(refusal)) => {
                refused = Some(refusal.message);
                false
            }
            Some(Outcome::Seq(_)) => false,
            None => true,
        });
        if let Some(message) = refused {
            self.say(message);
        }
    }

    /// Asks for tiles and for a picture with them.
    fn frame(&mut self) {
        let Some((studio, snapshot)) = self.studio.clone().zip(self.snapshot_now()) else { return };
        if let Some(behind) = self.desk_wanted {
            self.open_desk(behind);
        }
        let now = Instant::now();
        let (tiles, pictures) = pictures::wanted(&studio, &snapshot, self.size, self.pace.is_slow(), |place| self.painter.shows(place));
        let interval = if tiles.is_empty() { STILL } else { self.pace.interval(snapshot.load.level > 0) };
        self.next = (self.next + interval).max(now);
        self.pictures = pictures;
        self.pass();
        let Some((shapes, pixels_per_point)) = self.shapes.take() else { return };
        let primitives = self.ctx.tessellate(shapes, pixels_per_point);
        let (painter, finished) = (self.painter.clone(), self.finished.clone());
        let draw = Box::new(move |brush: tl_gpu::Brush<'_>| painter.draw(brush, primitives, pixels_per_point, tl_console::ground()));
        self.painting = Some(now);
        studio.gpu().show(tiles);
        studio.gpu().paint(Paint::new(self.size, draw, Box::new(move |painted| finished.leave(painted))));
    }

    /// A picture came back, or was lost with its device: then the next one is made on the new device.
    fn painted(&mut self, painted: Option<Painted>) {
        self.painting = None;
        let Some(painted) = painted else { return self.not_shown(&anyhow::anyhow!("it was lost with its device")) };
        self.pace.took(painted.took());
        self.figures.waited += painted.waited();
        self.figures.took += painted.took();
        let showing = Instant::now();
        if let Err(error) = self.screen.show(&painted) {
            return self.not_shown(&error);
        }
        if std::mem::take(&mut self.lost) >= GIVE_UP {
            self.shell.come_back();
        }
        self.figures.shown += 1;
        self.figures.showing += showing.elapsed();
        self.firsts.note(!self.pictures.cameras.is_empty());
        self.tell_figures();
    }

    /// A picture that is not shown now and then is nothing; when none is, the window goes until one can be.
    fn not_shown(&mut self, error: &anyhow::Error) {
        self.next = Instant::now() + LOOK;
        // A studio that is being closed draws nothing more.
        if self.shell.is_closing() || self.snapshot_now().is_some_and(|snapshot| snapshot.state != SessionState::Running) {
            return;
        }
        self.lost = self.lost.saturating_add(1);
        tracing::debug!(%error, "a picture was not shown");
        if self.lost == GIVE_UP {
            say(&format!("No window: nothing can be shown in it ({error}). The show goes on without it; use the control page."));
            self.shell.leave();
        }
    }

    fn tell_figures(&mut self) {
        let span = self.figures.since.elapsed();
        if span < TELL {
            return;
        }
        let Figures { shown, waited, took, showing, .. } = self.figures;
        let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(shown.max(1));
        let fps = f64::from(shown) / span.as_secs_f64();
        tracing::debug!("window: {fps:.1} pictures a second, each waited {:.1} ms, took {:.1} ms, shown in {:.1} ms", each(waited), each(took), each(showing));
        self.figures = Figures::new();
    }

    /// Writes what changed of what is remembered.
    fn keep(&mut self, at_once: bool) {
        let (kept, since) = &self.kept;
        if !at_once && since.elapsed() < KEEP {
            return;
        }
        self.remembered.console = self.console.layout().clone();
        if *kept != self.remembered {
            self.shell.remember(&self.remembered);
        }
        self.kept = (self.remembered.clone(), Instant::now());
    }
}

/// Whether something leaves or is recorded.
fn is_on_air(snapshot: &Snapshot) -> bool {
    let leaves = snapshot.outputs.iter().any(|output| !matches!(output.kind.as_str(), "hls" | "whep") && !matches!(output.state.as_str(), "off" | "refused"));
    leaves || snapshot.viewers > 0 || snapshot.recordings.iter().any(|recording| recording.writing)
}
