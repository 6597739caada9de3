//! Licence expressions: `MIT OR (Apache-2.0 AND BSD-3-Clause)`.

/// Whether an expression can be fulfilled with licences for which `allowed` is true. `Some` names what stands in the way.
pub fn obstacle(expression: &str, allowed: impl Fn(&str) -> bool) -> Option<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed: &allowed };
    match reader.either(0) {
        Some(true) if reader.words.is_empty() => None,
        Some(_) if reader.words.is_empty() => Some(expression.to_owned()),
        _ => Some(format!("{expression} (not understood)")),
    }
}

/// Parentheses deeper than this are not a licence.
const MAX_DEPTH: usize = 16;

struct Reader<'a, F> {
    words: &'a [&'a str],
    allowed: &'a F,
}

impl<F: Fn(&str) -> bool> Reader<'_, F> {
    fn take(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is = self.words.first().is_some_and(|first| first.eq_ignore_ascii_case(word));
        if is {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        is
    }

    fn either(&mut self, depth: usize) -> Option<bool> {
        let mut result = self.both(depth)?;
        while self.take_if("OR") {
            result |= self.both(depth)?;
        }
        Some(result)
    }

    fn both(&mut self, depth: usize) -> Option<bool> {
        let mut result = self.one(depth)?;
        while self.take_if("AND") {
            result &= self.one(depth)?;
        }
        Some(result)
    }

    fn one(&mut self, depth: usize) -> Option<bool> {
        if self.take_if("(") {
            let inner = if depth < MAX_DEPTH { self.either(depth + 1)? } else { return None };
            return self.take_if(")").then_some(inner);
        }
        let mut licence = self.take()?.to_owned();
        if self.take_if("WITH") {
            licence = format!("{licence} WITH {}", self.take()?);
        }
        Some((self.allowed)(&licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expect: bool) {
        let allowed = |licence: &str| ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"].contains(&licence);
        assert_eq!(obstacle(expression, allowed).is_none(), expect, "{expression}");
    }

    #[test]
    fn expressions_are_fulfilled_or_not() {
        check("MIT", true);
        check("GPL-3.0-only", false);
        check("MIT OR GPL-3.0-only", true);
        check("MIT AND GPL-3.0-only", false);
        check("MIT/Apache-2.0", true);
        check("(GPL-2.0 OR MIT) AND ISC", true);
        check("GPL-2.0 OR (MIT AND AGPL-3.0)", false);
        check("Apache-2.0 WITH LLVM-exception OR X", true);
        check("Apache-2.0 WITH Other-exception", false);
        check("", false);
        check("MIT OR", false);
        check("(MIT", false);
        check("MIT ISC", false);
        check(&"(".repeat(100_000), false);
    }
}
