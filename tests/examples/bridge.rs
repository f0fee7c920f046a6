//! The TAPI bridge with scripted lines, as a process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::PATIENCE;

use crate::compile;
use crate::support::build::root;
use crate::support::tapi_bridge::{SOURCES, free_ports, lines_of};

pub fn scripts() -> PathBuf {
    root().join("examples-c/tapi/scripts")
}

/// The compiled bridge, and a directory for each run of it.
pub struct CompiledBridge {
    dir: ScratchDir,
    program: PathBuf,
}

impl CompiledBridge {
    pub fn new() -> CompiledBridge {
        let dir = ScratchDir::new();
        let program = compile(&dir.0, &SOURCES);
        CompiledBridge { dir, program }
    }

    /// Writes a configuration below a directory of its own, with `keys` of the section `bridge` and
    /// further sections. The ports are those of this run alone.
    pub fn configure(&self, run: &str, keys: &str) -> PathBuf {
        let directory = self.dir.0.join(run);
        std::fs::create_dir(&directory).unwrap();
        let ports = free_ports();
        let config = format!(
            "# {run}\nrtp_address = 127.0.0.1\nrtp_ports = {ports}-{}\npipe = {}\n{keys}\n[callrec]\nstorage.directory = {}\n",
            ports + 39,
            directory.join("pipe").display(),
            directory.join("recordings").display()
        );
        let path = directory.join("bridge.ini");
        std::fs::write(&path, config).unwrap();
        path
    }

    pub fn command(&self, config: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_remove("LD_LIBRARY_PATH").arg(config).args(arguments);
        command
    }

    pub fn start(&self, config: &Path) -> BridgeProcess {
        BridgeProcess::spawn(self.command(config, &["--script", "-"]))
    }
}

/// A bridge that reads its script from this test.
pub struct BridgeProcess {
    process: Child,
    script: ChildStdin,
    lines: Receiver<String>,
    notices: Receiver<String>,
}

impl BridgeProcess {
    fn spawn(mut command: Command) -> BridgeProcess {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        BridgeProcess {
            script: process.stdin.take().unwrap(),
            lines: lines_of(process.stdout.take().unwrap()),
            notices: lines_of(process.stderr.take().unwrap()),
            process,
        }
    }

    /// The next line of stdout that begins with one of `beginnings`.
    #[track_caller]
    pub fn wait_for(&self, beginnings: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("a line of the bridge");
            if beginnings.iter().any(|beginning| line.starts_with(beginning)) {
                return line;
            }
        }
    }

    /// The next log line that contains `words`.
    #[track_caller]
    pub fn wait_for_notice(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.notices.recv_timeout(left).expect("a log line of the bridge");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Carries out lines of a script. Returns the answer to the last one.
    #[track_caller]
    pub fn run(&mut self, script: &str) -> String {
        let mut answer = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(self.script, "{line}").unwrap();
            answer = self.wait_for(&["ok", "error"]);
            assert!(answer.starts_with("ok"), "{line}: {answer}");
        }
        answer
    }

    /// The ports of the call on a device: local and remote.
    #[track_caller]
    pub fn ports(&mut self, device: &str) -> [u16; 2] {
        let answer = self.run(&format!("ports {device}"));
        let ports: Vec<u16> = answer
            .split(' ')
            .skip(1)
            .map(|port| port.parse().unwrap())
            .collect();
        [ports[0], ports[1]]
    }

    /// Ends the script, and waits until the bridge has ended without an error.
    #[track_caller]
    pub fn end(mut self) {
        drop(self.script);
        assert!(self.process.wait().unwrap().success());
    }
}
