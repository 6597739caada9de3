//! Writes pictures of each camera as PNG: `cargo run -p tl_rehearsal --example peek -- OUT SEED CAMERA... `
use tl_frame::Memory;
use tl_rehearsal::rink::Painter;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let seed: u64 = args[1].parse().unwrap();
    for camera in &args[2..] {
        let id: u8 = camera.parse().unwrap();
        let t = std::time::Instant::now();
        let mut painter = Painter::new(seed, id).unwrap();
        eprintln!("camera {id}: still {:.2} s", t.elapsed().as_secs_f64());
        let t = std::time::Instant::now();
        for index in 0..20 { painter.frame(index * 13); }
        eprintln!("  frame {:.2} ms", t.elapsed().as_secs_f64() * 1e3 / 20.0);
        let frame = painter.frame(60);
        let Memory::Cpu(planes) = &frame.memory else { return };
        let (w, h) = (frame.size.width, frame.size.height);
        let mut pm = tiny_skia::Pixmap::new(w, h).unwrap();
        let (py, pu, pv) = (planes.plane(0).unwrap(), planes.plane(1).unwrap(), planes.plane(2).unwrap());
        for y in 0..h as usize { for x in 0..w as usize {
            let l = (py.row(y)[x] as f32 - 16.0) / 219.0; let u = (pu.row(y/2)[x/2] as f32 - 128.0)/224.0; let v = (pv.row(y/2)[x/2] as f32-128.0)/224.0;
            let r = l + 1.5748*v; let g = l - 0.1873*u - 0.4681*v; let b = l + 1.8556*u;
            let q = |c: f32| (c.clamp(0.0,1.0)*255.0).round() as u8;
            pm.pixels_mut()[y*w as usize+x] = tiny_skia::PremultipliedColorU8::from_rgba(q(r),q(g),q(b),255).unwrap();
        } }
        pm.save_png(format!("{}/cam{id}.png", args[0])).unwrap();
    }
}
