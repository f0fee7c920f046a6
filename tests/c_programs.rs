//! C programs against the real libraries, shared and static, in each C standard.

#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use support::build::{STATIC_LIBS, cc, cxx, has, has_cxx, installed, root, run};

const STANDARDS: [&str; 3] = ["c11", "c17", "c2x"];

#[derive(Clone, Copy, Debug)]
enum Linked {
    Shared,
    Static,
}

/// Compiles `tests/c/<name>.c`; the program finds the library by rpath.
fn build(dir: &Path, name: &str, standard: &str, linked: Linked) -> PathBuf {
    let place = dir.join(format!("{name}-{standard}-{linked:?}"));
    std::fs::create_dir_all(&place).unwrap();
    let libraries = installed(&place);
    let program = place.join(name);
    let mut command = cc();
    command.arg(format!("-std={standard}")).args(["-g", "-pthread"]);
    command
        .arg(root().join(format!("tests/c/{name}.c")))
        .arg("-o")
        .arg(&program);
    match linked {
        Linked::Shared => {
            command
                .arg("-L")
                .arg(&libraries)
                .arg(format!("-Wl,-rpath,{}", libraries.display()));
            command.args(["-lcallrec", "-lm"]);
        }
        Linked::Static => {
            command.arg(libraries.join("libcallrec.a")).args(STATIC_LIBS);
        }
    }
    run(&mut command);
    program
}

fn record_into(program: &Path, arguments: &[&str]) -> String {
    let directory = program.parent().unwrap().join("recordings");
    std::fs::create_dir_all(&directory).unwrap();
    let output = run(Command::new(program).arg(&directory).args(arguments));
    String::from_utf8(output.stdout).unwrap()
}

/// Each standard with the shared library; one with the static one.
fn in_every_way(name: &str, arguments: &[&str]) {
    let dir = ScratchDir::new();
    for standard in STANDARDS {
        record_into(&build(&dir.0, name, standard, Linked::Shared), arguments);
    }
    record_into(&build(&dir.0, name, "c11", Linked::Static), arguments);
}

/// A forked child ends without its parent's threads, whose stacks are then "possibly
/// lost" in it.
const FORKS: &str = "definite,indirect";

/// Runs a program under valgrind: no error, no leak. A machine without valgrind
/// says so; `.ci/run` insists on it.
fn under_valgrind(name: &str, leaks: &str, arguments: &[&str]) {
    if !has("valgrind") {
        return;
    }
    let dir = ScratchDir::new();
    let program = build(&dir.0, name, "c11", Linked::Shared);
    let mut command = Command::new("valgrind");
    command.args([
        "-q",
        "--error-exitcode=42",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
    ]);
    command.args([&format!("--errors-for-leak-kinds={leaks}"), "--fair-sched=yes"]);
    let directory = dir.0.join("recordings");
    std::fs::create_dir_all(&directory).unwrap();
    run(command.arg(&program).arg(directory).args(arguments));
}

#[test]
fn the_contract() {
    let dir = ScratchDir::new();
    for standard in STANDARDS {
        for linked in [Linked::Shared, Linked::Static] {
            let said = record_into(&build(&dir.0, "contract", standard, linked), &[]);
            let path = said.lines().last().unwrap();
            assert!(Path::new(path).exists(), "{path}");
        }
    }
}

#[test]
fn the_contract_under_valgrind() {
    under_valgrind("contract", "definite,indirect,possible", &[]);
}

#[test]
fn every_function_and_every_status() {
    in_every_way("everything", &[]);
}

#[test]
fn every_function_under_valgrind() {
    under_valgrind("everything", FORKS, &[]);
}

#[test]
fn misuse_is_answered() {
    in_every_way("misuse", &[]);
}

#[test]
fn misuse_under_valgrind() {
    under_valgrind("misuse", FORKS, &[]);
}

#[test]
fn eight_threads_on_the_same_lines() {
    let dir = ScratchDir::new();
    record_into(&build(&dir.0, "stress", "c11", Linked::Shared), &["3"]);
}

/// The system refuses memory: the host lives, and what is recorded is whole.
#[cfg(all(target_os = "linux", feature = "memory-reserve"))]
#[test]
fn memory_that_runs_out() {
    for linked in [Linked::Shared, Linked::Static] {
        let dir = ScratchDir::new();
        let program = build(&dir.0, "memory", "c11", linked);
        for mode in ["opening", "before", "live", "own-arenas", "pieces"] {
            record_into(&program, &[mode]);
        }
    }
}

#[test]
fn a_disk_that_refuses_for_a_while_makes_no_second_end() {
    let dir = ScratchDir::new();
    record_into(&build(&dir.0, "one_story", "c11", Linked::Shared), &[]);
}

#[test]
fn the_header_in_a_cxx_program() {
    if !has_cxx() {
        return;
    }
    let dir = ScratchDir::new();
    let libraries = installed(&dir.0);
    for standard in ["c++11", "c++14", "c++17", "c++20"] {
        let program = dir.0.join(standard);
        let mut command = cxx();
        command
            .arg(format!("-std={standard}"))
            .arg(root().join("tests/c/cpp_include.cpp"))
            .arg("-o")
            .arg(&program);
        command
            .arg("-L")
            .arg(&libraries)
            .arg(format!("-Wl,-rpath,{}", libraries.display()))
            .arg("-lcallrec");
        run(&mut command);
        run(Command::new(&program).arg(dir.0.join(format!("recordings-{standard}"))));
    }
}
