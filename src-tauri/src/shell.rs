//! What the window's thread may ask of Tauri's windows. Every call only leaves a message for the main thread, but for
//! [`Shell::state`], which waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tauri::{AppHandle, CursorIcon, Manager, PhysicalPosition, PhysicalSize, Window};
use tl_base::Secret;
use tl_console::egui;

use crate::desk;
use crate::remembered::{Place, Remembered};
use crate::told::Teller;

/// The multiview window's name at Tauri.
pub const MULTIVIEW: &str = "multiview";

/// Where a window lies on the desktop: left, top, width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// With its frame.
    pub outer: (f64, f64, f64, f64),
    /// What it shows.
    pub inner: (f64, f64, f64, f64),
}

/// How the window is now.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// It shows nothing.
    pub minimised: bool,
    /// It fills a screen.
    pub full_screen: bool,
    /// Where it is, where that can be told.
    pub place: Option<Place>,
    /// The same in pixels.
    pub bounds: Option<Bounds>,
}

/// Tauri's side of the window.
pub struct Shell {
    app: AppHandle,
    window: Window,
    teller: Teller,
    data_dir: PathBuf,
    /// Ends the studio.
    stop: Arc<AtomicBool>,
}

impl Shell {
    /// For an open window.
    pub fn new(app: AppHandle, window: Window, teller: Teller, data_dir: PathBuf, stop: Arc<AtomicBool>) -> Self {
        Self { app, window, teller, data_dir, stop }
    }

    /// How the window is now.
    pub fn state(&self) -> State {
        let scale = self.window.scale_factor().unwrap_or(1.0);
        let place = self.window.outer_position().and_then(|at| Ok((at, self.window.inner_size()?, self.window.is_maximized()?))).ok();
        let place = place.map(|(at, size, maximised)| {
            let (at, size) = (at.to_logical::<f64>(scale), size.to_logical::<f64>(scale));
            Place { at: Some((at.x, at.y)), size: (size.width, size.height), maximised }.sane()
        });
        State {
            minimised: self.window.is_minimized().unwrap_or(false),
            full_screen: self.window.is_fullscreen().unwrap_or(false),
            place,
            bounds: self.bounds().ok(),
        }
    }

    fn bounds(&self) -> tauri::Result<Bounds> {
        let rect = |at: PhysicalPosition<i32>, size: PhysicalSize<u32>| (f64::from(at.x), f64::from(at.y), f64::from(size.width), f64::from(size.height));
        Ok(Bounds {
            outer: rect(self.window.outer_position()?, self.window.outer_size()?),
            inner: rect(self.window.inner_position()?, self.window.inner_size()?),
        })
    }

    /// Fills the screen on which the window is, or leaves it.
    pub fn fill_screen(&self, full: bool) {
        told(self.window.set_fullscreen(full), "the window keeps its size");
    }

    /// Ends the studio, and with it the program. The window goes at once; files may take a while to be whole.
    pub fn close(&self) {
        self.hide();
        self.stop.store(true, Ordering::Release);
    }

    /// Whether the studio is being ended.
    pub fn is_closing(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Takes the multiview away; the control page stays.
    pub fn leave(&self) {
        told(self.window.hide(), "the window stays");
    }

    /// Shows it again.
    pub fn come_back(&self) {
        told(self.window.show(), "the window stays hidden");
    }

    /// Brings the multiview to where a person sees it.
    pub fn to_front(&self) {
        to_front(&self.app);
    }

    /// Takes the windows away.
    pub fn hide(&self) {
        told(self.window.hide(), "the window stays");
        desk::close(&self.app);
    }

    /// Shows the pointer that egui wants.
    pub fn set_cursor(&self, icon: egui::CursorIcon) {
        let icon = match icon {
            egui::CursorIcon::PointingHand => CursorIcon::Hand,
            egui::CursorIcon::Text => CursorIcon::Text,
            egui::CursorIcon::Grab => CursorIcon::Grab,
            egui::CursorIcon::Grabbing => CursorIcon::Grabbing,
            egui::CursorIcon::NotAllowed | egui::CursorIcon::NoDrop => CursorIcon::NotAllowed,
            egui::CursorIcon::ResizeHorizontal => CursorIcon::EwResize,
            egui::CursorIcon::ResizeVertical => CursorIcon::NsResize,
            egui::CursorIcon::Help => CursorIcon::Help,
            egui::CursorIcon::Wait | egui::CursorIcon::Progress => CursorIcon::Wait,
            _ => CursorIcon::Default,
        };
        told(self.window.set_cursor_icon(icon), "the pointer keeps its shape");
    }

    /// Opens the control page in its own window, or brings it to the front; `behind` the multiview when nobody asked for it just now.
    pub fn open_desk(&self, page: &Secret, behind: bool) {
        let (app, teller, page) = (self.app.clone(), self.teller.clone(), page.clone());
        let opened = self.app.run_on_main_thread(move || {
            desk::open(&app, &teller, &page);
            if behind {
                to_front(&app);
            }
        });
        told(opened, "the control page stays closed");
    }

    /// Writes what is to be remembered.
    pub fn remember(&self, remembered: &Remembered) {
        if let Err(error) = remembered.write(&self.data_dir) {
            tracing::warn!("the window's layout is not remembered: {error}");
        }
    }
}

/// Brings the multiview to the front, for a second start.
pub fn to_front(app: &AppHandle) {
    let Some(window) = app.get_window(MULTIVIEW) else { return };
    told(window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus()), "the window stays where it is");
}

/// What the window system does not do costs no more than that.
fn told(done: tauri::Result<()>, what: &str) {
    if let Err(error) = done {
        tracing::warn!(%error, "{what}");
    }
}
