//! Rules about the structure of the source that the compiler does not check.

#[path = "structure/completeness.rs"]
mod completeness;
#[path = "structure/cycles.rs"]
mod cycles;
#[path = "structure/modules.rs"]
mod modules;
#[path = "structure/names.rs"]
mod names;
#[path = "structure/neutrality.rs"]
mod neutrality;
#[path = "structure/scripts.rs"]
mod scripts;

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `src` and `crates/*/src`: its path from the root, and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = fs::read_dir(root.join("crates")).expect("crates");
    let packages = packages.map(|entry| entry.expect("a package").path().join("src"));
    let mut directories: Vec<PathBuf> = packages.chain([root.join("src")]).collect();
    let mut found = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a source directory") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                directories.push(path);
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
        let is_this = |(path, _): &(PathBuf, String)| path == Path::new(known);
        assert!(found.iter().any(is_this), "{known} was not found");
    }
    found
}

/// The lines of `sources` that contain `needle`, as `file:line`.
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
fn no_type_is_erased_with_dyn_any() {
    assert_eq!(places(&sources(), "dyn Any"), Vec::<String>::new());
}
