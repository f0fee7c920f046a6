//! Programs that were built for 0.1.0 still work: structs and functions may be added or extended, but
//! not changed. `tests/fixtures/abi-0.1.0` has the header and the C programs of that version.
#![cfg(unix)]

#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use support::build::{has, installed, root, run};

fn headers_of_0_1_0() -> PathBuf {
    root().join("tests/fixtures/abi-0.1.0")
}

/// A C compiler that finds only the headers of `include`.
fn compiler(include: &Path) -> Command {
    let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    command.args(["-std=c11", "-g", "-pthread", "-I"]).arg(include);
    command
}

/// Builds a program with the header of 0.1.0 and the present library, and runs it. Returns its output.
fn run_unchanged(name: &str) -> String {
    let dir = ScratchDir::new();
    let libraries = installed(&dir.0);
    let program = dir.0.join(name);
    run(compiler(&headers_of_0_1_0())
        .arg(headers_of_0_1_0().join(format!("{name}.c")))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&libraries)
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .args(["-lcallrec", "-lm"]));
    let recordings = dir.0.join("recordings");
    std::fs::create_dir_all(&recordings).unwrap();
    let output = run(Command::new(&program).arg(&recordings));
    let output_text = String::from_utf8(output.stdout).unwrap();
    if name == "contract" {
        let path = output_text.lines().last().unwrap();
        assert!(Path::new(path).exists(), "{path}");
    }
    output_text
}

#[test]
fn the_contract_of_0_1_0_runs_unchanged() {
    run_unchanged("contract");
}

#[test]
fn every_function_of_0_1_0_runs_unchanged() {
    run_unchanged("everything");
}

/// Builds a library with a body for each function of a header, so that its debug information has every
/// type of the header.
fn library_of(include: &Path, directory: &Path) -> PathBuf {
    std::fs::create_dir_all(directory).unwrap();
    let header = run(compiler(include)
        .args(["-E", "-P"])
        .arg(include.join("callrec.h")));
    let text = String::from_utf8(header.stdout).unwrap();
    let declarations = text.split_inclusive(['{', '}', ';']).map(str::trim);
    let functions: Vec<&str> = declarations
        .filter_map(|text| text.strip_suffix(';'))
        .filter(|text| text.contains(" rec_") && text.ends_with(')') && !text.starts_with("typedef"))
        .collect();
    assert!(functions.len() > 40, "{functions:#?}");
    let bodies = functions
        .iter()
        .map(|function| format!("{} {{ abort(); }}\n", function.trim_start_matches("extern ")));
    let source = directory.join("all.c");
    let includes = "#include <stdlib.h>\n#include <callrec.h>\n".to_owned();
    std::fs::write(&source, includes + &bodies.collect::<String>()).unwrap();
    let library = directory.join("liball.so");
    run(compiler(include)
        .args(["-shared", "-fPIC", "-w"])
        .arg(&source)
        .arg("-o")
        .arg(&library));
    library
}

/// Phrases of abidiff's report for changes that break programs of 0.1.0. Its exit status shows only
/// removed functions. New fields at the end of a struct are allowed: `struct_size` tells the library
/// which fields there are.
const BREAKING: [&str; 9] = [
    "Removed function",
    "Removed,",
    "offset changed from",
    "data member deletion",
    "enumerator deletion",
    "enumerator change",
    "return type changed",
    "entity changed from",
    "type name changed from",
];

/// The lines of abidiff's report on a newer header that show a breaking change.
fn breaking_changes(newer: &Path) -> Vec<String> {
    let dir = ScratchDir::new();
    let old = library_of(&headers_of_0_1_0(), &dir.0.join("old"));
    let new = library_of(newer, &dir.0.join("new"));
    let output = Command::new("abidiff").arg(old).arg(new).output().unwrap();
    let status = output.status.code().unwrap();
    assert_eq!(status & 3, 0, "abidiff failed: {output:?}");
    let output_text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = output_text.lines().collect();
    // A returned struct may have more fields; how it has changed is on the following lines.
    let is_grown = |n: usize| {
        let next = lines.get(n + 1);
        lines[n].contains("return type changed")
            && next.is_some_and(|next| next.contains("in pointed to type"))
    };
    let is_breaking = |line: &str| {
        let parameters_changed =
            line.contains("parameter") && (line.contains("was added") || line.contains("was removed"));
        let is_empty_summary = line.contains(" 0 Removed,") && line.contains("summary");
        (parameters_changed || BREAKING.iter().any(|word| line.contains(word))) && !is_empty_summary
    };
    let breaking = lines.iter().enumerate();
    breaking
        .filter(|(n, line)| is_breaking(line) && !is_grown(*n))
        .map(|(_, line)| (*line).to_owned())
        .collect()
}

#[test]
fn the_header_only_extends_the_one_of_0_1_0() {
    if !has("abidiff") {
        return;
    }
    assert_eq!(breaking_changes(&root().join("include")), Vec::<String>::new());
    let header = std::fs::read_to_string(root().join("include/callrec.h")).unwrap();
    // The check must detect each of these changes.
    for (what, from, to) in [
        ("a removed function", " rec_call_end(", " rec_call_ended("),
        (
            "a moved field",
            "    int32_t pause_mode;",
            "    int64_t pause_mode;",
        ),
        (
            "an added parameter",
            " rec_call_end(",
            " rec_call_end(int before, ",
        ),
    ] {
        let changed = header.replace(from, to);
        assert_ne!(changed, header, "{what}: {from}");
        let dir = ScratchDir::new();
        std::fs::write(dir.0.join("callrec.h"), changed).unwrap();
        assert_ne!(breaking_changes(&dir.0), Vec::<String>::new(), "{what}");
    }
}
