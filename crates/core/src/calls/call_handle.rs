//! Starts and controls recordings of the one call that the host names by its handle.

use std::sync::Arc;

use super::call::CallInfo;
use super::control::{ControlOutcome, ControlRequest, TargetKind};
use super::draft::{AcceptedDraft, RecordingDraft};
use super::filter::Filter;
use super::recording::Recording;
use super::registry::{Registry, call_ended};
use super::registry_state::RegistryState;
use super::rules::{Caller, ControlCounts, ControlOperation};
use crate::types::Result;

impl Registry {
    /// As [`Registry::start`], for the call with this number. The call must also match `given`.
    pub fn start_on_call(
        &self,
        caller: &Caller,
        number: u64,
        given: &Filter,
        draft: Result<RecordingDraft>,
        storage: Result<()>,
        begin: impl FnOnce(AcceptedDraft) -> Arc<Recording>,
    ) -> Result<Arc<Recording>> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let info = inner.accessible(caller, number)?;
        // The call's own fields, so that its line's policy counts also while it is on hold.
        let own = Filter {
            call_id: info.call_id.clone(),
            ..Filter::line(&info.device_name, &info.directory_number)
        };
        let (calls, target) = match given.matches(&info) {
            true => (vec![number], &own),
            false => (Vec::new(), given),
        };
        self.start_of(&mut inner, caller, (&calls, target), draft, storage, begin)
    }

    /// As [`Registry::control_by_call`], for the call with this number alone.
    pub fn control_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        number: u64,
        now_ms: i64,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<ControlCounts> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let info = inner.accessible(caller, number)?;
        let request = ControlRequest {
            caller,
            operation,
            target_kind: TargetKind::Call,
            now_ms,
        };
        self.control_calls(&mut inner, &request, &[number], &info.call_id, None, outcomes)
    }
}

impl RegistryState {
    /// The call's description. Fails with `Forbidden` if the caller may not control the call.
    fn accessible(&self, caller: &Caller, number: u64) -> Result<Arc<CallInfo>> {
        let call = self.calls.get(&number).ok_or_else(call_ended)?;
        match caller.may_access(&call.info) {
            true => Ok(call.info.clone()),
            false => Err(caller.forbidden()),
        }
    }
}
