//! A start from a menu: nobody reads standard error there.

/// Told by the menu entry's command, before all other words.
pub const FLAG: &str = "--from-menu";

/// Shows why the program ended, until the person closes it. To be called by the main thread, after the window system's loop.
#[cfg(target_os = "linux")]
pub fn show(line: &str) {
    use gtk::prelude::{DialogExt, GtkWindowExt, MessageDialogExt};
    if crate::display::is_gone() || gtk::init().is_err() {
        return;
    }
    let (flags, kind, buttons) = (gtk::DialogFlags::empty(), gtk::MessageType::Error, gtk::ButtonsType::Close);
    let dialog = gtk::MessageDialog::new(None::<&gtk::Window>, flags, kind, buttons, "Touchline cannot go on");
    dialog.set_title("Touchline: stopped");
    dialog.set_secondary_text(Some(line));
    dialog.run();
}

/// Elsewhere only standard error says it.
#[cfg(not(target_os = "linux"))]
pub fn show(_line: &str) {}
