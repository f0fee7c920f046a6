//! Ways in which audio of a pause could get into the file, found by reading the code.

use callrec::media::sim::{RecordingOptions, Sim, SimRecording};
use callrec::types::{Codec, FeedFormat, Format, Layout, Leg};
use callrec_testkit::rtp::{self, RtpHeader};

const MS: u64 = 1_000_000;
/// The byte that is sent during the pause.
const SECRET: u8 = 0x01;
/// The byte that is sent otherwise.
const OPEN: u8 = 0x10;

const ULAW: FeedFormat = FeedFormat {
    codec: Codec::Pcmu,
    rate: 8000,
};

fn packet(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        payload_type,
        sequence,
        timestamp,
        ssrc: 7,
    };
    rtp::packet(header, payload)
}

fn recorded(format: Format) -> (Sim, SimRecording) {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let tape = sim.start(RecordingOptions {
        layout: Layout::Local,
        format,
        ..RecordingOptions::default()
    });
    sim.visit();
    (sim, tape)
}

/// Sends packets of 20 ms from one number up to another.
fn speak(sim: &mut Sim, from: u16, to: u16, byte: u8) {
    for n in from..to {
        sim.rtp(Leg::Local, &packet(0, n, u32::from(n) * 160, &[byte; 160]));
        sim.pass(20);
    }
}

fn end(sim: &mut Sim, tape: &SimRecording) -> Vec<u8> {
    sim.pass(500);
    sim.stop(tape);
    sim.pass(500);
    let ledger = tape.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    tape.out.lock().bytes.clone()
}

/// A late packet of a gap that ends with a silence: its number alone does not show its time.
#[test]
fn a_late_packet_of_a_gap_is_not_moved_out_of_the_pause() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    speak(&mut sim, 0, 50, OPEN);
    sim.pause(&tape);
    speak(&mut sim, 50, 95, SECRET);
    // Packet 95 is sent in the pause and arrives late; the sender is silent until well after the
    // resume.
    let late = packet(0, 95, 95 * 160, &[SECRET; 160]);
    sim.pass(100);
    sim.resume(&tape);
    sim.pass(300);
    sim.rtp(Leg::Local, &packet(0, 96, 115 * 160, &[OPEN; 160]));
    sim.pass(20);
    sim.rtp(Leg::Local, &late);
    let bytes = end(&mut sim, &tape);
    assert!(bytes.contains(&OPEN) && !bytes.contains(&SECRET));
}

/// A packet that the host received in the pause, of a stream whose places are ahead.
#[test]
fn an_age_shows_that_a_packet_is_of_the_pause() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    // The first packet is delayed, so that all others are placed 200 ms late.
    let first = packet(0, 0, 0, &[OPEN; 160]);
    sim.pass(200);
    sim.rtp(Leg::Local, &first);
    sim.pass(100);
    for n in 1..16u16 {
        sim.rtp(Leg::Local, &packet(0, n, u32::from(n) * 160, &[OPEN; 160]));
    }
    speak(&mut sim, 16, 100, OPEN);
    sim.pause(&tape);
    speak(&mut sim, 100, 150, SECRET);
    sim.resume(&tape);
    sim.now_ns += 10 * MS;
    sim.rtp_aged(Leg::Local, &packet(0, 150, 150 * 160, &[SECRET; 160]), 60 * MS);
    speak(&mut sim, 151, 200, OPEN);
    let bytes = end(&mut sim, &tape);
    assert!(!bytes.contains(&SECRET));
}

/// A host that stalls twice and never catches up writes its backlog in time.
#[test]
fn stalls_of_a_host_add_up() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    let mut kept = 0u64;
    for n in 0..700u64 {
        // The host stalls twice for 400 ms; its audio is 400 ms older after each stall.
        if n == 150 || n == 250 {
            sim.pass(400);
            kept += 400;
        }
        if n == 350 {
            sim.pause(&tape);
        }
        if n == 400 {
            sim.resume(&tape);
        }
        // The time of the write, less the host's backlog.
        let sent_ms = n * 20;
        let secret = (350 * 20 - 1..400 * 20 + kept).contains(&(sent_ms + 1)) && n >= 350;
        let late = n >= 400 && n * 20 < 400 * 20 + kept;
        let byte = if secret || late { SECRET } else { OPEN };
        sim.write(Leg::Local, &[byte; 160]);
        sim.pass(20);
    }
    let bytes = end(&mut sim, &tape);
    assert!(!bytes.contains(&SECRET));
}

/// No position of a host makes the library panic or use more memory.
#[test]
fn positions_at_the_limits_of_their_type() {
    for real in [true, false] {
        let mut sim = if real { Sim::real() } else { Sim::stream() };
        sim.attach(Leg::Local, ULAW);
        let tape = sim.start(RecordingOptions::default());
        for at in [0, u64::MAX, 1 << 63, (1 << 63) - 1, 5, u64::MAX - 1, 1 << 62] {
            sim.write_at(Leg::Local, at, &[OPEN; 160]);
            sim.pass(20);
        }
        sim.pass(500);
        sim.stop(&tape);
        sim.pass(500);
        let ending = tape.out.lock().ending.clone();
        let finished = matches!(ending, Some(callrec::media::sim::SinkEnd::Finished(..)));
        assert!(finished, "real {real}: {ending:?}");
    }
}

/// A peer that sends a hundred times faster than real time does not determine the memory use.
#[test]
fn a_flood_is_bounded() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    for n in 0..4000u16 {
        sim.rtp(Leg::Local, &packet(0, n, u32::from(n) * 160, &[OPEN; 160]));
        if n % 100 == 99 {
            sim.pass(20);
        }
    }
    let bytes = end(&mut sim, &tape);
    assert!(bytes.len() < 8000 * 5, "{} samples", bytes.len());
    let ledger = tape.progress.ledger();
    assert!(ledger.leg(Leg::Local).dropped[callrec::media::DropReason::Ahead as usize] > 0);
}
