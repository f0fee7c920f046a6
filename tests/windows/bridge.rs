//! The TAPI bridge with a tapi32.dll whose lines play a script.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use crate::support::build::{root, run};
use crate::support::tapi_bridge::{SOURCES, free_ports};
use crate::wine::{self, LibraryKind};

/// The directory of the bridge and its DLLs, which are compiled once.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("windows-bridge");
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let more = ["tapi/tapi_call.c", "tapi/tapi_line.c", "tapi/tapi_service.c"];
        let sources = SOURCES.iter().chain(&more);
        let mut sources: Vec<String> = sources.map(|name| format!("examples-c/{name}")).collect();
        sources.push("tests/c/windows/event_log.c".to_owned());
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        wine::compile_with(&directory, &sources, LibraryKind::Mingw, &["-ltapi32"]);
        let lines = ["tests/c/windows/tapi32.c", "examples-c/tapi/call_message.c"];
        let include = format!("-I{}", root().join("examples-c/tapi").display());
        wine::link(&directory.join("tapi32.dll"), &lines, &["-shared", &include]);
        directory
    })
}

/// The bridge with its DLLs, a configuration and a script, in a directory. Instead of the event log of
/// Windows, a file gets its events.
pub struct WindowsBridge {
    pub dir: ScratchDir,
    pub program: PathBuf,
}

impl WindowsBridge {
    /// The configuration has `keys` of the section `bridge`.
    pub fn new(keys: &str, script: &str) -> WindowsBridge {
        let dir = ScratchDir::new();
        for file in std::fs::read_dir(built()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.0.join(file.file_name())).unwrap();
        }
        let program = dir.join("program.exe");
        let ports = free_ports();
        let pipe = format!(r"\\.\pipe\callrec-test-{ports}");
        let config = format!(
            "lines = SEP*\nrtp_ports = {ports}-{}\npipe = {pipe}\n{keys}\n[callrec]\nstorage.directory = recordings\n",
            ports + 39
        );
        std::fs::write(dir.join("bridge.ini"), config).unwrap();
        std::fs::write(dir.join("tapi_script.txt"), script).unwrap();
        WindowsBridge { dir, program }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wine::command(&self.program);
        command.arg("bridge.ini").args(arguments);
        command
    }

    /// Sends a command through the pipe. Returns the answer.
    pub fn send(&self, command: &str) -> String {
        let output = run(&mut self.command(&["--send", command]));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub fn continue_script(&self, step: &str) {
        std::fs::write(self.dir.join(step), "").unwrap();
    }

    /// What the application asked of TAPI.
    pub fn requests(&self) -> String {
        self.text("tapi_log.txt")
    }

    /// What the application wrote to the event log.
    pub fn events(&self) -> String {
        self.text("event_log.txt")
    }

    fn text(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.dir.join(name));
        text.unwrap_or_default().replace('\r', "")
    }

    pub fn wait_for_requests(&self, words: &str, count: usize) {
        until(words, || self.requests().matches(words).count() == count);
    }
}
