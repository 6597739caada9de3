//! Whether there is a display to open windows on, and what it means when there is none.

use std::sync::atomic::{AtomicBool, Ordering};

/// A display answers within this time, or it is not there.
#[cfg(target_os = "linux")]
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// Set once the display server is gone: the main thread hears nothing any more.
static GONE: AtomicBool = AtomicBool::new(false);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// Windows can be opened.
    There,
    /// None; one sentence about what that means.
    Missing(String),
}

/// What the environment says. X11 is asked for where there is a choice: through it a window is placed, drawn and brought to the front
/// the same way everywhere.
pub fn judge(x11: Option<&str>, wayland: Option<&str>, reach_x11: impl FnOnce() -> Result<(), String>) -> Display {
    let set = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
    if set(x11) {
        return match reach_x11() {
            Ok(()) => Display::There,
            Err(reason) => {
                let name = x11.unwrap_or_default();
                Display::Missing(format!("the display {name} does not answer ({reason})"))
            }
        };
    }
    if set(wayland) {
        return Display::Missing("this is a Wayland session without XWayland, which the window needs: install xwayland".into());
    }
    Display::Missing("there is no display here".into())
}

/// Looks at this process's environment.
#[cfg(target_os = "linux")]
pub fn find() -> Display {
    let (x11, wayland) = (std::env::var("DISPLAY").ok(), std::env::var("WAYLAND_DISPLAY").ok());
    judge(x11.as_deref(), wayland.as_deref(), reach)
}

/// A display that accepts and then says nothing must not keep the show from starting.
#[cfg(target_os = "linux")]
fn reach() -> Result<(), String> {
    let (told, answer) = std::sync::mpsc::sync_channel(1);
    let asking = std::thread::Builder::new().name("display".into()).spawn(move || {
        // Whoever asked may have left.
        told.send(x11rb::connect(None).map(drop).map_err(|error| error.to_string())).ok();
    });
    asking.map_err(|error| error.to_string())?;
    answer.recv_timeout(ANSWER_WITHIN).unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())))
}

/// Windows and macOS always have one for a program that a person starts.
#[cfg(not(target_os = "linux"))]
pub fn find() -> Display {
    Display::There
}

/// Whether the display server went away under the windows.
pub fn is_gone() -> bool {
    GONE.load(Ordering::Acquire)
}

/// From now on the end of the display server is not the end of this program: the window system's library would exit, and take the show with
/// it. To be called when that is set up, since it sets the same. Its handler of refused requests stays, for it relies on it.
#[cfg(target_os = "linux")]
pub fn outlive() {
    match x11_dl::xlib::Xlib::open() {
        // SAFETY: the handler keeps to its contract: it never returns, and never calls the library (XSetIOErrorHandler(3)).
        Ok(xlib) => drop(unsafe { (xlib.XSetIOErrorHandler)(Some(stay)) }),
        Err(error) => tracing::warn!("the show will end with its display: {error}"),
    }
}

/// Only Linux has a display server that can go away alone.
#[cfg(not(target_os = "linux"))]
pub fn outlive() {}

/// The session's bus often goes with the display, and its library would end the program with it: `GDBusConnection:exit-on-close` is on for
/// the connection that everyone in a process shares. To be called when the window system's library has connected.
#[cfg(target_os = "linux")]
pub fn outlive_bus() {
    use gtk::gio;
    match gio::bus_get_sync(gio::BusType::Session, None::<&gio::Cancellable>) {
        Ok(bus) => bus.set_exit_on_close(false),
        // Then there is none to go.
        Err(error) => tracing::debug!(%error, "there is no session bus"),
    }
}

/// Only Linux has such a bus.
#[cfg(not(target_os = "linux"))]
pub fn outlive_bus() {}

/// A terminal goes with its display, and tells what was started in it to end: the show does not.
#[cfg(unix)]
pub fn outlive_terminal() {
    // SAFETY: ignoring a signal calls nothing (signal(7)).
    unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
    }
}

/// Elsewhere a terminal tells nothing of the kind.
#[cfg(not(unix))]
pub fn outlive_terminal() {}

/// Keeps the thread that found out, which is the main one, for ever.
#[cfg(target_os = "linux")]
unsafe extern "C" fn stay(_display: *mut x11_dl::xlib::Display) -> std::ffi::c_int {
    if !GONE.swap(true, Ordering::AcqRel) {
        tl_cli::usage::say("The display is gone, and the windows with it. The show goes on without them; use the control page, and Ctrl-C ends it.");
    }
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(x11: Option<&str>, wayland: Option<&str>, reach: Result<(), &str>, expect: Option<&str>) {
        match (judge(x11, wayland, || reach.map_err(str::to_owned)), expect) {
            (Display::There, None) => {}
            (Display::Missing(line), Some(words)) => assert!(line.contains(words) && !line.contains('\n'), "{line}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_display_that_answers_is_there() {
        check(Some(":0"), None, Ok(()), None);
        check(Some(":0"), Some("wayland-0"), Ok(()), None);
    }

    #[test]
    fn what_is_missing_is_said_in_one_line() {
        check(None, None, Ok(()), Some("there is no display here"));
        check(Some(""), None, Ok(()), Some("there is no display here"));
        check(None, Some("wayland-0"), Ok(()), Some("without XWayland"));
        check(Some(":9"), None, Err("refused"), Some(":9 does not answer (refused)"));
    }
}
