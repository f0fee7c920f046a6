//! The structs of recordings. A struct only grows at its end.

use super::handle_types::rec_id;
use super::values::rec_status;
use std::ffi::c_char;

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
    /// Parameters of the encoder may follow, each after a semicolon, in any order: a name, "=" and
    /// a whole number in decimal digits, without a sign, leading zeros or spaces. What is not
    /// given is taken from the configuration (`recording.opus_bitrate` and so on). A parameter
    /// that the format does not have, a value out of its range, the same parameter twice, and a
    /// semicolon without a parameter are `REC_ERR_INVALID_MODE`.
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
    /// The most recordings that the list has; 0: all. Only for `rec_cluster_list`; `rec_list`
    /// refuses any other value than 0.
    ///
    /// Since: 0.2.0
    pub limit: u32,
    /// Must be 0.
    ///
    /// Since: 0.2.0
    pub reserved2: u32,
    /// Where the list begins: `rec_snapshot_cursor` of the page before, or absent for the first
    /// page. Only for `rec_cluster_list`; `rec_list` refuses one.
    ///
    /// Since: 0.2.0
    pub cursor: *const c_char,
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
    /// 1 if the node that has the recording cannot be reached, so that nobody knows whether it is
    /// still live; otherwise 0. Only `rec_cluster_list` and `rec_cluster_get` set it.
    ///
    /// Since: 0.2.0
    pub unreachable: u32,
    /// The node that has the recording (`cluster.node`). Only `rec_cluster_list` and
    /// `rec_cluster_get` set it, otherwise it is "".
    ///
    /// Since: 0.2.0
    pub node: *const c_char,
}
