//! What a caller says of itself in SRT's stream id (SRT Access Control guidelines, version 1).

/// The longest stream id that SRT carries.
const MAX_BYTES: usize = 512;

/// A stream id, read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamId<'a> {
    /// What is asked for: the whole text, or `r=` of access control.
    resource: &'a str,
    /// Whether the caller wants to receive rather than send.
    requests: bool,
}

impl<'a> StreamId<'a> {
    /// Reads a text; none when it is too long or asks for what is not spoken here.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return None;
        }
        let Some(list) = text.strip_prefix("#!::") else { return Some(Self { resource: text, requests: false }) };
        let mut id = Self::default();
        for (key, value) in list.split(',').filter_map(|pair| pair.split_once('=')) {
            match key {
                "r" => id.resource = value,
                "m" => id.requests = value == "request",
                _ => {}
            }
        }
        Some(id)
    }

    /// Whether a caller with this id may send to a slot that wants `wanted`.
    pub(super) fn may_send(self, wanted: Option<&str>) -> bool {
        !self.requests && wanted.is_none_or(|wanted| same(wanted.as_bytes(), self.resource.as_bytes()))
    }
}

/// Compares without telling by its time where two texts part.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Option<&str>, expect: bool) {
        assert_eq!(StreamId::parse(text).is_some_and(|id| id.may_send(wanted)), expect, "{text} for {wanted:?}");
    }

    #[test]
    fn the_right_caller_may_send() {
        check("cam1-x7", Some("cam1-x7"), true);
        check("#!::r=cam1-x7,m=publish", Some("cam1-x7"), true);
        check("#!::u=anna,r=cam1-x7", Some("cam1-x7"), true);
        check("", None, true);
        check("whatever", None, true);
    }

    #[test]
    fn others_may_not() {
        for text in ["", "cam1", "cam1-x8", "#!::r=cam1-x8", "#!::m=publish", "#!::r=cam1-x7,m=request", "cam1-x7\n", "#!::r"] {
            check(text, Some("cam1-x7"), false);
        }
        check("#!::m=request", None, false);
        check(&"x".repeat(600), None, false);
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        bolero::check!().with_type::<String>().for_each(|text: &String| {
            for text in [text.clone(), format!("#!::{text}"), format!("#!::r={text}")] {
                if let Some(id) = StreamId::parse(&text) {
                    assert!(id.resource.len() <= text.len());
                }
            }
        });
    }
}
