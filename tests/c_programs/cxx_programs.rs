//! `callrec.hpp`: C++ programs with each compiler and standard, and what the header covers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::support::build::{STATIC_LIBS, compiler, cxx, has, has_cxx, installed, root, run};
use crate::{FORKING_LEAKS, run_recording, valgrind};

const STANDARDS: [&str; 2] = ["c++17", "c++20"];
const WARNINGS: [&str; 2] = ["-Wconversion", "-Wshadow"];

/// The compilers that are installed.
fn compilers() -> Vec<fn() -> Command> {
    let mut found: Vec<fn() -> Command> = Vec::new();
    if has_cxx() {
        found.push(cxx);
    }
    if has("clang++") {
        found.push(|| compiler("CALLREC_CLANGXX", "clang++"));
    }
    found
}

/// Compiles `tests/c/<name>.cpp` with the shared library.
fn build(dir: &Path, name: &str, mut command: Command, options: &[&str]) -> PathBuf {
    let libraries = installed(dir);
    std::fs::write(dir.join("noted.h"), noted()).unwrap();
    let program = dir.join(name);
    command.args(WARNINGS).args(["-g", "-pthread"]).args(options);
    command.arg("-I").arg(dir);
    command
        .arg(root().join(format!("tests/c/{name}.cpp")))
        .arg("-o")
        .arg(&program);
    command.arg("-L").arg(&libraries).arg("-lcallrec");
    run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    program
}

/// Compiles and runs a program with every compiler, in these standards.
fn run_with_every_compiler(name: &str, standards: &[&str], options: &[&str]) -> Vec<String> {
    let mut outputs = Vec::new();
    for compiler in compilers() {
        for standard in standards {
            let dir = ScratchDir::new();
            let mut command = compiler();
            command.arg(format!("-std={standard}"));
            outputs.push(run_recording(&build(&dir.0, name, command, options), &[]));
        }
    }
    outputs
}

/// Runs a program under valgrind. Rust's standard library keeps the names of threads in a form that
/// valgrind reports as "possibly lost", so only definite leaks count, as for programs that fork.
fn run_under_valgrind(name: &str, options: &[&str]) {
    if !has_cxx() || !has("valgrind") {
        return;
    }
    let dir = ScratchDir::new();
    let mut command = cxx();
    command.arg("-std=c++17");
    valgrind(&dir.0, &build(&dir.0, name, command, options), FORKING_LEAKS, &[]);
}

fn exports() -> BTreeSet<String> {
    let exports = std::fs::read_to_string(root().join("tests/exports.txt")).unwrap();
    exports.lines().map(str::to_owned).collect()
}

/// Macros that note the calls of every exported function.
fn noted() -> String {
    let lines = exports()
        .into_iter()
        .map(|name| format!("#define {name}(...) (note(\"{name}\"), {name}(__VA_ARGS__))\n"));
    lines.collect()
}

#[test]
fn every_function_is_wrapped() {
    for output in run_with_every_compiler("cpp_everything", &STANDARDS, &[]) {
        let called: BTreeSet<String> = output.lines().map(str::to_owned).collect();
        let missing: Vec<_> = exports().difference(&called).cloned().collect();
        assert!(
            missing.is_empty(),
            "tests/c/cpp_everything.cpp calls no C++ function that calls {missing:?}"
        );
    }
}

#[test]
fn every_function_passes_under_valgrind() {
    run_under_valgrind("cpp_everything", &[]);
}

/// The example, which `make -C examples-c` compiles with one of them.
#[test]
fn the_example_compiles_with_every_compiler() {
    for compiler in compilers() {
        for standard in STANDARDS {
            let mut command = compiler();
            command.arg(format!("-std={standard}")).args(WARNINGS);
            run(command
                .arg("-fsyntax-only")
                .arg(root().join("examples-c/record.cpp")));
        }
    }
}

#[test]
fn owners_end_in_any_order_and_callables_may_throw() {
    run_with_every_compiler("cpp_ownership", &STANDARDS, &[]);
}

#[test]
fn owners_pass_under_valgrind() {
    run_under_valgrind("cpp_ownership", &[]);
}

const NO_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];

#[test]
fn exceptions_are_not_needed() {
    run_with_every_compiler("cpp_no_exceptions", &STANDARDS, &NO_EXCEPTIONS);
    run_under_valgrind("cpp_no_exceptions", &NO_EXCEPTIONS);
}

#[test]
fn files_with_and_without_exceptions_link_together() {
    for compiler in compilers() {
        let dir = ScratchDir::new();
        let object = dir.0.join("without.o");
        let mut command = compiler();
        command
            .args(WARNINGS)
            .args(["-std=c++17", "-c"])
            .args(NO_EXCEPTIONS);
        command
            .arg(root().join("tests/c/cpp_mixed.cpp"))
            .arg("-o")
            .arg(&object);
        run(&mut command);
        let mut command = compiler();
        // The object comes first, so the linker prefers its copies of inline functions.
        command.arg(&object).arg("-std=c++17");
        run_recording(&build(&dir.0, "cpp_mixed", command, &[]), &[]);
    }
}

#[test]
fn snapshots_are_ranges_of_cpp_20() {
    run_with_every_compiler("cpp_20", &["c++20"], &[]);
}

#[test]
fn the_static_library_links_too() {
    if !has_cxx() {
        return;
    }
    let dir = ScratchDir::new();
    let program = dir.0.join("cpp_ownership");
    let mut command = cxx();
    command.args(WARNINGS).args(["-std=c++17", "-pthread"]);
    command
        .arg(root().join("tests/c/cpp_ownership.cpp"))
        .arg("-o")
        .arg(&program);
    command
        .arg(installed(&dir.0).join("libcallrec.a"))
        .args(STATIC_LIBS);
    run(&mut command);
    run_recording(&program, &[]);
}

/// `callrec.hpp` and its parts, relative to `include`.
fn headers() -> Vec<String> {
    let parts = std::fs::read_dir(root().join("include/callrec")).unwrap();
    let names = parts.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut headers: Vec<String> = names.map(|name| format!("callrec/{name}")).collect();
    headers.sort();
    headers.push("callrec.hpp".to_owned());
    headers
}

#[test]
fn each_header_compiles_alone_and_the_first_includes_all() {
    if !has_cxx() {
        return;
    }
    let all = std::fs::read_to_string(root().join("include/callrec.hpp")).unwrap();
    let dir = ScratchDir::new();
    for header in headers() {
        let is_included = all.contains(&format!("#include <{header}>"));
        assert!(is_included || header == "callrec.hpp", "{header}");
        let source = dir.0.join("alone.cpp");
        std::fs::write(&source, format!("#include <{header}>\n#include <{header}>\n")).unwrap();
        let mut command = cxx();
        command.args(WARNINGS).args(["-std=c++17", "-fsyntax-only"]);
        run(command.arg(&source));
    }
}

/// The classes and functions of `callrec.hpp` and its parts: the words of each, without comments.
fn blocks() -> Vec<BTreeSet<String>> {
    let mut blocks = vec![BTreeSet::new()];
    for header in headers() {
        let text = std::fs::read_to_string(root().join("include").join(header)).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let words = line.split(|letter| !is_part(letter)).map(str::to_owned);
            blocks.last_mut().unwrap().extend(words);
            if line.starts_with('}') {
                blocks.push(BTreeSet::new());
            }
        }
    }
    blocks
}

/// The constants that the C header defines.
fn constants(header: &str) -> Vec<&str> {
    let lines = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define REC_"));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !name.contains('(')).collect()
}

/// The members of the C header's structs, with the structs. Reserved members and the numbers of handles
/// are left out, and so are structs that the C++ header takes over as they are (`using counts = rec_counts`).
fn members<'a>(header: &'a str, cpp: &str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut members: Vec<&str> = Vec::new();
    for line in header.lines() {
        if let Some(name) = line.strip_prefix("} ").and_then(|line| line.strip_suffix(';')) {
            let is_taken_over = cpp.contains(&format!("= {name};"));
            let wanted = std::mem::take(&mut members).into_iter();
            found.extend(wanted.filter(|_| !is_taken_over).map(|member| (name, member)));
        } else if line.starts_with("typedef struct {") {
            members.clear();
        } else if line == "    uint64_t id;" {
            continue;
        } else if let Some(member) = line.strip_prefix("    ").and_then(|line| line.strip_suffix(';')) {
            let name = member.rsplit([' ', '*']).next().unwrap();
            members.push(name.split('[').next().unwrap());
        }
    }
    found.retain(|(_, member)| !member.starts_with("reserved") && *member != "struct_size");
    found
}

/// A new constant or member of callrec.h fails this test until the C++ header has it: the constant
/// anywhere, and the member in a class or a function that names its struct.
#[test]
fn every_constant_and_member_is_covered() {
    let header = std::fs::read_to_string(root().join("include/callrec.h")).unwrap();
    let options = std::fs::read_to_string(root().join("include/callrec/options.hpp")).unwrap();
    let blocks = blocks();
    let constants = constants(&header);
    assert!(constants.len() > 100, "{constants:?}");
    let members = members(&header, &options);
    assert!(members.len() > 100, "{members:?}");
    let has_constant = |name: &str| blocks.iter().any(|block| block.contains(&format!("REC_{name}")));
    let missing: Vec<&str> = constants.into_iter().filter(|name| !has_constant(name)).collect();
    assert!(
        missing.is_empty(),
        "not in include/callrec.hpp and its parts: {missing:?}"
    );
    let has_member = |(name, member): &(&str, &str)| {
        let mut of = blocks.iter().filter(|block| block.contains(*name));
        of.any(|block| block.contains(*member))
    };
    let missing: Vec<_> = members.into_iter().filter(|member| !has_member(member)).collect();
    assert!(
        missing.is_empty(),
        "not in include/callrec.hpp and its parts: {missing:?}"
    );
}
