//! Golden files and generated types, written anew for a person to look at.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::check::{call, cargo_command};

/// Blesses `packages`, or every package whose tests hold golden files.
pub fn run(root: &Path, packages: Vec<String>) -> Result<()> {
    let packages: BTreeSet<String> = if packages.is_empty() { with_golden_files(root)? } else { packages.into_iter().collect() };
    for package in &packages {
        println!("== bless {package}");
        let arguments = ["test", "-q", "-p", package, "--no-fail-fast"];
        call(cargo_command(root).args(arguments).env("TOUCHLINE_BLESS", "1"), &format!("cargo {}", arguments.join(" ")))?;
    }
    println!("\nChanged files; look at each picture before you keep it:");
    call(Command::new("git").args(["status", "--short", "--", "*golden*", "*generated*"]).current_dir(root), "git status")
}

/// Packages whose sources call a golden check.
fn with_golden_files(root: &Path) -> Result<BTreeSet<String>> {
    let out =
        Command::new("git").args(["grep", "-l", "--untracked", concat!("assert_", "golden"), "--", "*.rs"]).current_dir(root).output().context("git grep")?;
    let listing = String::from_utf8_lossy(&out.stdout).into_owned();
    let manifests = listing.lines().filter_map(|path| {
        let parts: Vec<&str> = path.split('/').collect();
        let folder = if path.starts_with("crates/") { parts.get(..3)?.join("/") } else { parts.first()?.to_string() };
        fs::read_to_string(root.join(folder).join("Cargo.toml")).ok()
    });
    let names = manifests.filter_map(|manifest| manifest.lines().find_map(|line| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.to_owned())));
    Ok(names.filter(|name| name != "tl_testkit" && name != "xtask").collect())
}
