//! The header: generated from the source, valid C and C++, complete, documented.

#[path = "header/debian.rs"]
mod debian;
#[path = "header/doxygen.rs"]
mod doxygen;
#[path = "header/form.rs"]
mod form;
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
fn the_header_is_generated_from_the_source() {
    let generated = std::fs::read_to_string(env!("CALLREC_HEADER")).unwrap();
    keys::check_or_bless("include/callrec.h", &keys::in_header(&generated));
}

/// A subscription of a C test counts every kind of event.
#[test]
fn the_c_tests_know_every_kind_of_event() {
    let header = header();
    let kinds = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define REC_EVENT_"));
    let kinds = kinds.filter(|name| !name.starts_with("FLAG_"));
    let kinds = kinds.filter_map(|line| line.split_once(' '));
    let numbered = kinds.map(|(name, number)| (number.parse::<u32>().unwrap(), name));
    let (_, last) = numbered.max().unwrap();
    let check = std::fs::read_to_string(root().join("tests/c/check.h")).unwrap();
    let expected = format!("KINDS = REC_EVENT_{last} + 1 ");
    assert!(check.contains(&expected), "tests/c/check.h: {expected}");
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
fn the_header_compiles_as_c99_to_c2x_also_if_included_twice() {
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
fn the_header_compiles_as_cxx11_to_cxx20_also_inside_extern_c() {
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

/// A member that a later version appends begins where a struct ends. If that were in padding, programs
/// built with the older header would pass a size that ends inside the member, and what happens to be there.
#[test]
fn no_struct_ends_with_padding() {
    let dir = ScratchDir::new();
    let padded = |name: &str, body: &str| {
        let source = dir.0.join(name);
        std::fs::write(&source, body).unwrap();
        let output = run(cc_that_warns().arg(&source));
        let warnings = String::from_utf8(output.stderr).unwrap();
        let lines = warnings
            .lines()
            .filter(|line| line.contains("to alignment boundary"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let example = "struct example { void *pointer; int last; };\nstruct example use;\n";
    assert_eq!(padded("example.c", example).len(), 1);
    assert_eq!(padded("header.c", "#include <callrec.h>\n"), [""; 0]);
}

fn cc_that_warns() -> Command {
    let mut compiler = cc();
    compiler.args(["-Wpadded", "-Wno-error", "-fsyntax-only"]);
    compiler
}

#[test]
fn the_header_defines_only_names_with_its_prefix() {
    for line in header().lines().filter_map(|line| line.strip_prefix("#define ")) {
        let name = line.split([' ', '(']).next().unwrap();
        assert!(name.starts_with("REC_") || name == "CALLREC_H", "{name}");
    }
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

/// The functions of `tests/exports.txt`.
fn listed_exports() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("tests/exports.txt")).unwrap();
    let listed: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(listed.len() > 40, "{listed:?}");
    listed
}

#[test]
fn the_exports_are_the_functions_of_the_header_and_the_list() {
    let functions = form::functions(&header());
    let declared: BTreeSet<String> = functions.iter().map(|function| function.name.clone()).collect();
    assert_eq!(
        declared.len(),
        functions.len(),
        "a function is declared more than once"
    );
    let path = root().join("tests/exports.txt");
    if std::env::var_os("CALLREC_BLESS").is_some() {
        let list: Vec<_> = declared.iter().map(String::as_str).collect();
        std::fs::write(&path, list.join("\n") + "\n").unwrap();
    }
    let listed: BTreeSet<String> = listed_exports().into_iter().collect();
    assert_eq!(declared, listed, "header and tests/exports.txt");
    assert_eq!(exported(), listed, "the library's symbols and tests/exports.txt");
}

#[test]
fn the_shared_library_has_its_soname_and_stays_loaded() {
    let dynamic = run(Command::new("readelf")
        .arg("-d")
        .arg(library_directory().join(SO)));
    let dynamic = String::from_utf8(dynamic.stdout).unwrap();
    assert!(dynamic.contains(&format!("[{SONAME}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}
