//! What `make` says without a Rust that is new enough.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use callrec_testkit::directory::ScratchDir;

use crate::root::make;
use crate::support::build::{has, root};

/// A program that says that it is this Cargo, and can do nothing else.
fn cargo(directory: &Path, version: &str) -> String {
    let path = directory.join("cargo");
    let text =
        format!("#!/bin/sh\n[ \"$*\" = --version ] && echo 'cargo {version} (f2d3ce0bd 2026-03-21)'\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn check(cargo: &str) -> Output {
    let mut command = Command::new(root().join("packaging/check-rust"));
    command.env("CARGO", cargo).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_old_cargo_or_none_is_named() {
    let directory = ScratchDir::new();
    let minimum = env!("CARGO_PKG_RUST_VERSION");
    for good in [minimum, "1.95.0", "1.100.1", "2.0.0", "1.97.0-nightly"] {
        let checked = check(&cargo(&directory.0, good));
        assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{good}: {checked:?}"
        );
    }
    for old in ["1.63.0", "1.9.0", "0.99.0"] {
        let checked = check(&cargo(&directory.0, old));
        let said = errors(&checked);
        assert!(!checked.status.success(), "{old}");
        assert!(
            said.contains(minimum) && said.contains(old) && said.contains("rustup"),
            "{said}"
        );
    }
    let checked = check("/nowhere/cargo");
    assert!(
        !checked.status.success() && errors(&checked).contains("not installed"),
        "{checked:?}"
    );
}

#[test]
fn make_says_so_before_it_builds_and_if_nothing_was_built_to_install() {
    if !has("make") {
        return;
    }
    let directory = ScratchDir::new();
    for goal in ["libraries", "tools", "install", "install-tools"] {
        let mut command = make(goal, &directory.0);
        let output = command
            .env("CARGO", cargo(&directory.0, "1.63.0"))
            .output()
            .unwrap();
        let said = errors(&output);
        assert!(
            !output.status.success() && said.contains("here it is 1.63.0"),
            "{goal}: {said}"
        );
    }
}
