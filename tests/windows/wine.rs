//! Programs that MinGW-w64 compiles and Wine runs.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use crate::support::build::{has, is_installed, root, run};

/// Debian's package wine64 has no program of this name in the path.
pub const WINE: &str = "/usr/lib/wine/wine64";
pub const SERVER: &str = "/usr/lib/wine/wineserver";
pub const COMPILER: &str = "x86_64-w64-mingw32-gcc-posix";
/// The other flavour has no `std::thread`.
pub const CXX_COMPILER: &str = "x86_64-w64-mingw32-g++-posix";

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
    let is_there = is_installed(WINE, Path::new(WINE).exists()) && has(COMPILER) && has(CXX_COMPILER);
    is_there.then(|| package.canonicalize().unwrap())
}

/// The packages with and without the gateway, as far as there are any.
pub fn packages() -> Vec<PathBuf> {
    let plain = std::env::var_os("CALLREC_WINDOWS_PLAIN").map(PathBuf::from);
    let Some(package) = package() else {
        return Vec::new();
    };
    [Some(package), plain.map(|plain| plain.canonicalize().unwrap())]
        .into_iter()
        .flatten()
        .collect()
}

/// A session of Wine, with an environment of its own, and the part of Windows that it lacks.
struct WineSession {
    prefix: PathBuf,
    primitives: PathBuf,
    /// The session lasts as long as a program in it. This one ends with this process, because it reads
    /// from a pipe.
    _shell: Child,
}

fn session() -> &'static WineSession {
    static SESSION: OnceLock<WineSession> = OnceLock::new();
    SESSION.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wine");
        let prefix = directory.join("prefix");
        let server = || {
            // A test that failed may have left programs and services. The registry is on the disk then.
            let mut server = in_prefix(Command::new(SERVER), &prefix);
            let _ = quiet(server.arg("-k")).wait();
        };
        server();
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let done = |arguments: &[&str]| {
            let mut command = in_prefix(Command::new(WINE), &prefix);
            let status = quiet(command.args(arguments)).wait().unwrap();
            assert!(status.success(), "{arguments:?}: {status}");
        };
        // The first program makes the environment.
        done(&["wineboot", "-u"]);
        // A service inherits no variable of this process.
        let overrides = r"HKCU\Software\Wine\DllOverrides";
        done(&["reg", "add", overrides, "/v", "tapi32", "/d", "native", "/f"]);
        server();
        let primitives = directory.join("bcryptprimitives.dll");
        let source = root().join("tests/c/windows/bcryptprimitives.c");
        run(Command::new(COMPILER)
            .args(["-O2", "-shared", "-o"])
            .arg(&primitives)
            .arg(source)
            .arg("-ladvapi32"));
        let shell = started_shell(&prefix);
        WineSession {
            prefix,
            primitives,
            _shell: shell,
        }
    })
}

/// Starts the first program of a session, and waits until it runs. Before that, another program could
/// become the first one, and would seem to run as long as the session.
fn started_shell(prefix: &Path) -> Child {
    let mut command = in_prefix(Command::new(WINE), prefix);
    command.arg("cmd").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = command.stderr(Stdio::null()).spawn().unwrap();
    let mut greeting = [0];
    let output = shell.stdout.as_mut().unwrap();
    output.read_exact(&mut greeting).expect("a session of Wine");
    shell
}

/// Starts a program without output: Wine's own processes inherit the output of a session's first program,
/// which would then seem to run as long as they do.
fn quiet(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.stderr(Stdio::null()).spawn().unwrap()
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

/// Compiles files of this repository into a program in `directory`, beside the DLLs that it needs.
pub fn compile(directory: &Path, sources: &[&str], linkage: LibraryKind) -> PathBuf {
    compile_with(directory, sources, linkage, &[])
}

/// As [`compile`], with more arguments.
pub fn compile_with(directory: &Path, sources: &[&str], linkage: LibraryKind, more: &[&str]) -> PathBuf {
    let package = package().expect("checked before");
    compile_against(&package, directory, sources, linkage, more)
}

/// As [`compile_with`], with the library of any package.
pub fn compile_against(
    package: &Path,
    directory: &Path,
    sources: &[&str],
    linkage: LibraryKind,
    more: &[&str],
) -> PathBuf {
    let program = directory.join("program.exe");
    let library = package.join(match linkage {
        LibraryKind::Mingw => "lib/libcallrec.dll.a",
        LibraryKind::Msvc => "lib/callrec.lib",
        LibraryKind::Static => "lib/libcallrec.a",
    });
    let libraries = ["-lws2_32", "-luserenv", "-lntdll", "-lbcrypt"];
    let more = [more, &[library.to_str().unwrap()], &libraries].concat();
    link(&program, sources, &more);
    if linkage != LibraryKind::Static {
        std::fs::copy(package.join("bin/callrec.dll"), directory.join("callrec.dll")).unwrap();
    }
    complete(directory);
    program
}

/// Puts what Wine lacks beside the programs of a directory.
pub fn complete(directory: &Path) {
    let primitives = directory.join("bcryptprimitives.dll");
    std::fs::copy(&session().primitives, primitives).unwrap();
}

/// Compiles files of this repository in C or C++, with more arguments, into a program or a DLL.
pub fn link(output: &Path, sources: &[&str], more: &[&str]) {
    let is_cxx = sources[0].ends_with(".cpp");
    let mut command = Command::new(if is_cxx { CXX_COMPILER } else { COMPILER });
    command.arg(if is_cxx { "-std=c++20" } else { "-std=c11" });
    command.args(["-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command
        .arg("-I")
        .arg(package().expect("checked before").join("include"))
        .arg("-I")
        .arg(root().join("examples-c"));
    command.args(sources.iter().map(|source| root().join(source)));
    // Without -static, the threads of C would need a DLL of MinGW-w64.
    run(command.args(more).arg("-static").arg("-o").arg(output));
}

/// Ends a program that hangs.
pub fn command(program: &Path) -> Command {
    let mut command = tool(&[]);
    command.arg(program).current_dir(program.parent().unwrap());
    command
}

/// A program of Windows, such as `net`.
pub fn tool(words: &[&str]) -> Command {
    let mut command = in_prefix(Command::new("timeout"), &session().prefix);
    command.args(["-k", "5", "180", WINE]).args(words);
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

/// A program that the caller ends.
pub fn endless(program: &Path) -> Command {
    let mut command = in_prefix(Command::new(WINE), &session().prefix);
    command.arg(program).current_dir(program.parent().unwrap());
    command
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
