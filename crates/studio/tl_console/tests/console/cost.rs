//! What a frame costs. Printed, never judged by time; counts may be.

use std::time::{Duration, Instant};

use tl_console::egui::{self, RawInput, Rect, Vec2};

use crate::show::on_air;
use crate::stage::Stage;

const FRAMES: u32 = 100;

#[test]
fn a_frame_is_small() {
    let ctx = egui::Context::default();
    let mut stage = Stage::new(&ctx, Some(on_air(6)));
    let input = || RawInput { screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, Vec2::new(1280.0, 720.0))), ..RawInput::default() };
    let (mut drawn, mut cut, mut counted) = (Duration::ZERO, Duration::ZERO, (0, 0, 0));
    for frame in 0..FRAMES + 5 {
        // Numbers change as they do on air, so that their galleys do.
        if let Some(show) = &mut stage.show {
            show.clock_millis -= 100;
            show.meter.peak_dbfs[0] = -20.0 + (frame % 7) as f32;
        }
        let start = Instant::now();
        let mut output = ctx.run_ui(input(), |ui| stage.ui(ui));
        let shown = start.elapsed();
        // There is no painter here that would take the glyphs.
        output.textures_delta.clear();
        let meshes = ctx.tessellate(output.shapes, 1.0);
        // The first frames fill the caches.
        if frame >= 5 {
            drawn += shown;
            cut += start.elapsed() - shown;
        }
        counted = meshes.iter().fold((meshes.len(), 0, 0), |(meshes, vertices, indices), primitive| match &primitive.primitive {
            egui::epaint::Primitive::Mesh(mesh) => (meshes, vertices + mesh.vertices.len(), indices + mesh.indices.len()),
            egui::epaint::Primitive::Callback(_) => (meshes, vertices, indices),
        });
    }
    let millis = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(FRAMES);
    let (meshes, vertices, indices) = counted;
    println!(
        "six cameras, 1280x720: show {:.2} ms, tessellate {:.2} ms, {meshes} meshes, {vertices} vertices, {} triangles",
        millis(drawn),
        millis(cut),
        indices / 3
    );
    assert!(meshes < 80 && vertices < 12_000, "{meshes} meshes, {vertices} vertices");
}
