//! The Debian packages: what is in them, and what lintian says.

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::root::{can_install, target_directory, text};
use crate::support::build::{has, is_installed, root, run};

/// The only accepted remark: `_FORTIFY_SOURCE` is for C.
const ACCEPTED: &str = "hardening-no-fortify-functions";

fn build(directory: &Path) -> Vec<PathBuf> {
    run(Command::new(root().join("packaging/deb"))
        .arg(directory)
        .env("CARGO_TARGET_DIR", target_directory())
        .env("CARGO", env!("CARGO")));
    let entries = directory.read_dir().unwrap();
    let mut packages: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    packages.sort();
    packages
}

fn field(package: &Path, name: &str) -> String {
    let output = run(Command::new("dpkg-deb").arg("-f").arg(package).arg(name));
    text(output).trim().to_owned()
}

/// The paths of a package's files, from its root.
fn contents(package: &Path) -> Vec<String> {
    let listing = text(run(Command::new("dpkg-deb").arg("-c").arg(package)));
    let paths = listing.lines().filter_map(|line| line.split_whitespace().nth(5));
    paths
        .map(|path| path.trim_start_matches('.').to_owned())
        .filter(|path| !path.ends_with('/'))
        .collect()
}

#[test]
fn the_packages_are_complete_and_lintian_finds_nothing() {
    let has_debhelper = || is_installed("debhelper", Path::new("/usr/bin/dh").exists());
    if !can_install() || !has("dpkg-buildpackage") || !has("lintian") || !has_debhelper() {
        return;
    }
    let directory = ScratchDir::new();
    let packages = build(&directory.0);
    let [tools, development, library] = &packages[..] else {
        panic!("{packages:?}")
    };
    assert_eq!(field(tools, "Package"), "callrec-tools");
    let in_tools = contents(tools);
    for path in [
        "/usr/bin/callrec",
        "/usr/share/bash-completion/completions/callrec",
        "/usr/share/fish/vendor_completions.d/callrec.fish",
        "/usr/share/zsh/vendor-completions/_callrec",
        "/usr/share/man/man1/callrec-record.1.gz",
    ] {
        assert!(in_tools.iter().any(|found| found == path), "{path}: {in_tools:?}");
    }
    assert_eq!(field(library, "Package"), "libcallrec0");
    assert_eq!(field(library, "Recommends"), "libmp3lame0");
    assert_eq!(field(development, "Package"), "libcallrec-dev");
    for package in [development, library] {
        assert_eq!(field(package, "Multi-Arch"), "same");
    }
    let triplet = text(run(
        Command::new("dpkg-architecture").args(["-q", "DEB_HOST_MULTIARCH"])
    ));
    let libraries = format!("/usr/lib/{}", triplet.trim());
    let in_library = contents(library);
    assert!(
        in_library.contains(&format!("{libraries}/libcallrec.so.0")),
        "{in_library:?}"
    );
    let in_development = contents(development);
    for path in [
        "/usr/include/callrec.h",
        "/usr/include/callrec/engine.hpp",
        "/usr/share/man/man3/rec_start.3.gz",
        "/usr/share/man/man5/callrec-configuration.5.gz",
        &format!("{libraries}/libcallrec.so"),
        &format!("{libraries}/libcallrec.a"),
        &format!("{libraries}/pkgconfig/callrec.pc"),
        &format!("{libraries}/cmake/callrec/callrecConfig.cmake"),
        "/usr/share/doc/libcallrec-dev/examples/CMakeLists.txt",
        "/usr/share/doc/libcallrec-dev/examples/record.cpp",
        "/usr/share/doc/libcallrec-dev/examples/record_call.c",
        "/usr/share/doc/libcallrec-dev/examples/hosts/asterisk_tap.c",
        "/usr/share/doc/libcallrec-dev/examples/tapi/bridge.c",
        "/usr/share/doc/libcallrec-dev/copyright",
    ] {
        assert!(
            in_development.iter().any(|found| found == path),
            "{path}: {in_development:?}"
        );
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--display-level", ">=info", "--suppress-tags"]);
    let remarks = text(run(lintian.arg(ACCEPTED).args(&packages)));
    let remarks: Vec<&str> = remarks
        .lines()
        .filter(|remark| !is_machine_code(remark, &packages))
        .collect();
    assert_eq!(remarks, [""; 0]);
}

/// lintian looks for misspelt words in machine code as well. Whether the word of such a remark is in no
/// text of the program.
fn is_machine_code(remark: &str, packages: &[PathBuf]) -> bool {
    let Some((package, found)) = remark.split_once(": spelling-error-in-binary ") else {
        return false;
    };
    let package = package.trim_start_matches("I: ");
    let word = found.split(' ').next().unwrap();
    let file = found.split(['[', ']']).nth(1).unwrap();
    let is_named = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(&format!("{package}_"))
    };
    let directory = ScratchDir::new();
    run(Command::new("dpkg-deb")
        .arg("-x")
        .arg(packages.iter().find(is_named).unwrap())
        .arg(&directory.0));
    let constants = directory.0.join("constants");
    run(Command::new("objcopy")
        .args(["-O", "binary", "--only-section=.rodata"])
        .arg(directory.0.join(file))
        .arg(&constants));
    let constants = std::fs::read(constants).unwrap();
    assert!(constants.len() > 10_000, "{} bytes of constants", constants.len());
    !constants
        .windows(word.len())
        .any(|bytes| bytes == word.as_bytes())
}
