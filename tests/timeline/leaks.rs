//! Ways in which audio of a pause could come into the file, each found by reading the code.

use callrec::media::sim::{Sim, Tape, Wish};
use callrec::words::{Codec, FeedFormat, Format, Layout, Leg};
use callrec_testkit::rtp::{self, RtpHeader};

const MS: u64 = 1_000_000;
/// What is said in the pause.
const SECRET: u8 = 0x01;
/// What is said else.
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

fn recorded(format: Format) -> (Sim, Tape) {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let tape = sim.start(Wish {
        layout: Layout::Local,
        format,
        ..Wish::default()
    });
    sim.visit();
    (sim, tape)
}

/// Speech, a packet of 20 ms each, from one number to another.
fn speak(sim: &mut Sim, from: u16, to: u16, byte: u8) {
    for n in from..to {
        sim.rtp(Leg::Local, &packet(0, n, u32::from(n) * 160, &[byte; 160]));
        sim.pass(20);
    }
}

fn end(sim: &mut Sim, tape: &Tape) -> Vec<u8> {
    sim.pass(500);
    sim.stop(tape);
    sim.pass(500);
    let ledger = tape.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    tape.out.lock().bytes.clone()
}

/// A straggler of a gap that ends with a silence: its number alone does not say when it was
/// said.
#[test]
fn a_straggler_of_a_gap_is_not_moved_out_of_the_pause() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    speak(&mut sim, 0, 50, OPEN);
    sim.pause(&tape);
    speak(&mut sim, 50, 95, SECRET);
    // 95 is said in the pause and comes late; then nobody speaks until well after the resume.
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

/// Received in the pause, by the host's own word, of a stream whose places lie ahead.
#[test]
fn an_age_tells_that_a_packet_is_of_the_pause() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    // The first one has been held up, so that all others lie 200 ms late.
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

/// A host whose hiccups nobody makes up for hands in what it has kept, in time.
#[test]
fn hiccups_of_a_host_add_up() {
    let (mut sim, tape) = recorded(Format::WAV_ULAW);
    let mut kept = 0u64;
    for n in 0..700u64 {
        // Twice the host stands still for 400 ms, and what it has is 400 ms older from then on.
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
        // Said when it is handed in, less what the host has kept.
        let said_ms = n * 20;
        let secret = (350 * 20 - 1..400 * 20 + kept).contains(&(said_ms + 1)) && n >= 350;
        let late = n >= 400 && n * 20 < 400 * 20 + kept;
        let byte = if secret || late { SECRET } else { OPEN };
        sim.write(Leg::Local, &[byte; 160]);
        sim.pass(20);
    }
    let bytes = end(&mut sim, &tape);
    assert!(!bytes.contains(&SECRET));
}

/// However far a host says that its audio lies, nothing panics and nothing grows.
#[test]
fn places_at_the_ends_of_all_numbers() {
    for real in [true, false] {
        let mut sim = if real { Sim::real() } else { Sim::stream() };
        sim.attach(Leg::Local, ULAW);
        let tape = sim.start(Wish::default());
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

/// A peer that sends a hundred times faster than time goes does not decide how much is kept.
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
