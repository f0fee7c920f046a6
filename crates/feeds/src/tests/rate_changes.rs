//! A leg that changes its rate while packets from before the change are not decoded yet.

use std::sync::atomic::Ordering::SeqCst;

use super::codecs::{G722, Sender, ledger_of, sine};
use super::external::{Answering, external_of};
use super::*;
use crate::ledger;
use crate::sim::RecordingOptions;
use callrec_base::types::Layout;
use std::sync::Arc;

const RATE: u32 = 16_000;
/// Samples of a packet at this rate, one byte each.
const PACKET: usize = 320;

/// A recording at 16 kHz of a leg with a registered codec at that rate.
fn recorded(mut sim: Sim) -> (Sim, SimRecording, Arc<Answering>) {
    let answering = Arc::<Answering>::default();
    sim.attach(Leg::Local, ULAW);
    sim.payload(Leg::Local, 96, external_of(&answering, 1, RATE));
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        rate: RATE,
        ..Default::default()
    });
    sim.visit();
    (sim, recording, answering)
}

/// Feeds packets of the registered codec, each 20 ms, with a visit after each.
fn send_wide(sim: &mut Sim, ssrc: u32, packets: std::ops::Range<u64>) {
    for n in packets {
        let bytes = packet(ssrc, 96, n as u16, (n * 320) as u32, &[tag(n); PACKET]);
        sim.rtp(Leg::Local, &bytes);
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
}

fn send_narrow(sim: &mut Sim, packets: std::ops::Range<u64>) {
    for n in packets {
        sim.rtp(Leg::Local, &ulaw(n));
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
}

fn end(sim: &mut Sim) {
    sim.end();
    sim.pass(500);
}

fn assert_complete(recording: &SimRecording, ms: u64) {
    let ledger = ledger_of(recording);
    assert_eq!(ledger.dropped_sum(), 0, "{ledger:?}");
    assert_eq!(ledger::ms(ledger.in_file), ms);
    assert_eq!((ledger.in_file, ledger.missing), (ledger.handed, 0));
}

/// Whether the n-th 20 ms of a recording have the tag of a packet.
fn is_packet(samples: &[i16], n: usize, number: u64) -> bool {
    let found = &samples[n * PACKET..(n + 1) * PACKET];
    found
        .iter()
        .all(|sample| *sample % 1000 == i16::from(tag(number)))
}

#[test]
fn answers_after_a_change_of_rate_are_recorded() {
    for sim in [Sim::real(), Sim::stream()] {
        let (mut sim, recording, answering) = recorded(sim);
        send_wide(&mut sim, 9, 0..40);
        answering.is_silent.store(true, SeqCst);
        for n in 40..50 {
            let bytes = packet(9, 96, n as u16, (n * 320) as u32, &[tag(n); PACKET]);
            sim.rtp(Leg::Local, &bytes);
            sim.now_ns += 20 * NS_PER_MS;
        }
        send_narrow(&mut sim, 0..10);
        answering.is_silent.store(false, SeqCst);
        send_narrow(&mut sim, 10..50);
        end(&mut sim);
        assert_complete(&recording, 2000);
        let samples = recording.out.lock().channel(0);
        for n in 0..50 {
            assert!(is_packet(&samples, n, n as u64), "{n}");
        }
    }
}

/// The leg changes its rate again, and returns to the first one, before the answers come.
#[test]
fn answers_belong_to_the_audio_before_the_change() {
    let (mut sim, recording, answering) = recorded(Sim::real());
    answering.is_silent.store(true, SeqCst);
    send_wide(&mut sim, 9, 0..20);
    send_narrow(&mut sim, 0..5);
    send_wide(&mut sim, 10, 0..20);
    send_narrow(&mut sim, 25..30);
    answering.is_silent.store(false, SeqCst);
    send_narrow(&mut sim, 30..50);
    end(&mut sim);
    assert_complete(&recording, 1400);
    let samples = recording.out.lock().channel(0);
    for n in 0..20 {
        assert!(is_packet(&samples, n, n as u64), "{n}");
        assert!(is_packet(&samples, 25 + n, n as u64), "{n}");
    }
}

/// Packet 30 is missing. Packet 31 still waits for it when the leg changes its rate.
#[test]
fn a_packet_that_waits_for_another_is_decoded_before_a_change_of_rate() {
    let sender = Sender::g722(&sine(1000.0, RATE, 40 * PACKET));
    let mut sim = Sim::real();
    sim.attach(Leg::Local, G722);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        rate: RATE,
        ..Default::default()
    });
    sim.visit();
    for n in 0..30 {
        sim.rtp(Leg::Local, &sender.packet(n));
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    sim.now_ns += 20 * NS_PER_MS;
    sim.rtp(Leg::Local, &sender.packet(31));
    sim.now_ns += 20 * NS_PER_MS;
    for n in 32..82 {
        // The numbers and timestamps continue.
        let sequence = 65_530u16.wrapping_add(n as u16);
        let timestamp = 0xffff_f000u32.wrapping_add(n * 160);
        let payload = [tag(n.into()); 160];
        sim.rtp(Leg::Local, &packet(7, 0, sequence, timestamp, &payload));
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    end(&mut sim);
    let ledger = ledger_of(&recording);
    assert_eq!(ledger.dropped_sum(), 0);
    assert_eq!(
        (ledger::ms(ledger.in_file), ledger::ms(ledger.missing)),
        (1620, 20)
    );
    assert_eq!(ledger.in_file, ledger.handed);
    let samples = recording.out.lock().channel(0);
    let is_loud = |n: usize| {
        let part = &samples[n * PACKET..(n + 1) * PACKET];
        part.iter().any(|sample| sample.unsigned_abs() > 4000)
    };
    assert!(is_loud(29) && !is_loud(30) && is_loud(31));
}
