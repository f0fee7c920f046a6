//! The structs of the C API, except those of the gateway and the audit log. A struct only grows at
//! its end.

use std::ffi::c_char;

pub use super::audit_types::*;
pub use super::handle_types::*;
pub use super::values::*;

/// A line and its policy. A device name, a directory number or both are needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_line_info {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_LINE_…`, combined with `|`. With 0, calls on the line may be recorded, but are not
    /// recorded automatically.
    pub flags: u32,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
}

/// The properties of a call. In an update, NULL and 0 leave a property unchanged, and "" clears
/// it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_call_info {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_CALL_…`. For a new call, 0 means connected.
    pub state: i32,
    /// `REC_DIRECTION_…`
    pub direction: i32,
    /// Must be 0.
    pub reserved: u32,
    /// A number that the host chooses. `rec_recording.call_tag` and `rec_event.call_tag` return
    /// it.
    pub tag: u64,
    /// Time of the connection: Unix time in milliseconds. For a new call, 0 means now.
    pub connected_at_ms: i64,
    /// The call's id. If absent, callrec generates one. An update cannot change it.
    pub call_id: *const c_char,
    /// The id of the call in the switch: Genesys' connId, Cisco's global call id.
    pub switch_call_id: *const c_char,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
    /// The username of the line's owner. A caller with this username owns the call.
    pub username: *const c_char,
    /// The owner's numeric user id.
    pub numeric_user_id: *const c_char,
    /// The remote party's first name.
    pub remote_first_name: *const c_char,
    /// The remote party's last name.
    pub remote_last_name: *const c_char,
    /// The remote party's telephone number.
    pub remote_phone_number: *const c_char,
    /// The number that calls (automatic number identification).
    pub ani: *const c_char,
    /// The number that was dialled (dialled number identification service).
    pub dnis: *const c_char,
    /// Genesys' call type, such as "Internal", "Inbound", "Outbound" or "Consult".
    pub call_type: *const c_char,
    /// A JSON object whose values are strings (Genesys' userData), at most 65,536 bytes. An
    /// update replaces the whole object.
    pub attributes_json: *const c_char,
    /// `REC_CONSENT_…`: whether the parties agree that the call is recorded. It cannot become
    /// unknown again.
    ///
    /// Since: 0.2.0
    pub consent: i32,
    /// Must be 0.
    pub reserved2: u32,
    /// Who or what gave or refused the consent, such as "ivr" or "agent".
    ///
    /// Since: 0.2.0
    pub consent_source: *const c_char,
    /// Since when the consent, or its refusal, holds: Unix time in milliseconds. 0, or a time in
    /// the future, means since the host reported it. Audio from before a consent that was given
    /// is in no recording by look-back.
    ///
    /// Since: 0.2.0
    pub consent_from_ms: i64,
    /// Another id of the call, such as the one that it has after a transfer. It is added to those
    /// that the call has, at most 16. Every function and filter that takes a `call_id` finds the
    /// call by each of its ids.
    ///
    /// Since: 0.2.0
    pub related_call_id: *const c_char,
}

/// The format of the audio that `rec_feed_write` and `rec_feed_write_at` pass in. The payload
/// type of an RTP packet alone says how it is decoded; for RTP, this format only determines the
/// size of the feed's memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_feed_format {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_CODEC_…`. There is no default: 0 is `REC_ERR_INVALID_ARGUMENT`. In
    /// `rec_feed_payload`, also a value of `rec_codec_register`.
    pub codec: i32,
    /// Sample rate in Hz. PCM16: 8000 to 48000, and 0 means 8000. G.711: 8000 or 0. G.722: 16000,
    /// 8000 (the rate of its RTP timestamps) or 0. Opus: 48000 or 0. A registered codec: the clock
    /// rate of its RTP timestamps, and 0 means 8000.
    pub sample_rate: u32,
    /// Must be 0.
    pub reserved: u32,
    /// In real time, how far ahead of the clock `rec_feed_write` may write, in milliseconds, at
    /// most 600000. With 0, the limit is 2000, and audio beyond it is lost. With any other
    /// value, audio beyond the limit is not accepted, and nothing is lost. 1 to 199 count as
    /// 200. If the value is above 2000, memory for that much audio is reserved from
    /// `media.ahead_bytes` until the feed is closed. `rec_feed_payload` ignores this member.
    ///
    /// Since: 0.2.0
    pub ahead_ms: u32,
    /// Number of channels. 0 and 1 mean one. 2 means that each frame has a sample of the local
    /// leg, then one of the remote leg. Only a feed of `REC_LEG_LOCAL` may have two channels,
    /// and it is then also the feed of the remote leg. Such a feed accepts writes but no RTP
    /// packets, and the number of channels cannot change. Only PCM16 and G.711 may have two. In
    /// `rec_feed_payload`, this is the codec's number of channels instead.
    ///
    /// Since: 0.2.0
    pub channels: u32,
}

/// What to record, and how. Zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_start_options {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_START_MANUAL_DIAL_IN` and `REC_START_ADDITIONAL`, combined with `|`.
    pub flags: u32,
    /// `REC_LAYOUT_…`
    pub layout: i32,
    /// `REC_PAUSE_…`
    pub pause_mode: i32,
    /// Maximum length of the audio in the file, silence included, in milliseconds. 0 means no
    /// limit.
    pub max_duration_ms: u32,
    /// How much audio from before the start the recording begins with, in milliseconds, or
    /// `REC_LOOKBACK_ALL`. Only what `media.lookback_ms` has kept is given, and nothing from before
    /// the end of the latest pause of any recording of the call or of a time when the call was
    /// private or on a line that was not monitorable (`REC_LINE_NOT_MONITORABLE`), nor from before
    /// `rec_call_info.consent_from_ms`. A start while the call is private or waits for consent is
    /// given nothing. `rec_recording.lookback_ms` says how much was given. While
    /// `media.lookback_ms` is 0, or in stream time, any value but 0 is `REC_ERR_UNSUPPORTED`.
    pub lookback_ms: u32,
    /// The call's id. `call_id`, `device_name` or `directory_number` is needed, and the call
    /// must match all of these that are present.
    pub call_id: *const c_char,
    /// The device name of the call's line.
    pub device_name: *const c_char,
    /// The directory number of the call's line.
    pub directory_number: *const c_char,
    /// "wav" (default), "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw", "flac",
    /// "opus" or "mp3".
    ///
    /// Parameters of the encoder may follow, each after a semicolon. What is not given is taken
    /// from the configuration (`recording.opus_bitrate` and so on). A parameter that the format
    /// does not have, or a value out of its range, is `REC_ERR_INVALID_MODE`.
    /// `rec_recording.format` has the name alone. "flac" and "opus" are `REC_ERR_UNSUPPORTED` in a
    /// build without the feature of this name.
    ///
    /// - "wav" and "au", also with "-ulaw" or "-alaw": "tags": 0 or 1, as in "wav;tags=1". 1: the
    ///   file names the call, its parties and its start, and its header has 1024 bytes. 0: only
    ///   the recording's id, and the header of version 0.1.0.
    /// - "flac": FLAC (RFC 9639), as in "flac;level=8". "level": 0 to 8. Programs that play it in
    ///   Debian: flac, ffmpeg, and those with libsndfile.
    /// - "opus": Ogg Opus (RFC 7845), as in "opus;bitrate=24000;dtx=1". "bitrate": bits per
    ///   second, 6000 to 256000; "complexity": 0 to 10; "dtx": 0 or 1, whether silence takes
    ///   almost no space. Programs that play it in Debian: opusdec (opus-tools), ffmpeg, and
    ///   those with libsndfile.
    /// - "mp3": MP3, as in "mp3;bitrate=24000". "bitrate": bits per second, 8000 to 320000; the
    ///   next higher one that exists at the file's sample rate is used. It loads the system's
    ///   LAME library (Debian: libmp3lame0), and is `REC_ERR_UNSUPPORTED` without it. A build
    ///   with the feature `mp3` contains LAME.
    pub format: *const c_char,
    /// The URL that a running gateway requests when the recording has ended and its file
    /// exists. These requests are not signed. A URL that `callbacks.allow` does not list is
    /// `REC_ERR_INVALID_ARGUMENT`. In a build without the feature `gateway`, a URL is
    /// `REC_ERR_UNSUPPORTED`.
    pub callback_url: *const c_char,
    /// "POST" (default) sends a form in the body. "GET" sends the fields in the query.
    pub callback_method: *const c_char,
    /// `REC_KEEP_RAW_…`: which RTP packets are kept as they arrived, in a pcapng file beside the
    /// recording.
    ///
    /// Since: 0.2.0
    pub keep_raw: i32,
    /// Ignored; `REC_INIT` sets it to 0. It is there so that no member that a later version appends
    /// begins in padding.
    ///
    /// Since: 0.2.0
    pub reserved: u32,
}

/// Selects recordings. A recording must match every member that is present. If all members are
/// absent, the filter selects all recordings.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_filter {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The device name of the call's line.
    pub device_name: *const c_char,
    /// The directory number of the call's line.
    pub directory_number: *const c_char,
    /// The username of the owner of the call's line.
    pub username: *const c_char,
    /// The owner's numeric user id.
    pub numeric_user_id: *const c_char,
    /// The call's id.
    pub call_id: *const c_char,
    /// The id of the call in the switch.
    ///
    /// Since: 0.2.0
    pub switch_call_id: *const c_char,
}

/// A recording at the moment of the snapshot or the event. Strings are never NULL and live as
/// long as the snapshot or the event.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_recording {
    /// Size of this struct in bytes, in the library's version.
    pub struct_size: u32,
    /// `REC_STATE_…`
    pub state: i32,
    /// `REC_END_…`, or 0 while the recording is live.
    pub end_reason: i32,
    /// Why the recording failed, or `REC_OK`.
    pub error: rec_status,
    /// `REC_LAYOUT_…`
    pub layout: i32,
    /// `REC_PAUSE_…`
    pub pause_mode: i32,
    /// `REC_START_…`: the flags of `rec_start`, or `REC_START_AUTOMATIC`.
    pub flags: u32,
    /// Sample rate of the file in Hz, or 0 until it is known.
    pub sample_rate: u32,
    /// The number that the host chose for the call: `rec_call_info.tag`.
    pub call_tag: u64,
    /// The recording's UUID.
    pub id: rec_id,
    /// The call's id.
    pub call_id: *const c_char,
    /// The id of the call in the switch.
    pub switch_call_id: *const c_char,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
    /// The username of the line's owner.
    pub username: *const c_char,
    /// The owner's numeric user id.
    pub numeric_user_id: *const c_char,
    /// The remote party's first name.
    pub remote_first_name: *const c_char,
    /// The remote party's last name.
    pub remote_last_name: *const c_char,
    /// The remote party's telephone number.
    pub remote_phone_number: *const c_char,
    /// The file's format, as in `rec_start_options.format`.
    pub format: *const c_char,
    /// The recording's URL. `rec_stop_by_call` and `rec_discard_by_call` can select one
    /// recording by it.
    pub url: *const c_char,
    /// Absolute path of the finished file, or "" until it is published.
    pub path: *const c_char,
    /// Digest of the finished file: "sha256:" and hexadecimal digits. "" until the file is
    /// published, and if `storage.digest` is "none".
    pub digest: *const c_char,
    /// Time of the first sample, Unix time in milliseconds. With `lookback_ms`, it is before the
    /// start.
    pub started_at_ms: i64,
    /// Time of the end, Unix time in milliseconds, or 0 while the recording is live.
    pub ended_at_ms: i64,
    /// Length of the audio in the file so far, in milliseconds.
    pub duration_ms: u64,
    /// Total time during which the recording was paused, in milliseconds.
    pub paused_ms: u64,
    /// Sum of the lost audio of all legs, in milliseconds: audio that never arrived (gaps in
    /// the sequence numbers), that was dropped, or that a failing recording could not write.
    /// Duplicates, and audio from a pause, from a hold, or from outside the recording do not
    /// count. The manifest gives the amount and the cause for each leg.
    pub lost_ms: u64,
    /// Size of the file so far, in bytes.
    pub bytes: u64,
    /// Absolute path of the finished file of kept packets (`recording.keep_raw`), or "" until it
    /// is published, and if no packet was kept.
    ///
    /// Since: 0.2.0
    pub raw_path: *const c_char,
    /// Digest of that file, in the form of `digest`.
    ///
    /// Since: 0.2.0
    pub raw_digest: *const c_char,
    /// Size of that file in bytes.
    ///
    /// Since: 0.2.0
    pub raw_bytes: u64,
    /// The number of packets in that file.
    ///
    /// Since: 0.2.0
    pub raw_packets: u64,
    /// How much of the audio at the beginning of the file was passed in before the start, in
    /// milliseconds. See `rec_start_options.lookback_ms`.
    ///
    /// Since: 0.2.0
    pub lookback_ms: u64,
    /// 1 if the recording is under a legal hold (`rec_hold`), otherwise 0.
    ///
    /// Since: 0.2.0
    pub held: u32,
    /// Always 0.
    pub reserved: u32,
}

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

/// A call at the moment of the event. Strings are never NULL and live as long as the event.
///
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_call_view {
    /// Size of this struct in bytes, in the library's version.
    pub struct_size: u32,
    /// `REC_CALL_…`
    pub state: i32,
    /// `REC_DIRECTION_…`
    pub direction: i32,
    /// 1 while the call is private (`rec_call_private`), otherwise 0.
    pub is_private: u32,
    /// `REC_END_CALL_ENDED` or `REC_END_ENGINE_CLOSED` with `REC_EVENT_CALL_ENDED`, otherwise
    /// 0.
    pub end_reason: i32,
    /// Always 0.
    pub reserved: u32,
    /// The number that the engine gave the call, from 1. No two calls of an open engine have
    /// the same number.
    pub number: u64,
    /// The number that the host chose for the call: `rec_call_info.tag`.
    pub tag: u64,
    /// Time of the connection, Unix time in milliseconds.
    pub connected_at_ms: i64,
    /// The call's id.
    pub call_id: *const c_char,
    /// The id of the call in the switch.
    pub switch_call_id: *const c_char,
    /// The device name of the line.
    pub device_name: *const c_char,
    /// The directory number of the line.
    pub directory_number: *const c_char,
    /// The username of the line's owner.
    pub username: *const c_char,
    /// The owner's numeric user id.
    pub numeric_user_id: *const c_char,
    /// The remote party's first name.
    pub remote_first_name: *const c_char,
    /// The remote party's last name.
    pub remote_last_name: *const c_char,
    /// The remote party's telephone number.
    pub remote_phone_number: *const c_char,
    /// The number that calls.
    pub ani: *const c_char,
    /// The number that was dialled.
    pub dnis: *const c_char,
    /// Genesys' call type.
    pub call_type: *const c_char,
    /// A JSON object whose values are strings. "{}" if there are none.
    pub attributes_json: *const c_char,
    /// `REC_CONSENT_…`
    pub consent: i32,
    /// Always 0.
    pub reserved2: u32,
    /// Who or what gave or refused the consent.
    pub consent_source: *const c_char,
    /// Since when the consent or the refusal holds: Unix time in milliseconds, or 0.
    pub consent_from_ms: i64,
    /// When the host reported it: Unix time in milliseconds, or 0.
    pub consent_at_ms: i64,
    /// The further ids of the call (`rec_call_info.related_call_id`), as a JSON array. "[]" if
    /// there are none.
    pub related_call_ids_json: *const c_char,
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
    /// With `REC_EVENT_START_FAILED`, why the recording could not begin; otherwise `REC_OK`.
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
}
