//! Rules for single files.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Longer files are worth a look.
const LONG_FILE_LINES: usize = 600;
/// Larger files are data and stand in no checkout.
const LARGEST_BYTES: u64 = 2_000_000;
/// Places of one machine, split so that this file does not name them.
const MACHINE_PATHS: [&str; 5] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/"), concat!("C:", "\\Users")];
/// What a room of rules may not touch, by the way it is written.
const IMPURE: [&str; 8] = ["std::fs", "std::net", "std::thread", "std::process", "Instant::now", "SystemTime", "async fn", "MediaClock::starting_at"];

/// Problems and warnings of every file that belongs to the checkout.
pub fn check_all(root: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for path in listed(root)? {
        let full = root.join(&path);
        let Ok(facts) = fs::metadata(&full) else { continue };
        if facts.len() > LARGEST_BYTES {
            problems.push(format!("{path} has {} bytes; data does not belong here", facts.len()));
            continue;
        }
        // What is no text has no lines to look at.
        let Ok(text) = fs::read_to_string(&full) else { continue };
        problems.extend(check_text(&path, &text));
        if path.ends_with(".rs") && text.lines().count() > LONG_FILE_LINES {
            warnings.push(format!("{path} has {} lines; does it hold two things?", text.lines().count()));
        }
    }
    Ok((problems, warnings))
}

/// Files that git knows or would take, relative to the root.
fn listed(root: &Path) -> Result<Vec<String>> {
    let out = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root).output().context("git ls-files")?;
    ensure!(out.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&out.stderr).trim());
    Ok(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect())
}

/// Problems of one text file.
fn check_text(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let code =
        [".rs", ".ts", ".js", ".mjs", ".svelte", ".wgsl", ".toml", ".sh", ".html", ".css", ".md"].iter().any(|end| path.ends_with(end)) || path == "studio";
    if !code || path.ends_with("package-lock.json") || path.ends_with("Cargo.lock") {
        return problems;
    }
    let rust = path.ends_with(".rs");
    let mut in_tests = path.contains("/tests/") || path.starts_with("tests/");
    let pure = path.starts_with("crates/rules/") && path.contains("/src/");
    let mut before = "";
    // Heads of the blocks around a line: how far they are indented, and whether they wait for a condition.
    let mut blocks: Vec<(usize, bool)> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let place = format!("{path}:{number}");
        in_tests |= line.trim() == "#[cfg(test)]";
        let (indent, head) = (line.len() - line.trim_start().len(), line.trim_start());
        if !head.is_empty() {
            while blocks.last().is_some_and(|(outer, _)| *outer >= indent) {
                blocks.pop();
            }
            if head.ends_with('{') {
                blocks.push((indent, head.starts_with("while ") || head.starts_with("loop ")));
            }
        }
        let waits = blocks.iter().any(|(_, waits)| *waits);
        // A test may use a made-up home as an example of an absolute path.
        let machine_paths = if in_tests { MACHINE_PATHS.get(1..3) } else { MACHINE_PATHS.get(..) }.unwrap_or_default();
        if let Some(found) = machine_paths.iter().find(|machine| holds_path(line, machine)) {
            problems.push(format!("{place}: {found} is a place of one machine"));
        }
        if rust && in_tests && calls_sleep(line) && !waits && !line.contains("//") && !before.trim_start().starts_with("//") {
            problems.push(format!("{place}: a sleep in a test outside a loop that waits for a condition needs a comment that says why"));
        }
        if rust && pure && !in_tests && !line.trim_start().starts_with("//") {
            problems.extend(
                IMPURE.iter().filter(|word| line.contains(**word)).map(|word| format!("{place}: {word} in a room of rules, which is given what it needs")),
            );
        }
        let note = line.split_once(concat!("TO", "DO")).filter(|_| rust);
        if note.is_some_and(|(_, rest)| !rest.starts_with("(#")) {
            problems.push(format!("{place}: a note for later names its issue, TO{}(#12), or is not left", "DO"));
        }
        before = line;
    }
    problems
}

/// Whether a line names a place below `machine`. Where something stands before it, it is a part of an address.
fn holds_path(line: &str, machine: &str) -> bool {
    line.match_indices(machine)
        .any(|(at, _)| !line.get(..at).unwrap_or_default().ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')' | '*')))
}

fn calls_sleep(line: &str) -> bool {
    ["sleep(", "sleep_until(", "sleep_ms("].iter().any(|call| line.contains(call))
}

/// Prints every fuzz target with its file.
pub fn print_fuzz_targets(root: &Path) -> Result<()> {
    println!("Each runs for a moment with the tests; for long runs: cargo bolero test -p PACKAGE NAME\n");
    for path in listed(root)?.iter().filter(|path| path.ends_with(".rs")) {
        let text = fs::read_to_string(root.join(path)).unwrap_or_default();
        for name in fuzz_targets(&text) {
            let package = path.split('/').nth(if path.starts_with("crates/") { 2 } else { 0 }).unwrap_or_default();
            println!("{package:14} {name:60} {path}");
        }
    }
    Ok(())
}

/// Names of the functions that hold a fuzz target.
fn fuzz_targets(text: &str) -> Vec<&str> {
    let mut name = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("fn ") {
            name = rest.split('(').next().unwrap_or_default();
        }
        if line.contains(concat!("bolero::", "check!")) && !line.starts_with("//") {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        let found = check_text(path, text);
        assert_eq!(found.len(), expect.len(), "{found:?}");
        assert!(expect.iter().zip(&found).all(|(words, problem)| problem.contains(words)), "{found:?}");
    }

    #[test]
    fn sleeping_tests_say_why() {
        let nap = concat!("    thread::sl", "eep(MS);");
        check("crates/x/y/tests/a.rs", nap, &["a.rs:1: a sleep"]);
        check("tests/a.rs", &format!("    // The peer gives no sign.\n{nap}"), &[]);
        check("tests/a.rs", &format!("{nap} // The peer gives no sign."), &[]);
        check("tests/a.rs", &format!("while !done() {{\n    {nap}\n}}\n{nap}"), &["a.rs:4: a sleep"]);
        check("crates/x/y/src/a.rs", nap, &[]);
        check("crates/x/y/src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{nap}"), &["a.rs:3: a sleep"]);
    }

    #[test]
    fn places_of_one_machine_are_told() {
        check("README.md", concat!("see /ho", "me/me/x"), &["is a place of one machine"]);
        check("a.rs", concat!("\"/wo", "rk/main\""), &["is a place of one machine"]);
        check("a.ts", concat!("`${base}/ho", "me/x` and app/ro", "ot/x"), &[]);
        check("tests/a.rs", concat!("\"/ho", "me/someone/a.mp4\""), &[]);
        check("a.png", concat!("/ho", "me/me"), &[]);
    }

    #[test]
    fn rules_touch_nothing() {
        check("crates/rules/tl_x/src/a.rs", "use std::fs;\n// std::fs is not for us", &["a.rs:1: std::fs in a room of rules"]);
        check("crates/rules/tl_x/tests/a.rs", "use std::fs;", &[]);
        check("crates/engines/tl_x/src/a.rs", "use std::fs;", &[]);
    }

    #[test]
    fn notes_for_later_name_their_issue() {
        check("a.rs", concat!("// TO", "DO: later"), &["names its issue"]);
        check("a.rs", concat!("// TO", "DO(#12): later"), &[]);
    }

    #[test]
    fn fuzz_targets_are_found() {
        let text = concat!("fn one() {\n    bolero::", "check!().for_each(drop)\n}\nfn two() {}\n");
        assert_eq!(fuzz_targets(text), ["one"]);
    }
}
