//! The structs and constants of the C ABI. Layouts only grow at their end.

use std::ffi::{c_char, c_void};

/// What every call answers: 0 (`REC_OK`) or a negative `REC_ERR_…`.
pub type rec_status = i32;

/// Done.
pub const REC_OK: rec_status = 0;
/// The ABI was misused: a NULL that is not allowed, a wrong `struct_size`, an
/// unknown value or flag, invalid UTF-8, an over-long string.
pub const REC_ERR_INVALID_ARGUMENT: rec_status = -1;
/// The id is not a GUID. Published as 400, reason 0.
pub const REC_ERR_INVALID_ID: rec_status = -2;
/// Neither a device name nor a directory number. Published as 400, reason 0.
pub const REC_ERR_NO_TARGET: rec_status = -3;
/// Unknown format. Published as 400, reason 2 of a start.
pub const REC_ERR_INVALID_MODE: rec_status = -4;
/// The line is marked not monitorable. Published as 400, reason 1, with the device name.
pub const REC_ERR_NOT_MONITORABLE: rec_status = -5;
/// The line is recorded automatically. Published as 400, reason 4 (start) or 2 (stop).
pub const REC_ERR_AUTOMATIC: rec_status = -6;
/// The caller's level is 0. Published as 401.
pub const REC_ERR_UNAUTHENTICATED: rec_status = -7;
/// The caller's level does not allow it. Published as 403.
pub const REC_ERR_FORBIDDEN: rec_status = -8;
/// No live recording there. Published as 409.
pub const REC_ERR_NOT_LIVE: rec_status = -9;
/// No call there that could be recorded. Published as 409.
pub const REC_ERR_NO_CALL: rec_status = -10;
/// A manually started dial-in, and the stop named the device. Published as 409.
pub const REC_ERR_DIAL_IN: rec_status = -11;
/// The call is being recorded already. Published as 429.
pub const REC_ERR_ALREADY_RECORDING: rec_status = -12;
/// All of it is paused already. Published as 429.
pub const REC_ERR_ALREADY_PAUSED: rec_status = -13;
/// None of it is paused. Published as 429.
pub const REC_ERR_NOT_PAUSED: rec_status = -14;
/// The handle is zero, stale, of another kind, or made up.
pub const REC_ERR_BAD_HANDLE: rec_status = -15;
/// Too many calls, recordings, feeds, engines or subscriptions. Published as 503.
pub const REC_ERR_LIMIT: rec_status = -16;
/// Too little room on the disk. Published as 503.
pub const REC_ERR_NO_SPACE: rec_status = -17;
/// The operating system refused; the message says what.
pub const REC_ERR_IO: rec_status = -18;
/// The feed's ring is full. Real time: the frame is lost and counted, do not
/// retry. Stream time: it was not taken, hand it in again.
pub const REC_ERR_OVERRUN: rec_status = -19;
/// The engine is closing, or its directory is held elsewhere. Published as 504.
pub const REC_ERR_UNAVAILABLE: rec_status = -20;
/// Known, but not in this build. Published as 501.
pub const REC_ERR_UNSUPPORTED: rec_status = -21;
/// It would wait for the callback that it was called from.
pub const REC_ERR_IN_CALLBACK: rec_status = -22;
/// The object belongs to the process that this one was forked from.
pub const REC_ERR_FORKED: rec_status = -23;
/// Unknown configuration key, or a value out of its range.
pub const REC_ERR_CONFIG: rec_status = -24;
/// Time ran out.
pub const REC_ERR_TIMEOUT: rec_status = -25;
/// Something that was not foreseen. Published as 500.
pub const REC_ERR_INTERNAL: rec_status = -26;
/// There is such a call on that line already.
pub const REC_ERR_EXISTS: rec_status = -27;
/// Another thread is in this feed at the moment. Nothing was taken and nothing counted:
/// hand it in again, or it is missing.
pub const REC_ERR_BUSY: rec_status = -28;

/// No authentication: every operation answers `REC_ERR_UNAUTHENTICATED`.
pub const REC_LEVEL_NONE: u32 = 0;
/// Imagicle's "Record Only": own calls alone.
pub const REC_LEVEL_RECORD_ONLY: u32 = 1;
/// Imagicle's "Base Access": own calls alone.
pub const REC_LEVEL_BASE: u32 = 2;
/// Imagicle's "Complete Management": every call.
pub const REC_LEVEL_COMPLETE: u32 = 10;

/// Call states. 0: not said (a new call is connected).
pub const REC_CALL_CONNECTED: i32 = 1;
pub const REC_CALL_HELD: i32 = 2;
pub const REC_CALL_ALERTING: i32 = 3;

/// Call directions.
pub const REC_DIRECTION_UNKNOWN: i32 = 0;
pub const REC_DIRECTION_INCOMING: i32 = 1;
pub const REC_DIRECTION_OUTGOING: i32 = 2;

/// Legs: the local party (owner of the line), the remote party, or both already
/// mixed into one stream, which excludes the other two.
pub const REC_LEG_LOCAL: i32 = 0;
pub const REC_LEG_REMOTE: i32 = 1;
pub const REC_LEG_MIXED: i32 = 2;

/// Marks of a line, flags of `rec_line_info`.
pub const REC_LINE_NOT_MONITORABLE: u32 = 1;
pub const REC_LINE_AUTOMATIC: u32 = 2;

/// Flags of `rec_start_options`: a dial-in that a person started, and a further
/// recording of a call that is being recorded already.
pub const REC_START_MANUAL_DIAL_IN: u32 = 1;
pub const REC_START_ADDITIONAL: u32 = 2;
/// Flag of a `rec_recording` alone: its line's mark began it. A start may not set it.
pub const REC_START_AUTOMATIC: u32 = 4;

/// Layouts: left = local and right = remote; both in one channel; one leg alone.
pub const REC_LAYOUT_STEREO: i32 = 0;
pub const REC_LAYOUT_MONO: i32 = 1;
pub const REC_LAYOUT_LOCAL: i32 = 2;
pub const REC_LAYOUT_REMOTE: i32 = 3;

/// `lookback_ms`: all there is.
pub const REC_LOOKBACK_ALL: u32 = 4294967295;

/// What a pause leaves in the file: silence of its length, or nothing.
pub const REC_PAUSE_SILENCE: i32 = 0;
pub const REC_PAUSE_SKIP: i32 = 1;

/// Codecs. 16-bit linear is native-endian in `rec_feed_write`, network order in RTP.
pub const REC_CODEC_PCM16: i32 = 1;
pub const REC_CODEC_PCMU: i32 = 2;
pub const REC_CODEC_PCMA: i32 = 3;
pub const REC_CODEC_G722: i32 = 4;
pub const REC_CODEC_OPUS: i32 = 5;

/// States of a recording: recording <-> paused -> finishing -> finished | failed.
pub const REC_STATE_RECORDING: i32 = 1;
pub const REC_STATE_PAUSED: i32 = 2;
pub const REC_STATE_FINISHING: i32 = 3;
pub const REC_STATE_FINISHED: i32 = 4;
pub const REC_STATE_FAILED: i32 = 5;

/// Why a recording ended. 0: it has not.
pub const REC_END_STOPPED: i32 = 1;
pub const REC_END_CALL_ENDED: i32 = 2;
pub const REC_END_LIMIT: i32 = 3;
pub const REC_END_ENGINE_CLOSED: i32 = 4;
pub const REC_END_WRITE_ERROR: i32 = 5;
/// A crash ended it; what was on disk was finished at the next open.
pub const REC_END_RECOVERED: i32 = 6;
pub const REC_END_DISCARDED: i32 = 7;

/// The file and its manifest exist: from here on a terminal event is owed.
pub const REC_EVENT_STARTED: i32 = 1;
pub const REC_EVENT_PAUSED: i32 = 2;
pub const REC_EVENT_RESUMED: i32 = 3;
/// Terminal: the file is there under its final name, or was discarded.
pub const REC_EVENT_FINISHED: i32 = 4;
/// Terminal: a write failed, or nothing could be saved. What is there is kept.
pub const REC_EVENT_FAILED: i32 = 5;
/// Audio was lost (packets, overruns, a backlog that was too long); at most one a block,
/// none before STARTED and none after the end.
pub const REC_EVENT_LOSS: i32 = 6;
/// A recording that was accepted, or that an automatic line asked for, could not
/// be begun: nothing was kept, and no terminal event follows. `status` says why.
/// `recording` is NULL if it never had an id.
pub const REC_EVENT_START_FAILED: i32 = 7;
/// The disk's room fell below `storage.min_free_bytes`. About no recording.
pub const REC_EVENT_DISK_LOW: i32 = 8;
/// A call had no media for `calls.idle_ms` and has been ended: its handles are stale.
/// `recording` is NULL, `call_tag` and `json` say which call; each of its recordings
/// has a terminal event of its own.
pub const REC_EVENT_CALL_IDLE: i32 = 9;

/// The event may have been told before the process that owed it died.
pub const REC_EVENT_FLAG_REPEATED: u32 = 1;

/// Levels of `rec_log_fn`.
pub const REC_LOG_ERROR: i32 = 1;
pub const REC_LOG_WARNING: i32 = 2;
pub const REC_LOG_INFO: i32 = 3;

/// An engine: a registry, its threads, one storage directory. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_engine {
    pub id: u64,
}

/// A call on a line. Zero is never valid. It lives until `rec_call_end`, `rec_close`, or
/// until `calls.idle_ms` have passed without media (`REC_EVENT_CALL_IDLE`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_call {
    pub id: u64,
}

/// The source of one leg's audio. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_feed {
    pub id: u64,
}

/// A subscription to an engine's events. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_subscription {
    pub id: u64,
}

/// A running HTTP gateway. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_gateway {
    pub id: u64,
}

/// A recording's UUID as text: 36 lower-case characters and a NUL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_id {
    pub text: [c_char; 37],
}

/// What went wrong, written by every call that takes one; cleared on success.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_error {
    pub struct_size: u32,
    pub status: rec_status,
    /// The published BadRequestReason of the operation, -1 where there is none.
    pub reason: i32,
    pub reserved: u32,
    /// With `REC_ERR_NOT_MONITORABLE`: the line's device name; else empty.
    pub device_name: [c_char; 256],
    /// For people: names the parameter and the value. UTF-8, one line (control
    /// characters are escaped), cut to fit.
    pub message: [c_char; 512],
}

/// Who asks. A NULL caller is the host itself, and trusted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_caller {
    pub struct_size: u32,
    /// 0 to 10; see `REC_LEVEL_…`. Below 10: live calls of their own alone.
    pub level: u32,
    /// Compared byte for byte with a call's present username.
    pub username: *const c_char,
}

/// By device and by call: how many recordings.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_counts {
    pub struct_size: u32,
    pub changed: u32,
    /// They were so already.
    pub already: u32,
    /// The rules forbade it.
    pub refused: u32,
}

/// A line's marks. At least one of the names is needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_line_info {
    pub struct_size: u32,
    /// `REC_LINE_…`; 0: monitorable and manual. Replaces what was set for that line before.
    pub flags: u32,
    pub device_name: *const c_char,
    pub directory_number: *const c_char,
}

/// A call as the host knows it. In an update, NULL and 0 keep, "" clears.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_call_info {
    pub struct_size: u32,
    /// `REC_CALL_…`; 0: connected at the beginning, unchanged in an update.
    pub state: i32,
    /// `REC_DIRECTION_…`
    pub direction: i32,
    pub reserved: u32,
    /// The host's own, handed back in `rec_recording`.
    pub tag: u64,
    /// Unix time in milliseconds; 0: now (at the beginning), unchanged (in an update).
    pub connected_at_ms: i64,
    /// Absent: callrec issues one. Cannot be changed by an update.
    pub call_id: *const c_char,
    /// Genesys' connId, Cisco's global call id.
    pub switch_call_id: *const c_char,
    pub device_name: *const c_char,
    pub directory_number: *const c_char,
    /// The owner of the line: their calls are their own.
    pub username: *const c_char,
    pub numeric_user_id: *const c_char,
    pub remote_first_name: *const c_char,
    pub remote_last_name: *const c_char,
    pub remote_phone_number: *const c_char,
    pub ani: *const c_char,
    pub dnis: *const c_char,
    /// Internal, Inbound, Outbound, Consult
    pub call_type: *const c_char,
    /// A JSON object whose values are strings (Genesys' userData), at most 65,536 bytes.
    pub attributes_json: *const c_char,
}

/// How a feed's audio is coded; one channel. It holds for `rec_feed_write` and
/// `rec_feed_write_at`; RTP packets are understood by their payload type, and need it
/// for the size of the ring alone.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_feed_format {
    pub struct_size: u32,
    /// `REC_CODEC_…`; has no default, 0 is `REC_ERR_INVALID_ARGUMENT`.
    pub codec: i32,
    /// Hz; 0: the codec's own (8000). PCM16: 8000 to 48000. G.711: 8000.
    pub sample_rate: u32,
    pub reserved: u32,
}

/// What to record, and how. Zero means the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_start_options {
    pub struct_size: u32,
    /// `REC_START_MANUAL_DIAL_IN`, `REC_START_ADDITIONAL`
    pub flags: u32,
    /// `REC_LAYOUT_…`
    pub layout: i32,
    /// `REC_PAUSE_…`
    pub pause_mode: i32,
    /// Of audio in the file, silence included; 0: no limit.
    pub max_duration_ms: u32,
    /// Audio from before the start. Not in this build: anything but 0 is `REC_ERR_UNSUPPORTED`.
    pub lookback_ms: u32,
    /// This, and/or the two below; all that are given must fit.
    pub call_id: *const c_char,
    pub device_name: *const c_char,
    pub directory_number: *const c_char,
    /// "wav" (default), "wav-ulaw", "wav-alaw"; "flac", "opus", "mp3" are
    /// `REC_ERR_UNSUPPORTED` in this build.
    pub format: *const c_char,
    /// Called back, unsigned, when the recording has ended and its file is there; a
    /// running gateway delivers it. It must be among `callbacks.allow`, else
    /// `REC_ERR_INVALID_ARGUMENT`. Without the feature `gateway`: `REC_ERR_UNSUPPORTED`.
    pub callback_url: *const c_char,
    /// "POST" (default): a form in the body; or "GET": in the query.
    pub callback_method: *const c_char,
}

/// Which recordings to list; what is given must all be met. Absent: all.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_filter {
    pub struct_size: u32,
    pub reserved: u32,
    pub device_name: *const c_char,
    pub directory_number: *const c_char,
    pub username: *const c_char,
    pub numeric_user_id: *const c_char,
    pub call_id: *const c_char,
}

/// One recording, as it was when the snapshot or the event was made. Strings are
/// never NULL and live as long as what they came from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_recording {
    pub struct_size: u32,
    /// `REC_STATE_…`
    pub state: i32,
    /// `REC_END_…`; 0 while it lives.
    pub end_reason: i32,
    /// Why it failed; `REC_OK` otherwise.
    pub error: rec_status,
    /// `REC_LAYOUT_…`
    pub layout: i32,
    /// `REC_PAUSE_…`
    pub pause_mode: i32,
    /// `REC_START_…`: those of its start, or `REC_START_AUTOMATIC`.
    pub flags: u32,
    /// Hz; 0 as long as it is not known.
    pub sample_rate: u32,
    pub call_tag: u64,
    pub id: rec_id,
    pub call_id: *const c_char,
    pub switch_call_id: *const c_char,
    pub device_name: *const c_char,
    pub directory_number: *const c_char,
    pub username: *const c_char,
    pub numeric_user_id: *const c_char,
    pub remote_first_name: *const c_char,
    pub remote_last_name: *const c_char,
    pub remote_phone_number: *const c_char,
    pub format: *const c_char,
    /// What a stop by call names one recording by.
    pub url: *const c_char,
    /// Of the finished file, absolute; empty until it is published.
    pub path: *const c_char,
    /// "sha256:" and hex digits, of the finished file; empty until then, or if switched off.
    pub digest: *const c_char,
    /// Unix time of the first sample, in milliseconds.
    pub started_at_ms: i64,
    /// Unix time of its end; 0 while it lives.
    pub ended_at_ms: i64,
    /// Of the audio in the file so far, in milliseconds.
    pub duration_ms: u64,
    pub paused_ms: u64,
    /// Legs summed: sequence gaps, overruns, dropped backlog.
    pub lost_ms: u64,
    /// In the file.
    pub bytes: u64,
}

/// Something that happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_event {
    pub struct_size: u32,
    /// `REC_EVENT_…`
    pub kind: i32,
    /// `REC_EVENT_FLAG_…`
    pub flags: u32,
    pub reserved: u32,
    /// Rises from event to event; a gap is what was dropped. It counts the engine's
    /// events: a later subscription does not begin at 1.
    pub sequence: u64,
    /// Unix time in milliseconds.
    pub time_ms: i64,
    /// NULL where the event is about none.
    pub recording: *const rec_recording,
    /// The same, as one JSON object, in the manifest's words (docs/formats.md).
    pub json: *const c_char,
    /// `REC_EVENT_START_FAILED`: why. `REC_OK` otherwise.
    pub status: rec_status,
    pub reserved2: u32,
    /// The host's own number of the call that it is about, also where `recording` is NULL.
    pub call_tag: u64,
}

/// What an engine is doing and has done since it was opened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_statistics {
    pub struct_size: u32,
    pub reserved: u32,
    pub live_calls: u64,
    /// Recording or paused.
    pub live_recordings: u64,
    /// Stopped, and not yet published.
    pub finishing_recordings: u64,
    /// Packets and writes that were taken.
    pub frames_in: u64,
    /// Sequence gaps, overruns and late frames.
    pub frames_lost: u64,
    /// Packets that are no audio we know: other payload types, RTCP, garbage.
    pub frames_ignored: u64,
    /// Written to disk.
    pub bytes_out: u64,
    /// Blocks' bytes that a full backlog turned into silence.
    pub bytes_dropped: u64,
    /// Waiting to be written, now.
    pub backlog_bytes: u64,
    /// Events that were dropped: a subscription was full, or nobody was subscribed.
    pub events_dropped: u64,
    /// How late the media workers were at most in the last second, in microseconds.
    pub worker_lag_us: u64,
    /// On the storage directory's file system, refreshed each second.
    pub free_bytes: u64,
}

/// How the gateway is to run; what else there is to set are the `gateway.…`,
/// `genesys.…`, `cometd.…` and `callbacks.…` keys of `rec_config_set`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_gateway_options {
    pub struct_size: u32,
    /// 0: any free one; see `rec_gateway_port`.
    pub port: u32,
    /// An IP address. Absent: 127.0.0.1.
    pub address: *const c_char,
    /// `REC_GATEWAY_…`
    pub flags: u32,
    pub reserved: u32,
    /// Says who may. NULL: nobody.
    pub authenticate: rec_authenticate_fn,
    /// Handed to `authenticate`.
    pub user_data: *mut c_void,
    /// Called once with `user_data` after the last `authenticate`, before
    /// `rec_gateway_stop` or `rec_close` returns `REC_OK`. May be NULL, and must be if
    /// `authenticate` is.
    pub user_data_free: rec_free_fn,
}

/// No socket is opened: requests come by `rec_http_handle` alone.
pub const REC_GATEWAY_NO_SOCKET: u32 = 1;

/// HTTP Basic: `name` and `secret` are the user's name and password.
pub const REC_AUTH_BASIC: i32 = 1;
/// X-Auth-ID and X-Auth-Token (Vobiz): `name` is the account, `secret` its token.
pub const REC_AUTH_TOKEN: i32 = 2;
/// Nobody asks to be let in, and `secret` is "": callrec is about to call back an
/// account's receiver and needs `signature_key`; `level` is not looked at.
pub const REC_AUTH_SIGNATURE: i32 = 3;

/// What a client has shown.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_credentials {
    pub struct_size: u32,
    /// `REC_AUTH_…`
    pub scheme: i32,
    pub name: *const c_char,
    pub secret: *const c_char,
    /// The client's IP address.
    pub source: *const c_char,
}

/// Whom the host knows by these credentials.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_identity {
    pub struct_size: u32,
    /// `REC_LEVEL_…`, 1 to 10; 0 lets nobody in.
    pub level: u32,
    /// Whose calls are their own: compared with `rec_call_info.username`.
    pub username: [c_char; 256],
    /// Signs the callbacks of this account (its token, with Vobiz); empty: they are
    /// not signed.
    pub signature_key: [c_char; 256],
}

/// Says who a client of the gateway is: the host's own function.
///
/// `credentials` and all that it points to live until it returns. `identity` comes
/// cleared, with its `struct_size`. Answer `REC_OK` with `identity` filled in;
/// `REC_ERR_UNAUTHENTICATED` if nobody is known by that name and secret (the client
/// gets 401, and its next tries are slowed down); any other status if it cannot be said
/// now (500). Compare secrets in constant time. It runs on threads of the library,
/// `gateway.auth_parallel` at a time, and may wait; it may call any function but `rec_close`,
/// `rec_gateway_stop` and `rec_http_handle` (`REC_ERR_IN_CALLBACK`, also for another
/// engine or gateway). It must not throw or longjmp out.
pub type rec_authenticate_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        credentials: *const rec_credentials,
        identity: *mut rec_identity,
    ) -> rec_status,
>;

/// One HTTP request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_http_request {
    pub struct_size: u32,
    pub reserved: u32,
    /// `GET`, `POST`, …; not NULL.
    pub method: *const c_char,
    /// Path and query, percent-encoded as they came; not NULL.
    pub target: *const c_char,
    /// "Name: value" lines, each ended by CR LF; absent: none.
    pub headers: *const c_char,
    /// NULL if `body_size` is 0.
    pub body: *const c_void,
    pub body_size: usize,
    /// The client's IP address, by which failed tries are slowed down. Absent: 127.0.0.1.
    pub source: *const c_char,
}

/// Receives events, one after the other, on the library's event thread.
///
/// No lock of the library is held. `event` and all that it points to live until
/// the callback returns. It may call any function but `rec_close` of its own
/// engine, and `rec_gateway_stop` and `rec_http_handle` of that engine's gateways
/// (`REC_ERR_IN_CALLBACK`); unsubscribing itself is allowed. While it does not
/// return, later events wait; calls and recordings go on. It must not throw or
/// longjmp out. Callbacks of two engines must not unsubscribe or close each other.
pub type rec_event_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const rec_event)>;

/// Receives log lines (`REC_LOG_…`, UTF-8, control characters escaped, so one line
/// each) on the event thread, under the rules of `rec_event_fn`.
pub type rec_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

/// Called once with the `user_data` it belongs to, after the last callback.
///
/// It runs on the thread that ends what the data belongs to (in `rec_unsubscribe`,
/// `rec_set_log`, `rec_close`), or on one of the library's. It must not call what waits:
/// `rec_close`, `rec_unsubscribe`, `rec_gateway_stop`, `rec_http_handle`. It must not
/// throw or longjmp out.
pub type rec_free_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;
