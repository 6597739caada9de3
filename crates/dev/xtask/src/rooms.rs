//! The rooms, what each may use and which heavy thing it owns: the table that ARCHITECTURE.md holds for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Floors, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    Ground,
    Rules,
    Engines,
    Studio,
    Shells,
    Dev,
}

impl Floor {
    /// Folder under `crates/`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Ground => "ground",
            Self::Rules => "rules",
            Self::Engines => "engines",
            Self::Studio => "studio",
            Self::Shells => "shells",
            Self::Dev => "dev",
        }
    }
}

/// What a room may use of ours.
#[derive(Clone, Copy, Debug)]
pub enum Use {
    Floor(Floor),
    Room(&'static str),
    /// Every floor below its own.
    AllBelow,
    Anything,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub name: &'static str,
    pub floor: Floor,
    pub uses: &'static [Use],
    /// The heavy packages that only its manifest names, as they begin.
    pub owns: &'static [&'static str],
}

/// The table. It is changed alone and with its reason.
pub const ROOMS: &[Room] = &[
    Room { name: "tl_base", floor: Floor::Ground, uses: &[], owns: &[] },
    Room { name: "tl_frame", floor: Floor::Ground, uses: &[Use::Room("tl_base")], owns: &[] },
    Room { name: "tl_mp4", floor: Floor::Ground, uses: &[Use::Room("tl_base"), Use::Room("tl_frame")], owns: &["mp4-atom"] },
    Room { name: "tl_show", floor: Floor::Rules, uses: &[Use::Room("tl_base")], owns: &[] },
    Room { name: "tl_sound", floor: Floor::Rules, uses: &[Use::Floor(Floor::Ground)], owns: &["ebur128", "rubato"] },
    Room { name: "tl_playlist", floor: Floor::Rules, uses: &[Use::Floor(Floor::Ground)], owns: &[] },
    Room { name: "tl_wire", floor: Floor::Rules, uses: &[Use::Floor(Floor::Ground), Use::Room("tl_show")], owns: &[] },
    Room { name: "tl_media", floor: Floor::Engines, uses: &[Use::Floor(Floor::Ground)], owns: &["gstreamer"] },
    Room { name: "tl_rtc", floor: Floor::Engines, uses: &[Use::Floor(Floor::Ground)], owns: &["str0m"] },
    Room { name: "tl_gpu", floor: Floor::Engines, uses: &[Use::Floor(Floor::Ground)], owns: &["wgpu"] },
    Room { name: "tl_store", floor: Floor::Engines, uses: &[Use::Floor(Floor::Ground), Use::Room("tl_wire")], owns: &[] },
    Room {
        name: "tl_server",
        floor: Floor::Engines,
        uses: &[Use::Floor(Floor::Ground), Use::Room("tl_wire"), Use::Room("tl_playlist"), Use::Room("tl_store")],
        owns: &["axum"],
    },
    Room { name: "tl_studio", floor: Floor::Studio, uses: &[Use::AllBelow], owns: &[] },
    Room { name: "tl_jobs", floor: Floor::Studio, uses: &[Use::AllBelow], owns: &[] },
    // The show's words (a camera's state, a side, an action) are the fields of what the wire carries.
    Room { name: "tl_console", floor: Floor::Studio, uses: &[Use::Floor(Floor::Ground), Use::Room("tl_wire"), Use::Room("tl_show")], owns: &["egui"] },
    Room { name: "tl_rehearsal", floor: Floor::Studio, uses: &[Use::AllBelow], owns: &[] },
    Room {
        name: "tl_cli",
        floor: Floor::Shells,
        uses: &[Use::Room("tl_studio"), Use::Room("tl_jobs"), Use::Room("tl_rehearsal"), Use::Room("tl_wire"), Use::Room("tl_base")],
        owns: &[],
    },
    // The desktop is the command line's studio with windows: it takes the arguments, links, status lines and ends of `touchline run`
    // from there, so that both are started with the same words and a demo may have either as its child.
    Room {
        name: "tl_window",
        floor: Floor::Shells,
        uses: &[Use::Room("tl_cli"), Use::Room("tl_studio"), Use::Room("tl_console"), Use::Room("tl_gpu"), Use::Room("tl_wire"), Use::Room("tl_base")],
        owns: &["tauri"],
    },
    Room { name: "tl_appimage", floor: Floor::Shells, uses: &[], owns: &["backhand"] },
    Room { name: "tl_testkit", floor: Floor::Dev, uses: &[Use::Floor(Floor::Ground), Use::Floor(Floor::Rules)], owns: &[] },
    Room { name: "xtask", floor: Floor::Dev, uses: &[Use::Floor(Floor::Ground), Use::Floor(Floor::Rules)], owns: &[] },
    Room { name: "tl_tests", floor: Floor::Dev, uses: &[Use::Anything], owns: &[] },
];

/// Rooms that do not lie in their floor's folder.
const ELSEWHERE: [(&str, &str); 2] = [("tl_tests", "tests"), ("tl_window", "src-tauri")];

/// Parts of a heavy thing that another room may name: egui's painter works on the device that the shell is given.
const LENT: [(&str, &str); 1] = [("tl_window", "egui-wgpu")];

/// A crate of the workspace as its manifest tells.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// Folder, relative to the root, with `/`.
    pub folder: String,
    /// Ours that it uses, by normal and build dependencies.
    pub ours: BTreeSet<String>,
    /// Others' that it names, for tests or not.
    pub others: BTreeSet<String>,
}

/// Everything in which the crates depart from the table.
pub fn departures(rooms: &[Room], crates: &BTreeMap<String, Manifest>) -> Vec<String> {
    let by_name: BTreeMap<&str, &Room> = rooms.iter().map(|room| (room.name, room)).collect();
    let mut problems = Vec::new();
    for (name, manifest) in crates {
        let Some(room) = by_name.get(name.as_str()) else {
            problems.push(format!("{name} stands in no row of the table of rooms"));
            continue;
        };
        let elsewhere = ELSEWHERE.iter().find(|(room, _)| room == name).map(|(_, folder)| (*folder).to_owned());
        let expected = elsewhere.unwrap_or_else(|| format!("crates/{}/{name}", room.floor.folder()));
        if manifest.folder != expected {
            problems.push(format!("{name} lies in {} instead of {expected}", manifest.folder));
        }
        for used in manifest.ours.iter().filter(|used| used.as_str() != "tl_testkit") {
            if !may_use(room, by_name.get(used.as_str()).copied(), used) {
                problems.push(format!("{name} uses {used}: the table of rooms has no such arrow"));
            }
        }
        for owner in rooms.iter().filter(|owner| owner.name != name) {
            for heavy in owner.owns {
                problems.extend(
                    manifest
                        .others
                        .iter()
                        .filter(|other| is_of(other, heavy) && !LENT.contains(&(name.as_str(), other.as_str())))
                        .map(|other| format!("{name} names {other}, which only {} may", owner.name)),
                );
            }
        }
    }
    problems.extend(
        rooms.iter().filter(|room| !crates.contains_key(room.name)).map(|room| format!("the table of rooms has a row for {}, which does not exist", room.name)),
    );
    problems
}

fn may_use(room: &Room, used: Option<&Room>, name: &str) -> bool {
    room.uses.iter().any(|permitted| match permitted {
        Use::Floor(floor) => used.is_some_and(|used| used.floor == *floor),
        Use::Room(permitted) => *permitted == name,
        Use::AllBelow => used.is_some_and(|used| used.floor < room.floor),
        Use::Anything => true,
    })
}

/// `gstreamer-app` is of `gstreamer`, `axum-server` of `axum`.
fn is_of(package: &str, heavy: &str) -> bool {
    package.strip_prefix(heavy).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The table for ARCHITECTURE.md, without the column that says what a room is for.
pub fn markdown(rooms: &[Room]) -> String {
    let mut out = String::from("| floor | room | may use (ours) | owns the heavy thing |\n|---|---|---|---|\n");
    let mut floor = None;
    for room in rooms.iter().filter(|room| room.name != "tl_tests") {
        let shown = if floor == Some(room.floor) { String::new() } else { format!("`crates/{}`", room.floor.folder()) };
        floor = Some(room.floor);
        let owns = if room.owns.is_empty() { "–".to_owned() } else { room.owns.iter().map(|heavy| format!("`{heavy}`")).collect::<Vec<_>>().join(", ") };
        // Writing to a string cannot fail.
        writeln!(out, "| {shown} | `{}` | {} | {owns} |", room.name, words(room)).ok();
    }
    out
}

/// The "may use" column in words.
fn words(room: &Room) -> String {
    let one = |permitted: &Use| match permitted {
        Use::Floor(floor) => floor.folder().to_owned(),
        Use::Room(name) => name.trim_start_matches("tl_").to_owned(),
        Use::AllBelow => "all below".to_owned(),
        Use::Anything => "anything".to_owned(),
    };
    if room.uses.is_empty() { "–".to_owned() } else { room.uses.iter().map(one).collect::<Vec<_>>().join(", ") }
}

/// In what a page with the table for people differs from the table: rooms without a row, rows with other arrows.
pub fn differences_of_page(rooms: &[Room], page: &str) -> Vec<String> {
    let rows: Vec<Vec<&str>> =
        page.lines().filter(|line| line.starts_with('|')).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let mut problems = Vec::new();
    for room in rooms.iter().filter(|room| room.name != "tl_tests") {
        let tick = format!("`{}`", room.name);
        let Some(row) = rows.iter().find(|row| row.get(1).is_some_and(|cell| cell.contains(&tick))) else {
            problems.push(format!("ARCHITECTURE.md has no row for {}", room.name));
            continue;
        };
        // Job and arrows, or arrows alone: both forms of the table end with the owned things.
        let cell = row.len().checked_sub(2).and_then(|at| row.get(at)).copied().unwrap_or_default();
        let said: BTreeSet<&str> = cell.split('(').next().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.starts_with("not ")).collect();
        let meant = words(room);
        if said != meant.split(", ").collect() {
            problems.push(format!("ARCHITECTURE.md says that {} may use \"{cell}\", the table \"{meant}\"", room.name));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[Room] = &[
        Room { name: "tl_base", floor: Floor::Ground, uses: &[], owns: &[] },
        Room { name: "tl_show", floor: Floor::Rules, uses: &[Use::Floor(Floor::Ground)], owns: &[] },
        Room { name: "tl_gpu", floor: Floor::Engines, uses: &[Use::Floor(Floor::Ground)], owns: &["wgpu"] },
        Room { name: "tl_media", floor: Floor::Engines, uses: &[Use::Floor(Floor::Ground)], owns: &["gstreamer"] },
        Room { name: "tl_studio", floor: Floor::Studio, uses: &[Use::AllBelow], owns: &[] },
        Room { name: "tl_jobs", floor: Floor::Studio, uses: &[Use::AllBelow], owns: &[] },
    ];

    /// A house that keeps the table, with these changes: crate, ours, others'.
    fn house(changes: &[(&str, &[&str], &[&str])]) -> BTreeMap<String, Manifest> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut crates: BTreeMap<String, Manifest> = BTreeMap::new();
        let good: &[(&str, &[&str], &[&str])] = &[
            ("tl_base", &[], &["serde"]),
            ("tl_show", &["tl_base"], &[]),
            ("tl_gpu", &["tl_base", "tl_testkit"], &["wgpu"]),
            ("tl_media", &["tl_base"], &["gstreamer", "gstreamer-app"]),
            ("tl_studio", &["tl_base", "tl_show", "tl_gpu", "tl_media"], &[]),
            ("tl_jobs", &["tl_gpu"], &[]),
        ];
        for (name, ours, others) in good.iter().chain(changes) {
            let floor = SMALL.iter().find(|room| room.name == *name).map_or("rules", |room| room.floor.folder());
            crates.insert((*name).to_owned(), Manifest { folder: format!("crates/{floor}/{name}"), ours: set(ours), others: set(others) });
        }
        crates
    }

    #[track_caller]
    fn check(changes: &[(&str, &[&str], &[&str])], expect: &[&str]) {
        let found = departures(SMALL, &house(changes));
        assert_eq!(found.len(), expect.len(), "{found:?}");
        assert!(expect.iter().all(|words| found.iter().any(|problem| problem.contains(words))), "{found:?}");
    }

    #[test]
    fn a_house_that_keeps_the_table_has_no_departures() {
        check(&[], &[]);
    }

    #[test]
    fn each_wrong_arrow_is_told() {
        check(&[("tl_base", &["tl_show"], &[])], &["tl_base uses tl_show"]);
        check(&[("tl_gpu", &["tl_base", "tl_media"], &["wgpu"])], &["tl_gpu uses tl_media"]);
        check(&[("tl_show", &["tl_studio"], &[])], &["tl_show uses tl_studio"]);
        check(&[("tl_jobs", &["tl_studio"], &[])], &["tl_jobs uses tl_studio"]);
        check(&[("tl_show", &["tl_elsewhere"], &[])], &["tl_show uses tl_elsewhere"]);
    }

    #[test]
    fn a_heavy_thing_has_one_owner() {
        check(&[("tl_studio", &[], &["wgpu"])], &["tl_studio names wgpu, which only tl_gpu may"]);
        check(&[("tl_gpu", &[], &["wgpu", "gstreamer-video"])], &["tl_gpu names gstreamer-video"]);
        check(&[("tl_studio", &[], &["wgpuish"])], &[]);
    }

    #[test]
    fn crates_and_rows_belong_together() {
        check(&[("tl_new", &[], &[])], &["tl_new stands in no row"]);
        let mut crates = house(&[]);
        crates.remove("tl_jobs");
        assert_eq!(departures(SMALL, &crates), ["the table of rooms has a row for tl_jobs, which does not exist"]);
        let mut crates = house(&[]);
        crates.get_mut("tl_gpu").expect("a crate").folder = "crates/rules/tl_gpu".into();
        assert!(departures(SMALL, &crates).iter().any(|problem| problem.contains("lies in crates/rules/tl_gpu")));
    }

    #[test]
    fn a_page_says_what_the_table_says() {
        assert_eq!(differences_of_page(SMALL, &markdown(SMALL)), Vec::<String>::new());
        let longer = "| `crates/x` | `tl_show` | the show | ground (the only one) | – |\n| | `tl_jobs` | jobs | all below, not studio | – |\n";
        let found = differences_of_page(SMALL, longer);
        assert!(!found.iter().any(|problem| problem.contains("tl_show") || problem.contains("tl_jobs")), "{found:?}");
        let wrong = markdown(SMALL).replace("| `tl_gpu` | ground |", "| `tl_gpu` | ground, rules |");
        assert_eq!(differences_of_page(SMALL, &wrong), ["ARCHITECTURE.md says that tl_gpu may use \"ground, rules\", the table \"ground\""]);
    }
}
