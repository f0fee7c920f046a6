//! The registry of calls and live recordings. One lock, held briefly, guards the indexes; a full
//! list of the recordings is made without it.

use callrec_media::sort::sort_by_key;
use std::sync::Arc;

use crate::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::automatic::AutomaticState;
use super::call::{CallInfo, LineStay};
use super::consent::RefusalAction;
use super::filter::Filter;
use super::id::parse_id;
use super::idle::{IdleWatch, SLICE};
use super::media_control::MediaControl;
use super::recording::{NewestRecording, Recording, RecordingView};
use super::registry_state::{CallEntry, RegistryState};
use super::rules::{self, Caller};
use super::slots::Slots;
use super::successor::{TransferAction, TransferredRecording};
use crate::clock::{Clock, NS_PER_S};
use crate::memory::{self, ShardedMap};
use crate::sync::atomic::AtomicU64;
use crate::types::{EndReason, Error, RecordingState, Result, Status};

/// How long `get` finds a recording after its end.
const RETENTION_NS: u64 = 60 * NS_PER_S;

#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// 0: no limit. So are the others.
    pub calls: u64,
    pub recordings: u64,
    /// Recordings per call, for callers who may control only their own calls.
    pub per_call: u64,
    /// What a refusal of consent does to live recordings.
    pub on_refusal: RefusalAction,
    pub on_transfer: TransferAction,
}

pub struct Registry {
    clock: Arc<dyn Clock>,
    inner: Mutex<RegistryState>,
    /// Used only by the watch. Taken before `inner`.
    pub(super) idle: Mutex<IdleWatch>,
    pub(super) slots: Slots,
    pub(super) live_version: AtomicU64,
    pub(super) limits: Limits,
}

/// A snapshot of a live call and its recordings.
#[derive(Clone, Debug)]
pub struct CallView {
    pub number: u64,
    pub info: Arc<CallInfo>,
    /// The live recordings, oldest first.
    pub live: Vec<RecordingView>,
    /// The newest recording that has begun, live or not.
    pub newest: Option<NewestRecording>,
    /// The line's policy allows recording.
    pub monitorable: bool,
    /// By the line's policy, only the host may end the recordings.
    pub mandatory: bool,
    /// The line's policy asks for a recording of every call.
    pub automatic: bool,
}

/// What the engine has to do after a call has begun or changed.
#[derive(Default)]
pub struct FollowUp {
    /// Start the automatic recording of this call.
    pub automatic: bool,
    /// The recordings that a refusal of consent has ended, and how.
    pub refused: Vec<Arc<Recording>>,
    /// The recordings that a transfer has ended, and those that follow.
    pub transferred: Vec<TransferredRecording>,
}

impl Registry {
    pub fn new(limits: Limits, strict: bool, clock: Arc<dyn Clock>) -> Registry {
        let mut inner = RegistryState::default();
        inner.policies.strict = strict;
        Registry {
            clock,
            inner: Mutex::new(inner),
            idle: Mutex::default(),
            slots: Slots::new(),
            live_version: AtomicU64::new(0),
            limits,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.inner.lock()
    }

    /// The coarse clock.
    pub(super) fn now_ns(&self) -> u64 {
        self.clock.coarse_ns()
    }

    /// Adds a call. Fails with `Exists` if the line already has a call with this id, and with
    /// `Limit` if there are too many calls or no memory.
    pub fn begin(
        &self,
        number: u64,
        info: CallInfo,
        now_ms: i64,
        media: Arc<dyn MediaControl>,
    ) -> Result<FollowUp> {
        let mut inner = self.lock();
        if self.limits.calls != 0 && inner.calls.len() as u64 >= self.limits.calls {
            return Err(Error::new(
                Status::Limit,
                format!("calls.max {}: limit of live calls reached", self.limits.calls),
            ));
        }
        inner.refuse_duplicate(&info, None)?;
        inner.grow_for_call(number, &info)?;
        let lines = Arc::new(vec![LineStay::of(&info, now_ms)]);
        let info = Arc::new(info);
        media.set_info(&info);
        let begun_ns = self.now_ns();
        let mut call = CallEntry {
            number,
            info: info.clone(),
            media,
            connected: 0,
            begun_ns,
            live: Vec::new(),
            newest: None,
            previous: None,
            lines,
            automatic: AutomaticState::default(),
            kept_since_ns: None,
            interruptions: 0,
            interrupted_ns: None,
            line_forbids_past: false,
            media_forbid_past: false,
        };
        call.follow_interruptions(begun_ns);
        call.follow_line(inner.policies.of(&info), begun_ns);
        inner.index(number, &info);
        inner.calls.insert(number, call);
        inner.new_calls.push_back((begun_ns, number));
        inner.note_connected(number);
        let automatic = inner.request_automatic(number, self.now_ns());
        Ok(FollowUp {
            automatic,
            ..FollowUp::default()
        })
    }

    /// Ends a call, which finishes its recordings. Returns those that were live.
    pub fn end(&self, number: u64, reason: EndReason, now_ms: i64) -> Result<Vec<Arc<Recording>>> {
        let mut inner = self.lock();
        let Some(mut call) = inner.calls.remove(&number) else {
            return Err(call_ended());
        };
        inner.unindex(number, &call.info);
        inner.pending_automatic.remove(&number);
        let ended = std::mem::take(&mut call.live);
        for recording in &ended {
            self.finishing(&mut inner, recording, reason, now_ms);
        }
        call.media.end(reason);
        Ok(ended)
    }

    pub fn call_info(&self, number: u64) -> Option<Arc<CallInfo>> {
        self.lock().calls.get(&number).map(|call| call.info.clone())
    }

    /// Whether a live call may be recorded. `None` if the call has ended.
    pub fn is_monitorable(&self, number: u64) -> Option<bool> {
        let inner = self.lock();
        let call = inner.calls.get(&number)?;
        Some(inner.policies.of(&call.info) & rules::NOT_MONITORABLE == 0)
    }

    /// Whether only the host may end the recordings of a live call.
    pub fn is_mandatory(&self, number: u64) -> bool {
        let inner = self.lock();
        let call = inner.calls.get(&number);
        call.is_some_and(|call| inner.policies.of(&call.info) & rules::MANDATORY != 0)
    }

    /// The numbers of at most `max` live calls.
    pub fn call_numbers(&self, max: usize) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.lock().calls.keys().take(max).copied().collect();
        sort_by_key(&mut numbers, |number| *number);
        numbers
    }

    /// The order of the newest start or end so far.
    pub fn order(&self) -> u64 {
        self.lock().order
    }

    /// Numbers of live calls, live recordings and finishing recordings.
    pub fn counts(&self) -> (u64, u64, u64) {
        let inner = self.lock();
        let known = inner.by_id.len() as u64;
        let finishing = known.saturating_sub(inner.live + inner.ended.len() as u64);
        (inner.calls.len() as u64, inner.live, finishing)
    }

    /// The live calls that match, in the order in which they began. The lock is released after
    /// every `SLICE` calls, so the snapshots are not all of the same instant.
    pub fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>> {
        caller.authenticate()?;
        let mut numbers: Vec<u64> = if filter.is_empty() {
            self.all_numbers()?
        } else {
            self.lock().matching(filter)
        };
        sort_by_key(&mut numbers, |number| *number);
        let mut views = Vec::with_capacity(numbers.len());
        for slice in numbers.chunks(SLICE) {
            let inner = self.lock();
            let calls = slice.iter().filter_map(|number| inner.calls.get(number));
            let calls = calls.filter(|call| filter.matches(&call.info) && caller.may_access(&call.info));
            views.extend(calls.map(|call| CallView {
                number: call.number,
                info: call.info.clone(),
                live: call.live.iter().map(|recording| recording.view()).collect(),
                newest: call.newest.clone(),
                monitorable: inner.policies.of(&call.info) & rules::NOT_MONITORABLE == 0,
                mandatory: inner.policies.of(&call.info) & rules::MANDATORY != 0,
                automatic: inner.policies.of(&call.info) & rules::AUTOMATIC != 0,
            }));
        }
        Ok(views)
    }

    /// The numbers of all live calls. The lock is released again and again, so that a call that
    /// begins or ends meanwhile may be missing.
    fn all_numbers(&self) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for part in 0..ShardedMap::<u64, CallEntry>::parts() {
            let inner = self.lock();
            let more = inner.calls.keys_of_part(part).copied();
            memory::grow_vec(&mut numbers, more.len())?;
            numbers.extend(more);
        }
        Ok(numbers)
    }

    /// Calls `act` with all live calls, in the order in which they began, or with the error
    /// `Limit` if there is no memory for the list. No call begins, changes or ends until `act`
    /// returns. It must not wait and must not use the registry.
    pub fn with_live_calls<T>(&self, act: impl FnOnce(Result<Vec<(u64, Arc<CallInfo>)>>) -> T) -> T {
        let inner = self.lock();
        let calls = inner.calls.try_collect(|call| (call.number, call.info.clone()));
        act(calls.map(|mut calls| {
            sort_by_key(&mut calls, |(number, _)| *number);
            calls
        }))
    }

    /// Finds a recording that is live, finishing, or ended during the last minute.
    pub fn get(&self, caller: &Caller, id: &str) -> Result<RecordingView> {
        caller.authenticate()?;
        let parsed = parse_id(id);
        let found = match &parsed {
            Ok(id) => self.lock().by_id.get(id).cloned(),
            Err(_) => None,
        };
        // The caller must own the call that this snapshot shows.
        let view = found.map(|recording| recording.view());
        if caller.is_limited() && !view.as_ref().is_some_and(|view| caller.owns(&view.info)) {
            return Err(caller.forbidden());
        }
        let id = parsed?;
        match view {
            Some(view) => Ok(view),
            None => Err(Error::new(
                Status::NotLive,
                format!("id {id}: no recording that is live, finishing, or ended in the last minute"),
            )),
        }
    }

    pub fn recording(&self, id: Uuid) -> Option<Arc<Recording>> {
        self.lock().by_id.get(&id).cloned()
    }

    /// The recording ended without a request: by its limit or a write error. Returns whether it
    /// was live.
    pub fn ended_itself(&self, id: Uuid, reason: EndReason, now_ms: i64) -> bool {
        let mut inner = self.lock();
        let Some(recording) = inner.by_id.get(&id).cloned() else {
            return false;
        };
        self.finish_live(&mut inner, &recording, reason, now_ms)
    }

    /// The recording's file could not be created, or a write failed. Removes the recording from
    /// the lists and stops its tap; a live automatic recording becomes pending again. Returns
    /// whether it was live.
    pub fn failed(&self, id: Uuid, error: Status, now_ms: i64) -> bool {
        let mut inner = self.lock();
        let Some(recording) = inner.by_id.get(&id).cloned() else {
            return false;
        };
        recording.lifecycle.lock().error = error;
        let media = inner.calls.get(&recording.call).map(|call| call.media.clone());
        let was_live = self.finish_live(&mut inner, &recording, EndReason::WriteError, now_ms);
        if was_live && let Some(media) = media {
            media.stop(id, EndReason::WriteError);
            if recording.spec.is_automatic() {
                inner.retry_automatic(recording.call, self.now_ns());
            }
        }
        was_live
    }

    /// The recording's terminal event exists. `get` finds the recording for one more minute.
    pub fn remember(&self, id: Uuid) {
        let mut inner = self.lock();
        if inner.by_id.contains_key(&id) {
            // Without memory for the queue, the recording is removed now.
            match memory::attempt(|| inner.ended.try_reserve(1)) {
                Ok(()) => inner.ended.push_back((self.now_ns(), id)),
                Err(_) => drop(inner.by_id.remove(&id)),
            }
        }
    }

    /// Removes everything, which breaks the reference cycle between registry and recordings.
    pub fn clear(&self) {
        let mut inner = self.lock();
        let strict = inner.policies.strict;
        let old = std::mem::take(&mut *inner);
        inner.policies.strict = strict;
        drop(inner);
        drop(old);
        self.slots.clear();
        self.note_live_change();
    }

    /// Removes the recordings that ended more than a minute ago.
    pub fn forget_ended(&self) {
        let before = self.now_ns().saturating_sub(RETENTION_NS);
        loop {
            // Dropped outside the lock, a limited number at a time.
            let mut removed = Vec::new();
            let mut inner = self.lock();
            while removed.len() < 64
                && let Some((at, id)) = inner.ended.front().copied()
                && at <= before
            {
                inner.ended.pop_front();
                removed.extend(inner.by_id.remove(&id));
            }
            drop(inner);
            if removed.is_empty() {
                return;
            }
        }
    }

    /// Removes a recording that no event has reported.
    pub fn forget(&self, id: Uuid) {
        let removed = self.lock().by_id.remove(&id);
        drop(removed);
    }

    /// Removes a live recording from the lists. Returns whether it was live.
    pub(super) fn finish_live(
        &self,
        inner: &mut RegistryState,
        recording: &Arc<Recording>,
        reason: EndReason,
        now_ms: i64,
    ) -> bool {
        let Some(call) = inner.calls.get_mut(&recording.call) else {
            return false;
        };
        let Some(position) = call.live.iter().position(|live| live.id == recording.id) else {
            return false;
        };
        call.live.remove(position);
        call.follow_interruptions(self.now_ns());
        self.finishing(inner, recording, reason, now_ms);
        true
    }

    fn finishing(
        &self,
        inner: &mut RegistryState,
        recording: &Arc<Recording>,
        reason: EndReason,
        now_ms: i64,
    ) {
        inner.live -= 1;
        inner.allocator.remove(&self.slots, recording.slot());
        inner.order += 1;
        let mut lifecycle = recording.lifecycle.lock();
        lifecycle.state = RecordingState::Finishing;
        lifecycle.end_reason = Some(reason);
        lifecycle.ended_at_ms = now_ms;
        lifecycle.ended = inner.order;
        drop(lifecycle);
        self.note_live_change();
    }
}

pub(super) fn call_ended() -> Error {
    Error::new(Status::BadHandle, "call: the call has ended")
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
