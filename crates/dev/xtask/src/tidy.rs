//! What the compiler does not see: arrows, manifests, files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::files;
use crate::rooms::{self, Manifest};

/// Runs every check and tells all problems at once.
pub fn run(root: &Path) -> Result<()> {
    let crates = manifests(root)?;
    let mut problems = rooms::departures(rooms::ROOMS, &crates);
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    problems.extend(rooms::differences_of_page(rooms::ROOMS, &page));
    if page.lines().count() >= 300 {
        problems.push("ARCHITECTURE.md has 300 lines or more".into());
    }
    problems.extend(manifest_problems(root, &crates));
    let (found, warnings) = files::check_all(root)?;
    problems.extend(found);
    for warning in warnings {
        println!("tidy: warning: {warning}");
    }
    for problem in &problems {
        println!("tidy: {problem}");
    }
    if !problems.is_empty() {
        bail!("tidy found {} problems", problems.len());
    }
    println!("tidy: {} crates and their files are in order", crates.len());
    Ok(())
}

/// The workspace's crates by name.
fn manifests(root: &Path) -> Result<BTreeMap<String, Manifest>> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().context("cargo metadata")?;
    let base = metadata.workspace_root.clone();
    let crates = metadata.packages.into_iter().map(|package| {
        let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(&base).ok()).map(|folder| folder.as_str().replace('\\', "/"));
        let mut manifest = Manifest { folder: folder.unwrap_or_default(), ..Manifest::default() };
        for dependency in package.dependencies {
            match (dependency.path, dependency.kind) {
                (Some(_), DependencyKind::Development) => {}
                (Some(_), _) => drop(manifest.ours.insert(dependency.name)),
                (None, _) => drop(manifest.others.insert(dependency.name)),
            }
        }
        (package.name.to_string(), manifest)
    });
    Ok(crates.collect())
}

/// Each manifest takes lints and versions from the root's, and each `lib.rs` opens with a page.
fn manifest_problems(root: &Path, crates: &BTreeMap<String, Manifest>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, manifest) in crates {
        let folder = root.join(&manifest.folder);
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        if !text.contains("[lints]\nworkspace = true") {
            problems.push(format!("{name} does not inherit the lints of the workspace"));
        }
        if let Some(line) = text.lines().find(|line| line.contains("version = \"") && !line.contains("workspace")) {
            problems.push(format!("{name} names a version of its own: {}", line.trim()));
        }
        if let Ok(page) = fs::read_to_string(folder.join("src/lib.rs")) {
            let head: Vec<&str> = page.lines().take_while(|line| line.starts_with("//!")).collect();
            if head.len() < 4 || !head.iter().any(|line| line.contains("Invariant")) {
                problems.push(format!("{}/src/lib.rs does not open with a page that names its invariant", manifest.folder));
            }
        }
    }
    problems
}
