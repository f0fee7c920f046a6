//! A process of `callrec record` with UDP ports.

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use callrec_testkit::wait::sleep_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::program::callrec;

/// A process that records, and the addresses at which it expects its legs.
pub struct RecordingProcess {
    process: Child,
    pub addresses: Vec<String>,
}

impl RecordingProcess {
    /// `legs`: the options of the ports, each of which is free.
    pub fn spawn(directory: &str, legs: &[&str], more: &[&str]) -> RecordingProcess {
        let mut command = callrec(&["record", "--json", "--directory", directory]);
        for leg in legs {
            command.args([leg, "127.0.0.1:0"]);
        }
        let mut process = command
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let addresses = lines
            .map(|line| line.expect("UTF-8"))
            .filter(|line| line.contains(" is expected at "));
        let address = |line: String| line.rsplit(' ').next().expect("an address").to_owned();
        RecordingProcess {
            addresses: addresses.take(legs.len()).map(address).collect(),
            process,
        }
    }

    /// Sends packets to each leg, one every 20 ms.
    pub fn send(&self, legs: &[&[Vec<u8>]]) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let begun = Instant::now();
        for n in 0..legs[0].len() {
            sleep_until(begun + Duration::from_millis(20 * n as u64));
            for (packets, address) in legs.iter().zip(&self.addresses) {
                socket.send_to(&packets[n], address).expect("sent");
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("a signal");
    }

    pub fn wait(mut self) {
        self.process.wait().expect("an end");
    }

    /// Interrupts the process, which must succeed. Returns what it prints.
    pub fn end(mut self, signal: Signal) -> Value {
        self.signal(signal);
        let status = self.process.wait().expect("an exit code");
        assert!(status.success(), "{signal}");
        let mut printed = String::new();
        let mut stdout = self.process.stdout.take().expect("a pipe");
        stdout.read_to_string(&mut printed).expect("UTF-8");
        serde_json::from_str(&printed).expect("JSON")
    }
}

/// A test that fails leaves no process behind.
impl Drop for RecordingProcess {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Whether `samples` contain all of `expected`, one after the other, with nothing else between them.
pub fn contains(samples: &[i16], expected: &[i16]) -> bool {
    samples.windows(expected.len()).any(|window| window == expected)
}
