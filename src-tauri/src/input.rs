//! From the window system's events to egui's. Pure: what comes in and the state of the pointer decide what goes out.
//!
//! Positions and sizes of the window system are pixels; egui's are points. On Linux text comes from the input method alone, since a
//! key's own text knows no Shift there; elsewhere it comes with the key.

use tauri_runtime_wry::tao::dpi::PhysicalPosition;
use tauri_runtime_wry::tao::event::{ElementState, MouseButton, MouseScrollDelta, Touch, TouchPhase, WindowEvent};
use tauri_runtime_wry::tao::keyboard::{Key, KeyCode, ModifiersState};
use tl_console::egui;

/// Whether text comes with keys; else the input method gives it.
const TEXT_BY_KEYS: bool = !cfg!(target_os = "linux");

/// One key as the window system tells it.
#[derive(Clone, Copy, Debug)]
pub struct KeyPress<'a> {
    /// Where it lies on a keyboard.
    pub physical: KeyCode,
    /// What it means by the layout in use.
    pub logical: &'a Key<'a>,
    /// What it types.
    pub text: Option<&'a str>,
    /// Down or up.
    pub pressed: bool,
    /// The keyboard repeats it.
    pub repeat: bool,
}

/// What has to be remembered between events.
#[derive(Debug)]
pub struct Translator {
    /// Pixels in a point.
    scale: f32,
    pointer: egui::Pos2,
    modifiers: egui::Modifiers,
    /// The finger that acts as the pointer.
    finger: Option<u64>,
}

impl Translator {
    /// For a window with so many pixels in a point.
    pub fn new(scale: f64) -> Self {
        let mut translator = Self { scale: 1.0, pointer: egui::Pos2::ZERO, modifiers: egui::Modifiers::NONE, finger: None };
        translator.set_scale(scale);
        translator
    }

    /// The window is on a display with so many pixels in a point.
    pub fn set_scale(&mut self, scale: f64) {
        self.scale = if scale.is_finite() && (0.25..=16.0).contains(&scale) { scale as f32 } else { 1.0 };
    }

    /// egui's events for one of the window's.
    pub fn translate(&mut self, event: &WindowEvent<'_>) -> Vec<egui::Event> {
        match event {
            WindowEvent::CursorMoved { position, .. } => {
                self.pointer = self.points(*position);
                vec![egui::Event::PointerMoved(self.pointer)]
            }
            WindowEvent::CursorLeft { .. } => vec![egui::Event::PointerGone],
            WindowEvent::MouseInput { state, button, .. } => self.button(*button, *state == ElementState::Pressed),
            WindowEvent::MouseWheel { delta, phase, .. } => vec![self.wheel(*delta, *phase)],
            WindowEvent::Touch(touch) => self.touch(touch),
            WindowEvent::ModifiersChanged(state) => {
                self.modifiers = modifiers(*state);
                vec![egui::Event::ModifiersChanged(self.modifiers)]
            }
            WindowEvent::KeyboardInput { event, .. } => self.key(KeyPress {
                physical: event.physical_key,
                logical: &event.logical_key,
                text: event.text,
                pressed: event.state == ElementState::Pressed,
                repeat: event.repeat,
            }),
            WindowEvent::ReceivedImeText(text) => self.text(text),
            WindowEvent::Focused(focused) => self.focus(*focused),
            WindowEvent::ScaleFactorChanged { scale_factor, .. } => {
                self.set_scale(*scale_factor);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn points(&self, at: PhysicalPosition<f64>) -> egui::Pos2 {
        egui::pos2(at.x as f32 / self.scale, at.y as f32 / self.scale)
    }

    fn button(&self, button: MouseButton, pressed: bool) -> Vec<egui::Event> {
        let button = match button {
            MouseButton::Left => egui::PointerButton::Primary,
            MouseButton::Right => egui::PointerButton::Secondary,
            MouseButton::Middle => egui::PointerButton::Middle,
            // X numbers them 8 and 9, Windows 1 and 2.
            MouseButton::Other(1 | 8) => egui::PointerButton::Extra1,
            MouseButton::Other(2 | 9) => egui::PointerButton::Extra2,
            _ => return Vec::new(),
        };
        vec![egui::Event::PointerButton { pos: self.pointer, button, pressed, modifiers: self.modifiers }]
    }

    fn wheel(&self, delta: MouseScrollDelta, phase: TouchPhase) -> egui::Event {
        let (unit, delta, source) = match delta {
            MouseScrollDelta::PixelDelta(by) => {
                (egui::MouseWheelUnit::Point, egui::vec2(by.x as f32 / self.scale, by.y as f32 / self.scale), egui::MouseWheelSource::Trackpad)
            }
            MouseScrollDelta::LineDelta(x, y) => (egui::MouseWheelUnit::Line, egui::vec2(x, y), egui::MouseWheelSource::Wheel),
            _ => (egui::MouseWheelUnit::Line, egui::Vec2::ZERO, egui::MouseWheelSource::Unknown),
        };
        egui::Event::MouseWheel { unit, delta, phase: touch_phase(phase), source, modifiers: self.modifiers }
    }

    /// Every finger is told as such; the first one is the pointer too, so that what can be clicked can be tapped.
    fn touch(&mut self, touch: &Touch) -> Vec<egui::Event> {
        let pos = self.points(touch.location);
        let phase = touch_phase(touch.phase);
        let id = egui::TouchId(touch.id);
        let mut events = vec![egui::Event::Touch { device_id: egui::TouchDeviceId(0), id, phase, pos, force: None }];
        if *self.finger.get_or_insert(touch.id) != touch.id {
            return events;
        }
        self.pointer = pos;
        let button = |pressed: bool, modifiers| egui::Event::PointerButton { pos, button: egui::PointerButton::Primary, pressed, modifiers };
        match phase {
            egui::TouchPhase::Start => events.extend([egui::Event::PointerMoved(pos), button(true, self.modifiers)]),
            egui::TouchPhase::Move => events.push(egui::Event::PointerMoved(pos)),
            egui::TouchPhase::End => events.extend([button(false, self.modifiers), egui::Event::PointerGone]),
            egui::TouchPhase::Cancel => events.push(egui::Event::PointerGone),
        }
        if matches!(phase, egui::TouchPhase::End | egui::TouchPhase::Cancel) {
            self.finger = None;
        }
        events
    }

    /// egui's events for a key.
    pub fn key(&self, press: KeyPress<'_>) -> Vec<egui::Event> {
        let physical_key = physical(press.physical);
        let logical_key = logical(press.logical);
        let mut events = Vec::new();
        if press.pressed && self.modifiers.command && !press.repeat {
            events.extend(match logical_key {
                Some(egui::Key::C) => Some(egui::Event::Copy),
                Some(egui::Key::X) => Some(egui::Event::Cut),
                _ => None,
            });
        }
        // A key that types something that egui has no name for still counts by its place.
        if let Some(key) = logical_key.or(physical_key) {
            events.push(egui::Event::Key { key, physical_key, pressed: press.pressed, repeat: press.repeat, modifiers: self.modifiers });
        }
        if TEXT_BY_KEYS && press.pressed {
            events.extend(press.text.into_iter().flat_map(|text| self.text(text)));
        }
        events
    }

    /// Typed text, without what only controls, and none while a command is given.
    fn text(&self, text: &str) -> Vec<egui::Event> {
        let shown: String = text.chars().filter(|letter| !letter.is_control()).collect();
        if shown.is_empty() || self.modifiers.command || self.modifiers.ctrl {
            return Vec::new();
        }
        vec![egui::Event::Text(shown)]
    }

    /// A window that is left hears no key go up.
    fn focus(&mut self, focused: bool) -> Vec<egui::Event> {
        let mut events = vec![egui::Event::WindowFocused(focused)];
        if !focused {
            self.modifiers = egui::Modifiers::NONE;
            self.finger = None;
            events.push(egui::Event::ModifiersChanged(self.modifiers));
        }
        events
    }
}

/// Whether an event must be acted upon at once; the others wait for the next frame.
pub fn is_urgent(event: &egui::Event) -> bool {
    matches!(event, egui::Event::Key { .. } | egui::Event::PointerButton { .. } | egui::Event::Text(_) | egui::Event::AccessKitActionRequest(_))
}

fn touch_phase(phase: TouchPhase) -> egui::TouchPhase {
    match phase {
        TouchPhase::Started => egui::TouchPhase::Start,
        TouchPhase::Ended => egui::TouchPhase::End,
        TouchPhase::Cancelled => egui::TouchPhase::Cancel,
        _ => egui::TouchPhase::Move,
    }
}

fn modifiers(state: ModifiersState) -> egui::Modifiers {
    let mac = cfg!(target_os = "macos");
    let (ctrl, logo) = (state.control_key(), state.super_key());
    egui::Modifiers { alt: state.alt_key(), ctrl, shift: state.shift_key(), mac_cmd: mac && logo, command: if mac { logo } else { ctrl } }
}

/// egui names keys by what they type or do; the window system's names differ in a few.
fn logical(key: &Key<'_>) -> Option<egui::Key> {
    match key {
        Key::Character(" ") => Some(egui::Key::Space),
        Key::Character(text) => egui::Key::from_name(text).or_else(|| egui::Key::from_name(&text.to_uppercase())),
        Key::Space => Some(egui::Key::Space),
        Key::Enter => Some(egui::Key::Enter),
        Key::Unidentified(_) | Key::Dead(_) => None,
        other => egui::Key::from_name(&format!("{other:?}")),
    }
}

fn physical(code: KeyCode) -> Option<egui::Key> {
    let name = format!("{code:?}");
    let plain = name.strip_prefix("Key").filter(|rest| rest.len() == 1).unwrap_or(&name);
    match plain {
        "NumpadEnter" => Some(egui::Key::Enter),
        "NumpadAdd" => Some(egui::Key::Plus),
        "NumpadSubtract" => Some(egui::Key::Minus),
        "BracketLeft" => Some(egui::Key::OpenBracket),
        "BracketRight" => Some(egui::Key::CloseBracket),
        "Equal" => Some(egui::Key::Equals),
        "Backquote" => Some(egui::Key::Backtick),
        digit => match digit.strip_prefix("Digit").or_else(|| digit.strip_prefix("Numpad")) {
            Some(number) => egui::Key::from_name(number),
            None => egui::Key::from_name(plain),
        },
    }
}

#[cfg(test)]
mod tests {
    use tauri_runtime_wry::tao::event::DeviceId;

    use super::*;

    fn device() -> DeviceId {
        // SAFETY: a made-up device is only ever compared.
        unsafe { DeviceId::dummy() }
    }

    fn moved(x: f64, y: f64) -> WindowEvent<'static> {
        WindowEvent::CursorMoved { device_id: device(), position: PhysicalPosition::new(x, y), modifiers: ModifiersState::empty() }
    }

    fn pressed(button: MouseButton, state: ElementState) -> WindowEvent<'static> {
        WindowEvent::MouseInput { device_id: device(), state, button, modifiers: ModifiersState::empty() }
    }

    fn wheel(delta: MouseScrollDelta) -> WindowEvent<'static> {
        WindowEvent::MouseWheel { device_id: device(), delta, phase: TouchPhase::Moved, modifiers: ModifiersState::empty() }
    }

    #[track_caller]
    fn check_key(physical: KeyCode, logical: Key<'_>, held: ModifiersState, expect: Option<(egui::Key, Option<egui::Key>)>) {
        let mut translator = Translator::new(1.0);
        translator.translate(&WindowEvent::ModifiersChanged(held));
        let events = translator.key(KeyPress { physical, logical: &logical, text: None, pressed: true, repeat: false });
        let found = events.iter().find_map(|event| match event {
            egui::Event::Key { key, physical_key, pressed: true, modifiers, .. } => {
                assert_eq!(modifiers.shift, held.shift_key());
                Some((*key, *physical_key))
            }
            _ => None,
        });
        assert_eq!(found, expect, "{events:?}");
    }

    #[test]
    fn keys_carry_what_they_mean_and_where_they_lie() {
        use egui::Key as E;
        let none = ModifiersState::empty();
        check_key(KeyCode::Digit2, Key::Character("2"), none, Some((E::Num2, Some(E::Num2))));
        check_key(KeyCode::Numpad2, Key::Character("2"), none, Some((E::Num2, Some(E::Num2))));
        check_key(KeyCode::Digit2, Key::Character("@"), ModifiersState::SHIFT, Some((E::Num2, Some(E::Num2))));
        // A French keyboard types digits only with Shift; its places are those of every other.
        check_key(KeyCode::Digit2, Key::Character("é"), none, Some((E::Num2, Some(E::Num2))));
        check_key(KeyCode::KeyQ, Key::Character("a"), none, Some((E::A, Some(E::Q))));
        check_key(KeyCode::KeyA, Key::Character("A"), ModifiersState::SHIFT, Some((E::A, Some(E::A))));
        check_key(KeyCode::Space, Key::Space, none, Some((E::Space, Some(E::Space))));
        check_key(KeyCode::Space, Key::Character(" "), none, Some((E::Space, Some(E::Space))));
        check_key(KeyCode::Enter, Key::Enter, none, Some((E::Enter, Some(E::Enter))));
        check_key(KeyCode::NumpadEnter, Key::Enter, none, Some((E::Enter, Some(E::Enter))));
        check_key(KeyCode::Slash, Key::Character("?"), ModifiersState::SHIFT, Some((E::Questionmark, Some(E::Slash))));
        check_key(KeyCode::ArrowLeft, Key::ArrowLeft, none, Some((E::ArrowLeft, Some(E::ArrowLeft))));
        check_key(KeyCode::Escape, Key::Escape, none, Some((E::Escape, Some(E::Escape))));
        check_key(KeyCode::F11, Key::F11, none, Some((E::F11, Some(E::F11))));
    }

    #[test]
    fn positions_are_points() {
        let mut translator = Translator::new(2.0);
        assert_eq!(translator.translate(&moved(100.0, 50.0)), [egui::Event::PointerMoved(egui::pos2(50.0, 25.0))]);
        let down = translator.translate(&pressed(MouseButton::Left, ElementState::Pressed));
        assert!(
            matches!(down[..], [egui::Event::PointerButton { pos, button: egui::PointerButton::Primary, pressed: true, .. }] if pos == egui::pos2(50.0, 25.0))
        );
        let mut size = tauri_runtime_wry::tao::dpi::PhysicalSize::new(1, 1);
        assert!(translator.translate(&WindowEvent::ScaleFactorChanged { scale_factor: 1.0, new_inner_size: &mut size }).is_empty());
        assert_eq!(translator.translate(&moved(100.0, 50.0)), [egui::Event::PointerMoved(egui::pos2(100.0, 50.0))]);
    }

    #[test]
    fn a_wheel_turns_in_lines_and_a_touchpad_in_points() {
        let mut translator = Translator::new(2.0);
        let turned = |events: Vec<egui::Event>| match events.first() {
            Some(egui::Event::MouseWheel { unit, delta, .. }) => Some((*unit, *delta)),
            _ => None,
        };
        assert_eq!(turned(translator.translate(&wheel(MouseScrollDelta::LineDelta(0.0, -1.0)))), Some((egui::MouseWheelUnit::Line, egui::vec2(0.0, -1.0))));
        let pixels = MouseScrollDelta::PixelDelta(PhysicalPosition::new(0.0, 30.0));
        assert_eq!(turned(translator.translate(&wheel(pixels))), Some((egui::MouseWheelUnit::Point, egui::vec2(0.0, 15.0))));
    }

    fn finger(id: u64, phase: TouchPhase, x: f64) -> WindowEvent<'static> {
        WindowEvent::Touch(Touch { device_id: device(), phase, location: PhysicalPosition::new(x, 0.0), force: None, id })
    }

    #[test]
    fn the_first_finger_taps_and_a_second_does_not() {
        let mut translator = Translator::new(1.0);
        let buttons = |events: &[egui::Event]| events.iter().filter(|event| matches!(event, egui::Event::PointerButton { .. })).count();
        assert_eq!(buttons(&translator.translate(&finger(7, TouchPhase::Started, 10.0))), 1);
        assert_eq!(buttons(&translator.translate(&finger(8, TouchPhase::Started, 90.0))), 0);
        let up = translator.translate(&finger(7, TouchPhase::Ended, 10.0));
        assert!(matches!(up.last(), Some(egui::Event::PointerGone)) && buttons(&up) == 1, "{up:?}");
        assert_eq!(buttons(&translator.translate(&finger(8, TouchPhase::Ended, 90.0))), 1, "the next finger is the pointer now");
    }

    #[test]
    fn text_is_typed_and_commands_are_not() {
        let mut translator = Translator::new(1.0);
        assert_eq!(translator.translate(&WindowEvent::ReceivedImeText("é\r".into())), [egui::Event::Text("é".into())]);
        translator.translate(&WindowEvent::ModifiersChanged(ModifiersState::CONTROL));
        assert!(translator.translate(&WindowEvent::ReceivedImeText("a".into())).is_empty());
    }

    #[test]
    fn a_window_that_is_left_holds_no_modifier() {
        let mut translator = Translator::new(1.0);
        translator.translate(&WindowEvent::ModifiersChanged(ModifiersState::SHIFT));
        let left = translator.translate(&WindowEvent::Focused(false));
        assert!(left.contains(&egui::Event::ModifiersChanged(egui::Modifiers::NONE)), "{left:?}");
        let Some(egui::Event::PointerButton { modifiers, .. }) = translator.translate(&pressed(MouseButton::Left, ElementState::Pressed)).pop() else {
            panic!("a button")
        };
        assert!(modifiers.is_none());
    }

    #[test]
    fn an_absurd_scale_is_one() {
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Translator::new(scale).scale, 1.0);
        }
    }
}
