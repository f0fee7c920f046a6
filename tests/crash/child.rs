//! The bodies of the child processes. Each report is a line that begins with "@" and is written
//! at once; `history` parses the reports.

use crate::plan::{ControlPattern, LEGS, PACKET_MS, RATE, kind, packet};
use crate::support::{CallFields, StartFields, TestEngine, end, feed, init, open_with, string};
use callrec::capi::*;
use callrec_testkit::environment::number;
use callrec_testkit::random::SeededRng;
use std::ffi::{c_char, c_void};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const DIRECTORY: &str = "CALLREC_CRASH_DIRECTORY";
pub const CALLS: &str = "CALLREC_CRASH_CALLS";
pub const SEED: &str = "CALLREC_CRASH_SEED";
pub const SETTINGS: &str = "CALLREC_CRASH_SETTINGS";
pub const CALLBACK: &str = "CALLREC_CRASH_CALLBACK";

/// The longest life of a child process whose parent has died.
const LIFE: Duration = Duration::from_secs(90);
/// If a child is later than this, it does not catch up.
const STALL: Duration = Duration::from_millis(100);

fn report(line: &str) {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(format!("@{line}\n").as_bytes())
        .and_then(|()| out.flush());
    if written.is_err() {
        // The parent has closed the pipe.
        std::process::exit(1);
    }
}

fn directory() -> Option<PathBuf> {
    // The test harness has begun a line.
    let directory = std::env::var_os(DIRECTORY)?;
    println!();
    Some(directory.into())
}

fn settings() -> Vec<(String, String)> {
    let text = std::env::var(SETTINGS).unwrap_or_default();
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn id_of(text: &[c_char]) -> String {
    string(text.as_ptr())
}

/// Reports an event to the parent, before the callback returns.
unsafe extern "C" fn report_event(mode: *mut c_void, event: *const rec_event) {
    let event = unsafe { &*event };
    let (mut id, mut tag, mut reason) = ("-".to_owned(), 0, 0);
    if !event.recording.is_null() {
        let recording = unsafe { &*event.recording };
        (id, tag, reason) = (
            id_of(&recording.id.text),
            recording.call_tag,
            recording.end_reason,
        );
    }
    report(&format!("E {} {} {id} {reason} {tag}", event.kind, event.flags));
    if !matches!(event.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED) {
        return;
    }
    match mode as usize {
        DIES => {
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
        BLOCKS => std::thread::sleep(LIFE),
        _ => {}
    }
}

const RETURNS: usize = 0;
const DIES: usize = 1;
const BLOCKS: usize = 2;

fn subscribe(engine: rec_engine, mode: usize) {
    let mut subscription = rec_subscription { id: 0 };
    let mut error: rec_error = init();
    let data = std::ptr::without_provenance_mut(mode);
    let status = unsafe {
        rec_subscribe(
            engine,
            Some(report_event),
            data,
            None,
            &mut subscription,
            &mut error,
        )
    };
    assert_eq!(status, REC_OK);
}

/// One call of the child.
struct ChildCall {
    call: usize,
    handle: rec_call,
    feeds: [rec_feed; 2],
    /// The number of the next packet.
    packet: u64,
    last_fed: Instant,
    recording: Option<String>,
    /// The number of the packet before which the next action takes place.
    next_action: u64,
    paused: bool,
    has_ended: bool,
}

impl ChildCall {
    fn begin(engine: &TestEngine, call: usize, rng: &mut SeededRng) -> ChildCall {
        let (call_id, device) = (format!("call-{call}"), format!("SEP{call}"));
        let handle = engine
            .begin(&CallFields {
                tag: call as u64,
                call_id: Some(&call_id),
                device: Some(&device),
                ..CallFields::default()
            })
            .unwrap();
        let codec = kind(call).codec;
        ChildCall {
            call,
            handle,
            feeds: LEGS.map(|leg| feed(handle, leg, codec, RATE as u32).unwrap()),
            packet: 0,
            last_fed: Instant::now(),
            recording: None,
            next_action: rng.between(0, 10),
            paused: false,
            has_ended: false,
        }
    }

    fn act(&mut self, engine: &TestEngine, rng: &mut SeededRng) {
        if self.has_ended || self.packet < self.next_action {
            return;
        }
        let Some(id) = self.recording.clone() else {
            return self.start(engine, rng);
        };
        match kind(self.call).controls {
            ControlPattern::Uncontrolled => self.next_action = u64::MAX,
            ControlPattern::Pauses if self.paused => {
                engine.by_id(rec_resume_by_id, None, &id).unwrap();
                report(&format!("R {id}"));
                self.paused = false;
                self.next_action = self.packet + rng.between(10, 45);
            }
            ControlPattern::Pauses | ControlPattern::StaysPaused => {
                engine.by_id(rec_pause_by_id, None, &id).unwrap();
                report(&format!("P {id}"));
                self.paused = true;
                let stays = kind(self.call).controls == ControlPattern::StaysPaused;
                self.next_action = if stays {
                    u64::MAX
                } else {
                    self.packet + rng.between(5, 35)
                };
            }
            ControlPattern::Cycles => {
                report(&format!("z {id}"));
                engine.by_id(rec_stop_by_id, None, &id).unwrap();
                report(&format!("Z {id}"));
                self.recording = None;
                self.next_action = self.packet + rng.between(0, 4);
            }
            ControlPattern::HangsUp => {
                report(&format!("z {id}"));
                end(self.handle).unwrap();
                report(&format!("Z {id}"));
                self.has_ended = true;
            }
        }
    }

    fn start(&mut self, engine: &TestEngine, rng: &mut SeededRng) {
        let (kind, call_id) = (kind(self.call), format!("call-{}", self.call));
        let id = engine
            .start(
                None,
                &StartFields {
                    layout: kind.layout,
                    pause_mode: kind.pause_mode,
                    call_id: Some(&call_id),
                    format: Some(kind.format),
                    ..StartFields::default()
                },
            )
            .unwrap();
        report(&format!("S {id} {}", self.call));
        self.recording = Some(id);
        let (low, high) = match kind.controls {
            ControlPattern::Cycles => (8, 45),
            ControlPattern::HangsUp => (30, 120),
            _ => (10, 60),
        };
        self.next_action = self.packet + rng.between(low, high);
    }

    /// `slipped_ms`: the sum of the delays for which this process has not made up.
    fn write_packet(&mut self, slipped_ms: u64) {
        if self.has_ended {
            return;
        }
        let late = self.last_fed.elapsed().as_millis() as u64;
        self.last_fed = Instant::now();
        let (call, number) = (self.call, self.packet);
        let is_secret = self.paused || self.recording.is_none();
        let accepted = [0, 1].map(|leg| {
            let bytes = packet(call, leg, number, is_secret);
            let status = unsafe { rec_feed_write(self.feeds[leg], bytes.as_ptr().cast(), bytes.len()) };
            assert!(
                matches!(status, REC_OK | REC_ERR_OVERRUN),
                "feed: status {status}"
            );
            u8::from(status == REC_OK)
        });
        report(&format!(
            "F {call} {number} {} {} {late} {slipped_ms}",
            accepted[0], accepted[1]
        ));
        self.packet += 1;
    }
}

/// Records in real time until it is killed.
fn record(directory: &Path) {
    let calls = std::env::var(CALLS).unwrap().parse().unwrap();
    let mut rng = SeededRng::new(number(SEED).unwrap());
    let settings = settings();
    let mut all = vec![("media.clock", "real")];
    all.extend(settings.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let engine = TestEngine::open(directory, &all);
    let mode = match std::env::var(CALLBACK).as_deref() {
        Ok("dies") => DIES,
        Ok("blocks") => BLOCKS,
        _ => RETURNS,
    };
    subscribe(engine.handle, mode);
    let mut child_calls: Vec<ChildCall> = (0..calls)
        .map(|call| ChildCall::begin(&engine, call, &mut rng))
        .collect();
    report("ready");
    let begun = Instant::now();
    let (mut due, mut slipped) = (begun, Duration::ZERO);
    while begun.elapsed() < LIFE {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let delay = due.elapsed();
        if delay > STALL {
            due += delay;
            slipped += delay;
        }
        for call in &mut child_calls {
            call.act(&engine, &mut rng);
            call.write_packet(slipped.as_millis() as u64);
        }
        due += Duration::from_millis(PACKET_MS);
    }
    // The parent should have killed this process. It must not end its recordings.
    std::process::exit(1);
}

#[test]
#[ignore = "the body of a process that the other tests start and kill"]
fn child_records() {
    if let Some(directory) = directory() {
        record(&directory);
    }
}

/// Opens a directory and reports the events, until it is killed.
#[test]
#[ignore = "the body of a process that the other tests start and kill"]
fn child_recovers() {
    let Some(directory) = directory() else { return };
    let settings = settings();
    let all: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    report("ready");
    let engine = open_with(&directory, &all).unwrap();
    subscribe(engine, RETURNS);
    std::thread::sleep(LIFE);
    std::process::exit(1);
}
