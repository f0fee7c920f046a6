//! `callrec record` with captures.

use std::path::PathBuf;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::rtp::RtpSender;
use pcap_file::DataLink;

use super::capture_file::{CALLEE, CALLER, CaptureWriter, SAMPLES, linear, speech, write_call};
use super::program::{json, run, succeed, text, wav_channels};

const PACKETS: usize = 150;

/// Records a capture. Returns the path of the audio.
fn record(dir: &ScratchDir, capture: &str, more: &[&str]) -> PathBuf {
    let recordings = dir.join("recordings");
    let base = ["record", capture, "--directory", text(&recordings)];
    let result = json(&[&base, more].concat());
    assert_eq!(result["state"], "finished", "{result}");
    PathBuf::from(result["path"].as_str().expect("a path"))
}

#[test]
fn both_sides_of_a_call_are_recorded_sample_by_sample() {
    for link in [DataLink::ETHERNET, DataLink::RAW] {
        let dir = ScratchDir::new();
        let capture = dir.join("call.pcap");
        let (ours, theirs) = (speech(1, PACKETS), speech(2, PACKETS));
        write_call(&capture, link, [&ours, &theirs]);
        let audio = record(
            &dir,
            text(&capture),
            &["--number", "101", "--remote-number", "+4930"],
        );
        assert_eq!(wav_channels(&audio), [linear(&ours), linear(&theirs)], "{link:?}");
        let listed = json(&["list", text(&dir.join("recordings"))]);
        assert_eq!(listed[0]["call"]["directory_number"], "101");
        assert_eq!(listed[0]["call"]["connected_at_ms"], 1_795_780_800_000_i64);
        assert_eq!(listed[0]["legs"][0]["packets"], PACKETS);
    }
}

#[test]
fn a_capture_that_is_cut_off_ends_with_its_last_whole_packet() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let (ours, theirs) = (speech(1, PACKETS), speech(2, PACKETS));
    write_call(&capture, DataLink::ETHERNET, [&ours, &theirs]);
    let bytes = std::fs::read(&capture).expect("the capture");
    std::fs::write(&capture, &bytes[..bytes.len() - 100]).expect("written");
    // The RTCP packet, and a part of the callee's last packet.
    let channels = wav_channels(&record(&dir, text(&capture), &[]));
    assert_eq!(channels[0], linear(&ours));
    assert_eq!(
        channels[1][..(PACKETS - 1) * SAMPLES],
        linear(&theirs[..PACKETS - 1])
    );
}

#[test]
fn packets_that_were_kept_can_be_recorded_again() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let (ours, theirs) = (speech(3, PACKETS), speech(4, PACKETS));
    write_call(&capture, DataLink::ETHERNET, [&ours, &theirs]);
    let first = record(&dir, text(&capture), &["--set", "recording.keep_raw=always"]);
    let kept = first.with_extension("pcapng");
    let again = record(&dir, text(&kept), &[]);
    assert_ne!(first, again);
    assert_eq!(wav_channels(&again), [linear(&ours), linear(&theirs)]);
}

/// A capture with one stream of a dynamic payload type. Returns its samples.
fn write_l16(path: &std::path::Path, invite: Option<&str>) -> Vec<i16> {
    let mut capture = CaptureWriter::create(path, DataLink::ETHERNET);
    if let Some(invite) = invite {
        capture.put(0, (CALLEE.0, 5060), (CALLER.0, 5060), invite.as_bytes());
    }
    let mut sender = RtpSender::new(96, 7);
    let samples: Vec<i16> = (0..PACKETS * 320).map(|n| (n * 37 % 20_011) as i16).collect();
    for (n, packet) in samples.chunks(320).enumerate() {
        let payload: Vec<u8> = packet.iter().flat_map(|sample| sample.to_be_bytes()).collect();
        capture.put(n as u64 * 20, CALLER, CALLEE, &sender.packet(&payload, 320));
    }
    samples
}

#[test]
fn sip_messages_of_the_capture_declare_payload_types() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let answer = "SIP/2.0 200 OK\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.2\r\n\
                  s=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 96\r\na=rtpmap:96 L16/16000\r\n";
    let samples = write_l16(&capture, Some(answer));
    let audio = record(&dir, text(&capture), &["--layout", "local"]);
    assert_eq!(wav_channels(&audio), [samples]);
}

/// The directory has recordings that were broken off. The engine completes them and reports their ends,
/// too, some of them after the end of the new one.
#[test]
fn the_new_recording_is_reported_and_not_one_that_was_recovered() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let samples = write_l16(&capture, None);
    let directory = dir.join("recordings");
    for _ in 0..8 {
        assert_eq!(
            run(&["record", text(&capture), "--directory", text(&directory)]).0,
            1
        );
    }
    let audio = record(
        &dir,
        text(&capture),
        &["--payload", "96 L16/16000", "--layout", "local"],
    );
    assert_eq!(wav_channels(&audio), [samples]);
}

#[test]
fn an_unknown_payload_type_must_be_declared() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let samples = write_l16(&capture, None);
    let directory = dir.join("recordings");
    let base = ["record", text(&capture), "--directory", text(&directory)];
    let (code, _, stderr) = run(&base);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("payload type 96 of the stream to 192.0.2.2:5000 is unknown"),
        "{stderr}"
    );
    let audio = record(
        &dir,
        text(&capture),
        &["--payload", "96 L16/16000", "--layout", "local"],
    );
    assert_eq!(wav_channels(&audio), [samples]);
}

#[test]
fn streams_are_listed_and_chosen() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let (ours, theirs) = (speech(1, PACKETS), speech(2, PACKETS));
    write_call(&capture, DataLink::ETHERNET, [&ours, &theirs]);
    let listed = succeed(&["record", text(&capture), "--streams"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].contains("192.0.2.1:4000 > 192.0.2.2:5000  150 packets, 0:02.9, payload types 0  local"),
        "{listed}"
    );
    assert!(lines[1].ends_with("remote"), "{listed}");
    let audio = record(&dir, text(&capture), &["--take", "2", "--layout", "local"]);
    assert_eq!(wav_channels(&audio), [linear(&theirs)]);
    let (code, _, stderr) = run(&["record", text(&capture), "--take", "3"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("the capture has 2 streams"), "{stderr}");
}

#[test]
fn the_link_types_of_tcpdump_are_read_and_others_refused() {
    for (link, is_read) in [(DataLink::LINUX_SLL2, true), (DataLink::BLUETOOTH_HCI_H4, false)] {
        let dir = ScratchDir::new();
        let capture = dir.join("call.pcap");
        let (ours, theirs) = (speech(1, PACKETS), speech(2, PACKETS));
        write_call(&capture, link, [&ours, &theirs]);
        let (code, printed, stderr) = run(&["record", text(&capture), "--streams"]);
        match is_read {
            true => assert_eq!(printed.lines().count(), 2, "{printed}"),
            false => assert!(code == 1 && stderr.contains("link type"), "{stderr}"),
        }
    }
}

/// The clock of the capturing machine was set back.
#[test]
fn a_capture_whose_time_steps_back_is_read() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let ours = speech(1, PACKETS);
    let mut writer = CaptureWriter::create(&capture, DataLink::ETHERNET);
    let mut sender = RtpSender::new(0, 1);
    for (n, payload) in ours.iter().enumerate() {
        let at_ms = 10_000 - 20 * n as u64;
        writer.put(at_ms, CALLER, CALLEE, &sender.packet(payload, SAMPLES as u32));
    }
    drop(writer);
    assert!(succeed(&["record", text(&capture), "--streams"]).contains("150 packets"));
    let audio = record(&dir, text(&capture), &["--layout", "local"]);
    assert_eq!(wav_channels(&audio), [linear(&ours)]);
}

#[test]
fn what_is_no_capture_is_refused() {
    let dir = ScratchDir::new();
    let file = dir.join("call.pcap");
    for content in [&b""[..], b"RIFF", &[0x0a, 0x0d, 0x0d, 0x0a, 1, 2, 3, 4]] {
        std::fs::write(&file, content).expect("written");
        let (code, _, stderr) = run(&["record", text(&file), "--directory", text(&dir)]);
        assert_eq!(code, 1, "{content:?}");
        assert!(stderr.contains("call.pcap"), "{stderr}");
        assert!(stderr.contains("neither a pcap nor a pcapng file"), "{stderr}");
    }
}
