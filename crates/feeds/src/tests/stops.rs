//! The end of a recording while packets that belong to it are not decoded yet.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::codecs::{G722, Sender, ledger_of, sine};
use super::external::{Answering, external_of};
use super::*;
use crate::ledger::{self, DropReason, OutsideReason};
use crate::sim::{RecordingOptions, SinkEnd};
use callrec_base::types::Layout;

fn options(max_duration_ms: u32) -> RecordingOptions {
    RecordingOptions {
        layout: Layout::Local,
        max_duration_ms,
        ..Default::default()
    }
}

fn external(n: u64) -> Vec<u8> {
    packet(9, 96, n as u16, (n * 160) as u32, &[tag(n); 160])
}

fn external_leg() -> (Sim, Arc<Answering>) {
    let answering = Arc::<Answering>::default();
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    sim.payload(Leg::Local, 96, external_of(&answering, 1, 8000));
    (sim, answering)
}

/// Feeds packets, one every 20 ms, with a visit after each.
fn send_packets(sim: &mut Sim, packets: impl IntoIterator<Item = Option<Vec<u8>>>) {
    for bytes in packets {
        if let Some(bytes) = bytes {
            sim.rtp(Leg::Local, &bytes);
        }
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
}

/// Packet 20 is missing. Packet 21 waits for it when one of two recordings is stopped.
fn stop_one_of_two(sim: &mut Sim, bytes: &dyn Fn(u64) -> Vec<u8>) -> SimRecording {
    let recording = sim.start(options(0));
    let other = sim.start(options(0));
    sim.visit();
    send_packets(sim, (0..21).map(|n| (n != 20).then(|| bytes(n))));
    sim.rtp(Leg::Local, &bytes(21));
    sim.now_ns += 5 * NS_PER_MS;
    sim.stop(&recording);
    sim.visit();
    send_packets(sim, (22..40).map(|n| Some(bytes(n))));
    assert!(recording.out.lock().ending.is_some());
    sim.end();
    sim.pass(500);
    let ledger = ledger_of(&other);
    assert_eq!(
        (ledger::ms(ledger.in_file), ledger::ms(ledger.missing)),
        (780, 20)
    );
    recording
}

fn assert_complete(recording: &SimRecording) {
    let ledger = ledger_of(recording);
    assert_eq!(ledger.handed, ledger.accounted());
    assert_eq!((ledger.in_file, ledger.dropped_sum()), (ledger.handed, 0));
    assert_eq!(
        (ledger::ms(ledger.in_file), ledger::ms(ledger.missing)),
        (420, 20)
    );
}

#[test]
fn the_stop_of_one_recording_loses_no_packet_that_waits_for_another() {
    let sender = Sender::g722(&sine(1000.0, 16_000, 40 * 320));
    let mut sim = Sim::real();
    sim.attach(Leg::Local, G722);
    let recording = stop_one_of_two(&mut sim, &|n| sender.packet(n as usize));
    assert_complete(&recording);
    let samples = recording.out.lock().channel(0);
    let last = &samples[21 * 320..22 * 320];
    assert!(last.iter().any(|sample| sample.unsigned_abs() > 4000));
}

#[test]
fn the_stop_of_one_recording_waits_for_packets_that_are_not_queued_yet() {
    let (mut sim, _) = external_leg();
    let recording = stop_one_of_two(&mut sim, &external);
    assert_complete(&recording);
    let samples = recording.out.lock().channel(0);
    assert!(samples[21 * 160..22 * 160].iter().all(|sample| *sample != 0));
}

/// Nothing waits for a decoder at the maximum duration, but every packet is counted.
#[test]
fn packets_that_are_not_decoded_at_the_maximum_duration_are_counted() {
    let (mut sim, answering) = external_leg();
    let recording = sim.start(options(1000));
    sim.visit();
    send_packets(&mut sim, (0..40).map(|n| Some(external(n))));
    sim.visit();
    answering.is_silent.store(true, SeqCst);
    let mut packets = 40;
    while recording.out.lock().ending.is_none() && packets < 200 {
        send_packets(&mut sim, [Some(external(packets))]);
        packets += 1;
    }
    let ended = recording.out.lock().ending.clone();
    assert!(matches!(ended, Some(SinkEnd::Finished(..))), "{ended:?}");
    let ledger = ledger_of(&recording);
    assert_eq!(ledger.handed, ledger.accounted());
    let lost = ledger.dropped[DropReason::DecoderTimeout as usize];
    assert_eq!((ledger::ms(ledger.in_file), ledger::ms(lost)), (800, 200));
    let after = ledger.outside[OutsideReason::AfterStop as usize];
    assert_eq!(ledger.handed, ledger.in_file + lost + after);
}
