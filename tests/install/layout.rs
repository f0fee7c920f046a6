//! The files that are installed, and what the libraries export.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::root::{INSTALLED, can_install, has_pkg_config, make, text};
use crate::support::build::{SONAME, root, run};

const LICENCES: [&str; 3] = ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.txt"];

/// All files below a directory, relative to it.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let (mut found, mut pending) = (BTreeSet::new(), vec![directory.to_owned()]);
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                pending.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found
}

/// The headers of `include`, relative to it.
fn headers() -> BTreeSet<PathBuf> {
    files(&root().join("include"))
}

#[test]
fn the_libraries_the_headers_and_their_descriptions_are_installed() {
    if !can_install() {
        return;
    }
    let version = env!("CARGO_PKG_VERSION");
    let headers = headers().into_iter().map(|name| Path::new("include").join(name));
    let mut expected: BTreeSet<PathBuf> = headers.collect();
    for name in [
        "libcallrec.a",
        "libcallrec.so",
        SONAME,
        &format!("libcallrec.so.{version}"),
        "pkgconfig/callrec.pc",
        "cmake/callrec/callrecConfig.cmake",
        "cmake/callrec/callrecConfigVersion.cmake",
    ] {
        expected.insert(Path::new("lib").join(name));
    }
    for name in LICENCES {
        let path = Path::new("share/doc/callrec").join(name);
        let installed = std::fs::read(INSTALLED.prefix().join(&path)).unwrap();
        assert!(installed == std::fs::read(root().join(name)).unwrap(), "{name}");
        expected.insert(path);
    }
    assert_eq!(files(&INSTALLED.prefix()), expected);
    let all = files(INSTALLED.path());
    assert!(
        all.iter().all(|path| path.starts_with("opt/callrec")),
        "outside of the prefix: {all:?}"
    );
    let link = std::fs::read_link(INSTALLED.libraries().join(SONAME)).unwrap();
    assert_eq!(link, Path::new(&format!("libcallrec.so.{version}")));
}

#[test]
fn uninstall_removes_every_file() {
    if !can_install() {
        return;
    }
    let directory = ScratchDir::new();
    let root = directory.0.join("root");
    run(&mut make("install", &directory.0));
    assert!(!files(&root).is_empty());
    run(&mut make("uninstall", &directory.0));
    assert_eq!(files(&root), BTreeSet::new());
}

/// The names in a listing of `nm` with its third column.
fn names(listing: &str) -> BTreeSet<String> {
    let lines = listing.lines();
    lines
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(str::to_owned)
        .collect()
}

/// The functions of `tests/exports.txt`.
fn exports() -> BTreeSet<String> {
    let listed = std::fs::read_to_string(root().join("tests/exports.txt")).unwrap();
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn every_symbol_of_the_shared_library_is_a_function_with_the_version() {
    if !can_install() {
        return;
    }
    let library = INSTALLED.libraries().join(SONAME);
    let listing = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut expected: BTreeSet<String> = exports()
        .iter()
        .map(|name| format!("{name}@@CALLREC_0"))
        .collect();
    expected.insert("CALLREC_0".to_owned());
    assert_eq!(names(&text(listing)), expected);
    let sections = text(run(Command::new("readelf").arg("-SW").arg(&library)));
    for section in [".debug_info", ".symtab"] {
        assert!(!sections.contains(section), "not stripped: {section}");
    }
    let dynamic = text(run(Command::new("readelf").arg("-dW").arg(&library)));
    for tag in [&format!("[{SONAME}]"), "NODELETE", "NOW"] {
        assert!(dynamic.contains(tag), "{tag}: {dynamic}");
    }
    assert!(
        !dynamic.contains("RUNPATH") && !dynamic.contains("RPATH"),
        "{dynamic}"
    );
}

#[test]
fn the_static_library_has_no_other_global_symbol() {
    if !can_install() {
        return;
    }
    let library = INSTALLED.libraries().join("libcallrec.a");
    let listing = run(Command::new("nm").args(["-g", "--defined-only"]).arg(&library));
    assert_eq!(names(&text(listing)), exports());
    let symbols = text(run(Command::new("readelf").arg("-sW").arg(&library)));
    let is_open = |line: &&str| line.split_whitespace().last() == Some("rec_open");
    let open = symbols.lines().find(is_open).expect("rec_open");
    assert!(open.contains("HIDDEN"), "{open}");
}

#[test]
fn pkg_config_knows_the_version_and_what_the_static_library_needs() {
    if !can_install() || !has_pkg_config() {
        return;
    }
    assert_eq!(
        INSTALLED.pkg_config(&["--modversion"]).trim(),
        env!("CARGO_PKG_VERSION")
    );
    let shared = INSTALLED.pkg_config(&["--libs"]);
    assert!(shared.trim().ends_with("-lcallrec"), "{shared}");
    let private = INSTALLED.pkg_config(&["--libs", "--static"]);
    for library in ["-lm", "-lgcc_s", "-lpthread"] {
        assert!(private.contains(library), "{library}: {private}");
    }
}

#[test]
fn cargo_c_installs_the_parts_of_the_headers_too() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("asset = [{ from = \"include/**/*\", to = \"\" }]"));
}
