//! `callrec record` with UDP ports, and the end of such a process.

use std::net::UdpSocket;
use std::path::PathBuf;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::until;
use nix::sys::signal::Signal;

use super::capture_file::{linear, speech};
use super::program::{json, run, text, wav_channels};
use super::recording_process::{RecordingProcess, contains};

const PACKETS: usize = 100;

fn record_both(directory: &str) -> RecordingProcess {
    RecordingProcess::spawn(
        directory,
        &["--local", "--remote"],
        &["--set", "storage.flush_ms=100"],
    )
}

/// Sends both sides of a call.
fn send(recorder: &RecordingProcess, sides: [&[Vec<u8>]; 2]) {
    let mut senders = [RtpSender::new(0, 1), RtpSender::new(0, 2)];
    let packets = [0, 1].map(|leg| {
        let packets = sides[leg].iter().map(|payload| senders[leg].packet(payload, 160));
        packets.collect::<Vec<_>>()
    });
    recorder.send(&[&packets[0], &packets[1]]);
}

#[test]
fn an_interrupt_ends_the_recording() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let dir = ScratchDir::new();
        let recorder = record_both(text(&dir));
        let sides = [speech(8, PACKETS), speech(9, PACKETS)];
        send(&recorder, [&sides[0], &sides[1]]);
        let result = recorder.end(signal);
        let channels = wav_channels(&PathBuf::from(result["path"].as_str().expect("a path")));
        for (channel, side) in channels.iter().zip(&sides) {
            assert!(contains(channel, &linear(side)), "{signal}");
        }
    }
}

#[test]
fn a_killed_recording_is_recovered() {
    let dir = ScratchDir::new();
    let recorder = record_both(text(&dir));
    let sides = [speech(10, PACKETS), speech(11, PACKETS)];
    send(&recorder, [&sides[0], &sides[1]]);
    let unfinished = || json(&["list", text(&dir), "--unfinished"]);
    until("the audio is on the disk", || {
        let path = unfinished()[0]["path"].as_str().map(PathBuf::from);
        path.is_some_and(|path| std::fs::metadata(path).is_ok_and(|found| found.len() > 10_000))
    });
    let (code, _, stderr) = run(&["recover", text(&dir)]);
    assert_eq!(code, 1, "the directory is in use: {stderr}");
    recorder.signal(Signal::SIGKILL);
    recorder.wait();
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
