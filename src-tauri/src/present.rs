//! A finished picture into a window.
//!
//! It goes from memory straight to the display server, by shared memory where that can be. The graphics device has no part in it: a display
//! server that stands still holds up the window's own thread and nothing else, and a graphics card that cannot draw on this display is no
//! obstacle.

use std::num::NonZeroU32;

use raw_window_handle::{
    DisplayHandle, HandleError, HasDisplayHandle, HasWindowHandle, RawDisplayHandle, RawWindowHandle, WindowHandle, XcbDisplayHandle, XcbWindowHandle,
};
use tl_base::Size;
use tl_gpu::Painted;

/// The native names of a window that lives on.
#[derive(Clone)]
pub struct Handles {
    display: RawDisplayHandle,
    window: RawWindowHandle,
    /// Keeps the window.
    _window: tauri::Window,
}

// SAFETY: on X11 the handles are numbers that name a window of the display server, nothing of this process. Elsewhere they are pointers to a
// window that is kept beside them and lives as long as they do.
unsafe impl Send for Handles {}

impl Handles {
    /// The names of an open window.
    pub fn of(window: &tauri::Window) -> Result<Self, HandleError> {
        let (display, window_name) = own_connection(window.display_handle()?.as_raw(), window.window_handle()?.as_raw());
        Ok(Self { display, window: window_name, _window: window.clone() })
    }
}

/// On X11 pictures travel by a connection of their own, so that neither side's waiting or failing is the other's: the window is named by its
/// number alone.
fn own_connection(display: RawDisplayHandle, window: RawWindowHandle) -> (RawDisplayHandle, RawWindowHandle) {
    match (display, window) {
        (RawDisplayHandle::Xlib(display), RawWindowHandle::Xlib(window)) => {
            let Some(number) = u32::try_from(window.window).ok().and_then(NonZeroU32::new) else { return (display.into(), window.into()) };
            (XcbDisplayHandle::new(None, display.screen).into(), XcbWindowHandle::new(number).into())
        }
        other => other,
    }
}

impl HasDisplayHandle for Handles {
    fn display_handle(&self) -> Result<DisplayHandle<'_>, HandleError> {
        // SAFETY: see above; the borrow is no longer than `self`.
        Ok(unsafe { DisplayHandle::borrow_raw(self.display) })
    }
}

impl HasWindowHandle for Handles {
    fn window_handle(&self) -> Result<WindowHandle<'_>, HandleError> {
        // SAFETY: see above; the borrow is no longer than `self`.
        Ok(unsafe { WindowHandle::borrow_raw(self.window) })
    }
}

/// Where pictures are shown. It stays on the thread that opened it.
pub struct Screen {
    surface: softbuffer::Surface<Handles, Handles>,
    size: Option<Size>,
}

impl Screen {
    /// For a window.
    pub fn open(handles: &Handles) -> anyhow::Result<Self> {
        let failed = |error: softbuffer::SoftBufferError| anyhow::anyhow!("the window cannot be drawn on: {error}");
        let context = softbuffer::Context::new(handles.clone()).map_err(failed)?;
        let surface = softbuffer::Surface::new(&context, handles.clone()).map_err(failed)?;
        Ok(Self { surface, size: None })
    }

    /// Shows a picture.
    pub fn show(&mut self, painted: &Painted) -> anyhow::Result<()> {
        let failed = |error: softbuffer::SoftBufferError| anyhow::anyhow!("the window was not drawn: {error}");
        let size = painted.size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else { return Ok(()) };
        if self.size != Some(size) {
            self.surface.resize(width, height).map_err(failed)?;
            self.size = Some(size);
        }
        let mut buffer = self.surface.buffer_mut().map_err(failed)?;
        let across = size.width as usize;
        let mut rows = buffer.chunks_exact_mut(across);
        painted.for_rows(|_, bytes| {
            let Some(row) = rows.next() else { return };
            let (pixels, _) = bytes.as_chunks::<4>();
            for (out, pixel) in row.iter_mut().zip(pixels) {
                *out = u32::from_le_bytes(*pixel);
            }
        });
        buffer.present().map_err(failed)
    }
}
