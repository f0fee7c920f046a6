//! Starting and controlling recordings of one call, for a host that has the call at hand.

use std::sync::Arc;

use uuid::Uuid;

use super::call::Call;
use crate::calls::{AcceptedDraft, Caller, ControlCounts, ControlOperation, Filter, RecordingSpec};
use crate::media::Progress;
use crate::types::Result;

impl Call {
    /// As [`Recorder::start`](crate::recorder::Recorder::start), for this call, which must also
    /// match `given`. `BAD_HANDLE`: the call has ended.
    pub fn start(&self, caller: &Caller, given: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid> {
        let engine = &self.engine;
        let info = engine.registry.call_info(self.number).unwrap_or_default();
        let started = engine.require_open().and_then(|()| {
            let progress = Arc::new(Progress::default());
            let begin = |accepted: AcceptedDraft<'_>| engine.begin(accepted, progress);
            let (draft, storage) = (engine.draft_of(spec), engine.can_store());
            engine
                .registry
                .start_on_call(caller, self.number, given, draft, storage, begin)
        });
        engine.audit_start(caller, &Filter::call(&info.call_id), &started);
        Ok(started?.id)
    }

    /// As [`Recorder::control_by_call`](crate::recorder::Recorder::control_by_call), for this call
    /// alone. `BAD_HANDLE`: the call has ended.
    pub fn control(&self, caller: &Caller, operation: ControlOperation) -> Result<ControlCounts> {
        let engine = &self.engine;
        let info = engine.registry.call_info(self.number).unwrap_or_default();
        let mut touched = Vec::new();
        let now_ms = engine.clock.unix_ms();
        let done = engine.require_open().and_then(|()| {
            engine
                .registry
                .control_call(caller, operation, self.number, now_ms, &mut touched)
        });
        let request = [("call_id", info.call_id.as_str())];
        engine.audit_control(caller, operation, &request, &touched, done.as_ref().err());
        done
    }
}
