//! `callrec record` with UDP ports, and the end of such a process.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::capture_file::{linear, speech};
use super::program::{callrec, json, run, text, wav_channels};

const PACKETS: usize = 100;

/// A process that records, and the addresses at which it expects its legs.
struct RecordingProcess {
    process: Child,
    addresses: Vec<String>,
}

impl RecordingProcess {
    fn spawn(directory: &str) -> RecordingProcess {
        let mut command = callrec(&["record", "--json", "--directory", directory]);
        command.args([
            "--local",
            "127.0.0.1:0",
            "--remote",
            "127.0.0.1:0",
            "--set",
            "storage.flush_ms=100",
        ]);
        let mut process = command
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
            addresses: addresses.take(2).map(address).collect(),
            process,
        }
    }

    /// Sends both sides of a call, in the pace of speech.
    fn send(&self, sides: [&[Vec<u8>]; 2]) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let mut senders = [RtpSender::new(0, 1), RtpSender::new(0, 2)];
        let begun = std::time::Instant::now();
        for n in 0..sides[0].len() {
            callrec_testkit::wait::sleep_until(begun + std::time::Duration::from_millis(20 * n as u64));
            for ((sender, side), address) in senders.iter_mut().zip(sides).zip(&self.addresses) {
                socket
                    .send_to(&sender.packet(&side[n], 160), address)
                    .expect("sent");
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("a signal");
    }
}

/// Whether `samples` contain all of `expected`, one after the other, with nothing else between them.
fn contains(samples: &[i16], expected: &[i16]) -> bool {
    samples.windows(expected.len()).any(|window| window == expected)
}

#[test]
fn an_interrupt_ends_the_recording() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let dir = ScratchDir::new();
        let mut recorder = RecordingProcess::spawn(text(&dir));
        let sides = [speech(8, PACKETS), speech(9, PACKETS)];
        recorder.send([&sides[0], &sides[1]]);
        recorder.signal(signal);
        let output = recorder.process.wait().expect("an exit code");
        assert!(output.success(), "{signal}");
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut recorder.process.stdout.take().expect("a pipe"), &mut printed)
            .expect("UTF-8");
        let result: Value = serde_json::from_str(&printed).expect("JSON");
        let channels = wav_channels(&PathBuf::from(result["path"].as_str().expect("a path")));
        for (channel, side) in channels.iter().zip(&sides) {
            assert!(contains(channel, &linear(side)), "{signal}");
        }
    }
}

#[test]
fn a_killed_recording_is_recovered() {
    let dir = ScratchDir::new();
    let mut recorder = RecordingProcess::spawn(text(&dir));
    let sides = [speech(10, PACKETS), speech(11, PACKETS)];
    recorder.send([&sides[0], &sides[1]]);
    let unfinished = || json(&["list", text(&dir), "--unfinished"]);
    until("the audio is on the disk", || {
        let path = unfinished()[0]["path"].as_str().map(PathBuf::from);
        path.is_some_and(|path| std::fs::metadata(path).is_ok_and(|found| found.len() > 10_000))
    });
    let (code, _, stderr) = run(&["recover", text(&dir)]);
    assert_eq!(code, 1, "the directory is in use: {stderr}");
    recorder.signal(Signal::SIGKILL);
    recorder.process.wait().expect("an end");
    let recovered = json(&["recover", text(&dir)]);
    assert_eq!(recovered.as_array().map(Vec::len), Some(1), "{recovered}");
    assert_eq!(recovered[0]["state"], "finished");
    let channels = wav_channels(&PathBuf::from(recovered[0]["path"].as_str().expect("a path")));
    // At most one second is lost.
    let safe = (PACKETS - 50) * 160;
    for (channel, side) in channels.iter().zip(&sides) {
        assert!(contains(channel, &linear(side)[..safe]));
    }
    assert_eq!(unfinished().as_array().map(Vec::len), Some(0));
    assert_eq!(run(&["recover", text(&dir)]).0, 0, "nothing is left");
}

#[test]
fn a_port_that_is_taken_leaves_no_recording() {
    let dir = ScratchDir::new();
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, _, stderr) = run(&["record", "--directory", text(&dir), "--local", &address]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&address), "{stderr}");
    assert_eq!(std::fs::read_dir(&*dir).expect("the directory").count(), 0);
}
