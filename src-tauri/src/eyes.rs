//! Raw events of the multiview's window, as tao tells them on the main thread, to the window's thread.

use tauri::EventLoopMessage;
use tauri_runtime_wry::tao::event::{Event, WindowEvent};
use tauri_runtime_wry::tao::event_loop::{ControlFlow, EventLoopProxy, EventLoopWindowTarget};
use tauri_runtime_wry::{Context, EventLoopIterationContext, Message, Plugin, PluginBuilder, WebContextStore};

use crate::input::Translator;
use crate::shell::MULTIVIEW;
use crate::told::{Teller, Told};

/// Watches the events of all windows and passes on those of one.
pub struct Eyes {
    translator: Translator,
    teller: Teller,
}

impl Eyes {
    /// For a window with so many pixels in a point.
    pub fn new(scale: f64, teller: Teller) -> Self {
        Self { translator: Translator::new(scale), teller }
    }

    fn see(&mut self, event: &WindowEvent<'_>) {
        let told = match event {
            WindowEvent::Resized(size) => {
                self.teller.tell(Told::LookAtWindow);
                Told::Resized(size.width, size.height)
            }
            WindowEvent::ScaleFactorChanged { scale_factor, new_inner_size } => {
                self.translator.translate(event);
                self.teller.tell(Told::Resized(new_inner_size.width, new_inner_size.height));
                Told::Scale(*scale_factor)
            }
            WindowEvent::Moved(_) => Told::LookAtWindow,
            event => {
                if matches!(event, WindowEvent::Focused(_)) {
                    self.teller.tell(Told::LookAtWindow);
                }
                let events = self.translator.translate(event);
                if events.is_empty() {
                    return;
                }
                Told::Input(events)
            }
        };
        // A window's thread that hangs loses input; nothing else does.
        self.teller.tell(told);
    }
}

impl PluginBuilder<EventLoopMessage> for Eyes {
    type Plugin = Self;

    fn build(self, _context: Context<EventLoopMessage>) -> Self {
        self
    }
}

impl Plugin<EventLoopMessage> for Eyes {
    fn on_event(
        &mut self,
        event: &Event<Message<EventLoopMessage>>,
        _event_loop: &EventLoopWindowTarget<Message<EventLoopMessage>>,
        _proxy: &EventLoopProxy<Message<EventLoopMessage>>,
        _control_flow: &mut ControlFlow,
        context: EventLoopIterationContext<'_, EventLoopMessage>,
        _web_context: &WebContextStore,
    ) -> bool {
        if let Event::WindowEvent { window_id, event, .. } = event
            && let Some(id) = context.window_id_map.get(window_id)
            && let Ok(windows) = context.windows.0.try_borrow()
            && windows.get(&id).is_some_and(|window| window.label() == MULTIVIEW)
        {
            self.see(event);
        }
        // Tauri sees it too.
        false
    }
}
