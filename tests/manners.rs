//! A guest's manners and fork: C programs against the real library, shared and static.
//! Each check is a process of its own; a program that passes says so in one line, and
//! the library nothing at all.

#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use callrec_testkit::directory::ScratchDir;

use support::build::{SO, STATIC_LIBS, cc, installed, root, run};

#[derive(Clone, Copy, Debug)]
enum Linked {
    Shared,
    Static,
    /// Finds the library at run time.
    Not,
}

/// Compiles `tests/c/<name>.c`.
fn build(place: &Path, name: &str, linked: Linked) -> PathBuf {
    let place = place.join(format!("{linked:?}"));
    std::fs::create_dir_all(&place).unwrap();
    let libraries = installed(&place);
    let program = place.join(name);
    let mut command = cc();
    command.args(["-std=c11", "-g", "-pthread"]);
    command
        .arg(root().join(format!("tests/c/{name}.c")))
        .arg("-o")
        .arg(&program);
    match linked {
        Linked::Shared => {
            let path = format!("-Wl,-rpath,{}", libraries.display());
            command.arg("-L").arg(&libraries).args([&path, "-lcallrec"]);
        }
        Linked::Static => {
            command.arg(libraries.join("libcallrec.a")).args(STATIC_LIBS);
        }
        Linked::Not => {
            command.arg("-ldl");
        }
    }
    run(&mut command);
    program
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// One check of a program, with both libraries. All that may be heard is its own last
/// line.
fn passes(name: &str, check: &str) {
    for linked in [Linked::Shared, Linked::Static] {
        let dir = ScratchDir::new();
        let program = build(&dir.0, name, linked);
        let recordings = dir.0.join("recordings");
        std::fs::create_dir(&recordings).unwrap();
        let output = Command::new(program)
            .arg(check)
            .arg(&recordings)
            .output()
            .unwrap();
        let heard = (String::new(), format!("{check}: passed (0 failures)\n"));
        assert_eq!(said(&output), heard, "{linked:?}: {}", output.status);
        assert!(output.status.success(), "{linked:?}: {}", output.status);
    }
}

macro_rules! checks {
    ($program:literal; $($name:ident = $check:literal,)*) => {
        $(
            #[test]
            fn $name() {
                passes($program, $check);
            }
        )*
    };
}

checks! { "manners";
    threads_are_named = "threads-are-named",
    signals_are_blocked = "signals-are-blocked",
    signals_land_in_the_host = "signals-land-in-the-host",
    descriptors_close_on_exec = "descriptors-close-on-exec",
    the_process_is_left_as_it_was = "the-process-is-left-as-it-was",
    the_host_may_exit_at_any_time = "the-host-may-exit-at-any-time",
    a_file_size_limit_fails_one_recording = "a-file-size-limit-fails-one-recording",
    the_host_may_change_its_directory = "the-host-may-change-its-directory",
    paths_are_true_after_a_change_of_directory = "paths-are-true-after-a-change-of-directory",
}

checks! { "manners_fork";
    handles_are_the_parents = "handles-are-the-parents",
    children_of_children = "children-of-children",
    the_lock_stays_with_the_parent = "the-lock-stays-with-the-parent",
    the_lock_dies_with_the_parent = "the-lock-dies-with-the-parent",
    forks_in_a_loop = "forks-in-a-loop",
}

checks! { "manners_seccomp";
    whoever_calls_the_system_is_ended = "whoever-calls-the-system-is-ended",
    a_packet_calls_nobody_in_real_time = "in-real-time",
    a_packet_calls_nobody_in_stream_time = "in-stream-time",
    a_burst_calls_nobody = "a-burst",
    a_packet_calls_nobody_beside_everything_else = "beside-everything-else",
    a_packet_calls_nobody_in_a_forked_child = "in-a-forked-child",
}

#[test]
fn loaded_and_unloaded_in_a_loop() {
    let place = ScratchDir::new();
    let program = build(&place.0, "manners_dlopen", Linked::Not);
    let library = place.0.join("Not/lib").join(SO);
    let mut command = Command::new(program);
    let output = run(command.arg(place.0.join("recordings")).arg(library));
    assert_eq!(said(&output), (String::new(), String::new()));
}
