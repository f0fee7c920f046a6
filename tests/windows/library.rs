//! What `packaging/windows` makes.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::support::build::{has, root, run};
use crate::wine::{self, LibraryKind};

fn text(command: &mut Command) -> String {
    String::from_utf8_lossy(&run(command).stdout).into_owned()
}

fn functions() -> BTreeSet<String> {
    let exports = std::fs::read_to_string(root().join("tests/exports.txt")).unwrap();
    exports.lines().map(str::to_owned).collect()
}

/// The DLL exports the functions of the header and nothing else, and needs only DLLs of Windows.
#[test]
fn the_dll_exports_the_functions_of_the_header() {
    for package in wine::packages() {
        check_dll(&package.join("bin/callrec.dll"));
    }
}

fn check_dll(dll: &Path) {
    let text = text(Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(dll));
    let table = text.split("[Ordinal/Name Pointer] Table").nth(1).unwrap();
    let named = table.lines().skip(1).take_while(|line| line.contains('['));
    let exported: BTreeSet<String> = named
        .map(|line| line.split_whitespace().last().unwrap().to_owned())
        .collect();
    assert_eq!(exported, functions());
    let needed = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    for dll in needed {
        assert!(!dll.starts_with("lib"), "{dll} is not a part of Windows");
        // It would change the timer of the host, with timeBeginPeriod.
        assert!(!dll.eq_ignore_ascii_case("winmm.dll"), "{dll}");
    }
}

#[test]
fn both_import_libraries_have_every_function() {
    let Some(package) = wine::package() else {
        return;
    };
    for (library, tool) in [
        ("libcallrec.dll.a", "x86_64-w64-mingw32-nm"),
        ("callrec.lib", "llvm-nm"),
    ] {
        let text = text(Command::new(tool).arg(package.join("lib").join(library)));
        let named: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.split_once(" T ").map(|(_, name)| name.to_owned()))
            .collect();
        assert!(functions().is_subset(&named), "{library}: {named:?}");
    }
}

/// The debug information is beside the DLL, which names its file, and the DLL has a version.
#[test]
fn the_dll_has_a_version_and_its_debug_information_is_apart() {
    let Some(package) = wine::package() else {
        return;
    };
    let sections = |file: &Path| text(Command::new("x86_64-w64-mingw32-objdump").arg("-h").arg(file));
    let dll = package.join("bin/callrec.dll");
    assert!(!sections(&dll).contains(".debug_info"));
    assert!(sections(&dll).contains(".gnu_debuglink"));
    assert!(sections(&package.join("bin/callrec.dll.debug")).contains(".debug_info"));
    // Resources are in UTF-16.
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let bytes = std::fs::read(dll).unwrap();
    for (name, value) in [
        ("ProductVersion", env!("CARGO_PKG_VERSION")),
        ("OriginalFilename", "callrec.dll"),
    ] {
        let (name_there, value_there) = (wide(name), wide(value));
        let mut after = bytes.split_at(place(&bytes, &name_there).expect(name)).1;
        after = &after[..256.min(after.len())];
        assert!(place(after, &value_there).is_some(), "{name}");
    }
}

fn place(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == part[0]);
    starts
        .find(|(at, _)| bytes[*at..].starts_with(part))
        .map(|(at, _)| at)
}

#[test]
fn the_contract_passes_with_each_library() {
    for package in wine::packages() {
        for linkage in [LibraryKind::Mingw, LibraryKind::Msvc, LibraryKind::Static] {
            run_contract(&package, linkage);
        }
    }
}

fn run_contract(package: &Path, linkage: LibraryKind) {
    let directory = ScratchDir::new();
    let sources = ["tests/c/contract.c"];
    let program = wine::compile_against(package, &directory.0, &sources, linkage, &[]);
    let recordings = wine::recordings(&directory.0, "recordings");
    let lines = wine::lines(&program, &[&recordings]);
    let path = lines.last().unwrap();
    assert!(wine::system_path(path).exists(), "{linkage:?}: {path}");
    assert!(!path.contains('/'), "{path}");
}

/// The library stays loaded while its threads run, after a close that did not wait for them.
#[test]
fn a_program_may_unload_the_library() {
    if wine::package().is_none() {
        return;
    }
    let directory = ScratchDir::new();
    let program = wine::compile(&directory.0, &["tests/c/windows/unload.c"], LibraryKind::Mingw);
    let recordings = wine::recordings(&directory.0, "recordings");
    let lines = wine::lines(&program, &[&recordings]);
    assert!(lines.last().unwrap().starts_with("still loaded"), "{lines:?}");
}

/// pkg-config names what a program needs for each kind of library.
#[test]
fn pkg_config_describes_the_package() {
    let Some(package) = wine::package() else { return };
    if !has("pkg-config") {
        return;
    }
    let flags = |more: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_LIBDIR", package.join("lib/pkgconfig"));
        let printed = text(command.args(["--cflags", "--libs"]).args(more).arg("callrec"));
        let words = printed.split_whitespace().map(str::to_owned);
        words.collect::<Vec<String>>()
    };
    let directory = ScratchDir::new();
    let program = directory.join("program.exe");
    std::fs::copy(package.join("bin/callrec.dll"), directory.join("callrec.dll")).unwrap();
    wine::complete(&directory.0);
    // The programs are linked statically otherwise.
    let shared = ["-Wl,-Bdynamic"].map(str::to_owned).into_iter();
    let shared = shared.chain(flags(&[])).chain(["-Wl,-Bstatic".to_owned()]);
    for flags in [shared.collect(), flags(&["--static"])] {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        wine::link(&program, &["examples-c/minimal.c"], &flags);
        wine::lines(&program, &[&wine::recordings(&directory.0, "recordings")]);
    }
}

/// The examples, among them the TAPI bridge.
#[test]
fn cmake_builds_every_example() {
    let Some(package) = wine::package() else { return };
    if !has("cmake") {
        return;
    }
    let every = [
        "gateway",
        "record",
        "record_call",
        "tap_rtp",
        "tapi_bridge",
        "minimal",
    ];
    for (is_static, names) in [("OFF", &every[..]), ("ON", &["minimal"])] {
        let directory = ScratchDir::new();
        let mut command = Command::new("cmake");
        // Libraries of this system are not for Windows.
        command.env("PKG_CONFIG_LIBDIR", "/nonexistent");
        command.arg("-S").arg(root().join("examples-c"));
        command.arg("-B").arg(&directory.0);
        command.arg(format!("-DCMAKE_PREFIX_PATH={}", package.display()));
        command.arg(format!("-DCMAKE_C_COMPILER={}", wine::COMPILER));
        command.arg(format!("-DCMAKE_CXX_COMPILER={}", wine::CXX_COMPILER));
        command.arg(format!("-DCALLREC_STATIC={is_static}"));
        command.args(["-DCMAKE_SYSTEM_NAME=Windows", "-DCMAKE_EXE_LINKER_FLAGS=-static"]);
        run(&mut command);
        let target = if names == every { "all" } else { names[0] };
        let build = ["--parallel", "2", "--target", target];
        run(Command::new("cmake").arg("--build").arg(&directory.0).args(build));
        for name in names {
            assert!(directory.join(format!("{name}.exe")).exists(), "{name}");
        }
        if is_static == "OFF" {
            std::fs::copy(package.join("bin/callrec.dll"), directory.join("callrec.dll")).unwrap();
        }
        wine::complete(&directory.0);
        let recordings = wine::recordings(&directory.0, "recordings");
        wine::lines(&directory.join("minimal.exe"), &[&recordings]);
    }
}

/// Whoever distributes the library encloses them.
#[test]
fn the_licences_are_in_the_package() {
    for package in wine::packages() {
        for name in ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.txt"] {
            let enclosed = std::fs::read_to_string(package.join("doc").join(name)).unwrap();
            let text = std::fs::read_to_string(root().join(name)).unwrap();
            assert!(enclosed == text, "{name}");
        }
    }
}
