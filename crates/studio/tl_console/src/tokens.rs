//! Colour, type, space, radius and motion, as `assets/tokens.json` has them.
//!
//! Red, green and amber ([`meaning`]) are on air, next and attention, and nothing else; blue is for what can be pressed.

#![expect(dead_code, reason = "the tokens are one set for all surfaces, of which the console uses a part")]

include!(concat!(env!("OUT_DIR"), "/tokens.rs"));

#[cfg(test)]
mod tests {
    use egui::Color32;

    use super::*;

    const FILE: &str = include_str!("../../../../assets/tokens.json");

    #[test]
    fn the_constants_are_the_files() {
        let file: serde_json::Value = serde_json::from_str(FILE).expect("JSON");
        let check = |pointer: &str, colour: Color32| {
            let told = file.pointer(pointer).and_then(serde_json::Value::as_str).expect(pointer);
            assert_eq!(Color32::from_hex(told).expect(pointer), colour, "{pointer}");
        };
        check("/colour/dark/ground", dark::GROUND);
        check("/colour/dark/text", dark::TEXT);
        check("/colour/dark/press", dark::PRESS);
        check("/colour/dark/shadow", dark::SHADOW);
        check("/colour/meaning/on_air", meaning::ON_AIR);
        check("/colour/meaning/next_on_dark", meaning::NEXT_ON_DARK);
        check("/colour/meaning/attention", meaning::ATTENTION);
        let number = |pointer: &str| file.pointer(pointer).and_then(serde_json::Value::as_f64).expect(pointer) as f32;
        assert_eq!(size::BODY, number("/type/size_px/body"));
        assert_eq!(space::S4, number("/space_px/4"));
        assert_eq!(target::CONSOLE, number("/target_px/console"));
        assert_eq!(f32::from(radius::NORMAL), number("/radius_px/normal"));
    }

    /// Relative luminance as WCAG 2.2 defines it.
    fn luminance(colour: Color32) -> f64 {
        let linear = |byte: u8| {
            let share = f64::from(byte) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(first: Color32, second: Color32) -> f64 {
        let (first, second) = (luminance(first), luminance(second));
        (first.max(second) + 0.05) / (first.min(second) + 0.05)
    }

    #[test]
    fn words_can_be_read_in_a_dim_rink() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.001);
        for ground in [dark::GROUND, dark::SURFACE, dark::RAISED] {
            for text in [dark::TEXT, dark::TEXT_MUTED, meaning::ATTENTION_ON_DARK, meaning::NEXT_ON_DARK] {
                assert!(contrast(text, ground) >= 7.0, "{text:?} on {ground:?}: {}", contrast(text, ground));
            }
            for text in [dark::TEXT_FAINT, meaning::ON_AIR_ON_DARK, dark::LINK] {
                assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
            }
        }
        for (text, ground) in [
            (dark::TEXT, dark::OVERLAY),
            (dark::PRESS_TEXT, dark::PRESS),
            (dark::PRESS_TEXT, dark::PRESS_HOVER),
            (dark::PRESS_TEXT, dark::PRESS_ACTIVE),
            (meaning::ON_AIR_TEXT, meaning::ON_AIR),
            (meaning::ATTENTION_TEXT, meaning::ATTENTION),
            (meaning::NEXT_TEXT, meaning::NEXT),
        ] {
            assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
        }
    }
}
