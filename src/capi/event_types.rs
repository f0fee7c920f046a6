//! The structs of events and of the statistics. A struct only grows at its end.

use super::call_types::rec_call_view;
use super::recording_types::rec_recording;
use super::values::rec_status;
use std::ffi::c_char;

/// What a subscription delivers. Zero means the default.
///
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_subscribe_options {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_SUBSCRIBE_…`
    pub flags: u32,
}

/// An event. The struct and all that it points to live until the callback returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_event {
    /// Size of this struct in bytes, in the library's version.
    pub struct_size: u32,
    /// `REC_EVENT_…`. New kinds may be added: ignore a kind that you do not know.
    pub kind: i32,
    /// `REC_EVENT_FLAG_…`
    pub flags: u32,
    /// Always 0.
    pub reserved: u32,
    /// Number of the event. A gap between the numbers that a subscription receives means that
    /// events were dropped. The number counts all events since the engine was opened that match
    /// the subscription's options. So a later subscription does not begin at 1, and
    /// subscriptions with different options may give the same event different numbers.
    pub sequence: u64,
    /// Time of the event, Unix time in milliseconds.
    pub time_ms: i64,
    /// The recording that the event is about, or NULL.
    pub recording: *const rec_recording,
    /// The event as one JSON object, with the member names of the manifest (docs/formats.md).
    pub json: *const c_char,
    /// With `REC_EVENT_START_FAILED`, why the recording could not begin. `REC_ERR_IO` with
    /// `REC_EVENT_UPLOAD_FAILED`. Otherwise `REC_OK`.
    pub status: rec_status,
    /// Always 0.
    pub reserved2: u32,
    /// The number that the host chose for the call that the event is about, even if `recording`
    /// is NULL. 0 if there is none.
    pub call_tag: u64,
    /// The number that the engine gave the call that the event or its recording belongs to. 0
    /// if there is no such call, or if an earlier engine on the directory began the recording.
    ///
    /// Since: 0.2.0
    pub call_number: u64,
    /// The call that the event is about, or NULL if the event is about a recording or about no
    /// call.
    ///
    /// Since: 0.2.0
    pub call: *const rec_call_view,
    /// With `REC_EVENT_PAUSED` and `REC_EVENT_PAUSE_OVERDUE`, the frame of the file from which the
    /// pause holds: all frames before it are from before the pause. With `REC_EVENT_RESUMED`, the
    /// first frame after the pause. Otherwise 0. Frames count from the beginning of the file, at
    /// `rec_recording.sample_rate`, and are those of the manifest's `spans`.
    ///
    /// Since: 0.2.0
    pub frame: u64,
    /// With `REC_EVENT_UPLOADED`, the URL of the object with the audio: `s3://…`, `gs://…`,
    /// `az://…` or `file:///…`. With `REC_EVENT_UPLOAD_FAILED`, the URL of the store. Otherwise "".
    /// Never NULL.
    ///
    /// Since: 0.2.0
    pub object_url: *const c_char,
}

/// What is live in an engine now, and counters since the engine was opened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_statistics {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Always 0.
    pub reserved: u32,
    /// Live calls.
    pub live_calls: u64,
    /// Recordings that are recording or paused.
    pub live_recordings: u64,
    /// Recordings that have ended and are not published yet.
    pub finishing_recordings: u64,
    /// Accepted packets and writes: those with audio, and packets of comfort noise.
    pub frames_in: u64,
    /// Packets that are missing (gaps in the sequence numbers), and packets and writes whose
    /// audio was dropped because it was lost with `REC_ERR_OVERRUN`, came too late, overlapped
    /// earlier audio, or was not decoded by its decoder. A missing packet that arrives after all,
    /// or that is recovered from a later packet of Opus, no longer counts.
    pub frames_lost: u64,
    /// Packets without audio that callrec can decode: unknown payload types, RTCP, and data
    /// that is not RTP.
    pub frames_ignored: u64,
    /// Bytes of audio written to disk. Late audio that replaces silence counts again.
    pub bytes_out: u64,
    /// Bytes of audio that became silence because too much audio was pending for the disk
    /// (`storage.backlog_ms`, `storage.backlog_bytes`).
    pub bytes_dropped: u64,
    /// Bytes of audio that are pending for the disk now.
    pub backlog_bytes: u64,
    /// Events that were dropped because a subscription's queue was full, or because there was
    /// no subscription.
    pub events_dropped: u64,
    /// The longest delay of a media thread in the last second, in microseconds.
    pub worker_lag_us: u64,
    /// Free space of the storage directory's file system in bytes, updated every second.
    pub free_bytes: u64,
    /// Recordings that were deleted, including deletions of an earlier process that this engine
    /// has completed.
    ///
    /// Since: 0.2.0
    pub recordings_deleted: u64,
    /// Recordings that are not uploaded yet (`upload.url`), including those of earlier processes.
    ///
    /// Since: 0.2.0
    pub uploads_pending: u64,
    /// How long the oldest of them has been waiting, in milliseconds. 0 if there is none.
    ///
    /// Since: 0.2.0
    pub uploads_oldest_ms: u64,
    /// Recordings that were uploaded and verified.
    ///
    /// Since: 0.2.0
    pub uploads_done: u64,
    /// Recordings whose upload was given up. Their local copies stay.
    ///
    /// Since: 0.2.0
    pub uploads_failed: u64,
    /// Deleted recordings whose uploaded copies are not removed yet.
    ///
    /// Since: 0.2.0
    pub upload_removals_pending: u64,
    /// 1 if the engine is in a cluster, and the list of the cluster shows its recordings; otherwise
    /// 0. Like the following members, 0 without `cluster.url`.
    ///
    /// Since: 0.2.0
    pub cluster_connected: u64,
    /// How often the connection to Redis was lost. A server that was never reached counts once.
    ///
    /// Since: 0.2.0
    pub cluster_losses: u64,
    /// Live recordings of this engine that the list of the cluster shows.
    ///
    /// Since: 0.2.0
    pub cluster_recordings: u64,
    /// Requests of other nodes that this engine has carried out or refused by its rules.
    ///
    /// Since: 0.2.0
    pub cluster_commands: u64,
    /// Requests of other nodes that came after their deadline, and were not carried out.
    ///
    /// Since: 0.2.0
    pub cluster_late_commands: u64,
    /// Ended recordings whose end is not yet in the stream of the cluster, or which a group of
    /// consumers has not acknowledged yet.
    ///
    /// Since: 0.2.0
    pub cluster_pending_ends: u64,
}
