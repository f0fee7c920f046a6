//! C and C++ programs with the shared and the static library, in each standard.

#[path = "c_programs/cxx_programs.rs"]
mod cxx_programs;
#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use support::build::{STATIC_LIBS, cc, cxx, has, has_cxx, has_lame, installed, root, run};

const STANDARDS: [&str; 3] = ["c11", "c17", "c2x"];

#[derive(Clone, Copy, Debug)]
enum Linkage {
    Shared,
    Static,
}

/// Compiles `tests/c/<name>.c`. The program finds the shared library by its rpath.
fn build(dir: &Path, name: &str, standard: &str, linkage: Linkage) -> PathBuf {
    let program_directory = dir.join(format!("{name}-{standard}-{linkage:?}"));
    std::fs::create_dir_all(&program_directory).unwrap();
    let libraries = installed(&program_directory);
    let program = program_directory.join(name);
    let mut command = cc();
    command.arg(format!("-std={standard}")).args(["-g", "-pthread"]);
    command
        .arg(root().join(format!("tests/c/{name}.c")))
        .arg("-o")
        .arg(&program);
    match linkage {
        Linkage::Shared => {
            command
                .arg("-L")
                .arg(&libraries)
                .arg(format!("-Wl,-rpath,{}", libraries.display()));
            command.args(["-lcallrec", "-lm"]);
        }
        Linkage::Static => {
            command.arg(libraries.join("libcallrec.a")).args(STATIC_LIBS);
        }
    }
    run(&mut command);
    program
}

/// Runs a program with a directory for its recordings. Returns its output.
fn run_recording(program: &Path, arguments: &[&str]) -> String {
    let directory = program.parent().unwrap().join("recordings");
    std::fs::create_dir_all(&directory).unwrap();
    let output = run(Command::new(program).arg(&directory).args(arguments));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program in each standard with the shared library, and in one with the static library.
fn run_in_every_standard(name: &str, arguments: &[&str]) {
    let dir = ScratchDir::new();
    for standard in STANDARDS {
        run_recording(&build(&dir.0, name, standard, Linkage::Shared), arguments);
    }
    run_recording(&build(&dir.0, name, "c11", Linkage::Static), arguments);
}

/// The leak kinds for programs that fork: a forked child does not have the threads of its parent, so
/// valgrind reports their stacks as "possibly lost".
const FORKING_LEAKS: &str = "definite,indirect";

/// Runs a program under valgrind, which must find no error and no leak. Does nothing without valgrind,
/// which `.ci/run` installs.
fn run_under_valgrind(name: &str, leaks: &str, arguments: &[&str]) {
    if !has("valgrind") {
        return;
    }
    let dir = ScratchDir::new();
    valgrind(
        &dir.0,
        &build(&dir.0, name, "c11", Linkage::Shared),
        leaks,
        arguments,
    );
}

/// Runs a program under valgrind with a directory for its recordings.
fn valgrind(dir: &Path, program: &Path, leaks: &str, arguments: &[&str]) {
    let mut command = Command::new("valgrind");
    command.args([
        "-q",
        "--error-exitcode=42",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
    ]);
    command.args([&format!("--errors-for-leak-kinds={leaks}"), "--fair-sched=yes"]);
    let directory = dir.join("recordings");
    std::fs::create_dir_all(&directory).unwrap();
    run(command.arg(program).arg(directory).args(arguments));
}

#[test]
fn the_contract_passes() {
    let dir = ScratchDir::new();
    for standard in STANDARDS {
        for linkage in [Linkage::Shared, Linkage::Static] {
            let output = run_recording(&build(&dir.0, "contract", standard, linkage), &[]);
            let path = output.lines().last().unwrap();
            assert!(Path::new(path).exists(), "{path}");
        }
    }
}

#[test]
fn the_contract_passes_under_valgrind() {
    run_under_valgrind("contract", "definite,indirect,possible", &[]);
}

#[test]
fn every_function_and_status_is_reached() {
    run_in_every_standard("everything", &[]);
}

#[test]
fn every_function_passes_under_valgrind() {
    run_under_valgrind("everything", FORKING_LEAKS, &[]);
}

/// Pauses, privacy, holds and stops, to the sample.
#[test]
fn a_recording_holds_what_it_may() {
    run_in_every_standard("audio", &[]);
}

#[test]
fn misuse_is_refused() {
    run_in_every_standard("misuse", &[]);
}

#[test]
fn misuse_is_refused_under_valgrind() {
    run_under_valgrind("misuse", FORKING_LEAKS, &[]);
}

#[test]
fn a_program_may_record_mp3() {
    if !has_lame() {
        return;
    }
    let dir = ScratchDir::new();
    for linkage in [Linkage::Shared, Linkage::Static] {
        run_recording(&build(&dir.0, "mp3", "c11", linkage), &[]);
    }
    run_under_valgrind("mp3", "definite,indirect,possible", &[]);
}

/// Only a library without the feature `mp3` opens the LAME of the system. Here that is another library,
/// which says so.
#[cfg(target_os = "linux")]
#[test]
fn a_compiled_in_lame_needs_none_of_the_system() {
    let dir = ScratchDir::new();
    let source = dir.0.join("other.c");
    let text = "#include <stdio.h>\n\
        __attribute__((constructor)) static void say(void) { fputs(\"opened\\n\", stderr); }\n";
    std::fs::write(&source, text).unwrap();
    let library = dir.0.join("libmp3lame.so.0");
    run(cc()
        .args(["-shared", "-fPIC"])
        .arg(&source)
        .arg("-o")
        .arg(library));
    for linkage in [Linkage::Shared, Linkage::Static] {
        let program = build(&dir.0, "mp3", "c11", linkage);
        let mut command = Command::new(&program);
        let output = command
            .arg(&dir.0)
            .env("LD_LIBRARY_PATH", &dir.0)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let refusal = "libmp3lame.so.0 has no function lame_init; install LAME";
        let found = [
            output.status.success(),
            !errors.contains("opened"),
            !errors.contains(refusal),
        ];
        assert_eq!(found, [cfg!(feature = "mp3"); 3], "{linkage:?}: {errors}");
    }
}

#[test]
fn eight_threads_may_control_the_same_lines() {
    let dir = ScratchDir::new();
    run_recording(&build(&dir.0, "stress", "c11", Linkage::Shared), &["3"]);
}

/// The system refuses memory. The host continues, and its recordings are complete.
#[cfg(all(target_os = "linux", feature = "memory-reserve"))]
#[test]
fn memory_may_run_out() {
    for linkage in [Linkage::Shared, Linkage::Static] {
        let dir = ScratchDir::new();
        let program = build(&dir.0, "memory", "c11", linkage);
        for mode in ["opening", "before", "live", "own-arenas", "pieces"] {
            run_recording(&program, &[mode]);
        }
    }
}

/// A destructor of a thread-local variable that is registered while memory runs out ends the process.
#[cfg(target_os = "linux")]
#[test]
fn no_destructor_is_registered_after_the_start() {
    let dir = ScratchDir::new();
    for linkage in [Linkage::Shared, Linkage::Static] {
        run_recording(&build(&dir.0, "thread_locals", "c11", linkage), &[]);
    }
}

#[test]
fn a_disk_that_refuses_for_a_while_causes_no_second_end() {
    let dir = ScratchDir::new();
    run_recording(&build(&dir.0, "refusing_disk", "c11", Linkage::Shared), &[]);
}

/// Both hooks run on every thread, in pairs.
#[cfg(target_os = "linux")]
#[test]
fn hooks_run_on_every_thread() {
    let dir = ScratchDir::new();
    run_recording(&build(&dir.0, "thread_hooks", "c11", Linkage::Shared), &[]);
}

#[test]
fn the_header_compiles_in_every_cxx_standard() {
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
