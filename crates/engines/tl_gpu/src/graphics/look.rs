//! Team colours and what can be read on them.

/// A colour that nobody could read as a team's.
const NEUTRAL: &str = "#64748b";
/// Words on dark and on light colours.
const ON_DARK: &str = "#ffffff";
const ON_LIGHT: &str = "#0b0f15";

/// A colour as `#rrggbb` and the colour of words on it.
pub(crate) fn colours(wanted: &str) -> (String, &'static str) {
    let Some(rgb) = parse(wanted) else { return (NEUTRAL.into(), ON_DARK) };
    let [r, g, b] = rgb;
    let own = luminance(rgb);
    let contrast = |other: f64| (own.max(other) + 0.05) / (own.min(other) + 0.05);
    let on_light = luminance([0x0b, 0x0f, 0x15]);
    (format!("#{r:02x}{g:02x}{b:02x}"), if contrast(1.0) >= contrast(on_light) { ON_DARK } else { ON_LIGHT })
}

fn parse(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([byte(0)?, byte(2)?, byte(4)?])
}

/// Relative luminance by WCAG 2.
fn luminance(rgb: [u8; 3]) -> f64 {
    let [r, g, b] = rgb.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_black_or_white_by_contrast() {
        for (colour, words) in
            [("#000000", ON_DARK), ("#FFFFFF", ON_LIGHT), ("#1d4fd8", ON_DARK), ("#ffd400", ON_LIGHT), ("#b3131d", ON_DARK), ("#7fd14b", ON_LIGHT)]
        {
            assert_eq!(colours(colour), (colour.to_lowercase(), words));
        }
    }

    #[test]
    fn what_is_no_colour_is_neutral() {
        for bad in ["", "red", "#12345", "#12345g", "#1234567", "\"/><script>", "#äöü"] {
            assert_eq!(colours(bad).0, NEUTRAL);
        }
    }
}
