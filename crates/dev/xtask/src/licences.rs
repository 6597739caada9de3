//! Licences of all that is linked, and what may not be linked at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::spdx;

/// Permissive ones, and weak copyleft that linking as we do fulfils.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BlueOak-1.0.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "IJG",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "WTFPL",
    "Zlib",
];

/// Packages that may not be linked, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS comes from rustls, so that no system library decides it"),
    ("native-tls", "TLS comes from rustls, so that no system library decides it"),
    ("async-std", "tokio is the one runtime"),
    ("smol", "tokio is the one runtime"),
];

/// Packages of which two versions would be two worlds: their types meet across our rooms.
const SINGLE: &[&str] = &["axum", "bytes", "gstreamer", "hyper", "rustls", "serde", "str0m", "tokio", "tracing", "wgpu", "wgpu-core"];

/// Tells every licence that is not allowed, every banned package and every doubled one.
pub fn run(root: &Path) -> Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).exec().context("cargo metadata")?;
    let mut problems = crate_problems(&metadata);
    let lock = root.join("ui/package-lock.json");
    if let Ok(text) = fs::read_to_string(&lock) {
        problems.extend(npm_problems(&text).with_context(|| lock.display().to_string())?);
    }
    for problem in &problems {
        println!("licences: {problem}");
    }
    if !problems.is_empty() {
        bail!("licences found {} problems", problems.len());
    }
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    println!("licences: {} packages may be shipped ({} are there in more than one version)", metadata.packages.len(), metadata.packages.len() - names.len());
    Ok(())
}

fn allowed(licence: &str) -> bool {
    ALLOWED.contains(&licence)
}

fn crate_problems(metadata: &Metadata) -> Vec<String> {
    let mut problems = Vec::new();
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        versions.entry(name).or_default().push(package.version.to_string());
        match &package.license {
            None => problems.push(format!("{name} {} names no licence", package.version)),
            Some(expression) => problems.extend(spdx::obstacle(expression, allowed).map(|why| format!("{name} {}: {why} is not allowed", package.version))),
        }
        problems.extend(BANNED.iter().filter(|(banned, _)| *banned == name).map(|(_, why)| format!("{name} is banned: {why}")));
    }
    problems.extend(
        versions
            .iter()
            .filter(|(name, found)| found.len() > 1 && SINGLE.contains(name))
            .map(|(name, found)| format!("{name} is there in versions {}; its types meet across rooms", found.join(" and "))),
    );
    problems
}

/// Problems of what the pages ship; tools of the build are not shipped.
fn npm_problems(lock: &str) -> Result<Vec<String>> {
    let lock: serde_json::Value = serde_json::from_str(lock)?;
    let mut problems = Vec::new();
    for (path, package) in lock.get("packages").and_then(serde_json::Value::as_object).into_iter().flatten() {
        let is = |key: &str| package.get(key).and_then(serde_json::Value::as_bool).unwrap_or(false);
        if path.is_empty() || is("dev") || is("devOptional") || is("link") {
            continue;
        }
        match package.get("license").and_then(serde_json::Value::as_str) {
            None => problems.push(format!("{path} names no licence")),
            Some(expression) => problems.extend(spdx::obstacle(expression, allowed).map(|why| format!("{path}: {why} is not allowed"))),
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_packages_of_the_pages_are_looked_at() {
        let lock = r#"{"packages": {
            "": {"name": "ui"},
            "node_modules/good": {"license": "MIT"},
            "node_modules/bad": {"license": "AGPL-3.0-only"},
            "node_modules/silent": {},
            "node_modules/tool": {"license": "AGPL-3.0-only", "dev": true}
        }}"#;
        assert_eq!(npm_problems(lock).expect("JSON"), ["node_modules/bad: AGPL-3.0-only is not allowed", "node_modules/silent names no licence"]);
        assert!(npm_problems("not json").is_err());
        assert!(npm_problems("[]").expect("JSON").is_empty());
    }
}
