//! The library's effect on the process of its host, also with fork, seccomp and dlopen: C programs with
//! the shared and the static library. Each check runs in its own process. The program prints one line;
//! the library prints nothing.

#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use callrec_testkit::directory::ScratchDir;

use support::build::{SO, STATIC_LIBS, cc, installed, root, run};

#[derive(Clone, Copy, Debug)]
enum ProgramLinkage {
    Shared,
    Static,
    /// The program loads the library at run time.
    Dynamic,
}

/// Compiles `tests/c/<name>.c`.
fn build(directory: &Path, name: &str, linkage: ProgramLinkage) -> PathBuf {
    let directory = directory.join(format!("{linkage:?}"));
    std::fs::create_dir_all(&directory).unwrap();
    let libraries = installed(&directory);
    let program = directory.join(name);
    let mut command = cc();
    command.args(["-std=c11", "-g", "-pthread"]);
    command
        .arg(root().join(format!("tests/c/{name}.c")))
        .arg("-o")
        .arg(&program);
    match linkage {
        ProgramLinkage::Shared => {
            let path = format!("-Wl,-rpath,{}", libraries.display());
            command.arg("-L").arg(&libraries).args([&path, "-lcallrec"]);
        }
        ProgramLinkage::Static => {
            command.arg(libraries.join("libcallrec.a")).args(STATIC_LIBS);
        }
        ProgramLinkage::Dynamic => {
            command.arg("-ldl");
        }
    }
    run(&mut command);
    program
}

fn outputs_of(output: &Output) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Runs one check of a program with both libraries. Only the last line of the program may be printed.
fn run_check(name: &str, check: &str) {
    for linkage in [ProgramLinkage::Shared, ProgramLinkage::Static] {
        let dir = ScratchDir::new();
        let program = build(&dir.0, name, linkage);
        let recordings = dir.0.join("recordings");
        std::fs::create_dir(&recordings).unwrap();
        let output = Command::new(program)
            .arg(check)
            .arg(&recordings)
            .output()
            .unwrap();
        let expected = (String::new(), format!("{check}: passed (0 failures)\n"));
        assert_eq!(outputs_of(&output), expected, "{linkage:?}: {}", output.status);
        assert!(output.status.success(), "{linkage:?}: {}", output.status);
    }
}

macro_rules! checks {
    ($program:literal; $($name:ident = $check:literal,)*) => {
        $(
            #[test]
            fn $name() {
                run_check($program, $check);
            }
        )*
    };
}

checks! { "host_process";
    threads_are_named = "threads-are-named",
    signals_are_blocked = "signals-are-blocked",
    signals_are_delivered_to_the_host = "signals-land-in-the-host",
    descriptors_close_on_exec = "descriptors-close-on-exec",
    process_attributes_are_not_changed = "the-process-is-left-as-it-was",
    the_host_may_exit_at_any_time = "the-host-may-exit-at-any-time",
    a_file_size_limit_fails_one_recording = "a-file-size-limit-fails-one-recording",
    the_host_may_change_its_directory = "the-host-may-change-its-directory",
    event_paths_are_valid_after_a_change_of_directory = "paths-are-true-after-a-change-of-directory",
}

checks! { "host_process_fork";
    handles_of_the_parent_are_invalid_in_a_child = "handles-are-the-parents",
    children_of_children_can_record = "children-of-children",
    the_lock_stays_with_the_parent = "the-lock-stays-with-the-parent",
    the_lock_ends_with_the_parent = "the-lock-dies-with-the-parent",
    a_child_can_be_forked_at_any_time = "forks-in-a-loop",
}

checks! { "host_process_seccomp";
    a_system_call_ends_a_confined_thread = "a-system-call-ends-a-confined-thread",
    a_packet_makes_no_system_call_in_real_time = "in-real-time",
    a_packet_makes_no_system_call_in_stream_time = "in-stream-time",
    a_burst_makes_no_system_call = "a-burst",
    a_packet_makes_no_system_call_under_load = "beside-everything-else",
    a_packet_makes_no_system_call_in_a_forked_child = "in-a-forked-child",
}

#[test]
fn the_library_can_be_loaded_and_unloaded_repeatedly() {
    let directory = ScratchDir::new();
    let program = build(&directory.0, "host_process_dlopen", ProgramLinkage::Dynamic);
    let library = directory.0.join("Dynamic/lib").join(SO);
    let mut command = Command::new(program);
    let output = run(command.arg(directory.0.join("recordings")).arg(library));
    assert_eq!(outputs_of(&output), (String::new(), String::new()));
}
