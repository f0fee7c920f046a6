//! Programs that MinGW-w64 compiles and Wine runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::support::build::{has, is_installed, root, run};

/// Debian's package wine64 has no program of this name in the path.
pub const WINE: &str = "/usr/lib/wine/wine64";
const COMPILER: &str = "x86_64-w64-mingw32-gcc-posix";

/// How a program gets the library.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LibraryKind {
    /// With the import library of MinGW-w64.
    Mingw,
    /// With the import library of MSVC.
    Msvc,
    Static,
}

/// What `packaging/windows` has made. `None` if the tests cannot run here.
pub fn package() -> Option<PathBuf> {
    let package = PathBuf::from(std::env::var_os("CALLREC_WINDOWS")?);
    let is_there = is_installed(WINE, Path::new(WINE).exists()) && has(COMPILER);
    is_there.then(|| package.canonicalize().unwrap())
}

/// An environment of Wine, and the part of Windows that it lacks.
struct Wine {
    prefix: PathBuf,
    primitives: PathBuf,
}

fn wine() -> &'static Wine {
    static STARTED: OnceLock<Wine> = OnceLock::new();
    STARTED.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wine");
        std::fs::create_dir_all(&directory).unwrap();
        let primitives = directory.join("bcryptprimitives.dll");
        let source = root().join("tests/c/windows/bcryptprimitives.c");
        run(Command::new(COMPILER)
            .args(["-O2", "-shared", "-o"])
            .arg(&primitives)
            .arg(source)
            .arg("-ladvapi32"));
        let wine = Wine {
            prefix: directory.join("prefix"),
            primitives,
        };
        // The first program of a new environment makes it.
        run(in_prefix(Command::new(WINE), &wine.prefix).args(["wineboot", "-u"]));
        wine
    })
}

fn in_prefix(mut command: Command, prefix: &Path) -> Command {
    command
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
        .env_remove("DISPLAY")
        .env_remove("LD_LIBRARY_PATH");
    command
}

/// Compiles C files of this repository into a program in `directory`, beside the DLLs that it needs.
pub fn compile(directory: &Path, sources: &[&str], linkage: LibraryKind) -> PathBuf {
    compile_with(directory, sources, linkage, &[])
}

/// As [`compile`], with more arguments.
pub fn compile_with(directory: &Path, sources: &[&str], linkage: LibraryKind, more: &[&str]) -> PathBuf {
    let package = package().expect("checked before");
    let program = directory.join("program.exe");
    let mut command = Command::new(COMPILER);
    command.args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command
        .arg("-I")
        .arg(package.join("include"))
        .arg("-I")
        .arg(root().join("examples-c"));
    command.args(more).arg("-o").arg(&program);
    command.args(sources.iter().map(|source| root().join(source)));
    let library = match linkage {
        LibraryKind::Mingw => "lib/libcallrec.dll.a",
        LibraryKind::Msvc => "lib/callrec.lib",
        LibraryKind::Static => "lib/libcallrec.a",
    };
    command.arg(package.join(library));
    // Without -static, the threads of C would need a DLL of MinGW-w64.
    run(command.args(["-static", "-lws2_32", "-luserenv", "-lntdll", "-lbcrypt"]));
    if linkage != LibraryKind::Static {
        std::fs::copy(package.join("bin/callrec.dll"), directory.join("callrec.dll")).unwrap();
    }
    std::fs::copy(&wine().primitives, directory.join("bcryptprimitives.dll")).unwrap();
    program
}

/// Ends a program that hangs.
pub fn command(program: &Path) -> Command {
    let mut command = in_prefix(Command::new("timeout"), &wine().prefix);
    command.args(["-k", "5", "180", WINE]);
    command.arg(program).current_dir(program.parent().unwrap());
    command
}

/// Runs a program with arguments, whatever its exit status.
pub fn output(program: &Path, arguments: &[&str]) -> Output {
    command(program).args(arguments).output().unwrap()
}

/// Runs a program, which must exit with 0. Returns its lines on stdout.
pub fn lines(program: &Path, arguments: &[&str]) -> Vec<String> {
    let output = run(command(program).args(arguments));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Starts a program, which the caller ends.
pub fn started(program: &Path, arguments: &[&str]) -> Child {
    let mut command = in_prefix(Command::new(WINE), &wine().prefix);
    command
        .arg(program)
        .args(arguments)
        .current_dir(program.parent().unwrap());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// A new directory for recordings, as a program under Wine names it.
pub fn recordings(directory: &Path, name: &str) -> String {
    let path = directory.join(name);
    std::fs::create_dir_all(&path).unwrap();
    windows_path(&path)
}

/// Wine has the root of the system as drive Z.
pub fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', "\\"))
}

/// The path on this system of a path that a program under Wine printed.
pub fn system_path(path: &str) -> PathBuf {
    PathBuf::from(path.strip_prefix("Z:").unwrap_or(path).replace('\\', "/"))
}
