//! The library beside the test binary, and C compilers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const SO: &str = "libcallrec.so";
pub const SONAME: &str = "libcallrec.so.0";
/// The libraries that rustc lists for programs that link the static library.
pub const STATIC_LIBS: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of this build's libcallrec.so and libcallrec.a.
pub fn library_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap().to_owned();
    assert!(deps.join(SO).exists(), "no {SO} in {}", deps.display());
    deps
}

/// Installs the library below `directory`, also under its SONAME. Returns its directory.
pub fn installed(directory: &Path) -> PathBuf {
    let library = library_directory();
    let installed = directory.join("lib");
    std::fs::create_dir_all(&installed).unwrap();
    for name in [SO, SONAME] {
        std::os::unix::fs::symlink(library.join(SO), installed.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(library.join("libcallrec.a"), installed.join("libcallrec.a")).unwrap();
    installed
}

pub fn run(command: &mut Command) -> Output {
    // Cargo's value would take precedence over a program's own rpath.
    command.env_remove("LD_LIBRARY_PATH");
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

pub fn cc() -> Command {
    compiler("CC", "cc")
}

pub fn cxx() -> Command {
    compiler("CXX", "c++")
}

/// Whether an optional tool is installed. Tests that need a missing tool pass with a message,
/// except in `.ci/run`, which installs every tool.
pub fn has(tool: &str) -> bool {
    has_with(tool, "--version")
}

/// As [`has`], for a tool that prints its version with another option.
pub fn has_with(tool: &str, option: &str) -> bool {
    let found = Command::new(tool)
        .arg(option)
        .output()
        .is_ok_and(|output| output.status.success());
    is_installed(tool, found)
}

/// Returns `found`, and reports a tool or a part of it that was not found, as [`has`] does.
pub fn is_installed(tool: &str, found: bool) -> bool {
    if !found {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "{tool} is not installed"
        );
        eprintln!("{tool} is not installed: the checks that need it did not run");
    }
    found
}

/// Whether recordings in MP3 can be made: LAME is compiled in, or installed.
pub fn has_lame() -> bool {
    cfg!(feature = "mp3") || has_loadable_lame()
}

/// Whether LAME's library is installed.
pub fn has_loadable_lame() -> bool {
    is_installed("libmp3lame0", callrec::lame::load(callrec::lame::NAMES).is_ok())
}

pub fn has_cxx() -> bool {
    has(&std::env::var("CXX").unwrap_or_else(|_| "c++".into()))
}

/// The compiler that an environment variable names, or another one. Warnings are errors.
pub fn compiler(variable: &str, otherwise: &str) -> Command {
    let mut command = Command::new(std::env::var(variable).unwrap_or_else(|_| otherwise.into()));
    command
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg("-I")
        .arg(root().join("include"));
    command
}
