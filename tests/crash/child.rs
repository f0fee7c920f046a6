//! What runs in the processes that are killed. Every line that it writes begins with
//! "@", goes out at once, and is one that `history` reads.

use crate::plan::{FRAME_MS, Habit, LEGS, RATE, frame, kind};
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

/// No orphan lives longer.
const LIFE: Duration = Duration::from_secs(90);
/// More behind than this, and what follows is not made up for: time has gone by.
const STALL: Duration = Duration::from_millis(100);

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(format!("@{line}\n").as_bytes())
        .and_then(|()| out.flush());
    if written.is_err() {
        // Nobody reads any more.
        std::process::exit(1);
    }
}

fn directory() -> Option<PathBuf> {
    // libtest has begun a line of its own.
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

/// Tells the parent of an event, before the library learns that it was told.
unsafe extern "C" fn tell(how: *mut c_void, event: *const rec_event) {
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
    say(&format!("E {} {} {id} {reason} {tag}", event.kind, event.flags));
    if !matches!(event.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED) {
        return;
    }
    match how as usize {
        DIES => {
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
        BLOCKS => std::thread::sleep(LIFE),
        _ => {}
    }
}

const TELLS: usize = 0;
const DIES: usize = 1;
const BLOCKS: usize = 2;

fn subscribe(engine: rec_engine, how: usize) {
    let mut subscription = rec_subscription { id: 0 };
    let mut error: rec_error = init();
    let data = std::ptr::without_provenance_mut(how);
    let status = unsafe { rec_subscribe(engine, Some(tell), data, None, &mut subscription, &mut error) };
    assert_eq!(status, REC_OK);
}

/// One call of the child.
struct ChildCall {
    call: usize,
    handle: rec_call,
    feeds: [rec_feed; 2],
    /// The frame that comes next.
    frame: u64,
    last_fed: Instant,
    recording: Option<String>,
    /// When it does something next, in frames.
    turn: u64,
    paused: bool,
    over: bool,
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
            frame: 0,
            last_fed: Instant::now(),
            recording: None,
            turn: rng.between(0, 10),
            paused: false,
            over: false,
        }
    }

    fn act(&mut self, engine: &TestEngine, rng: &mut SeededRng) {
        if self.over || self.frame < self.turn {
            return;
        }
        let Some(id) = self.recording.clone() else {
            return self.start(engine, rng);
        };
        match kind(self.call).habit {
            Habit::Steady => self.turn = u64::MAX,
            Habit::Pauses if self.paused => {
                engine.by_id(rec_resume_by_id, None, &id).unwrap();
                say(&format!("R {id}"));
                self.paused = false;
                self.turn = self.frame + rng.between(10, 45);
            }
            Habit::Pauses | Habit::StaysPaused => {
                engine.by_id(rec_pause_by_id, None, &id).unwrap();
                say(&format!("P {id}"));
                self.paused = true;
                let stays = kind(self.call).habit == Habit::StaysPaused;
                self.turn = if stays {
                    u64::MAX
                } else {
                    self.frame + rng.between(5, 35)
                };
            }
            Habit::Cycles => {
                say(&format!("z {id}"));
                engine.by_id(rec_stop_by_id, None, &id).unwrap();
                say(&format!("Z {id}"));
                self.recording = None;
                self.turn = self.frame + rng.between(0, 4);
            }
            Habit::HangsUp => {
                say(&format!("z {id}"));
                end(self.handle).unwrap();
                say(&format!("Z {id}"));
                self.over = true;
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
        say(&format!("S {id} {}", self.call));
        self.recording = Some(id);
        let (low, high) = match kind.habit {
            Habit::Cycles => (8, 45),
            Habit::HangsUp => (30, 120),
            _ => (10, 60),
        };
        self.turn = self.frame + rng.between(low, high);
    }

    fn talk(&mut self) {
        if self.over {
            return;
        }
        let late = self.last_fed.elapsed().as_millis() as u64;
        self.last_fed = Instant::now();
        let (call, number) = (self.call, self.frame);
        let taken = [0, 1].map(|leg| {
            let bytes = frame(call, leg, number);
            let status = unsafe { rec_feed_write(self.feeds[leg], bytes.as_ptr().cast(), bytes.len()) };
            assert!(
                matches!(status, REC_OK | REC_ERR_OVERRUN),
                "feed: status {status}"
            );
            u8::from(status == REC_OK)
        });
        say(&format!("F {call} {number} {} {} {late}", taken[0], taken[1]));
        self.frame += 1;
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
    let how = match std::env::var(CALLBACK).as_deref() {
        Ok("dies") => DIES,
        Ok("blocks") => BLOCKS,
        _ => TELLS,
    };
    subscribe(engine.handle, how);
    let mut talks: Vec<ChildCall> = (0..calls)
        .map(|call| ChildCall::begin(&engine, call, &mut rng))
        .collect();
    say("ready");
    let begun = Instant::now();
    let mut due = begun;
    while begun.elapsed() < LIFE {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if due.elapsed() > STALL {
            due = Instant::now();
        }
        for talk in &mut talks {
            talk.act(&engine, &mut rng);
            talk.talk();
        }
        due += Duration::from_millis(FRAME_MS);
    }
    // A child that nobody kills is a failure: its recordings do not count as finished.
    std::process::exit(1);
}

#[test]
#[ignore = "the body of a process that the other tests start and kill"]
fn child_records() {
    if let Some(directory) = directory() {
        record(&directory);
    }
}

/// Opens what another has left, and tells what it is told, until it is killed.
#[test]
#[ignore = "the body of a process that the other tests start and kill"]
fn child_recovers() {
    let Some(directory) = directory() else { return };
    let settings = settings();
    let all: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    say("ready");
    let engine = open_with(&directory, &all).unwrap();
    subscribe(engine, TELLS);
    std::thread::sleep(LIFE);
    std::process::exit(1);
}
