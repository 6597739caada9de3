//! The control page in a window of the system's own browser, through the plain door of this machine.
//!
//! Its process may die at any time: the show knows nothing of it, the console says so, and it can be opened again.

use tauri::webview::WebviewWindowBuilder;
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WindowEvent};
use tl_base::Secret;

use crate::told::{Teller, Told};

/// The page's window at Tauri.
pub const DESK: &str = "desk";
/// Points.
const SIZE: (f64, f64) = (1_100.0, 820.0);

/// Opens it, or brings it to the front. On the main thread.
pub fn open(app: &AppHandle, teller: &Teller, page: &Secret) {
    if let Err(error) = try_open(app, teller, page) {
        // The address has a token in it, so no more is told of it.
        tracing::warn!("the control page could not be opened: {}", tl_base::log::redact(&error.to_string()));
        teller.tell(Told::Notice("The control page could not be opened; open its link in a browser.".into()));
    }
}

fn try_open(app: &AppHandle, teller: &Teller, page: &Secret) -> anyhow::Result<()> {
    let address = Url::parse(page.expose())?;
    if let Some(window) = app.get_webview_window(DESK) {
        window.unminimize()?;
        window.show()?;
        window.set_focus()?;
        return Ok(());
    }
    let origin = address.clone();
    let window = WebviewWindowBuilder::new(app, DESK, WebviewUrl::External(address))
        .title("Touchline: control page")
        .inner_size(SIZE.0, SIZE.1)
        .focused(false)
        // Links that leave the studio do not open here.
        .on_navigation(move |to| is_on(to, &origin))
        .build()?;
    watch(app, &window, teller);
    let closing = teller.clone();
    let handle = app.clone();
    window.on_window_event(move |event| {
        // With the program's own end the page goes too, and is remembered as open.
        if matches!(event, WindowEvent::CloseRequested { .. }) && handle.get_window(crate::shell::MULTIVIEW).is_some() {
            closing.tell(Told::Desk(false));
        }
    });
    teller.tell(Told::Desk(true));
    Ok(())
}

/// Closes it without a word.
pub fn close(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(DESK)
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, "the control page's window stays");
    }
}

fn is_on(page: &Url, origin: &Url) -> bool {
    page.origin() == origin.origin()
}

/// Says when the page's process is gone, and takes its empty window away: opening it again makes a new one.
#[cfg(target_os = "linux")]
fn watch(app: &AppHandle, window: &WebviewWindow, teller: &Teller) {
    use webkit2gtk::WebViewExt;
    let (app, teller) = (app.clone(), teller.clone());
    let watched = window.with_webview(move |view| {
        view.inner().connect_web_process_terminated(move |_, why| {
            tracing::warn!("the control page's process ended: {why:?}");
            teller.tell(Told::DeskDied);
            close(&app);
        });
    });
    if let Err(error) = watched {
        tracing::warn!(%error, "nobody will tell when the control page's process ends");
    }
}

#[cfg(not(target_os = "linux"))]
fn watch(_app: &AppHandle, _window: &WebviewWindow, _teller: &Teller) {}
