//! `callrec record` as the receiver of Asterisk's External Media: RTP whose payload types nobody
//! negotiates, with Asterisk's own numbers for signed linear audio.

use std::path::PathBuf;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::g711::{Law, decode};
use callrec_testkit::rtp::{self, RtpHeader, RtpSender};
use nix::sys::signal::Signal;

use super::capture_file::{linear, speech};
use super::program::{json, text, wav_channels};
use super::recording_process::{RecordingProcess, contains};

const PACKETS: usize = 40;

/// The packets of one channel: payload type, and samples of each.
fn channel(payload_type: u8, ssrc: u32, payloads: &[Vec<u8>], samples: u32) -> Vec<Vec<u8>> {
    let mut sender = RtpSender::new(payload_type, ssrc);
    let mut packets: Vec<_> = payloads
        .iter()
        .map(|payload| sender.packet(payload, samples))
        .collect();
    // The first one has the marker.
    packets[0][1] |= 0x80;
    packets
}

/// 20 ms for each packet, that no two packets share.
fn samples(seed: usize, rate: usize) -> Vec<i16> {
    let count = PACKETS * rate / 50;
    (0..count)
        .map(|n| ((n + seed) * 37 % 20_011) as i16 - 10_000)
        .collect()
}

/// In network byte order.
fn payloads(samples: &[i16], rate: usize) -> Vec<Vec<u8>> {
    let packets = samples.chunks(rate / 50);
    packets
        .map(|packet| packet.iter().flat_map(|sample| sample.to_be_bytes()).collect())
        .collect()
}

/// Records the packets of each leg. Returns the channels of the file.
fn record(legs: &[(&str, &[Vec<u8>])], more: &[&str]) -> Vec<Vec<i16>> {
    let directory = ScratchDir::new();
    let (options, packets): (Vec<_>, Vec<_>) = legs.iter().copied().unzip();
    let recorder = RecordingProcess::spawn(text(&directory), &options, more);
    recorder.send(&packets);
    let result = recorder.end(Signal::SIGINT);
    let path = PathBuf::from(result["path"].as_str().expect("a path"));
    let manifest = json(&["show", "--no-waveform", text(&path)]);
    assert_eq!(manifest["lost_ms"], 0, "{}", manifest["legs"]);
    wav_channels(&path)
}

/// A snoop channel for each direction, each with an External Media channel to a port of its own.
#[test]
fn both_directions_of_a_channel_are_recorded_sample_by_sample() {
    let sides = [speech(21, PACKETS), speech(22, PACKETS)];
    let sent = [0, 1].map(|leg| channel(0, 0x1234_5678 + leg as u32, &sides[leg], 160));
    let channels = record(&[("--local", &sent[0]), ("--remote", &sent[1])], &[]);
    assert_eq!(channels.len(), 2);
    for (recorded, side) in channels.iter().zip(&sides) {
        assert!(contains(recorded, &linear(side)));
    }
}

/// `format=slin16` and `format=slin`: Asterisk has its own numbers, and sends 8 kHz with those that
/// RFC 3551 gives to 44.1 kHz.
#[test]
fn signed_linear_audio_is_recorded_if_its_payload_type_is_declared() {
    for (payload_type, rate) in [(118, 16_000), (10, 8000)] {
        let audio = samples(payload_type, rate);
        let sent = channel(payload_type as u8, 7, &payloads(&audio, rate), rate as u32 / 50);
        let declared = format!("{payload_type} L16/{rate}");
        let more = ["--layout", "local", "--payload", &declared];
        let channels = record(&[("--local", &sent)], &more);
        assert_eq!(channels.len(), 1, "type {payload_type}");
        assert!(contains(&channels[0], &audio), "type {payload_type}");
    }
}

/// An External Media channel in the bridge of the call gets the mix of both parties at one port.
/// A digit that a party presses arrives as telephone events.
#[test]
fn the_mix_of_a_bridge_is_recorded_from_one_port() {
    let mix = speech(23, PACKETS);
    let mut sent = channel(8, 9, &mix, 160);
    let last = &sent[sent.len() - 1];
    let next = u16::from_be_bytes([last[2], last[3]]).wrapping_add(1);
    let begun = u32::from_be_bytes(last[4..8].try_into().expect("four bytes")).wrapping_add(160);
    for n in 0..3u16 {
        let event = RtpHeader {
            payload_type: 101,
            sequence: next.wrapping_add(n),
            timestamp: begun,
            ssrc: 9,
        };
        let [high, low] = (160 * n).to_be_bytes();
        sent.push(rtp::packet(event, &[5, 10, high, low]));
    }
    let channels = record(&[("--local", &sent)], &["--layout", "local"]);
    let expected: Vec<i16> = mix.iter().flatten().map(|byte| decode(Law::A, *byte)).collect();
    assert!(contains(&channels[0], &expected));
}
