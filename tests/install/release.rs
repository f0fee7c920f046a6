//! The archive for other systems: the version of glibc that it needs, and that it is complete.

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::root::{can_install, target_directory, text};
use crate::support::build::{SONAME, is_installed, root, run};

/// The version of glibc that README promises for the released libraries.
fn promised_glibc() -> [u32; 2] {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with("| glibc |"));
    let row = row.expect("a row about glibc");
    let (before, _) = row.split_once(" or later for released").expect("a version");
    version(before.rsplit(' ').next().unwrap())
}

fn version(text: &str) -> [u32; 2] {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    [numbers.next().unwrap(), numbers.next().unwrap_or(0)]
}

/// A command for zig: `$ZIG`, or the package that `.ci/clients` installs.
fn zig() -> Option<String> {
    let installed = target_directory().join("clients/venv/bin/python");
    let zig = std::env::var("ZIG").unwrap_or_else(|_| format!("{} -m ziglang", installed.display()));
    let mut words = zig.split(' ');
    let mut command = Command::new(words.next()?);
    let output = command.args(words).arg("version").output();
    let found = output.is_ok_and(|output| output.status.success());
    is_installed("zig", found).then_some(zig)
}

/// The versions of glibc's symbols that a library uses.
fn glibc_versions(library: &Path) -> Vec<[u32; 2]> {
    let symbols = text(run(Command::new("objdump").arg("-T").arg(library)));
    let versions = symbols.split("GLIBC_").skip(1);
    let versions = versions.map(|rest| rest.split([')', ' ', '\n']).next().unwrap());
    versions.map(version).collect()
}

#[test]
fn the_released_library_needs_no_newer_glibc_than_promised() {
    if !can_install() {
        return;
    }
    let Some(zig) = zig() else { return };
    let directory = ScratchDir::new();
    let output = run(Command::new(root().join("packaging/release"))
        .arg(&directory.0)
        .env("ZIG", zig)
        .env("CARGO_TARGET_DIR", target_directory())
        .env("CARGO", env!("CARGO")));
    let archive = PathBuf::from(text(output).trim());
    run(Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&directory.0));
    let name = archive.file_name().unwrap().to_str().unwrap();
    let unpacked = directory.0.join(name.strip_suffix(".tar.gz").unwrap());
    let library = unpacked.join("lib").join(SONAME);
    let versions = glibc_versions(&library);
    let newest = versions.iter().max().expect("the library uses glibc");
    assert!(*newest <= promised_glibc(), "{newest:?}");

    let program = directory.0.join("minimal");
    run(Command::new("cc")
        .arg("-I")
        .arg(unpacked.join("include"))
        .arg(root().join("examples-c/minimal.c"))
        .arg("-o")
        .arg(&program)
        .arg(&library)
        .arg("-lm"));
    let mut command = Command::new(&program);
    let output = command
        .current_dir(&directory.0)
        .env("LD_LIBRARY_PATH", unpacked.join("lib"))
        .output();
    assert!(output.unwrap().status.success());
}
