//! The C ABI, as the tests call it: thin safe wrappers, an event collector, files.
#![allow(dead_code, unsafe_code, clippy::undocumented_unsafe_blocks)]

pub mod build;
pub mod files;
pub mod kit;
pub mod rtp;

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callrec::capi::*;
use parking_lot::{Condvar, Mutex};

/// An empty struct with its size set, as REC_INIT makes it.
pub fn init<T: Copy>() -> T {
    // SAFETY: the ABI's structs are plain data, valid when zero.
    let mut made: T = unsafe { std::mem::zeroed() };
    unsafe { (&raw mut made).cast::<u32>().write(size_of::<T>() as u32) };
    made
}

/// A directory of its own, removed at the end unless the test failed.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Dir {
        let path = std::env::temp_dir().join(format!("callrec-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A refusal, as `rec_error` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: rec_status,
    pub reason: i32,
    pub device_name: String,
    pub message: String,
}

pub type Answer<T> = Result<T, Refusal>;

fn text_of(chars: &[c_char]) -> String {
    unsafe { CStr::from_ptr(chars.as_ptr()) }
        .to_str()
        .unwrap()
        .to_owned()
}

pub fn string(at: *const c_char) -> String {
    assert!(!at.is_null(), "the ABI gives no NULL strings");
    unsafe { CStr::from_ptr(at) }.to_str().unwrap().to_owned()
}

/// Calls with a fresh `rec_error`; checks that error and status agree.
pub fn ask(call: impl FnOnce(*mut rec_error) -> rec_status) -> Answer<()> {
    let mut error: rec_error = init();
    let status = call(&mut error);
    assert_eq!(status, error.status, "rec_error says another status");
    if status == REC_OK {
        assert_eq!((error.reason, text_of(&error.message).as_str()), (-1, ""));
        return Ok(());
    }
    Err(Refusal {
        status,
        reason: error.reason,
        device_name: text_of(&error.device_name),
        message: text_of(&error.message),
    })
}

/// A C string that lives as long as this value; `None` is NULL.
pub struct Arg(Option<CString>);

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg(Some(CString::new(text).unwrap()))
    }
}

impl From<Option<&str>> for Arg {
    fn from(text: Option<&str>) -> Arg {
        Arg(text.map(|text| CString::new(text).unwrap()))
    }
}

impl Arg {
    pub fn ptr(&self) -> *const c_char {
        self.0.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
    }
}

/// A recording as C sees it, with its strings copied.
#[derive(Clone, Debug)]
pub struct Seen {
    pub id: String,
    pub state: i32,
    pub end_reason: i32,
    pub error: rec_status,
    pub layout: i32,
    pub pause_mode: i32,
    pub flags: u32,
    pub sample_rate: u32,
    pub call_tag: u64,
    pub call_id: String,
    pub device_name: String,
    pub directory_number: String,
    pub username: String,
    pub format: String,
    pub url: String,
    pub path: String,
    pub digest: String,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub lost_ms: u64,
    pub bytes: u64,
}

/// # Safety
/// `at` points to a recording of the library.
unsafe fn seen(at: *const rec_recording) -> Seen {
    let r = unsafe { &*at };
    Seen {
        id: text_of(&r.id.text),
        state: r.state,
        end_reason: r.end_reason,
        error: r.error,
        layout: r.layout,
        pause_mode: r.pause_mode,
        flags: r.flags,
        sample_rate: r.sample_rate,
        call_tag: r.call_tag,
        call_id: string(r.call_id),
        device_name: string(r.device_name),
        directory_number: string(r.directory_number),
        username: string(r.username),
        format: string(r.format),
        url: string(r.url),
        path: string(r.path),
        digest: string(r.digest),
        started_at_ms: r.started_at_ms,
        ended_at_ms: r.ended_at_ms,
        duration_ms: r.duration_ms,
        paused_ms: r.paused_ms,
        lost_ms: r.lost_ms,
        bytes: r.bytes,
    }
}

#[derive(Clone, Debug)]
pub struct Told {
    pub kind: i32,
    pub flags: u32,
    pub sequence: u64,
    pub call_tag: u64,
    pub recording: Option<Seen>,
    pub json: serde_json::Value,
}

impl Told {
    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED)
    }

    pub fn id(&self) -> &str {
        self.recording.as_ref().map_or("", |recording| &recording.id)
    }
}

/// Collects events; waits for them without sleeping.
#[derive(Default)]
pub struct Events {
    told: Mutex<Vec<Told>>,
    came: Condvar,
}

/// Generous: only a test that is about to fail waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

impl Events {
    pub fn all(&self) -> Vec<Told> {
        self.told.lock().clone()
    }

    pub fn of(&self, id: &str) -> Vec<Told> {
        self.all().into_iter().filter(|told| told.id() == id).collect()
    }

    pub fn kinds(&self, id: &str) -> Vec<i32> {
        self.of(id).iter().map(|told| told.kind).collect()
    }

    /// Waits until an event fits; panics with what was told after PATIENCE.
    pub fn wait(&self, fits: impl Fn(&Told) -> bool) -> Told {
        let deadline = Instant::now() + PATIENCE;
        let mut told = self.told.lock();
        loop {
            if let Some(found) = told.iter().find(|told| fits(told)) {
                return found.clone();
            }
            assert!(
                !self.came.wait_until(&mut told, deadline).timed_out(),
                "never told: {told:#?}"
            );
        }
    }

    pub fn wait_kind(&self, id: &str, kind: i32) -> Told {
        self.wait(|told| told.id() == id && told.kind == kind)
    }

    pub fn wait_terminal(&self, id: &str) -> Told {
        self.wait(|told| told.id() == id && told.is_terminal())
    }
}

unsafe extern "C" fn collect(user_data: *mut c_void, event: *const rec_event) {
    let (events, event) = unsafe { (&*user_data.cast::<Events>(), &*event) };
    let told = Told {
        kind: event.kind,
        flags: event.flags,
        sequence: event.sequence,
        call_tag: event.call_tag,
        recording: (!event.recording.is_null()).then(|| unsafe { seen(event.recording) }),
        json: serde_json::from_str(&string(event.json)).unwrap(),
    };
    events.told.lock().push(told);
    events.came.notify_all();
}

unsafe extern "C" fn release(user_data: *mut c_void) {
    drop(unsafe { Arc::from_raw(user_data.cast::<Events>()) });
}

/// An engine through its C handle; closed at the end if the test did not.
pub struct Engine {
    pub handle: rec_engine,
    pub events: Arc<Events>,
    closed: bool,
}

/// Opens with stream time unless `settings` say otherwise.
pub fn open_with(directory: &Path, settings: &[(&str, &str)]) -> Answer<rec_engine> {
    let mut config = std::ptr::null_mut();
    assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
    let set = |key: &str, value: &str| {
        let (key, value) = (Arg::from(key), Arg::from(value));
        ask(|e| unsafe { rec_config_set(config, key.ptr(), value.ptr(), e) })
    };
    set("storage.directory", directory.to_str().unwrap()).unwrap();
    set("media.clock", "stream").unwrap();
    set("storage.durability", "process").unwrap();
    for (key, value) in settings {
        set(key, value).unwrap();
    }
    let mut handle = rec_engine { id: 0 };
    let done = ask(|e| unsafe { rec_open(config, &mut handle, e) });
    unsafe { rec_config_free(config) };
    done.map(|()| handle)
}

impl Engine {
    pub fn open(directory: &Path, settings: &[(&str, &str)]) -> Engine {
        let handle = open_with(directory, settings).unwrap();
        let events = Arc::new(Events::default());
        let mut subscription = rec_subscription { id: 0 };
        let data = Arc::into_raw(events.clone()).cast_mut().cast();
        ask(|e| unsafe { rec_subscribe(handle, Some(collect), data, Some(release), &mut subscription, e) })
            .unwrap();
        Engine {
            handle,
            events,
            closed: false,
        }
    }

    /// One that nobody has subscribed to.
    pub fn unheard(handle: rec_engine) -> Engine {
        Engine {
            handle,
            events: Arc::default(),
            closed: false,
        }
    }

    /// With nobody who listens to its events.
    pub fn open_unheard(directory: &Path, settings: &[(&str, &str)]) -> Engine {
        Engine {
            handle: open_with(directory, settings).unwrap(),
            events: Arc::default(),
            closed: false,
        }
    }

    pub fn begin(&self, call: &Call) -> Answer<rec_call> {
        let mut handle = rec_call { id: 0 };
        call.with(|info| ask(|e| unsafe { rec_call_begin(self.handle, info, &mut handle, e) }))?;
        Ok(handle)
    }

    pub fn start(&self, caller: Option<(&str, u32)>, start: &Start) -> Answer<String> {
        let mut id = rec_id { text: [0; 37] };
        with_caller(caller, |caller| {
            start.with(|options| ask(|e| unsafe { rec_start(self.handle, caller, options, &mut id, e) }))
        })?;
        Ok(text_of(&id.text))
    }

    pub fn by_id(&self, op: ById, caller: Option<(&str, u32)>, id: &str) -> Answer<()> {
        let id = Arg::from(id);
        with_caller(caller, |caller| {
            ask(|e| unsafe { op(self.handle, caller, id.ptr(), e) })
        })
    }

    /// (changed, already, refused)
    pub fn by_device(
        &self,
        op: ByDevice,
        caller: Option<(&str, u32)>,
        device: Option<&str>,
        number: Option<&str>,
    ) -> Answer<(u32, u32, u32)> {
        let (device, number) = (Arg::from(device), Arg::from(number));
        let mut counts: rec_counts = init();
        with_caller(caller, |caller| {
            ask(|e| unsafe { op(self.handle, caller, device.ptr(), number.ptr(), &mut counts, e) })
        })?;
        Ok((counts.changed, counts.already, counts.refused))
    }

    pub fn by_call(&self, op: ByCall, caller: Option<(&str, u32)>, call: &str) -> Answer<(u32, u32, u32)> {
        let call = Arg::from(call);
        let mut counts: rec_counts = init();
        with_caller(caller, |caller| {
            ask(|e| unsafe { op(self.handle, caller, call.ptr(), &mut counts, e) })
        })?;
        Ok((counts.changed, counts.already, counts.refused))
    }

    pub fn by_call_url(
        &self,
        op: ByCallUrl,
        caller: Option<(&str, u32)>,
        call: &str,
        url: Option<&str>,
    ) -> Answer<(u32, u32, u32)> {
        let (call, url) = (Arg::from(call), Arg::from(url));
        let mut counts: rec_counts = init();
        with_caller(caller, |caller| {
            ask(|e| unsafe { op(self.handle, caller, call.ptr(), url.ptr(), &mut counts, e) })
        })?;
        Ok((counts.changed, counts.already, counts.refused))
    }

    pub fn list(&self, caller: Option<(&str, u32)>, filter: &Wanted) -> Answer<Vec<Seen>> {
        self.list_json(caller, filter).map(|(seen, _)| seen)
    }

    pub fn list_json(
        &self,
        caller: Option<(&str, u32)>,
        filter: &Wanted,
    ) -> Answer<(Vec<Seen>, serde_json::Value)> {
        let mut snapshot = std::ptr::null_mut();
        with_caller(caller, |caller| {
            filter.with(|filter| ask(|e| unsafe { rec_list(self.handle, caller, filter, &mut snapshot, e) }))
        })?;
        Ok(unpack(snapshot))
    }

    pub fn get(&self, caller: Option<(&str, u32)>, id: &str) -> Answer<Seen> {
        let id = Arg::from(id);
        let mut snapshot = std::ptr::null_mut();
        with_caller(caller, |caller| {
            ask(|e| unsafe { rec_get(self.handle, caller, id.ptr(), &mut snapshot, e) })
        })?;
        Ok(unpack(snapshot).0.remove(0))
    }

    pub fn line(&self, device: Option<&str>, number: Option<&str>, flags: u32) -> Answer<()> {
        let (device, number) = (Arg::from(device), Arg::from(number));
        let mut line: rec_line_info = init();
        line.device_name = device.ptr();
        line.directory_number = number.ptr();
        line.flags = flags;
        ask(|e| unsafe { rec_line_set(self.handle, &line, e) })
    }

    pub fn stats(&self) -> rec_statistics {
        let mut statistics: rec_statistics = init();
        ask(|e| unsafe { rec_stats(self.handle, &mut statistics, e) }).unwrap();
        statistics
    }

    pub fn close(mut self) -> Arc<Events> {
        self.closed = true;
        ask(|e| unsafe { rec_close(self.handle, PATIENCE.as_millis() as u32, e) }).unwrap();
        self.events.clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.closed {
            let _ = ask(|e| unsafe { rec_close(self.handle, 10_000, e) });
        }
    }
}

pub type ById =
    unsafe extern "C" fn(rec_engine, *const rec_caller, *const c_char, *mut rec_error) -> rec_status;
pub type ByDevice = unsafe extern "C" fn(
    rec_engine,
    *const rec_caller,
    *const c_char,
    *const c_char,
    *mut rec_counts,
    *mut rec_error,
) -> rec_status;
pub type ByCall = unsafe extern "C" fn(
    rec_engine,
    *const rec_caller,
    *const c_char,
    *mut rec_counts,
    *mut rec_error,
) -> rec_status;
pub type ByCallUrl = ByDevice;

fn unpack(snapshot: *mut rec_snapshot) -> (Vec<Seen>, serde_json::Value) {
    let count = unsafe { rec_snapshot_count(snapshot) };
    let all = (0..count)
        .map(|index| unsafe { seen(rec_snapshot_get(snapshot, index)) })
        .collect();
    assert!(unsafe { rec_snapshot_get(snapshot, count) }.is_null());
    let json = serde_json::from_str(&string(unsafe { rec_snapshot_json(snapshot) })).unwrap();
    unsafe { rec_snapshot_free(snapshot) };
    (all, json)
}

pub fn with_caller<R>(caller: Option<(&str, u32)>, act: impl FnOnce(*const rec_caller) -> R) -> R {
    let Some((name, level)) = caller else {
        return act(std::ptr::null());
    };
    let name = Arg::from(name);
    let mut struct_: rec_caller = init();
    struct_.username = name.ptr();
    struct_.level = level;
    act(&struct_)
}

/// What `rec_call_info` says; `None` is NULL.
#[derive(Clone, Copy, Default)]
pub struct Call<'a> {
    pub state: i32,
    pub direction: i32,
    pub tag: u64,
    pub call_id: Option<&'a str>,
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub user: Option<&'a str>,
    pub numeric: Option<&'a str>,
    pub first: Option<&'a str>,
    pub last: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub ani: Option<&'a str>,
    pub dnis: Option<&'a str>,
    pub attributes: Option<&'a str>,
    pub switch_call_id: Option<&'a str>,
    pub call_type: Option<&'a str>,
    pub connected_at_ms: i64,
}

impl Call<'_> {
    pub fn with<R>(&self, act: impl FnOnce(*const rec_call_info) -> R) -> R {
        let texts = [
            self.call_id,
            self.device,
            self.number,
            self.user,
            self.numeric,
            self.first,
            self.last,
            self.phone,
            self.ani,
            self.dnis,
            self.attributes,
            self.switch_call_id,
            self.call_type,
        ]
        .map(Arg::from);
        let mut info: rec_call_info = init();
        info.state = self.state;
        info.direction = self.direction;
        info.tag = self.tag;
        let [
            call_id,
            device,
            number,
            user,
            numeric,
            first,
            last,
            phone,
            ani,
            dnis,
            attributes,
            switch_call_id,
            call_type,
        ] = texts.each_ref().map(Arg::ptr);
        info.call_id = call_id;
        info.device_name = device;
        info.directory_number = number;
        info.username = user;
        info.numeric_user_id = numeric;
        info.remote_first_name = first;
        info.remote_last_name = last;
        info.remote_phone_number = phone;
        info.ani = ani;
        info.dnis = dnis;
        info.attributes_json = attributes;
        info.switch_call_id = switch_call_id;
        info.call_type = call_type;
        info.connected_at_ms = self.connected_at_ms;
        act(&info)
    }

    pub fn update(&self, call: rec_call) -> Answer<()> {
        self.with(|info| ask(|e| unsafe { rec_call_update(call, info, e) }))
    }
}

/// What `rec_start_options` says.
#[derive(Clone, Copy, Default)]
pub struct Start<'a> {
    pub flags: u32,
    pub layout: i32,
    pub pause_mode: i32,
    pub max_duration_ms: u32,
    pub lookback_ms: u32,
    pub call_id: Option<&'a str>,
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub format: Option<&'a str>,
    pub callback_url: Option<&'a str>,
}

impl Start<'_> {
    fn with<R>(&self, act: impl FnOnce(*const rec_start_options) -> R) -> R {
        let texts = [
            self.call_id,
            self.device,
            self.number,
            self.format,
            self.callback_url,
        ]
        .map(Arg::from);
        let mut options: rec_start_options = init();
        options.flags = self.flags;
        options.layout = self.layout;
        options.pause_mode = self.pause_mode;
        options.max_duration_ms = self.max_duration_ms;
        options.lookback_ms = self.lookback_ms;
        let [call_id, device, number, format, callback_url] = texts.each_ref().map(Arg::ptr);
        options.call_id = call_id;
        options.device_name = device;
        options.directory_number = number;
        options.format = format;
        options.callback_url = callback_url;
        act(&options)
    }
}

/// What `rec_filter` says.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub device: Option<&'a str>,
    pub number: Option<&'a str>,
    pub user: Option<&'a str>,
    pub numeric: Option<&'a str>,
    pub call_id: Option<&'a str>,
}

impl Wanted<'_> {
    fn with<R>(&self, act: impl FnOnce(*const rec_filter) -> R) -> R {
        let texts = [self.device, self.number, self.user, self.numeric, self.call_id].map(Arg::from);
        let mut filter: rec_filter = init();
        let [device, number, user, numeric, call_id] = texts.each_ref().map(Arg::ptr);
        filter.device_name = device;
        filter.directory_number = number;
        filter.username = user;
        filter.numeric_user_id = numeric;
        filter.call_id = call_id;
        act(&filter)
    }
}

pub fn end(call: rec_call) -> Answer<()> {
    ask(|e| unsafe { rec_call_end(call, e) })
}

pub fn private(call: rec_call, on: u32) -> Answer<()> {
    ask(|e| unsafe { rec_call_private(call, on, e) })
}

pub fn feed(call: rec_call, leg: i32, codec: i32, rate: u32) -> Answer<rec_feed> {
    let mut format: rec_feed_format = init();
    format.codec = codec;
    format.sample_rate = rate;
    let mut handle = rec_feed { id: 0 };
    ask(|e| unsafe { rec_feed_open(call, leg, &format, &mut handle, e) })?;
    Ok(handle)
}

pub fn write_pcm(feed: rec_feed, samples: &[i16]) {
    for frame in samples.chunks(160) {
        kit::until_taken(feed, || unsafe {
            rec_feed_write(feed, frame.as_ptr().cast(), frame.len() * 2)
        });
    }
}

pub fn write_bytes(feed: rec_feed, bytes: &[u8]) {
    for frame in bytes.chunks(160) {
        kit::until_taken(feed, || unsafe {
            rec_feed_write(feed, frame.as_ptr().cast(), frame.len())
        });
    }
}

pub fn send_rtp(feed: rec_feed, packet: &[u8]) {
    kit::until_taken(feed, || unsafe {
        rec_feed_rtp(feed, packet.as_ptr().cast(), packet.len())
    });
}
