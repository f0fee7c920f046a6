//! What the benches share: arguments, clocks, made-up speech, an engine whose events are counted.
#![allow(dead_code, unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "../../tests/support/mod.rs"]
pub mod support;

use std::ffi::c_void;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use callrec::capi::*;
use support::{Arg, Call, ask};

pub const FRAME: Duration = Duration::from_millis(20);
pub const FRAMES_PER_S: u64 = 50;
/// Samples, and G.711 bytes, of 20 ms.
pub const SAMPLES: usize = 160;
pub const PACKET: usize = 12 + SAMPLES;

/// `--name value` from the command line.
pub struct Arguments(Vec<String>);

impl Arguments {
    pub fn read() -> Arguments {
        Arguments(std::env::args().skip(1).filter(|a| a != "--bench").collect())
    }

    pub fn text(&self, name: &str, default: &str) -> String {
        let flag = format!("--{name}");
        let at = self.0.iter().position(|argument| *argument == flag);
        let value = at.map(|at| {
            self.0
                .get(at + 1)
                .unwrap_or_else(|| panic!("{flag}: a value is needed"))
        });
        value.cloned().unwrap_or_else(|| default.to_owned())
    }

    pub fn number(&self, name: &str, default: u64) -> u64 {
        let text = self.text(name, &default.to_string());
        text.parse().unwrap_or_else(|_| panic!("--{name}: a number"))
    }

    pub fn numbers(&self, name: &str, default: &str) -> Vec<u64> {
        let text = self.text(name, default);
        let parsed = text.split(',').map(|part| part.parse());
        parsed
            .collect::<Result<_, _>>()
            .unwrap_or_else(|_| panic!("--{name}: numbers"))
    }

    pub fn wants(&self, name: &str, which: &str) -> bool {
        let asked = self.text(name, "all");
        asked == "all" || asked.split(',').any(|one| one == which)
    }

    /// A fresh directory for one run below `--dir`; `--keep 1` leaves it there (ext4 takes
    /// long to create files for half a minute after many were removed).
    pub fn directory(&self) -> Directory {
        let default = std::env::temp_dir();
        let parent = PathBuf::from(self.text("dir", default.to_str().unwrap_or("/tmp")));
        let path = parent.join(format!("callrec-bench-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&path).unwrap();
        Directory(path, self.number("keep", 0) != 0)
    }
}

/// Removed with all that is in it, unless it is to be kept.
pub struct Directory(pub PathBuf, pub bool);

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.1 {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// CPU time, of user and kernel.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub user: Duration,
    pub kernel: Duration,
}

impl Cpu {
    /// Of all threads of this process so far.
    pub fn now() -> Cpu {
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) }, 0);
        let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
        Cpu {
            user: time(usage.ru_utime),
            kernel: time(usage.ru_stime),
        }
    }

    pub fn since(self, before: Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(before.user),
            kernel: self.kernel.saturating_sub(before.kernel),
        }
    }

    pub fn all(self) -> Duration {
        self.user + self.kernel
    }
}

/// CPU time of the calling thread.
#[inline]
pub fn thread_cpu() -> Duration {
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    assert_eq!(
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) },
        0
    );
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU seconds: of the calling thread since it had used `since`, and of the library's
/// threads that live now, summed by name.
pub fn threads(since: Duration) -> String {
    let caller = thread_cpu().saturating_sub(since).as_secs_f64();
    let mut sums: Vec<(String, f64)> = vec![("caller".to_owned(), caller)];
    for task in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let name = read("comm");
        let Some(name) = name.trim().strip_prefix("callrec-") else {
            continue;
        };
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        let ns: f64 = read("schedstat")
            .split(' ')
            .next()
            .and_then(|ns| ns.parse().ok())
            .unwrap_or(0.0);
        match sums.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += ns / 1e9,
            None => sums.push((name.to_owned(), ns / 1e9)),
        }
    }
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = sums.iter().map(|(name, s)| format!("{name} {s:.2}"));
    shown.collect::<Vec<_>>().join(", ")
}

/// Resident memory of this process, in KiB.
pub fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// What else the machine was doing.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The median, and from where to where.
pub fn spread(values: &[f64], digits: usize) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    let middle = median(values.to_vec());
    if values.len() < 2 {
        return format!("{middle:.digits$}");
    }
    format!("{middle:.digits$} ({low:.digits$}-{high:.digits$})")
}

/// Times in nanoseconds, counted in steps of 10 ns up to 100 us; the rest is kept.
pub struct Times {
    steps: Vec<u32>,
    long: Vec<u64>,
    pub count: u64,
}

const STEP_NS: u64 = 10;
const STEPS: usize = 10_000;

impl Times {
    pub fn new() -> Times {
        Times {
            steps: vec![0; STEPS],
            long: Vec::with_capacity(100_000),
            count: 0,
        }
    }

    #[inline]
    pub fn note(&mut self, ns: u64) {
        self.count += 1;
        match self.steps.get_mut((ns / STEP_NS) as usize) {
            Some(step) => *step += 1,
            None => self.long.push(ns),
        }
    }

    /// Nanoseconds below which so much of it lies.
    pub fn at(&mut self, share: f64) -> u64 {
        let rank = (self.count as f64 * share) as u64;
        let mut seen = 0;
        for (step, count) in self.steps.iter().enumerate() {
            seen += u64::from(*count);
            if seen > rank {
                return step as u64 * STEP_NS;
            }
        }
        self.long.sort_unstable();
        let last = self.long.len().saturating_sub(1);
        self.long
            .get(((rank - seen) as usize).min(last))
            .copied()
            .unwrap_or(0)
    }

    pub fn max(&mut self) -> u64 {
        match self.long.iter().max() {
            Some(longest) => *longest,
            None => self.steps.iter().rposition(|count| *count > 0).unwrap_or(0) as u64 * STEP_NS,
        }
    }

    /// p50, p99, p99.9 and max in microseconds, less `overhead` ns.
    pub fn row(&mut self, overhead: u64) -> String {
        let us = |ns: u64| ns.saturating_sub(overhead) as f64 / 1000.0;
        format!(
            "p50 {:7.2}  p99 {:7.2}  p99.9 {:7.2}  max {:9.2} us  ({} times)",
            us(self.at(0.5)),
            us(self.at(0.99)),
            us(self.at(0.999)),
            us(self.max()),
            self.count
        )
    }
}

/// What an empty measurement measures: its p50.
pub fn clock_overhead() -> u64 {
    let mut times = Times::new();
    for _ in 0..1_000_000 {
        let begin = Instant::now();
        times.note(std::hint::black_box(begin).elapsed().as_nanos() as u64);
    }
    times.at(0.5)
}

/// The same of the thread's CPU clock.
pub fn cpu_clock_overhead() -> u64 {
    let mut times = Times::new();
    for _ in 0..100_000 {
        let begin = thread_cpu();
        times.note((thread_cpu() - begin).as_nanos() as u64);
    }
    times.at(0.5)
}

/// Two sides of mu-law that take turns, as RTP packets; headers are stamped when sent.
pub struct Speech {
    packets: [Vec<u8>; 2],
    frames: usize,
}

impl Speech {
    pub fn new() -> Speech {
        let frames = 15_000;
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let packets = [0u64, 1].map(|side| {
            let mut bytes = vec![0; frames * PACKET];
            for (n, packet) in bytes.chunks_exact_mut(PACKET).enumerate() {
                // Turns of 3 s, with a pause at their ends; comfort noise otherwise.
                let (turn, within) = (n as u64 / 150, n as u64 % 150);
                let loud = turn % 2 == side && within < 120;
                packet[0] = 0x80;
                packet[8..12].copy_from_slice(&(0x1000 + side as u32).to_be_bytes());
                for byte in &mut packet[12..] {
                    let noise = (random() >> 32) as u8;
                    *byte = if loud { noise } else { 0xf8 | noise & 0x87 };
                }
            }
            bytes
        });
        Speech { packets, frames }
    }

    fn at(&self, call: usize, frame: u64) -> usize {
        (call * 7919 + frame as usize) % self.frames * PACKET
    }

    /// The packet that this call's side sends as its `frame`th.
    #[inline]
    pub fn packet(&mut self, side: usize, call: usize, frame: u64) -> &[u8] {
        let at = self.at(call, frame);
        let packet = &mut self.packets[side][at..at + PACKET];
        packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(frame as u32).wrapping_mul(SAMPLES as u32).to_be_bytes());
        packet
    }

    #[inline]
    pub fn payload(&self, side: usize, call: usize, frame: u64) -> &[u8; SAMPLES] {
        let at = self.at(call, frame) + 12;
        self.packets[side][at..]
            .first_chunk()
            .expect("pool is made of whole packets")
    }
}

/// What the events have told.
#[derive(Default)]
pub struct Told {
    pub started: AtomicU64,
    pub paused: AtomicU64,
    pub finished: AtomicU64,
    pub failed: AtomicU64,
    pub losses: AtomicU64,
    pub lost_ms: AtomicU64,
    pub duration_ms: AtomicU64,
    pub bytes: AtomicU64,
}

impl Told {
    pub fn ended(&self) -> u64 {
        self.finished.load(SeqCst) + self.failed.load(SeqCst)
    }
}

unsafe extern "C" fn count(user_data: *mut c_void, event: *const rec_event) {
    let (told, event) = unsafe { (&*user_data.cast::<Told>(), &*event) };
    let counter = match event.kind {
        REC_EVENT_STARTED => &told.started,
        REC_EVENT_PAUSED => &told.paused,
        REC_EVENT_FINISHED => &told.finished,
        REC_EVENT_FAILED | REC_EVENT_START_FAILED => &told.failed,
        REC_EVENT_LOSS => &told.losses,
        _ => return,
    };
    if event.kind == REC_EVENT_FINISHED && !event.recording.is_null() {
        let recording = unsafe { &*event.recording };
        told.lost_ms.fetch_add(recording.lost_ms, SeqCst);
        told.duration_ms.fetch_add(recording.duration_ms, SeqCst);
        told.bytes.fetch_add(recording.bytes, SeqCst);
    }
    counter.fetch_add(1, SeqCst);
}

unsafe extern "C" fn release(user_data: *mut c_void) {
    drop(unsafe { Arc::from_raw(user_data.cast::<Told>()) });
}

/// An engine whose events are only counted.
pub struct Engine {
    pub handle: rec_engine,
    pub told: Arc<Told>,
}

impl Engine {
    pub fn open(directory: &Path, settings: &[(&str, &str)]) -> Engine {
        let handle = support::open_with(directory, settings).unwrap();
        let told = Arc::new(Told::default());
        let mut subscription = rec_subscription { id: 0 };
        let data = Arc::into_raw(told.clone()).cast_mut().cast();
        ask(|e| unsafe { rec_subscribe(handle, Some(count), data, Some(release), &mut subscription, e) })
            .unwrap();
        Engine { handle, told }
    }

    pub fn begin(&self, call: &Call) -> rec_call {
        let mut handle = rec_call { id: 0 };
        call.with(|info| ask(|e| unsafe { rec_call_begin(self.handle, info, &mut handle, e) }))
            .unwrap();
        handle
    }

    /// A call with two mu-law feeds that is being recorded.
    pub fn live(&self, number: usize, format: &str) -> Live {
        let name = format!("call-{number}");
        let call = self.begin(&Call {
            call_id: Some(&name),
            device: Some(&format!("SEP{number:012}")),
            number: Some(&format!("{number}")),
            user: Some(&format!("user{number}")),
            phone: Some("+390584943232"),
            ..Call::default()
        });
        let feeds =
            [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| support::feed(call, leg, REC_CODEC_PCMU, 0).unwrap());
        self.start(&name, format);
        Live { call, feeds }
    }

    pub fn start(&self, call_id: &str, format: &str) -> rec_id {
        self.start_pausing(call_id, format, REC_PAUSE_SILENCE)
    }

    pub fn start_pausing(&self, call_id: &str, format: &str, pause_mode: i32) -> rec_id {
        let mut id = rec_id { text: [0; 37] };
        let (call_id, format) = (Arg::from(call_id), Arg::from(format));
        let mut options: rec_start_options = support::init();
        options.call_id = call_id.ptr();
        options.format = format.ptr();
        options.pause_mode = pause_mode;
        ask(|e| unsafe { rec_start(self.handle, std::ptr::null(), &options, &mut id, e) }).unwrap();
        id
    }

    pub fn stats(&self) -> rec_statistics {
        let mut statistics: rec_statistics = support::init();
        ask(|e| unsafe { rec_stats(self.handle, &mut statistics, e) }).unwrap();
        statistics
    }

    /// Until so many recordings have had their terminal event.
    pub fn await_ended(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while self.told.ended() < count {
            assert!(Instant::now() < deadline, "not all terminal events came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn close(self) -> Arc<Told> {
        ask(|e| unsafe { rec_close(self.handle, 600_000, e) }).unwrap();
        self.told
    }
}

pub struct Live {
    pub call: rec_call,
    pub feeds: [rec_feed; 2],
}

impl Live {
    pub fn end(&self) {
        support::end(self.call).unwrap();
    }
}

#[inline]
pub fn rtp(feed: rec_feed, packet: &[u8]) -> rec_status {
    unsafe { rec_feed_rtp(feed, packet.as_ptr().cast(), packet.len()) }
}

/// Sleeps until `at`; tells how late it woke up.
pub fn sleep_until(at: Instant) -> Duration {
    let now = Instant::now();
    if at > now {
        std::thread::sleep(at - now);
    }
    at.elapsed()
}

pub fn us_per_call_second(cpu: Duration, calls: u64, seconds: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / (calls * seconds) as f64
}
