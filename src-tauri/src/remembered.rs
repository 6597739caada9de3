//! What the window remembers from one start to the next, in the data folder.
//!
//! The file is replaced in one step. What cannot be read costs the part that cannot be read, and one line.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file's name in the data folder.
const FILE: &str = "window.json";
/// The smallest window that the console fits into, points.
pub const SMALLEST: (f64, f64) = (960.0, 540.0);
/// A side at most, points: more is a broken file.
const LARGEST: f64 = 16_384.0;

/// Where a window is, points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its left top corner on the desktop; none: the window system chooses.
    pub at: Option<(f64, f64)>,
    /// Its width and height.
    pub size: (f64, f64),
    /// It fills its screen's work area.
    pub maximised: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { at: None, size: (1_280.0, 720.0), maximised: false }
    }
}

impl Place {
    /// The same within what a window can be.
    pub fn sane(self) -> Self {
        let side = |side: f64, least: f64, usual: f64| if side.is_finite() && side <= LARGEST { side.max(least) } else { usual };
        let usual = Self::default();
        let at = self.at.filter(|(x, y)| [x, y].iter().all(|side| side.is_finite() && side.abs() <= LARGEST));
        Self { at, size: (side(self.size.0, SMALLEST.0, usual.size.0), side(self.size.1, SMALLEST.1, usual.size.1)), ..self }
    }
}

/// Everything that is remembered.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The multiview's window.
    pub multiview: Place,
    /// Whether it fills a screen.
    pub full_screen: bool,
    /// Whether the control page was open.
    pub desk_open: bool,
    /// The console's own arrangement.
    pub console: tl_console::Layout,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { multiview: Place::default(), full_screen: false, desk_open: true, console: tl_console::Layout::default() }
    }
}

impl Remembered {
    /// What the folder holds; where that is broken, the usual, and one line that says so.
    pub fn read(folder: &Path) -> (Self, Option<String>) {
        let path = place_of(folder);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Err(error) => return (Self::default(), Some(broken(&path, &error.to_string()))),
        };
        let (remembered, lost) = Self::parse(&text);
        (remembered, lost.map(|what| broken(&path, &what)))
    }

    /// Each part for itself; what is lost is named.
    fn parse(text: &str) -> (Self, Option<String>) {
        let usual = Self::default();
        let Ok(Value::Object(parts)) = serde_json::from_str::<Value>(text) else { return (usual, Some("it is no JSON object".into())) };
        let mut lost = Vec::new();
        let mut part = |name: &'static str| {
            let value = parts.get(name).cloned();
            if value.is_none() {
                lost.push(name);
            }
            value
        };
        let (multiview, full_screen, desk_open, console) = (part("multiview"), part("full_screen"), part("desk_open"), part("console"));
        let multiview = take(multiview, "multiview", usual.multiview, &mut lost).sane();
        let full_screen = take(full_screen, "full_screen", usual.full_screen, &mut lost);
        let desk_open = take(desk_open, "desk_open", usual.desk_open, &mut lost);
        let console = take(console, "console", usual.console, &mut lost);
        let lost = (!lost.is_empty()).then(|| format!("these were not understood: {}", lost.join(", ")));
        (Self { multiview, full_screen, desk_open, console }, lost)
    }

    /// Replaces the file.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        tl_studio::write_private(&place_of(folder), &serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }
}

fn take<T: serde::de::DeserializeOwned>(value: Option<Value>, name: &'static str, usual: T, lost: &mut Vec<&'static str>) -> T {
    match value.map(serde_json::from_value) {
        Some(Ok(found)) => found,
        Some(Err(_)) => {
            lost.push(name);
            usual
        }
        None => usual,
    }
}

fn place_of(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

fn broken(path: &Path, what: &str) -> String {
    format!("the window starts as it usually looks, its file could not be read ({what}): {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: impl Fn(&mut Remembered), told: bool) {
        let (found, problem) = Remembered::parse(text);
        let mut wanted = Remembered::default();
        expect(&mut wanted);
        assert!(found == wanted, "{text}: {}", serde_json::to_string(&found).expect("JSON"));
        assert_eq!(problem.is_some(), told, "{text}: {problem:?}");
    }

    fn usual() -> Value {
        serde_json::to_value(Remembered::default()).expect("JSON")
    }

    #[test]
    fn garbage_is_the_usual_and_is_told() {
        for text in ["", "{", "null", "[]", "17", "\u{0}\u{1}\u{2}", "\"window\""] {
            check(text, |_| {}, true);
        }
    }

    #[test]
    fn a_broken_part_costs_that_part() {
        let mut value = usual();
        value["multiview"] = serde_json::json!({ "size": "large" });
        value["full_screen"] = true.into();
        check(&value.to_string(), |wanted| wanted.full_screen = true, true);
        value["multiview"] = serde_json::json!({ "at": [40.0, 30.0], "size": [1600.0, 900.0], "maximised": true });
        value["console"] = serde_json::json!([1, 2, 3]);
        check(
            &value.to_string(),
            |wanted| {
                wanted.full_screen = true;
                wanted.multiview = Place { at: Some((40.0, 30.0)), size: (1_600.0, 900.0), maximised: true };
            },
            true,
        );
    }

    #[test]
    fn a_newer_file_is_read_as_far_as_it_goes() {
        let mut value = usual();
        value["hologram"] = serde_json::json!({ "depth": 3 });
        check(&value.to_string(), |_| {}, false);
    }

    #[test]
    fn absurd_places_are_mended() {
        let far = Place { at: Some((1e12, 0.0)), size: (10.0, f64::NAN), maximised: false };
        assert_eq!(far.sane(), Place { at: None, size: (SMALLEST.0, 720.0), maximised: false });
    }

    #[test]
    fn what_is_written_is_read_and_a_half_written_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Remembered::read(folder.path()).1.is_none());
        let kept = Remembered { desk_open: false, multiview: Place { at: Some((5.0, 6.0)), size: (1_000.0, 700.0), maximised: false }, ..Default::default() };
        kept.write(folder.path()).expect("written");
        assert!(Remembered::read(folder.path()).0 == kept);
        let path = place_of(folder.path());
        let whole = std::fs::read(&path).expect("bytes");
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
        let (found, told) = Remembered::read(folder.path());
        assert!(found == Remembered::default());
        assert!(told.is_some_and(|line| line.contains("window.json") && !line.contains('\n')));
    }
}
