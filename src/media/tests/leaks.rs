//! What was said in a pause and looks as if it were not: nothing of it is in the file.

use super::*;
use crate::media::ledger::{DropReason, Outside, ticks};
use crate::media::sim::Wish;
use crate::words::{FeedOptions, Format, Layout, Status};

const MS: u64 = NS_PER_MS;
const OPEN: u8 = 0x20;
const SECRET: u8 = 0x01;
const LOUD: i16 = 30_000;

fn say(sim: &mut Sim, n: u64, ssrc: u32, byte: u8) {
    let bytes = packet(ssrc, 0, n as u16, n as u32 * 160, &[byte; 160]);
    sim.rtp(Leg::Local, &bytes);
}

/// A queue that grows by 1 % of the time looks like a slow clock, and after 40 s holds
/// 400 ms. Two recordings: of one that is not paused, nothing is lost.
#[test]
fn a_growing_queue_carries_nothing_across_a_resume() {
    let (mut sim, paused) = one_leg();
    let on = sim.start(Wish {
        layout: Layout::Local,
        format: Format::WavUlaw,
        ..Wish::default()
    });
    let begin = sim.now_ns;
    let (pause_ns, resume_ns) = (begin + 40_000 * MS, begin + 42_000 * MS);
    let mut state = 0;
    for n in 0..2500u64 {
        let said = begin + n * 20 * MS;
        let comes = begin + n * 20_200_000;
        let points = [(pause_ns, 0), (resume_ns, 1)];
        for (at_ns, number) in points {
            if comes >= at_ns && state == number {
                sim.now_ns = at_ns;
                state += 1;
                match number {
                    0 => sim.pause(&paused),
                    _ => sim.resume(&paused),
                }
                sim.visit();
            }
        }
        sim.now_ns = comes;
        let secret = (pause_ns..resume_ns).contains(&said);
        say(&mut sim, n, 7, if secret { SECRET } else { OPEN });
        if n % 5 == 0 {
            sim.visit();
        }
    }
    sim.pass(500);
    sim.end();
    sim.visit();
    let secrets = |tape: &Tape| tape.out.lock().bytes.iter().filter(|b| **b == SECRET).count();
    assert!(secrets(&on) > 15_000, "{} samples", secrets(&on));
    // What a clock may be slow by, and no more.
    assert!(
        secrets(&paused) <= 110 * 8,
        "{} samples of the pause",
        secrets(&paused)
    );
    assert_eq!(on.progress.lost_ms(), 0);
}

/// Eight streams later, nobody knows the first one's numbers any more.
#[test]
fn stragglers_of_a_forgotten_stream_are_not_a_new_one() {
    let (mut sim, tape) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.pause(&tape);
    for ssrc in 10..20u32 {
        for n in 0..5 {
            say(&mut sim, n, ssrc, SECRET);
            sim.now_ns += 20 * MS;
        }
        sim.visit();
    }
    sim.resume(&tape);
    // Of the first one in the pause, and then of the last one.
    for n in 5..8 {
        say(&mut sim, n, 10, SECRET);
    }
    sim.pass(1000);
    for n in 0..400 {
        say(&mut sim, n, 30, OPEN);
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.stop(&tape);
    sim.visit();
    let out = tape.out.lock();
    let after = &out.bytes[50 * 160..];
    assert!(!after.contains(&SECRET), "stragglers of the pause");
    let kept = after.iter().filter(|byte| **byte == OPEN).count();
    assert_eq!(kept, 400 * 160, "a new sender loses nothing");
}

/// It was said while nothing was recorded, or it was not: nobody knows to a few
/// milliseconds. It is no loss that nobody tells.
#[test]
fn a_packet_across_the_resume_is_told_in_part() {
    let (mut sim, tape) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.pause(&tape);
    send(&mut sim, 50, 75, &[]);
    sim.now_ns += 3 * MS;
    sim.resume(&tape);
    send(&mut sim, 75, 100, &[]);
    sim.stop(&tape);
    sim.visit();
    let ledger = tape.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    assert_eq!(local.dropped[DropReason::PauseUnclear as usize], ticks(24, 8000));
    assert_eq!(local.outside[Outside::Paused as usize], ticks(25 * 160, 8000));
    assert_eq!(local.in_file, ticks(75 * 160 - 24, 8000));
    assert_eq!(tape.progress.lost_ms(), 3);
}

/// A filter looks ahead; what was written ahead of a pause has not been said.
#[test]
fn no_filter_looks_into_a_pause() {
    let mut sim = Sim::real();
    let ahead = FeedOptions {
        ahead_ms: 10_000,
        ..FeedOptions::from(WIDE)
    };
    sim.attach(Leg::Local, ahead);
    let paused = sim.start(Wish {
        layout: Layout::Local,
        rate: 8000,
        ..Wish::default()
    });
    let on = sim.start(Wish {
        layout: Layout::Local,
        rate: 8000,
        ..Wish::default()
    });
    for n in 0..100 {
        let sample = if n < 50 { 0 } else { LOUD };
        let status = sim.write(Leg::Local, &sample.to_ne_bytes().repeat(320));
        assert_eq!(status, Status::Ok);
    }
    sim.pass(1000);
    sim.pause(&paused);
    sim.pass(2000);
    sim.end();
    sim.visit();
    let heard = |tape: &Tape| tape.out.lock().channel(0).iter().filter(|s| **s != 0).count();
    assert!(heard(&on) > 7900);
    assert_eq!(heard(&paused), 0, "a filter's echo of the pause");
}

/// A sender that has changed its clock rate: what it had said before, and in a pause, comes
/// late.
#[test]
fn stragglers_at_another_clock_rate_carry_nothing_across_a_resume() {
    for stragglers in 0..4 {
        let (mut sim, tape) = one_leg();
        sim.payload(Leg::Local, 97, WIDE);
        send(&mut sim, 0, 50, &[]);
        sim.pause(&tape);
        let wide = |n: u64, byte: u8| {
            let (seq, ts) = (n as u16, (n * 320) as u32);
            packet(7, 97, seq, ts, &[byte; 640])
        };
        // In the pause, three packets at the old rate are held back, and the rest is wide.
        for n in 53..100 {
            sim.rtp(Leg::Local, &wide(n, SECRET));
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        sim.resume(&tape);
        for n in 0..20 {
            sim.rtp(Leg::Local, &wide(100 + n, 0x11));
            if n < stragglers {
                say(&mut sim, 50 + n, 7, SECRET);
            }
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        sim.pass(500);
        sim.stop(&tape);
        sim.visit();
        let out = tape.out.lock();
        let after = &out.bytes[50 * 160..];
        assert!(!after.contains(&SECRET), "{stragglers} stragglers");
        let ledger = tape.progress.ledger();
        let local = ledger.leg(Leg::Local);
        assert_eq!(local.accounted(), local.handed, "{stragglers} stragglers");
        assert_eq!(local.in_file, ticks(70 * 160, 8000), "each costs itself at most");
    }
}
