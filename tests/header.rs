//! The header: in step with the source, good C and C++, complete, documented.

#[path = "header/keys.rs"]
mod keys;
#[path = "support/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use support::build::{SO, SONAME, cc, cxx, has_cxx, library_directory, root, run};

fn header() -> String {
    std::fs::read_to_string(root().join("include/callrec.h")).unwrap()
}

#[test]
fn it_is_what_the_source_says() {
    let made = std::fs::read_to_string(env!("CALLREC_HEADER")).unwrap();
    let made = keys::in_header(&made);
    let path = root().join("include/callrec.h");
    if std::env::var_os("CALLREC_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "include/callrec.h is out of step, first at {differing:?}; CALLREC_BLESS=1 cargo test --test header mends it"
    );
}

fn compiles(mut compiler: Command, standard: &str, source: &Path, out: &Path) {
    run(compiler
        .arg(format!("-std={standard}"))
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(out));
}

#[test]
fn it_is_c99_to_c2x_also_twice() {
    let dir = ScratchDir::new();
    let source = dir.0.join("twice.c");
    let body = "#include <limits.h>\n#include <callrec.h>\n#include <callrec.h>\n\
                rec_status use(void); rec_status use(void) { rec_error error = REC_INIT(rec_error); return error.status; }\n";
    std::fs::write(&source, body).unwrap();
    for standard in ["c99", "c11", "c17", "c2x"] {
        compiles(cc(), standard, &source, &dir.0.join("twice.o"));
    }
}

#[test]
fn it_is_cxx11_to_cxx20_also_inside_extern_c() {
    if !has_cxx() {
        return;
    }
    let dir = ScratchDir::new();
    let inside = "extern \"C\" {\n#include <callrec.h>\n}\n#include <callrec.h>\n\
                  rec_status use() { rec_error error = REC_INIT(rec_error); return error.status; }\n";
    let plain = "#include <callrec.h>\nnamespace host { rec_call_info info = REC_INIT(rec_call_info); }\n";
    for (name, body) in [("inside.cpp", inside), ("plain.cpp", plain)] {
        let source = dir.0.join(name);
        std::fs::write(&source, body).unwrap();
        for standard in ["c++11", "c++14", "c++17", "c++20"] {
            compiles(cxx(), standard, &source, &dir.0.join("out.o"));
        }
    }
}

#[test]
fn it_defines_nothing_but_its_own_names() {
    for line in header().lines().filter_map(|line| line.strip_prefix("#define ")) {
        let name = line.split([' ', '(']).next().unwrap();
        assert!(name.starts_with("REC_") || name == "CALLREC_H", "{name}");
    }
}

/// Each declaration of a function with the comment that stands above it.
fn functions() -> Vec<(String, String)> {
    let text = header();
    let mut found = Vec::new();
    let mut comment = String::new();
    let mut declaration = String::new();
    for line in text.lines() {
        if line.starts_with("/**") {
            comment.clear();
        }
        if line.starts_with("/**") || line.starts_with(" *") {
            comment.push_str(line);
            comment.push('\n');
            continue;
        }
        let begins = declaration.is_empty()
            && line.contains("rec_")
            && line.contains('(')
            && !line.starts_with([' ', '#']);
        if begins && !line.starts_with("typedef") || !declaration.is_empty() {
            declaration.push_str(line);
            if line.contains(';') {
                let name = declaration
                    .split('(')
                    .next()
                    .unwrap()
                    .split([' ', '*'])
                    .next_back()
                    .unwrap();
                found.push((name.to_owned(), std::mem::take(&mut comment)));
                declaration.clear();
            }
        }
    }
    found
}

fn exported() -> BTreeSet<String> {
    let listing = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library_directory().join(SO)));
    let listing = String::from_utf8(listing.stdout).unwrap();
    listing
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn exports_header_and_list_are_the_same() {
    let functions = functions();
    let declared: BTreeSet<String> = functions.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(declared.len(), functions.len(), "each function is declared once");
    let path = root().join("tests/exports.txt");
    if std::env::var_os("CALLREC_BLESS").is_some() {
        let list: Vec<_> = declared.iter().map(String::as_str).collect();
        std::fs::write(&path, list.join("\n") + "\n").unwrap();
    }
    let listed: BTreeSet<String> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    assert!(listed.len() > 40);
    assert_eq!(declared, listed, "header and tests/exports.txt");
    assert_eq!(exported(), listed, "the library's symbols and tests/exports.txt");
}

#[test]
fn every_function_says_six_things() {
    let functions = functions();
    assert!(functions.len() > 40);
    for (name, comment) in functions {
        for what in [
            "Threads:",
            "Blocking:",
            "In callbacks:",
            "Ownership:",
            "Errors",
            "Since:",
        ] {
            let line = format!(" * {what}");
            assert!(
                comment.lines().any(|l| l.starts_with(&line)),
                "{name} does not say {what}\n{comment}"
            );
        }
    }
}

#[test]
fn the_library_has_its_name_and_stays_loaded() {
    let dynamic = run(Command::new("readelf")
        .arg("-d")
        .arg(library_directory().join(SO)));
    let dynamic = String::from_utf8(dynamic.stdout).unwrap();
    assert!(dynamic.contains(&format!("[{SONAME}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}
