//! Reads fields one by one; each bad one costs itself alone.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use tl_base::{MediaTime, SlotId};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// The most problems that are told; a file with more is not ours.
const MAX_PROBLEMS: usize = 64;

/// One pass over a settings file.
pub(super) struct Reader<'t> {
    text: &'t str,
    path: &'t Path,
    problems: Vec<Problem>,
    /// Lines that could not be understood at all: their fields are not complained about twice.
    broken_lines: BTreeSet<usize>,
    /// Every key that was asked for, `section.key`.
    pub(super) known: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, path: &'t Path) -> Self {
        Self { text, path, problems: Vec::new(), broken_lines: BTreeSet::new(), known: BTreeSet::new() }
    }

    /// Parses the text and lets `read` take its fields.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&mut Self, &DeTable<'_>) -> T) -> T {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let line = self.line_of(error.span().map_or(0, |span| span.start));
            if self.broken_lines.insert(line) {
                self.add(line, String::new(), format!("not understood: {}; correct this line, the rest of the file is used", one_line(error.message())));
            }
        }
        read(self, root.get_ref())
    }

    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }

    /// Folder at which relative paths start.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Complains about sections that do not exist.
    pub(super) fn sections(&mut self, root: &DeTable<'_>, names: &[&str]) {
        for (key, _) in root.iter().filter(|(key, _)| !names.contains(&key.get_ref().as_ref())) {
            let line = self.line_of(key.span().start);
            let message = format!("there is no such section; the sections are {}", names.join(", "));
            self.problem_at(line, short(key.get_ref()), message);
        }
    }

    /// The fields of a section; one that is missing has none.
    pub(super) fn section<'r, 'v>(&'r mut self, parent: &'v DeTable<'v>, name: &str) -> Section<'r, 't, 'v> {
        let found = parent.get(name);
        if let Some(value) = found.filter(|value| value.get_ref().as_table().is_none()) {
            let line = self.line_of(value.span().start);
            self.problem_at(line, name.to_owned(), format!("this is a section: write [{name}] on a line of its own"));
        }
        let line = found.map_or(0, |value| self.line_of(value.span().start));
        Section { reader: self, prefix: name.to_owned(), line, table: found.and_then(|value| value.get_ref().as_table()), asked: Vec::new() }
    }

    /// The tables of an array of tables, `[[name]]`.
    pub(super) fn tables<'v>(&mut self, parent: &'v DeTable<'v>, name: &str, most: usize) -> Vec<(usize, &'v DeTable<'v>)> {
        let Some(value) = parent.get(name) else { return Vec::new() };
        let line = self.line_of(value.span().start);
        let Some(array) = value.get_ref().as_array() else {
            self.problem_at(line, name.to_owned(), format!("there may be several of these: write [[{name}]] on a line of its own"));
            return Vec::new();
        };
        if array.len() > most {
            self.problem_at(line, name.to_owned(), format!("there are {} of these, at most {most} are used", array.len()));
        }
        let line_of = |value: &Spanned<DeValue<'_>>| self.line_of(value.span().start);
        array.iter().take(most).filter_map(|value| value.get_ref().as_table().map(|table| (line_of(value), table))).collect()
    }

    /// A section that is an element of [`Reader::tables`].
    pub(super) fn element<'r, 'v>(&'r mut self, name: &str, line: usize, table: &'v DeTable<'v>) -> Section<'r, 't, 'v> {
        Section { reader: self, prefix: name.to_owned(), line, table: Some(table), asked: Vec::new() }
    }

    fn line_of(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    fn problem_at(&mut self, line: usize, key: String, message: String) {
        if !self.broken_lines.contains(&line) {
            self.add(line, key, message);
        }
    }

    fn add(&mut self, line: usize, key: String, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { file: self.path.display().to_string(), line, key, message });
        }
    }
}

/// The fields of one section. Each is asked for by its name; [`Section::finish`] complains about the others.
pub(super) struct Section<'r, 't, 'v> {
    reader: &'r mut Reader<'t>,
    prefix: String,
    line: usize,
    table: Option<&'v DeTable<'v>>,
    asked: Vec<String>,
}

impl<'t, 'v> Section<'_, 't, 'v> {
    /// A whole number within a range.
    pub(super) fn whole<T: TryFrom<i64> + Display>(&mut self, key: &str, range: RangeInclusive<i64>, default: T) -> T {
        let Some((line, value)) = self.take(key) else { return default };
        let read = whole_of(value).filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        read.unwrap_or_else(|| {
            let message = format!("{} is not a whole number from {} to {}; using {default}", shown(value), range.start(), range.end());
            self.complain(line, key, message);
            default
        })
    }

    /// The same without a default.
    pub(super) fn optional_whole<T: TryFrom<i64>>(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<T> {
        let (line, value) = self.take(key)?;
        let read = whole_of(value).filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        if read.is_none() {
            let message = format!("{} is not a whole number from {} to {}; it is left out", shown(value), range.start(), range.end());
            self.complain(line, key, message);
        }
        read
    }

    /// The place of a source: a camera's number, or the word of a microphone.
    pub(super) fn slot(&mut self, key: &str) -> Option<SlotId> {
        let (_, value) = self.take(key)?;
        let number = || whole_of(value).and_then(|number| u16::try_from(number).ok()).map(SlotId).filter(|slot| slot.is_camera());
        value.as_str().and_then(SlotId::parse).or_else(number)
    }

    /// A number of pixels, even.
    pub(super) fn even(&mut self, key: &str, range: RangeInclusive<i64>, default: u32) -> u32 {
        let number = self.whole(key, range, default);
        if number.is_multiple_of(2) {
            return number;
        }
        self.problem(key, format!("{number} is odd; pictures need even sides, using {}", number - 1));
        number - 1
    }

    /// A duration in whole milliseconds.
    pub(super) fn millis(&mut self, key: &str, range: RangeInclusive<i64>, default: MediaTime) -> MediaTime {
        MediaTime::from_millis(self.whole(key, range, default.nanos() / 1_000_000))
    }

    /// A number that may have a fraction.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<f64>, default: f64) -> f64 {
        let Some((line, value)) = self.take(key) else { return default };
        let read = match value {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            other => whole_of(other).map(|number| number as f64),
        };
        read.filter(|number| range.contains(number)).unwrap_or_else(|| {
            let message = format!("{} is not a number from {} to {}; using {default}", shown(value), range.start(), range.end());
            self.complain(line, key, message);
            default
        })
    }

    /// One of a few numbers.
    pub(super) fn one_of(&mut self, key: &str, choices: &[u32], default: u32) -> u32 {
        let Some((line, value)) = self.take(key) else { return default };
        let read = whole_of(value).and_then(|number| choices.iter().copied().find(|choice| i64::from(*choice) == number));
        read.unwrap_or_else(|| {
            let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
            self.complain(line, key, format!("{} is not one of {}; using {default}", shown(value), choices.join(", ")));
            default
        })
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some((line, value)) = self.take(key) else { return default };
        value.as_bool().unwrap_or_else(|| {
            self.complain(line, key, format!("{} is neither true nor false; using {default}", shown(value)));
            default
        })
    }

    /// One of a few words; the first is the default.
    pub(super) fn one_word(&mut self, key: &str, choices: &[&'static str]) -> &'static str {
        let default = choices.first().copied().unwrap_or_default();
        let Some((line, value)) = self.take(key) else { return default };
        let read = value.as_str().and_then(|text| choices.iter().copied().find(|choice| *choice == text));
        read.unwrap_or_else(|| {
            self.complain(line, key, format!("{} is not one of {}; using {default}", shown(value), choices.join(", ")));
            default
        })
    }

    /// A text of 1 to `most` characters without control characters; none when it is missing, empty or bad.
    pub(super) fn text(&mut self, key: &str, most: usize) -> Option<(usize, String)> {
        let (line, value) = self.take(key)?;
        match value.as_str() {
            Some("") => None,
            Some(text) if text.chars().count() <= most && !text.chars().any(char::is_control) => Some((line, text.to_owned())),
            // What stands here may be a secret, so it is not repeated.
            _ => {
                self.complain(line, key, format!("this is not a text of up to {most} characters on one line; it is left out"));
                None
            }
        }
    }

    /// A plain word: letters, digits, `_` and `-`.
    pub(super) fn word(&mut self, key: &str) -> Option<String> {
        let (line, text) = self.text(key, 64)?;
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !plain {
            self.complain(line, key, format!("{text:?} is not a plain word; it is left out"));
        }
        plain.then_some(text)
    }

    /// A path; a relative one starts at the settings file's folder.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let (_, text) = self.text(key, 1_024)?;
        Some(self.reader.folder().join(text))
    }

    /// An IP address to listen at.
    pub(super) fn address(&mut self, key: &str, default: IpAddr) -> IpAddr {
        let Some((line, text)) = self.text(key, 64) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.complain(line, key, format!("{text:?} is not an IP address; using {default}"));
            default
        })
    }

    /// A list of host names.
    pub(super) fn names(&mut self, key: &str, most: usize) -> Vec<String> {
        let Some((line, value)) = self.take(key) else { return Vec::new() };
        let is_name = |name: &str| {
            (1..=253).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
                && !name.starts_with(['-', '.'])
        };
        let array = value.as_array();
        let good: Vec<String> = array
            .into_iter()
            .flat_map(|array| array.iter())
            .filter_map(|name| name.get_ref().as_str())
            .filter(|name| is_name(name))
            .map(str::to_ascii_lowercase)
            .take(most)
            .collect();
        if array.is_none_or(|array| array.len() != good.len()) {
            self.complain(line, key, format!("this is not a list of up to {most} host names; what is not one is left out"));
        }
        good
    }

    /// A section within this one.
    pub(super) fn inner<'s>(&'s mut self, name: &str) -> Section<'s, 't, 'v> {
        self.asked.push(name.to_owned());
        let prefix = format!("{}.{name}", self.prefix);
        let found = self.table.and_then(|table| table.get(name));
        if let Some(value) = found.filter(|value| value.get_ref().as_table().is_none()) {
            let line = self.reader.line_of(value.span().start);
            self.reader.problem_at(line, prefix.clone(), format!("this is a section: write [{prefix}] on a line of its own"));
        }
        Section { reader: &mut *self.reader, prefix, line: self.line, table: found.and_then(|value| value.get_ref().as_table()), asked: Vec::new() }
    }

    /// Tells a problem with a key of this section.
    pub(super) fn problem(&mut self, key: &str, message: String) {
        let line = self.table.and_then(|table| find(table, key)).map_or(self.line, |(at, _)| self.reader.line_of(at));
        self.complain(line, key, message);
    }

    /// Complains about keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            if !self.asked.iter().any(|asked| asked == key.get_ref()) {
                let line = self.reader.line_of(key.span().start);
                let message = format!("there is no such key; the keys here are {}", self.asked.join(", "));
                self.reader.problem_at(line, format!("{}.{}", self.prefix, short(key.get_ref())), message);
            }
        }
    }

    fn take(&mut self, key: &str) -> Option<(usize, &'v DeValue<'v>)> {
        self.asked.push(key.to_owned());
        self.reader.known.insert(format!("{}.{key}", self.prefix));
        let (at, value) = find(self.table?, key)?;
        Some((self.reader.line_of(at), value.get_ref()))
    }

    fn complain(&mut self, line: usize, key: &str, message: String) {
        self.reader.problem_at(line, format!("{}.{key}", self.prefix), message);
    }
}

/// A field and where its key stands; a value that was not understood has no place of its own.
fn find<'v>(table: &'v DeTable<'v>, key: &str) -> Option<(usize, &'v Spanned<DeValue<'v>>)> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| (name.span().start, value))
}

fn whole_of(value: &DeValue<'_>) -> Option<i64> {
    value.as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
}

/// A value as a problem shows it: short, on one line.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", short(text)),
        DeValue::Integer(number) => short(number.as_str()),
        DeValue::Float(number) => short(number.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        other => format!("this {}", other.type_str()),
    }
}

fn short(text: &str) -> String {
    one_line(&text.chars().take(40).collect::<String>())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
