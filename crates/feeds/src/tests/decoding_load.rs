//! Senders that would keep a media worker busy with decoding.

use super::codecs::*;
use super::*;
use crate::ledger::{self, DropReason};

/// A sender leaves out numbers and sends them late, with packets of 175 ms that overlap: each has a
/// place of one byte. Later, an ordinary sender loses nothing.
#[test]
fn a_flood_of_late_packets_is_decoded_in_part_and_counted() {
    let (mut sim, recording) = call(G722);
    for n in 0..100u32 {
        sim.rtp(Leg::Local, &packet(1, 9, 16 * n as u16, 160 * n, &[1; 80]));
        for late in 1..16 {
            let number = (16 * n as u16).wrapping_sub(late);
            let timestamp = (160 * n).wrapping_sub(70).wrapping_add(late.into());
            sim.rtp(Leg::Local, &packet(1, 9, number, timestamp, &[n as u8; 1400]));
        }
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    sim.pass(20_000);
    let flooded = ledger_of(&recording);
    let excess = ledger::ms(flooded.dropped[DropReason::Overflow as usize]);
    // Most of the others have no place, so they are not decoded either.
    assert!(excess > 90_000, "{excess} of {} ms", ledger::ms(flooded.handed));
    assert_eq!(flooded.accounted(), flooded.handed);
    let sender = Sender::g722(&sine(440.0, 16_000, 3000 * 320));
    send_some(&mut sim, &sender, &(0..3000).collect::<Vec<_>>());
    sim.end();
    sim.pass(500);
    let ledger = ledger_of(&recording);
    assert_eq!(ledger.accounted(), ledger.handed);
    assert_eq!(ledger.dropped_sum(), flooded.dropped_sum());
    assert_eq!(ledger::ms(ledger.in_file - flooded.in_file), 60_000);
}

/// Stream time: a file is read as fast as the worker can.
#[test]
fn a_file_is_decoded_at_any_speed() {
    let (mut sim, recording) = call_in(Sim::stream(), G722);
    let sender = Sender::g722(&sine(440.0, 16_000, 10_000 * 320));
    for n in 0..sender.payloads.len() {
        while sim.rtp(Leg::Local, &sender.packet(n)) != callrec_base::types::Status::Ok {
            sim.visit();
        }
    }
    sim.end();
    sim.pass(500);
    let ledger = ledger_of(&recording);
    assert_eq!((ledger::ms(ledger.in_file), ledger.dropped_sum()), (200_000, 0));
}
