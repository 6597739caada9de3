//! egui's painter on the GPU thread. The window's thread adds what changed; the GPU thread draws.
//!
//! A device that is opened anew gets a painter anew, with every texture from [`Shadow`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use tl_console::egui::epaint::ClippedPrimitive;
use tl_console::egui::epaint::textures::TexturesDelta;
use tl_console::egui::{Color32, Pos2, Rect, TextureId, vec2};
use tl_gpu::{Brush, MAX_TILES, wgpu};

use crate::dirty::{self, Dirty};
use crate::shadow::{Shadow, changes};

/// What egui's painter shows of a tile's place; places are registered in order, so a place's number is its texture's.
pub fn texture_of(place: u16) -> TextureId {
    TextureId::User(u64::from(place))
}

/// On one device.
struct OnDevice {
    number: u32,
    renderer: Renderer,
    /// Which view each place shows, and which picture was painted last.
    bound: Vec<(u64, u64)>,
    /// The frame that the target shows.
    shown: Option<(Vec<ClippedPrimitive>, f32)>,
}

#[derive(Default)]
struct State {
    /// What changed and was not drawn yet.
    waiting: TexturesDelta,
    shadow: Shadow,
    on: Option<OnDevice>,
}

impl Drop for State {
    fn drop(&mut self) {
        // What was never drawn is not needed any more; egui asks to be told.
        self.waiting.clear();
    }
}

/// Shared by the window's thread and the GPU thread, which hold it only for as long as it takes to add or to record.
#[derive(Clone, Default)]
pub struct Painter {
    state: Arc<Mutex<State>>,
    /// One bit for each place that holds a picture on the device in use.
    shown: Arc<AtomicU64>,
}

impl Painter {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a place holds a picture already; its texture is blank before.
    pub fn shows(&self, place: u16) -> bool {
        self.shown.load(Ordering::Acquire) >> place & 1 == 1
    }

    /// Takes what changed in one pass of egui's; every pass has to be told.
    pub fn change(&self, delta: TexturesDelta) {
        if !delta.is_empty() {
            self.lock().waiting.append(delta);
        }
    }

    /// Records one picture.
    pub fn draw(&self, brush: Brush<'_>, primitives: Vec<ClippedPrimitive>, pixels_per_point: f32, ground: Color32) -> Vec<wgpu::CommandBuffer> {
        let mut state = self.lock();
        let State { waiting, shadow, on } = &mut *state;
        let Brush { device, queue, encoder, target, format, size, is_blank, tiles, device_number } = brush;
        shadow.apply(waiting);
        let same = on.take().filter(|on| on.number == device_number);
        let fresh = same.is_none();
        let mut now = same.unwrap_or_else(|| OnDevice::new(device, format, device_number));
        if fresh {
            shadow.all().for_each(|(id, whole)| now.renderer.update_texture(device, queue, id, &whole));
        } else {
            changes(waiting).filter(|(id, _)| shadow.has(*id)).for_each(|(id, change)| now.renderer.update_texture(device, queue, id, change));
        }
        let shown = (0..).zip(&now.bound).filter(|(_, bound)| bound.0 != 0).fold(0, |shown, (place, _)| shown | 1_u64 << place);
        self.shown.store(shown, Ordering::Release);
        let new_letters = !waiting.set.is_empty();
        let mut new_pictures = [false; MAX_TILES];
        for tile in tiles {
            let place = usize::from(tile.place);
            let (Some(bound), Some(new)) = (now.bound.get_mut(place), new_pictures.get_mut(place)) else { continue };
            if bound.0 != tile.view_id {
                now.renderer.update_egui_texture_from_wgpu_texture(device, &tile.view, wgpu::FilterMode::Linear, texture_of(tile.place));
            }
            *new = *bound != (tile.view_id, tile.picture);
            *bound = (tile.view_id, tile.picture);
        }
        let is_new = |texture: TextureId| match texture {
            TextureId::User(place) => new_pictures.get(place as usize).copied().unwrap_or(true),
            TextureId::Managed(_) => new_letters,
        };
        let points = Rect::from_min_size(Pos2::ZERO, vec2(size.width as f32, size.height as f32) / pixels_per_point);
        let before = now.shown.take().filter(|(_, scale)| !is_blank && *scale == pixels_per_point);
        let dirty = before.map_or(Dirty::All, |(before, _)| dirty::between(&before, &primitives, points, is_new));
        let screen = ScreenDescriptor { size_in_pixels: [size.width, size.height], pixels_per_point };
        let parts = match &dirty {
            Dirty::All => None,
            Dirty::Parts(parts) => Some(dirty::cut(&primitives, parts, ground)),
        };
        let drawn = parts.as_ref().unwrap_or(&primitives);
        let commands = now.renderer.update_buffers(device, queue, encoder, drawn, &screen);
        let [r, g, b, _] = ground.to_normalized_gamma_f32().map(f64::from);
        let load = if dirty == Dirty::All { wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 }) } else { wgpu::LoadOp::Load };
        let ops = wgpu::Operations { load, store: wgpu::StoreOp::Store };
        let attachment = wgpu::RenderPassColorAttachment { view: target, depth_slice: None, resolve_target: None, ops };
        let descriptor = wgpu::RenderPassDescriptor { label: Some("console"), color_attachments: &[Some(attachment)], ..Default::default() };
        let mut pass = encoder.begin_render_pass(&descriptor).forget_lifetime();
        now.renderer.render(&mut pass, drawn, &screen);
        drop(pass);
        now.shown = Some((primitives, pixels_per_point));
        waiting.free.iter().for_each(|id| now.renderer.free_texture(id));
        waiting.clear();
        *on = Some(now);
        commands
    }
}

impl OnDevice {
    fn new(device: &wgpu::Device, format: wgpu::TextureFormat, number: u32) -> Self {
        // Dithering costs time on a processor and nobody sees it on flat surfaces.
        let mut renderer = Renderer::new(device, format, RendererOptions { dithering: false, ..RendererOptions::default() });
        let blank = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("no picture yet"),
            size: wgpu::Extent3d { width: 1, height: 1, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let blank = blank.create_view(&wgpu::TextureViewDescriptor::default());
        for place in 0..MAX_TILES as u16 {
            let given = renderer.register_native_texture(device, &blank, wgpu::FilterMode::Linear);
            debug_assert_eq!(given, texture_of(place));
        }
        Self { number, renderer, bound: vec![(0, 0); MAX_TILES], shown: None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tl_base::Size;
    use tl_console::egui;
    use tl_gpu::{AdapterChoice, Config, Gpu, Paint};

    use super::*;

    const SIZE: Size = Size::new(480, 270);
    const GROUND: Color32 = Color32::from_rgb(11, 15, 21);

    fn gpu() -> Option<Gpu> {
        let gpu = Gpu::start(Config { adapter: AdapterChoice::Software, ..Config::new(Size::new(64, 36)) }, |_| {});
        if gpu.is_err() {
            eprintln!("SKIPPED: there is no software Vulkan driver (mesa-vulkan-drivers)");
        }
        gpu.ok()
    }

    /// One frame of a small console in which some things change: a clock, a meter, a warning that comes and goes.
    fn frame(ctx: &egui::Context, step: usize) -> egui::FullOutput {
        let points = Rect::from_min_size(Pos2::ZERO, vec2(SIZE.width as f32, SIZE.height as f32));
        let input = egui::RawInput { screen_rect: Some(points), time: Some(step as f64 * 0.1), ..Default::default() };
        ctx.run_ui(input, |ui| {
            ui.label(format!("clock 20:{step:02}"));
            ui.label("this line stands still");
            let (meter, _) = ui.allocate_exact_size(vec2(200.0, 12.0), egui::Sense::hover());
            ui.painter().rect_filled(meter, 3.0, Color32::DARK_GRAY);
            ui.painter().rect_filled(meter.with_max_x(meter.left() + 15.0 * step as f32), 3.0, Color32::LIGHT_BLUE);
            if step % 4 == 3 {
                ui.label("a warning with some words");
            }
            ui.label("the last line");
        })
    }

    /// The window's bytes after a frame was painted.
    fn show(gpu: &Gpu, painter: &Painter, primitives: Vec<ClippedPrimitive>) -> Vec<u8> {
        let (told, painted) = mpsc::sync_channel(1);
        let painter = painter.clone();
        let draw = Box::new(move |brush: Brush<'_>| painter.draw(brush, primitives, 1.0, GROUND));
        gpu.multiview().paint(Paint::new(SIZE, draw, Box::new(move |painted| told.send(painted).unwrap_or_default())));
        let painted = painted.recv_timeout(Duration::from_secs(20)).expect("a reply").expect("a picture");
        let mut bytes = Vec::new();
        painted.for_rows(|_, row| bytes.extend_from_slice(row));
        bytes
    }

    #[test]
    fn what_is_painted_in_parts_is_what_is_painted_whole() {
        let (Some(in_parts), Some(whole)) = (gpu(), gpu()) else { return };
        let ctx = egui::Context::default();
        ctx.set_fonts(fonts());
        let (patient, forgetful) = (Painter::default(), Painter::default());
        for step in 0..12 {
            let output = frame(&ctx, step);
            let mut same = TexturesDelta::default();
            changes(&output.textures_delta).for_each(|(id, change)| same.push(id, change.clone()));
            forgetful.change(same);
            patient.change(output.textures_delta);
            if let Some(on) = &mut forgetful.lock().on {
                on.shown = None;
            }
            let primitives = ctx.tessellate(output.shapes, output.pixels_per_point);
            let parts = show(&in_parts, &patient, primitives.clone());
            let all = show(&whole, &forgetful, primitives);
            let differ = parts.chunks(4).zip(all.chunks(4)).filter(|(part, all)| part != all).count();
            assert_eq!(differ, 0, "step {step}");
            assert!(all.chunks(4).filter(|pixel| pixel[..3] != [21, 15, 11]).count() > 500, "something is drawn");
        }
    }

    #[test]
    fn letters_are_there_again_on_a_device_that_is_opened_anew() {
        let Some(gpu) = gpu() else { return };
        let ctx = egui::Context::default();
        ctx.set_fonts(fonts());
        let painter = Painter::default();
        let picture = |output: egui::FullOutput| {
            painter.change(output.textures_delta);
            show(&gpu, &painter, ctx.tessellate(output.shapes, output.pixels_per_point))
        };
        let before = picture(frame(&ctx, 1));
        gpu.destroy_device();
        while gpu.stats().devices < 2 {
            std::thread::yield_now();
        }
        // egui tells nothing of its letters in this frame: nothing of them has changed.
        let again = frame(&ctx, 1);
        assert!(again.textures_delta.set.is_empty());
        assert!(picture(again) == before);
    }

    fn fonts() -> egui::FontDefinitions {
        let mut fonts = egui::FontDefinitions::empty();
        let inter = include_bytes!("../../assets/fonts/Inter-Regular.ttf");
        fonts.font_data.insert("Inter".into(), Arc::new(egui::FontData::from_static(inter)));
        for family in [egui::FontFamily::Proportional, egui::FontFamily::Monospace] {
            fonts.families.insert(family, vec!["Inter".into()]);
        }
        fonts
    }
}
