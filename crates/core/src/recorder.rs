//! The interface through which a front end controls recordings and reads the state of calls.
//!
//! A front end starts, stops, lists and subscribes only through [`Recorder`], so a recorder in
//! another process can replace the engine. The rules are those of the published control APIs;
//! each function of the C ABI names its source.

use std::sync::Arc;

use uuid::Uuid;

use crate::calls::{
    CallView, Caller, ControlCounts, ControlOperation, Filter, LiveList, RecordingSpec, RecordingView,
};
use crate::events::{Listener, RefusedSubscription, SubscriptionId, SubscriptionOptions};
use crate::text::Text;
use crate::types::{Format, Result};

/// Starts, controls, lists and reports recordings.
///
/// Except for [`Recorder::unsubscribe`] [`Recorder::delete`]
/// and [`Recorder::hold`], no function waits for a disk, a network or a callback.
/// All functions may be called on any thread. The recorder decides what the given `caller` may
/// do. From the moment closing begins, every function that starts, controls or lists fails with
/// `UNAVAILABLE`.
pub trait Recorder: Send + Sync {
    /// The configured defaults for a recording in this format.
    fn default_spec(&self, format: Format) -> RecordingSpec;

    /// The configured sample rate, in Hz, of files of this format. 0 if the rate follows the
    /// audio.
    fn file_rate(&self, format: Format) -> u32;

    /// Starts a recording of one call that matches `target`, and returns the recording's id. A
    /// target by line selects the call that became connected last; a target by call id selects
    /// the call that began first. The file is created afterwards: `STARTED` or `START_FAILED`
    /// reports the result.
    ///
    /// If `spec` is an error, the start fails with it at its place in the order of the checks.
    ///
    /// Errors, in the order of the checks: `UNAVAILABLE`, `UNAUTHENTICATED`, `FORBIDDEN`,
    /// `NO_TARGET` (reason 0), the error of `spec`, `NOT_MONITORABLE` (reason 1), `AUTOMATIC`
    /// (reason 4), `NO_CALL`, `ALREADY_RECORDING`, `IO`, `NO_SPACE`, `LIMIT`.
    fn start(&self, caller: &Caller, target: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid>;

    /// Starts a recording of the caller's own call that became connected last. Every level may
    /// do this. Fails with `NO_CALL` also for a caller without a name.
    fn start_own(&self, caller: &Caller, spec: Result<RecordingSpec>) -> Result<Uuid>;

    /// Stops, discards, pauses or resumes the recording with this id, a GUID in any published
    /// form.
    ///
    /// Errors, in the order of the checks: `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_ID`
    /// (reason 0), `NOT_LIVE`, `MANDATORY` (not for the host), `NOT_MONITORABLE` (reason 1),
    /// `AUTOMATIC` (reason 2), `ALREADY_PAUSED`, `NOT_PAUSED`. `MANDATORY`, `NOT_MONITORABLE` and
    /// `AUTOMATIC` never refuse a pause or a resume.
    fn control_by_id(&self, caller: &Caller, operation: ControlOperation, id: &str) -> Result<()>;

    /// As [`Recorder::control_by_id`], for all live recordings of the line with this device name
    /// and directory number. An empty text is ignored. Returns how many recordings changed.
    /// If none changed, fails with the error of the newest recording. `NO_TARGET`: both texts are
    /// empty.
    fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
    ) -> Result<ControlCounts>;

    /// As [`Recorder::control_by_line`], for all live recordings of the calls with this id, or
    /// only for the recording with this `url`. `NO_CALL`: there is no such call. A stop that
    /// finds no recording succeeds.
    fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<ControlCounts>;

    /// As [`Recorder::control_by_line`], for all live recordings of the caller's own calls. Every
    /// level may do this. Fails with `NOT_LIVE` also for a caller without a name.
    fn control_own(&self, caller: &Caller, operation: ControlOperation) -> Result<ControlCounts>;

    /// Deletes the finished recording with this id: its audio, kept packets, sidecars, manifest and
    /// pending jobs. Waits for the disk.
    ///
    /// Errors, in the order of the checks: `UNAUTHENTICATED`, `FORBIDDEN` (below level 10),
    /// `INVALID_ID` (reason 0), `LIVE` (it has not ended, or is not published yet), `NOT_FOUND`,
    /// `HELD`, `IO`, `NO_SPACE`. After the last two, the deletion may have begun; it is completed by
    /// another call or by the next open.
    fn delete(&self, caller: &Caller, id: &str) -> Result<()>;

    /// Puts the recording with this id, live or finished, under a legal hold, or releases it. Waits
    /// for the disk. While it is held, it is neither deleted nor discarded.
    ///
    /// Errors, in the order of the checks: `UNAUTHENTICATED`, `FORBIDDEN` (below level 10),
    /// `INVALID_ID` (reason 0), `NOT_FOUND`, `IO`, `NO_SPACE`.
    fn hold(&self, caller: &Caller, id: &str, is_held: bool) -> Result<()>;

    /// The live recordings that match, newest last. The list shows one instant.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN` (below level 10, unless the filter's username is
    /// the caller's own), `LIMIT` (no memory for the list).
    fn list(&self, caller: &Caller, filter: &Filter) -> Result<Vec<RecordingView>>;

    /// All live recordings, as [`Recorder::list`] shows them to the host, for a reader that keeps the
    /// list. Errors: `LIMIT`.
    fn list_live(&self) -> Result<LiveList>;

    /// The version of the list of all live recordings. While it is the version of a [`LiveList`],
    /// that list is still the same except for the readings. Once a start, a stop, a pause, a resume
    /// or a change of a recorded call has returned, the version has changed.
    fn live_version(&self) -> Result<u64>;

    /// One recording by its id: live, finishing, or ended in the last minute.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_ID`, `NOT_LIVE`.
    fn get(&self, caller: &Caller, id: &str) -> Result<RecordingView>;

    /// The live calls that match and that this caller may see, in the order in which they
    /// began. Unlike [`Recorder::list`], the list does not show one instant: calls are read one
    /// after the other.
    ///
    /// Errors: `UNAUTHENTICATED`, `LIMIT`.
    fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>>;

    /// Delivers each event from now on to `listener`, one at a time on the event thread, as well
    /// as events that were queued while there was no subscription. If the options include calls,
    /// the subscription first receives one event for each live call.
    ///
    /// Errors: `UNAVAILABLE` (closing has delivered its last event), `LIMIT`. An error returns
    /// the listener.
    fn subscribe(
        &self,
        options: SubscriptionOptions,
        listener: Arc<dyn Listener>,
    ) -> std::result::Result<SubscriptionId, RefusedSubscription>;

    /// Ends a subscription. Waits until its running callback has returned, unless called inside
    /// that callback. Returns false if there is no such subscription.
    fn unsubscribe(&self, id: SubscriptionId) -> bool;

    /// What is live now, and counters since the engine was opened.
    fn statistics(&self) -> Result<Statistics>;
}

/// What is live in a recorder now, and counters since it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    pub live_calls: u64,
    /// Recordings that are recording or paused.
    pub live_recordings: u64,
    /// Recordings that have stopped but are not published yet.
    pub finishing_recordings: u64,
    /// Packets with audio that were accepted, RTP packets and writes, and comfort noise.
    pub frames_in: u64,
    /// Packets that never arrived (gaps in the sequence numbers), and packets whose audio was
    /// dropped.
    pub frames_lost: u64,
    /// Packets without known audio: other payload types, RTCP, data that is not RTP.
    pub frames_ignored: u64,
    /// Bytes of audio written to disk.
    pub bytes_out: u64,
    /// Bytes of audio dropped because the disk could not keep up.
    pub bytes_dropped: u64,
    /// Recordings that were deleted.
    pub recordings_deleted: u64,
    /// Bytes of audio that are queued for the disk now.
    pub backlog_bytes: u64,
    pub events_dropped: u64,
    /// The longest delay of a media worker in the last second, in microseconds.
    pub worker_lag_us: u64,
    /// Free bytes on the storage directory's file system.
    pub free_bytes: u64,
    pub uploads: UploadCounts,
    /// All zero without a cluster.
    pub cluster: ClusterStatistics,
}

/// The uploads of an engine now, and counters since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadCounts {
    /// Recordings that are not uploaded yet.
    pub pending: u64,
    /// How long the oldest of them has waited, in milliseconds; 0 if there is none.
    pub oldest_ms: u64,
    pub done: u64,
    /// Recordings whose upload was given up.
    pub failed: u64,
    /// Deleted recordings whose uploaded copy is not removed yet.
    pub removals_pending: u64,
}

/// The part of a recorder in a cluster of recorders, now and since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterStatistics {
    /// The shared list shows the recorder's own recordings.
    pub is_connected: bool,
    /// How often the connection was lost.
    pub losses: u64,
    /// Own recordings in the shared list.
    pub recordings: u64,
    /// Commands of other nodes that were carried out.
    pub commands: u64,
    /// Commands of other nodes that came after their deadline and were refused.
    pub late_commands: u64,
    /// Ended recordings whose end is not yet in the stream, or not acknowledged.
    pub pending_ends: u64,
}
