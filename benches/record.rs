//! Measures the CPU time of a process that records G.711 calls to WAV files, and compares it with
//! the floor: a minimal program that does the same without callrec.
//!
//! `cargo bench --bench record -- --calls 1000 --seconds 60 --paced-seconds 60 --paced-runs 3`.
//! Other options: `--runs`, `--mode fast,paced`, `--feeder sleep|wait`, `--format wav,wav-ulaw`,
//! `--kind floor,process,defaults`, `--dir`.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/kit.rs"]
mod kit;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::{self, Cpu};
use callrec_testkit::process;
use callrec_testkit::speech::{SAMPLES, Speech};
use callrec_testkit::times;
use callrec_testkit::wait;
use kit::{BenchCall, BenchEngine, PACKET_TIME, PACKETS_PER_S};

/// The format of a run's recordings, and the way in which it feeds.
#[derive(Clone, Copy)]
struct Workload<'a> {
    calls: u64,
    seconds: u64,
    paced: bool,
    format: &'a str,
    /// In fast mode: only waits for free space in one ring, without a sleep after that.
    eager: bool,
}

/// The CPU time of one run.
struct CpuUsed {
    all: Cpu,
    opening: Cpu,
    closing: Cpu,
    /// The longest time in which a paced feeder fed the packets of one 20 ms tick.
    round: Duration,
    note: String,
}

type KeyValues = &'static [(&'static str, &'static str)];

const LEAN: KeyValues = &[("storage.durability", "process"), ("storage.digest", "none")];
const DEFAULTS: KeyValues = &[("storage.durability", "finish"), ("storage.digest", "sha256")];

fn main() {
    let arguments = Arguments::read();
    let mut speech = Speech::new();
    println!("load at the beginning: {}", process::load());
    for (mode, seconds, runs) in [
        (
            "fast",
            arguments.number("seconds", 20),
            arguments.number("runs", 3),
        ),
        (
            "paced",
            arguments.number("paced-seconds", 10),
            arguments.number("paced-runs", 1),
        ),
    ] {
        for format in ["wav", "wav-ulaw"] {
            if arguments.includes("mode", mode) && arguments.includes("format", format) {
                let workload = Workload {
                    calls: arguments.number("calls", 1000),
                    seconds,
                    paced: mode == "paced",
                    format,
                    eager: arguments.text("feeder", "sleep") == "wait",
                };
                table(&arguments, workload, runs, &mut speech);
            }
        }
    }
    println!("load at the end: {}", process::load());
}

fn table(arguments: &Arguments, workload: Workload<'_>, runs: u64, speech: &mut Speech) {
    println!(
        "\n{}, {}: {} calls of {} s, {runs} runs; CPU of the process, opening and closing included",
        if workload.paced { "paced" } else { "fast" },
        workload.format,
        workload.calls,
        workload.seconds
    );
    println!("{:<28} {:>22} {:>10}", "", "us per call-s", "calls/core");
    let mut floors = Vec::new();
    let kinds: [(&str, &str, Option<KeyValues>); 3] = [
        ("floor", "floor, blocks of 1 s", None),
        ("process", "callrec, process, none", Some(LEAN)),
        ("defaults", "callrec, finish, sha256", Some(DEFAULTS)),
    ];
    let mut rows: [Vec<f64>; 3] = Default::default();
    let mut notes: [Vec<String>; 3] = Default::default();
    // The kinds take turns, so that changes in the machine's load affect all of them.
    for _ in 0..runs {
        for (row, (kind, _, settings)) in kinds.iter().enumerate() {
            if !arguments.includes("kind", kind) {
                continue;
            }
            let directory = kit::directory(arguments);
            let used = match settings {
                None => floor(&directory.0, workload, speech),
                Some(settings) => callrec(&directory.0, workload, settings, speech),
            };
            let us = |cpu: Duration| kit::us_per_call_second(cpu, workload.calls, workload.seconds);
            rows[row].push(us(used.all.all()));
            notes[row].push(format!(
                "{:.1} = {:.1} user + {:.1} kernel, of it opening {:.1}, closing {:.1}; longest round {:.1} ms{}",
                us(used.all.all()),
                us(used.all.user),
                us(used.all.kernel),
                us(used.opening.all()),
                us(used.closing.all()),
                used.round.as_secs_f64() * 1000.0,
                used.note
            ));
        }
    }
    floors.extend(&rows[0]);
    for (row, (_, name, _)) in kinds.iter().enumerate() {
        if rows[row].is_empty() {
            continue;
        }
        println!(
            "{name:<28} {:>22} {:>10.0}",
            times::spread(&rows[row], 1),
            1e6 / times::median(rows[row].clone())
        );
        if row > 0 && !floors.is_empty() {
            let ratio = times::median(rows[row].clone()) / times::median(floors.clone());
            println!("{:<28} {ratio:>22.2} x the floor", "");
        }
        notes[row].iter().for_each(|note| println!("    {note}"));
    }
}

/// The floor: decodes by table, interleaves, and writes a block per second, without any checks.
fn floor(directory: &Path, workload: Workload<'_>, speech: &Speech) -> CpuUsed {
    let linear: Vec<i16> = (0..=255u8).map(linear).collect();
    let linear: [i16; 256] = linear.try_into().expect("256 values");
    let pcm = workload.format == "wav";
    let frame_bytes = if pcm { 4 } else { 2 };
    let block = SAMPLES * PACKETS_PER_S as usize * frame_bytes;
    let before = Cpu::now();
    let mut files: Vec<(File, Vec<u8>)> = (0..workload.calls)
        .map(|call| {
            let mut file = File::create(directory.join(format!("{call}.wav"))).unwrap();
            file.write_all(&[0; 44]).unwrap();
            (file, Vec::with_capacity(block))
        })
        .collect();
    let opening = Cpu::now().since(before);
    let mut round = Duration::ZERO;
    let begin = Instant::now();
    for packet in 0..workload.seconds * PACKETS_PER_S {
        if workload.paced {
            wait::sleep_until(begin + PACKET_TIME * packet as u32);
        }
        let woken = Instant::now();
        for (call, (file, out)) in files.iter_mut().enumerate() {
            let left = speech.payload(0, call, packet);
            let right = speech.payload(1, call, packet);
            let from = out.len();
            out.resize(from + SAMPLES * frame_bytes, 0);
            let place = &mut out[from..];
            if pcm {
                for ((place, l), r) in place.chunks_exact_mut(4).zip(left).zip(right) {
                    let l = u32::from(linear[*l as usize] as u16);
                    let r = u32::from(linear[*r as usize] as u16);
                    place.copy_from_slice(&(l | r << 16).to_le_bytes());
                }
            } else {
                for ((place, l), r) in place.chunks_exact_mut(2).zip(left).zip(right) {
                    place.copy_from_slice(&[*l, *r]);
                }
            }
            if out.len() == block {
                file.write_all(out).unwrap();
                out.clear();
            }
        }
        round = round.max(woken.elapsed());
    }
    let before_closing = Cpu::now();
    drop(files);
    let after = Cpu::now();
    CpuUsed {
        all: after.since(before),
        opening,
        closing: after.since(before_closing),
        round,
        note: String::new(),
    }
}

/// Decodes a byte of G.711 mu-law.
fn linear(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i16::from(byte & 15) << 3) + 0x84) << ((byte >> 4) & 7);
    if byte & 0x80 != 0 {
        0x84 - magnitude
    } else {
        magnitude - 0x84
    }
}

fn callrec(
    directory: &Path,
    workload: Workload<'_>,
    settings: &[(&str, &str)],
    speech: &mut Speech,
) -> CpuUsed {
    let clock = ("media.clock", if workload.paced { "real" } else { "stream" });
    let settings = [settings, &[clock]].concat();
    let (before, caller) = (Cpu::now(), cpu::thread_cpu());
    let engine = BenchEngine::open(directory, &settings);
    let lives: Vec<BenchCall> = (0..workload.calls as usize)
        .map(|call| engine.live(call, workload.format))
        .collect();
    while engine.counts.started.load(std::sync::atomic::Ordering::SeqCst) < workload.calls {
        std::thread::sleep(Duration::from_millis(1));
    }
    let opening = Cpu::now().since(before);
    let packets = workload.seconds * PACKETS_PER_S;
    let round = match workload.paced {
        true => feed_paced(&lives, packets, speech),
        false => feed_fast(&lives, packets, workload.eager, speech),
    };
    let before_closing = Cpu::now();
    lives.iter().for_each(BenchCall::end);
    engine.await_ended(workload.calls);
    let stats = engine.stats();
    let threads = cpu::threads(caller);
    let counts = engine.close();
    let closing = Cpu::now().since(before_closing);
    let expected = workload.calls * packets * 2;
    assert_eq!(
        (stats.frames_in, stats.frames_lost),
        (expected, 0),
        "every packet is in its file"
    );
    assert_eq!(counts.lost_ms.load(std::sync::atomic::Ordering::SeqCst), 0);
    CpuUsed {
        all: Cpu::now().since(before),
        opening,
        closing,
        round,
        note: format!("; CPU-s of the threads: {threads}"),
    }
}

fn feed_paced(lives: &[BenchCall], packets: u64, speech: &mut Speech) -> Duration {
    let begin = Instant::now();
    let mut longest = Duration::ZERO;
    for packet in 0..packets {
        wait::sleep_until(begin + PACKET_TIME * packet as u32);
        let woken = Instant::now();
        for (call, live) in lives.iter().enumerate() {
            for (side, feed) in live.feeds.iter().enumerate() {
                let status = kit::rtp(*feed, speech.packet(side, call, packet));
                assert_eq!(status, REC_OK, "call {call}, packet {packet}");
            }
        }
        longest = longest.max(woken.elapsed());
    }
    longest
}

/// Feeds each call until its ring is full. When nearly all rings are full, waits for free space in
/// one, and then sleeps until the workers have visited the others as well.
fn feed_fast(lives: &[BenchCall], packets: u64, eager: bool, speech: &mut Speech) -> Duration {
    // The next packet of each leg.
    let mut next = vec![[0u64; 2]; lives.len()];
    loop {
        let (mut taken, mut refused) = (0u64, None);
        for (call, live) in lives.iter().enumerate() {
            for (side, feed) in live.feeds.iter().enumerate() {
                let next = &mut next[call][side];
                while *next < packets {
                    match kit::rtp(*feed, speech.packet(side, call, *next)) {
                        REC_OK => {
                            *next += 1;
                            taken += 1;
                        }
                        REC_ERR_OVERRUN => {
                            refused = Some(*feed);
                            break;
                        }
                        other => panic!("status {other}"),
                    }
                }
            }
        }
        match refused {
            None => return Duration::ZERO,
            // The workers may have drained many rings meanwhile.
            Some(_) if taken > lives.len() as u64 * 40 => {}
            Some(feed) => {
                assert_eq!(unsafe { rec_feed_wait(feed, 60_000) }, REC_OK);
                if !eager {
                    std::thread::sleep(Duration::from_millis(8));
                }
            }
        }
    }
}
