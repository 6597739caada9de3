//! Draws and encodes the clips of a seed: `clips SEED CAMERAS [CACHE]`.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = tl_rehearsal::ClipOptions { seed: args[0].parse().unwrap(), cameras: args[1].parse().unwrap(), cache: args.get(2).map(Into::into) };
    let start = std::time::Instant::now();
    let set = tl_rehearsal::clips(&options, &|p| eprint!("\r{} {:.0} %   ", p.what, p.share * 100.0)).unwrap();
    eprintln!("\n{} in {:.1} s", set.folder.display(), start.elapsed().as_secs_f64());
}
