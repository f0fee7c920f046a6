//! The statuses and constants of the C ABI. A value never changes its meaning.

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
/// Too many calls, recordings, feeds, engines or subscriptions; or the system refuses memory.
/// Published as 503.
pub const REC_ERR_LIMIT: rec_status = -16;
/// Too little room on the disk. Published as 503.
pub const REC_ERR_NO_SPACE: rec_status = -17;
/// The operating system refused; the message says what.
pub const REC_ERR_IO: rec_status = -18;
/// The feed's memory is full, or what is written is too far ahead of the clock. Real time
/// with `rec_feed_format.ahead_ms` 0: lost and counted, do not retry. Otherwise: not taken;
/// wait with `rec_feed_wait` and hand it in again.
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
/// The line's recordings are mandatory: only the host may stop or discard them. Published
/// as 403. Since 0.2.0.
pub const REC_ERR_MANDATORY: rec_status = -29;
/// The audit log was changed after it was written, or its end is missing; the message says
/// where. Since 0.2.0.
pub const REC_ERR_AUDIT: rec_status = -30;

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
/// Recordings of the line's calls are mandatory: nobody but the host (NULL as caller) may stop
/// or discard them, whoever started them. Everybody who may pause them still may. Since 0.2.0.
pub const REC_LINE_MANDATORY: u32 = 4;

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

/// States of a recording: recording <-> paused -> finishing -> finished | failed. It is also
/// paused while its call is private (`rec_call_private`).
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
/// Audio was lost. The event comes once the loss is certain, which is up to 6.5 s after the
/// moment that was lost. Its `json` says, in `"loss"`, which leg, from which frame to which,
/// and why. There is at most one event for each block of audio, none before STARTED and none
/// after the end.
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
/// A feed receives RTP packets that this build cannot decode, so the recordings of the
/// call have silence where their audio belongs. Raised at the first such packet, once for
/// each leg and payload type of a call. `recording` is NULL; `call_tag` and `json` say
/// which call. `json` also says which `leg` and `payload_type`, the name of the `codec`,
/// and what to do about it (`remedy`). A log line says the same. Since 0.2.0.
pub const REC_EVENT_MEDIA_IGNORED: i32 = 10;
/// A leg of a connected call has had no decoded audio for `media.silent_ms`; while the call is
/// alerting or held, no silence is counted, and a leg without a feed has none. Raised once for
/// each leg of a call; the call and its recordings go on. Audio that is silent counts as
/// audio. `recording` is NULL; `call_tag` and `json` say which call, and `json` which
/// `leg`. A log line says the same. Since 0.2.0.
pub const REC_EVENT_LEG_SILENT: i32 = 11;
/// A call has begun. This and the next two are only delivered to subscriptions that ask for
/// them: `REC_SUBSCRIBE_CALLS`. `recording` is NULL, `call` says what is known of the call.
/// For each call there is one CALL_BEGAN, then any number of CALL_UPDATED, then one
/// CALL_ENDED, in the order in which it happened. An automatic recording's STARTED or
/// START_FAILED comes after CALL_BEGAN. Since 0.2.0.
pub const REC_EVENT_CALL_BEGAN: i32 = 12;
/// A call was described anew and something changed, or it became private or ceased to be so
/// (`rec_call_update`, `rec_call_private`). `call` is the call as it is from here on; `json`
/// names in `"changed"` the members of `"call"` that differ. Since 0.2.0.
pub const REC_EVENT_CALL_UPDATED: i32 = 13;
/// A call has ended. `call` is the call as it was at last, `call.end_reason` why. Its handles
/// are stale. Events about its recordings, and about its media until then (CALL_IDLE,
/// MEDIA_IGNORED, LEG_SILENT), may come later. Since 0.2.0.
pub const REC_EVENT_CALL_ENDED: i32 = 14;

/// The event may have been told before, by an earlier engine on the directory. It tells the
/// same state, end reason, error and `lost_ms`.
pub const REC_EVENT_FLAG_REPEATED: u32 = 1;
/// The recording has ended and its file has no audio at all: nothing but silence, or no
/// frame. FINISHED and FAILED only, and never of a discarded recording. After a crash the
/// flag is missing where it is not known what the last of the file holds.
pub const REC_EVENT_FLAG_NO_AUDIO: u32 = 2;
/// The recording has ended, and at least one of its legs had packets of which none could
/// be decoded, such as G.722 or Opus. `json` names these legs (`undecoded`) and the payload
/// types of their packets (`legs`). FINISHED and FAILED only, like
/// `REC_EVENT_FLAG_NO_AUDIO`.
pub const REC_EVENT_FLAG_LEG_UNDECODED: u32 = 4;
/// The call was live already when the subscription began, and `call` is the call as it was
/// then. CALL_BEGAN only. Since 0.2.0.
pub const REC_EVENT_FLAG_LIVE: u32 = 8;

/// Flag of `rec_subscribe_options`: the life of calls as well, CALL_BEGAN, CALL_UPDATED and
/// CALL_ENDED. Since 0.2.0.
pub const REC_SUBSCRIBE_CALLS: u32 = 1;

/// Levels of `rec_log_fn`.
pub const REC_LOG_ERROR: i32 = 1;
pub const REC_LOG_WARNING: i32 = 2;
pub const REC_LOG_INFO: i32 = 3;
