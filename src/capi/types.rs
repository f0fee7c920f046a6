//! The structs and callbacks of the C ABI. Layouts only grow at their end.

use std::ffi::{c_char, c_void};

pub use super::audit_types::*;
pub use super::values::*;

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

/// How a feed's audio is coded, and how the host writes it. It holds for `rec_feed_write`
/// and `rec_feed_write_at`. RTP packets are understood by their payload type; for them,
/// only the size of the feed's memory follows from it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_feed_format {
    pub struct_size: u32,
    /// `REC_CODEC_…`; has no default, 0 is `REC_ERR_INVALID_ARGUMENT`.
    pub codec: i32,
    /// Hz; 0: the codec's own (8000). PCM16: 8000 to 48000. G.711: 8000.
    pub sample_rate: u32,
    pub reserved: u32,
    /// Real time: how far ahead of the clock `rec_feed_write` may be, in milliseconds, at
    /// most 600000; less than 200 counts as 200. 0: 2000, and what is written further ahead
    /// is lost. Otherwise what is further ahead is not taken, and nothing is lost. More than
    /// 2000 is reserved from `media.ahead_bytes` until the feed is closed. `rec_feed_payload`
    /// ignores it.
    /// Since: 0.2.0
    pub ahead_ms: u32,
    /// 0 and 1: one channel. 2: the samples of both legs in turn, the local leg's first;
    /// only on a feed of `REC_LEG_LOCAL`, which is then the remote leg's feed as well. It
    /// takes writes only, and stays as it was when the feed was opened. For
    /// `rec_feed_payload`, 0 or 1.
    /// Since: 0.2.0
    pub channels: u32,
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
    /// "wav" (default), "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw"; "flac", "opus",
    /// "mp3" are `REC_ERR_UNSUPPORTED` in this build.
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
    /// All legs added, in milliseconds: audio that never came (gaps in the sequence numbers),
    /// and audio that was dropped, or could not be written before it failed. Duplicates,
    /// hold, and audio outside of what is recorded do not count. The manifest says how much
    /// for each leg, and why.
    pub lost_ms: u64,
    /// In the file.
    pub bytes: u64,
}

/// What a subscription asks for. Zero means the default everywhere.
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_subscribe_options {
    pub struct_size: u32,
    /// `REC_SUBSCRIBE_…`
    pub flags: u32,
}

/// A call, as it was when the event was made. Strings are never NULL and live as long as the
/// event.
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_call_view {
    pub struct_size: u32,
    /// `REC_CALL_…`
    pub state: i32,
    /// `REC_DIRECTION_…`
    pub direction: i32,
    /// 1 while the call is private (`rec_call_private`), 0 otherwise.
    pub is_private: u32,
    /// `REC_EVENT_CALL_ENDED`: `REC_END_CALL_ENDED` or `REC_END_ENGINE_CLOSED`. 0 otherwise.
    pub end_reason: i32,
    pub reserved: u32,
    /// The engine's number of the call, from 1. No two calls of one open engine have the same.
    pub number: u64,
    /// The host's own, from `rec_call_info`.
    pub tag: u64,
    /// Unix time in milliseconds.
    pub connected_at_ms: i64,
    pub call_id: *const c_char,
    pub switch_call_id: *const c_char,
    pub device_name: *const c_char,
    pub directory_number: *const c_char,
    pub username: *const c_char,
    pub numeric_user_id: *const c_char,
    pub remote_first_name: *const c_char,
    pub remote_last_name: *const c_char,
    pub remote_phone_number: *const c_char,
    pub ani: *const c_char,
    pub dnis: *const c_char,
    pub call_type: *const c_char,
    /// A JSON object whose values are strings; "{}" if the host gave none.
    pub attributes_json: *const c_char,
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
    /// events that this subscription asks for: a later one does not begin at 1, and two
    /// subscriptions with different options may number one event differently.
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
    /// The engine's number of the call that it is about or whose recording; 0: of no call, or
    /// of a recording that an earlier engine on the directory began.
    /// Since: 0.2.0
    pub call_number: u64,
    /// The call that it is about; NULL where it is about a recording or about no call.
    /// Since: 0.2.0
    pub call: *const rec_call_view,
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
    /// Packets and writes with audio that were taken, and comfort noise.
    pub frames_in: u64,
    /// Packets that never came (gaps in the sequence numbers), and packets or writes whose
    /// audio was dropped: refused with `REC_ERR_OVERRUN`, too late, or their place was taken.
    pub frames_lost: u64,
    /// Packets that are no audio we know: other payload types, RTCP, garbage.
    pub frames_ignored: u64,
    /// Audio bytes written to disk. Late audio that replaces silence counts once more.
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
/// `Authorization: Bearer` (Vobiz): `secret` is the token, `name` the account that the path
/// names, or "" where it names none (the audio below `/recordings/`). The host makes sure
/// that the token is that account's. Since 0.2.0; a host that does not know this scheme
/// answers `REC_ERR_UNAUTHENTICATED`.
pub const REC_AUTH_BEARER: i32 = 4;

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
