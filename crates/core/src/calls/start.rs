//! Starts recordings, on request of a caller or of a line's policy.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::call::CallState;
use super::control::no_target;
use super::draft::{AcceptedDraft, RecordingDraft};
use super::filter::Filter;
use super::recording::{NewestRecording, Recording};
use super::registry::Registry;
use super::registry_state::RegistryState;
use super::rules::{self, Caller};
use crate::clock::NS_PER_MS;
use crate::types::{Error, Result, Status};

impl Registry {
    /// Starts a recording of one of the calls that match `target`.
    ///
    /// `draft` may be the error of an argument other than the target; `storage` says whether the
    /// storage accepts one more recording. Both errors are returned at their place in the order
    /// of checks. `begin` creates the recording and starts its tap, under the registry's lock.
    pub fn start(
        &self,
        caller: &Caller,
        target: &Filter,
        draft: Result<RecordingDraft>,
        storage: Result<()>,
        begin: impl FnOnce(AcceptedDraft) -> Arc<Recording>,
    ) -> Result<Arc<Recording>> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let calls = inner.allowed(caller, target)?;
        if target.is_empty() {
            return Err(no_target(
                "call_id, device_name and directory_number are all absent",
            ));
        }
        self.start_of(&mut inner, caller, (&calls, target), draft, storage, begin)
    }

    /// Starts a recording of one of these calls, which match `target` and which the caller may
    /// control.
    pub(super) fn start_of(
        &self,
        inner: &mut RegistryState,
        caller: &Caller,
        (calls, target): (&[u64], &Filter),
        draft: Result<RecordingDraft>,
        storage: Result<()>,
        begin: impl FnOnce(AcceptedDraft) -> Arc<Recording>,
    ) -> Result<Arc<Recording>> {
        let draft = draft?;
        let additional = draft.spec.is_additional();
        let picked = inner.pick(calls, target);
        inner.check_policy(picked, target, additional)?;
        let Some(number) = picked else {
            return Err(Error::new(
                Status::NoCall,
                format!(
                    "device_name \"{}\", directory_number \"{}\", call_id \"{}\": no connected call there",
                    target.device_name, target.directory_number, target.call_id
                ),
            ));
        };
        inner.check_consent(number)?;
        if !additional && inner.is_recorded(number) {
            return Err(Error::new(
                Status::AlreadyRecording,
                "the call is being recorded already; REC_START_ADDITIONAL starts one more",
            ));
        }
        storage?;
        if caller.is_limited() {
            inner.check_limit(number, self.limits.per_call)?;
        }
        self.accept(inner, number, false, draft, begin)
    }

    /// Starts the recording that a line's policy asks for. Returns `None` if the policy no longer
    /// does.
    pub fn start_automatic(
        &self,
        number: u64,
        draft: RecordingDraft,
        storage: Result<()>,
        begin: impl FnOnce(AcceptedDraft) -> Arc<Recording>,
    ) -> Result<Option<Arc<Recording>>> {
        let mut inner = self.lock();
        if !inner.pending_automatic.contains(&number) || !inner.wants_automatic(number) {
            return Ok(None);
        }
        storage?;
        let paused = inner.is_automatic_paused(number);
        let recording = self.accept(&mut inner, number, paused, draft, begin)?;
        inner.pending_automatic.remove(&number);
        if let Some(call) = inner.calls.get_mut(&number) {
            call.automatic.begin();
        }
        Ok(Some(recording))
    }

    pub(super) fn accept(
        &self,
        inner: &mut RegistryState,
        number: u64,
        paused: bool,
        mut draft: RecordingDraft,
        begin: impl FnOnce(AcceptedDraft) -> Arc<Recording>,
    ) -> Result<Arc<Recording>> {
        if self.limits.recordings != 0 && inner.live >= self.limits.recordings {
            return Err(Error::new(
                Status::Limit,
                format!(
                    "recordings.max {}: limit of live recordings reached",
                    self.limits.recordings
                ),
            ));
        }
        inner.by_id.grow(&draft.id)?;
        inner.allocator.grow(&self.slots)?;
        inner.order += 1;
        let order = inner.order;
        let RegistryState {
            calls,
            allocator,
            by_id,
            live,
            ..
        } = inner;
        let Some(call) = calls.get_mut(&number) else {
            return Err(Error::new(Status::NoCall, "the call has ended"));
        };
        let now_ns = self.now_ns();
        let from_ns = call
            .kept_from_ns(draft.spec.lookback_ms, now_ns)
            .filter(|_| !paused);
        let given_ns = from_ns.map_or(0, |from_ns| now_ns - from_ns);
        draft.spec.lookback_ms = u32::try_from(given_ns / NS_PER_MS).unwrap_or(u32::MAX);
        let recording = begin(AcceptedDraft {
            draft,
            order,
            call: number,
            previous: call.newest.as_ref().map(|newest| (newest.order, newest.id)),
            info: &call.info,
            lines: &call.lines,
            paused,
            from_ns,
        });
        let Some(slot) = allocator.insert(&self.slots, &recording) else {
            call.media.stop(recording.id, crate::types::EndReason::Discarded);
            return Err(Error::new(Status::Limit, "the registry is full"));
        };
        recording.slot.store(slot, Ordering::Relaxed);
        call.live.push(recording.clone());
        call.follow_interruptions(now_ns);
        call.previous = call.newest.replace(NewestRecording {
            id: recording.id,
            order,
            started_at_ms: recording.started_at_ms,
            info: call.info.clone(),
        });
        by_id.insert(recording.id, recording.clone());
        *live += 1;
        self.note_live_change();
        Ok(recording)
    }
}

impl RegistryState {
    /// Selects a connected call: by line, the one that became connected last; by call id, the one
    /// that began first.
    fn pick(&self, calls: &[u64], target: &Filter) -> Option<u64> {
        let connected = calls
            .iter()
            .filter_map(|number| self.calls.get(number))
            .filter(|call| call.info.state == CallState::Connected);
        let picked = if target.call_id.is_empty() {
            connected.max_by_key(|call| call.connected)
        } else {
            connected.min_by_key(|call| call.number)
        };
        picked.map(|call| call.number)
    }

    /// Checks the policy of the selected call's line, or of the requested line if no call was
    /// found. `additional`: the call may have other recordings.
    fn check_policy(&self, picked: Option<u64>, target: &Filter, additional: bool) -> Result<()> {
        let (device, number) = match picked.and_then(|number| self.calls.get(&number)) {
            Some(call) => (&call.info.device_name, &call.info.directory_number),
            None => (&target.device_name, &target.directory_number),
        };
        if picked.is_none() && device.is_empty() && number.is_empty() {
            return Ok(());
        }
        let flags = self.policies.flags(device, number);
        if flags & rules::NOT_MONITORABLE != 0 {
            return Err(rules::not_monitorable(device, number));
        }
        if flags & rules::AUTOMATIC != 0 && !additional {
            return Err(rules::automatic(device, number, 4));
        }
        Ok(())
    }

    /// Otherwise a user who may record only their own calls could fill the disk from one call.
    fn check_limit(&self, number: u64, limit: u64) -> Result<()> {
        let live = self.calls.get(&number).map_or(0, |call| call.live.len() as u64);
        if limit == 0 || live < limit {
            return Ok(());
        }
        Err(Error::new(
            Status::Limit,
            format!("recordings.max_per_call {limit}: {live} recordings of the call are live"),
        ))
    }

    fn is_recorded(&self, number: u64) -> bool {
        self.calls.get(&number).is_some_and(|call| !call.live.is_empty())
    }
}
