//! An engine of the C ABI.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::WavFile;

use super::abi::{AbiResult, CText, checked, init, text_of, with_caller};
use super::calls::{CallFields, FilterFields, StartFields};
use super::events::{ReceivedEvent, ReceivedEvents};
use super::recordings::{RecordingFields, unpack};
use super::subscription::subscribe;

/// An engine of the C ABI. A drop closes it unless the test has done so.
pub struct TestEngine {
    pub handle: rec_engine,
    pub events: Arc<ReceivedEvents>,
    closed: bool,
}

/// Opens an engine in stream time, unless `settings` say otherwise.
pub fn open_with(directory: &Path, settings: &[(&str, &str)]) -> AbiResult<rec_engine> {
    let mut config = std::ptr::null_mut();
    assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
    let set = |key: &str, value: &str| {
        let (key, value) = (CText::from(key), CText::from(value));
        checked(|e| unsafe { rec_config_set(config, key.ptr(), value.ptr(), e) })
    };
    set("storage.directory", directory.to_str().unwrap()).unwrap();
    set("media.clock", "stream").unwrap();
    set("storage.durability", "process").unwrap();
    for (key, value) in settings {
        set(key, value).unwrap();
    }
    let mut handle = rec_engine { id: 0 };
    let done = checked(|e| unsafe { rec_open(config, &mut handle, e) });
    unsafe { rec_config_free(config) };
    done.map(|()| handle)
}

impl TestEngine {
    /// Opens an engine and collects its events.
    pub fn open(directory: &Path, settings: &[(&str, &str)]) -> TestEngine {
        let engine = TestEngine::open_unsubscribed(directory, settings);
        let events = engine.events.clone();
        subscribe(engine.handle, move |event| {
            events.0.push(ReceivedEvent::copy(event));
        })
        .unwrap();
        engine
    }

    /// Opens an engine without a subscriber.
    pub fn open_unsubscribed(directory: &Path, settings: &[(&str, &str)]) -> TestEngine {
        TestEngine::unsubscribed(open_with(directory, settings).unwrap())
    }

    /// Wraps an open engine without subscribing to it.
    pub fn unsubscribed(handle: rec_engine) -> TestEngine {
        TestEngine {
            handle,
            events: Arc::default(),
            closed: false,
        }
    }

    pub fn begin(&self, call: &CallFields) -> AbiResult<rec_call> {
        let mut handle = rec_call { id: 0 };
        call.with(|info| checked(|e| unsafe { rec_call_begin(self.handle, info, &mut handle, e) }))?;
        Ok(handle)
    }

    pub fn start(&self, caller: Option<(&str, u32)>, start: &StartFields) -> AbiResult<String> {
        self.start_by(rec_start, caller, start)
    }

    pub fn start_by(
        &self,
        op: StartBy,
        caller: Option<(&str, u32)>,
        start: &StartFields,
    ) -> AbiResult<String> {
        let mut id = rec_id { text: [0; 37] };
        with_caller(caller, |caller| {
            start.with(|options| checked(|e| unsafe { op(self.handle, caller, options, &mut id, e) }))
        })?;
        Ok(text_of(&id.text))
    }

    pub fn by_id(&self, op: ById, caller: Option<(&str, u32)>, id: &str) -> AbiResult<()> {
        let id = CText::from(id);
        with_caller(caller, |caller| {
            checked(|e| unsafe { op(self.handle, caller, id.ptr(), e) })
        })
    }

    /// Holds or releases a recording.
    pub fn hold(&self, caller: Option<(&str, u32)>, id: &str, on: u32) -> AbiResult<()> {
        let id = CText::from(id);
        with_caller(caller, |caller| {
            checked(|e| unsafe { rec_hold(self.handle, caller, id.ptr(), on, e) })
        })
    }

    /// Returns (changed, already, refused).
    pub fn by_device(
        &self,
        op: ByDevice,
        caller: Option<(&str, u32)>,
        device: Option<&str>,
        number: Option<&str>,
    ) -> AbiResult<(u32, u32, u32)> {
        let (device, number) = (CText::from(device), CText::from(number));
        let mut counts: rec_counts = init();
        with_caller(caller, |caller| {
            checked(|e| unsafe { op(self.handle, caller, device.ptr(), number.ptr(), &mut counts, e) })
        })?;
        Ok((counts.changed, counts.already, counts.refused))
    }

    pub fn by_call(&self, op: ByCall, caller: Option<(&str, u32)>, call: &str) -> AbiResult<(u32, u32, u32)> {
        let call = CText::from(call);
        let mut counts: rec_counts = init();
        with_caller(caller, |caller| {
            checked(|e| unsafe { op(self.handle, caller, call.ptr(), &mut counts, e) })
        })?;
        Ok((counts.changed, counts.already, counts.refused))
    }

    pub fn by_call_url(
        &self,
        op: ByCallUrl,
        caller: Option<(&str, u32)>,
        call: &str,
        url: Option<&str>,
    ) -> AbiResult<(u32, u32, u32)> {
        let (call, url) = (CText::from(call), CText::from(url));
        let mut counts: rec_counts = init();
        with_caller(caller, |caller| {
            checked(|e| unsafe { op(self.handle, caller, call.ptr(), url.ptr(), &mut counts, e) })
        })?;
        Ok((counts.changed, counts.already, counts.refused))
    }

    pub fn list(
        &self,
        caller: Option<(&str, u32)>,
        filter: &FilterFields,
    ) -> AbiResult<Vec<RecordingFields>> {
        self.list_json(caller, filter).map(|(recordings, _)| recordings)
    }

    pub fn list_json(
        &self,
        caller: Option<(&str, u32)>,
        filter: &FilterFields,
    ) -> AbiResult<(Vec<RecordingFields>, serde_json::Value)> {
        let mut snapshot = std::ptr::null_mut();
        with_caller(caller, |caller| {
            filter.with(|filter| {
                checked(|e| unsafe { rec_list(self.handle, caller, filter, &mut snapshot, e) })
            })
        })?;
        Ok(unpack(snapshot))
    }

    pub fn get(&self, caller: Option<(&str, u32)>, id: &str) -> AbiResult<RecordingFields> {
        let id = CText::from(id);
        let mut snapshot = std::ptr::null_mut();
        with_caller(caller, |caller| {
            checked(|e| unsafe { rec_get(self.handle, caller, id.ptr(), &mut snapshot, e) })
        })?;
        Ok(unpack(snapshot).0.remove(0))
    }

    pub fn line(&self, device: Option<&str>, number: Option<&str>, flags: u32) -> AbiResult<()> {
        let (device, number) = (CText::from(device), CText::from(number));
        let mut line: rec_line_info = init();
        line.device_name = device.ptr();
        line.directory_number = number.ptr();
        line.flags = flags;
        checked(|e| unsafe { rec_line_set(self.handle, &line, e) })
    }

    pub fn stats(&self) -> rec_statistics {
        let mut statistics: rec_statistics = init();
        checked(|e| unsafe { rec_stats(self.handle, &mut statistics, e) }).unwrap();
        statistics
    }

    pub fn close(mut self) -> Arc<ReceivedEvents> {
        self.closed = true;
        checked(|e| unsafe { rec_close(self.handle, PATIENCE.as_millis() as u32, e) }).unwrap();
        self.events.clone()
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        if !self.closed {
            let _ = checked(|e| unsafe { rec_close(self.handle, 10_000, e) });
        }
    }
}

pub type StartBy = unsafe extern "C" fn(
    rec_engine,
    *const rec_caller,
    *const rec_start_options,
    *mut rec_id,
    *mut rec_error,
) -> rec_status;

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

/// Waits for the FINISHED event of a recording, and reads its file.
pub fn finished(engine: &TestEngine, id: &str) -> (RecordingFields, WavFile) {
    let event = engine.events.wait_terminal(id);
    assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
    let recording = event.recording.unwrap();
    let wav = WavFile::read(&recording.path);
    (recording, wav)
}
