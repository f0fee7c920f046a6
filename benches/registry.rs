//! Measures starts, stops and lists while many recordings are live, and whole recordings from the
//! start to the published file.
//!
//! `cargo bench --bench registry -- --live 1000,10000,100000 --starts 20000 --dir /dev/shm`, and
//! `-- --part publish --seconds 20 --dir DIR`. The live recordings are paused with pause mode
//! skip, so that they write nothing after their files' headers. For each function, the bench prints
//! the CPU time of the calling thread without the calls that were preempted, the wall-clock time,
//! and how many of the calls had a page fault, waited or were preempted.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/kit.rs"]
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::{self, Cpu, thread_cpu};
use callrec_testkit::process;
use callrec_testkit::speech::Speech;
use callrec_testkit::times::{self, Times};
use callrec_testkit::wait;
use kit::BenchEngine;
use kit::support::{self, CText, CallFields, checked};
use nix::sys::resource::{UsageWho, getrusage};

fn main() {
    let arguments = Arguments::read();
    println!("load at the beginning: {}", process::load());
    if arguments.includes("part", "control") {
        for live in arguments.numbers("live", "1000,10000") {
            control(&arguments, live);
        }
    }
    if arguments.includes("part", "publish") {
        for durability in ["process", "finish", "power"] {
            publish(&arguments, durability);
        }
    }
    println!("load at the end: {}", process::load());
}

fn begin(engine: &BenchEngine, number: u64) -> (rec_call, String) {
    begin_with(number, |info| engine.begin(info))
}

fn begin_with(number: u64, begin: impl FnOnce(&CallFields) -> rec_call) -> (rec_call, String) {
    let name = format!("call-{number}");
    let call = begin(&CallFields {
        call_id: Some(&name),
        device: Some(&format!("SEP{number:012}")),
        number: Some(&format!("{number}")),
        user: Some(&format!("user{number}")),
        first: Some("Gianluca"),
        last: Some("Rossi"),
        phone: Some("+390584943232"),
        ..CallFields::default()
    });
    (call, name)
}

/// The recordings to list: all, or those that match one field.
#[derive(Clone, Copy)]
enum ListKey<'a> {
    All,
    Device(&'a str),
    Number(&'a str),
    User(&'a str),
    CallId(&'a str),
}

/// The number of recordings, and the wall-clock and CPU time to list them, to create the JSON and
/// to free both.
struct ListTimes {
    count: usize,
    wall: [Duration; 3],
    cpu: [Duration; 3],
}

fn list(engine: rec_engine, by: ListKey<'_>, json: bool) -> ListTimes {
    let mut filter: rec_filter = support::init();
    let text = CText::from(match by {
        ListKey::All => None,
        ListKey::Device(text) | ListKey::Number(text) | ListKey::User(text) | ListKey::CallId(text) => {
            Some(text)
        }
    });
    match by {
        ListKey::All => {}
        ListKey::Device(_) => filter.device_name = text.ptr(),
        ListKey::Number(_) => filter.directory_number = text.ptr(),
        ListKey::User(_) => filter.username = text.ptr(),
        ListKey::CallId(_) => filter.call_id = text.ptr(),
    }
    let (mut snapshot, mut error) = (std::ptr::null_mut(), support::init::<rec_error>());
    let cpu = thread_cpu();
    let begin = Instant::now();
    let status = unsafe { rec_list(engine, std::ptr::null(), &filter, &mut snapshot, &mut error) };
    let at = [begin.elapsed(), thread_cpu() - cpu];
    assert_eq!(status, REC_OK);
    let count = unsafe { rec_snapshot_count(snapshot) };
    if json {
        std::hint::black_box(unsafe { rec_snapshot_json(snapshot) });
    }
    let with_json = [begin.elapsed(), thread_cpu() - cpu];
    unsafe { rec_snapshot_free(snapshot) };
    let freed = [begin.elapsed(), thread_cpu() - cpu];
    let parts = |n: usize| [at[n], with_json[n] - at[n], freed[n] - with_json[n]];
    ListTimes {
        count,
        wall: parts(0),
        cpu: parts(1),
    }
}

fn control(arguments: &Arguments, live: u64) {
    let directory = kit::directory(arguments);
    let engine = BenchEngine::open(&directory.0, &kit::MANY_CALLS);
    let empty_kib = process::resident_kib();
    let cpu = Cpu::now();
    let mut calls: Vec<rec_call> = Vec::new();
    for number in 0..live {
        let (call, name) = begin(&engine, number);
        engine.start_pausing(&name, "wav", REC_PAUSE_SKIP);
        let name = CText::from(name.as_str());
        checked(|e| unsafe {
            let none = std::ptr::null_mut();
            rec_pause_by_call(engine.handle, std::ptr::null(), name.ptr(), none, e)
        })
        .unwrap();
        calls.push(call);
    }
    while engine.counts.paused.load(SeqCst) < live {
        std::thread::sleep(Duration::from_millis(5));
    }
    let used = Cpu::now().since(cpu).all();
    let kib = process::resident_kib().saturating_sub(empty_kib) as f64;
    println!(
        "\n{live} live (each begun, started, its file made, paused: {:.0} us of CPU; {:.1} KiB without feeds); load {}",
        used.as_secs_f64() * 1e6 / live as f64,
        kib / live as f64,
        process::load()
    );
    let overhead = [times::clock_overhead(), times::cpu_clock_overhead()];
    let starts = arguments.number("starts", 5000);
    starts_and_stops(&engine, "no lists meanwhile", live, starts, overhead);
    let stop = Arc::new(AtomicBool::new(false));
    let lists = Arc::new(AtomicU64::new(0));
    let lister = {
        let (stop, lists, handle) = (stop.clone(), lists.clone(), engine.handle);
        std::thread::spawn(move || {
            while !stop.load(SeqCst) {
                list(handle, ListKey::All, false);
                lists.fetch_add(1, SeqCst);
            }
        })
    };
    starts_and_stops(
        &engine,
        "another thread lists all in a loop",
        live,
        starts,
        overhead,
    );
    stop.store(true, SeqCst);
    lister.join().expect("the lister ends");
    println!("  meanwhile {} full lists", lists.load(SeqCst));
    lists_by_key(&engine, live, overhead);
    full_lists(&engine, live);
    let cpu = Cpu::now();
    for call in calls {
        support::end(call).unwrap();
    }
    engine.await_ended(live);
    println!(
        "  ended and published: {:.0} us of CPU each",
        Cpu::now().since(cpu).all().as_secs_f64() * 1e6 / live as f64
    );
    engine.close();
}

/// Begins 2,000 calls a second on a schedule, with two feeds and a recording each, and stops and
/// ends each 10 ms later.
fn starts_and_stops(engine: &BenchEngine, what: &str, live: u64, count: u64, overhead: [u64; 2]) {
    const IN_FLIGHT: usize = 20;
    let [mut begins, mut feeds, mut starts, mut stops, mut ends] = [
        "rec_call_begin",
        "rec_feed_open",
        "rec_start",
        "rec_stop_by_id",
        "rec_call_end",
    ]
    .map(FunctionCost::new);
    let mut running = std::collections::VecDeque::new();
    let ended = engine.counts.ended();
    let schedule = Instant::now();
    for n in 0..count {
        wait::sleep_until(schedule + Duration::from_micros(500) * n as u32);
        let (call, name) = begin_with(live + n, |info| begins.of(|| engine.begin(info)));
        for leg in [REC_LEG_LOCAL, REC_LEG_REMOTE] {
            feeds.of(|| support::feed(call, leg, REC_CODEC_PCMU, 0).unwrap());
        }
        let (call_id, format) = (CText::from(name.as_str()), CText::from("wav"));
        let mut options: rec_start_options = support::init();
        options.call_id = call_id.ptr();
        options.format = format.ptr();
        let mut id = rec_id { text: [0; 37] };
        let mut error: rec_error = support::init();
        let status = starts
            .of(|| unsafe { rec_start(engine.handle, std::ptr::null(), &options, &mut id, &mut error) });
        assert_eq!(status, REC_OK);
        running.push_back((call, id));
        if running.len() > IN_FLIGHT || n + 1 == count {
            let all = if n + 1 == count { running.len() } else { 1 };
            for (call, id) in running.drain(..all) {
                let status = stops.of(|| unsafe {
                    rec_stop_by_id(engine.handle, std::ptr::null(), id.text.as_ptr(), &mut error)
                });
                assert_eq!(status, REC_OK);
                ends.of(|| support::end(call).unwrap());
            }
        }
    }
    engine.await_ended(ended + count);
    println!("  {what}:");
    for mut function in [begins, feeds, starts, stops, ends] {
        function.print(overhead);
    }
}

/// What the calls of one function cost the calling thread.
struct FunctionCost {
    name: &'static str,
    wall: Times,
    /// Without the calls during which the thread was preempted: what ran meanwhile has taken the
    /// caches.
    cpu: Times,
    /// How many calls had a page fault, waited, or were preempted.
    faulted: u64,
    waited: u64,
    preempted: u64,
}

impl FunctionCost {
    fn new(name: &'static str) -> FunctionCost {
        FunctionCost {
            name,
            wall: Times::new(),
            cpu: Times::new(),
            faulted: 0,
            waited: 0,
            preempted: 0,
        }
    }

    fn of<T>(&mut self, act: impl FnOnce() -> T) -> T {
        let usage = || getrusage(UsageWho::RUSAGE_THREAD).expect("the usage of this thread");
        let before = usage();
        let (cpu, begin) = (thread_cpu(), Instant::now());
        let done = act();
        let wall = begin.elapsed();
        let cpu = thread_cpu() - cpu;
        let after = usage();
        self.wall.note(wall.as_nanos() as u64);
        self.faulted += u64::from(after.minor_page_faults() > before.minor_page_faults());
        self.waited += u64::from(after.voluntary_context_switches() > before.voluntary_context_switches());
        if after.involuntary_context_switches() > before.involuntary_context_switches() {
            self.preempted += 1;
        } else {
            self.cpu.note(cpu.as_nanos() as u64);
        }
        done
    }

    fn print(&mut self, overhead: [u64; 2]) {
        let share = |count: u64| count as f64 * 100.0 / self.wall.count as f64;
        println!(
            "    {:<14} CPU  {}; page faults in {:.1} %, waits in {:.2} %, preempted {:.2} %",
            self.name,
            self.cpu.row(overhead[1]),
            share(self.faulted),
            share(self.waited),
            share(self.preempted)
        );
        println!("    {:<14} wall {}", "", self.wall.row(overhead[0]));
    }
}

fn lists_by_key(engine: &BenchEngine, live: u64, [overhead, _]: [u64; 2]) {
    println!("  rec_list of one, by:");
    for field in ["device", "number", "user", "call"] {
        let mut times = Times::new();
        for n in 0..5000u64 {
            let number = n * 7919 % live;
            let text = match field {
                "device" => format!("SEP{number:012}"),
                "number" => format!("{number}"),
                "user" => format!("user{number}"),
                _ => format!("call-{number}"),
            };
            let by = match field {
                "device" => ListKey::Device(&text),
                "number" => ListKey::Number(&text),
                "user" => ListKey::User(&text),
                _ => ListKey::CallId(&text),
            };
            let listed = list(engine.handle, by, false);
            assert_eq!(listed.count, 1);
            times.note(listed.wall[0].as_nanos() as u64);
        }
        println!("    {field:<14} {}", times.row(overhead));
    }
}

fn full_lists(engine: &BenchEngine, live: u64) {
    let lists: Vec<ListTimes> = (0..9).map(|_| list(engine.handle, ListKey::All, true)).collect();
    assert!(lists.iter().all(|list| list.count as u64 == live));
    println!("  all recordings, ms of CPU and of wall-clock time:");
    for (part, what) in ["rec_list", "rec_snapshot_json", "rec_snapshot_free"]
        .iter()
        .enumerate()
    {
        let ms = |of: fn(&ListTimes) -> &[Duration; 3]| -> Vec<f64> {
            lists
                .iter()
                .map(|list| of(list)[part].as_secs_f64() * 1000.0)
                .collect()
        };
        let (cpu, wall) = (ms(|list| &list.cpu), ms(|list| &list.wall));
        println!(
            "    {what:<18} {:>22} {:>22}",
            times::spread(&cpu, 1),
            times::spread(&wall, 1)
        );
    }
}

/// Creates as many recordings as possible, each with 200 ms of audio, up to the terminal event.
fn publish(arguments: &Arguments, durability: &str) {
    const IN_FLIGHT: u64 = 500;
    let directory = kit::directory(arguments);
    let settings = [("media.clock", "real"), ("storage.durability", durability)];
    let engine = BenchEngine::open(&directory.0, &settings);
    let mut speech = Speech::new();
    let long = Duration::from_secs(arguments.number("seconds", 5));
    let (begun, cpu, caller) = (Instant::now(), Cpu::now(), thread_cpu());
    let mut count = 0u64;
    while begun.elapsed() < long {
        if count - engine.counts.ended() >= IN_FLIGHT {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let live = engine.live(count as usize, "wav");
        for packet in 0..10 {
            for (side, feed) in live.feeds.iter().enumerate() {
                assert_eq!(
                    kit::rtp(*feed, speech.packet(side, count as usize, packet)),
                    REC_OK
                );
            }
        }
        checked(|e| unsafe {
            let name = CText::from(format!("call-{count}").as_str());
            rec_stop_by_call(
                engine.handle,
                std::ptr::null(),
                name.ptr(),
                std::ptr::null(),
                std::ptr::null_mut(),
                e,
            )
        })
        .unwrap();
        live.end();
        count += 1;
    }
    engine.await_ended(count);
    let (wall, used) = (begun.elapsed(), Cpu::now().since(cpu));
    let threads = cpu::threads(caller);
    let counts = engine.close();
    println!(
        "\nstart to published file and terminal event, {durability}, sha256: {count} in {:.1} s = {:.0} a second, {:.0} us of CPU each ({:.0} user, {:.0} kernel); failed {}",
        wall.as_secs_f64(),
        count as f64 / wall.as_secs_f64(),
        used.all().as_secs_f64() * 1e6 / count as f64,
        used.user.as_secs_f64() * 1e6 / count as f64,
        used.kernel.as_secs_f64() * 1e6 / count as f64,
        counts.failed.load(SeqCst)
    );
    println!("  CPU-s of the threads: {threads}");
}
