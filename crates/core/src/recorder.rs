//! What a front end controls: recordings and what is known of calls.
//!
//! A front end knows the engine as a [`Recorder`] alone where it starts, stops, lists or
//! subscribes. So the next front end needs nothing else, and a recorder that is not in this
//! process can take the engine's place. The rules are those of the published control APIs; the
//! functions of the C ABI name the source of each.

use std::sync::Arc;

use uuid::Uuid;

use crate::calls::{CallView, Caller, ControlCounts, ControlOperation, Filter, RecordingSpec, RecordingView};
use crate::events::{Listener, RefusedSubscription, SubscriptionId, SubscriptionOptions};
use crate::text::Text;
use crate::types::{Format, Result};

/// Starts, controls, lists and reports recordings.
///
/// No function waits for a disk, a network or a callback, [`Recorder::unsubscribe`] excepted.
/// All of them may be called on any thread. Each takes the `caller` who asks; what a caller may
/// do is the recorder's decision. From the moment that closing begins, every function that starts,
/// controls or lists fails with `UNAVAILABLE`.
pub trait Recorder: Send + Sync {
    /// What the configuration says of recordings in this format.
    fn default_spec(&self, format: Format) -> RecordingSpec;

    /// The sample rate in Hz that the configuration asks for in files of this format; 0: none.
    fn file_rate(&self, format: Format) -> u32;

    /// Starts a recording of one of the calls that match `target`, and returns its id. By line,
    /// the call that became connected last is taken; by call id, the one begun first. The file
    /// is made afterwards: `STARTED` or `START_FAILED` says what came of it.
    ///
    /// `spec`: an error is what is wrong with what is asked for beside the target. It is
    /// returned at its place in the order of checks.
    ///
    /// Errors, in the order of the checks: `UNAVAILABLE`, `UNAUTHENTICATED`, `FORBIDDEN`,
    /// `NO_TARGET` (reason 0), that of `spec`, `NOT_MONITORABLE` (reason 1), `AUTOMATIC`
    /// (reason 4), `NO_CALL`, `ALREADY_RECORDING`, `IO`, `NO_SPACE`, `LIMIT`.
    fn start(&self, caller: &Caller, target: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid>;

    /// The same on the caller's own call that became connected last, at whatever level they
    /// are. `NO_CALL` also for a caller without a name.
    fn start_own(&self, caller: &Caller, spec: Result<RecordingSpec>) -> Result<Uuid>;

    /// Stops, discards, pauses or resumes the recording of this id, a GUID in any published
    /// form.
    ///
    /// Errors, in the order of the checks: `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_ID`
    /// (reason 0), `NOT_LIVE`, `MANDATORY` (not for the host), `NOT_MONITORABLE` (reason 1) and
    /// `AUTOMATIC` (reason 2), of which none refuses a pause or a resume, `ALREADY_PAUSED`,
    /// `NOT_PAUSED`.
    fn control_by_id(&self, caller: &Caller, operation: ControlOperation, id: &str) -> Result<()>;

    /// The same for all that is live on the line with this device name and directory number; an
    /// empty one is not given. Returns what it did; if nothing changed, the error is that of the
    /// newest recording. `NO_TARGET`: both are empty.
    fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
    ) -> Result<ControlCounts>;

    /// The same for all that is live of the calls with this id, or for the one recording that
    /// `url` names. `NO_CALL`: there is no such call. A stop that finds nothing succeeds.
    fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<ControlCounts>;

    /// The same for all that is live of the caller's own calls, at whatever level they are.
    /// `NOT_LIVE` also for a caller without a name.
    fn control_own(&self, caller: &Caller, operation: ControlOperation) -> Result<ControlCounts>;

    /// The live recordings that match, newest last: one instant.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN` (below level 10, unless the filter's username is
    /// the caller's own), `LIMIT` (no memory for the list).
    fn list(&self, caller: &Caller, filter: &Filter) -> Result<Vec<RecordingView>>;

    /// One recording by its id: live, finishing, or ended in the last minute.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_ID`, `NOT_LIVE`.
    fn get(&self, caller: &Caller, id: &str) -> Result<RecordingView>;

    /// The live calls that match and that this caller may see, in the order in which they
    /// began. Each is as it was when the list came to it.
    ///
    /// Errors: `UNAUTHENTICATED`, `LIMIT`.
    fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>>;

    /// Tells `listener` each event from here on, one after the other on the event thread, and
    /// what has happened while nobody was subscribed. A subscription that asks for the life of
    /// calls is first told of each call that is live.
    ///
    /// Errors: `UNAVAILABLE` (closing has told its last event), `LIMIT`. The listener is then
    /// given back.
    fn subscribe(
        &self,
        options: SubscriptionOptions,
        listener: Arc<dyn Listener>,
    ) -> std::result::Result<SubscriptionId, RefusedSubscription>;

    /// Ends a subscription. Waits until a running callback of it has returned, unless it is
    /// called inside that very callback. False: there is no such subscription.
    fn unsubscribe(&self, id: SubscriptionId) -> bool;

    /// What is live now, and what has happened since the opening.
    fn statistics(&self) -> Result<Statistics>;
}

/// What a recorder is doing, and has done since it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    pub live_calls: u64,
    /// Recording or paused.
    pub live_recordings: u64,
    /// Stopped, and not yet published.
    pub finishing_recordings: u64,
    pub frames_in: u64,
    pub frames_lost: u64,
    pub frames_ignored: u64,
    /// Written to disk.
    pub bytes_out: u64,
    pub bytes_dropped: u64,
    /// Waiting to be written, now.
    pub backlog_bytes: u64,
    pub events_dropped: u64,
    /// In microseconds: how late the media workers were at most in the last second.
    pub worker_lag_us: u64,
    /// On the storage directory's file system.
    pub free_bytes: u64,
}
