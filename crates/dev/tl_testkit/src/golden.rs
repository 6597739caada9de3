//! Pictures and texts that a person has seen and found right.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use tl_frame::Frame;

use crate::picture::{self, Threshold};

/// Whether golden files are to be written anew.
pub fn blessing() -> bool {
    std::env::var_os("TOUCHLINE_BLESS").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Holds a picture against `golden`, a PNG file; where it differs too much, it fails and leaves what it got beside it as
/// `….new.png`. When blessing, it writes the file instead.
///
/// `golden` is usually `concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/name.png")`.
#[track_caller]
#[expect(clippy::panic, reason = "a panic is how a test fails")]
pub fn assert_golden(golden: impl AsRef<Path>, frame: &Frame, threshold: Threshold) {
    if let Err(problem) = check_picture(golden.as_ref(), frame, threshold, blessing()) {
        panic!("{problem}");
    }
}

/// Holds a text against the file `golden`. When blessing, it writes the file instead.
#[track_caller]
#[expect(clippy::panic, reason = "a panic is how a test fails")]
pub fn assert_golden_text(golden: impl AsRef<Path>, text: &str) {
    if let Err(problem) = check_text(golden.as_ref(), text, blessing()) {
        panic!("{problem}");
    }
}

fn check_picture(golden: &Path, frame: &Frame, threshold: Threshold, bless: bool) -> Result<(), String> {
    let got = picture::rgb(frame).ok_or("the picture does not lie in ordinary memory")?;
    let size = (frame.size.width, frame.size.height);
    let beside = golden.with_extension("new.png");
    if bless {
        remove(&beside)?;
        return write_png(golden, size, &got);
    }
    let problem = match read_png(golden) {
        Err(problem) => problem,
        Ok((expected_size, _)) if expected_size != size => format!("its size is {size:?} instead of {expected_size:?}"),
        Ok((_, expected)) => match picture::compare_bytes(&expected, &got) {
            None => "it has another number of samples".to_owned(),
            Some(difference) if !threshold.holds(&difference) => format!("{difference:?} exceeds {threshold:?}"),
            Some(_) => return remove(&beside),
        },
    };
    write_png(&beside, size, &got)?;
    Err(format!("{}: {problem}; see {} and, if that is right, run `cargo xtask bless`", golden.display(), beside.display()))
}

fn check_text(golden: &Path, text: &str, bless: bool) -> Result<(), String> {
    if bless {
        make_folder(golden)?;
        return fs::write(golden, text).map_err(|error| format!("{}: {error}", golden.display()));
    }
    let expected = fs::read_to_string(golden).map_err(|error| format!("{}: {error}; run `cargo xtask bless`", golden.display()))?;
    if expected == text {
        return Ok(());
    }
    let lines = expected.lines().map(Some).chain(std::iter::repeat(None)).zip(text.lines().map(Some).chain(std::iter::repeat(None)));
    let first = lines.zip(1..).take(expected.lines().count().max(text.lines().count())).find(|((a, b), _)| a != b);
    let place = first.map_or_else(|| "line ends differ".to_owned(), |((was, is), line)| format!("line {line} is {is:?} instead of {was:?}"));
    Err(format!("{} is stale: {place}; if the new one is right, run `cargo xtask bless`", golden.display()))
}

fn remove(path: &PathBuf) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", path.display())),
        _ => Ok(()),
    }
}

fn make_folder(file: &Path) -> Result<(), String> {
    file.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display())))
}

fn write_png(path: &Path, (width, height): (u32, u32), rgb: &[u8]) -> Result<(), String> {
    make_folder(path)?;
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = fs::File::create(path).map_err(|error| told(&error))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb)).map_err(|error| told(&error))
}

/// Size and RGB bytes of a PNG file that [`write_png`] wrote.
fn read_png(path: &Path) -> Result<((u32, u32), Vec<u8>), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = fs::File::open(path).map_err(|error| told(&error))?;
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().map_err(|error| told(&error))?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or_else(|| told(&"too large"))?];
    let info = reader.next_frame(&mut bytes).map_err(|error| told(&error))?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(told(&"not 8-bit RGB"));
    }
    bytes.truncate(info.buffer_size());
    Ok(((info.width, info.height), bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tl_base::{MediaTime, Size, SlotId};
    use tl_frame::{Colour, Memory, PixelFormat, Rotation, VecPlanes};

    use super::*;

    fn grey(value: u8) -> Frame {
        let size = Size::new(8, 8);
        let mut planes = VecPlanes::new(PixelFormat::I420, size);
        planes.bytes_mut().fill(128);
        planes.plane_mut(0).fill(value);
        let (format, colour, memory) = (PixelFormat::I420, Colour::PROGRAMME, Memory::Cpu(Arc::new(planes)));
        Frame { source: SlotId(1), seq: 0, format, colour, size, rotation: Rotation::None, capture: MediaTime::ZERO, arrival: MediaTime::ZERO, memory }
    }

    #[test]
    fn a_picture_is_blessed_kept_and_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let golden = folder.path().join("deep/grey.png");
        let beside = folder.path().join("deep/grey.new.png");
        assert!(check_picture(&golden, &grey(90), Threshold::ROUNDING, false).is_err_and(|problem| problem.contains("bless")));
        assert!(beside.exists());
        check_picture(&golden, &grey(90), Threshold::ROUNDING, true).expect("written");
        assert!(!beside.exists());
        check_picture(&golden, &grey(90), Threshold::ROUNDING, false).expect("the same");
        check_picture(&golden, &grey(91), Threshold::EDGES, false).expect("nearly the same");
        assert!(check_picture(&golden, &grey(120), Threshold::EDGES, false).is_err_and(|problem| problem.contains("exceeds")));
        fs::write(&golden, b"\x89PNG\r\n\x1a\nrubbish").expect("written");
        assert!(check_picture(&golden, &grey(90), Threshold::EDGES, false).is_err());
    }

    #[test]
    fn a_text_is_blessed_kept_and_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let golden = folder.path().join("words.txt");
        assert!(check_text(&golden, "a\nb\n", false).is_err());
        check_text(&golden, "a\nb\n", true).expect("written");
        check_text(&golden, "a\nb\n", false).expect("the same");
        assert!(check_text(&golden, "a\nc\n", false).is_err_and(|problem| problem.contains("line 2 is Some(\"c\")")));
        assert!(check_text(&golden, "a\nb", false).is_err_and(|problem| problem.contains("line ends")));
    }
}
