//! Pictures of the console as somebody has seen and blessed them.

use std::fs;
use std::path::{Path, PathBuf};

use egui_kittest::Harness;
use tl_testkit::picture::{self, Threshold};

use crate::stage::Stage;

/// Holds what the window shows against `tests/golden/NAME.png`; leaves what it got beside it where they differ.
#[track_caller]
pub fn assert_golden_window(name: &str, window: &mut Harness<'_, Option<Stage>>) {
    let image = window.render().expect("the software driver draws");
    let size = image.dimensions();
    let got: Vec<u8> = image.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]).collect();
    let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(format!("{name}.png"));
    let beside = golden.with_extension("new.png");
    if tl_testkit::blessing() {
        // What a failed run left would mislead whoever looks.
        fs::remove_file(&beside).ok();
        return write(&golden, size, &got);
    }
    let problem = match read(&golden) {
        None => "there is none".to_owned(),
        Some((expected, _)) if expected != size => format!("its size is {size:?} instead of {expected:?}"),
        Some((_, expected)) => match picture::compare_bytes(&expected, &got) {
            Some(difference) if Threshold::EDGES.holds(&difference) => return,
            difference => format!("{difference:?} exceeds {:?}", Threshold::EDGES),
        },
    };
    write(&beside, size, &got);
    panic!("{}: {problem}; see {} and, if that is right, run `cargo xtask bless`", golden.display(), beside.display());
}

fn write(path: &Path, (width, height): (u32, u32), rgb: &[u8]) {
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(fs::File::create(path).expect("a file")), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb)).expect("written");
}

fn read(path: &Path) -> Option<((u32, u32), Vec<u8>)> {
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).ok()?)).read_info().ok()?;
    let mut bytes = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut bytes).ok()?;
    bytes.truncate(info.buffer_size());
    Some(((info.width, info.height), bytes))
}
