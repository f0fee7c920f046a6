//! Every example, built against an installed root.

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::root::{INSTALLED, can_install, has_cmake, has_pkg_config, text};
use crate::support::build::{cxx, has_cxx, root, run};

/// The examples and their further sources.
const EXAMPLES: [(&str, &[&str]); 9] = [
    ("minimal", &[]),
    ("list_live", &[]),
    ("tap_rtp", &[]),
    ("events", &[]),
    ("record_call", &["console.c", "conversation.c", "wav_check.c"]),
    ("gateway", &["conversation.c"]),
    (
        "tapi_bridge",
        &[
            "tapi/bridge.c",
            "tapi/bridge_config.c",
            "tapi/call_logic.c",
            "tapi/call_message.c",
            "tapi/call_table.c",
            "tapi/control_pipe.c",
            "tapi/conversation.c",
            "tapi/rtp_ports.c",
            "tapi/script_line.c",
        ],
    ),
    ("codec_plugin", &[]),
    ("pjsip_port", &["sample_tap.c"]),
];

/// The examples that need a library, and the pkg-config module of it.
const NEEDS: [(&str, &str); 2] = [("codec_plugin", "opencore-amrnb"), ("pjsip_port", "libpjproject")];

/// The sources of the examples without the directories beside them, which have the header.
fn copy_of_examples(directory: &Path) -> PathBuf {
    let copy = directory.join("examples");
    std::fs::create_dir(&copy).unwrap();
    run(Command::new("cp")
        .arg("-r")
        .arg(root().join("examples-c/."))
        .arg(&copy));
    for name in EXAMPLES.map(|(name, _)| name).into_iter().chain(["record"]) {
        let _ = std::fs::remove_file(copy.join(name));
    }
    copy
}

/// The pkg-config module of the library that an example needs. `Err`: it is not installed.
fn module_of(example: &str) -> Result<Option<&'static str>, ()> {
    let Some((_, module)) = NEEDS.iter().find(|(name, _)| *name == example) else {
        return Ok(None);
    };
    let found = Command::new("pkg-config").args(["--exists", module]).status();
    match found.is_ok_and(|status| status.success()) {
        true => Ok(Some(module)),
        false => Err(()),
    }
}

#[test]
fn the_list_of_examples_is_complete() {
    let entries = std::fs::read_dir(root().join("examples-c")).unwrap();
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".c") else {
            continue;
        };
        let is_used = |(example, more): &(&str, &[&str])| *example == stem || more.contains(&name.as_str());
        assert!(EXAMPLES.iter().any(is_used), "{name}");
    }
}

/// Records the conversation. The checks that compare times are not looked at: they may fail on a
/// busy machine. With the shared library, the system has to find it.
fn record(program: &Path, libraries: Option<&Path>) {
    let directory = ScratchDir::new();
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    let output = command
        .arg(root().join("examples-c/conversation"))
        .arg(&directory.0)
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = lines.lines().last().expect("a path");
    assert!(Path::new(path).exists(), "{}: {output:?}", program.display());
    let data = std::fs::metadata(path).unwrap().len();
    assert!(data > 50_000, "{data} bytes: {output:?}");
}

/// Compiles the examples with what pkg-config says.
fn compile_with_pkg_config(is_static: bool) -> ScratchDir {
    let directory = ScratchDir::new();
    let sources = copy_of_examples(&directory.0);
    let flags = INSTALLED.pkg_config(&["--cflags"]);
    let libraries = match is_static {
        true => INSTALLED
            .pkg_config(&["--libs", "--static"])
            .replace("-lcallrec", "-l:libcallrec.a"),
        false => INSTALLED.pkg_config(&["--libs"]),
    };
    for (name, more) in EXAMPLES {
        let Ok(module) = module_of(name) else { continue };
        let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
        command.current_dir(&sources).args(["-std=c11", "-pthread", "-o"]);
        command
            .arg(directory.0.join(name))
            .arg(format!("{name}.c"))
            .args(more);
        command.arg("-DCONVERSATION=\"conversation\"");
        command
            .args(flags.split_whitespace())
            .args(libraries.split_whitespace());
        if let Some(module) = module {
            let flags = run(Command::new("pkg-config").args(["--cflags", "--libs", module]));
            command.args(text(flags).split_whitespace());
        }
        run(command.arg("-lm"));
    }
    if has_cxx() {
        let mut command = cxx();
        command
            .current_dir(&sources)
            .args(["-std=c++17", "-pthread", "-o"]);
        command.arg(directory.0.join("record")).arg("record.cpp");
        run(command
            .args(flags.split_whitespace())
            .args(libraries.split_whitespace()));
    }
    directory
}

#[test]
fn every_example_is_built_with_pkg_config() {
    if !can_install() || !has_pkg_config() {
        return;
    }
    let (shared, fixed) = (compile_with_pkg_config(false), compile_with_pkg_config(true));
    std::thread::scope(|scope| {
        scope.spawn(|| record(&shared.0.join("record_call"), Some(&INSTALLED.libraries())));
        scope.spawn(|| record(&fixed.0.join("record_call"), None));
    });
}

/// Configures and builds the examples with CMake, against a copy of the installed prefix elsewhere.
fn build_with_cmake(prefix: &Path, is_static: bool) -> ScratchDir {
    let directory = ScratchDir::new();
    let sources = copy_of_examples(&directory.0);
    let build = directory.0.join("build");
    let mut command = Command::new("cmake");
    command.arg("-S").arg(&sources).arg("-B").arg(&build);
    command.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    command.arg(format!(
        "-DCALLREC_STATIC={}",
        if is_static { "ON" } else { "OFF" }
    ));
    run(&mut command);
    run(Command::new("cmake").arg("--build").arg(&build));
    directory
}

#[test]
fn every_example_is_built_with_cmake_from_a_moved_directory() {
    if !can_install() || !has_cmake() {
        return;
    }
    let moved = ScratchDir::new();
    let prefix = moved.0.join("elsewhere");
    run(Command::new("cp").arg("-a").arg(INSTALLED.prefix()).arg(&prefix));
    let programs = [false, true].map(|is_static| build_with_cmake(&prefix, is_static));
    for directory in &programs {
        for (name, _) in EXAMPLES {
            let program = directory.0.join("build").join(name);
            assert!(program.exists() || module_of(name).is_err(), "{name}");
        }
        assert!(directory.0.join("build/record").exists() || !has_cxx());
        let minimal = directory.0.join("build/minimal");
        run(Command::new(minimal).current_dir(&directory.0));
    }
}

#[test]
fn cmake_accepts_a_version_that_the_installed_one_includes() {
    if !can_install() || !has_cmake() {
        return;
    }
    let directory = ScratchDir::new();
    let mut found = Vec::new();
    for version in ["0.1", "0.0.1", env!("CARGO_PKG_VERSION"), "0.99", "1.0"] {
        let project = format!(
            "cmake_minimum_required(VERSION 3.18)\nproject(version LANGUAGES C)\n\
             find_package(callrec {version} REQUIRED)\n"
        );
        std::fs::write(directory.0.join("CMakeLists.txt"), project).unwrap();
        let mut command = Command::new("cmake");
        command.arg("-S").arg(&directory.0);
        command
            .arg("-B")
            .arg(directory.0.join(format!("build-{version}")));
        command.arg(format!("-DCMAKE_PREFIX_PATH={}", INSTALLED.prefix().display()));
        found.push(command.output().unwrap().status.success());
    }
    assert_eq!(found, [true, true, true, false, false]);
}
