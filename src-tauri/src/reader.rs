//! What a screen reader is told of the console, and what it asks of it. On Linux this is AT-SPI, by AccessKit's adapter; it lives on threads
//! of its own, and a session without a bus is one in which nobody reads.
//!
//! Nothing is told until somebody reads along: naming every control costs a part of each pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tl_console::egui;
use tl_console::egui::accesskit::{ActionHandler, ActionRequest, ActivationHandler, DeactivationHandler, TreeUpdate};

use crate::shell::Bounds;
use crate::told::{Teller, Told};

/// One window's.
pub struct Reader {
    wanted: Arc<AtomicBool>,
    told_egui: bool,
    #[cfg(target_os = "linux")]
    adapter: accesskit_unix::Adapter,
}

impl Reader {
    /// For a window whose thread hears of `teller`.
    pub fn new(teller: Teller) -> Self {
        let wanted = Arc::new(AtomicBool::new(false));
        let ends = Ends { wanted: Arc::clone(&wanted), teller };
        Self {
            #[cfg(target_os = "linux")]
            adapter: accesskit_unix::Adapter::new(ends.clone(), ends.clone(), ends),
            #[cfg(not(target_os = "linux"))]
            wanted: ends.wanted,
            #[cfg(target_os = "linux")]
            wanted,
            told_egui: false,
        }
    }

    /// Lets egui name its controls, or no longer; before each pass.
    pub fn follow(&mut self, ctx: &egui::Context) {
        let wanted = self.wanted.load(Ordering::Acquire);
        if wanted != self.told_egui {
            self.told_egui = wanted;
            if wanted { ctx.enable_accesskit() } else { ctx.disable_accesskit() }
        }
    }

    /// Hands over what a pass said.
    pub fn tell(&mut self, update: Option<TreeUpdate>) {
        #[cfg(target_os = "linux")]
        if let Some(update) = update {
            self.adapter.update_if_active(|| update);
        }
        #[cfg(not(target_os = "linux"))]
        drop(update);
    }

    /// The window takes the keys, or no longer.
    pub fn focus(&mut self, focused: bool) {
        #[cfg(target_os = "linux")]
        self.adapter.update_window_focus_state(focused);
        #[cfg(not(target_os = "linux"))]
        let _ = focused;
    }

    /// Where the window is, so that what is told lies where it is seen.
    pub fn place(&mut self, bounds: Bounds) {
        #[cfg(target_os = "linux")]
        {
            let rect = |(x, y, width, height): (f64, f64, f64, f64)| egui::accesskit::Rect::new(x, y, x + width, y + height);
            self.adapter.set_root_window_bounds(rect(bounds.outer), rect(bounds.inner));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = bounds;
    }
}

/// The adapter's ends; it calls them on threads of its own.
#[derive(Clone)]
struct Ends {
    wanted: Arc<AtomicBool>,
    teller: Teller,
}

impl ActivationHandler for Ends {
    /// None yet: the next pass has it.
    fn request_initial_tree(&mut self) -> Option<TreeUpdate> {
        self.wanted.store(true, Ordering::Release);
        None
    }
}

impl DeactivationHandler for Ends {
    fn deactivate_accessibility(&mut self) {
        self.wanted.store(false, Ordering::Release);
    }
}

impl ActionHandler for Ends {
    fn do_action(&mut self, request: ActionRequest) {
        // A window's thread that hangs loses it, as it loses any other input.
        self.teller.tell(Told::Input(vec![egui::Event::AccessKitActionRequest(request)]));
    }
}
