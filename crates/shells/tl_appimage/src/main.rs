//! The head of the AppImage: an executable with a SquashFS image behind it, which it unpacks once and starts.
//!
//! It stands in for the AppImage project's type-2 runtime, which no package registry carries. That one mounts the image with FUSE; this one
//! unpacks it into the user's cache, in a folder named by the image's SHA-256, so that a second start finds it there and no FUSE is
//! needed. The image's place, the flags `--appimage-…` and the variables (`APPIMAGE`, `APPDIR`, `OWD`, `ARGV0`) are those of type 2.
//!
//! This room refuses to know what it starts, to download, and to mount.
//!
//! Invariant: a folder under its final name holds the whole image, and nobody removes it while it runs.

mod elf;
mod error;
mod image;
mod shelf;
mod unpack;

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use error::Error;
use image::Image;
use shelf::Shelf;

/// Where `--appimage-extract` unpacks, as every AppImage does.
const EXTRACTED: &str = "squashfs-root";

const HELP: &str = "This program is an AppImage. Beside its own options it knows:
  --appimage-extract          unpack into ./squashfs-root
  --appimage-extract-and-run  start what is inside; it always unpacks, so this changes nothing
  --appimage-offset           where the SquashFS image begins, in bytes
  --appimage-version          version of this head
  --appimage-help             this text
Unpacked versions lie in touchline/appimage in the cache folder ($XDG_CACHE_HOME or ~/.cache); one that does not run may be deleted.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("touchline: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let mut arguments = env::args_os();
    let called = arguments.next().unwrap_or_default();
    let mut arguments: Vec<OsString> = arguments.collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("--appimage-help") => println!("{HELP}"),
        Some("--appimage-version") => println!("Touchline AppImage head {}", env!("CARGO_PKG_VERSION")),
        Some("--appimage-offset") => println!("{}", own_image()?.offset()),
        Some("--appimage-mount") => return Err(Error::NoMount { offset: own_image()?.offset() }),
        Some("--appimage-extract") if arguments.len() > 1 => return Err(Error::NoPattern),
        Some("--appimage-extract") => unpack::whole(&own_image()?, Path::new(EXTRACTED))?,
        Some("--appimage-extract-and-run") => {
            arguments.remove(0);
            return start(&called, &arguments);
        }
        _ => return start(&called, &arguments),
    }
    Ok(())
}

fn own_image() -> Result<Image, Error> {
    let path = env::current_exe().map_err(|source| Error::Read { path: "/proc/self/exe".into(), source })?;
    Image::behind(&path)
}

/// Becomes the program inside; returns only when that fails.
fn start(called: &OsString, arguments: &[OsString]) -> Result<(), Error> {
    let image = own_image()?;
    let shelf = Shelf::of_user()?;
    let place = shelf.take(&image)?;
    // What cannot be tidied up costs no show.
    shelf.clear_others(&image).unwrap_or_else(|error| eprintln!("touchline: an older version stays: {error}"));
    place.keep_through_exec()?;
    let program = place.folder().join("AppRun");
    let mut command = Command::new(&program);
    command.args(arguments).env("APPIMAGE", image.path()).env("APPDIR", place.folder()).env("ARGV0", called);
    if let Ok(folder) = env::current_dir() {
        command.env("OWD", folder);
    }
    Err(Error::Start { path: program, source: command.exec() })
}
