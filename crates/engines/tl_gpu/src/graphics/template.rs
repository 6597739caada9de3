//! Drawings with words to fill in.

/// Fills `{{name}}` in a drawing. Values are plain words or numbers and are escaped; a name without a value becomes empty.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    fill_with(template, |name, out| {
        if let Some((_, value)) = values.iter().find(|(key, _)| *key == name) {
            out.push_str(&escape(value));
        }
    })
}

fn fill_with(template: &str, mut value: impl FnMut(&str, &mut String)) -> String {
    let mut out = String::with_capacity(template.len() + 128);
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((name, after)) = behind.split_once("}}") else { break };
        out.push_str(before);
        value(name.trim(), &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Text as it may stand in an XML document; characters that may not stand there leave.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_escaped() {
        assert_eq!(fill("<a>{{x}}{{ y }}{{none}}</a>", &[("x", "1 < 2"), ("y", "\u{7}&")]), "<a>1 &lt; 2&amp;</a>");
        assert_eq!(fill("{{x", &[("x", "1")]), "{{x");
    }

    #[test]
    fn a_value_is_never_a_name() {
        assert_eq!(fill("{{x}}", &[("x", "{{y}}"), ("y", "no")]), "{{y}}");
    }
}
