//! Words and numbers as people read them.

/// `1:02:03` or `2:03`.
pub fn duration(secs: f64) -> String {
    let secs = secs.max(0.0) as u64;
    if secs >= 3_600 { format!("{}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60) } else { format!("{}:{:02}", secs / 60, secs % 60) }
}

/// A number with one decimal, or a dash for what was not measured.
pub fn number(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}{unit}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_read_like_a_clock() {
        assert_eq!((super::duration(59.9), super::duration(3_723.0)), ("0:59".to_owned(), "1:02:03".to_owned()));
        assert_eq!(super::number(None, " ms"), "–");
    }
}
