//! An installed callrec.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use crate::support::build::{has, is_installed, root, run};

pub const PREFIX: &str = "/opt/callrec";

/// A root directory with nothing but what `make install` installs.
pub struct InstalledRoot(PathBuf);

impl InstalledRoot {
    fn new() -> InstalledRoot {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
        // From an earlier run.
        let _ = std::fs::remove_dir_all(&directory);
        run(&mut make("install", &directory));
        InstalledRoot(directory.join("root"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn prefix(&self) -> PathBuf {
        self.0.join(PREFIX.trim_start_matches('/'))
    }

    pub fn libraries(&self) -> PathBuf {
        self.prefix().join("lib")
    }

    /// What pkg-config prints about callrec, with this root as its only directory.
    pub fn pkg_config(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("pkg-config");
        command
            .env("PKG_CONFIG_LIBDIR", self.libraries().join("pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", self.path());
        text(run(command.args(arguments).arg("callrec")))
    }
}

/// The root that the tests share; building the release takes a while.
pub static INSTALLED: LazyLock<InstalledRoot> = LazyLock::new(InstalledRoot::new);

/// Whether the tools are there that `make install` needs.
pub fn can_install() -> bool {
    ["make", "cc", "ld", "objcopy", "strip"]
        .iter()
        .all(|tool| has(tool))
}

pub fn has_pkg_config() -> bool {
    has("pkg-config")
}

pub fn has_cmake() -> bool {
    is_installed("cmake", Command::new("cmake").arg("--version").output().is_ok())
}

/// The target directory of this test.
pub fn target_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).expect("a target directory").to_owned()
}

/// `make` with the root directory `directory/root`. Tests run at the same time, so each has its own
/// libraries; the target directory is shared.
pub fn make(goal: &str, directory: &Path) -> Command {
    let mut command = Command::new("make");
    command
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target_directory())
        .env("CARGO", env!("CARGO"))
        .arg(goal)
        .arg(format!("BUILD={}", directory.join("build").display()))
        .arg(format!("DESTDIR={}", directory.join("root").display()))
        .arg(format!("PREFIX={PREFIX}"));
    command
}

pub fn text(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}
