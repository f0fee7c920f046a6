//! Collects the log lines of an engine.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::watched::Watched;

use super::abi::{checked, string};

/// The lines that an engine has logged since the collector was attached.
#[derive(Default)]
pub struct EngineLog(Watched<Vec<String>>);

impl EngineLog {
    /// Collects from now on, instead of the engine's earlier log function.
    pub fn attach(engine: rec_engine) -> Arc<EngineLog> {
        let log = Arc::<EngineLog>::default();
        let data = Arc::into_raw(log.clone()).cast_mut().cast();
        checked(|e| unsafe { rec_set_log(engine, Some(note), data, Some(release), e) }).unwrap();
        log
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.get()
    }

    /// Whether a line contains `text`.
    pub fn has(&self, text: &str) -> bool {
        self.0.lock().iter().any(|line| line.contains(text))
    }
}

unsafe extern "C" fn note(log: *mut c_void, _: i32, message: *const c_char) {
    unsafe { &*log.cast::<EngineLog>() }.0.push(string(message));
}

unsafe extern "C" fn release(log: *mut c_void) {
    drop(unsafe { Arc::from_raw(log.cast::<EngineLog>()) });
}
