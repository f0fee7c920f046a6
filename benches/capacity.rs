//! Measures how many calls can be recorded at once in real time without losing a packet.
//!
//! `cargo bench --bench capacity -- --calls 1000,3000,5000 --seconds 60 --format wav`. 1,000 calls
//! begin per second, evenly over the milliseconds, and each then sends a packet every 20 ms.
//! `--codec g722` or `opus` (24 kbit/s, voice) instead of µ-law, for `--format wav`; `--rate 16000` sets
//! the rate of the file, which is otherwise the codec's; `--workers 2` sets the media workers.
//! `--defaults 1` syncs and hashes. Memory is the growth of RSS since the engine was opened,
//! divided by the number of calls. Only the first of several counts is measured in a fresh process.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "capacity/coded_speech.rs"]
mod coded_speech;
#[path = "kit/kit.rs"]
mod kit;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::{self, Cpu};
use callrec_testkit::process;
use callrec_testkit::wait;
use coded_speech::CodedSpeech;
use kit::{BenchCall, BenchEngine};

const SLOT: Duration = Duration::from_millis(1);
const SLOTS: u64 = 20;

fn main() {
    let arguments = Arguments::read();
    let mut speech = CodedSpeech::new(&arguments.text("codec", "pcmu"));
    println!("load at the beginning: {}", process::load());
    for calls in arguments.numbers("calls", "1000") {
        measure(&arguments, calls, &mut speech);
    }
    println!("load at the end: {}", process::load());
}

fn measure(arguments: &Arguments, calls: u64, speech: &mut CodedSpeech) {
    let (seconds, format) = (
        arguments.number("seconds", 10),
        arguments.text("format", "wav-ulaw"),
    );
    let directory = kit::directory(arguments);
    let lean: &[(&str, &str)] = &[("storage.durability", "process"), ("storage.digest", "none")];
    let clock: &[(&str, &str)] = &[("media.clock", "real")];
    let defaults: &[(&str, &str)] = &[("storage.durability", "finish")];
    let chosen = match arguments.number("defaults", 0) {
        0 => lean,
        _ => defaults,
    };
    let rate = arguments.number("rate", 0).to_string();
    let workers = arguments.number("workers", 0).to_string();
    let media: &[(&str, &str)] = &[("recording.sample_rate", &rate), ("media.workers", &workers)];
    let engine = BenchEngine::open(&directory.0, &[clock, chosen, media].concat());
    let empty_kib = process::resident_kib();
    // Each live call, and the number of packets that each of its legs has sent.
    let mut lives: Vec<(BenchCall, u64)> = Vec::with_capacity(calls as usize);
    let (mut accepted, mut refused, mut rounds_late) = (0u64, 0u64, 0u64);
    let (mut latest, mut lag_us, mut backlog) = (Duration::ZERO, 0, 0);
    let begin = Instant::now();
    let cpu_begin = Cpu::now();
    let mut cpu_full = None;
    let (mut full_kib, mut full_at) = (0, Instant::now());
    let slots = (calls / 1000 + seconds) * 1000;
    for slot in 0..slots {
        let late = wait::sleep_until(begin + SLOT * slot as u32);
        latest = latest.max(late);
        rounds_late += u64::from(late > SLOT * SLOTS as u32);
        if (lives.len() as u64) < calls {
            let live = engine.live(lives.len(), &format);
            live.feeds.iter().for_each(|feed| speech.declare(*feed));
            lives.push((live, 0));
        } else if cpu_full.is_none() {
            cpu_full = Some(Cpu::now());
            full_at = Instant::now();
        }
        for call in ((slot % SLOTS) as usize..lives.len()).step_by(SLOTS as usize) {
            let (live, sent) = &mut lives[call];
            for (side, feed) in live.feeds.iter().enumerate() {
                match kit::rtp(*feed, speech.packet(side, call, *sent)) {
                    REC_OK => accepted += 1,
                    _ => refused += 1,
                }
            }
            *sent += 1;
        }
        if slot % 500 == 499 && cpu_full.is_some() {
            let stats = engine.stats();
            lag_us = lag_us.max(stats.worker_lag_us);
            backlog = backlog.max(stats.backlog_bytes);
            full_kib = full_kib.max(process::resident_kib());
        }
    }
    let busy = Cpu::now().since(cpu_full.unwrap_or(cpu_begin));
    let wall = full_at.elapsed();
    let threads = cpu::threads(Duration::ZERO);
    lives.iter().for_each(|(live, _)| live.end());
    engine.await_ended(calls);
    let stats = engine.stats();
    let counts = engine.close();
    let (failed, lost_ms) = (counts.failed.load(SeqCst), counts.lost_ms.load(SeqCst));
    let accounted = stats.frames_in == accepted && stats.frames_lost == 0 && refused == 0;
    let whole = accounted && lost_ms == 0 && failed == 0 && stats.bytes_dropped == 0;
    println!(
        "\n{calls} calls, {}, {format}, {seconds} s with all of them live: {}",
        speech.codec(),
        if whole {
            "every packet is in its file"
        } else {
            "PACKETS ARE MISSING"
        }
    );
    println!(
        "  packets: accepted {accepted}, counted {}, refused {refused}, lost {}; lost_ms {lost_ms}; dropped {} bytes; failed {failed}",
        stats.frames_in, stats.frames_lost, stats.bytes_dropped
    );
    println!(
        "  CPU while all live: {:.2} s in {:.2} s = {:.2} cores, {:.1} us a call-second (feeder included)",
        busy.all().as_secs_f64(),
        wall.as_secs_f64(),
        busy.all().as_secs_f64() / wall.as_secs_f64(),
        busy.all().as_secs_f64() * 1e6 / (calls as f64 * wall.as_secs_f64())
    );
    println!(
        "  worker lag at most {:.1} ms, backlog at most {:.1} MB; the feeder itself was late {:.1} ms at most, {rounds_late} times over 20 ms",
        lag_us as f64 / 1000.0,
        backlog as f64 / 1e6,
        latest.as_secs_f64() * 1000.0
    );
    let grown = full_kib.saturating_sub(empty_kib) as f64;
    println!("  memory: {:.1} KiB a live call", grown / calls as f64);
    println!("  CPU-s of the threads: {threads}");
}
