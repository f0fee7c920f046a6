//! Measures what one `rec_feed_rtp` costs the calling thread, in real time and while the disk
//! hangs.
//!
//! `cargo bench --bench feed -- --calls 1000 --seconds 20 --stall 10`. To make the disk hang,
//! `--freeze DIR` uses `fsfreeze` on a separate mount point (needs root), and the feature `faults`
//! uses a hook before each write. Without either, that part is skipped.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/kit.rs"]
mod kit;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use callrec_testkit::process;
use callrec_testkit::speech::{PACKET, Speech};
use callrec_testkit::times::{self, Times};
use callrec_testkit::wait;
use kit::{BenchCall, BenchEngine, PACKET_TIME, PACKETS_PER_S};

fn main() {
    let arguments = Arguments::read();
    let mut speech = Speech::new();
    let overhead = times::clock_overhead();
    println!(
        "load at the beginning: {}; two clock reads: {overhead} ns, subtracted",
        process::load()
    );
    let seconds = arguments.number("seconds", 10);
    for run in 0..arguments.number("runs", 3) {
        measure(
            &arguments,
            &format!("run {run}, quiet disk"),
            seconds,
            Stall::None,
            &mut speech,
            overhead,
        );
    }
    let stall = Duration::from_secs(arguments.number("stall", 10));
    let frozen = arguments.text("freeze", "");
    if stall.is_zero() {
        println!("the disk was not made to hang: --stall 0");
    } else if !frozen.is_empty() {
        measure(
            &arguments,
            "fsfreeze",
            seconds + stall.as_secs(),
            Stall::Freeze(stall),
            &mut speech,
            overhead,
        );
    }
    if cfg!(feature = "faults") && !stall.is_zero() {
        measure(
            &arguments,
            "hook before each write",
            seconds + stall.as_secs(),
            Stall::Hook(stall),
            &mut speech,
            overhead,
        );
    } else if frozen.is_empty() && !stall.is_zero() {
        println!("the disk was not made to hang: use --features faults or --freeze DIR");
    }
    println!("load at the end: {}", process::load());
}

#[derive(Clone, Copy)]
enum Stall {
    None,
    Freeze(Duration),
    Hook(Duration),
}

fn measure(
    arguments: &Arguments,
    what: &str,
    seconds: u64,
    stall: Stall,
    speech: &mut Speech,
    overhead: u64,
) {
    let calls = arguments.number("calls", 1000);
    let freeze = arguments.text("freeze", "");
    let directory = match stall {
        Stall::Freeze(_) => kit::BenchDirectory(
            Path::new(&freeze).join(format!("bench-{}", uuid::Uuid::new_v4())),
            false,
        ),
        _ => kit::directory(arguments),
    };
    let settings = [
        ("media.clock", "real"),
        ("storage.durability", "process"),
        ("storage.digest", "none"),
    ];
    let engine = BenchEngine::open(&directory.0, &settings);
    let lives: Vec<BenchCall> = (0..calls as usize).map(|call| engine.live(call, "wav")).collect();
    while engine.counts.started.load(SeqCst) < calls {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (mut times, mut stalled, mut stall_begun) = (Times::new(), Times::new(), None);
    let stall_ends = match stall {
        Stall::None => Duration::ZERO,
        Stall::Freeze(long) | Stall::Hook(long) => Duration::from_secs(2) + long,
    };
    let mut received = [0; PACKET];
    let (mut thaw, mut backlog, mut round) = (None, 0, Duration::ZERO);
    let begin = Instant::now();
    let before = involuntary();
    for packet in 0..seconds * PACKETS_PER_S {
        wait::sleep_until(begin + PACKET_TIME * packet as u32);
        let since = begin.elapsed();
        if since > Duration::from_secs(2) && stall_begun.is_none() && !matches!(stall, Stall::None) {
            stall_begun = Some(since);
            thaw = Some(stand_still(stall, stall_ends - since, &directory.0, &freeze));
        }
        let still = stall_begun.is_some() && since < stall_ends;
        let into = if still { &mut stalled } else { &mut times };
        let woken = Instant::now();
        for (call, live) in lives.iter().enumerate() {
            for (side, feed) in live.feeds.iter().enumerate() {
                // As in a host that has just received the packet, the packet is in the cache.
                received.copy_from_slice(speech.packet(side, call, packet));
                let begin = Instant::now();
                let status = kit::rtp(*feed, black_box(&received));
                into.note(begin.elapsed().as_nanos() as u64);
                assert_eq!(status, REC_OK, "call {call}, packet {packet}");
            }
        }
        round = round.max(woken.elapsed());
        if still && packet % PACKETS_PER_S == 0 {
            backlog = backlog.max(engine.stats().backlog_bytes);
        }
    }
    let switches = involuntary() - before;
    if let Some(thaw) = thaw {
        thaw.join().expect("the disk continues");
    }
    lives.iter().for_each(BenchCall::end);
    engine.await_ended(calls);
    let stats = engine.stats();
    let counts = engine.close();
    println!("\n{what}: {calls} calls, {seconds} s");
    println!("  {}", times.row(overhead));
    if stalled.count > 0 {
        println!("  while the disk hangs: {}", stalled.row(overhead));
        println!("  backlog at most: {:.1} MB", backlog as f64 / 1e6);
    }
    println!(
        "  longest round of all calls {:.1} ms; the feeder was preempted {switches} times",
        round.as_secs_f64() * 1000.0
    );
    println!(
        "  packets: fed {}, counted {}, lost {}; lost_ms {}, dropped {} bytes, failed {}",
        calls * seconds * PACKETS_PER_S * 2,
        stats.frames_in,
        stats.frames_lost,
        counts.lost_ms.load(SeqCst),
        stats.bytes_dropped,
        counts.failed.load(SeqCst)
    );
}

/// The number of times that this thread was preempted.
fn involuntary() -> u64 {
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) }, 0);
    usage.ru_nivcsw as u64
}

fn stand_still(stall: Stall, long: Duration, directory: &Path, freeze: &str) -> std::thread::JoinHandle<()> {
    let (directory, freeze) = (directory.to_owned(), freeze.to_owned());
    std::thread::spawn(move || match stall {
        Stall::None => {}
        Stall::Freeze(_) => {
            let run = |flag| {
                let status = Command::new("fsfreeze").arg(flag).arg(&freeze).status();
                assert!(
                    status.is_ok_and(|status| status.success()),
                    "fsfreeze {flag} {freeze}"
                );
            };
            run("-f");
            std::thread::sleep(long);
            run("-u");
        }
        Stall::Hook(_) => hook(&directory, long),
    })
}

#[cfg(feature = "faults")]
fn hook(directory: &Path, long: Duration) {
    use callrec::storage::faults::{self, FaultPoint};
    let until = Instant::now() + long;
    faults::set(
        directory,
        std::sync::Arc::new(move |step| {
            if step == FaultPoint::WriteAudio {
                wait::sleep_until(until);
            }
            Ok(())
        }),
    );
    std::thread::sleep(long);
    faults::clear(directory);
}

#[cfg(not(feature = "faults"))]
fn hook(_: &Path, _: Duration) {}
