//! `touchline-desktop`: the studio with its windows. It takes the arguments of `touchline run` and keeps its promises: exit 0, 2 or 1, and
//! the last line on standard error says why.
//!
//! The multiview is a plain Tauri window that egui draws on; its picture is painted on the studio's GPU thread ([`tl_gpu::Multiview`]) and
//! shown by the window's own thread ([`window`]). The control page is a web view beside it ([`desk`]).
//!
//! This room refuses to decide anything about the show, to compute a pixel of the programme, and to make the show wait.
//!
//! Invariant: whatever happens to a window, a web view or the display, the programme does not notice.

// Windows would open a console beside the window; `touchline` is the program for one.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod app;
mod desk;
mod dirty;
mod display;
mod eyes;
mod input;
mod instance;
mod menu;
mod pace;
mod painter;
mod pictures;
mod present;
mod reader;
mod remembered;
mod shadow;
mod shell;
mod told;
mod window;

use std::process::ExitCode;

use tl_cli::run::Args;
use tl_cli::usage;

use crate::display::Display;
use crate::instance::Found;

fn main() -> ExitCode {
    prefer_x11();
    display::outlive_terminal();
    // `touchline run` and this are started with the same words.
    let mut words: Vec<_> = std::env::args_os().collect();
    let from_menu = take_first(&mut words, menu::FLAG);
    take_first(&mut words, "run");
    let args = match Args::from_words(words.into_iter()) {
        Ok(args) => args,
        Err(error) => return usage::refuse(&error),
    };
    tl_base::log::init("warn,tl_studio=info");
    match start(args, from_menu) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = usage::fail(&error);
            if from_menu {
                menu::show(&usage::line(&error));
            }
            code
        }
    }
}

/// Takes the first word behind the program's name, if it is this one.
fn take_first(words: &mut Vec<std::ffi::OsString>, word: &str) -> bool {
    let is_first = words.get(1).is_some_and(|first| first == word);
    if is_first {
        words.remove(1);
    }
    is_first
}

fn start(args: Args, from_menu: bool) -> anyhow::Result<()> {
    let config = args.config()?;
    if let Display::Missing(reason) = display::find() {
        // Nobody would see such a studio, or be able to end it.
        anyhow::ensure!(!from_menu, "no window: {reason}");
        eprintln!("No window: {reason}. The studio runs without one; use the control page.");
        return tl_cli::run::run(&args, config, &Default::default(), |_| {});
    }
    match instance::bring_to_front(&config.data_dir) {
        Found::Nobody => {}
        Found::Here => {
            eprintln!("Touchline runs already with this data folder; its window is in front now");
            return Ok(());
        }
        Found::Ending => anyhow::bail!("Touchline is still closing its recordings in this data folder; start it again in a moment"),
    }
    app::run(args, config, from_menu)
}

/// Windows are placed, drawn and brought to the front by X11, also on a Wayland desktop; one that has no X11 can still show a sentence.
fn prefer_x11() {
    #[cfg(target_os = "linux")]
    if std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty()) {
        // SAFETY: this is the first thing that the only thread does.
        unsafe {
            std::env::set_var("GDK_BACKEND", "x11");
        }
    }
}
