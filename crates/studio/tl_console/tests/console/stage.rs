//! A window without a window: the console in egui's harness, with pictures of a rink.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use egui_kittest::Harness;
use tl_console::egui::{self, Color32, ColorImage, TextureHandle, TextureOptions, Vec2};
use tl_console::{Asked, Console, Join, Layout, Pictures, Texture, View};
use tl_wire::Snapshot;

const WIDTH: usize = 416;
const HEIGHT: usize = 234;

/// What the shell would hold.
pub struct Stage {
    console: Console,
    pub show: Option<Snapshot>,
    pub pictures: Pictures,
    pub join: Option<Join>,
    pub full_screen: bool,
    pub notice: Option<String>,
    pub asking_to_close: bool,
    pub now: Duration,
    /// A field beside the console, where somebody writes.
    pub field: Option<String>,
    pub asked: Vec<Asked>,
    _textures: Vec<TextureHandle>,
}

/// A window of this size that shows `show`, with a picture for every camera that sends one.
pub fn window(size: (f32, f32), show: Option<Snapshot>) -> Harness<'static, Option<Stage>> {
    let made: Rc<RefCell<Option<Stage>>> = Rc::default();
    let (maker, mut show) = (made.clone(), Some(show));
    let builder = Harness::builder().with_size(Vec2::new(size.0, size.1)).with_pixels_per_point(1.0).with_render_cursor(false);
    let builder = builder.with_accessibility_check(true).with_context_setup(move |ctx| {
        *maker.borrow_mut() = show.take().map(|show| Stage::new(ctx, show));
    });
    let mut harness = builder.wgpu().build_ui_state(
        move |ui, stage: &mut Option<Stage>| {
            let stage = stage.get_or_insert_with(|| made.borrow_mut().take().expect("made with the context"));
            stage.ui(ui);
        },
        None,
    );
    harness.run();
    harness
}

impl Stage {
    pub fn new(ctx: &egui::Context, show: Option<Snapshot>) -> Self {
        let cameras = show.iter().flat_map(|show| &show.cameras).filter(|camera| camera.size.is_some());
        let mut textures = Vec::new();
        let slate = show.as_ref().is_some_and(|show| show.program.slate || show.program.live.is_none());
        let mut load = |seed: u16, programme: bool| {
            let handle = ctx.load_texture(format!("camera {seed}"), rink(seed, programme, programme && slate), TextureOptions::LINEAR);
            let texture = Texture { id: handle.id(), size: [WIDTH as u32, HEIGHT as u32] };
            textures.push(handle);
            texture
        };
        let mut pictures = Pictures { cameras: cameras.map(|camera| (camera.slot, load(camera.slot.0, false))).collect(), ..Pictures::default() };
        pictures.program = show.as_ref().map(|show| load(show.program.live.map_or(0, |slot| slot.0), true));
        let join = Join { link: "https://192.168.1.20:8443/phone/#c=48217730".into(), host: "192.168.1.20:8443".into(), code: "48217730".into() };
        Self {
            console: Console::new(ctx, Layout::default()),
            show,
            pictures,
            join: Some(join),
            full_screen: false,
            notice: None,
            asking_to_close: false,
            now: Duration::from_secs(3),
            field: None,
            asked: Vec::new(),
            _textures: textures,
        }
    }

    pub fn ui(&mut self, ui: &mut egui::Ui) {
        if let Some(words) = &mut self.field {
            let label = ui.label("Words");
            let field = ui.text_edit_singleline(words).labelled_by(label.id);
            if !field.has_focus() {
                field.request_focus();
            }
        }
        // The shell clears the window; here nobody does.
        ui.set_clip_rect(ui.content_rect());
        ui.painter().rect_filled(ui.content_rect(), 0.0, tl_console::ground());
        let view = View {
            snapshot: self.show.as_ref(),
            pictures: &self.pictures,
            join: self.join.as_ref(),
            now: self.now,
            full_screen: self.full_screen,
            notice: self.notice.as_deref(),
            asking_to_close: self.asking_to_close,
        };
        self.asked.extend(self.console.show(ui, &view));
    }

    pub fn layout(&self) -> &Layout {
        self.console.layout()
    }
}

/// Ice, boards, stands, a red line and players; each camera sees it from elsewhere. The programme has a score in its corner.
fn rink(seed: u16, programme: bool, slate: bool) -> ColorImage {
    let shift = i32::from(seed) * 37 % 160 - 80;
    let players: Vec<(i32, i32, bool)> =
        (0..10).map(|n| (((n * 97 + i32::from(seed) * 53) % 400), 110 + (n * 41 + i32::from(seed) * 17) % 100, n % 2 == 0)).collect();
    let pixel = |x: i32, y: i32| {
        if slate {
            return if (100..134).contains(&y) {
                Color32::from_rgb(34, 48, 74)
            } else {
                Color32::from_rgb(65 - y as u8 / 10, 87 - y as u8 / 8, 122 - y as u8 / 6)
            };
        }
        let horizon = 78 + (x - 208) * shift / 900;
        if programme && (14..32).contains(&y) && (20..130).contains(&x) {
            return if x < 60 { Color32::from_rgb(29, 79, 216) } else { Color32::from_rgb(13, 19, 28) };
        }
        if let Some((_, _, home)) = players.iter().find(|(px, py, _)| (x - px).abs() < 2 + py / 60 && (y - py).abs() < py / 16) {
            return if *home { Color32::from_rgb(36, 66, 160) } else { Color32::from_rgb(225, 228, 230) };
        }
        match y - horizon {
            ..-12 => Color32::from_gray(28 + ((x / 7 + y / 5) * 13 % 19) as u8),
            -12..0 => Color32::from_rgb(236, 232, 214),
            _ if (x - 208 - shift + (y - 150) / 3).abs() < 4 => Color32::from_rgb(176, 60, 66),
            _ if (x - 90 - shift).abs() < 3 || (x - 330 - shift).abs() < 3 => Color32::from_rgb(70, 96, 170),
            _ => Color32::from_rgb(196, 206, 214),
        }
    };
    let pixels = (0..HEIGHT as i32).flat_map(|y| (0..WIDTH as i32).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
    ColorImage::new([WIDTH, HEIGHT], pixels)
}
