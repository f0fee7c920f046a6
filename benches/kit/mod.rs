//! What the benches share through the C ABI: an engine whose events are counted, and a
//! directory that can be kept. What they measure with is in `crates/testkit`.
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

pub const FRAME: Duration = Duration::from_millis(20);
pub const FRAMES_PER_S: u64 = 50;

/// A fresh directory for one run below `--dir`; `--keep 1` leaves it there (ext4 takes
/// long to create files for half a minute after many were removed).
pub fn directory(arguments: &Arguments) -> Directory {
    let default = std::env::temp_dir();
    let parent = PathBuf::from(arguments.text("dir", default.to_str().unwrap_or("/tmp")));
    let path = parent.join(format!("callrec-bench-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&path).unwrap();
    Directory(path, arguments.number("keep", 0) != 0)
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
        checked(|e| unsafe { rec_subscribe(handle, Some(count), data, Some(release), &mut subscription, e) })
            .unwrap();
        Engine { handle, told }
    }

    pub fn begin(&self, call: &CallFields) -> rec_call {
        let mut handle = rec_call { id: 0 };
        call.with(|info| checked(|e| unsafe { rec_call_begin(self.handle, info, &mut handle, e) }))
            .unwrap();
        handle
    }

    /// A call with two mu-law feeds that is being recorded.
    pub fn live(&self, number: usize, format: &str) -> Live {
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
        Live { call, feeds }
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

    /// Until so many recordings have had their terminal event.
    pub fn await_ended(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while self.told.ended() < count {
            assert!(Instant::now() < deadline, "not all terminal events came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn close(self) -> Arc<Told> {
        checked(|e| unsafe { rec_close(self.handle, 600_000, e) }).unwrap();
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

pub fn us_per_call_second(cpu: Duration, calls: u64, seconds: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / (calls * seconds) as f64
}
