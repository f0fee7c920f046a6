//! Redis servers and Sentinels that belong to one test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::directory::ScratchDir;
use crate::wait::until;

/// A server, which is killed when this value is dropped.
pub struct RedisServer {
    pub port: u16,
    process: Child,
    options: Vec<String>,
    directory: ScratchDir,
}

/// Whether Debian's redis-server is installed. Where the tests need their tools, it must be.
pub fn has_redis() -> bool {
    let found = Command::new("redis-server").arg("--version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "redis-server is not installed"
        );
        eprintln!("redis-server is not installed: the checks that need it did not run");
    }
    found
}

/// The ports that [`free_port`] tries. The system gives others to clients: a client that connects again
/// and again to the port of a killed server could otherwise get that port for itself.
const PORTS: std::ops::Range<u32> = 10_000..30_000;

/// A port that was free a moment ago. Redis cannot choose one itself.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    (0..count)
        .filter_map(|_| {
            let tried = TRIED.fetch_add(1, Ordering::Relaxed);
            let port = PORTS.start + std::process::id().wrapping_mul(61).wrapping_add(tried) % count;
            u16::try_from(port).ok()
        })
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

fn spawn(directory: &Path, port: u16, options: &[String]) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .args(["--dir", directory.to_str().expect("UTF-8")])
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server")
}

impl RedisServer {
    pub fn start(options: &[&str]) -> RedisServer {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (directory, port) = (ScratchDir::new(), free_port());
        let process = spawn(&directory, port, &options);
        let server = RedisServer {
            port,
            process,
            options,
            directory,
        };
        server.wait_until_ready();
        server
    }

    /// A Sentinel for one master, which it calls "calls".
    pub fn start_sentinel(master: u16) -> RedisServer {
        let (directory, port) = (ScratchDir::new(), free_port());
        let lines = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor calls 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds calls 300\nsentinel failover-timeout calls 2000\n"
        );
        let file = directory.join("sentinel.conf");
        std::fs::write(&file, lines).expect("a file");
        let process = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .expect("a Sentinel");
        let server = RedisServer {
            port,
            process,
            options: Vec::new(),
            directory,
        };
        server.wait_until_ready();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A server with a password refuses the command, but is ready.
    fn wait_until_ready(&self) {
        until("the server", || {
            let mut first = [0; 5];
            TcpStream::connect(("127.0.0.1", self.port)).is_ok_and(|mut stream| {
                stream.write_all(b"PING\r\n").is_ok()
                    && stream.read_exact(&mut first).is_ok()
                    && [b"+PONG", b"-NOAU"].contains(&&first)
            })
        });
    }

    /// Kills the server, which loses all its data.
    pub fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }

    /// Sends a signal to the server, by its name: "STOP" or "CONT".
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Starts the server again, empty.
    pub fn restart(&mut self) {
        self.process = spawn(&self.directory, self.port, &self.options);
        self.wait_until_ready();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
