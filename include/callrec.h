/* callrec: the recorder of live telephone calls. MIT OR Apache-2.0.
 *
 * Generated from src/capi by cbindgen. Do not edit: change the source, then run
 * CALLREC_BLESS=1 cargo test --test header
 *
 * In this order: rec_open, rec_subscribe; for each call rec_call_begin and a
 * rec_feed_open for each leg, then all of its audio by rec_feed_rtp or rec_feed_write,
 * recorded or not; rec_start, rec_pause_..., rec_resume_..., rec_stop_... at any time
 * and as often as wanted: feeds belong to the call, not to a recording; rec_call_end;
 * rec_close. A recording that was started ends with one event, FINISHED, FAILED or
 * START_FAILED (after a crash, or a rec_close that ran out of time: by the next rec_open).
 *
 * The rules of every function:
 * - Object first, then the caller (NULL: the host itself), inputs, outputs, and an
 *   optional rec_error last. Outputs are written on success only; a rec_error is
 *   written by every call and cleared on success.
 * - Structs are begun with REC_INIT(type); zero always means the default. An unknown
 *   value or flag is REC_ERR_INVALID_ARGUMENT.
 * - Strings are NUL-terminated UTF-8, paths too, borrowed for the call, at most 1,023
 *   bytes (paths 4,095; attributes 65,536). NULL and "" are absent, but for
 *   rec_call_update and a configuration's values. Strings that come out are never NULL
 *   and live as long as what they came from; nothing is ever handed over for free().
 * - struct_size is 4 to 4,096, or the answer is REC_ERR_INVALID_ARGUMENT and nothing is
 *   done or written, also if it is the rec_error's. A shorter struct than ours: the rest
 *   is zero. A longer one: accepted if the rest is zero. Output structs are written as
 *   far as they reach. Members named reserved must be 0.
 *   rec_event and rec_recording are the library's own: their struct_size tells whether
 *   a member that is newer than 0.1.0 is there.
 * - "Blocking: never" is: waits for no disk and no callback. Handing in (rec_feed_write,
 *   _write_at, _rtp, _rtp_at) also waits for no lock, allocates nothing and makes no
 *   system call: of all functions, call these alone on a real-time thread.
 * - Any function may answer REC_ERR_INTERNAL: a fault inside callrec, by which only what
 *   it touched is failed.
 * - While the system refuses memory, a function that takes memory returns REC_ERR_LIMIT and
 *   changes nothing. Functions that end, pause or give back still work, but may wait for
 *   memory. docs/operations.md says which, and what is not covered.
 * - Engines, calls, feeds and subscriptions are checked ids: a zero, stale, foreign or
 *   invented one is REC_ERR_BAD_HANDLE, also while another thread closes it.
 * - After a fork the parent's objects answer REC_ERR_FORKED in the child, which may
 *   open its own. Snapshots and configurations are plain memory.
 */

#ifndef CALLREC_H
#define CALLREC_H

#include <stddef.h>
#include <stdint.h>

#define REC_VERSION_MAJOR 0
#define REC_VERSION_MINOR 1
#define REC_VERSION_PATCH 0
#define REC_VERSION_NUMBER ((REC_VERSION_MAJOR << 16) | (REC_VERSION_MINOR << 8) | REC_VERSION_PATCH)
#define REC_VERSION_STRING "0.1.0"

/* An empty struct with its size set. In C it initialises a declaration; in C++ it is an
 * expression. */
#ifdef __cplusplus
#define REC_INIT(type) ([]() -> type { type made = type(); made.struct_size = static_cast<uint32_t>(sizeof(type)); return made; }())
#else
#define REC_INIT(type) { .struct_size = (uint32_t)sizeof(type) }
#endif

/**
 * No authentication: every operation answers `REC_ERR_UNAUTHENTICATED`.
 */
#define REC_LEVEL_NONE 0

/**
 * Imagicle's "Record Only": own calls alone.
 */
#define REC_LEVEL_RECORD_ONLY 1

/**
 * Imagicle's "Base Access": own calls alone.
 */
#define REC_LEVEL_BASE 2

/**
 * Imagicle's "Complete Management": every call.
 */
#define REC_LEVEL_COMPLETE 10

/**
 * Call states. 0: not said (a new call is connected).
 */
#define REC_CALL_CONNECTED 1

#define REC_CALL_HELD 2

#define REC_CALL_ALERTING 3

/**
 * Call directions.
 */
#define REC_DIRECTION_UNKNOWN 0

#define REC_DIRECTION_INCOMING 1

#define REC_DIRECTION_OUTGOING 2

/**
 * Legs: the local party (owner of the line), the remote party, or both already
 * mixed into one stream, which excludes the other two.
 */
#define REC_LEG_LOCAL 0

#define REC_LEG_REMOTE 1

#define REC_LEG_MIXED 2

/**
 * Marks of a line, flags of `rec_line_info`.
 */
#define REC_LINE_NOT_MONITORABLE 1

#define REC_LINE_AUTOMATIC 2

/**
 * Recordings of the line's calls are mandatory: nobody but the host (NULL as caller) may stop
 * or discard them, whoever started them. Everybody who may pause them still may. Since 0.2.0.
 */
#define REC_LINE_MANDATORY 4

/**
 * Flags of `rec_start_options`: a dial-in that a person started, and a further
 * recording of a call that is being recorded already.
 */
#define REC_START_MANUAL_DIAL_IN 1

#define REC_START_ADDITIONAL 2

/**
 * Flag of a `rec_recording` alone: its line's mark began it. A start may not set it.
 */
#define REC_START_AUTOMATIC 4

/**
 * Layouts: left = local and right = remote; both in one channel; one leg alone.
 */
#define REC_LAYOUT_STEREO 0

#define REC_LAYOUT_MONO 1

#define REC_LAYOUT_LOCAL 2

#define REC_LAYOUT_REMOTE 3

/**
 * `lookback_ms`: all there is.
 */
#define REC_LOOKBACK_ALL 4294967295

/**
 * What a pause leaves in the file: silence of its length, or nothing.
 */
#define REC_PAUSE_SILENCE 0

#define REC_PAUSE_SKIP 1

/**
 * Codecs. 16-bit linear is native-endian in `rec_feed_write`, network order in RTP.
 */
#define REC_CODEC_PCM16 1

#define REC_CODEC_PCMU 2

#define REC_CODEC_PCMA 3

#define REC_CODEC_G722 4

#define REC_CODEC_OPUS 5

/**
 * States of a recording: recording <-> paused -> finishing -> finished | failed. It is also
 * paused while its call is private (`rec_call_private`).
 */
#define REC_STATE_RECORDING 1

#define REC_STATE_PAUSED 2

#define REC_STATE_FINISHING 3

#define REC_STATE_FINISHED 4

#define REC_STATE_FAILED 5

/**
 * Why a recording ended. 0: it has not.
 */
#define REC_END_STOPPED 1

#define REC_END_CALL_ENDED 2

#define REC_END_LIMIT 3

#define REC_END_ENGINE_CLOSED 4

#define REC_END_WRITE_ERROR 5

/**
 * A crash ended it; what was on disk was finished at the next open.
 */
#define REC_END_RECOVERED 6

#define REC_END_DISCARDED 7

/**
 * The file and its manifest exist: from here on a terminal event is owed.
 */
#define REC_EVENT_STARTED 1

#define REC_EVENT_PAUSED 2

#define REC_EVENT_RESUMED 3

/**
 * Terminal: the file is there under its final name, or was discarded.
 */
#define REC_EVENT_FINISHED 4

/**
 * Terminal: a write failed, or nothing could be saved. What is there is kept.
 */
#define REC_EVENT_FAILED 5

/**
 * Audio was lost. The event comes once the loss is certain, which is up to 6.5 s after the
 * moment that was lost. Its `json` says, in `"loss"`, which leg, from which frame to which,
 * and why. There is at most one event for each block of audio, none before STARTED and none
 * after the end.
 */
#define REC_EVENT_LOSS 6

/**
 * A recording that was accepted, or that an automatic line asked for, could not
 * be begun: nothing was kept, and no terminal event follows. `status` says why.
 * `recording` is NULL if it never had an id.
 */
#define REC_EVENT_START_FAILED 7

/**
 * The disk's room fell below `storage.min_free_bytes`. About no recording.
 */
#define REC_EVENT_DISK_LOW 8

/**
 * A call had no media for `calls.idle_ms` and has been ended: its handles are stale.
 * `recording` is NULL, `call_tag` and `json` say which call; each of its recordings
 * has a terminal event of its own.
 */
#define REC_EVENT_CALL_IDLE 9

/**
 * A feed receives RTP packets that this build cannot decode, so the recordings of the
 * call have silence where their audio belongs. Raised at the first such packet, once for
 * each leg and payload type of a call. `recording` is NULL; `call_tag` and `json` say
 * which call. `json` also says which `leg` and `payload_type`, the name of the `codec`,
 * and what to do about it (`remedy`). A log line says the same. Since 0.2.0.
 */
#define REC_EVENT_MEDIA_IGNORED 10

/**
 * A leg of a connected call has had no decoded audio for `media.silent_ms`; while the call is
 * alerting or held, no silence is counted, and a leg without a feed has none. Raised once for
 * each leg of a call; the call and its recordings go on. Audio that is silent counts as
 * audio. `recording` is NULL; `call_tag` and `json` say which call, and `json` which
 * `leg`. A log line says the same. Since 0.2.0.
 */
#define REC_EVENT_LEG_SILENT 11

/**
 * A call has begun. This and the next two are only delivered to subscriptions that ask for
 * them: `REC_SUBSCRIBE_CALLS`. `recording` is NULL, `call` says what is known of the call.
 * For each call there is one CALL_BEGAN, then any number of CALL_UPDATED, then one
 * CALL_ENDED, in the order in which it happened. An automatic recording's STARTED or
 * START_FAILED comes after CALL_BEGAN. Since 0.2.0.
 */
#define REC_EVENT_CALL_BEGAN 12

/**
 * A call was described anew and something changed, or it became private or ceased to be so
 * (`rec_call_update`, `rec_call_private`). `call` is the call as it is from here on; `json`
 * names in `"changed"` the members of `"call"` that differ. Since 0.2.0.
 */
#define REC_EVENT_CALL_UPDATED 13

/**
 * A call has ended. `call` is the call as it was at last, `call.end_reason` why. Its handles
 * are stale. Events about its recordings, and about its media until then (CALL_IDLE,
 * MEDIA_IGNORED, LEG_SILENT), may come later. Since 0.2.0.
 */
#define REC_EVENT_CALL_ENDED 14

/**
 * The event may have been told before, by an earlier engine on the directory. It tells the
 * same state, end reason, error and `lost_ms`.
 */
#define REC_EVENT_FLAG_REPEATED 1

/**
 * The recording has ended and its file has no audio at all: nothing but silence, or no
 * frame. FINISHED and FAILED only, and never of a discarded recording. After a crash the
 * flag is missing where it is not known what the last of the file holds.
 */
#define REC_EVENT_FLAG_NO_AUDIO 2

/**
 * The recording has ended, and at least one of its legs had packets of which none could
 * be decoded, such as G.722 or Opus. `json` names these legs (`undecoded`) and the payload
 * types of their packets (`legs`). FINISHED and FAILED only, like
 * `REC_EVENT_FLAG_NO_AUDIO`.
 */
#define REC_EVENT_FLAG_LEG_UNDECODED 4

/**
 * The call was live already when the subscription began, and `call` is the call as it was
 * then. CALL_BEGAN only. Since 0.2.0.
 */
#define REC_EVENT_FLAG_LIVE 8

/**
 * Flag of `rec_subscribe_options`: the life of calls as well, CALL_BEGAN, CALL_UPDATED and
 * CALL_ENDED. Since 0.2.0.
 */
#define REC_SUBSCRIBE_CALLS 1

/**
 * Levels of `rec_log_fn`.
 */
#define REC_LOG_ERROR 1

#define REC_LOG_WARNING 2

#define REC_LOG_INFO 3

/**
 * No socket is opened: requests come by `rec_http_handle` alone.
 */
#define REC_GATEWAY_NO_SOCKET 1

/**
 * HTTP Basic: `name` and `secret` are the user's name and password.
 */
#define REC_AUTH_BASIC 1

/**
 * X-Auth-ID and X-Auth-Token (Vobiz): `name` is the account, `secret` its token.
 */
#define REC_AUTH_TOKEN 2

/**
 * Nobody asks to be let in, and `secret` is "": callrec is about to call back an
 * account's receiver and needs `signature_key`; `level` is not looked at.
 */
#define REC_AUTH_SIGNATURE 3

/**
 * `Authorization: Bearer` (Vobiz): `secret` is the token, `name` the account that the path
 * names, or "" where it names none (the audio below `/recordings/`). The host makes sure
 * that the token is that account's. Since 0.2.0; a host that does not know this scheme
 * answers `REC_ERR_UNAUTHENTICATED`.
 */
#define REC_AUTH_BEARER 4

/**
 * Settings for `rec_open`. Opaque.
 */
typedef struct rec_config rec_config;

/**
 * The answer to an HTTP request. Opaque.
 */
typedef struct rec_http_response rec_http_response;

/**
 * Recordings as they were at one instant. Opaque.
 */
typedef struct rec_snapshot rec_snapshot;

/**
 * What every call answers: 0 (`REC_OK`) or a negative `REC_ERR_…`.
 */
typedef int32_t rec_status;

/**
 * An engine: a registry, its threads, one storage directory. Zero is never valid.
 */
typedef struct {
    uint64_t id;
} rec_engine;

/**
 * How far an audit log has come. Keep a copy where nobody who can change the log can reach it.
 */
typedef struct {
    uint32_t struct_size;
    uint32_t reserved;
    /**
     * The number of the last line on the disk; 0: there is none yet.
     */
    uint64_t sequence;
    /**
     * Lines that wait for the disk. Not looked at by `rec_verify_audit`.
     */
    uint64_t waiting;
    /**
     * Lines that this engine has dropped, because the disk did not take them or because too
     * many logins were refused. Not looked at by `rec_verify_audit`.
     */
    uint64_t dropped;
    /**
     * The last line's hash: 64 hexadecimal digits and a NUL.
     */
    char hash[72];
} rec_chain_head;

/**
 * What went wrong, written by every call that takes one; cleared on success.
 */
typedef struct {
    uint32_t struct_size;
    rec_status status;
    /**
     * The published BadRequestReason of the operation, -1 where there is none.
     */
    int32_t reason;
    uint32_t reserved;
    /**
     * With `REC_ERR_NOT_MONITORABLE`: the line's device name; else empty.
     */
    char device_name[256];
    /**
     * For people: names the parameter and the value. UTF-8, one line (control
     * characters are escaped), cut to fit.
     */
    char message[512];
} rec_error;

/**
 * What `rec_verify_audit` has read of an audit log that is in order.
 */
typedef struct {
    uint32_t struct_size;
    uint32_t reserved;
    /**
     * The number of the last line, and so of lines; 0: there is none.
     */
    uint64_t sequence;
    /**
     * Lines behind the known head.
     */
    uint64_t lines_after_head;
    /**
     * Lines that were cut short because a process died; a later line accounts for each.
     */
    uint64_t unfinished;
    /**
     * Bytes of an incomplete last line: it is being written, or a process died. 0: none.
     */
    uint64_t unfinished_bytes;
    /**
     * Lines that the log itself says were dropped.
     */
    uint64_t dropped;
    /**
     * The last line's hash: 64 hexadecimal digits and a NUL.
     */
    char hash[72];
} rec_audit_report;

/**
 * A call as the host knows it. In an update, NULL and 0 keep, "" clears.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_CALL_…`; 0: connected at the beginning, unchanged in an update.
     */
    int32_t state;
    /**
     * `REC_DIRECTION_…`
     */
    int32_t direction;
    uint32_t reserved;
    /**
     * The host's own, handed back in `rec_recording`.
     */
    uint64_t tag;
    /**
     * Unix time in milliseconds; 0: now (at the beginning), unchanged (in an update).
     */
    int64_t connected_at_ms;
    /**
     * Absent: callrec issues one. Cannot be changed by an update.
     */
    const char *call_id;
    /**
     * Genesys' connId, Cisco's global call id.
     */
    const char *switch_call_id;
    const char *device_name;
    const char *directory_number;
    /**
     * The owner of the line: their calls are their own.
     */
    const char *username;
    const char *numeric_user_id;
    const char *remote_first_name;
    const char *remote_last_name;
    const char *remote_phone_number;
    const char *ani;
    const char *dnis;
    /**
     * Internal, Inbound, Outbound, Consult
     */
    const char *call_type;
    /**
     * A JSON object whose values are strings (Genesys' userData), at most 65,536 bytes.
     */
    const char *attributes_json;
} rec_call_info;

/**
 * A call on a line. Zero is never valid. It lives until `rec_call_end`, `rec_close`, or
 * until `calls.idle_ms` have passed without media (`REC_EVENT_CALL_IDLE`).
 */
typedef struct {
    uint64_t id;
} rec_call;

/**
 * Who asks. A NULL caller is the host itself, and trusted.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * 0 to 10; see `REC_LEVEL_…`. Below 10: live calls of their own alone.
     */
    uint32_t level;
    /**
     * Compared byte for byte with a call's present username.
     */
    const char *username;
} rec_caller;

/**
 * By device and by call: how many recordings.
 */
typedef struct {
    uint32_t struct_size;
    uint32_t changed;
    /**
     * They were so already.
     */
    uint32_t already;
    /**
     * The rules forbade it.
     */
    uint32_t refused;
} rec_counts;

/**
 * What an engine is doing and has done since it was opened.
 */
typedef struct {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t live_calls;
    /**
     * Recording or paused.
     */
    uint64_t live_recordings;
    /**
     * Stopped, and not yet published.
     */
    uint64_t finishing_recordings;
    /**
     * Packets and writes with audio that were taken, and comfort noise.
     */
    uint64_t frames_in;
    /**
     * Packets that never came (gaps in the sequence numbers), and packets or writes whose
     * audio was dropped: refused with `REC_ERR_OVERRUN`, too late, or their place was taken.
     */
    uint64_t frames_lost;
    /**
     * Packets that are no audio we know: other payload types, RTCP, garbage.
     */
    uint64_t frames_ignored;
    /**
     * Audio bytes written to disk. Late audio that replaces silence counts once more.
     */
    uint64_t bytes_out;
    /**
     * Blocks' bytes that a full backlog turned into silence.
     */
    uint64_t bytes_dropped;
    /**
     * Waiting to be written, now.
     */
    uint64_t backlog_bytes;
    /**
     * Events that were dropped: a subscription was full, or nobody was subscribed.
     */
    uint64_t events_dropped;
    /**
     * How late the media workers were at most in the last second, in microseconds.
     */
    uint64_t worker_lag_us;
    /**
     * On the storage directory's file system, refreshed each second.
     */
    uint64_t free_bytes;
} rec_statistics;

/**
 * Receives log lines (`REC_LOG_…`, UTF-8, control characters escaped, so one line
 * each) on the event thread, under the rules of `rec_event_fn`.
 */
typedef void (*rec_log_fn)(void *user_data, int32_t level, const char *message);

/**
 * Called once with the `user_data` it belongs to, after the last callback.
 *
 * It runs on the thread that ends what the data belongs to (in `rec_unsubscribe`,
 * `rec_set_log`, `rec_close`), or on one of the library's. It must not call what waits:
 * `rec_close`, `rec_unsubscribe`, `rec_gateway_stop`, `rec_http_handle`. It must not
 * throw or longjmp out.
 */
typedef void (*rec_free_fn)(void *user_data);

/**
 * A recording's UUID as text: 36 lower-case characters and a NUL.
 */
typedef struct {
    char text[37];
} rec_id;

/**
 * One recording, as it was when the snapshot or the event was made. Strings are
 * never NULL and live as long as what they came from.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_STATE_…`
     */
    int32_t state;
    /**
     * `REC_END_…`; 0 while it lives.
     */
    int32_t end_reason;
    /**
     * Why it failed; `REC_OK` otherwise.
     */
    rec_status error;
    /**
     * `REC_LAYOUT_…`
     */
    int32_t layout;
    /**
     * `REC_PAUSE_…`
     */
    int32_t pause_mode;
    /**
     * `REC_START_…`: those of its start, or `REC_START_AUTOMATIC`.
     */
    uint32_t flags;
    /**
     * Hz; 0 as long as it is not known.
     */
    uint32_t sample_rate;
    uint64_t call_tag;
    rec_id id;
    const char *call_id;
    const char *switch_call_id;
    const char *device_name;
    const char *directory_number;
    const char *username;
    const char *numeric_user_id;
    const char *remote_first_name;
    const char *remote_last_name;
    const char *remote_phone_number;
    const char *format;
    /**
     * What a stop by call names one recording by.
     */
    const char *url;
    /**
     * Of the finished file, absolute; empty until it is published.
     */
    const char *path;
    /**
     * "sha256:" and hex digits, of the finished file; empty until then, or if switched off.
     */
    const char *digest;
    /**
     * Unix time of the first sample, in milliseconds.
     */
    int64_t started_at_ms;
    /**
     * Unix time of its end; 0 while it lives.
     */
    int64_t ended_at_ms;
    /**
     * Of the audio in the file so far, in milliseconds.
     */
    uint64_t duration_ms;
    uint64_t paused_ms;
    /**
     * All legs added, in milliseconds: audio that never came (gaps in the sequence numbers),
     * and audio that was dropped, or could not be written before it failed. Duplicates,
     * hold, and audio outside of what is recorded do not count. The manifest says how much
     * for each leg, and why.
     */
    uint64_t lost_ms;
    /**
     * In the file.
     */
    uint64_t bytes;
} rec_recording;

/**
 * A call, as it was when the event was made. Strings are never NULL and live as long as the
 * event.
 * Since: 0.2.0
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_CALL_…`
     */
    int32_t state;
    /**
     * `REC_DIRECTION_…`
     */
    int32_t direction;
    /**
     * 1 while the call is private (`rec_call_private`), 0 otherwise.
     */
    uint32_t is_private;
    /**
     * `REC_EVENT_CALL_ENDED`: `REC_END_CALL_ENDED` or `REC_END_ENGINE_CLOSED`. 0 otherwise.
     */
    int32_t end_reason;
    uint32_t reserved;
    /**
     * The engine's number of the call, from 1. No two calls of one open engine have the same.
     */
    uint64_t number;
    /**
     * The host's own, from `rec_call_info`.
     */
    uint64_t tag;
    /**
     * Unix time in milliseconds.
     */
    int64_t connected_at_ms;
    const char *call_id;
    const char *switch_call_id;
    const char *device_name;
    const char *directory_number;
    const char *username;
    const char *numeric_user_id;
    const char *remote_first_name;
    const char *remote_last_name;
    const char *remote_phone_number;
    const char *ani;
    const char *dnis;
    const char *call_type;
    /**
     * A JSON object whose values are strings; "{}" if the host gave none.
     */
    const char *attributes_json;
} rec_call_view;

/**
 * Something that happened.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_EVENT_…`
     */
    int32_t kind;
    /**
     * `REC_EVENT_FLAG_…`
     */
    uint32_t flags;
    uint32_t reserved;
    /**
     * Rises from event to event; a gap is what was dropped. It counts the engine's
     * events that this subscription asks for: a later one does not begin at 1, and two
     * subscriptions with different options may number one event differently.
     */
    uint64_t sequence;
    /**
     * Unix time in milliseconds.
     */
    int64_t time_ms;
    /**
     * NULL where the event is about none.
     */
    const rec_recording *recording;
    /**
     * The same, as one JSON object, in the manifest's words (docs/formats.md).
     */
    const char *json;
    /**
     * `REC_EVENT_START_FAILED`: why. `REC_OK` otherwise.
     */
    rec_status status;
    uint32_t reserved2;
    /**
     * The host's own number of the call that it is about, also where `recording` is NULL.
     */
    uint64_t call_tag;
    /**
     * The engine's number of the call that it is about or whose recording; 0: of no call, or
     * of a recording that an earlier engine on the directory began.
     * Since: 0.2.0
     */
    uint64_t call_number;
    /**
     * The call that it is about; NULL where it is about a recording or about no call.
     * Since: 0.2.0
     */
    const rec_call_view *call;
} rec_event;

/**
 * Receives events, one after the other, on the library's event thread.
 *
 * No lock of the library is held. `event` and all that it points to live until
 * the callback returns. It may call any function but `rec_close` of its own
 * engine, and `rec_gateway_stop` and `rec_http_handle` of that engine's gateways
 * (`REC_ERR_IN_CALLBACK`); unsubscribing itself is allowed. While it does not
 * return, later events wait; calls and recordings go on. It must not throw or
 * longjmp out. Callbacks of two engines must not unsubscribe or close each other.
 */
typedef void (*rec_event_fn)(void *user_data, const rec_event *event);

/**
 * A subscription to an engine's events. Zero is never valid.
 */
typedef struct {
    uint64_t id;
} rec_subscription;

/**
 * What a subscription asks for. Zero means the default everywhere.
 * Since: 0.2.0
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_SUBSCRIBE_…`
     */
    uint32_t flags;
} rec_subscribe_options;

/**
 * How a feed's audio is coded, and how the host writes it. It holds for `rec_feed_write`
 * and `rec_feed_write_at`. RTP packets are understood by their payload type; for them,
 * only the size of the feed's memory follows from it.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_CODEC_…`; has no default, 0 is `REC_ERR_INVALID_ARGUMENT`.
     */
    int32_t codec;
    /**
     * Hz; 0: the codec's own (8000). PCM16: 8000 to 48000. G.711: 8000.
     */
    uint32_t sample_rate;
    uint32_t reserved;
    /**
     * Real time: how far ahead of the clock `rec_feed_write` may be, in milliseconds, at
     * most 600000; less than 200 counts as 200. 0: 2000, and what is written further ahead
     * is lost. Otherwise what is further ahead is not taken, and nothing is lost. More than
     * 2000 is reserved from `media.ahead_bytes` until the feed is closed. `rec_feed_payload`
     * ignores it.
     * Since: 0.2.0
     */
    uint32_t ahead_ms;
    /**
     * 0 and 1: one channel. 2: the samples of both legs in turn, the local leg's first;
     * only on a feed of `REC_LEG_LOCAL`, which is then the remote leg's feed as well. It
     * takes writes only, and stays as it was when the feed was opened. For
     * `rec_feed_payload`, 0 or 1.
     * Since: 0.2.0
     */
    uint32_t channels;
} rec_feed_format;

/**
 * The source of one leg's audio. Zero is never valid.
 */
typedef struct {
    uint64_t id;
} rec_feed;

/**
 * What a client has shown.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_AUTH_…`
     */
    int32_t scheme;
    const char *name;
    const char *secret;
    /**
     * The client's IP address.
     */
    const char *source;
} rec_credentials;

/**
 * Whom the host knows by these credentials.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_LEVEL_…`, 1 to 10; 0 lets nobody in.
     */
    uint32_t level;
    /**
     * Whose calls are their own: compared with `rec_call_info.username`.
     */
    char username[256];
    /**
     * Signs the callbacks of this account (its token, with Vobiz); empty: they are
     * not signed.
     */
    char signature_key[256];
} rec_identity;

/**
 * Says who a client of the gateway is: the host's own function.
 *
 * `credentials` and all that it points to live until it returns. `identity` comes
 * cleared, with its `struct_size`. Answer `REC_OK` with `identity` filled in;
 * `REC_ERR_UNAUTHENTICATED` if nobody is known by that name and secret (the client
 * gets 401, and its next tries are slowed down); any other status if it cannot be said
 * now (500). Compare secrets in constant time. It runs on threads of the library,
 * `gateway.auth_parallel` at a time, and may wait; it may call any function but `rec_close`,
 * `rec_gateway_stop` and `rec_http_handle` (`REC_ERR_IN_CALLBACK`, also for another
 * engine or gateway). It must not throw or longjmp out.
 */
typedef rec_status (*rec_authenticate_fn)(void *user_data,
                                          const rec_credentials *credentials,
                                          rec_identity *identity);

/**
 * How the gateway is to run; what else there is to set are the `gateway.…`,
 * `genesys.…`, `cometd.…` and `callbacks.…` keys of `rec_config_set`.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * 0: any free one; see `rec_gateway_port`.
     */
    uint32_t port;
    /**
     * An IP address. Absent: 127.0.0.1.
     */
    const char *address;
    /**
     * `REC_GATEWAY_…`
     */
    uint32_t flags;
    uint32_t reserved;
    /**
     * Says who may. NULL: nobody.
     */
    rec_authenticate_fn authenticate;
    /**
     * Handed to `authenticate`.
     */
    void *user_data;
    /**
     * Called once with `user_data` after the last `authenticate`, before
     * `rec_gateway_stop` or `rec_close` returns `REC_OK`. May be NULL, and must be if
     * `authenticate` is.
     */
    rec_free_fn user_data_free;
} rec_gateway_options;

/**
 * A running HTTP gateway. Zero is never valid.
 */
typedef struct {
    uint64_t id;
} rec_gateway;

/**
 * One HTTP request.
 */
typedef struct {
    uint32_t struct_size;
    uint32_t reserved;
    /**
     * `GET`, `POST`, …; not NULL.
     */
    const char *method;
    /**
     * Path and query, percent-encoded as they came; not NULL.
     */
    const char *target;
    /**
     * "Name: value" lines, each ended by CR LF; absent: none.
     */
    const char *headers;
    /**
     * NULL if `body_size` is 0.
     */
    const void *body;
    size_t body_size;
    /**
     * The client's IP address, by which failed tries are slowed down. Absent: 127.0.0.1.
     */
    const char *source;
} rec_http_request;

/**
 * A line's marks. At least one of the names is needed.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_LINE_…`; 0: monitorable and manual. Replaces what was set for that line before.
     */
    uint32_t flags;
    const char *device_name;
    const char *directory_number;
} rec_line_info;

/**
 * Which recordings to list; what is given must all be met. Absent: all.
 */
typedef struct {
    uint32_t struct_size;
    uint32_t reserved;
    const char *device_name;
    const char *directory_number;
    const char *username;
    const char *numeric_user_id;
    const char *call_id;
} rec_filter;

/**
 * What to record, and how. Zero means the default everywhere.
 */
typedef struct {
    uint32_t struct_size;
    /**
     * `REC_START_MANUAL_DIAL_IN`, `REC_START_ADDITIONAL`
     */
    uint32_t flags;
    /**
     * `REC_LAYOUT_…`
     */
    int32_t layout;
    /**
     * `REC_PAUSE_…`
     */
    int32_t pause_mode;
    /**
     * Of audio in the file, silence included; 0: no limit.
     */
    uint32_t max_duration_ms;
    /**
     * Audio from before the start. Not in this build: anything but 0 is `REC_ERR_UNSUPPORTED`.
     */
    uint32_t lookback_ms;
    /**
     * This, and/or the two below; all that are given must fit.
     */
    const char *call_id;
    const char *device_name;
    const char *directory_number;
    /**
     * "wav" (default), "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw"; "flac", "opus",
     * "mp3" are `REC_ERR_UNSUPPORTED` in this build.
     */
    const char *format;
    /**
     * Called back, unsigned, when the recording has ended and its file is there; a
     * running gateway delivers it. It must be among `callbacks.allow`, else
     * `REC_ERR_INVALID_ARGUMENT`. Without the feature `gateway`: `REC_ERR_UNSUPPORTED`.
     */
    const char *callback_url;
    /**
     * "POST" (default): a form in the body; or "GET": in the query.
     */
    const char *callback_method;
} rec_start_options;

/**
 * Done.
 */
#define REC_OK 0

/**
 * The ABI was misused: a NULL that is not allowed, a wrong `struct_size`, an
 * unknown value or flag, invalid UTF-8, an over-long string.
 */
#define REC_ERR_INVALID_ARGUMENT -1

/**
 * The id is not a GUID. Published as 400, reason 0.
 */
#define REC_ERR_INVALID_ID -2

/**
 * Neither a device name nor a directory number. Published as 400, reason 0.
 */
#define REC_ERR_NO_TARGET -3

/**
 * Unknown format. Published as 400, reason 2 of a start.
 */
#define REC_ERR_INVALID_MODE -4

/**
 * The line is marked not monitorable. Published as 400, reason 1, with the device name.
 */
#define REC_ERR_NOT_MONITORABLE -5

/**
 * The line is recorded automatically. Published as 400, reason 4 (start) or 2 (stop).
 */
#define REC_ERR_AUTOMATIC -6

/**
 * The caller's level is 0. Published as 401.
 */
#define REC_ERR_UNAUTHENTICATED -7

/**
 * The caller's level does not allow it. Published as 403.
 */
#define REC_ERR_FORBIDDEN -8

/**
 * No live recording there. Published as 409.
 */
#define REC_ERR_NOT_LIVE -9

/**
 * No call there that could be recorded. Published as 409.
 */
#define REC_ERR_NO_CALL -10

/**
 * A manually started dial-in, and the stop named the device. Published as 409.
 */
#define REC_ERR_DIAL_IN -11

/**
 * The call is being recorded already. Published as 429.
 */
#define REC_ERR_ALREADY_RECORDING -12

/**
 * All of it is paused already. Published as 429.
 */
#define REC_ERR_ALREADY_PAUSED -13

/**
 * None of it is paused. Published as 429.
 */
#define REC_ERR_NOT_PAUSED -14

/**
 * The handle is zero, stale, of another kind, or made up.
 */
#define REC_ERR_BAD_HANDLE -15

/**
 * Too many calls, recordings, feeds, engines or subscriptions; or the system refuses memory.
 * Published as 503.
 */
#define REC_ERR_LIMIT -16

/**
 * Too little room on the disk. Published as 503.
 */
#define REC_ERR_NO_SPACE -17

/**
 * The operating system refused; the message says what.
 */
#define REC_ERR_IO -18

/**
 * The feed's memory is full, or what is written is too far ahead of the clock. Real time
 * with `rec_feed_format.ahead_ms` 0: lost and counted, do not retry. Otherwise: not taken;
 * wait with `rec_feed_wait` and hand it in again.
 */
#define REC_ERR_OVERRUN -19

/**
 * The engine is closing, or its directory is held elsewhere. Published as 504.
 */
#define REC_ERR_UNAVAILABLE -20

/**
 * Known, but not in this build. Published as 501.
 */
#define REC_ERR_UNSUPPORTED -21

/**
 * It would wait for the callback that it was called from.
 */
#define REC_ERR_IN_CALLBACK -22

/**
 * The object belongs to the process that this one was forked from.
 */
#define REC_ERR_FORKED -23

/**
 * Unknown configuration key, or a value out of its range.
 */
#define REC_ERR_CONFIG -24

/**
 * Time ran out.
 */
#define REC_ERR_TIMEOUT -25

/**
 * Something that was not foreseen. Published as 500.
 */
#define REC_ERR_INTERNAL -26

/**
 * There is such a call on that line already.
 */
#define REC_ERR_EXISTS -27

/**
 * Another thread is in this feed at the moment. Nothing was taken and nothing counted:
 * hand it in again, or it is missing.
 */
#define REC_ERR_BUSY -28

/**
 * The line's recordings are mandatory: only the host may stop or discard them. Published
 * as 403. Since 0.2.0.
 */
#define REC_ERR_MANDATORY -29

/**
 * The audit log was changed after it was written, or its end is missing; the message says
 * where. Since 0.2.0.
 */
#define REC_ERR_AUDIT -30

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Says how far the engine's audit log has come on the disk: the last line's number and hash.
 * Whoever can write the log could also cut off its end, or write all of it anew; that shows if
 * the host keeps this elsewhere and hands it to `rec_verify_audit`.
 *
 * `head`: filled in; not NULL, begun with `REC_INIT`. Without a line yet, `sequence` is 0 and
 * `hash` all zeros.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the struct is the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`, `REC_ERR_IO` (the log could not be read yet).
 * Since: 0.2.0
 */
rec_status rec_audit_head(rec_engine engine, rec_chain_head *head, rec_error *error);

/**
 * Reads the whole audit log of a storage directory and checks that it is as it was written.
 * The check finds every line that was edited, moved, removed or inserted. With `known_head` it
 * also finds that the log was cut off before that head, or written anew. It needs no engine;
 * an engine may be writing the log meanwhile.
 *
 * `directory`: the value of `storage.directory`, UTF-8, not NULL. `known_head`: what
 * `rec_audit_head` said at some earlier time, or NULL. Without it, a log whose end was cut
 * off at the end of a line, or that was written anew, looks whole. `report`: what was read;
 * may be NULL; written on success only. An incomplete last line is no error: it is being
 * written, or a process died while it wrote.
 *
 * Threads: any.
 * Blocking: reads the whole log.
 * In callbacks: yes, but events wait meanwhile.
 * Ownership: the string and the structs are borrowed for the call.
 * Errors: `REC_ERR_AUDIT` (it is not what was written: the message tells which line, and what is
 * wrong with it), `REC_ERR_IO` (it cannot be read), `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.2.0
 */
rec_status rec_verify_audit(const char *directory,
                            const rec_chain_head *known_head,
                            rec_audit_report *report,
                            rec_error *error);

/**
 * Announces a call on a line: connected, held or alerting. If the line is marked
 * automatic and the call is connected, its recording begins; should that fail, an
 * event says so, it is tried again, and the call is announced all the same. A recording
 * that fails later is followed by another one: see `rec_line_set`.
 *
 * `info`: not NULL; every field may be absent. `call`: where the handle is
 * written; not NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the call is the caller's, until `rec_call_end`; strings are borrowed.
 * Errors: `REC_ERR_EXISTS` (the same call_id on the same line), `REC_ERR_LIMIT`,
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_call_begin(rec_engine engine,
                          const rec_call_info *info,
                          rec_call *call,
                          rec_error *error);

/**
 * Says anew what a call is: its state, parties, line, owner. Recordings go on;
 * rights, look-ups and marks follow what the call is from here on, the manifest
 * keeps every line it was on. Moved to an automatic line, or connected there, it
 * is recorded.
 *
 * `info`: not NULL. NULL and 0 keep what was; "" clears. `call_id` cannot change.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: `REC_ERR_EXISTS` (the new line has such a call), `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_BAD_HANDLE` (it has ended), `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_call_update(rec_call call, const rec_call_info *info, rec_error *error);

/**
 * Makes a call private, or ends its privacy. Nothing that is handed in while a call is
 * private is ever written into a file, whatever its recordings are told.
 *
 * The call may be recorded or not: every recording that begins while it is private begins
 * paused, whoever or whatever begins it. Audio is written only while the recording is not
 * paused and its call is not private. So a resume never ends the privacy, and the end of
 * the privacy never ends a recording's own pause. `rec_pause_…` and `rec_resume_…` return
 * what they return for a call that is not private.
 *
 * In the file, in the manifest and in the events privacy is a pause like any other.
 * `REC_EVENT_PAUSED` is raised when a recording stops writing audio, for either reason, and
 * `REC_EVENT_RESUMED` when neither reason is left. While its call is private,
 * `rec_recording.state` is `REC_STATE_PAUSED`, also for a recording whose own pause has
 * ended. The manifest's `call` and the JSON of a list then have `"private":true`.
 *
 * Returns `REC_OK` also where the call is in the requested state already.
 *
 * `call`: the call. `on`: 1 makes it private, 0 ends that. `error`: may be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: nothing is handed over.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (`on` is neither 0 nor 1), `REC_ERR_BAD_HANDLE` (the
 * call has ended), `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_call_private(rec_call call, uint32_t on, rec_error *error);

/**
 * Ends a call: its feeds' handles become stale, its recordings are finished with
 * `REC_END_CALL_ENDED`.
 *
 * Threads: any, also while others feed.
 * Blocking: never (for a packet that is just being copied).
 * In callbacks: yes.
 * Ownership: the call and its feeds are gone.
 * Errors: `REC_ERR_BAD_HANDLE` (it has ended), `REC_ERR_FORKED`, `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_call_end(rec_call call, rec_error *error);

/**
 * The call's id as text, also one that callrec has issued.
 *
 * `text`: where it is written, with its NUL; not NULL. `size`: its room in bytes;
 * 1,024 always suffice.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the buffer is the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (too small: nothing is written),
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_call_id(rec_call call, char *text, size_t size, rec_error *error);

/**
 * Makes a configuration that holds every key's default.
 *
 * `config`: where its pointer is written; not NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the caller's, until `rec_config_free`.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (NULL).
 * Since: 0.1.0
 */
rec_status rec_config_new(rec_config **config);

/**
 * Sets one key.
 *
 * `config`: not NULL. `key`, `value`: not NULL. The keys, with their defaults:
 *
 * - `storage.directory` (recordings): where files go, 1 to 3000 bytes; made if it is
 *   not there; one engine at a time holds it
 * - `storage.name` ({date}_{time}_{id}): template of a file's name without its
 *   extension, at most 500 bytes: {id} {call_id} {device} {number} {user} {remote}
 *   {ani} {dnis} {date} {time} {host} {contact_center} {layout} {attr:KEY}
 *   {gsip_rec_fn} {gsip_host}; "/" makes directories
 * - `storage.host` (empty): the {host} of a name, at most 255 bytes
 * - `storage.flush_ms` (700): how often a recording's audio goes to its file, 100 to
 *   10000 ms
 * - `storage.durability` (finish): "process" never syncs; "finish" syncs what is
 *   published before its terminal event; "power" also syncs what is in progress,
 *   before its STARTED event and then as storage.sync_interval_ms says
 * - `storage.sync_interval_ms` (1000): with "power", a power cut loses at most this
 *   much audio while the disk keeps up, 100 to 60000 ms; less than storage.flush_ms +
 *   180 needs a shorter storage.flush_ms as well
 * - `storage.digest` (sha256): "sha256" or "none", of the finished file, in its
 *   manifest
 * - `storage.backlog_ms` (15000): audio of one recording that may wait for a slow
 *   disk, 1000 to 600000 ms; beyond it blocks are dropped and counted
 * - `storage.backlog_bytes` (536870912): the same for all recordings together, at
 *   least 1048576 bytes
 * - `storage.max_open_files` (0): how many recordings keep their file open, 0 to
 *   1000000; beyond it each block is open-append-close; 0: half of the process's soft
 *   limit
 * - `storage.min_free_bytes` (104857600): below so much free room no recording is
 *   started (REC_ERR_NO_SPACE)
 * - `media.clock` (real): "real": time is the wall's; "stream": time is the media's
 *   own, for replays and tests, faster than real time
 * - `media.reorder_ms` (60): how long a late packet is waited for, 0 to 1000 ms
 * - `media.leg_wait_ms` (2000): stream time: how far one leg may run ahead of the
 *   other, 100 to 60000 ms of media
 * - `media.workers` (0): media threads, 0 to 64; 0: half the cores, at least one
 * - `media.overflow_bytes` (268435456): memory, shared by all feeds, that takes what a
 *   feed's ring cannot hold, 0 to 68719476736 bytes; in real time, enough of it is
 *   kept ready for a burst of 5 s on every open feed, up to this limit
 * - `media.ahead_bytes` (268435456): audio that hosts may write ahead of the clock in
 *   all feeds together, 0 to 68719476736 bytes; a feed whose ahead_ms does not fit is
 *   refused with REC_ERR_LIMIT
 * - `media.silent_ms` (10000): a connected leg without decoded audio for this long
 *   raises REC_EVENT_LEG_SILENT once, 0 to 86400000 ms; 0: never
 * - `calls.hold_audio` (keep): audio that is fed while its call is held: "keep"
 *   records it, "silence" does not
 * - `calls.max` (0): live calls at most; 0: no limit
 * - `calls.idle_ms` (14400000): a call without media for so long has been forgotten,
 *   and is ended; 0: never
 * - `recordings.max` (0): live recordings at most; 0: no limit
 * - `recordings.max_per_call` (16): live recordings of one call at which a caller
 *   below level 10 may start no more; 0: no limit
 * - `lines.strict` (false): "true": a line without a mark is not monitorable
 * - `audit.enabled` (true): "true": every start, pause, resume, stop, discard,
 *   download, deletion and refusal has a line in the storage directory's audit log
 * - `recording.format` (wav): of automatic recordings, and of those that an HTTP API
 *   starts without a word for it: "wav", "wav-ulaw", "wav-alaw", "au", "au-ulaw",
 *   "au-alaw"
 * - `recording.layout` (stereo): of automatic recordings, and of those that an HTTP
 *   API starts without a word for it: "stereo", "mono", "local", "remote"
 * - `recording.pause_mode` (silence): of automatic recordings, and of those that an
 *   HTTP API starts without a word for it: "silence" or "skip"
 * - `recording.max_duration_ms` (0): of automatic recordings, and of those that an
 *   HTTP API starts without a word for it, 0 to 4294967295 ms; 0: no limit
 * - `recording.sample_rate` (0): of every "wav" and "au" file, 8000 to 48000 Hz; 0:
 *   that of the first audio
 * - `recording.url_base` (empty): put before "ID.EXTENSION" to make a recording's url,
 *   at most 1000 bytes
 * - `gateway.apis` (imagicle,genesys,vobiz): The published HTTP APIs that are offered,
 *   separated by commas: imagicle, genesys, vobiz, plivo.
 * - `gateway.public_url` (empty): Scheme, host and path prefix of the URLs in
 *   responses, as clients see them. Empty: http:// and the address that the gateway
 *   listens on.
 * - `gateway.url_lifetime_ms` (0): How long the recording URLs in responses and
 *   callbacks give access to the audio without a login, 0 to 31622400000 ms. Each URL
 *   carries its expiry time and a signature. 0: they always need a login.
 * - `gateway.threads` (2): Number of threads that handle requests, 1 to 64.
 * - `gateway.max_connections` (4096): Maximum number of open connections, 1 to
 *   1000000, but at most a quarter of the files that the process may have open. A
 *   further connection is answered with 503 and closed.
 * - `gateway.max_connections_per_source` (1024): Maximum number of open connections
 *   from one client address (IPv6: from one /64 network), 1 to 1000000. The last
 *   eighth of gateway.max_connections is never given to one address. The limit does
 *   not apply to gateway.trusted_proxies.
 * - `gateway.max_header_bytes` (16384): Maximum size of a request's first line and
 *   headers, 8192 to 1048576 bytes.
 * - `gateway.max_body_bytes` (65536): Maximum size of a request's body, 1024 to
 *   16777216 bytes.
 * - `gateway.request_ms` (10000): Time limit for receiving the headers of a request,
 *   for receiving its body, and for each write of a response, 100 to 600000 ms.
 * - `gateway.json_depth` (32): Maximum nesting depth of a request's JSON, 4 to 100.
 * - `gateway.auth_delay_ms` (100): Delay after a failed login before the next attempt
 *   with the same name from the same client address, 0 to 60000 ms. Each further
 *   failure doubles it. 0: logins are never delayed.
 * - `gateway.auth_delay_max_ms` (5000): The longest delay of a login, 0 to 600000 ms.
 *   An attempt that would have to wait longer is refused with 503.
 * - `gateway.auth_parallel` (64): Maximum number of concurrent calls of
 *   rec_authenticate_fn, 2 to 1000. One client address gets at most half of them.
 *   Further logins are queued.
 * - `gateway.archive_parallel` (16): Maximum number of requests that search for
 *   finished recordings concurrently, 1 to 256. Further requests are queued.
 * - `gateway.trusted_proxies` (empty): IP addresses of reverse proxies, separated by
 *   commas. From these, X-Forwarded-For is trusted to name the client's address.
 * - `callbacks.allow` (empty): Receivers that callbacks may be sent to, separated by
 *   commas: scheme://host or scheme://host:port. A "*." before a domain allows its
 *   subdomains, ":*" allows any port. Empty: no callbacks.
 * - `callbacks.timeout_ms` (3000): Time limit for a receiver to respond, 100 to 600000
 *   ms.
 * - `callbacks.retry_ms` (1000): Delay before the second attempt, 10 to 3600000 ms. It
 *   is doubled before each further one.
 * - `callbacks.retry_max_ms` (300000): The longest delay between two attempts, 10 to
 *   86400000 ms.
 * - `callbacks.give_up_ms` (86400000): A callback that has not been answered for this
 *   long is logged and dropped, 0 to 9223372036854 ms. 0: never.
 * - `callbacks.parallel` (16): Maximum number of concurrent callbacks, 1 to 1000.
 * - `vobiz.signature_v3` (page): What X-Vobiz-Signature-V3 of a callback covers, in
 *   addition to the nonce. "page": the URL without its query, as Vobiz documents it.
 *   "sdk": the URL, its query and all fields, as the SDKs of Vobiz and Plivo compute
 *   it.
 * - `plivo.signature_v3` (sdk): The same for X-Plivo-Signature-V3.
 * - `gateway.imagicle_path` (/fw/Apps/Recorder/WebAPI): Base path of the Imagicle API,
 *   1 to 200 bytes that begin with "/".
 * - `imagicle.cors_origins` (empty): Sites whose pages may use the Imagicle API in a
 *   browser, separated by commas: scheme://host or scheme://host:port. Empty: none.
 * - `gateway.genesys_path` (/api/v2): Base path of the Genesys API, 1 to 200 bytes
 *   that begin with "/".
 * - `gateway.cometd_path` (/genesys/cometd): Path of CometD for Genesys clients, 1 to
 *   200 bytes that begin with "/".
 * - `genesys.csrf` (false): "true": POST, PUT and DELETE require the token and the
 *   cookie that GET /me returns.
 * - `genesys.capabilities`
 *   (UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup):
 *   A call's capabilities other than those of recording, separated by commas.
 * - `genesys.contact_center_id` (<cont_center_id>): The last field of GSIP_REC_FN,
 *   where it is percent-encoded, at most 255 bytes.
 * - `genesys.cors_origins` (empty): Sites whose pages may use the Genesys API and
 *   CometD in a browser, separated by commas: scheme://host or scheme://host:port.
 *   Empty: none.
 * - `cometd.timeout_ms` (30000): How long a /meta/connect is held, 100 to 600000 ms.
 * - `cometd.session_ms` (10000): A session without a /meta/connect for this long is
 *   closed, 100 to 600000 ms.
 * - `cometd.max_sessions` (10000): Maximum number of sessions, 1 to 1000000.
 * - `cometd.max_sessions_per_user` (100): Maximum number of sessions of one user, 1 to
 *   1000000. A further session closes the one that has gone longest without a poll. It
 *   is refused if all of them are being polled.
 * - `cometd.max_sessions_per_browser` (1): Maximum number of sessions of one browser,
 *   identified by its cookie, that may have a /meta/connect held concurrently, 1 to
 *   1000000. The others poll.
 * - `cometd.multi_session_interval_ms` (2000): Interval at which those others poll, 50
 *   to 60000 ms, but at most half of cometd.session_ms.
 * - `cometd.max_queue` (1000): Maximum number of messages queued for one session, 10
 *   to 1000000. If there are more, the session is closed and its client must repeat
 *   the handshake.
 * - `cometd.max_queue_bytes` (4194304): Maximum size of the messages queued for one
 *   session, 65536 to 1073741824 bytes. A single message may be longer.
 * - `gateway.vobiz_path` (/api/v1): Base path of the Vobiz API, 1 to 200 bytes that
 *   begin with "/".
 * - `vobiz.cors_origins` (empty): Sites whose pages may use the Vobiz API and the
 *   audio of recordings in a browser, separated by commas: scheme://host or
 *   scheme://host:port. Empty: none.
 * - `gateway.plivo_path` (/v1): Base path of the Plivo look-alike, 1 to 200 bytes that
 *   begin with "/".
 * - `plivo.cors_origins` (empty): Sites whose pages may use the Plivo look-alike and
 *   the audio of recordings in a browser, separated by commas: scheme://host or
 *   scheme://host:port. Empty: none.
 *
 * Threads: any, but one at a time for one configuration.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: `REC_ERR_CONFIG` (no such key, or a value out of its range: the message
 * names both; nothing is changed), `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_config_set(rec_config *config,
                          const char *key,
                          const char *value,
                          rec_error *error);

/**
 * Sets keys from a JSON file: an object, flat (`"media.clock": "stream"`) or
 * nested (`"media": {"clock": "stream"}`).
 *
 * `config`: not NULL. `path`: of the file, UTF-8, not NULL, at most 1 MiB of content.
 *
 * Threads: any, but one at a time for one configuration.
 * Blocking: reads the file.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: `REC_ERR_IO` (cannot be read), `REC_ERR_CONFIG` (not such an object, or a
 * key or value is wrong: nothing of the file is taken), `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_config_load(rec_config *config, const char *path, rec_error *error);

/**
 * Frees a configuration. An engine opened with it keeps its own copy.
 *
 * `config`: NULL is allowed.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the pointer is gone afterwards.
 * Errors: none.
 * Since: 0.1.0
 */
void rec_config_free(rec_config *config);

/**
 * Stops the recording of this id. The file is finished and published, then
 * `REC_EVENT_FINISHED` is delivered. Of concurrent stops of one recording exactly one
 * gets `REC_OK`, the others `REC_ERR_NOT_LIVE`.
 *
 * `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
 * digits, with or without braces, in any case.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
 * (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
 * NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
 * `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
 * 2); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Stop Recording by id.
 */
rec_status rec_stop_by_id(rec_engine engine,
                          const rec_caller *caller,
                          const char *id,
                          rec_error *error);

/**
 * Stops, and keeps no audio of, the recording of this id. No file is left;
 * `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered once it is gone.
 *
 * `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
 * digits, with or without braces, in any case.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
 * (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
 * NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
 * `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
 * 2); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_discard_by_id(rec_engine engine,
                             const rec_caller *caller,
                             const char *id,
                             rec_error *error);

/**
 * Pauses the recording of this id. What is handed in from here on is never written,
 * until a resume; nor is what is handed in later, but may have been said during the pause. `REC_EVENT_PAUSED` is delivered once the manifest says so. A line's
 * marks never refuse it.
 *
 * `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
 * digits, with or without braces, in any case.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
 * (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
 * NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED`; before all:
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Pause by id; Genesys, PauseCallRecording.
 */
rec_status rec_pause_by_id(rec_engine engine,
                           const rec_caller *caller,
                           const char *id,
                           rec_error *error);

/**
 * Resumes the recording of this id. `REC_EVENT_RESUMED` is delivered once the manifest
 * says so. A line's marks never refuse it.
 *
 * If a sender's clock stood still during the pause, nobody can tell at first whether what
 * comes now was said during it. Up to 5 s of that leg are then not kept, and counted as
 * `pause_unclear`, unless something proves when it was said: a new SSRC, a feed that was
 * opened anew, an RTCP sender report, the age given to `rec_feed_rtp_at`, packets of the
 * pause itself, or a pause of more than 5 s.
 *
 * `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
 * digits, with or without braces, in any case.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
 * (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
 * NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED`; before all:
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Resume by id; Genesys, ResumeCallRecording.
 */
rec_status rec_resume_by_id(rec_engine engine,
                            const rec_caller *caller,
                            const char *id,
                            rec_error *error);

/**
 * Stops every live recording on the line that has this device name and this directory
 * number, whichever are given. The file is finished and published, then
 * `REC_EVENT_FINISHED` is delivered. Of concurrent stops of one recording exactly one
 * gets `REC_OK`, the others `REC_ERR_NOT_LIVE` if they
 * found nothing else.
 *
 * `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
 * least one; both must fit one and the same recorded line. `counts`: how many changed,
 * were so already, were refused; may be NULL; written on success only.
 *
 * A manually started dial-in is refused if the device is named, even with the right
 * number. If nothing changed, the status is the reason for the newest.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
 * `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
 * 2), `REC_ERR_DIAL_IN`; before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Stop Recording by device name and directory number.
 */
rec_status rec_stop_by_device(rec_engine engine,
                              const rec_caller *caller,
                              const char *device_name,
                              const char *directory_number,
                              rec_counts *counts,
                              rec_error *error);

/**
 * Stops, and keeps no audio of, every live recording on the line that has this device
 * name and this directory number, whichever are given. No file is left;
 * `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered once it is gone.
 *
 * `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
 * least one; both must fit one and the same recorded line. `counts`: how many changed,
 * were so already, were refused; may be NULL; written on success only.
 *
 * A manually started dial-in is refused if the device is named, even with the right
 * number. If nothing changed, the status is the reason for the newest.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
 * `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
 * 2), `REC_ERR_DIAL_IN`; before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_discard_by_device(rec_engine engine,
                                 const rec_caller *caller,
                                 const char *device_name,
                                 const char *directory_number,
                                 rec_counts *counts,
                                 rec_error *error);

/**
 * Pauses every live recording on the line that has this device name and this directory
 * number, whichever are given. What is handed in from here on is never written, until a
 * resume. `REC_EVENT_PAUSED` is delivered once the manifest says so. A line's marks
 * never refuse it.
 *
 * `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
 * least one; both must fit one and the same recorded line. `counts`: how many changed,
 * were so already, were refused; may be NULL; written on success only.
 *
 * `REC_OK` only if nothing of the target still records.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED` (all of
 * it); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Pause by directory number.
 */
rec_status rec_pause_by_device(rec_engine engine,
                               const rec_caller *caller,
                               const char *device_name,
                               const char *directory_number,
                               rec_counts *counts,
                               rec_error *error);

/**
 * Resumes every live recording on the line that has this device name and this directory
 * number, whichever are given. `REC_EVENT_RESUMED` is delivered once the manifest says
 * so. A line's marks never refuse it.
 *
 * `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
 * least one; both must fit one and the same recorded line. `counts`: how many changed,
 * were so already, were refused; may be NULL; written on success only.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED` (none of it);
 * before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Resume by directory number.
 */
rec_status rec_resume_by_device(rec_engine engine,
                                const rec_caller *caller,
                                const char *device_name,
                                const char *directory_number,
                                rec_counts *counts,
                                rec_error *error);

/**
 * Stops recordings of the calls of this id, all of them or one. The file is finished and
 * published, then `REC_EVENT_FINISHED` is delivered. Of concurrent stops of one
 * recording exactly one counts it in `changed`. Of a line's marks, `REC_LINE_MANDATORY` alone
 * refuses it, and not to the host. If nothing changed because of that, the status is
 * `REC_ERR_MANDATORY`; otherwise `counts` says how many were refused.
 *
 * `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `url`: NULL for all,
 * which is `REC_OK` even if there are none; or the url of one recording
 * (`rec_recording.url`), which is `REC_OK` with 0 changed if it is not live. `counts`:
 * may be NULL; written on success only.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_CALL`, `REC_ERR_MANDATORY` (not to the host); before all:
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Vobiz, Stop Recording a Call; Genesys, StopCallRecording.
 */
rec_status rec_stop_by_call(rec_engine engine,
                            const rec_caller *caller,
                            const char *call_id,
                            const char *url,
                            rec_counts *counts,
                            rec_error *error);

/**
 * Stops, and keeps no audio of, recordings of the calls of this id, all of them or one.
 * No file is left; `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered once it is
 * gone. A line's marks refuse it to a caller that is named, as they refuse a discard by id, and
 * never to the host. If nothing changed because of that, the status is the reason for the
 * newest; otherwise `counts` says how many were refused. (In 0.1.0 no mark refused it.)
 *
 * `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `url`: NULL for all,
 * which is `REC_OK` even if there are none; or the url of one recording
 * (`rec_recording.url`), which is `REC_OK` with 0 changed if it is not live. `counts`:
 * may be NULL; written on success only.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_CALL`, and to a named caller `REC_ERR_MANDATORY`, `REC_ERR_NOT_MONITORABLE`
 * (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2); before all:
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_discard_by_call(rec_engine engine,
                               const rec_caller *caller,
                               const char *call_id,
                               const char *url,
                               rec_counts *counts,
                               rec_error *error);

/**
 * Pauses every live recording of the calls of this id. What is handed in from here on is
 * never written, until a resume. `REC_EVENT_PAUSED` is delivered once the manifest says
 * so. A line's marks never refuse it.
 *
 * `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `counts`: may be
 * NULL; written on success only.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`, `REC_ERR_NO_CALL`,
 * `REC_ERR_NOT_LIVE` (the call is not being recorded), `REC_ERR_ALREADY_PAUSED` (all of
 * it); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Genesys, PauseCallRecording.
 */
rec_status rec_pause_by_call(rec_engine engine,
                             const rec_caller *caller,
                             const char *call_id,
                             rec_counts *counts,
                             rec_error *error);

/**
 * Resumes every live recording of the calls of this id. `REC_EVENT_RESUMED` is delivered
 * once the manifest says so. A line's marks never refuse it.
 *
 * `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `counts`: may be
 * NULL; written on success only.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`, `REC_ERR_NO_CALL`,
 * `REC_ERR_NOT_LIVE` (the call is not being recorded), `REC_ERR_NOT_PAUSED` (none of
 * it); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Genesys, ResumeCallRecording.
 */
rec_status rec_resume_by_call(rec_engine engine,
                              const rec_caller *caller,
                              const char *call_id,
                              rec_counts *counts,
                              rec_error *error);

/**
 * Opens an engine: takes the directory's lock, looks at what is there, starts the
 * threads. What an earlier process left is finished behind, and told by events.
 *
 * `config`: NULL for the defaults; copied. `engine`: where the handle is written; not NULL.
 *
 * Threads: any.
 * Blocking: makes and locks the directory; waits for the disk.
 * In callbacks: yes.
 * Ownership: the engine is the caller's, until `rec_close`.
 * Errors: `REC_ERR_UNAVAILABLE` (the directory is held by another engine or
 * process), `REC_ERR_IO`, `REC_ERR_NO_SPACE`, `REC_ERR_CONFIG`, `REC_ERR_LIMIT`,
 * `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_open(const rec_config *config, rec_engine *engine, rec_error *error);

/**
 * Closes an engine: ends its calls, finishes and publishes what is live, delivers
 * every event, lets the directory go. An end that the disk does not take is tried again
 * as long as this may wait, and is told by the next open otherwise. The handle is consumed in any case but
 * `REC_ERR_IN_CALLBACK` and a faulty `error` (`REC_ERR_INVALID_ARGUMENT`).
 *
 * `timeout_ms`: how long to wait at most, in milliseconds; 0 does not wait. However
 * short, all calls, feeds, subscriptions and gateways are stale when it returns.
 * Gateways answer until all that was live is published, then they are stopped. After
 * `REC_ERR_TIMEOUT` no callback begins any more (one that runs may still use its
 * `user_data`, which is freed after it); what is left is gone on with behind, and by
 * the next open, which answers `REC_ERR_UNAVAILABLE` until a writer that is stuck has
 * returned. Threads of ours then go on: the shared library stays loaded after a
 * dlclose; a module that links the static one must not be unloaded.
 *
 * Threads: any.
 * Blocking: until all is finished and told, at most `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in the engine's own nor in any
 * `rec_authenticate_fn`.
 * Ownership: the engine and all its calls, feeds, subscriptions and gateways are gone.
 * Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_close(rec_engine engine,
                     uint32_t timeout_ms,
                     rec_error *error);

/**
 * What the engine is doing, and has done since it was opened.
 *
 * `statistics`: filled in; not NULL, begun with `REC_INIT`.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the struct is the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_stats(rec_engine engine,
                     rec_statistics *statistics,
                     rec_error *error);

/**
 * Sets who is told what is worth a line in a log; replaces the one before. What
 * was logged since the opening is told first (the latest 1,024 lines).
 *
 * `callback`: NULL for none any more. `user_data`: handed to it. `user_data_free`:
 * called once with it after the last call; may be NULL.
 *
 * Threads: any.
 * Blocking: never; a running call of the one before may return after this does.
 * In callbacks: yes.
 * Ownership: `user_data` is lent until `user_data_free`. After an error it is not.
 * Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`, `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_set_log(rec_engine engine,
                       rec_log_fn callback,
                       void *user_data,
                       rec_free_fn user_data_free,
                       rec_error *error);

/**
 * Subscribes to an engine's events: from here on, and what has happened while nobody
 * was subscribed (all that was recovered, and the latest 4,096 others; older ones count
 * in `events_dropped`). To miss none, subscribe right after `rec_open`.
 *
 * At most 65,536 events wait for a callback that does not return; then others than
 * FINISHED, FAILED and the START_FAILED of a recording are dropped, visible as a gap in
 * `sequence`.
 *
 * `callback`: not NULL; see `rec_event_fn`. `user_data`: handed to it.
 * `user_data_free`: called once with it after the last callback; may be NULL.
 * `subscription`: where the handle is written; not NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: `user_data` is lent until `user_data_free`; after an error it is not.
 * The subscription ends with `rec_unsubscribe` or `rec_close`.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_subscribe(rec_engine engine,
                         rec_event_fn callback,
                         void *user_data,
                         rec_free_fn user_data_free,
                         rec_subscription *subscription,
                         rec_error *error);

/**
 * Subscribes as `rec_subscribe` does. The options say which further events to deliver.
 *
 * With `REC_SUBSCRIBE_CALLS`, the life of calls is told as well: `REC_EVENT_CALL_BEGAN`,
 * `REC_EVENT_CALL_UPDATED`, `REC_EVENT_CALL_ENDED`. After the events that have waited for a
 * first subscriber comes one CALL_BEGAN, flagged `REC_EVENT_FLAG_LIVE`, for each call that is
 * live at this moment, however many these are; what happens to calls from here on follows.
 * So an observer keeps an exact view: CALL_BEGAN adds a call under its `call_number`,
 * CALL_UPDATED replaces it, CALL_ENDED removes it. While nobody is subscribed, nothing is
 * kept of the life of calls.
 *
 * Events of the life of calls are dropped like all that are not a recording's last one if
 * 65,536 events wait. A gap in `sequence` says so; the way to an exact view is then to
 * subscribe anew and to begin with an empty one.
 *
 * `options`: NULL for the defaults, which are those of `rec_subscribe`. `callback`,
 * `user_data`, `user_data_free`, `subscription`: as for `rec_subscribe`.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: `user_data` is lent until `user_data_free`; after an error it is not.
 * The subscription ends with `rec_unsubscribe` or `rec_close`.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (also an unknown flag), `REC_ERR_LIMIT`,
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_subscribe_with(rec_engine engine,
                              const rec_subscribe_options *options,
                              rec_event_fn callback,
                              void *user_data,
                              rec_free_fn user_data_free,
                              rec_subscription *subscription,
                              rec_error *error);

/**
 * Ends a subscription. When it returns, no callback of it runs or will run; then
 * `user_data_free` has been called. From inside its own callback it returns at
 * once, and `user_data_free` is called after the callback has returned.
 *
 * Threads: any.
 * Blocking: until a running callback of this subscription has returned.
 * In callbacks: yes.
 * Ownership: the subscription is gone; events that waited for it are dropped.
 * Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_unsubscribe(rec_subscription subscription);

/**
 * Opens the source of one leg's audio. If the leg already has a feed, this one replaces it,
 * and the older handle becomes stale. A feed may be closed and opened again during a call:
 * the recording goes on, and the time between is silence.
 *
 * With `format.channels` = 2, the feed of `REC_LEG_LOCAL` is the source of both legs. It
 * replaces a feed of `REC_LEG_REMOTE`; while it is open, no other feed of
 * `REC_LEG_REMOTE` or `REC_LEG_MIXED` can be opened (`REC_ERR_INVALID_ARGUMENT`).
 *
 * `leg`: `REC_LEG_…`; while the mixed leg has a feed the other two cannot have one, and the
 * other way round (`REC_ERR_INVALID_ARGUMENT`). `format`: not NULL.
 * `feed`: where the handle is written; not NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the feed is the caller's, until `rec_feed_close`, a newer feed of the leg,
 * or the end of the call.
 * Errors: `REC_ERR_UNSUPPORTED` (codec), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT` (too
 * many feeds, or `format.ahead_ms` needs more than is left of `media.ahead_bytes`),
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_open(rec_call call,
                         int32_t leg,
                         const rec_feed_format *format,
                         rec_feed *feed,
                         rec_error *error);

/**
 * Changes how the feed's audio is coded, and how far ahead it is written, from here on (a
 * codec change in mid-call). What was handed in before is still understood as it was.
 *
 * `format`: not NULL. Its `channels` must be those that the feed was opened with.
 *
 * Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
 * Blocking: never (for a packet that is just being copied).
 * In callbacks: yes.
 * Ownership: the struct is borrowed for the call.
 * Errors: as for `rec_feed_open`. After an error, the feed is as it was.
 * Since: 0.1.0
 */
rec_status rec_feed_set_format(rec_feed feed, const rec_feed_format *format, rec_error *error);

/**
 * Says what an RTP payload type means in this feed (a dynamic one, usually 96 to 127). The
 * static ones of RFC 3551 (0 PCMU, 8 PCMA, 11 L16 mono at 44100) are known without it, and
 * may be given another meaning. A feed that is opened anew knows nothing of it.
 * The feed's memory grows to what this format needs, if that is more. So declare type 11 as
 * well where it is to be expected in a feed of 8000 Hz: the memory for bursts is then sized
 * for it.
 *
 * `payload_type`: 0 to 127. `format`: not NULL; its `ahead_ms` is ignored, its `channels`
 * must be 0 or 1. A feed with two channels takes no RTP packets (`REC_ERR_INVALID_ARGUMENT`).
 *
 * Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
 * Blocking: never (for a packet that is just being copied).
 * In callbacks: yes.
 * Ownership: the struct is borrowed for the call.
 * Errors: as for `rec_feed_open`.
 * Since: 0.1.0
 */
rec_status rec_feed_payload(rec_feed feed,
                            uint32_t payload_type,
                            const rec_feed_format *format,
                            rec_error *error);

/**
 * Hands in the next samples (PCM16, native-endian) or payload (G.711). They continue where
 * the last ones ended.
 *
 * Real time: the writes follow a cursor. Where more than 100 ms pass without a write, the
 * time is silence, unless the host makes up for all of it within the next 200 ms: what it
 * held back (up to 5 s) then fills the time in which nothing came. A hiccup of less leaves no
 * silence. If the host's clock and this machine's drift apart, the cursor follows by up to
 * 2 %: it repeats or leaves out single samples.
 * After a resume, what may have been said up to 500 ms earlier is not kept, because nobody
 * can tell whether it was said during the pause.
 * Bursts are kept in memory that all feeds share (`media.overflow_bytes`).
 *
 * Real time, writing ahead of the clock: a feed may be `format.ahead_ms` ahead. If that is 0,
 * it may be 2 s ahead; what is further ahead is lost, counted in `frames_lost`, and answered
 * `REC_ERR_OVERRUN`. If it is more than 0, `REC_ERR_OVERRUN` means that the samples were not
 * taken and that nothing was lost: wait with `rec_feed_wait` and hand them in again.
 * `rec_feed_clear` takes back what has not been heard yet.
 *
 * Stream time (`media.clock` "stream"): samples may be handed in as fast as they are taken.
 *
 * `data`: copied; may be NULL if `size` is 0. `size`: in bytes, whole samples (with two
 * channels, whole pairs of samples), at most 2,048 bytes or 100 ms of the format, whichever
 * is more, and never more than 16,360 bytes.
 *
 * Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
 * Blocking: never: it waits for no lock, allocates nothing and makes no system call.
 * In callbacks: yes.
 * Ownership: the data is copied.
 * Errors: `REC_ERR_OVERRUN` (the memory is full, or the samples are too far ahead of the
 * clock. Real time with `format.ahead_ms` 0: lost and counted. Otherwise: not taken and not
 * counted; wait with `rec_feed_wait` and hand them in again), `REC_ERR_BUSY`,
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_write(rec_feed feed, const void *data, size_t size);

/**
 * Hands in samples or payload at a place of the host's own clock of this leg. Real time: the
 * first one lies at its arrival, later ones relative to it. Stream time: the first one is the
 * leg's time 0. A place more than 2 s from its arrival (stream time: 30 minutes from the
 * leg's end) is taken for a jump of the host's clock: the time line goes on from there. Two
 * exceptions: a place up to 5 s in the past is accepted where the leg has nothing yet (the
 * host was held up), and a feed with `format.ahead_ms` above 2000 may be as far ahead as that.
 *
 * `at`: the first sample's place, in samples of one channel at the feed's rate.
 * `data`, `size`: as for `rec_feed_write`.
 *
 * Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the data is copied.
 * Errors: as for `rec_feed_write`; `REC_ERR_OVERRUN` only if the memory is full.
 * Since: 0.1.0
 */
rec_status rec_feed_write_at(rec_feed feed, uint64_t at, const void *data, size_t size);

/**
 * Hands in one RTP packet that has just been received. Its place is that of its timestamp.
 * Lost packets become silence and are counted; late and reordered ones find their place.
 * Payload types that are not audio are ignored. RTCP may be handed in as well (RFC 5761): a
 * sender report can prove that the sender's clock stood still, which saves audio after a
 * pause; other RTCP packets are ignored.
 *
 * A stream's first packet lies at its arrival, which is what aligns the legs: their SSRCs,
 * timestamps and sequence numbers have nothing to do with each other, and may change in
 * mid-call. If the first packets come in one burst, the newest of them lies at its arrival.
 * A packet of a new SSRC, or of a sequence that begins anew, is held until a second one
 * confirms it, or for 300 ms. docs/timeline.md says what happens to each packet.
 *
 * The payload type alone says how a packet is coded, not the feed's format. CSRCs,
 * header extensions and padding are understood; SRTP must be decrypted before.
 *
 * Packets that were held up may be handed in at once: bursts of up to 5 s, on any number of
 * feeds, are kept in memory that all feeds share (`media.overflow_bytes`).
 *
 * `packet`: from the first byte of the RTP header, copied. `size`: in bytes, at most
 * 2,048 bytes or 100 ms of the format, whichever is more, and never more than 16,360 bytes.
 *
 * Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
 * Blocking: never: it waits for no lock, allocates nothing and makes no system call.
 * In callbacks: yes.
 * Ownership: the packet is copied.
 * Errors: `REC_ERR_OVERRUN` only if the memory is full; otherwise as for `rec_feed_write`. A
 * feed with two channels takes no packets (`REC_ERR_INVALID_ARGUMENT`). Data that is not RTP
 * is counted in `frames_ignored`; the function still returns `REC_OK`.
 * Since: 0.1.0
 */
rec_status rec_feed_rtp(rec_feed feed, const void *packet, size_t size);

/**
 * Hands in one RTP packet that was received a while ago.
 *
 * The age proves when the packet was received. A pause relies on it: a packet that was
 * received while the recording was paused is not recorded, although it is handed in after
 * the resume; and a packet that was received after the resume counts as said then. So give
 * ages only if they are known. To hand in a packet that has just been received, use
 * `rec_feed_rtp`, which proves nothing.
 *
 * `age_us`: how long ago, in microseconds; 0 is an age as well.
 * `packet`, `size`: as for `rec_feed_rtp`.
 *
 * Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the packet is copied.
 * Errors: as for `rec_feed_rtp`.
 * Since: 0.1.0
 */
rec_status rec_feed_rtp_at(rec_feed feed, uint32_t age_us, const void *packet, size_t size);

/**
 * Waits until the feed takes audio again, after `REC_ERR_OVERRUN`: until its memory has room
 * for the largest write, and in real time until what was refused as too far ahead of the
 * clock is no longer so.
 *
 * `timeout_ms`: how long at most, in milliseconds.
 *
 * Threads: any.
 * Blocking: until the feed takes audio again, at most `timeout_ms`.
 * In callbacks: yes, but later events wait meanwhile.
 * Ownership: nothing is handed over.
 * Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE` (closed, also meanwhile),
 * `REC_ERR_BUSY`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_wait(rec_feed feed, uint32_t timeout_ms);

/**
 * Takes back what was written ahead of the clock and has not been heard yet (a voice bot
 * is interrupted). What lies before the present moment stays in the recording; what lies
 * after it is not recorded, and is not a loss. The next write begins now. In stream time
 * nothing is ahead of a clock, and the function changes nothing.
 *
 * With two channels, both legs are cleared.
 *
 * `feed`: an open feed; 0 is `REC_ERR_BAD_HANDLE`.
 * `error`: NULL, or where the reason of a failure is written; the caller's.
 *
 * Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
 * Blocking: never (for a packet that is just being copied).
 * In callbacks: yes.
 * Ownership: nothing is handed over.
 * Errors: `REC_ERR_BAD_HANDLE` (it is closed), `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_feed_clear(rec_feed feed, rec_error *error);

/**
 * Closes a feed. What was handed in is still recorded; the leg is silent from here on.
 *
 * Threads: any, also while another feeds.
 * Blocking: never (for a packet that is just being copied).
 * In callbacks: yes.
 * Ownership: the feed is gone.
 * Errors: `REC_ERR_BAD_HANDLE` (it is closed), `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_close(rec_feed feed);

/**
 * Starts a gateway: the HTTP APIs that Imagicle, Genesys (with CometD) and Vobiz
 * publish, over this engine. Which of them, their paths and their limits are keys of
 * `rec_config_set` (`gateway.…`). TLS is the reverse proxy's. `rec_close` stops it too,
 * and then its handle is stale.
 *
 * `options`: NULL for the defaults (127.0.0.1, any free port, nobody is let in).
 * `gateway`: where the handle is written; not NULL.
 *
 * Threads: any.
 * Blocking: until it listens; never for a disk or a peer.
 * In callbacks: yes.
 * Ownership: the gateway is the caller's, until `rec_gateway_stop` or `rec_close`.
 * `options` and its strings are borrowed for the call; `user_data` is lent until `user_data_free`, after
 * an error it is not.
 * Errors: `REC_ERR_UNSUPPORTED` (built without the feature `gateway`), `REC_ERR_IO`
 * (the address is taken, or is not ours), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`,
 * `REC_ERR_UNAVAILABLE` (the engine is closing), `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_gateway_start(rec_engine engine,
                             const rec_gateway_options *options,
                             rec_gateway *gateway,
                             rec_error *error);

/**
 * The port that a gateway listens on.
 *
 * `port`: where it is written, 0 with `REC_GATEWAY_NO_SOCKET`; not NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: nothing is handed over.
 * Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`,
 * `REC_ERR_UNSUPPORTED`.
 * Since: 0.1.0
 */
rec_status rec_gateway_port(rec_gateway gateway, uint32_t *port, rec_error *error);

/**
 * Stops a gateway: its port is closed, waiting long polls are answered, callbacks that
 * are still owed stay on disk for the next gateway. When it returns `REC_OK`, no
 * `rec_http_handle` and no `rec_authenticate_fn` of it runs, and `user_data_free` has
 * been called.
 *
 * `timeout_ms`: how long to wait for requests that are being answered, in milliseconds.
 * Then they are cut off: connections are closed, `rec_http_handle` answers
 * `REC_ERR_UNAVAILABLE`, and no `rec_authenticate_fn` begins any more.
 *
 * Threads: any.
 * Blocking: at most `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`): neither in those of the engine nor in
 * `rec_authenticate_fn`.
 * Ownership: the gateway is gone, also after `REC_ERR_TIMEOUT`; not after
 * `REC_ERR_IN_CALLBACK`.
 * Errors: `REC_ERR_TIMEOUT` (what was still being answered is cut off; `user_data_free`
 * is called once a running `rec_authenticate_fn` has returned), `REC_ERR_BAD_HANDLE`
 * (also after `rec_close`, which has stopped it), `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`, `REC_ERR_UNSUPPORTED`.
 * Since: 0.1.0
 */
rec_status rec_gateway_stop(rec_gateway gateway,
                            uint32_t timeout_ms,
                            rec_error *error);

/**
 * Answers one request of the published HTTP APIs without any socket, for a host that
 * has an HTTP server already.
 *
 * `request`: not NULL; `method` and `target` not NULL. `response`: where the pointer is
 * written; not NULL. Whatever HTTP has an answer for (401, 404, 500, …) is `REC_OK`
 * with that answer.
 *
 * Threads: any, several at a time.
 * Blocking: may wait for a disk, for `rec_authenticate_fn`, and with a CometD
 * `/meta/connect` as long as `cometd.timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: the response is the caller's, until `rec_http_response_free`; the request
 * is borrowed for the call.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (no HTTP: a method, target or header line that
 * cannot be one; a body beyond `gateway.max_body_bytes`), `REC_ERR_UNAVAILABLE` (the
 * gateway is being stopped, or was before the answer was whole), `REC_ERR_IO` (audio
 * that could not be read to its end), `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`,
 * `REC_ERR_FORKED`, `REC_ERR_UNSUPPORTED`.
 * Since: 0.1.0
 */
rec_status rec_http_handle(rec_gateway gateway,
                           const rec_http_request *request,
                           rec_http_response **response,
                           rec_error *error);

/**
 * A response's HTTP status.
 *
 * `response`: NULL gives 0.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: nothing is handed over.
 * Errors: none.
 * Since: 0.1.0
 */
int32_t rec_http_response_status(const rec_http_response *response);

/**
 * A response's headers: "Name: value" lines, each ended by CR LF.
 *
 * `response`: NULL gives "".
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the text lives as long as the response.
 * Errors: none; never NULL.
 * Since: 0.1.0
 */
const char *rec_http_response_headers(const rec_http_response *response);

/**
 * A response's body: bytes, not ended by a NUL.
 *
 * `response`: NULL gives NULL. `size`: where its length in bytes is written; may be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the body lives as long as the response.
 * Errors: none; NULL only for a response that is NULL.
 * Since: 0.1.0
 */
const void *rec_http_response_body(const rec_http_response *response, size_t *size);

/**
 * Frees a response.
 *
 * `response`: NULL is allowed.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the pointer is gone afterwards.
 * Errors: none.
 * Since: 0.1.0
 */
void rec_http_response_free(rec_http_response *response);

/**
 * Marks a line, replacing what was set for it before. A mark applies to a call
 * where every field that it names equals the call's; the flags of all that apply
 * are joined. Imagicle's rules: a line that is not monitorable, or automatic,
 * refuses start, stop by id and stop by device; never a pause or a stop by call. To a caller
 * that is named, it also refuses a discard by call.
 * A line marked mandatory refuses every named caller to stop or to discard any recording of
 * its calls, by id, by device and by call. A pause is not refused, and the host, the end of the
 * call and a recording's time limit end recordings there as elsewhere.
 * A line marked automatic has every call recorded from the moment it is connected; calls
 * that are connected there now begin to be recorded at once. Taking the mark away ends no
 * recording, and one that was stopped is not begun again while the call stays on the line.
 * A recording that could not begin, or that failed while its call goes on, is followed by
 * another one after 1, 2, 4, … s, at most 60 s. The pauses begin anew at 1 s after a
 * recording that lasted 60 s. What follows begins paused if the call's automatic recording
 * was paused last, or if the call is private.
 *
 * `line`: not NULL; a device name, a directory number, or both; `flags`
 * `REC_LINE_…`, 0: monitorable and manual.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: `REC_ERR_NO_TARGET` (neither name), `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Start and Stop Recording, BadRequestReason 1, 2 and 4.
 */
rec_status rec_line_set(rec_engine engine, const rec_line_info *line, rec_error *error);

/**
 * Forgets a line's mark; that there is none is well.
 *
 * `line`: not NULL; the same names as were marked; `flags` must be 0.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors: as for `rec_line_set`.
 * Since: 0.1.0
 */
rec_status rec_line_remove(rec_engine engine, const rec_line_info *line, rec_error *error);

/**
 * Lists the live recordings that meet all that the filter gives; none is an
 * empty list. A list is one instant: what was stopped before it is not in it,
 * what was started before it is. Newest last.
 *
 * `caller`: who asks; NULL is the host itself. Below level 10 the filter's
 * username must be the caller's own. `filter`: NULL for all. `snapshot`: where the
 * pointer is written; not NULL.
 *
 * Threads: any.
 * Blocking: never; a full list holds nobody up.
 * In callbacks: yes.
 * Ownership: the snapshot is the caller's, until `rec_snapshot_free`.
 * Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`, `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Get Active Recordings.
 */
rec_status rec_list(rec_engine engine,
                    const rec_caller *caller,
                    const rec_filter *filter,
                    rec_snapshot **snapshot,
                    rec_error *error);

/**
 * One recording by its id: live, finishing, or ended in the last minute.
 *
 * `caller`: who asks; NULL is the host itself. `id`: a GUID in any published form.
 * `snapshot`: where the pointer to a snapshot of one is written; not NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the snapshot is the caller's, until `rec_snapshot_free`.
 * Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`, `REC_ERR_INVALID_ID`
 * (reason 0; also NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_get(rec_engine engine,
                   const rec_caller *caller,
                   const char *id,
                   rec_snapshot **snapshot,
                   rec_error *error);

/**
 * How many recordings a snapshot holds.
 *
 * `snapshot`: NULL holds none.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: nothing is handed over.
 * Errors: none.
 * Since: 0.1.0
 */
size_t rec_snapshot_count(const rec_snapshot *snapshot);

/**
 * One recording of a snapshot.
 *
 * `snapshot`: NULL holds none. `index`: from 0.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the recording lives as long as the snapshot.
 * Errors: NULL past the end.
 * Since: 0.1.0
 */
const rec_recording *rec_snapshot_get(const rec_snapshot *snapshot, size_t index);

/**
 * The snapshot as Imagicle's JSON array of active recordings, with `"automatic":true`
 * in those that a line's mark began.
 *
 * `snapshot`: NULL gives "[]".
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the text lives as long as the snapshot.
 * Errors: none; never NULL.
 * Since: 0.1.0
 * Source: Imagicle, Get Active Recordings, response body.
 */
const char *rec_snapshot_json(const rec_snapshot *snapshot);

/**
 * Frees a snapshot and all strings that came from it.
 *
 * `snapshot`: NULL is allowed.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the pointer is gone afterwards.
 * Errors: none.
 * Since: 0.1.0
 */
void rec_snapshot_free(rec_snapshot *snapshot);

/**
 * Starts a recording of a call. `REC_OK` means accepted: `REC_EVENT_STARTED` is
 * delivered once the file and its manifest exist, `REC_EVENT_START_FAILED` if they
 * could not be made. What is handed in meanwhile is kept.
 *
 * By line, the call that became connected last is taken; by call id, the one
 * begun first; all that is given must fit. Held and alerting calls do not count.
 *
 * `caller`: who asks; NULL is the host itself, trusted. `options`: not NULL; a
 * call id, a device name or a directory number is needed. `id`: where the
 * recording's id is written; not NULL.
 *
 * Threads: any.
 * Blocking: never; no disk is touched.
 * In callbacks: yes.
 * Ownership: the strings are borrowed for the call.
 * Errors, in the order of the checks: `REC_ERR_UNAVAILABLE`, `REC_ERR_UNAUTHENTICATED`,
 * `REC_ERR_FORBIDDEN`, `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_INVALID_MODE` (reason 2),
 * `REC_ERR_UNSUPPORTED`, `REC_ERR_INVALID_ARGUMENT` (`callback_url`),
 * `REC_ERR_NOT_MONITORABLE` (reason 1), `REC_ERR_AUTOMATIC` (reason 4; not with
 * `REC_START_ADDITIONAL`), `REC_ERR_NO_CALL`,
 * `REC_ERR_ALREADY_RECORDING` (not with `REC_START_ADDITIONAL`), `REC_ERR_IO`
 * (`storage.directory` names another directory than the open one), `REC_ERR_NO_SPACE`,
 * `REC_ERR_LIMIT`; before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Start Recording; Vobiz, Record a Call (several at once on one call).
 */
rec_status rec_start(rec_engine engine,
                     const rec_caller *caller,
                     const rec_start_options *options,
                     rec_id *id,
                     rec_error *error);

/**
 * Reads a finished recording and compares it with the manifest beside it
 * (`<name>.json`): its length and its digest.
 *
 * `path`: of the audio file, UTF-8, not NULL.
 *
 * Threads: any.
 * Blocking: reads the whole file.
 * In callbacks: yes, but events wait meanwhile.
 * Ownership: the string is borrowed for the call.
 * Errors: `REC_ERR_IO` (it or its manifest cannot be read, or it is not what the
 * manifest says: the message tells which), `REC_ERR_UNSUPPORTED` (the manifest has
 * no digest), `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_verify(const char *path, rec_error *error);

/**
 * The library's version, as "0.1.0".
 *
 * Compare with `REC_VERSION_STRING`, the header's.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the text is static.
 * Errors: none; never NULL.
 * Since: 0.1.0
 */
const char *rec_version(void);

/**
 * The library's version as a number: major << 16 | minor << 8 | patch.
 *
 * A program may assert `rec_version_number() >= REC_VERSION_NUMBER`.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: nothing is handed over.
 * Errors: none.
 * Since: 0.1.0
 */
uint32_t rec_version_number(void);

/**
 * A status in words.
 *
 * `status`: any number; an unknown one gives "unknown status".
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the text is static.
 * Errors: none; never NULL.
 * Since: 0.1.0
 */
const char *rec_status_text(rec_status status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CALLREC_H */
