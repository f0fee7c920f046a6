//! The structure of the source: what a compiler does not see to.

#[path = "house/circles.rs"]
mod circles;
#[path = "house/modules.rs"]
mod modules;
#[path = "house/neutral.rs"]
mod neutral;

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `src` and `crates/*/src`, by its path from the root, and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = fs::read_dir(root.join("crates")).expect("the packages");
    let packages = packages.map(|entry| entry.expect("a package").path().join("src"));
    let mut folders: Vec<PathBuf> = packages.chain([root.join("src")]).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of source files") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let path = path.strip_prefix(root).expect("below the root");
                found.push((path.to_owned(), text));
            }
        }
    }
    for known in [
        "src/lib.rs",
        "crates/core/src/lib.rs",
        "crates/gateway/src/lib.rs",
    ] {
        let is_known = |(path, _): &(PathBuf, String)| path == Path::new(known);
        assert!(found.iter().any(is_known), "{known} was not found");
    }
    found
}

/// The lines of `sources` that have `needle` in them, as `file:line`.
fn places(sources: &[(PathBuf, String)], needle: &str) -> Vec<String> {
    let lines = sources
        .iter()
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(at, line)| (path, at, line)));
    lines
        .filter(|(_, _, line)| line.contains(needle))
        .map(|(path, at, _)| format!("{}:{}", path.display(), at + 1))
        .collect()
}

#[test]
fn every_type_is_known_where_it_is_used() {
    assert_eq!(places(&sources(), "dyn Any"), Vec::<String>::new());
}
