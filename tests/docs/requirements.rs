//! README's table of requirements is true.

use std::process::Command;

use crate::markdown::Document;
use crate::support::build::{SO, has, library_directory, root, run};

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

/// The dependencies under a licence of the GNU project alone, of a build with these features.
fn copyleft_dependencies(features: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none"]);
    command.args(["--format", "{p}: {l}", "--features", features]);
    let output = run(command.current_dir(root()));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("libc v"), "{tree}");
    let lines = tree.lines();
    lines
        .filter(|line| line.contains("GPL") && !line.contains(" OR "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn only_the_feature_mp3_links_copyleft_code() {
    assert_eq!(copyleft_dependencies("gateway,memory-reserve"), [""; 0]);
    let with_lame = copyleft_dependencies("mp3");
    assert!(
        with_lame[..] == ["mp3lame-sys v0.1.11: LGPL-3.0"],
        "{with_lame:?}"
    );
}
