//! CPU time of ending a recording: from `rec_call_end` until its file is published, for each format and
//! length, without the digest.
//!
//! `cargo bench --bench seal`; `-- --seconds 10,3600 --runs 5 --format opus --dir /dev/shm`. The call has two
//! legs in stream time, and the file is stereo at 8000 Hz.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/kit.rs"]
mod kit;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::Cpu;
use callrec_testkit::speech::Speech;
use callrec_testkit::{process, wait};
use kit::BenchEngine;

const FORMATS: [&str; 5] = ["wav", "au", "flac", "opus", "mp3"];
/// Longer than audio waits in memory before it is written.
const FLUSHED: Duration = Duration::from_millis(1500);
/// The CPU time that an idle engine needs in that time, at most.
const IDLE: Duration = Duration::from_millis(10);

fn main() {
    let arguments = Arguments::read();
    let (runs, lengths) = (
        arguments.number("runs", 3),
        arguments.numbers("seconds", "10,600"),
    );
    let mut speech = Speech::new();
    println!("load at the beginning: {}", process::load());
    for format in FORMATS
        .into_iter()
        .filter(|name| arguments.includes("format", name))
    {
        for seconds in &lengths {
            let mut times: Vec<Duration> = (0..runs)
                .map(|_| end(&arguments, &mut speech, format, *seconds))
                .collect();
            times.sort();
            println!(
                "{format}, {seconds} s: CPU {:.1} ms at most, {:.1} ms at least",
                times[times.len() - 1].as_secs_f64() * 1e3,
                times[0].as_secs_f64() * 1e3,
            );
        }
    }
    println!("load at the end: {}", process::load());
}

/// Records a call of this length. Returns the CPU time of this process from its end until its file is
/// published.
fn end(arguments: &Arguments, speech: &mut Speech, format: &str, seconds: u64) -> Duration {
    let directory = kit::directory(arguments);
    let settings = [("media.clock", "stream"), ("storage.digest", "none")];
    let engine = BenchEngine::open(&directory.0, &settings);
    let call = engine.live(0, format);
    for packet in 0..seconds * kit::PACKETS_PER_S {
        for (side, feed) in call.feeds.iter().enumerate() {
            let bytes = speech.packet(side, 0, packet);
            let mut status = kit::rtp(*feed, bytes);
            while status == REC_ERR_OVERRUN {
                unsafe { rec_feed_wait(*feed, 60_000) };
                status = kit::rtp(*feed, bytes);
            }
            assert_eq!(status, REC_OK);
        }
    }
    await_idle();
    let before = Cpu::now();
    call.end();
    engine.await_ended(1);
    let used = Cpu::now().since(before).all();
    let counts = engine.close();
    let found = (
        counts.finished.load(SeqCst),
        counts.duration_ms.load(SeqCst),
        counts.lost_ms.load(SeqCst),
    );
    assert_eq!(found, (1, seconds * 1000, 0), "{format}");
    used
}

/// Waits until everything that was fed is encoded and written: in stream time, the encoders lag behind.
fn await_idle() {
    loop {
        let before = Cpu::now();
        wait::sleep_until(Instant::now() + FLUSHED);
        if Cpu::now().since(before).all() < IDLE {
            return;
        }
    }
}
