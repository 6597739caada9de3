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
/// Folders of a package that are in no program.
const NOT_SHIPPED: [&str; 7] = ["tests", "test", "benches", "examples", "node_modules", ".git", "target"];
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
    works.extend(fonts(&root.join("assets/fonts"))?);
    complete(&mut works, &fs::read_to_string(root.join("LICENSE-APACHE")).context("LICENSE-APACHE")?);
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

/// The texts in a package's folder and below it, in the order of their names: some packages bring the work of others along.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<_> = fs::read_dir(folder).with_context(|| folder.display().to_string())?.collect::<std::io::Result<_>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    let in_texts = folder.file_name().is_some_and(|name| is_text(&name.to_string_lossy()));
    let mut found = Vec::new();
    for entry in names {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if entry.file_type()?.is_dir() {
            if !NOT_SHIPPED.contains(&name.as_str()) {
                found.extend(texts(&path)?);
            }
        } else if (in_texts || is_text(&name)) && !name.ends_with(".rs") {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            found.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned());
        }
    }
    found.dedup();
    Ok(found)
}

fn is_text(name: &str) -> bool {
    TEXTS.iter().any(|start| name.to_uppercase().starts_with(start))
}

/// The fonts that are drawn with; each has one file for its whole family.
fn fonts(folder: &Path) -> Result<Vec<Work>> {
    let names: Vec<_> = fs::read_dir(folder).with_context(|| folder.display().to_string())?.collect::<std::io::Result<_>>()?;
    names
        .iter()
        .filter_map(|entry| Some((entry.file_name().to_str()?.strip_suffix("-OFL.txt")?.to_owned(), entry.path())))
        .map(|(name, path)| {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            Ok(Work { name: format!("{name} (font)"), licence: "OFL-1.1".into(), origin: "assets/fonts".into(), texts: vec![text.trim().to_owned()] })
        })
        .collect()
}

/// Gives the standard text, which is the same for everyone, to works that may be had under it and carry none.
fn complete(works: &mut [Work], apache: &str) {
    for work in works.iter_mut().filter(|work| work.texts.is_empty() && work.licence.contains("Apache-2.0")) {
        work.texts.push(apache.trim().to_owned());
    }
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
    fn work_that_a_crate_brings_along_and_fonts_are_named() {
        let works = crates(&crate::root(), &["tl_cli".into(), "tl_appimage".into()]).expect("works");
        let carries = |name: &str, word: &str| works.iter().any(|work| work.name.starts_with(name) && work.texts.iter().any(|text| text.contains(word)));
        assert!(carries("tikv-jemalloc-sys ", "Jason Evans") && carries("zstd-sys ", "Facebook") && carries("regex-syntax ", "Unicode"));
        let fonts = fonts(&crate::root().join("assets/fonts")).expect("fonts");
        assert!(fonts.len() >= 2 && fonts.iter().all(|font| font.texts[0].contains("SIL OPEN FONT LICENSE")), "{fonts:?}");
    }

    #[test]
    fn a_work_without_a_text_gets_the_standard_one_where_it_may() {
        let mut works = [work("a 1", &[]), work("b 2", &["own"])];
        works[0].licence = "MIT OR Apache-2.0".into();
        complete(&mut works, "the text");
        assert_eq!((works[0].texts.as_slice(), works[1].texts.as_slice()), (["the text".to_owned()].as_slice(), ["own".to_owned()].as_slice()));
    }

    #[test]
    fn this_tool_links_what_its_manifest_names() {
        let works = crates(&crate::root(), &["xtask".into()]).expect("works");
        assert!(works.iter().any(|work| work.name.starts_with("clap ") && !work.texts.is_empty()), "{works:?}");
        assert!(!works.iter().any(|work| work.name.starts_with("xtask ")));
        assert!(crates(&crate::root(), &["no such".into()]).is_err());
    }
}
