//! The installed static library beside other code: in a plug-in, and beside other Rust.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;

use crate::root::{INSTALLED, can_install, text};
use crate::support::build::{SONAME, STATIC_LIBS, is_installed, root, run};

const PLUGIN: &str = "#include <callrec.h>\n\
    int plugin_starts(const char *directory)\n\
    {\n\
    \x20   rec_engine engine;\n\
    \x20   rec_config *config = NULL;\n\
    \x20   rec_status status = rec_config_new(&config);\n\
    \x20   if (status == REC_OK) status = rec_config_set(config, \"storage.directory\", directory, NULL);\n\
    \x20   if (status == REC_OK) status = rec_open(config, &engine, NULL);\n\
    \x20   rec_config_free(config);\n\
    \x20   return status == REC_OK ? rec_close(engine, 5000, NULL) : status;\n\
    }\n";

const HOST: &str = "#include <dlfcn.h>\n\
    #include <stdio.h>\n\
    int main(int argc, char **argv)\n\
    {\n\
    \x20   void *plugin = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;\n\
    \x20   if (!plugin) return fprintf(stderr, \"%s\\n\", dlerror()), 1;\n\
    \x20   int (*starts)(const char *) = (int (*)(const char *))dlsym(plugin, \"plugin_starts\");\n\
    \x20   return starts ? starts(argv[2]) : 2;\n\
    }\n";

/// The compiler with the installed header.
fn cc() -> Command {
    let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    command.arg("-I").arg(INSTALLED.prefix().join("include"));
    command
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_plugin_exports_only_its_own_functions() {
    if !can_install() {
        return;
    }
    let directory = ScratchDir::new();
    let source = write(&directory.0, "plugin.c", PLUGIN);
    let plugin = directory.0.join("plugin.so");
    let library = INSTALLED.libraries().join("libcallrec.a");
    run(cc()
        .args(["-shared", "-fPIC", "-o"])
        .arg(&plugin)
        .arg(source)
        .arg(library)
        .args(STATIC_LIBS));
    let exported = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&plugin));
    let exported = text(exported);
    let names: Vec<&str> = exported
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(names, ["plugin_starts"]);
    let host = directory.0.join("host");
    let source = write(&directory.0, "host.c", HOST);
    run(cc().arg("-o").arg(&host).arg(source).arg("-ldl"));
    let recordings = directory.0.join("recordings");
    std::fs::create_dir(&recordings).unwrap();
    run(Command::new(&host).arg(&plugin).arg(&recordings));
}

const OTHER_LIBRARY: &str = "#[unsafe(no_mangle)]\n\
    pub extern \"C\" fn other_catches() -> i32 {\n\
    \x20   std::panic::set_hook(Box::new(|_| {}));\n\
    \x20   let caught = std::panic::catch_unwind(|| panic!(\"for the test\"));\n\
    \x20   let text = std::thread::spawn(|| format!(\"{:?}\", vec![1, 2, 3])).join().unwrap();\n\
    \x20   i32::from(caught.is_err() && text.len() == 9)\n\
    }\n";

const BOTH: &str = "#include <callrec.h>\n\
    int other_catches(void);\n\
    int plugin_starts(const char *directory);\n\
    int main(int argc, char **argv)\n\
    {\n\
    \x20   return argc > 1 && other_catches() == 1 ? plugin_starts(argv[1]) : 1;\n\
    }\n";

/// That of Debian's package rustc-web. It has another version than rustup's toolchains.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// The installed toolchains, as arguments of rustc, and Debian's compiler; only the present one
/// without rustup.
fn toolchains() -> Vec<Option<String>> {
    let mut found = vec![None];
    if let Ok(list) = Command::new("rustup").args(["toolchain", "list"]).output() {
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        let names = list.lines().filter_map(|line| line.split_whitespace().next());
        found.extend(names.map(|name| Some(format!("+{name}"))));
    }
    if Path::new(DEBIAN_RUSTC).exists() {
        found.push(Some(DEBIAN_RUSTC.to_owned()));
    }
    found
}

/// `rustc`, of a toolchain or the present one.
fn rustc(toolchain: Option<&str>) -> Command {
    match toolchain {
        Some(DEBIAN_RUSTC) => Command::new(DEBIAN_RUSTC),
        // Cargo's variable for the tests chooses its own toolchain.
        Some(name) => {
            let mut command = Command::new("rustc");
            command.env_remove("RUSTUP_TOOLCHAIN").arg(name);
            command
        }
        None => Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())),
    }
}

#[test]
fn a_program_may_link_another_library_in_rust() {
    if !can_install() {
        return;
    }
    let directory = ScratchDir::new();
    let source = write(&directory.0, "other.rs", OTHER_LIBRARY);
    let program_sources = [
        write(&directory.0, "both.c", BOTH),
        write(&directory.0, "plugin.c", PLUGIN),
    ];
    let library = INSTALLED.libraries().join("libcallrec.a");
    let other = directory.0.join("libother.a");
    let mut versions = BTreeSet::new();
    for toolchain in toolchains() {
        let mut command = rustc(toolchain.as_deref());
        versions.insert(text(run(command.arg("-V"))));
        let mut command = rustc(toolchain.as_deref());
        command.args(["--edition=2024", "--crate-type=staticlib", "-O", "-o"]);
        run(command.arg(&other).arg(&source));
        for order in [[&library, &other], [&other, &library]] {
            let program = directory.0.join("both");
            run(cc()
                .arg("-o")
                .arg(&program)
                .args(&program_sources)
                .args(order)
                .args(STATIC_LIBS));
            let recordings = directory.0.join("recordings");
            std::fs::create_dir_all(&recordings).unwrap();
            run(Command::new(&program).arg(&recordings));
        }
    }
    // A library of the same compiler shares its names with ours.
    is_installed("another version of rustc", versions.len() > 1);
}

const CATCHES: &str = "#include <stdio.h>\n\
    int other_catches(void);\n\
    int main(void) { return other_catches() == 1 ? 0 : 1; }\n";

/// No panic may leave the library, so the tables for unwinding must survive `packaging/link`.
#[test]
fn a_panic_is_caught_in_the_libraries_that_are_linked() {
    if !can_install() {
        return;
    }
    let directory = ScratchDir::new();
    let source = write(&directory.0, "other.rs", OTHER_LIBRARY);
    let exports = write(&directory.0, "exports.txt", "other_catches\n");
    let (archive, libraries) = (directory.0.join("other.a"), directory.0.join("libraries"));
    let mut command = rustc(None);
    command.args(["--edition=2024", "--crate-type=staticlib", "-O", "-o"]);
    command.arg(&archive).arg(source);
    command.arg(format!("--print=native-static-libs={}", libraries.display()));
    run(&mut command);
    let mut command = Command::new(root().join("packaging/link"));
    command.env("EXPORTS", exports);
    run(command.args([&archive, &libraries, &directory.0]));
    let program_source = write(&directory.0, "catches.c", CATCHES);
    let soname = directory.0.join(SONAME);
    std::fs::rename(directory.0.join("libcallrec.so"), &soname).unwrap();
    for library in [&soname, &directory.0.join("libcallrec.a")] {
        let program = directory.0.join("catches");
        run(cc()
            .arg("-o")
            .arg(&program)
            .args([&program_source, library])
            .arg(format!("-Wl,-rpath,{}", directory.0.display()))
            .args(STATIC_LIBS));
        run(&mut Command::new(&program));
    }
}
