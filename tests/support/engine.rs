//! An engine through its C handle.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::Wav;

use super::abi::{Answer, Arg, ask, init, text_of, with_caller};
use super::calls::{Call, Start, Wanted};
use super::events::{Events, collect, release};
use super::recordings::{Seen, unpack};

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

/// The finished recording that was told of, and its file.
pub fn finished(engine: &Engine, id: &str) -> (Seen, Wav) {
    let told = engine.events.wait_terminal(id);
    assert_eq!(told.kind, REC_EVENT_FINISHED, "{told:#?}");
    let seen = told.recording.unwrap();
    let wav = Wav::read(&seen.path);
    (seen, wav)
}
