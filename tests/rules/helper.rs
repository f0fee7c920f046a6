//! What the tests of the rules have in common.

use std::ffi::c_void;
use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::PATIENCE;

use crate::support::*;

pub type Who<'a> = Option<(&'a str, u32)>;

pub const HOST: Who = None;
pub const ADMIN: Who = Some(("admin", 10));
pub const OWNER: Who = Some(("user1", 2));
pub const STRANGER: Who = Some(("user2", 2));
pub const UNKNOWN: Who = Some(("user1", 0));

pub const SOME_ID: &str = "75A90276-E47E-4e9e-B463-E3C743D5FF3A";

pub const BY_ID: [(&str, ById); 4] = [
    ("stop", rec_stop_by_id),
    ("discard", rec_discard_by_id),
    ("pause", rec_pause_by_id),
    ("resume", rec_resume_by_id),
];

pub const BY_DEVICE: [(&str, ByDevice); 4] = [
    ("stop", rec_stop_by_device),
    ("discard", rec_discard_by_device),
    ("pause", rec_pause_by_device),
    ("resume", rec_resume_by_device),
];

/// The first two are refused by marks.
pub const ENDING: usize = 2;

/// An engine in a directory of its own.
pub struct World {
    pub engine: Engine,
    pub dir: ScratchDir,
}

impl Deref for World {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

pub fn world() -> World {
    world_with(&[])
}

pub fn world_with(settings: &[(&str, &str)]) -> World {
    let dir = ScratchDir::new();
    let engine = Engine::open(&dir.0, settings);
    World { engine, dir }
}

pub fn line<'a>(device: &'a str, number: &'a str) -> Call<'a> {
    let given = |text: &'a str| (!text.is_empty()).then_some(text);
    Call {
        device: given(device),
        number: given(number),
        ..Call::default()
    }
}

pub fn by_user<'a>(device: &'a str, number: &'a str, user: &'a str) -> Call<'a> {
    Call {
        user: Some(user),
        ..line(device, number)
    }
}

pub fn state(state: i32) -> Call<'static> {
    Call {
        state,
        ..Call::default()
    }
}

pub fn on_device(device: &str) -> Start<'_> {
    Start {
        device: Some(device),
        ..Start::default()
    }
}

pub fn on_number(number: &str) -> Start<'_> {
    Start {
        number: Some(number),
        ..Start::default()
    }
}

pub fn on_call(call_id: &str) -> Start<'_> {
    Start {
        call_id: Some(call_id),
        ..Start::default()
    }
}

pub fn additional(start: Start<'_>) -> Start<'_> {
    Start {
        flags: start.flags | REC_START_ADDITIONAL,
        ..start
    }
}

pub fn dial_in(start: Start<'_>) -> Start<'_> {
    Start {
        flags: start.flags | REC_START_MANUAL_DIAL_IN,
        ..start
    }
}

impl World {
    /// A connected call on this line, and a recording of it by the host.
    pub fn recorded(&self, call: &Call) -> (rec_call, String) {
        let handle = self.begin(call).unwrap();
        let start = Start {
            call_id: call.call_id,
            device: call.device,
            number: call.number,
            ..Start::default()
        };
        (handle, self.start(HOST, &start).unwrap())
    }

    pub fn unmark(&self, device: Option<&str>, number: Option<&str>) -> Answer<()> {
        let (device, number) = (Arg::from(device), Arg::from(number));
        let mut line: rec_line_info = init();
        line.device_name = device.ptr();
        line.directory_number = number.ptr();
        ask(|e| unsafe { rec_line_remove(self.handle, &line, e) })
    }

    pub fn live(&self) -> Vec<Seen> {
        self.list(HOST, &Wanted::default()).unwrap()
    }

    pub fn live_ids(&self) -> Vec<String> {
        self.live().into_iter().map(|seen| seen.id).collect()
    }

    /// The call that a recording is of, as the host tagged it.
    pub fn tag(&self, id: &str) -> u64 {
        self.get(HOST, id).unwrap().call_tag
    }

    pub fn state(&self, id: &str) -> i32 {
        self.get(HOST, id).unwrap().state
    }

    pub fn wait_started_on(&self, device: &str) -> Told {
        self.events.wait(|told| {
            told.kind == REC_EVENT_STARTED && told.recording.as_ref().is_some_and(|r| r.device_name == device)
        })
    }

    pub fn stop_by_device(&self, who: Who, device: Option<&str>, number: Option<&str>) -> Answer<Counts3> {
        self.by_device(rec_stop_by_device, who, device, number)
    }

    pub fn stop_by_call(&self, who: Who, call: &str, url: Option<&str>) -> Answer<Counts3> {
        self.by_call_url(rec_stop_by_call, who, call, url)
    }

    /// All four operations by call, in the order of `BY_ID`.
    pub fn each_by_call(&self, who: Who, call: &str) -> Vec<(&'static str, Answer<Counts3>)> {
        vec![
            ("stop", self.by_call_url(rec_stop_by_call, who, call, None)),
            ("discard", self.by_call_url(rec_discard_by_call, who, call, None)),
            ("pause", self.by_call(rec_pause_by_call, who, call)),
            ("resume", self.by_call(rec_resume_by_call, who, call)),
        ]
    }

    /// Closes; every event has been told then.
    pub fn finish(self) -> (Arc<Events>, ScratchDir) {
        (self.engine.close(), self.dir)
    }
}

/// changed, already, refused
pub type Counts3 = (u32, u32, u32);

/// The refusal; fails the test if there was none, or another one.
#[track_caller]
pub fn refused<T: Debug>(answer: Answer<T>, status: rec_status) -> Refusal {
    match answer {
        Err(refusal) if refusal.status == status => refusal,
        other => panic!("status {status} expected, got {other:?}"),
    }
}

#[track_caller]
pub fn refused_because<T: Debug>(answer: Answer<T>, status: rec_status, reason: i32) -> Refusal {
    let refusal = refused(answer, status);
    assert_eq!(refusal.reason, reason, "{refusal:?}");
    refusal
}

/// A subscription that runs a closure; `freed` counts the calls of `user_data_free`.
#[derive(Debug)]
pub struct Listening {
    pub handle: rec_subscription,
    pub freed: Arc<std::sync::atomic::AtomicU32>,
}

pub type OnEvent = Box<dyn Fn(&rec_event) + Send + Sync>;

struct Data {
    act: OnEvent,
    freed: Arc<std::sync::atomic::AtomicU32>,
}

unsafe extern "C" fn run(user_data: *mut c_void, event: *const rec_event) {
    unsafe { ((*user_data.cast::<Data>()).act)(&*event) };
}

unsafe extern "C" fn free(user_data: *mut c_void) {
    let data = unsafe { Box::from_raw(user_data.cast::<Data>()) };
    data.freed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    // Freed twice, it must not become a double free of ours.
    std::mem::forget(data);
}

pub fn listen(engine: rec_engine, act: impl Fn(&rec_event) + Send + Sync + 'static) -> Answer<Listening> {
    subscribe(act, |data, handle| {
        ask(|e| unsafe { rec_subscribe(engine, Some(run), data, Some(free), handle, e) })
    })
}

/// The same by `rec_subscribe_with`.
pub fn listen_with(
    engine: rec_engine,
    flags: u32,
    act: impl Fn(&rec_event) + Send + Sync + 'static,
) -> Answer<Listening> {
    let mut options: rec_subscribe_options = init();
    options.flags = flags;
    subscribe(act, |data, handle| {
        ask(|e| unsafe { rec_subscribe_with(engine, &options, Some(run), data, Some(free), handle, e) })
    })
}

fn subscribe(
    act: impl Fn(&rec_event) + Send + Sync + 'static,
    begin: impl FnOnce(*mut c_void, *mut rec_subscription) -> Answer<()>,
) -> Answer<Listening> {
    let freed = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let data = Box::into_raw(Box::new(Data {
        act: Box::new(act),
        freed: freed.clone(),
    }));
    let mut handle = rec_subscription { id: 0 };
    begin(data.cast(), &mut handle)?;
    Ok(Listening { handle, freed })
}

impl Listening {
    pub fn end(&self) -> rec_status {
        unsafe { rec_unsubscribe(self.handle) }
    }

    pub fn freed(&self) -> u32 {
        self.freed.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// The id of an event's recording; empty where there is none.
pub fn id_of(event: &rec_event) -> String {
    if event.recording.is_null() {
        return String::new();
    }
    string(unsafe { (*event.recording).id.text.as_ptr() })
}

/// Closes an engine that was opened without the helpers.
pub fn close(engine: rec_engine) -> Answer<()> {
    ask(|e| unsafe { rec_close(engine, PATIENCE.as_millis() as u32, e) })
}
