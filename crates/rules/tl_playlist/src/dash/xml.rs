//! XML as it is written here: elements, attributes, no text.
//!
//! Forty lines, since a manifest needs no more: names are constants of this crate, and values are escaped. A library would
//! bring a reader, namespaces and encodings that nothing here asks for.

use std::fmt::{Display, Write};

/// A document that grows from front to back.
#[derive(Debug)]
pub(crate) struct Xml {
    out: String,
    open: Vec<&'static str>,
}

impl Xml {
    pub fn new() -> Self {
        Self { out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), open: Vec::new() }
    }

    /// An element without children.
    pub fn leaf(&mut self, name: &'static str, attributes: &[(&str, &dyn Display)]) {
        self.start(name, attributes);
        self.out.push_str("/>\n");
    }

    /// An element whose children follow, until [`Xml::close`].
    pub fn open(&mut self, name: &'static str, attributes: &[(&str, &dyn Display)]) {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.open.push(name);
    }

    /// Ends the innermost open element.
    pub fn close(&mut self) {
        let Some(name) = self.open.pop() else { return tl_base::never!("no element is open") };
        self.indent();
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
    }

    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn indent(&mut self) {
        for _ in &self.open {
            self.out.push(' ');
        }
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            if write!(Escaped(&mut self.out), "{value}").is_err() {
                tl_base::never!("writing to a string cannot fail");
            }
            self.out.push('"');
        }
    }
}

/// Writes what may stand in an attribute's value (XML 1.0, 2.3, 2.2 and 3.3.3).
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\t' | '\n' | '\r' => self.0.push_str(&format!("&#{};", c as u32)),
                // These cannot be said in XML at all.
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_elements_are_closed() {
        let mut xml = Xml::new();
        xml.open("a", &[("v", &"<\"&'>\n\u{1}é")]);
        xml.leaf("b", &[]);
        assert_eq!(xml.finish(), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a v=\"&lt;&quot;&amp;'&gt;&#10;\u{fffd}é\">\n <b/>\n</a>\n");
    }
}
