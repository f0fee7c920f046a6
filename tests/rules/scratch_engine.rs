//! An engine in a scratch directory, and the callers, calls and starts of these tests.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::PATIENCE;

use crate::support::*;

pub type CallerFields<'a> = Option<(&'a str, u32)>;

pub const HOST: CallerFields = None;
pub const ADMIN: CallerFields = Some(("admin", 10));
pub const OWNER: CallerFields = Some(("user1", 2));
pub const STRANGER: CallerFields = Some(("user2", 2));
pub const UNKNOWN: CallerFields = Some(("user1", 0));

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

/// How many operations, from the first on, a line policy can refuse.
pub const ENDING: usize = 2;

/// An engine in a scratch directory.
pub struct ScratchEngine {
    pub engine: TestEngine,
    pub dir: ScratchDir,
}

impl Deref for ScratchEngine {
    type Target = TestEngine;

    fn deref(&self) -> &TestEngine {
        &self.engine
    }
}

pub fn scratch_engine() -> ScratchEngine {
    scratch_engine_with(&[])
}

pub fn scratch_engine_with(settings: &[(&str, &str)]) -> ScratchEngine {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, settings);
    ScratchEngine { engine, dir }
}

pub fn line<'a>(device: &'a str, number: &'a str) -> CallFields<'a> {
    let given = |text: &'a str| (!text.is_empty()).then_some(text);
    CallFields {
        device: given(device),
        number: given(number),
        ..CallFields::default()
    }
}

pub fn by_user<'a>(device: &'a str, number: &'a str, user: &'a str) -> CallFields<'a> {
    CallFields {
        user: Some(user),
        ..line(device, number)
    }
}

pub fn state(state: i32) -> CallFields<'static> {
    CallFields {
        state,
        ..CallFields::default()
    }
}

pub fn on_device(device: &str) -> StartFields<'_> {
    StartFields {
        device: Some(device),
        ..StartFields::default()
    }
}

pub fn on_number(number: &str) -> StartFields<'_> {
    StartFields {
        number: Some(number),
        ..StartFields::default()
    }
}

pub fn on_call(call_id: &str) -> StartFields<'_> {
    StartFields {
        call_id: Some(call_id),
        ..StartFields::default()
    }
}

pub fn additional(start: StartFields<'_>) -> StartFields<'_> {
    StartFields {
        flags: start.flags | REC_START_ADDITIONAL,
        ..start
    }
}

pub fn dial_in(start: StartFields<'_>) -> StartFields<'_> {
    StartFields {
        flags: start.flags | REC_START_MANUAL_DIAL_IN,
        ..start
    }
}

impl ScratchEngine {
    /// Begins a call, and a recording of it by the host.
    pub fn recorded(&self, call: &CallFields) -> (rec_call, String) {
        let handle = self.begin(call).unwrap();
        let start = StartFields {
            call_id: call.call_id,
            device: call.device,
            number: call.number,
            ..StartFields::default()
        };
        (handle, self.start(HOST, &start).unwrap())
    }

    pub fn remove_line(&self, device: Option<&str>, number: Option<&str>) -> AbiResult<()> {
        let (device, number) = (CText::from(device), CText::from(number));
        let mut line: rec_line_info = init();
        line.device_name = device.ptr();
        line.directory_number = number.ptr();
        checked(|e| unsafe { rec_line_remove(self.handle, &line, e) })
    }

    pub fn live(&self) -> Vec<RecordingFields> {
        self.list(HOST, &FilterFields::default()).unwrap()
    }

    pub fn live_ids(&self) -> Vec<String> {
        self.live().into_iter().map(|recording| recording.id).collect()
    }

    /// The host's tag of a recording's call.
    pub fn tag(&self, id: &str) -> u64 {
        self.get(HOST, id).unwrap().call_tag
    }

    pub fn state(&self, id: &str) -> i32 {
        self.get(HOST, id).unwrap().state
    }

    pub fn wait_started_on(&self, device: &str) -> ReceivedEvent {
        self.events.wait(|event| {
            event.kind == REC_EVENT_STARTED
                && event.recording.as_ref().is_some_and(|r| r.device_name == device)
        })
    }

    pub fn stop_by_device(
        &self,
        caller: CallerFields,
        device: Option<&str>,
        number: Option<&str>,
    ) -> AbiResult<Counts3> {
        self.by_device(rec_stop_by_device, caller, device, number)
    }

    pub fn stop_by_call(&self, caller: CallerFields, call: &str, url: Option<&str>) -> AbiResult<Counts3> {
        self.by_call_url(rec_stop_by_call, caller, call, url)
    }

    /// Performs all four operations by call, in the order of `BY_ID`.
    pub fn each_by_call(&self, caller: CallerFields, call: &str) -> Vec<(&'static str, AbiResult<Counts3>)> {
        vec![
            ("stop", self.by_call_url(rec_stop_by_call, caller, call, None)),
            (
                "discard",
                self.by_call_url(rec_discard_by_call, caller, call, None),
            ),
            ("pause", self.by_call(rec_pause_by_call, caller, call)),
            ("resume", self.by_call(rec_resume_by_call, caller, call)),
        ]
    }

    /// Closes the engine. It has reported every event then.
    pub fn finish(self) -> (Arc<ReceivedEvents>, ScratchDir) {
        (self.engine.close(), self.dir)
    }
}

/// (changed, already, refused)
pub type Counts3 = (u32, u32, u32);

/// The error of a result that must have this status.
#[track_caller]
pub fn refused<T: Debug>(result: AbiResult<T>, status: rec_status) -> AbiError {
    match result {
        Err(error) if error.status == status => error,
        other => panic!("status {status} expected, got {other:?}"),
    }
}

#[track_caller]
pub fn refused_because<T: Debug>(result: AbiResult<T>, status: rec_status, reason: i32) -> AbiError {
    let error = refused(result, status);
    assert_eq!(error.reason, reason, "{error:?}");
    error
}

/// Closes an engine that was not opened by [`TestEngine`].
pub fn close(engine: rec_engine) -> AbiResult<()> {
    checked(|e| unsafe { rec_close(engine, PATIENCE.as_millis() as u32, e) })
}
