//! Hosts that stall, as the simulator has found them: audio that is written before a pause is not
//! lost by it, and audio that is sent in a pause is not recorded after it.

use callrec::media::ClockMode;
use callrec::media::ledger::{DropReason, ms};
use callrec::media::sim::{self, RecordingOptions, Sim, SimRecording};
use callrec::types::{Codec, FeedFormat, Format, Layout, Leg};
use callrec_testkit::rtp::{self, RtpHeader};

const SECRET: u8 = 0x01;
const OPEN: u8 = 0x10;
const FEED: FeedFormat = FeedFormat {
    codec: Codec::Pcmu,
    rate: 8000,
};

/// The `n`th packet of 20 ms of a stream.
fn packet(n: u16, ssrc: u32, byte: u8) -> Vec<u8> {
    packet_at(n, n, ssrc, byte)
}

/// The same of a sender that was silent, so that its packet has the timestamp of number `position`.
fn packet_at(n: u16, position: u16, ssrc: u32, byte: u8) -> Vec<u8> {
    let header = RtpHeader {
        payload_type: 0,
        sequence: n,
        timestamp: u32::from(position) * 160,
        ssrc,
    };
    rtp::packet(header, &[byte; 160])
}

fn say(sim: &mut Sim, ssrc: u32, numbers: impl IntoIterator<Item = u16>, byte: u8) {
    for n in numbers {
        sim.rtp(Leg::Local, &packet(n, ssrc, byte));
    }
}

/// Writes one packet every 20 ms.
fn speak(sim: &mut Sim, numbers: std::ops::Range<u16>) {
    for n in numbers {
        say(sim, 7, [n], OPEN);
        sim.pass(20);
    }
}

fn attached() -> Sim {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, FEED);
    sim
}

fn start(sim: &mut Sim) -> SimRecording {
    sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    })
}

/// How many samples with this byte the recording has.
fn kept(sim: &mut Sim, tape: &SimRecording, byte: u8) -> usize {
    sim.pass(500);
    sim.stop(tape);
    sim.pass(500);
    let ledger = tape.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    let out = tape.out.lock();
    out.bytes.iter().filter(|found| **found == byte).count()
}

/// The host stalls from the call's beginning on, and writes its backlog after a recording has
/// started: audio from before the start does not push the rest over the pause.
#[test]
fn a_first_burst_that_began_before_the_start() {
    let mut sim = attached();
    sim.pass(400);
    let tape = start(&mut sim);
    sim.pass(100);
    say(&mut sim, 7, 0..20, SECRET);
    say(&mut sim, 7, 20..25, OPEN);
    sim.pass(20);
    speak(&mut sim, 26..37);
    sim.pause(&tape);
    assert_eq!(kept(&mut sim, &tape, OPEN), (5 + 11) * 160);
}

/// The first burst is placed later than it was sent, and its sender is silent after it. Later
/// audio is placed no earlier than its arrival, so that none of it is before the start.
#[test]
fn a_silence_behind_a_first_burst_and_a_start_in_it() {
    let mut sim = attached();
    sim.pass(220);
    say(&mut sim, 7, 0..5, SECRET);
    sim.pass(70);
    let tape = start(&mut sim);
    sim.pass(50);
    for n in 5..20 {
        sim.rtp(Leg::Local, &packet_at(n, n + 12, 7, OPEN));
        sim.pass(20);
    }
    assert_eq!(kept(&mut sim, &tape, OPEN), 15 * 160);
}

/// A second stall, before any packet has been in time after the first one.
#[test]
fn two_stalls_with_a_silence_between() {
    let mut sim = attached();
    let tape = start(&mut sim);
    speak(&mut sim, 0..4);
    sim.pass(580);
    say(&mut sim, 7, 4..20, OPEN);
    sim.pass(640);
    say(&mut sim, 7, 50..65, OPEN);
    sim.pass(20);
    speak(&mut sim, 65..80);
    sim.pause(&tape);
    assert_eq!(kept(&mut sim, &tape, OPEN), (20 + 30) * 160);
}

/// The first burst of a feed, out of order.
#[test]
fn a_first_burst_out_of_order() {
    let mut sim = attached();
    let tape = start(&mut sim);
    sim.pass(300);
    say(&mut sim, 7, [1, 0, 2, 5, 3, 4, 6], OPEN);
    say(&mut sim, 7, 7..15, OPEN);
    sim.pass(20);
    speak(&mut sim, 15..25);
    sim.pause(&tape);
    assert_eq!(kept(&mut sim, &tape, OPEN), 25 * 160);
}

/// A write after a silence waits for the next write; a pause comes before that.
#[test]
fn the_first_write_after_a_silence_before_a_pause() {
    let mut sim = attached();
    let tape = start(&mut sim);
    for _ in 0..5 {
        sim.write(Leg::Local, &[OPEN; 160]);
        sim.pass(20);
    }
    sim.pass(400);
    sim.write(Leg::Local, &[OPEN; 160]);
    sim.pause(&tape);
    assert_eq!(kept(&mut sim, &tape, OPEN), 6 * 160);
}

/// Audio of a pause arrives at once after it, and nothing shows that the sender has been silent
/// since.
#[test]
fn a_first_burst_of_a_pause() {
    let mut sim = attached();
    let tape = start(&mut sim);
    sim.pass(60);
    sim.pause(&tape);
    sim.pass(260);
    sim.resume(&tape);
    sim.pass(140);
    say(&mut sim, 7, 0..15, SECRET);
    assert_eq!(kept(&mut sim, &tape, SECRET), 0);
}

/// The same of a new stream in a running call.
#[test]
fn a_burst_of_a_new_stream_of_a_pause() {
    let mut sim = attached();
    let tape = start(&mut sim);
    speak(&mut sim, 0..20);
    sim.pause(&tape);
    sim.pass(400);
    sim.resume(&tape);
    sim.pass(120);
    say(&mut sim, 8, 0..15, SECRET);
    assert_eq!(kept(&mut sim, &tape, SECRET), 0);
}

/// The same by a feed that was closed and opened again after the pause: its audio was not sent
/// before it was opened.
#[test]
fn a_burst_of_a_feed_that_was_opened_again_after_a_pause() {
    let mut sim = attached();
    let tape = start(&mut sim);
    speak(&mut sim, 0..20);
    sim.pause(&tape);
    sim.detach(Leg::Local);
    sim.pass(400);
    sim.resume(&tape);
    sim.pass(120);
    sim.attach(Leg::Local, FEED);
    sim.pass(120);
    say(&mut sim, 8, 0..6, OPEN);
    assert_eq!(kept(&mut sim, &tape, OPEN), (20 + 6) * 160);
}

/// A write waits for its place while the call is on hold, and a second recording begins.
#[test]
fn a_write_that_waits_while_the_call_is_held() {
    let mut config = sim::config(ClockMode::Real);
    config.hold_is_silence = true;
    let mut sim = Sim::new(config);
    sim.attach(Leg::Local, FEED);
    let tape = start(&mut sim);
    for _ in 0..5 {
        sim.write(Leg::Local, &[OPEN; 160]);
        sim.pass(20);
    }
    sim.hold(true);
    sim.pass(400);
    sim.write(Leg::Local, &[SECRET; 160]);
    sim.pass(20);
    let beside = start(&mut sim);
    sim.pass(400);
    assert_eq!(kept(&mut sim, &beside, SECRET), 0);
    assert_eq!(kept(&mut sim, &tape, SECRET), 0);
}

/// The milliseconds that the ledger reports as dropped for this reason; there must be no other
/// reason.
fn dropped(tape: &SimRecording, reason: DropReason) -> u64 {
    let ledger = tape.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.lost(), local.dropped[reason as usize]);
    assert_eq!(
        tape.out.lock().lost_ns / 1_000_000,
        ms(local.lost()),
        "lost_ms has it, too"
    );
    ms(local.lost())
}

/// A host is half a second ahead when a recording pauses. The audio beyond a packet's length was
/// written while it recorded, and is reported as lost, whether the recording continues or ends.
#[test]
fn audio_ahead_of_a_pause_is_reported_as_lost() {
    for continues in [false, true] {
        let mut sim = attached();
        let tape = start(&mut sim);
        for _ in 0..25 {
            sim.write(Leg::Local, &[OPEN; 160]);
        }
        sim.pause(&tape);
        sim.pass(60);
        if continues {
            sim.pass(1000);
            sim.resume(&tape);
        }
        assert_eq!(kept(&mut sim, &tape, OPEN), 3 * 160, "continues: {continues}");
        assert_eq!(
            dropped(&tape, DropReason::PauseUnclear),
            22 * 20,
            "continues: {continues}"
        );
    }
}

/// The first packet of a new stream arrives right before the recording pauses, and no packet
/// confirms it: it is kept, or reported as lost, also if the call ends at once.
#[test]
fn a_packet_right_before_a_pause_is_kept_or_reported() {
    for (continues, ends) in [(false, false), (true, false), (false, true)] {
        let mut sim = attached();
        let tape = start(&mut sim);
        speak(&mut sim, 0..10);
        say(&mut sim, 7, [10], OPEN);
        sim.pass(20);
        say(&mut sim, 8, [0], OPEN);
        sim.private(true);
        if continues {
            sim.pass(1000);
            sim.private(false);
        }
        if ends {
            sim.detach(Leg::Local);
            sim.end();
        }
        let kept = kept(&mut sim, &tape, OPEN);
        let lost_ms = ms(tape.progress.ledger().leg(Leg::Local).lost());
        assert_eq!(
            kept as u64 / 8 + lost_ms,
            12 * 20,
            "continues: {continues}, ends {ends}"
        );
    }
}

/// The recording pauses while a packet waits for its place, and the feed is closed then.
#[test]
fn a_packet_that_waits_when_its_feed_is_closed_is_kept() {
    let mut sim = attached();
    let tape = start(&mut sim);
    speak(&mut sim, 0..10);
    sim.pass(180);
    say(&mut sim, 7, 10..14, OPEN);
    sim.pause(&tape);
    sim.detach(Leg::Local);
    sim.end();
    assert_eq!(kept(&mut sim, &tape, OPEN), 14 * 160);
}

/// In stream time a pause settles all audio, also a packet that waits to be confirmed.
#[test]
fn an_unconfirmed_packet_before_a_pause_in_stream_time_is_reported() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, FEED);
    let tape = start(&mut sim);
    say(&mut sim, 7, 0..10, OPEN);
    say(&mut sim, 8, [0], OPEN);
    sim.pause(&tape);
    sim.visit();
    say(&mut sim, 7, 10..20, SECRET);
    say(&mut sim, 8, 1..10, SECRET);
    sim.visit();
    assert_eq!(kept(&mut sim, &tape, OPEN), 10 * 160);
    assert_eq!(dropped(&tape, DropReason::Late), 20);
}

/// A recording is stopped while writes wait for their place, and its call ends before they are
/// placed.
#[test]
fn a_stop_that_waits_when_the_call_ends_keeps_its_place() {
    let mut sim = attached();
    let tape = start(&mut sim);
    for _ in 0..10 {
        sim.write(Leg::Local, &[OPEN; 160]);
        sim.pass(20);
    }
    sim.pass(360);
    for _ in 0..6 {
        sim.write(Leg::Local, &[OPEN; 160]);
    }
    sim.pass(20);
    sim.stop(&tape);
    sim.visit();
    sim.now_ns += 400 * 1_000_000;
    sim.end();
    assert_eq!(kept(&mut sim, &tape, OPEN), 16 * 160);
    let frames = tape.out.lock().frames();
    assert_eq!(
        frames,
        (200 + 360 + 6 * 20) * 8,
        "the file ends with the last write"
    );
    assert_eq!(ms(tape.progress.ledger().leg(Leg::Local).in_file), 16 * 20);
}
