//! What a package passes on about the work of others: every crate and page library that is shipped, with its licence and the texts that go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use serde_json::Value;

/// File names that hold licences and notices, as they begin.
const TEXTS: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
/// A tool of the build whose runtime is in the pages all the same.
const SHIPPED_TOOLS: [&str; 1] = ["svelte"];

/// One work of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Work {
    name: String,
    licence: String,
    /// Where it comes from, as it says.
    origin: String,
    texts: Vec<String>,
}

/// Writes the notices of these programs and of the pages into `file`.
pub fn run(root: &Path, file: &Path, programs: &[String]) -> Result<()> {
    ensure!(!programs.is_empty(), "name the packages whose programs are shipped");
    let mut works = crates(root, programs)?;
    works.extend(pages(&root.join("ui"))?);
    works.sort_by(|a, b| a.name.cmp(&b.name));
    fs::write(file, page(&works)).with_context(|| file.display().to_string())?;
    let silent: Vec<&str> = works.iter().filter(|work| work.texts.is_empty()).map(|work| work.name.as_str()).collect();
    println!("notices: {} works of others; {} of them carry no text of their licence: {}", works.len(), silent.len(), silent.join(", "));
    Ok(())
}

/// Everything from registries that these programs link on this system.
fn crates(root: &Path, programs: &[String]) -> Result<Vec<Work>> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).other_options(["--filter-platform".to_owned(), host()?]);
    let metadata = command.exec().context("cargo metadata")?;
    let linked = linked(&metadata, programs)?;
    let foreign = metadata.packages.iter().filter(|package| linked.contains(&package.id) && package.source.is_some());
    foreign
        .map(|package| {
            let folder = package.manifest_path.parent().context("a manifest without a folder")?;
            Ok(Work {
                name: format!("{} {}", package.name, package.version),
                licence: package.license.clone().unwrap_or_else(|| "see the text".into()),
                origin: package.repository.clone().or_else(|| package.homepage.clone()).unwrap_or_else(|| "crates.io".into()),
                texts: texts(folder.as_std_path())?,
            })
        })
        .collect()
}

/// The system that this build is for, as the compiler names it.
fn host() -> Result<String> {
    let out = Command::new("rustc").arg("-vV").output().context("rustc -vV")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc -vV names no host")
}

/// Ids of all that is reached from the programs by normal dependencies.
fn linked(metadata: &Metadata, programs: &[String]) -> Result<BTreeSet<PackageId>> {
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolved nothing")?;
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut waiting: Vec<PackageId> = Vec::new();
    for program in programs {
        let found = metadata.packages.iter().find(|package| package.name.as_str() == program);
        waiting.push(found.with_context(|| format!("there is no package {program}"))?.id.clone());
    }
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let normal = nodes.get(&id).into_iter().flat_map(|node| &node.deps).filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        waiting.extend(normal.map(|dep| dep.pkg.clone()));
    }
    Ok(seen)
}

/// Everything from npm whose code is in the pages.
fn pages(ui: &Path) -> Result<Vec<Work>> {
    let path = ui.join("package-lock.json");
    let lock: Value = serde_json::from_str(&fs::read_to_string(&path).with_context(|| path.display().to_string())?)?;
    if !ui.join("node_modules").exists() {
        bail!("ui/node_modules is missing; run `npm ci` in ui");
    }
    reached(&lock)
        .into_iter()
        .map(|name| {
            let entry = lock.pointer(&format!("/packages/node_modules~1{}", name.replace('/', "~1"))).with_context(|| format!("the lock file lacks {name}"))?;
            let word = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("see the text").to_owned();
            Ok(Work {
                name: format!("{name} {} (npm)", word("version")),
                licence: word("license"),
                origin: format!("npm package {name}"),
                texts: texts(&ui.join("node_modules").join(&name))?,
            })
        })
        .collect()
}

/// Names of what is shipped, with what it needs, from the root of the lock file.
fn reached(lock: &Value) -> BTreeSet<String> {
    let needs = |entry: Option<&Value>| -> Vec<String> {
        entry.and_then(|entry| entry.get("dependencies")).and_then(Value::as_object).map(|names| names.keys().cloned().collect()).unwrap_or_default()
    };
    let packages = lock.get("packages");
    let mut waiting = needs(packages.and_then(|all| all.get("")));
    waiting.extend(SHIPPED_TOOLS.map(str::to_owned));
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        let entry = packages.and_then(|all| all.get(format!("node_modules/{name}")));
        if entry.is_some() && seen.insert(name) {
            waiting.extend(needs(entry));
        }
    }
    seen
}

/// The texts in a package's folder, in the order of their names.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<_> = fs::read_dir(folder).with_context(|| folder.display().to_string())?.collect::<std::io::Result<_>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    let is_text = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().to_uppercase();
        TEXTS.iter().any(|start| name.starts_with(start)) && entry.path().is_file()
    };
    let read = |entry: &fs::DirEntry| fs::read(entry.path()).map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned());
    names.iter().filter(|entry| is_text(entry)).map(|entry| read(entry).with_context(|| entry.path().display().to_string())).collect()
}

/// The list, then each text once, with the names of those that carry it.
fn page(works: &[Work]) -> String {
    let mut out = String::from("Touchline is made of its own code and of the work of others, which is listed here with its licences.\n\n");
    let mut carried: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for work in works {
        // Writing to a string cannot fail.
        writeln!(out, "{}: {}; {}", work.name, work.licence, work.origin).ok();
        for text in &work.texts {
            carried.entry(text).or_default().push(&work.name);
        }
    }
    for (text, names) in carried {
        writeln!(out, "\n{}\nText of: {}\n\n{text}", "-".repeat(80), names.join(", ")).ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(name: &str, texts: &[&str]) -> Work {
        Work { name: name.into(), licence: "MIT".into(), origin: "x".into(), texts: texts.iter().map(|text| (*text).to_owned()).collect() }
    }

    #[test]
    fn a_text_that_two_carry_stands_once_with_both_names() {
        let page = page(&[work("a 1", &["same", "own"]), work("b 2", &["same"])]);
        assert_eq!(page.matches("same").count(), 1);
        assert!(page.contains("Text of: a 1, b 2") && page.contains("Text of: a 1\n\nown") && page.contains("b 2: MIT; x"), "{page}");
    }

    #[test]
    fn tools_of_the_pages_build_are_left_out_and_the_runtime_is_not() {
        let lock: Value = serde_json::from_str(
            r#"{"packages": {
                "": {"dependencies": {"player": "1"}, "devDependencies": {"tester": "1", "svelte": "5"}},
                "node_modules/player": {"dependencies": {"inner": "1", "absent": "1"}},
                "node_modules/inner": {"dependencies": {"player": "1"}},
                "node_modules/svelte": {},
                "node_modules/tester": {}
            }}"#,
        )
        .expect("JSON");
        assert_eq!(reached(&lock).into_iter().collect::<Vec<_>>(), ["inner", "player", "svelte"]);
    }

    #[test]
    fn this_tool_links_what_its_manifest_names() {
        let works = crates(&crate::root(), &["xtask".into()]).expect("works");
        assert!(works.iter().any(|work| work.name.starts_with("clap ") && !work.texts.is_empty()), "{works:?}");
        assert!(!works.iter().any(|work| work.name.starts_with("xtask ")));
        assert!(crates(&crate::root(), &["no such".into()]).is_err());
    }
}
