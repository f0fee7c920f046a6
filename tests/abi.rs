//! Programs that were built for 0.1.0 go on working: structs and functions may be added to,
//! never changed. `tests/fixtures/abi-0.1.0` has that version's header and its C programs.
#![cfg(unix)]

#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use support::build::{has, installed, root, run};

fn of_0_1_0() -> PathBuf {
    root().join("tests/fixtures/abi-0.1.0")
}

/// Only the headers of `include` are seen.
fn compiler(include: &Path) -> Command {
    let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    command.args(["-std=c11", "-g", "-pthread", "-I"]).arg(include);
    command
}

/// Builds a program against 0.1.0's header and today's library, and runs it.
fn runs_unchanged(name: &str) -> String {
    let dir = ScratchDir::new();
    let libraries = installed(&dir.0);
    let program = dir.0.join(name);
    run(compiler(&of_0_1_0())
        .arg(of_0_1_0().join(format!("{name}.c")))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&libraries)
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .args(["-lcallrec", "-lm"]));
    let recordings = dir.0.join("recordings");
    std::fs::create_dir_all(&recordings).unwrap();
    let output = run(Command::new(&program).arg(&recordings));
    let said = String::from_utf8(output.stdout).unwrap();
    if name == "contract" {
        let path = said.lines().last().unwrap();
        assert!(Path::new(path).exists(), "{path}");
    }
    said
}

#[test]
fn the_contract_of_0_1_0_runs_unchanged() {
    runs_unchanged("contract");
}

#[test]
fn every_function_of_0_1_0_runs_unchanged() {
    runs_unchanged("everything");
}

/// A library with a body for each function of a header, so that its debug information has
/// all of the header's types.
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

/// What abidiff's report says of a change that programs of 0.1.0 would not survive. Its exit
/// status tells removed functions alone. Fields at the end of a struct are allowed: the struct's
/// first field tells the library how large it is.
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

/// The lines of abidiff's report on a newer header that tell of such a change.
fn breaking(newer: &Path) -> Vec<String> {
    let dir = ScratchDir::new();
    let old = library_of(&of_0_1_0(), &dir.0.join("old"));
    let new = library_of(newer, &dir.0.join("new"));
    let output = Command::new("abidiff").arg(old).arg(new).output().unwrap();
    let answer = output.status.code().unwrap();
    assert_eq!(answer & 3, 0, "abidiff failed: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let tells = |line: &&str| {
        let moved =
            line.contains("parameter") && (line.contains("was added") || line.contains("was removed"));
        let nothing = line.contains(" 0 Removed,") && line.contains("summary");
        (moved || BREAKING.iter().any(|word| line.contains(word))) && !nothing
    };
    said.lines().filter(tells).map(str::to_owned).collect()
}

#[test]
fn the_header_has_only_grown() {
    if !has("abidiff") {
        return;
    }
    assert_eq!(breaking(&root().join("include")), Vec::<String>::new());
    let header = std::fs::read_to_string(root().join("include/callrec.h")).unwrap();
    // Each of these must be seen.
    for (what, from, to) in [
        ("a function that is gone", " rec_call_end(", " rec_call_ended("),
        (
            "a field that has moved",
            "    int32_t pause_mode;",
            "    int64_t pause_mode;",
        ),
        ("a parameter more", " rec_call_end(", " rec_call_end(int before, "),
    ] {
        let changed = header.replace(from, to);
        assert_ne!(changed, header, "{what}: {from}");
        let dir = ScratchDir::new();
        std::fs::write(dir.0.join("callrec.h"), changed).unwrap();
        assert_ne!(breaking(&dir.0), Vec::<String>::new(), "{what}");
    }
}
