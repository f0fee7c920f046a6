//! Collects an engine's events, and waits for them without sleeping.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::wait::PATIENCE;
use parking_lot::{Condvar, Mutex};

use super::abi::string;
use super::recordings::{Seen, seen};

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

pub(super) unsafe extern "C" fn collect(user_data: *mut c_void, event: *const rec_event) {
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

pub(super) unsafe extern "C" fn release(user_data: *mut c_void) {
    drop(unsafe { Arc::from_raw(user_data.cast::<Events>()) });
}
