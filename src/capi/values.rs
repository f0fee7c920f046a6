//! The statuses and constants of the C API. A value never changes its meaning.

/// The result of a function: `REC_OK` (0), or a negative `REC_ERR_…`.
pub type rec_status = i32;

/// Success.
pub const REC_OK: rec_status = 0;
/// An argument breaks the rules of the API: a NULL that is not allowed, a wrong `struct_size`,
/// an unknown value or flag, invalid UTF-8, or a string that is too long.
pub const REC_ERR_INVALID_ARGUMENT: rec_status = -1;
/// The id is not a GUID. HTTP: 400, reason 0.
pub const REC_ERR_INVALID_ID: rec_status = -2;
/// Neither a device name nor a directory number was given. HTTP: 400, reason 0.
pub const REC_ERR_NO_TARGET: rec_status = -3;
/// The format is unknown. HTTP: 400, reason 2.
pub const REC_ERR_INVALID_MODE: rec_status = -4;
/// The line's policy is `REC_LINE_NOT_MONITORABLE`. HTTP: 400, reason 1.
pub const REC_ERR_NOT_MONITORABLE: rec_status = -5;
/// The line's policy is `REC_LINE_AUTOMATIC`. HTTP: 400, reason 4 (start) or 2 (stop).
pub const REC_ERR_AUTOMATIC: rec_status = -6;
/// The caller's level is 0. HTTP: 401.
pub const REC_ERR_UNAUTHENTICATED: rec_status = -7;
/// A caller below level 10 owns no live call that matches the target, or lists another user's
/// recordings. HTTP: 403.
pub const REC_ERR_FORBIDDEN: rec_status = -8;
/// The target has no live recording. HTTP: 409.
pub const REC_ERR_NOT_LIVE: rec_status = -9;
/// No call matches the target, or none that does is connected. HTTP: 409.
pub const REC_ERR_NO_CALL: rec_status = -10;
/// A stop or a discard by device names the device of a recording with
/// `REC_START_MANUAL_DIAL_IN`. HTTP: 409.
pub const REC_ERR_DIAL_IN: rec_status = -11;
/// The call is already being recorded. HTTP: 429.
pub const REC_ERR_ALREADY_RECORDING: rec_status = -12;
/// Every recording of the target is already paused. HTTP: 429.
pub const REC_ERR_ALREADY_PAUSED: rec_status = -13;
/// No recording of the target is paused. HTTP: 429.
pub const REC_ERR_NOT_PAUSED: rec_status = -14;
/// The handle is zero, stale, invented, or of another kind.
pub const REC_ERR_BAD_HANDLE: rec_status = -15;
/// There are too many calls, recordings, feeds, engines, subscriptions or gateways, or too
/// little of `media.ahead_bytes` is left, or the system refuses memory. HTTP: 503.
pub const REC_ERR_LIMIT: rec_status = -16;
/// The disk has less free space than `storage.min_free_bytes`, or the disk or a quota is full.
/// HTTP: 503.
pub const REC_ERR_NO_SPACE: rec_status = -17;
/// The operating system returned an error, which the message gives. From `rec_verify`: the file
/// differs from its manifest.
pub const REC_ERR_IO: rec_status = -18;
/// The feed's memory is full, or the write is too far ahead of the clock. In real time with
/// `rec_feed_format.ahead_ms` 0, the audio is lost and counted: do not retry. Otherwise the
/// audio was not accepted: wait with `rec_feed_wait`, then pass it in again.
pub const REC_ERR_OVERRUN: rec_status = -19;
/// The engine or the gateway is closing, or another engine holds the directory. HTTP: 504.
pub const REC_ERR_UNAVAILABLE: rec_status = -20;
/// The feature is defined, but not in this build. HTTP: 501.
pub const REC_ERR_UNSUPPORTED: rec_status = -21;
/// The function would wait for the callback that called it.
pub const REC_ERR_IN_CALLBACK: rec_status = -22;
/// The object belongs to the parent process, from which this process was forked.
pub const REC_ERR_FORKED: rec_status = -23;
/// The configuration key is unknown, or its value is out of range.
pub const REC_ERR_CONFIG: rec_status = -24;
/// The time limit passed.
pub const REC_ERR_TIMEOUT: rec_status = -25;
/// A fault inside callrec. HTTP: 500.
pub const REC_ERR_INTERNAL: rec_status = -26;
/// The line already has a call with this id, or the engine already has a codec with this name.
pub const REC_ERR_EXISTS: rec_status = -27;
/// Another thread is using this feed. The audio was neither accepted nor counted: pass it in
/// again, or the recording lacks it.
pub const REC_ERR_BUSY: rec_status = -28;
/// The line's recordings are mandatory: only the host may stop or discard them. HTTP: 403.
///
/// Since: 0.2.0
pub const REC_ERR_MANDATORY: rec_status = -29;
/// The audit log was changed after it was written, or its end is missing. The message gives the
/// line.
///
/// Since: 0.2.0
pub const REC_ERR_AUDIT: rec_status = -30;
/// Consent to the recording of this call was refused: see `REC_CONSENT_REFUSED`. HTTP: 403.
///
/// Since: 0.2.0
pub const REC_ERR_CONSENT: rec_status = -31;
/// There is no recording with this id, live or finished. HTTP: 404.
///
/// Since: 0.2.0
pub const REC_ERR_NOT_FOUND: rec_status = -32;
/// A recording that has not ended, or whose file is not published yet, cannot be deleted: stop it
/// first. HTTP: 409.
///
/// Since: 0.2.0
pub const REC_ERR_LIVE: rec_status = -33;
/// The recording is under a legal hold (`rec_hold`). HTTP: 403.
///
/// Since: 0.2.0
pub const REC_ERR_HELD: rec_status = -34;

/// Not authenticated: every operation returns `REC_ERR_UNAUTHENTICATED`.
pub const REC_LEVEL_NONE: u32 = 0;
/// Imagicle's "Record Only": the caller can reach only their own live calls.
pub const REC_LEVEL_RECORD_ONLY: u32 = 1;
/// Imagicle's "Base Access": the caller can reach only their own live calls.
pub const REC_LEVEL_BASE: u32 = 2;
/// Imagicle's "Complete Management": the caller can reach every call.
pub const REC_LEVEL_COMPLETE: u32 = 10;

/// The parties are connected.
pub const REC_CALL_CONNECTED: i32 = 1;
/// The call is on hold. `calls.hold_audio` says whether its audio is recorded meanwhile.
pub const REC_CALL_HELD: i32 = 2;
/// The call is ringing and has not been answered.
pub const REC_CALL_ALERTING: i32 = 3;

/// Nothing is known of a consent. With `consent.required` "true", recordings of the call wait: they
/// write no audio, and their state is `REC_STATE_PAUSED`.
///
/// Since: 0.2.0
pub const REC_CONSENT_UNKNOWN: i32 = 0;
/// The parties agree that the call is recorded, from `rec_call_info.consent_from_ms` on.
///
/// Since: 0.2.0
pub const REC_CONSENT_GIVEN: i32 = 1;
/// A party refuses the recording. The call's recordings end, or are discarded, as
/// `consent.on_refusal` says; starts are refused with `REC_ERR_CONSENT`, and the line's policy
/// starts none. If consent is given later, recordings may start again.
///
/// Since: 0.2.0
pub const REC_CONSENT_REFUSED: i32 = 2;

/// The direction is not known.
pub const REC_DIRECTION_UNKNOWN: i32 = 0;
/// The remote party called.
pub const REC_DIRECTION_INCOMING: i32 = 1;
/// The local party called.
pub const REC_DIRECTION_OUTGOING: i32 = 2;

/// The local party: the owner of the line.
pub const REC_LEG_LOCAL: i32 = 0;
/// The remote party.
pub const REC_LEG_REMOTE: i32 = 1;
/// Both parties, already mixed into one stream. A call with this leg cannot have the other two.
pub const REC_LEG_MIXED: i32 = 2;

/// Starts, and stops and discards by id or by device, are refused with
/// `REC_ERR_NOT_MONITORABLE`. `rec_line_set` gives all rules.
pub const REC_LINE_NOT_MONITORABLE: u32 = 1;
/// Every call on the line is recorded from the moment it is connected.
pub const REC_LINE_AUTOMATIC: u32 = 2;
/// Only the host (NULL as caller) may stop or discard recordings of the line's calls, whoever
/// started them. The policy does not restrict pauses.
///
/// Since: 0.2.0
pub const REC_LINE_MANDATORY: u32 = 4;

/// A person started the recording by dialling in. `rec_stop_by_device` and
/// `rec_discard_by_device` refuse it if they are given a device name (`REC_ERR_DIAL_IN`).
pub const REC_START_MANUAL_DIAL_IN: u32 = 1;
/// Starts a further recording of a call that is already being recorded.
pub const REC_START_ADDITIONAL: u32 = 2;
/// The line's policy started the recording. Only `rec_recording.flags` has this flag;
/// `rec_start` refuses it.
pub const REC_START_AUTOMATIC: u32 = 4;

/// Two channels: the local leg on the left, the remote leg on the right.
pub const REC_LAYOUT_STEREO: i32 = 0;
/// One channel with both legs.
pub const REC_LAYOUT_MONO: i32 = 1;
/// One channel with the local leg only.
pub const REC_LAYOUT_LOCAL: i32 = 2;
/// One channel with the remote leg only.
pub const REC_LAYOUT_REMOTE: i32 = 3;

/// All of the call's audio that is kept (`media.lookback_ms`).
pub const REC_LOOKBACK_ALL: u32 = 4294967295;

/// The file has silence for as long as the pause lasted.
pub const REC_PAUSE_SILENCE: i32 = 0;
/// The file has nothing for the time of the pause.
pub const REC_PAUSE_SKIP: i32 = 1;

/// The recording keeps packets as the key `recording.keep_raw` says.
///
/// Since: 0.2.0
pub const REC_KEEP_RAW_DEFAULT: i32 = 0;
/// The recording keeps no packets.
///
/// Since: 0.2.0
pub const REC_KEEP_RAW_NEVER: i32 = 1;
/// The recording keeps the RTP packets that cannot be decoded, neither by this build nor by a
/// registered codec. Telephone events and packets that may hold a masked tone are not kept.
///
/// Since: 0.2.0
pub const REC_KEEP_RAW_UNDECODABLE: i32 = 2;
/// The recording keeps every RTP packet, except telephone events and, with `media.dtmf` "mask",
/// packets that may hold a tone.
///
/// Since: 0.2.0
pub const REC_KEEP_RAW_ALWAYS: i32 = 3;

/// 16-bit linear PCM: native byte order in `rec_feed_write`, network byte order in RTP.
pub const REC_CODEC_PCM16: i32 = 1;
/// G.711 µ-law.
pub const REC_CODEC_PCMU: i32 = 2;
/// G.711 A-law.
pub const REC_CODEC_PCMA: i32 = 3;
/// G.722 at 64 kbit/s, decoded to 16000 Hz. `REC_ERR_UNSUPPORTED` in a build without the feature
/// `g722`.
pub const REC_CODEC_G722: i32 = 4;
/// Opus, decoded to 48000 Hz. `REC_ERR_UNSUPPORTED` in a build without the feature `opus`.
pub const REC_CODEC_OPUS: i32 = 5;
/// The first value that `rec_codec_register` returns. Values from here on are registered codecs.
///
/// Since: 0.2.0
pub const REC_CODEC_REGISTERED: i32 = 1000;

/// The recording writes audio.
pub const REC_STATE_RECORDING: i32 = 1;
/// The recording is paused, or its call is private (`rec_call_private`), or the call waits for
/// consent (`consent.required`).
pub const REC_STATE_PAUSED: i32 = 2;
/// The recording has ended, and its file is not published yet.
pub const REC_STATE_FINISHING: i32 = 3;
/// The file is published, or the recording was discarded.
pub const REC_STATE_FINISHED: i32 = 4;
/// The recording failed: see `rec_recording.error`.
pub const REC_STATE_FAILED: i32 = 5;

/// The recording was stopped.
pub const REC_END_STOPPED: i32 = 1;
/// The call ended.
pub const REC_END_CALL_ENDED: i32 = 2;
/// The recording reached its time limit.
pub const REC_END_LIMIT: i32 = 3;
/// `rec_close` ended the call or the recording.
pub const REC_END_ENGINE_CLOSED: i32 = 4;
/// A write to the file failed.
pub const REC_END_WRITE_ERROR: i32 = 5;
/// The process died. The next `rec_open` finished what was on disk.
pub const REC_END_RECOVERED: i32 = 6;
/// The recording was discarded.
pub const REC_END_DISCARDED: i32 = 7;
/// Consent to the recording was refused (`REC_CONSENT_REFUSED`), with `consent.on_refusal` "stop".
/// With "discard", the reason is `REC_END_DISCARDED`.
///
/// Since: 0.2.0
pub const REC_END_CONSENT_REFUSED: i32 = 8;
/// The call moved to another line, with `recording.on_transfer` "stop" or "new".
///
/// Since: 0.2.0
pub const REC_END_TRANSFERRED: i32 = 9;

/// The file and its manifest exist. Exactly one terminal event will follow.
pub const REC_EVENT_STARTED: i32 = 1;
/// The recording has stopped writing audio: it was paused, its call became private, or it
/// began while its call waits for consent. `frame` says from where.
pub const REC_EVENT_PAUSED: i32 = 2;
/// The recording writes audio again: it is not paused, and its call is neither private nor waits
/// for consent. `frame` says from where.
pub const REC_EVENT_RESUMED: i32 = 3;
/// Terminal. The file has its final name, or the recording was discarded.
pub const REC_EVENT_FINISHED: i32 = 4;
/// Terminal. A write failed, or nothing could be saved. What was written is kept.
pub const REC_EVENT_FAILED: i32 = 5;
/// Audio was lost. The event is raised when the loss is certain, at most 6.5 s after the lost
/// audio. The member `loss` of `json` gives the leg, the range of frames, and the cause. There
/// is at most one such event for each block of audio that is written (`storage.flush_ms`), none
/// before `REC_EVENT_STARTED` and none after the terminal event.
pub const REC_EVENT_LOSS: i32 = 6;
/// A recording that was accepted, or that a line's policy started, could not begin. Nothing was
/// kept, and no terminal event follows. `status` gives the cause. `recording` is NULL if the
/// failure came before the recording had an id.
pub const REC_EVENT_START_FAILED: i32 = 7;
/// The free space of the disk fell below `storage.min_free_bytes`. `recording` is NULL.
pub const REC_EVENT_DISK_LOW: i32 = 8;
/// A call had no media for `calls.idle_ms`, so the engine ended it. The handles of the call and
/// its feeds are stale. `recording` is NULL; `call_tag` and `json` identify the call. Each of
/// its recordings has its own terminal event.
pub const REC_EVENT_CALL_IDLE: i32 = 9;
/// A feed receives RTP packets that this build cannot decode, so the call's recordings have
/// silence in place of this audio. The event is raised and logged at the first such packet,
/// once for each leg and payload type of a call. `recording` is NULL; `call_tag` and `json`
/// identify the call. `json` also has the `leg`, the `payload_type`, the name of the `codec`,
/// and the `remedy`: what to do, in words.
///
/// Since: 0.2.0
pub const REC_EVENT_MEDIA_IGNORED: i32 = 10;
/// In real time only: a leg of a connected call has had no decoded audio for `media.silent_ms`.
/// The event is raised and logged once for each leg of a call; the call and its recordings
/// continue. Silence that was received counts as audio. Time during which the call is alerting
/// or held, or the leg has no feed, does not count. `recording` is NULL; `call_tag` and `json`
/// identify the call, and `json` has the `leg`.
///
/// Since: 0.2.0
pub const REC_EVENT_LEG_SILENT: i32 = 11;
/// A call has begun. This event, `REC_EVENT_CALL_UPDATED` and `REC_EVENT_CALL_ENDED` are
/// delivered only to subscriptions with `REC_SUBSCRIBE_CALLS`. `recording` is NULL, and `call`
/// describes the call. Each call has one `REC_EVENT_CALL_BEGAN`, then any number of
/// `REC_EVENT_CALL_UPDATED`, then one `REC_EVENT_CALL_ENDED`, in the order of the changes.
/// `REC_EVENT_STARTED` or `REC_EVENT_START_FAILED` of an automatic recording follows
/// `REC_EVENT_CALL_BEGAN`.
///
/// Since: 0.2.0
pub const REC_EVENT_CALL_BEGAN: i32 = 12;
/// `rec_call_update`, `rec_call_private` or `rec_call_parties` changed a call. `call` describes
/// the call after the change. In `json`, `changed` lists the members of `call` whose values are
/// new.
///
/// Since: 0.2.0
pub const REC_EVENT_CALL_UPDATED: i32 = 13;
/// A call has ended, and its handles are stale. `call` describes its last state;
/// `call->end_reason` gives the cause. Events about its recordings can follow, and so can
/// `REC_EVENT_CALL_IDLE`, and `REC_EVENT_MEDIA_IGNORED` and `REC_EVENT_LEG_SILENT` about media
/// from before the end.
///
/// Since: 0.2.0
pub const REC_EVENT_CALL_ENDED: i32 = 14;
/// `recording.pause_max_ms` has passed since `REC_EVENT_PAUSED`, and the recording still writes no
/// audio. The event is raised once for each pause, at most a second late. The pause goes on: callrec
/// never resumes a recording by itself.
///
/// Since: 0.2.0
pub const REC_EVENT_PAUSE_OVERDUE: i32 = 15;
/// A recording was deleted, by `rec_delete` or through an HTTP API. Of `recording`, only `id` says
/// anything; `json` has the id alone as well. With `REC_EVENT_FLAG_REPEATED`, an earlier process
/// began the deletion and this one has completed it. The event is not terminal, and not owed:
/// `.callrec/audit.log` is the lasting record.
///
/// Since: 0.2.0
pub const REC_EVENT_DELETED: i32 = 16;
/// A recording was uploaded to the store of `upload.url`, completely, and the copy was verified.
/// `object_url` names the object with the audio. In `json`, `recording.uploaded` lists all objects
/// and says whether the local copy was removed (`upload.delete_local`). The event is not terminal,
/// and not owed: the manifest is the lasting record. It may be delivered again after a crash.
///
/// Since: 0.2.0
pub const REC_EVENT_UPLOADED: i32 = 17;
/// The upload of a recording was given up: another object has its key, its file has changed since
/// it was published, or `upload.give_up_ms` is over. Its local copy stays. In `json`, `error` says
/// why. The event is not terminal, and not owed.
///
/// Since: 0.2.0
pub const REC_EVENT_UPLOAD_FAILED: i32 = 18;
/// The engine is in a cluster, and has lost Redis: it cannot be reached, or it refuses the login or
/// the node. In `json`, `error` says why. Recordings go on, and callrec tries again until
/// `REC_EVENT_CLUSTER_RESTORED`. Functions without `cluster` in their names never notice it.
///
/// Since: 0.2.0
pub const REC_EVENT_CLUSTER_LOST: i32 = 19;
/// After `REC_EVENT_CLUSTER_LOST`, all live recordings of this engine are in Redis again. In `json`,
/// `recordings` is their number.
///
/// Since: 0.2.0
pub const REC_EVENT_CLUSTER_RESTORED: i32 = 20;
/// A node of the cluster has not renewed its lease (`cluster.lease_ms`). In `json`, `node` is its
/// name, and `recordings` has the ids of its live recordings. Exactly one node of the cluster raises
/// the event, and it is once in the stream of the cluster. How the recordings ended, their own
/// node says when an engine opens its directory again.
///
/// Since: 0.2.0
pub const REC_EVENT_NODE_LOST: i32 = 21;

/// Stop a recording. What it does is that of `rec_stop_by_id`, `rec_stop_by_device` and
/// `rec_stop_by_call`.
///
/// Since: 0.2.0
pub const REC_CONTROL_STOP: i32 = 1;
/// Stop a recording and delete its audio, as `rec_discard_by_id` does.
///
/// Since: 0.2.0
pub const REC_CONTROL_DISCARD: i32 = 2;
/// Pause a recording, as `rec_pause_by_id` does.
///
/// Since: 0.2.0
pub const REC_CONTROL_PAUSE: i32 = 3;
/// Resume a recording, as `rec_resume_by_id` does.
///
/// Since: 0.2.0
pub const REC_CONTROL_RESUME: i32 = 4;

/// An earlier engine on the directory may already have delivered the event, with the same
/// state, end reason, error and `lost_ms`.
pub const REC_EVENT_FLAG_REPEATED: u32 = 1;
/// The recording has ended, and its file has no audio: only silence, or no frame. Set with
/// `REC_EVENT_FINISHED` and `REC_EVENT_FAILED` only, and never for a discarded recording. After
/// a crash, the flag is not set if the content of the last part of the file is not known.
pub const REC_EVENT_FLAG_NO_AUDIO: u32 = 2;
/// The recording has ended, and at least one of its legs received packets, but none that could
/// be decoded (for example only G.729 or AMR). In `json`, `undecoded` names these legs, and
/// `legs` gives the payload types of their packets. Set with `REC_EVENT_FINISHED` and
/// `REC_EVENT_FAILED` only.
pub const REC_EVENT_FLAG_LEG_UNDECODED: u32 = 4;
/// The call was already live when the subscription began. `call` describes it at that moment.
/// Set with `REC_EVENT_CALL_BEGAN` only.
///
/// Since: 0.2.0
pub const REC_EVENT_FLAG_LIVE: u32 = 8;

/// Also delivers `REC_EVENT_CALL_BEGAN`, `REC_EVENT_CALL_UPDATED` and `REC_EVENT_CALL_ENDED`.
///
/// Since: 0.2.0
pub const REC_SUBSCRIBE_CALLS: u32 = 1;

/// An error.
pub const REC_LOG_ERROR: i32 = 1;
/// A warning.
pub const REC_LOG_WARNING: i32 = 2;
/// Information.
pub const REC_LOG_INFO: i32 = 3;
