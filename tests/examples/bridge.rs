//! The TAPI bridge with scripted lines, as a process.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::{PATIENCE, sleep_until};

use crate::compile;
use crate::support::build::root;

/// The sources of the bridge that know no TAPI.
pub const SOURCES: [&str; 10] = [
    "tapi_bridge.c",
    "tapi/bridge.c",
    "tapi/bridge_config.c",
    "tapi/call_logic.c",
    "tapi/call_message.c",
    "tapi/call_table.c",
    "tapi/control_pipe.c",
    "tapi/conversation.c",
    "tapi/rtp_ports.c",
    "tapi/script_line.c",
];

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

/// The first of 40 ports that nobody uses: below the range from which the system chooses.
pub fn free_ports() -> u16 {
    let seed = std::process::id() as u16 ^ std::thread::current().name().unwrap_or("").len() as u16;
    let mut first = 12_000 + seed % 500 * 40;
    while (first..first + 40).any(|port| UdpSocket::bind(("127.0.0.1", port)).is_err()) {
        first = if first > 31_900 { 12_000 } else { first + 40 };
    }
    first
}

/// A bridge that reads its script from this test.
pub struct BridgeProcess {
    process: Child,
    script: ChildStdin,
    lines: Receiver<String>,
    notices: Receiver<String>,
}

pub fn lines_of(source: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
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

/// A device that sends copies of both parties' audio in µ-law, one byte value for each party.
pub struct ForkedCall {
    socket: UdpSocket,
    ports: [u16; 2],
    senders: [RtpSender; 2],
    next: Instant,
}

impl ForkedCall {
    /// A session that begins now. Each has streams of its own.
    pub fn new(ports: [u16; 2], ssrc: u32) -> ForkedCall {
        ForkedCall {
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            ports,
            senders: [RtpSender::new(0, ssrc), RtpSender::new(0, ssrc + 1)],
            next: Instant::now(),
        }
    }

    /// Sends `packets` packets of 20 ms in real time.
    pub fn speak(&mut self, packets: usize, values: [u8; 2]) {
        for _ in 0..packets {
            let legs = self.senders.iter_mut().zip(self.ports).zip(values);
            for ((sender, port), value) in legs {
                let packet = sender.packet(&[value; 160], 160);
                self.socket.send_to(&packet, ("127.0.0.1", port)).unwrap();
            }
            self.next += Duration::from_millis(20);
            sleep_until(self.next);
        }
    }
}
