//! What the keys ask for; the control page treats them alike.

use egui::{Event, Key};
use tl_base::SlotId;
use tl_show::Action;
use tl_wire::Snapshot;

/// What a key asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Pressed {
    /// Something of the show.
    Act(Action),
    /// The list of keys.
    Help,
    /// Fill the screen or leave it.
    FullScreen,
    /// Close what lies on top, else leave the full screen.
    Back,
}

/// A key that was just pressed down: not held, and without Ctrl, Alt or Command.
#[derive(Clone, Copy, Debug)]
pub struct Press {
    key: Key,
    /// Where it lies, so that Shift and 1 is 1 on every keyboard and on the number pad.
    place: Key,
    shift: bool,
}

impl Press {
    /// Reads an event; none when it is anything else.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Key { key, physical_key, pressed: true, repeat: false, modifiers } if !modifiers.ctrl && !modifiers.alt && !modifiers.command => {
                Some(Self { key: *key, place: physical_key.unwrap_or(*key), shift: modifiers.shift })
            }
            _ => None,
        }
    }

    /// Whether a button that the keyboard has reached takes it.
    pub fn presses_button(&self) -> bool {
        matches!(self.key, Key::Space | Key::Enter)
    }

    /// What it asks for. Keys of the show need a show; a digit without its camera asks for nothing.
    pub fn asks(&self, show: Option<&Snapshot>) -> Option<Pressed> {
        if let Some(slot) = digit(self.place) {
            let known = show.is_some_and(|show| show.cameras.iter().any(|camera| camera.slot == slot));
            let action = if self.shift { Action::Preview { slot } } else { Action::Cut { slot } };
            return known.then_some(Pressed::Act(action));
        }
        match (self.key, self.shift) {
            (Key::Questionmark, _) => Some(Pressed::Help),
            // What `?` is where the shell tells only the key's place.
            (Key::Slash, true) if self.place == Key::Slash => Some(Pressed::Help),
            (Key::F11, false) => Some(Pressed::FullScreen),
            (Key::Escape, false) => Some(Pressed::Back),
            (Key::Space, false) => show.map(|_| Pressed::Act(Action::Take {})),
            (Key::Enter, false) => show.map(|_| Pressed::Act(Action::Mix { kind: None, duration_ms: None })),
            (Key::B, false) => show.map(|show| Pressed::Act(Action::Slate { on: !show.program.slate })),
            _ => None,
        }
    }
}

fn digit(key: Key) -> Option<SlotId> {
    const DIGITS: [Key; 9] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
    DIGITS.iter().zip(1..).find(|(digit, _)| **digit == key).map(|(_, slot)| SlotId(slot))
}
