//! Everything that must hold before a change is taken.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{licences, tidy};

/// Runs every step, also behind one that failed, so that one run tells all.
pub fn run(root: &Path, tests: bool) -> Result<()> {
    let mut failed = Vec::new();
    let mut step = |name: &str, run: &mut dyn FnMut() -> Result<()>| {
        println!("\n== {name}");
        let start = Instant::now();
        let done = run();
        let seconds = start.elapsed().as_secs_f64();
        match done {
            Ok(()) => println!("== {name}: in order ({seconds:.1} s)"),
            Err(error) => {
                println!("== {name}: FAILED ({seconds:.1} s): {error:#}");
                failed.push(name.to_owned());
            }
        }
    };
    step("format", &mut || cargo(root, &["fmt", "--all", "--check"]));
    step("tidy", &mut || tidy::run(root));
    step("licences", &mut || licences::run(root));
    step("lints", &mut || cargo(root, &["clippy", "-q", "--workspace", "--", "-D", "warnings"]));
    // In tests a panic is how a failure is told, also in their helpers.
    let in_tests = [
        "clippy",
        "-q",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
        "-A",
        "clippy::unwrap_used",
        "-A",
        "clippy::expect_used",
        "-A",
        "clippy::panic",
        "-A",
        "missing_docs",
    ];
    step("lints of tests", &mut || cargo(root, &in_tests));
    if tests {
        step("tests", &mut || run_tests(root));
    }
    step("pages", &mut || pages(root, tests));
    if !failed.is_empty() {
        bail!("{} failed", failed.join(", "));
    }
    println!("\nEverything is in order.");
    Ok(())
}

fn run_tests(root: &Path) -> Result<()> {
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|out| out.status.success());
    if !nextest {
        return cargo(root, &["test", "-q", "--workspace"]);
    }
    cargo(root, &["nextest", "run", "--workspace", "--no-fail-fast"])?;
    // It does not run the examples of the documentation.
    cargo(root, &["test", "-q", "--workspace", "--doc"])
}

fn pages(root: &Path, tests: bool) -> Result<()> {
    let ui = root.join("ui");
    if !ui.join("node_modules").exists() {
        println!("SKIPPED: ui/node_modules is missing; run `npm ci` in ui, or ./studio test, which does it");
        return Ok(());
    }
    let scripts: &[&str] = if tests { &["check", "lint", "test"] } else { &["check", "lint"] };
    for script in scripts {
        call(Command::new("npm").args(["run", "--silent", script]).current_dir(&ui), &format!("npm run {script}"))?;
    }
    Ok(())
}

/// Runs cargo in the root.
pub fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    call(cargo_command(root).args(arguments), &format!("cargo {}", arguments.join(" ")))
}

/// cargo in the root, as if a person had called it. `cargo run` tells this program which package it is; build scripts that look at
/// the same variables (ring's) would be run again, and everything above them built again, each time a person's call follows.
pub fn cargo_command(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    let told = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in told.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command with its output shown.
pub fn call(command: &mut Command, name: &str) -> Result<()> {
    let status = command.status().with_context(|| name.to_owned())?;
    ensure!(status.success(), "{name} failed ({status})");
    Ok(())
}
