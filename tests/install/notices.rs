//! The licences of what the libraries contain.

use std::path::Path;
use std::process::Command;

use crate::root::text;
use crate::support::build::{has, root, run};

/// The file that names every crate, and whose text begins with the crates of each build.
fn third_party() -> String {
    std::fs::read_to_string(root().join("THIRD-PARTY.txt")).expect("THIRD-PARTY.txt")
}

#[test]
fn the_notices_are_those_of_the_crates_that_are_linked() {
    if !has("python3") {
        return;
    }
    let mut check = Command::new(root().join("packaging/notices"));
    run(check.arg("--check").env("CARGO", env!("CARGO")));
}

/// The crates that cargo links into the libraries with these features, as "name version".
fn linked(features: &str) -> Vec<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(root())
        .args(["tree", "--quiet", "--package", "callrec"]);
    tree.args([
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--no-dedupe",
    ]);
    let listing = text(run(tree.args(["--format", "{p}", "--features", features])));
    let crates = listing.lines().filter(|line| !line.contains("(/"));
    let names: Vec<String> = crates
        .filter_map(|line| {
            let (name, version) = line.split_once(" v")?;
            Some(format!("{name} {}", version.trim()))
        })
        .collect();
    assert!(names.len() > 40, "{names:?}");
    names
}

/// Whether this test's own list agrees, which reads the output of cargo in another way.
#[test]
fn every_crate_is_named_with_its_licence() {
    let notices = third_party();
    for name in linked("gateway,mp3") {
        let is_named = |line: &&str| {
            line.strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with("  "))
        };
        let line = notices.lines().find(is_named);
        let licence = line.and_then(|line| line.split_once("  "));
        assert!(
            licence.is_some_and(|(_, licence)| !licence.trim().is_empty()),
            "{name}"
        );
    }
}

/// What `packaging/copyright` prints.
fn copyright(features: &str) -> String {
    text(run(Command::new(root().join("packaging/copyright")).arg(features)))
}

#[test]
fn the_copyright_of_the_packages_is_that_of_their_features() {
    let plain = copyright("");
    assert!(plain.contains("Files: crates/opus-pure-") && plain.contains("Files: crates/clap-"));
    assert!(!plain.contains("LGPL") && !plain.contains("crates/ring-") && !plain.contains("windows"));
    let gateway = copyright("gateway");
    assert!(
        gateway.starts_with(&plain) && gateway.contains("Files: crates/ring-") && !gateway.contains("LGPL")
    );
    let mp3 = copyright("gateway,mp3");
    for part in [
        "License: LGPL-2+",
        "License: LGPL-3",
        "the LAME Project",
        "Files: crates/ring-",
    ] {
        assert!(mp3.contains(part), "{part}");
    }
    for features in ["", "gateway", "mp3", "gateway,mp3"] {
        let all = copyright(features);
        let names = |field: &str| {
            let lines = all.lines().filter_map(|line| line.strip_prefix(field));
            lines.map(str::to_owned).collect::<Vec<String>>()
        };
        let (mut files, sorted) = (names("Files: "), names("Files: ").len());
        files.sort();
        files.dedup();
        assert_eq!(files.len(), sorted, "a path occurs twice");
        // The stanza of each licence follows an empty line.
        for licence in names("License: ") {
            let definition = format!("\n\nLicense: {licence}\n ");
            let is_defined = licence == "MIT or Apache-2.0" || all.matches(&definition).count() == 1;
            assert!(is_defined, "{licence} with {features:?}");
        }
    }
}

#[test]
fn every_text_is_complete() {
    let notices = third_party();
    for part in [
        "GNU LIBRARY GENERAL PUBLIC LICENSE",
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "Version 3, 29 June 2007",
        "Copyright 2001-2023 Xiph.Org",
        "Permission is hereby granted, free of charge",
        "Redistributions in binary form",
    ] {
        assert!(notices.contains(part), "{part}");
    }
    assert!(Path::new(&root().join("LICENSE-MIT")).exists() && root().join("LICENSE-APACHE").exists());
}
