//! Shared code of the benches that use the C ABI: an engine whose events are counted, and a
//! temporary directory. `crates/testkit` has the measuring tools.
#![allow(dead_code, unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "../../tests/support/support.rs"]
pub mod support;

use std::ffi::c_void;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use support::{CText, CallFields, checked};

/// The duration of one packet.
pub const PACKET_TIME: Duration = Duration::from_millis(20);
pub const PACKETS_PER_S: u64 = 50;

/// Creates a directory for one run below `--dir`. With `--keep 1` it is not removed, because ext4
/// creates files slowly for half a minute after many files were removed.
pub fn directory(arguments: &Arguments) -> BenchDirectory {
    let default = std::env::temp_dir();
    let parent = PathBuf::from(arguments.text("dir", default.to_str().unwrap_or("/tmp")));
    let path = parent.join(format!("callrec-bench-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&path).unwrap();
    BenchDirectory(path, arguments.number("keep", 0) != 0)
}

/// A directory that is removed on drop, with its contents, unless the flag is set.
pub struct BenchDirectory(pub PathBuf, pub bool);

impl Drop for BenchDirectory {
    fn drop(&mut self) {
        if !self.1 {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Counts of events, and sums over the finished recordings.
#[derive(Default)]
pub struct EventCounts {
    pub started: AtomicU64,
    pub paused: AtomicU64,
    pub finished: AtomicU64,
    pub failed: AtomicU64,
    pub losses: AtomicU64,
    pub lost_ms: AtomicU64,
    pub duration_ms: AtomicU64,
    pub bytes: AtomicU64,
}

impl EventCounts {
    pub fn ended(&self) -> u64 {
        self.finished.load(SeqCst) + self.failed.load(SeqCst)
    }
}

unsafe extern "C" fn count(user_data: *mut c_void, event: *const rec_event) {
    let (counts, event) = unsafe { (&*user_data.cast::<EventCounts>(), &*event) };
    let counter = match event.kind {
        REC_EVENT_STARTED => &counts.started,
        REC_EVENT_PAUSED => &counts.paused,
        REC_EVENT_FINISHED => &counts.finished,
        REC_EVENT_FAILED | REC_EVENT_START_FAILED => &counts.failed,
        REC_EVENT_LOSS => &counts.losses,
        _ => return,
    };
    if event.kind == REC_EVENT_FINISHED && !event.recording.is_null() {
        let recording = unsafe { &*event.recording };
        counts.lost_ms.fetch_add(recording.lost_ms, SeqCst);
        counts.duration_ms.fetch_add(recording.duration_ms, SeqCst);
        counts.bytes.fetch_add(recording.bytes, SeqCst);
    }
    counter.fetch_add(1, SeqCst);
}

unsafe extern "C" fn release(user_data: *mut c_void) {
    drop(unsafe { Arc::from_raw(user_data.cast::<EventCounts>()) });
}

/// An engine with a subscription that counts events.
pub struct BenchEngine {
    pub handle: rec_engine,
    pub counts: Arc<EventCounts>,
}

/// The settings of an engine with so many calls that each cannot keep its file open.
pub const MANY_CALLS: [(&str, &str); 4] = [
    ("media.clock", "real"),
    ("storage.durability", "process"),
    ("storage.digest", "none"),
    ("storage.max_open_files", "64"),
];

impl BenchEngine {
    pub fn open(directory: &Path, settings: &[(&str, &str)]) -> BenchEngine {
        let handle = support::open_with(directory, settings).unwrap();
        let counts = Arc::new(EventCounts::default());
        let mut subscription = rec_subscription { id: 0 };
        let data = Arc::into_raw(counts.clone()).cast_mut().cast();
        checked(|e| unsafe { rec_subscribe(handle, Some(count), data, Some(release), &mut subscription, e) })
            .unwrap();
        BenchEngine { handle, counts }
    }

    pub fn begin(&self, call: &CallFields) -> rec_call {
        let mut handle = rec_call { id: 0 };
        call.with(|info| checked(|e| unsafe { rec_call_begin(self.handle, info, &mut handle, e) }))
            .unwrap();
        handle
    }

    /// Begins a call with two mu-law feeds and starts recording it.
    pub fn live(&self, number: usize, format: &str) -> BenchCall {
        let name = format!("call-{number}");
        let call = self.begin(&CallFields {
            call_id: Some(&name),
            device: Some(&format!("SEP{number:012}")),
            number: Some(&format!("{number}")),
            user: Some(&format!("user{number}")),
            phone: Some("+390584943232"),
            ..CallFields::default()
        });
        let feeds =
            [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| support::feed(call, leg, REC_CODEC_PCMU, 0).unwrap());
        self.start(&name, format);
        BenchCall { call, feeds }
    }

    pub fn start(&self, call_id: &str, format: &str) -> rec_id {
        self.start_pausing(call_id, format, REC_PAUSE_SILENCE)
    }

    pub fn start_pausing(&self, call_id: &str, format: &str, pause_mode: i32) -> rec_id {
        let mut id = rec_id { text: [0; 37] };
        let (call_id, format) = (CText::from(call_id), CText::from(format));
        let mut options: rec_start_options = support::init();
        options.call_id = call_id.ptr();
        options.format = format.ptr();
        options.pause_mode = pause_mode;
        checked(|e| unsafe { rec_start(self.handle, std::ptr::null(), &options, &mut id, e) }).unwrap();
        id
    }

    pub fn stats(&self) -> rec_statistics {
        let mut statistics: rec_statistics = support::init();
        checked(|e| unsafe { rec_stats(self.handle, &mut statistics, e) }).unwrap();
        statistics
    }

    /// Waits until this many terminal events were delivered.
    pub fn await_ended(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while self.counts.ended() < count {
            assert!(Instant::now() < deadline, "terminal events are missing");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn close(self) -> Arc<EventCounts> {
        checked(|e| unsafe { rec_close(self.handle, 600_000, e) }).unwrap();
        self.counts
    }
}

pub struct BenchCall {
    pub call: rec_call,
    pub feeds: [rec_feed; 2],
}

impl BenchCall {
    pub fn end(&self) {
        support::end(self.call).unwrap();
    }
}

#[inline]
pub fn rtp(feed: rec_feed, packet: &[u8]) -> rec_status {
    unsafe { rec_feed_rtp(feed, packet.as_ptr().cast(), packet.len()) }
}

pub fn us_per_call_second(cpu: Duration, calls: u64, seconds: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / (calls * seconds) as f64
}
