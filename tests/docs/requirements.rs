//! README's table of requirements is true.

use std::process::Command;

use crate::markdown::Document;
use crate::support::build::{SO, has, library_directory, run};

/// What README's table says of a requirement.
fn requirement(name: &str) -> String {
    let readme = Document::read("README.md");
    let row = format!("| {name} | ");
    let mut rows = readme.text().lines().filter_map(|line| line.strip_prefix(&row));
    rows.next()
        .unwrap_or_else(|| panic!("README.md does not say which {name} is needed"))
        .to_owned()
}

/// The version at the beginning of a text, as numbers.
fn version(text: &str) -> Vec<u32> {
    let end = text.find(|letter: char| letter != '.' && !letter.is_ascii_digit());
    let numbers = text[..end.unwrap_or(text.len())].split('.');
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_rust_version_is_that_of_the_manifest() {
    let minimum = version(env!("CARGO_PKG_RUST_VERSION"));
    assert_eq!(version(&requirement("Rust")), minimum);
}

#[test]
fn the_library_needs_no_newer_glibc() {
    if !has("objdump") {
        return;
    }
    let mut command = Command::new("objdump");
    let symbols = run(command.arg("-T").arg(library_directory().join(SO)));
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let needed = symbols.split("GLIBC_").skip(1).map(version).max();
    let needed = needed.expect("the library uses glibc");
    assert!(needed <= version(&requirement("glibc")), "{needed:?}");
}
