/**
 * @file callrec.h
 * @brief The C API of callrec, a recorder of live telephone calls. MIT OR Apache-2.0.
 *
 * Generated from src/capi by cbindgen. Do not edit: change the source, then run
 * `CALLREC_BLESS=1 cargo test --all-features --test header`.
 */

/**
 * @mainpage callrec
 *
 * callrec records telephone calls for the program that links it, the host.
 *
 * @section order Order of the functions
 *
 * 1. `rec_open` opens an engine, and `rec_subscribe` subscribes to its events.
 * 2. For each call: `rec_call_begin` begins the call, and `rec_feed_open` opens a feed for each
 *    leg. The host then passes in all audio of the call with `rec_feed_rtp` or `rec_feed_write`,
 *    whether the call is recorded or not. Feeds belong to the call, not to a recording.
 * 3. `rec_start`, `rec_pause_…`, `rec_resume_…` and `rec_stop_…` control recordings, at any time
 *    and as often as needed. `rec_call_start`, `rec_call_pause`, `rec_call_resume` and
 *    `rec_call_stop` do so for the call at hand.
 * 4. `rec_call_end` ends the call, and `rec_close` closes the engine.
 *
 * Each recording that was started ends with exactly one of the events `REC_EVENT_FINISHED`,
 * `REC_EVENT_FAILED` and `REC_EVENT_START_FAILED`. If the process dies, or `rec_close` times out,
 * the next `rec_open` on the directory raises that event.
 *
 * @section words Words
 *
 * - A line is a telephone of the local party. It has a device name, a directory number, or both.
 * - A leg is the audio of one party of a call.
 * - A recording is live until it is stopped, fails, or its call ends. After that it is finishing,
 *   until its file is published: complete and under its final name. The manifest is the JSON file
 *   that describes the recording (docs/formats.md). The last event of a recording is terminal.
 * - A packet is one RTP packet or one write by the host. A frame is one sample of every channel.
 * - Real time means that `media.clock` is "real" (the default); stream time, that it is "stream".
 * - "Absent" means NULL or "".
 * - In "HTTP: 400, reason 1", 400 is the status that the vendors' HTTP APIs publish for an error,
 *   and 1 is the value of `rec_error.reason`.
 *
 * @section rules Rules of every function
 *
 * - Parameters come in this order: the object, the caller, inputs, outputs, and a `rec_error`.
 *   Outputs are written on success only. The `rec_error` is written by every call.
 * - Initialise every struct with `REC_INIT`. Zero means the default, unless a member's description
 *   says otherwise. An unknown value or flag is `REC_ERR_INVALID_ARGUMENT`.
 * - Strings are UTF-8 and end with a NUL. A string that the host passes has at most 1,023 bytes
 *   without the NUL, unless its description gives another limit. The limit for paths, and for the
 *   keys and values of a configuration, is 4,095.
 * - NULL and "" mean the same, except in `rec_call_update` and `rec_config_set`.
 * - A string that the library returns is never NULL. It lives as long as the object that it came
 *   from. Do not pass any pointer from the library to free().
 * - `struct_size` must be 4 to 4,096. Otherwise the function does nothing and returns
 *   `REC_ERR_INVALID_ARGUMENT`. A struct may be shorter than the library's: the missing members
 *   are zero. It may be longer if the excess is zero. It must not end inside a member. An output
 *   struct is written as far as it reaches. Members named `reserved` must be 0.
 * - The library makes `rec_event`, `rec_call_view`, `rec_recording`, `rec_credentials` and
 *   `rec_identity`: check their `struct_size` before you use a member that is newer than 0.1.0.
 * - Engines, calls, feeds, subscriptions and gateways are checked handles. For a handle that is
 *   zero, stale, invented or of another kind, functions return `REC_ERR_BAD_HANDLE`, even while
 *   another thread closes its object.
 * - Any function can return `REC_ERR_INTERNAL`: a fault inside callrec, which affects only the
 *   objects that the function used.
 * - While the system refuses memory, functions that need memory return `REC_ERR_LIMIT` and
 *   change nothing. Functions that end, pause or free something still work, but may wait for
 *   memory. docs/limits.md lists both, and the cases that are not covered.
 * - After a fork, functions return `REC_ERR_FORKED` in the child for the parent's objects. The
 *   child may open its own. Snapshots and configurations are plain memory and can still be used.
 *
 * @section description What each function's description says
 *
 * - `Threads: any` means that any thread may call the function, also several at a time.
 * - `Blocking: never` means that the function never waits for a disk, a network or a callback.
 *   `rec_feed_write`, `rec_feed_write_at`, `rec_feed_rtp` and `rec_feed_rtp_at` also take no
 *   lock, allocate no memory and make no system call. These are the only functions that are
 *   safe to call on a real-time thread.
 * - `In callbacks: yes` means that callbacks may call the function.
 * - `Ownership` says who owns the arguments and the results, and for how long.
 * - `Errors` lists the errors that the function can return besides `REC_ERR_INTERNAL` and, if
 *   memory runs out, `REC_ERR_LIMIT`.
 * - `Since` is the first version with the function, and `Source` the published API that it
 *   implements.
 */

#ifndef CALLREC_H
#define CALLREC_H

#include <stddef.h>
#include <stdint.h>

/**
 * @defgroup engine Engine
 * Opening and closing an engine, and its statistics.
 */

/**
 * @defgroup configuration Configuration
 * The settings of an engine.
 */

/**
 * @defgroup calls Calls
 * Beginning, updating and ending calls.
 */

/**
 * @defgroup feeds Feeds
 * Passing in the audio of a call.
 */

/**
 * @defgroup recordings Recordings and control
 * Starting, pausing, resuming, stopping and discarding recordings.
 */

/**
 * @defgroup lines Lines
 * Lines and their policies.
 */

/**
 * @defgroup lists Lists
 * Listing and finding recordings.
 */

/**
 * @defgroup events Events and subscriptions
 * Receiving events.
 */

/**
 * @defgroup gateway HTTP gateway
 * The HTTP APIs that vendors publish.
 */

/**
 * @defgroup cluster Cluster
 * Listing and controlling the recordings of all nodes of a cluster.
 */

/**
 * @defgroup audit Audit log
 * Checking that the audit log is unchanged.
 */

/**
 * @defgroup verification Verification
 * Checking finished recordings.
 */

/**
 * @defgroup errors Errors and logging
 * Statuses, error details and log lines.
 */

/**
 * @defgroup version Version and initialisation
 * The versions of the header and the library, and `REC_INIT`.
 */

/** @addtogroup version
 *  @{ */

/** Major version of this header. */
#define REC_VERSION_MAJOR 0

/** Minor version of this header. */
#define REC_VERSION_MINOR 1

/** Patch version of this header. */
#define REC_VERSION_PATCH 0

/** Version of this header as a number, to compare with `rec_version_number`. */
#define REC_VERSION_NUMBER ((REC_VERSION_MAJOR << 16) | (REC_VERSION_MINOR << 8) | REC_VERSION_PATCH)

/** Version of this header as text. */
#define REC_VERSION_STRING "0.1.0"

/**
 * A struct with its `struct_size` set and all other members zero. In C, it is the initialiser of a
 * declaration; in C++, it is an expression.
 */
#ifdef __cplusplus
#define REC_INIT(type) ([]() -> type { type made = type(); made.struct_size = static_cast<uint32_t>(sizeof(type)); return made; }())
#else
#define REC_INIT(type) { .struct_size = (uint32_t)sizeof(type) }
#endif

/** @} */
/** @addtogroup recordings
 *  @{ */
/** @name Access levels of a caller
 *  @{ */

/** Not authenticated: every operation returns `REC_ERR_UNAUTHENTICATED`. */
#define REC_LEVEL_NONE 0

/** Imagicle's "Record Only": the caller can reach only their own live calls. */
#define REC_LEVEL_RECORD_ONLY 1

/** Imagicle's "Base Access": the caller can reach only their own live calls. */
#define REC_LEVEL_BASE 2

/** Imagicle's "Complete Management": the caller can reach every call. */
#define REC_LEVEL_COMPLETE 10

/** @} */
/** @} */
/** @addtogroup calls
 *  @{ */
/** @name States of a call
 *  @{ */

/** The parties are connected. */
#define REC_CALL_CONNECTED 1

/** The call is on hold. `calls.hold_audio` says whether its audio is recorded meanwhile. */
#define REC_CALL_HELD 2

/** The call is ringing and has not been answered. */
#define REC_CALL_ALERTING 3

/**
 * Nothing is known of a consent. With `consent.required` "true", recordings of the call wait: they
 * write no audio, and their state is `REC_STATE_PAUSED`.
 *
 * Since: 0.2.0
 */
#define REC_CONSENT_UNKNOWN 0

/**
 * The parties agree that the call is recorded, from `rec_call_info.consent_from_ms` on.
 *
 * Since: 0.2.0
 */
#define REC_CONSENT_GIVEN 1

/**
 * A party refuses the recording. The call's recordings end, or are discarded, as
 * `consent.on_refusal` says; starts are refused with `REC_ERR_CONSENT`, and the line's policy
 * starts none. If consent is given later, recordings may start again.
 *
 * Since: 0.2.0
 */
#define REC_CONSENT_REFUSED 2

/** @} */
/** @name Directions of a call
 *  @{ */

/** The direction is not known. */
#define REC_DIRECTION_UNKNOWN 0

/** The remote party called. */
#define REC_DIRECTION_INCOMING 1

/** The local party called. */
#define REC_DIRECTION_OUTGOING 2

/** @} */
/** @} */
/** @addtogroup feeds
 *  @{ */
/** @name Legs of a call
 *  @{ */

/** The local party: the owner of the line. */
#define REC_LEG_LOCAL 0

/** The remote party. */
#define REC_LEG_REMOTE 1

/** Both parties, already mixed into one stream. A call with this leg cannot have the other two. */
#define REC_LEG_MIXED 2

/** @} */
/** @} */
/** @addtogroup lines
 *  @{ */
/** @name Policies of a line, flags of rec_line_info
 *  @{ */

/**
 * Starts, and stops and discards by id or by device, are refused with
 * `REC_ERR_NOT_MONITORABLE`. `rec_line_set` gives all rules.
 */
#define REC_LINE_NOT_MONITORABLE 1

/** Every call on the line is recorded from the moment it is connected. */
#define REC_LINE_AUTOMATIC 2

/**
 * Only the host (NULL as caller) may stop or discard recordings of the line's calls, whoever
 * started them. The policy does not restrict pauses.
 *
 * Since: 0.2.0
 */
#define REC_LINE_MANDATORY 4

/** @} */
/** @} */
/** @addtogroup recordings
 *  @{ */
/** @name Flags of rec_start_options and rec_recording
 *  @{ */

/**
 * A person started the recording by dialling in. `rec_stop_by_device` and
 * `rec_discard_by_device` refuse it if they are given a device name (`REC_ERR_DIAL_IN`).
 */
#define REC_START_MANUAL_DIAL_IN 1

/** Starts a further recording of a call that is already being recorded. */
#define REC_START_ADDITIONAL 2

/**
 * The line's policy started the recording. Only `rec_recording.flags` has this flag;
 * `rec_start` refuses it.
 */
#define REC_START_AUTOMATIC 4

/** @} */
/** @name Layouts of a file
 *  @{ */

/** Two channels: the local leg on the left, the remote leg on the right. */
#define REC_LAYOUT_STEREO 0

/** One channel with both legs. */
#define REC_LAYOUT_MONO 1

/** One channel with the local leg only. */
#define REC_LAYOUT_LOCAL 2

/** One channel with the remote leg only. */
#define REC_LAYOUT_REMOTE 3

/** @} */
/** @name Values of rec_start_options.lookback_ms
 *  @{ */

/** All of the call's audio that is kept (`media.lookback_ms`). */
#define REC_LOOKBACK_ALL 4294967295

/** @} */
/** @name Pause modes
 *  @{ */

/** The file has silence for as long as the pause lasted. */
#define REC_PAUSE_SILENCE 0

/** The file has nothing for the time of the pause. */
#define REC_PAUSE_SKIP 1

/** @} */
/** @name Values of rec_start_options.keep_raw
 *  @{ */

/**
 * The recording keeps packets as the key `recording.keep_raw` says.
 *
 * Since: 0.2.0
 */
#define REC_KEEP_RAW_DEFAULT 0

/**
 * The recording keeps no packets.
 *
 * Since: 0.2.0
 */
#define REC_KEEP_RAW_NEVER 1

/**
 * The recording keeps the RTP packets that cannot be decoded, neither by this build nor by a
 * registered codec. Telephone events and packets that may hold a masked tone are not kept.
 *
 * Since: 0.2.0
 */
#define REC_KEEP_RAW_UNDECODABLE 2

/**
 * The recording keeps every RTP packet, except telephone events and, with `media.dtmf` "mask",
 * packets that may hold a tone.
 *
 * Since: 0.2.0
 */
#define REC_KEEP_RAW_ALWAYS 3

/** @} */
/** @} */
/** @addtogroup feeds
 *  @{ */
/** @name Codecs of a feed
 *  @{ */

/** 16-bit linear PCM: native byte order in `rec_feed_write`, network byte order in RTP. */
#define REC_CODEC_PCM16 1

/** G.711 µ-law. */
#define REC_CODEC_PCMU 2

/** G.711 A-law. */
#define REC_CODEC_PCMA 3

/**
 * G.722 at 64 kbit/s, decoded to 16000 Hz. `REC_ERR_UNSUPPORTED` in a build without the feature
 * `g722`.
 */
#define REC_CODEC_G722 4

/** Opus, decoded to 48000 Hz. `REC_ERR_UNSUPPORTED` in a build without the feature `opus`. */
#define REC_CODEC_OPUS 5

/**
 * The first value that `rec_codec_register` returns. Values from here on are registered codecs.
 *
 * Since: 0.2.0
 */
#define REC_CODEC_REGISTERED 1000

/** @} */
/** @} */
/** @addtogroup recordings
 *  @{ */
/** @name States of a recording
 *  @{ */

/** The recording writes audio. */
#define REC_STATE_RECORDING 1

/**
 * The recording is paused, or its call is private (`rec_call_private`), or the call waits for
 * consent (`consent.required`).
 */
#define REC_STATE_PAUSED 2

/** The recording has ended, and its file is not published yet. */
#define REC_STATE_FINISHING 3

/** The file is published, or the recording was discarded. */
#define REC_STATE_FINISHED 4

/** The recording failed: see `rec_recording.error`. */
#define REC_STATE_FAILED 5

/** @} */
/** @name Reasons for which a recording or a call ended
 *  @{ */

/** The recording was stopped. */
#define REC_END_STOPPED 1

/** The call ended. */
#define REC_END_CALL_ENDED 2

/** The recording reached its time limit. */
#define REC_END_LIMIT 3

/** `rec_close` ended the call or the recording. */
#define REC_END_ENGINE_CLOSED 4

/** A write to the file failed. */
#define REC_END_WRITE_ERROR 5

/** The process died. The next `rec_open` finished what was on disk. */
#define REC_END_RECOVERED 6

/** The recording was discarded. */
#define REC_END_DISCARDED 7

/**
 * Consent to the recording was refused (`REC_CONSENT_REFUSED`), with `consent.on_refusal` "stop".
 * With "discard", the reason is `REC_END_DISCARDED`.
 *
 * Since: 0.2.0
 */
#define REC_END_CONSENT_REFUSED 8

/**
 * The call moved to another line, with `recording.on_transfer` "stop" or "new".
 *
 * Since: 0.2.0
 */
#define REC_END_TRANSFERRED 9

/** @} */
/** @} */
/** @addtogroup events
 *  @{ */
/** @name Kinds of events
 *  @{ */

/** The file and its manifest exist. Exactly one terminal event will follow. */
#define REC_EVENT_STARTED 1

/**
 * The recording has stopped writing audio: it was paused, its call became private, or it
 * began while its call waits for consent. `frame` says from where.
 */
#define REC_EVENT_PAUSED 2

/**
 * The recording writes audio again: it is not paused, and its call is neither private nor waits
 * for consent. `frame` says from where.
 */
#define REC_EVENT_RESUMED 3

/** Terminal. The file has its final name, or the recording was discarded. */
#define REC_EVENT_FINISHED 4

/** Terminal. A write failed, or nothing could be saved. What was written is kept. */
#define REC_EVENT_FAILED 5

/**
 * Audio was lost. The event is raised when the loss is certain, at most 6.5 s after the lost
 * audio. The member `loss` of `json` gives the leg, the range of frames, and the cause. There
 * is at most one such event for each block of audio that is written (`storage.flush_ms`), none
 * before `REC_EVENT_STARTED` and none after the terminal event.
 */
#define REC_EVENT_LOSS 6

/**
 * A recording that was accepted, or that a line's policy started, could not begin. Nothing was
 * kept, and no terminal event follows. `status` gives the cause. `recording` is NULL if the
 * failure came before the recording had an id.
 */
#define REC_EVENT_START_FAILED 7

/** The free space of the disk fell below `storage.min_free_bytes`. `recording` is NULL. */
#define REC_EVENT_DISK_LOW 8

/**
 * A call had no media for `calls.idle_ms`, so the engine ended it. The handles of the call and
 * its feeds are stale. `recording` is NULL; `call_tag` and `json` identify the call. Each of
 * its recordings has its own terminal event.
 */
#define REC_EVENT_CALL_IDLE 9

/**
 * A feed receives RTP packets that this build cannot decode, so the call's recordings have
 * silence in place of this audio. The event is raised and logged at the first such packet,
 * once for each leg and payload type of a call. `recording` is NULL; `call_tag` and `json`
 * identify the call. `json` also has the `leg`, the `payload_type`, the name of the `codec`,
 * and the `remedy`: what to do, in words.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_MEDIA_IGNORED 10

/**
 * In real time only: a leg of a connected call has had no decoded audio for `media.silent_ms`.
 * The event is raised and logged once for each leg of a call; the call and its recordings
 * continue. Silence that was received counts as audio. Time during which the call is alerting
 * or held, or the leg has no feed, does not count. `recording` is NULL; `call_tag` and `json`
 * identify the call, and `json` has the `leg`.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_LEG_SILENT 11

/**
 * A call has begun. This event, `REC_EVENT_CALL_UPDATED` and `REC_EVENT_CALL_ENDED` are
 * delivered only to subscriptions with `REC_SUBSCRIBE_CALLS`. `recording` is NULL, and `call`
 * describes the call. Each call has one `REC_EVENT_CALL_BEGAN`, then any number of
 * `REC_EVENT_CALL_UPDATED`, then one `REC_EVENT_CALL_ENDED`, in the order of the changes.
 * `REC_EVENT_STARTED` or `REC_EVENT_START_FAILED` of an automatic recording follows
 * `REC_EVENT_CALL_BEGAN`.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_CALL_BEGAN 12

/**
 * `rec_call_update`, `rec_call_private` or `rec_call_parties` changed a call. `call` describes
 * the call after the change. In `json`, `changed` lists the members of `call` whose values are
 * new.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_CALL_UPDATED 13

/**
 * A call has ended, and its handles are stale. `call` describes its last state;
 * `call->end_reason` gives the cause. Events about its recordings can follow, and so can
 * `REC_EVENT_CALL_IDLE`, and `REC_EVENT_MEDIA_IGNORED` and `REC_EVENT_LEG_SILENT` about media
 * from before the end.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_CALL_ENDED 14

/**
 * `recording.pause_max_ms` has passed since `REC_EVENT_PAUSED`, and the recording still writes no
 * audio. The event is raised once for each pause, at most a second late. The pause goes on: callrec
 * never resumes a recording by itself.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_PAUSE_OVERDUE 15

/**
 * A recording was deleted, by `rec_delete` or through an HTTP API. Of `recording`, only `id` says
 * anything; `json` has the id alone as well. With `REC_EVENT_FLAG_REPEATED`, an earlier process
 * began the deletion and this one has completed it. The event is not terminal, and not owed:
 * `.callrec/audit.log` is the lasting record.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_DELETED 16

/**
 * A recording was uploaded to the store of `upload.url`, completely, and the copy was verified.
 * `object_url` names the object with the audio. In `json`, `recording.uploaded` lists all objects
 * and says whether the local copy was removed (`upload.delete_local`). The event is not terminal,
 * and not owed: the manifest is the lasting record. It may be delivered again after a crash.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_UPLOADED 17

/**
 * The upload of a recording was given up: another object has its key, its file has changed since
 * it was published, or `upload.give_up_ms` is over. Its local copy stays. In `json`, `error` says
 * why. The event is not terminal, and not owed.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_UPLOAD_FAILED 18

/**
 * The engine is in a cluster, and has lost Redis: it cannot be reached, or it refuses the login or
 * the node. In `json`, `error` says why. Recordings go on, and callrec tries again until
 * `REC_EVENT_CLUSTER_RESTORED`. Functions without `cluster` in their names never notice it.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_CLUSTER_LOST 19

/**
 * After `REC_EVENT_CLUSTER_LOST`, all live recordings of this engine are in Redis again. In `json`,
 * `recordings` is their number.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_CLUSTER_RESTORED 20

/**
 * A node of the cluster has not renewed its lease (`cluster.lease_ms`). In `json`, `node` is its
 * name, and `recordings` has the ids of its live recordings. Exactly one node of the cluster raises
 * the event, and it is once in the stream of the cluster. How the recordings ended, their own
 * node says when an engine opens its directory again.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_NODE_LOST 21

/** @} */
/** @} */
/** @addtogroup cluster
 *  @{ */
/** @name Operations of rec_cluster_control_by_id
 *  @{ */

/**
 * Stop a recording. What it does is that of `rec_stop_by_id`, `rec_stop_by_device` and
 * `rec_stop_by_call`.
 *
 * Since: 0.2.0
 */
#define REC_CONTROL_STOP 1

/**
 * Stop a recording and delete its audio, as `rec_discard_by_id` does.
 *
 * Since: 0.2.0
 */
#define REC_CONTROL_DISCARD 2

/**
 * Pause a recording, as `rec_pause_by_id` does.
 *
 * Since: 0.2.0
 */
#define REC_CONTROL_PAUSE 3

/**
 * Resume a recording, as `rec_resume_by_id` does.
 *
 * Since: 0.2.0
 */
#define REC_CONTROL_RESUME 4

/** @} */
/** @} */
/** @addtogroup events
 *  @{ */
/** @name Flags of an event
 *  @{ */

/**
 * An earlier engine on the directory may already have delivered the event, with the same
 * state, end reason, error and `lost_ms`.
 */
#define REC_EVENT_FLAG_REPEATED 1

/**
 * The recording has ended, and its file has no audio: only silence, or no frame. Set with
 * `REC_EVENT_FINISHED` and `REC_EVENT_FAILED` only, and never for a discarded recording. After
 * a crash, the flag is not set if the content of the last part of the file is not known.
 */
#define REC_EVENT_FLAG_NO_AUDIO 2

/**
 * The recording has ended, and at least one of its legs received packets, but none that could
 * be decoded (for example only G.729 or AMR). In `json`, `undecoded` names these legs, and
 * `legs` gives the payload types of their packets. Set with `REC_EVENT_FINISHED` and
 * `REC_EVENT_FAILED` only.
 */
#define REC_EVENT_FLAG_LEG_UNDECODED 4

/**
 * The call was already live when the subscription began. `call` describes it at that moment.
 * Set with `REC_EVENT_CALL_BEGAN` only.
 *
 * Since: 0.2.0
 */
#define REC_EVENT_FLAG_LIVE 8

/** @} */
/** @name Flags of rec_subscribe_options
 *  @{ */

/**
 * Also delivers `REC_EVENT_CALL_BEGAN`, `REC_EVENT_CALL_UPDATED` and `REC_EVENT_CALL_ENDED`.
 *
 * Since: 0.2.0
 */
#define REC_SUBSCRIBE_CALLS 1

/** @} */
/** @} */
/** @addtogroup errors
 *  @{ */
/** @name Levels of a log line
 *  @{ */

/** An error. */
#define REC_LOG_ERROR 1

/** A warning. */
#define REC_LOG_WARNING 2

/** Information. */
#define REC_LOG_INFO 3

/** @} */
/** @} */
/** @addtogroup gateway
 *  @{ */
/** @name Flags of rec_gateway_options
 *  @{ */

/** The gateway opens no socket. It receives requests through `rec_http_handle` only. */
#define REC_GATEWAY_NO_SOCKET 1

/** @} */
/** @name Schemes of rec_credentials
 *  @{ */

/** HTTP Basic: `name` and `secret` are the user's name and password. */
#define REC_AUTH_BASIC 1

/** X-Auth-ID and X-Auth-Token (Vobiz): `name` is the account, and `secret` is its token. */
#define REC_AUTH_TOKEN 2

/**
 * Not a login: callrec is about to call this account's receiver and needs its `signature_key`.
 * `secret` is "", and `level` is ignored.
 */
#define REC_AUTH_SIGNATURE 3

/**
 * `Authorization: Bearer` (Vobiz): `secret` is the token. `name` is the account in the
 * request's path, or "" if the path has none, as for audio below `/recordings/`. The host must
 * check that the token belongs to that account. A host that does not know this scheme returns
 * `REC_ERR_UNAUTHENTICATED`.
 *
 * Since: 0.2.0
 */
#define REC_AUTH_BEARER 4

/** @} */
/** @} */
/** @addtogroup configuration
 *  @{ */

/** Settings for `rec_open`. Opaque. */
typedef struct rec_config rec_config;

/** @} */
/** @addtogroup gateway
 *  @{ */

/** The response to an HTTP request. Opaque. */
typedef struct rec_http_response rec_http_response;

/** @} */
/** @addtogroup lists
 *  @{ */

/** Recordings, as they were at one instant. Opaque. */
typedef struct rec_snapshot rec_snapshot;

/** @} */
/** @addtogroup errors
 *  @{ */

/** The result of a function: `REC_OK` (0), or a negative `REC_ERR_…`. */
typedef int32_t rec_status;

/** @} */
/** @addtogroup engine
 *  @{ */

/**
 * An engine: its calls and recordings, its threads, and one storage directory. Zero is never
 * valid.
 */
typedef struct {
    /** Opaque: compare for equality only. */
    uint64_t id;
} rec_engine;

/** @} */
/** @addtogroup audit
 *  @{ */

/**
 * The position of an audit log: the number and the hash of its last line. Keep a copy out of
 * reach of everyone who can change the log.
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t reserved;
    /** Number of the last line on the disk, or 0 if there is none. */
    uint64_t sequence;
    /** Number of lines that are not on the disk yet. `rec_verify_audit` ignores this member. */
    uint64_t waiting;
    /**
     * Number of lines that this engine dropped, because the disk did not accept them or
     * because too many logins were refused. `rec_verify_audit` ignores this member.
     */
    uint64_t dropped;
    /** Hash of the last line: 64 hexadecimal digits and a NUL. */
    char hash[72];
} rec_chain_head;

/** @} */
/** @addtogroup errors
 *  @{ */

/**
 * The details of a failure. Every function that receives one writes it. After a success,
 * `status` is `REC_OK`, `reason` is -1, and the texts are "".
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** The status that the function returned. */
    rec_status status;
    /** Imagicle's BadRequestReason for this error (0, 1, 2 or 4), or -1 if there is none. */
    int32_t reason;
    /** Always 0. */
    uint32_t reserved;
    /** With `REC_ERR_NOT_MONITORABLE`, the line's device name; otherwise "". */
    char device_name[256];
    /**
     * A message for people, which names the parameter and its value. One line of UTF-8 with
     * escaped control characters. A long message is truncated.
     */
    char message[512];
} rec_error;

/** @} */
/** @addtogroup audit
 *  @{ */

/** What `rec_verify_audit` found in an audit log that is intact. */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t reserved;
    /** Number of the last line, which is also the number of complete lines. 0 if there is none. */
    uint64_t sequence;
    /** Number of lines after `known_head`. */
    uint64_t lines_after_head;
    /**
     * Number of lines that were cut short because a process died. A later line of the log
     * records each of them.
     */
    uint64_t unfinished;
    /**
     * Size of an incomplete last line in bytes, or 0. A process is writing this line, or died
     * while it wrote it.
     */
    uint64_t unfinished_bytes;
    /** Number of lines that the log itself reports as dropped. */
    uint64_t dropped;
    /** Hash of the last line: 64 hexadecimal digits and a NUL. */
    char hash[72];
} rec_audit_report;

/** @} */
/** @addtogroup calls
 *  @{ */

/**
 * The properties of a call. In an update, NULL and 0 leave a property unchanged, and "" clears
 * it.
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** `REC_CALL_…`. For a new call, 0 means connected. */
    int32_t state;
    /** `REC_DIRECTION_…` */
    int32_t direction;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * A number that the host chooses. `rec_recording.call_tag` and `rec_event.call_tag` return
     * it.
     */
    uint64_t tag;
    /** Time of the connection: Unix time in milliseconds. For a new call, 0 means now. */
    int64_t connected_at_ms;
    /** The call's id. If absent, callrec generates one. An update cannot change it. */
    const char *call_id;
    /** The id of the call in the switch: Genesys' connId, Cisco's global call id. */
    const char *switch_call_id;
    /** The device name of the line. */
    const char *device_name;
    /** The directory number of the line. */
    const char *directory_number;
    /** The username of the line's owner. A caller with this username owns the call. */
    const char *username;
    /** The owner's numeric user id. */
    const char *numeric_user_id;
    /** The remote party's first name. */
    const char *remote_first_name;
    /** The remote party's last name. */
    const char *remote_last_name;
    /** The remote party's telephone number. */
    const char *remote_phone_number;
    /** The number that calls (automatic number identification). */
    const char *ani;
    /** The number that was dialled (dialled number identification service). */
    const char *dnis;
    /** Genesys' call type, such as "Internal", "Inbound", "Outbound" or "Consult". */
    const char *call_type;
    /**
     * A JSON object whose values are strings (Genesys' userData), at most 65,536 bytes. An
     * update replaces the whole object.
     */
    const char *attributes_json;
    /**
     * `REC_CONSENT_…`: whether the parties agree that the call is recorded. It cannot become
     * unknown again.
     *
     * Since: 0.2.0
     */
    int32_t consent;
    /** Must be 0. */
    uint32_t reserved2;
    /**
     * Who or what gave or refused the consent, such as "ivr" or "agent".
     *
     * Since: 0.2.0
     */
    const char *consent_source;
    /**
     * Since when the consent, or its refusal, holds: Unix time in milliseconds. 0, or a time in
     * the future, means since the host reported it. Audio from before a consent that was given
     * is in no recording by look-back.
     *
     * Since: 0.2.0
     */
    int64_t consent_from_ms;
    /**
     * Another id of the call, such as the one that it has after a transfer. It is added to those
     * that the call has, at most 16. Every function and filter that takes a `call_id` finds the
     * call by each of its ids.
     *
     * Since: 0.2.0
     */
    const char *related_call_id;
} rec_call_info;

/**
 * A call on a line. Zero is never valid. The call lives until `rec_call_end` or `rec_close`,
 * or until it has had no media for `calls.idle_ms` (`REC_EVENT_CALL_IDLE`).
 */
typedef struct {
    /** Opaque: compare for equality only. */
    uint64_t id;
} rec_call;

/** @} */
/** @addtogroup events
 *  @{ */

/**
 * Releases a `user_data` pointer. The library calls it once, after the last callback with that
 * pointer.
 *
 * It runs on the thread that ends the registration (in `rec_unsubscribe`, `rec_set_log` or
 * `rec_close`), or on a thread of the library. It must not call a function that waits:
 * `rec_close`, `rec_unsubscribe`, `rec_gateway_stop` or `rec_http_handle`. It must not throw
 * or longjmp out.
 */
typedef void (*rec_free_fn)(void *user_data);

/** @} */
/** @addtogroup feeds
 *  @{ */

/**
 * Creates the state of a decoder for one stream: the packets of a leg that have the same SSRC and
 * the same format. Returns NULL if it cannot; the packet then counts as `undecodable`, and
 * `create` is called again for the next packet. A stream may have several states, one after the
 * other: see `rec_codec_ops`.
 *
 * `sample_rate` and `channels` are those of the samples that `decode` must write. `fmtp` is the
 * value of the payload type's `fmtp` line, for example "octet-align=1", or NULL if there is none.
 * It is valid until the function returns.
 *
 * Since: 0.2.0
 */
typedef void *(*rec_codec_create_fn)(void *user_data,
                                     uint32_t sample_rate,
                                     uint32_t channels,
                                     const char *fmtp);

/**
 * Decodes the payload of one RTP packet.
 *
 * `payload` has `size` bytes, at least 1. `samples` has space for `capacity` samples of each
 * channel, which is 200 ms. The function writes 16-bit samples in native byte order, with those
 * of several channels interleaved. It writes the number of samples of each channel to `count`,
 * which is 0 before, and returns `REC_OK`. The pointers are valid until it returns.
 *
 * If the status is not `REC_OK`, or `count` is above `capacity`, the packet counts as
 * `undecodable`, and the state is destroyed.
 *
 * Since: 0.2.0
 */
typedef rec_status (*rec_codec_decode_fn)(void *state,
                                          const uint8_t *payload,
                                          size_t size,
                                          int16_t *samples,
                                          size_t capacity,
                                          size_t *count);

/**
 * Conceals missing packets: writes `count` samples of each channel to `samples`, at most 60 ms,
 * and returns `REC_OK`. The samples have the form of those of `decode`. The pointer is valid
 * until the function returns.
 *
 * The function is called only if `media.concealment` is "on", before `decode` for the packet that
 * follows the gap. If the status is not `REC_OK`, the gap is concealed as for a codec without
 * this function.
 *
 * Since: 0.2.0
 */
typedef rec_status (*rec_codec_conceal_fn)(void *state, int16_t *samples, size_t count);

/**
 * Frees a state. The library does not use it afterwards.
 *
 * Since: 0.2.0
 */
typedef void (*rec_codec_destroy_fn)(void *state);

/**
 * The functions of a codec that the host decodes, for `rec_codec_register`.
 *
 * The library calls them on a thread of its own, one at a time. If a function does not return
 * within 1 s, another thread may call the functions for other states at the same time. The
 * functions for one state are never called at the same time. There is no time limit, but a packet
 * that is not decoded within 2 s is lost. The functions may call any function except `rec_close`,
 * which returns `REC_ERR_IN_CALLBACK`. They must not throw or longjmp out.
 *
 * The packets of a stream are decoded in the order of their sequence numbers. Missing packets are
 * skipped. A packet that arrives after its successors were decoded gets a state of its own. After
 * a pause, and after an error, the state is destroyed and the next packet gets a new one, so that
 * no audio of a pause can be heard after it. What a state decodes must therefore not depend on
 * other states.
 *
 * Since: 0.2.0
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /**
     * Sample rate in Hz of the samples that `decode` writes: 8000 to 48000, and a multiple of the
     * clock rate of the RTP timestamps. 0 means the clock rate. The two differ only for a codec
     * such as G.722, whose timestamps count 8000 for a second of 16000 samples.
     */
    uint32_t sample_rate;
    /**
     * Number of channels that `decode` writes, at most 8. 0 means the number in `rtpmap`, or in
     * `rec_feed_format.channels`. More than one channel is mixed down to the leg.
     */
    uint32_t channels;
    /**
     * Size of a frame in bytes, at most 16384, if all frames of the codec have the same size: for
     * example 10 for G.729, and 33 for GSM. A packet of n bytes is then expected to have n /
     * `frame_bytes` frames, rounded up. 0 if the size varies: a packet is then expected to be as
     * long as the latest one that was decoded, and the first one as long as `ptime` says, or 20
     * ms. In either case, no packet is expected to be longer than 200 ms. If `decode` writes fewer
     * samples than expected, the rest is silence and counts as `undecodable`.
     */
    uint32_t frame_bytes;
    /**
     * Number of samples of each channel in a frame, at most 9600. For example 80 for G.729. 0
     * if `frame_bytes` is 0.
     */
    uint32_t frame_samples;
    /** Must be 0. */
    uint32_t reserved;
    /** Passed to `create` and `user_data_free`. */
    void *user_data;
    /**
     * Called once with `user_data`, after every other function has returned for the last time:
     * in `rec_close`, or after a timeout when the last function returns. May be NULL.
     */
    rec_free_fn user_data_free;
    /** Must not be NULL. */
    rec_codec_create_fn create;
    /** Must not be NULL. */
    rec_codec_decode_fn decode;
    /** May be NULL: the last period of the audio before a gap is repeated. */
    rec_codec_conceal_fn conceal;
    /** Must not be NULL. */
    rec_codec_destroy_fn destroy;
} rec_codec_ops;

/** @} */
/** @addtogroup recordings
 *  @{ */

/**
 * The user on whose behalf the host calls a function. A NULL caller is the host itself, which
 * is trusted.
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** 0 to 10: see `REC_LEVEL_…`. Below 10, the caller can reach only their own live calls. */
    uint32_t level;
    /**
     * The caller owns the calls whose current `rec_call_info.username` equals this one byte
     * for byte. A caller with "" owns no call.
     */
    const char *username;
} rec_caller;

/** The number of recordings that an operation by device or by call affected. */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** Recordings whose state the operation changed. */
    uint32_t changed;
    /** Recordings that were already in the requested state. */
    uint32_t already;
    /** Recordings for which a line's policy or `REC_ERR_DIAL_IN` refused the operation. */
    uint32_t refused;
} rec_counts;

/** What to record, and how. Zero means the default. */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** `REC_START_MANUAL_DIAL_IN` and `REC_START_ADDITIONAL`, combined with `|`. */
    uint32_t flags;
    /** `REC_LAYOUT_…` */
    int32_t layout;
    /** `REC_PAUSE_…` */
    int32_t pause_mode;
    /**
     * Maximum length of the audio in the file, silence included, in milliseconds. 0 means no
     * limit.
     */
    uint32_t max_duration_ms;
    /**
     * How much audio from before the start the recording begins with, in milliseconds, or
     * `REC_LOOKBACK_ALL`. Only what `media.lookback_ms` has kept is given, and nothing from before
     * the end of the latest pause of any recording of the call or of a time when the call was
     * private or on a line that was not monitorable (`REC_LINE_NOT_MONITORABLE`), nor from before
     * `rec_call_info.consent_from_ms`. A start while the call is private or waits for consent is
     * given nothing. `rec_recording.lookback_ms` says how much was given. While
     * `media.lookback_ms` is 0, or in stream time, any value but 0 is `REC_ERR_UNSUPPORTED`.
     */
    uint32_t lookback_ms;
    /**
     * The call's id. `call_id`, `device_name` or `directory_number` is needed, and the call
     * must match all of these that are present.
     */
    const char *call_id;
    /** The device name of the call's line. */
    const char *device_name;
    /** The directory number of the call's line. */
    const char *directory_number;
    /**
     * "wav" (default), "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw", "flac",
     * "opus" or "mp3".
     *
     * Parameters of the encoder may follow, each after a semicolon, in any order: a name, "=" and
     * a whole number in decimal digits, without a sign, leading zeros or spaces. What is not
     * given is taken from the configuration (`recording.opus_bitrate` and so on). A parameter
     * that the format does not have, a value out of its range, the same parameter twice, and a
     * semicolon without a parameter are `REC_ERR_INVALID_MODE`.
     * `rec_recording.format` has the name alone. "flac" and "opus" are `REC_ERR_UNSUPPORTED` in a
     * build without the feature of this name.
     *
     * - "wav" and "au", also with "-ulaw" or "-alaw": "tags": 0 or 1, as in "wav;tags=1". 1: the
     *   file names the call, its parties and its start, and its header has 1024 bytes. 0: only
     *   the recording's id, and the header of version 0.1.0.
     * - "flac": FLAC (RFC 9639), as in "flac;level=8". "level": 0 to 8. Programs that play it in
     *   Debian: flac, ffmpeg, and those with libsndfile.
     * - "opus": Ogg Opus (RFC 7845), as in "opus;bitrate=24000;dtx=1". "bitrate": bits per
     *   second, 6000 to 256000; "complexity": 0 to 10; "dtx": 0 or 1, whether silence takes
     *   almost no space. Programs that play it in Debian: opusdec (opus-tools), ffmpeg, and
     *   those with libsndfile.
     * - "mp3": MP3, as in "mp3;bitrate=24000". "bitrate": bits per second, 8000 to 320000; the
     *   next higher one that exists at the file's sample rate is used. It loads the system's
     *   LAME library (Debian: libmp3lame0), and is `REC_ERR_UNSUPPORTED` without it. A build
     *   with the feature `mp3` contains LAME.
     */
    const char *format;
    /**
     * The URL that a running gateway requests when the recording has ended and its file
     * exists. These requests are not signed. A URL that `callbacks.allow` does not list is
     * `REC_ERR_INVALID_ARGUMENT`. In a build without the feature `gateway`, a URL is
     * `REC_ERR_UNSUPPORTED`.
     */
    const char *callback_url;
    /** "POST" (default) sends a form in the body. "GET" sends the fields in the query. */
    const char *callback_method;
    /**
     * `REC_KEEP_RAW_…`: which RTP packets are kept as they arrived, in a pcapng file beside the
     * recording.
     *
     * Since: 0.2.0
     */
    int32_t keep_raw;
    /**
     * Ignored; `REC_INIT` sets it to 0. It is there so that no member that a later version appends
     * begins in padding.
     *
     * Since: 0.2.0
     */
    uint32_t reserved;
} rec_start_options;

/** A recording's UUID. */
typedef struct {
    /** 36 lower-case characters and a NUL. */
    char text[37];
} rec_id;

/** @} */
/** @addtogroup engine
 *  @{ */

/** What is live in an engine now, and counters since the engine was opened. */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t reserved;
    /** Live calls. */
    uint64_t live_calls;
    /** Recordings that are recording or paused. */
    uint64_t live_recordings;
    /** Recordings that have ended and are not published yet. */
    uint64_t finishing_recordings;
    /** Accepted packets and writes: those with audio, and packets of comfort noise. */
    uint64_t frames_in;
    /**
     * Packets that are missing (gaps in the sequence numbers), and packets and writes whose
     * audio was dropped because it was lost with `REC_ERR_OVERRUN`, came too late, overlapped
     * earlier audio, or was not decoded by its decoder. A missing packet that arrives after all,
     * or that is recovered from a later packet of Opus, no longer counts.
     */
    uint64_t frames_lost;
    /**
     * Packets without audio that callrec can decode: unknown payload types, RTCP, and data
     * that is not RTP.
     */
    uint64_t frames_ignored;
    /** Bytes of audio written to disk. Late audio that replaces silence counts again. */
    uint64_t bytes_out;
    /**
     * Bytes of audio that became silence because too much audio was pending for the disk
     * (`storage.backlog_ms`, `storage.backlog_bytes`).
     */
    uint64_t bytes_dropped;
    /** Bytes of audio that are pending for the disk now. */
    uint64_t backlog_bytes;
    /**
     * Events that were dropped because a subscription's queue was full, or because there was
     * no subscription.
     */
    uint64_t events_dropped;
    /** The longest delay of a media thread in the last second, in microseconds. */
    uint64_t worker_lag_us;
    /** Free space of the storage directory's file system in bytes, updated every second. */
    uint64_t free_bytes;
    /**
     * Recordings that were deleted, including deletions of an earlier process that this engine
     * has completed.
     *
     * Since: 0.2.0
     */
    uint64_t recordings_deleted;
    /**
     * Recordings that are not uploaded yet (`upload.url`), including those of earlier processes.
     *
     * Since: 0.2.0
     */
    uint64_t uploads_pending;
    /**
     * How long the oldest of them has been waiting, in milliseconds. 0 if there is none.
     *
     * Since: 0.2.0
     */
    uint64_t uploads_oldest_ms;
    /**
     * Recordings that were uploaded and verified.
     *
     * Since: 0.2.0
     */
    uint64_t uploads_done;
    /**
     * Recordings whose upload was given up. Their local copies stay.
     *
     * Since: 0.2.0
     */
    uint64_t uploads_failed;
    /**
     * Deleted recordings whose uploaded copies are not removed yet.
     *
     * Since: 0.2.0
     */
    uint64_t upload_removals_pending;
    /**
     * 1 if the engine is in a cluster, and the list of the cluster shows its recordings; otherwise
     * 0. Like the following members, 0 without `cluster.url`.
     *
     * Since: 0.2.0
     */
    uint64_t cluster_connected;
    /**
     * How often the connection to Redis was lost. A server that was never reached counts once.
     *
     * Since: 0.2.0
     */
    uint64_t cluster_losses;
    /**
     * Live recordings of this engine that the list of the cluster shows.
     *
     * Since: 0.2.0
     */
    uint64_t cluster_recordings;
    /**
     * Requests of other nodes that this engine has carried out or refused by its rules.
     *
     * Since: 0.2.0
     */
    uint64_t cluster_commands;
    /**
     * Requests of other nodes that came after their deadline, and were not carried out.
     *
     * Since: 0.2.0
     */
    uint64_t cluster_late_commands;
    /**
     * Ended recordings whose end is not yet in the stream of the cluster, or which a group of
     * consumers has not acknowledged yet.
     *
     * Since: 0.2.0
     */
    uint64_t cluster_pending_ends;
} rec_statistics;

/** @} */
/** @addtogroup errors
 *  @{ */

/**
 * Receives log lines on the event thread, under the rules of `rec_event_fn`.
 *
 * `level` is `REC_LOG_…`. `message` is one line of UTF-8; control characters are escaped.
 */
typedef void (*rec_log_fn)(void *user_data, int32_t level, const char *message);

/**
 * A recording at the moment of the snapshot or the event. Strings are never NULL and live as
 * long as the snapshot or the event.
 */
typedef struct {
    /** Size of this struct in bytes, in the library's version. */
    uint32_t struct_size;
    /** `REC_STATE_…` */
    int32_t state;
    /** `REC_END_…`, or 0 while the recording is live. */
    int32_t end_reason;
    /** Why the recording failed, or `REC_OK`. */
    rec_status error;
    /** `REC_LAYOUT_…` */
    int32_t layout;
    /** `REC_PAUSE_…` */
    int32_t pause_mode;
    /** `REC_START_…`: the flags of `rec_start`, or `REC_START_AUTOMATIC`. */
    uint32_t flags;
    /** Sample rate of the file in Hz, or 0 until it is known. */
    uint32_t sample_rate;
    /** The number that the host chose for the call: `rec_call_info.tag`. */
    uint64_t call_tag;
    /** The recording's UUID. */
    rec_id id;
    /** The call's id. */
    const char *call_id;
    /** The id of the call in the switch. */
    const char *switch_call_id;
    /** The device name of the line. */
    const char *device_name;
    /** The directory number of the line. */
    const char *directory_number;
    /** The username of the line's owner. */
    const char *username;
    /** The owner's numeric user id. */
    const char *numeric_user_id;
    /** The remote party's first name. */
    const char *remote_first_name;
    /** The remote party's last name. */
    const char *remote_last_name;
    /** The remote party's telephone number. */
    const char *remote_phone_number;
    /** The file's format, as in `rec_start_options.format`. */
    const char *format;
    /**
     * The recording's URL. `rec_stop_by_call` and `rec_discard_by_call` can select one
     * recording by it.
     */
    const char *url;
    /** Absolute path of the finished file, or "" until it is published. */
    const char *path;
    /**
     * Digest of the finished file: "sha256:" and hexadecimal digits. "" until the file is
     * published, and if `storage.digest` is "none".
     */
    const char *digest;
    /**
     * Time of the first sample, Unix time in milliseconds. With `lookback_ms`, it is before the
     * start.
     */
    int64_t started_at_ms;
    /** Time of the end, Unix time in milliseconds, or 0 while the recording is live. */
    int64_t ended_at_ms;
    /** Length of the audio in the file so far, in milliseconds. */
    uint64_t duration_ms;
    /** Total time during which the recording was paused, in milliseconds. */
    uint64_t paused_ms;
    /**
     * Sum of the lost audio of all legs, in milliseconds: audio that never arrived (gaps in
     * the sequence numbers), that was dropped, or that a failing recording could not write.
     * Duplicates, and audio from a pause, from a hold, or from outside the recording do not
     * count. The manifest gives the amount and the cause for each leg.
     */
    uint64_t lost_ms;
    /** Size of the file so far, in bytes. */
    uint64_t bytes;
    /**
     * Absolute path of the finished file of kept packets (`recording.keep_raw`), or "" until it
     * is published, and if no packet was kept.
     *
     * Since: 0.2.0
     */
    const char *raw_path;
    /**
     * Digest of that file, in the form of `digest`.
     *
     * Since: 0.2.0
     */
    const char *raw_digest;
    /**
     * Size of that file in bytes.
     *
     * Since: 0.2.0
     */
    uint64_t raw_bytes;
    /**
     * The number of packets in that file.
     *
     * Since: 0.2.0
     */
    uint64_t raw_packets;
    /**
     * How much of the audio at the beginning of the file was passed in before the start, in
     * milliseconds. See `rec_start_options.lookback_ms`.
     *
     * Since: 0.2.0
     */
    uint64_t lookback_ms;
    /**
     * 1 if the recording is under a legal hold (`rec_hold`), otherwise 0.
     *
     * Since: 0.2.0
     */
    uint32_t held;
    /**
     * 1 if the node that has the recording cannot be reached, so that nobody knows whether it is
     * still live; otherwise 0. Only `rec_cluster_list` and `rec_cluster_get` set it.
     *
     * Since: 0.2.0
     */
    uint32_t unreachable;
    /**
     * The node that has the recording (`cluster.node`). Only `rec_cluster_list` and
     * `rec_cluster_get` set it, otherwise it is "".
     *
     * Since: 0.2.0
     */
    const char *node;
} rec_recording;

/** @} */
/** @addtogroup events
 *  @{ */

/**
 * A call at the moment of the event. Strings are never NULL and live as long as the event.
 *
 * Since: 0.2.0
 */
typedef struct {
    /** Size of this struct in bytes, in the library's version. */
    uint32_t struct_size;
    /** `REC_CALL_…` */
    int32_t state;
    /** `REC_DIRECTION_…` */
    int32_t direction;
    /** 1 while the call is private (`rec_call_private`), otherwise 0. */
    uint32_t is_private;
    /**
     * `REC_END_CALL_ENDED` or `REC_END_ENGINE_CLOSED` with `REC_EVENT_CALL_ENDED`, otherwise
     * 0.
     */
    int32_t end_reason;
    /** Always 0. */
    uint32_t reserved;
    /**
     * The number that the engine gave the call, from 1. No two calls of an open engine have
     * the same number.
     */
    uint64_t number;
    /** The number that the host chose for the call: `rec_call_info.tag`. */
    uint64_t tag;
    /** Time of the connection, Unix time in milliseconds. */
    int64_t connected_at_ms;
    /** The call's id. */
    const char *call_id;
    /** The id of the call in the switch. */
    const char *switch_call_id;
    /** The device name of the line. */
    const char *device_name;
    /** The directory number of the line. */
    const char *directory_number;
    /** The username of the line's owner. */
    const char *username;
    /** The owner's numeric user id. */
    const char *numeric_user_id;
    /** The remote party's first name. */
    const char *remote_first_name;
    /** The remote party's last name. */
    const char *remote_last_name;
    /** The remote party's telephone number. */
    const char *remote_phone_number;
    /** The number that calls. */
    const char *ani;
    /** The number that was dialled. */
    const char *dnis;
    /** Genesys' call type. */
    const char *call_type;
    /** A JSON object whose values are strings. "{}" if there are none. */
    const char *attributes_json;
    /** `REC_CONSENT_…` */
    int32_t consent;
    /** Always 0. */
    uint32_t reserved2;
    /** Who or what gave or refused the consent. */
    const char *consent_source;
    /** Since when the consent or the refusal holds: Unix time in milliseconds, or 0. */
    int64_t consent_from_ms;
    /** When the host reported it: Unix time in milliseconds, or 0. */
    int64_t consent_at_ms;
    /**
     * The further ids of the call (`rec_call_info.related_call_id`), as a JSON array. "[]" if
     * there are none.
     */
    const char *related_call_ids_json;
    /**
     * The parties that are or were heard on the legs (`rec_call_parties`), as a JSON array of
     * objects with `leg`, `from_ms`, `to_ms` unless the party is still there, and `party`. "[]"
     * if there are none.
     */
    const char *parties_json;
} rec_call_view;

/** An event. The struct and all that it points to live until the callback returns. */
typedef struct {
    /** Size of this struct in bytes, in the library's version. */
    uint32_t struct_size;
    /** `REC_EVENT_…`. New kinds may be added: ignore a kind that you do not know. */
    int32_t kind;
    /** `REC_EVENT_FLAG_…` */
    uint32_t flags;
    /** Always 0. */
    uint32_t reserved;
    /**
     * Number of the event. A gap between the numbers that a subscription receives means that
     * events were dropped. The number counts all events since the engine was opened that match
     * the subscription's options. So a later subscription does not begin at 1, and
     * subscriptions with different options may give the same event different numbers.
     */
    uint64_t sequence;
    /** Time of the event, Unix time in milliseconds. */
    int64_t time_ms;
    /** The recording that the event is about, or NULL. */
    const rec_recording *recording;
    /** The event as one JSON object, with the member names of the manifest (docs/formats.md). */
    const char *json;
    /**
     * With `REC_EVENT_START_FAILED`, why the recording could not begin. `REC_ERR_IO` with
     * `REC_EVENT_UPLOAD_FAILED`. Otherwise `REC_OK`.
     */
    rec_status status;
    /** Always 0. */
    uint32_t reserved2;
    /**
     * The number that the host chose for the call that the event is about, even if `recording`
     * is NULL. 0 if there is none.
     */
    uint64_t call_tag;
    /**
     * The number that the engine gave the call that the event or its recording belongs to. 0
     * if there is no such call, or if an earlier engine on the directory began the recording.
     *
     * Since: 0.2.0
     */
    uint64_t call_number;
    /**
     * The call that the event is about, or NULL if the event is about a recording or about no
     * call.
     *
     * Since: 0.2.0
     */
    const rec_call_view *call;
    /**
     * With `REC_EVENT_PAUSED` and `REC_EVENT_PAUSE_OVERDUE`, the frame of the file from which the
     * pause holds: all frames before it are from before the pause. With `REC_EVENT_RESUMED`, the
     * first frame after the pause. Otherwise 0. Frames count from the beginning of the file, at
     * `rec_recording.sample_rate`, and are those of the manifest's `spans`.
     *
     * Since: 0.2.0
     */
    uint64_t frame;
    /**
     * With `REC_EVENT_UPLOADED`, the URL of the object with the audio: `s3://…`, `gs://…`,
     * `az://…` or `file:///…`. With `REC_EVENT_UPLOAD_FAILED`, the URL of the store. Otherwise "".
     * Never NULL.
     *
     * Since: 0.2.0
     */
    const char *object_url;
} rec_event;

/**
 * Receives events, one at a time, on the library's event thread.
 *
 * The library holds no lock while the callback runs. `event` and all that it points to live
 * until the callback returns. The callback may call any function except `rec_close` for its
 * own engine, and `rec_gateway_stop` and `rec_http_handle` for gateways of that engine; these
 * return `REC_ERR_IN_CALLBACK`. It may end its own subscription. Later events wait until the
 * callback returns; calls and recordings continue. The callback must not throw or longjmp out.
 * If callbacks of two engines end each other's subscriptions, or close each other's engine,
 * both may wait forever.
 */
typedef void (*rec_event_fn)(void *user_data, const rec_event *event);

/** A subscription to an engine's events. Zero is never valid. */
typedef struct {
    /** Opaque: compare for equality only. */
    uint64_t id;
} rec_subscription;

/**
 * What a subscription delivers. Zero means the default.
 *
 * Since: 0.2.0
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** `REC_SUBSCRIBE_…` */
    uint32_t flags;
} rec_subscribe_options;

/** @} */
/** @addtogroup feeds
 *  @{ */

/**
 * The format of the audio that `rec_feed_write` and `rec_feed_write_at` pass in. The payload
 * type of an RTP packet alone says how it is decoded; for RTP, this format only determines the
 * size of the feed's memory.
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /**
     * `REC_CODEC_…`. There is no default: 0 is `REC_ERR_INVALID_ARGUMENT`. In
     * `rec_feed_payload`, also a value of `rec_codec_register`.
     */
    int32_t codec;
    /**
     * Sample rate in Hz. PCM16: 8000 to 48000, and 0 means 8000. G.711: 8000 or 0. G.722: 16000,
     * 8000 (the rate of its RTP timestamps) or 0. Opus: 48000 or 0. A registered codec: the clock
     * rate of its RTP timestamps, and 0 means 8000.
     */
    uint32_t sample_rate;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * In real time, how far ahead of the clock `rec_feed_write` may write, in milliseconds, at
     * most 600000. With 0, the limit is 2000, and audio beyond it is lost. With any other
     * value, audio beyond the limit is not accepted, and nothing is lost. 1 to 199 count as
     * 200. If the value is above 2000, memory for that much audio is reserved from
     * `media.ahead_bytes` until the feed is closed. `rec_feed_payload` ignores this member.
     *
     * Since: 0.2.0
     */
    uint32_t ahead_ms;
    /**
     * Number of channels. 0 and 1 mean one. 2 means that each frame has a sample of the local
     * leg, then one of the remote leg. Only a feed of `REC_LEG_LOCAL` may have two channels,
     * and it is then also the feed of the remote leg. Such a feed accepts writes but no RTP
     * packets, and the number of channels cannot change. Only PCM16 and G.711 may have two. In
     * `rec_feed_payload`, this is the codec's number of channels instead.
     *
     * Since: 0.2.0
     */
    uint32_t channels;
} rec_feed_format;

/** The source of one leg's audio. Zero is never valid. */
typedef struct {
    /** Opaque: compare for equality only. */
    uint64_t id;
} rec_feed;

/** @} */
/** @addtogroup gateway
 *  @{ */

/** The credentials that a client of the gateway sent. */
typedef struct {
    /** Size of this struct in bytes, in the library's version. */
    uint32_t struct_size;
    /** `REC_AUTH_…` */
    int32_t scheme;
    /** The name of the user or the account. */
    const char *name;
    /** The password or the token. */
    const char *secret;
    /** The client's IP address. */
    const char *source;
} rec_credentials;

/** The user to whom credentials belong. */
typedef struct {
    /** Size of this struct in bytes, in the library's version. */
    uint32_t struct_size;
    /** `REC_LEVEL_…`, 1 to 10. With any other value, the client gets 401. */
    uint32_t level;
    /**
     * The user owns the calls whose `rec_call_info.username` equals this one. At most 255
     * bytes and a NUL.
     */
    char username[256];
    /**
     * Key that signs the callbacks of this account (with Vobiz, the account's token), at most
     * 255 bytes and a NUL. If it is "", callbacks are not signed.
     */
    char signature_key[256];
} rec_identity;

/**
 * Identifies a client of the gateway. The host implements this function.
 *
 * `credentials` and all that it points to live until the function returns. `identity` is zero
 * except for its `struct_size`. If the credentials are valid, fill in `identity` and return
 * `REC_OK`. If they are not, return `REC_ERR_UNAUTHENTICATED`: the client gets 401, and its
 * next attempts are delayed. Any other status means that the credentials cannot be checked
 * now: the client gets 500. Compare secrets in constant time.
 *
 * The function runs on threads of the library, at most `gateway.auth_parallel` at a time, and
 * may block. It may call any function except `rec_close`, `rec_gateway_stop` and
 * `rec_http_handle`, which return `REC_ERR_IN_CALLBACK`, even for another engine or gateway.
 * It must not throw or longjmp out.
 */
typedef rec_status (*rec_authenticate_fn)(void *user_data,
                                          const rec_credentials *credentials,
                                          rec_identity *identity);

/**
 * How a gateway runs. Keys of `rec_config_set` set the rest, such as `gateway.…` and
 * `callbacks.…`.
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** TCP port, 0 to 65535. 0 means any free port: see `rec_gateway_port`. */
    uint32_t port;
    /** IP address to listen on, at most 64 bytes. If absent, 127.0.0.1. */
    const char *address;
    /** `REC_GATEWAY_…` */
    uint32_t flags;
    /** Must be 0. */
    uint32_t reserved;
    /** The host's function that identifies clients. If NULL, no client is let in. */
    rec_authenticate_fn authenticate;
    /** Passed to `authenticate`. */
    void *user_data;
    /**
     * Called once with `user_data` after the last `authenticate`, before `rec_gateway_stop` or
     * `rec_close` returns `REC_OK`. May be NULL. Must be NULL if `authenticate` is NULL.
     */
    rec_free_fn user_data_free;
} rec_gateway_options;

/** A running HTTP gateway. Zero is never valid. */
typedef struct {
    /** Opaque: compare for equality only. */
    uint64_t id;
} rec_gateway;

/** An HTTP request. */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** Must be 0. */
    uint32_t reserved;
    /** `GET`, `POST` or another method, at most 32 bytes. Must not be NULL. */
    const char *method;
    /** Path and query, percent-encoded as received, at most 1,048,576 bytes. Must not be NULL. */
    const char *target;
    /** "Name: value" lines, each ending with CR LF, at most 1,048,576 bytes. May be absent. */
    const char *headers;
    /** The body. May be NULL if `body_size` is 0. */
    const void *body;
    /** Size of the body in bytes. */
    size_t body_size;
    /**
     * The client's IP address, at most 64 bytes. After a failed login, it determines whose
     * logins are delayed. If absent, 127.0.0.1.
     */
    const char *source;
} rec_http_request;

/** @} */
/** @addtogroup lines
 *  @{ */

/** A line and its policy. A device name, a directory number or both are needed. */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /**
     * `REC_LINE_…`, combined with `|`. With 0, calls on the line may be recorded, but are not
     * recorded automatically.
     */
    uint32_t flags;
    /** The device name of the line. */
    const char *device_name;
    /** The directory number of the line. */
    const char *directory_number;
} rec_line_info;

/** @} */
/** @addtogroup lists
 *  @{ */

/**
 * Selects recordings. A recording must match every member that is present. If all members are
 * absent, the filter selects all recordings.
 */
typedef struct {
    /** Size of this struct in bytes. Set by `REC_INIT`. */
    uint32_t struct_size;
    /** Must be 0. */
    uint32_t reserved;
    /** The device name of the call's line. */
    const char *device_name;
    /** The directory number of the call's line. */
    const char *directory_number;
    /** The username of the owner of the call's line. */
    const char *username;
    /** The owner's numeric user id. */
    const char *numeric_user_id;
    /** The call's id. */
    const char *call_id;
    /**
     * The id of the call in the switch.
     *
     * Since: 0.2.0
     */
    const char *switch_call_id;
    /**
     * The most recordings that the list has; 0: all. Only for `rec_cluster_list`; `rec_list`
     * refuses any other value than 0.
     *
     * Since: 0.2.0
     */
    uint32_t limit;
    /**
     * Must be 0.
     *
     * Since: 0.2.0
     */
    uint32_t reserved2;
    /**
     * Where the list begins: `rec_snapshot_cursor` of the page before, or absent for the first
     * page. Only for `rec_cluster_list`; `rec_list` refuses one.
     *
     * Since: 0.2.0
     */
    const char *cursor;
} rec_filter;

/** @} */
/** @addtogroup configuration
 *  @{ */

/**
 * Is called on a thread of the library, at its beginning or at its end.
 *
 * `name` is the thread's name, which begins with "callrec-"; it lives until the function returns.
 * The function must not call a function of the library, throw or longjmp out.
 *
 * Since: 0.2.0
 */
typedef void (*rec_thread_fn)(void *user_data, const char *name);

/** @} */
/** @addtogroup errors
 *  @{ */
/** @name Statuses
 *  @{ */

/** Success. */
#define REC_OK 0

/**
 * An argument breaks the rules of the API: a NULL that is not allowed, a wrong `struct_size`,
 * an unknown value or flag, invalid UTF-8, or a string that is too long.
 */
#define REC_ERR_INVALID_ARGUMENT -1

/** The id is not a GUID. HTTP: 400, reason 0. */
#define REC_ERR_INVALID_ID -2

/** Neither a device name nor a directory number was given. HTTP: 400, reason 0. */
#define REC_ERR_NO_TARGET -3

/** The format is unknown. HTTP: 400, reason 2. */
#define REC_ERR_INVALID_MODE -4

/** The line's policy is `REC_LINE_NOT_MONITORABLE`. HTTP: 400, reason 1. */
#define REC_ERR_NOT_MONITORABLE -5

/** The line's policy is `REC_LINE_AUTOMATIC`. HTTP: 400, reason 4 (start) or 2 (stop). */
#define REC_ERR_AUTOMATIC -6

/** The caller's level is 0. HTTP: 401. */
#define REC_ERR_UNAUTHENTICATED -7

/**
 * A caller below level 10 owns no live call that matches the target, or lists another user's
 * recordings. HTTP: 403.
 */
#define REC_ERR_FORBIDDEN -8

/** The target has no live recording. HTTP: 409. */
#define REC_ERR_NOT_LIVE -9

/** No call matches the target, or none that does is connected. HTTP: 409. */
#define REC_ERR_NO_CALL -10

/**
 * A stop or a discard by device names the device of a recording with
 * `REC_START_MANUAL_DIAL_IN`. HTTP: 409.
 */
#define REC_ERR_DIAL_IN -11

/** The call is already being recorded. HTTP: 429. */
#define REC_ERR_ALREADY_RECORDING -12

/** Every recording of the target is already paused. HTTP: 429. */
#define REC_ERR_ALREADY_PAUSED -13

/** No recording of the target is paused. HTTP: 429. */
#define REC_ERR_NOT_PAUSED -14

/** The handle is zero, stale, invented, or of another kind. */
#define REC_ERR_BAD_HANDLE -15

/**
 * There are too many calls, recordings, feeds, engines, subscriptions or gateways, or too
 * little of `media.ahead_bytes` is left, or the system refuses memory. HTTP: 503.
 */
#define REC_ERR_LIMIT -16

/**
 * The disk has less free space than `storage.min_free_bytes`, or the disk or a quota is full.
 * HTTP: 503.
 */
#define REC_ERR_NO_SPACE -17

/**
 * The operating system returned an error, which the message gives. From `rec_verify`: the file
 * differs from its manifest.
 */
#define REC_ERR_IO -18

/**
 * The feed's memory is full, or the write is too far ahead of the clock. In real time with
 * `rec_feed_format.ahead_ms` 0, the audio is lost and counted: do not retry. Otherwise the
 * audio was not accepted: wait with `rec_feed_wait`, then pass it in again.
 */
#define REC_ERR_OVERRUN -19

/** The engine or the gateway is closing, or another engine holds the directory. HTTP: 504. */
#define REC_ERR_UNAVAILABLE -20

/** The feature is defined, but not in this build. HTTP: 501. */
#define REC_ERR_UNSUPPORTED -21

/** The function would wait for the callback that called it. */
#define REC_ERR_IN_CALLBACK -22

/** The object belongs to the parent process, from which this process was forked. */
#define REC_ERR_FORKED -23

/** The configuration key is unknown, or its value is out of range. */
#define REC_ERR_CONFIG -24

/** The time limit passed. */
#define REC_ERR_TIMEOUT -25

/** A fault inside callrec. HTTP: 500. */
#define REC_ERR_INTERNAL -26

/** The line already has a call with this id, or the engine already has a codec with this name. */
#define REC_ERR_EXISTS -27

/**
 * Another thread is using this feed. The audio was neither accepted nor counted: pass it in
 * again, or the recording lacks it.
 */
#define REC_ERR_BUSY -28

/**
 * The line's recordings are mandatory: only the host may stop or discard them. HTTP: 403.
 *
 * Since: 0.2.0
 */
#define REC_ERR_MANDATORY -29

/**
 * The audit log was changed after it was written, or its end is missing. The message gives the
 * line.
 *
 * Since: 0.2.0
 */
#define REC_ERR_AUDIT -30

/**
 * Consent to the recording of this call was refused: see `REC_CONSENT_REFUSED`. HTTP: 403.
 *
 * Since: 0.2.0
 */
#define REC_ERR_CONSENT -31

/**
 * There is no recording with this id, live or finished. HTTP: 404.
 *
 * Since: 0.2.0
 */
#define REC_ERR_NOT_FOUND -32

/**
 * A recording that has not ended, or whose file is not published yet, cannot be deleted: stop it
 * first. HTTP: 409.
 *
 * Since: 0.2.0
 */
#define REC_ERR_LIVE -33

/**
 * The recording is under a legal hold (`rec_hold`). HTTP: 403.
 *
 * Since: 0.2.0
 */
#define REC_ERR_HELD -34

/** @} */
/** @} */

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/** @addtogroup audit
 *  @{ */

/**
 * Returns the position of the engine's audit log on the disk: the number and the hash of its
 * last line.
 *
 * A person who can write the log can also cut off its end, or replace the whole log.
 * `rec_verify_audit` detects this only if it is given a position that the host has stored
 * elsewhere.
 *
 * @param engine The engine.
 * @param[out] head The position. Must not be NULL. If the log has no line yet, `sequence` is 0
 *   and `hash` is all zeros.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`, `REC_ERR_IO` (the engine could not read the log yet).
 * Since: 0.2.0
 */
rec_status rec_audit_head(rec_engine engine, rec_chain_head *head, rec_error *error);

/**
 * Reads the whole audit log of a storage directory and checks that it is unchanged.
 *
 * The check finds every line that was edited, moved, removed or inserted. With `known_head`,
 * it also detects that the log was cut off before that position, or replaced. Without it, a
 * log that was replaced, or cut off at the end of a line, looks intact. An incomplete last
 * line is not an error: a process is writing it, or died while it wrote it. The function needs
 * no engine, and an engine may write the log at the same time.
 *
 * @param directory The value of `storage.directory`. Must not be NULL.
 * @param known_head A position that `rec_audit_head` returned earlier, or NULL. One whose
 *   `sequence` is 0 has the same effect as NULL.
 * @param[out] report What was found. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: reads the whole log.
 * In callbacks: yes, but later events wait until the function returns.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_AUDIT` (the log was changed: the message gives the line and the fault),
 * `REC_ERR_IO` (the log cannot be read), `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.2.0
 */
rec_status rec_verify_audit(const char *directory,
                            const rec_chain_head *known_head,
                            rec_audit_report *report,
                            rec_error *error);

/** @} */
/** @addtogroup calls
 *  @{ */

/**
 * Begins a call on a line.
 *
 * If the line's policy is `REC_LINE_AUTOMATIC` and the call is connected, its recording
 * starts. If this start fails, the call begins nevertheless: an event reports the failure, and
 * the engine retries the start. If the recording fails later, the engine starts another one:
 * see `rec_line_set`.
 *
 * @param engine The engine.
 * @param info The properties of the call. Must not be NULL. All members but `struct_size` may
 *   be zero.
 * @param[out] call The new call. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the caller owns the call until `rec_call_end`. `info` and its strings remain the
 * caller's.
 * Errors: `REC_ERR_EXISTS` (the line already has a call with this `call_id`), `REC_ERR_LIMIT`,
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_call_begin(rec_engine engine,
                          const rec_call_info *info,
                          rec_call *call,
                          rec_error *error);

/**
 * Changes the properties of a call: its state, parties, line, owner or consent.
 *
 * Recordings of the call continue, unless the call moves to another line and
 * `recording.on_transfer` says otherwise. From now on, access rights, look-ups and line
 * policies use the new properties. The manifest lists every line that the call was on. If a
 * connected call moves to a line with `REC_LINE_AUTOMATIC`, or a call on such a line becomes
 * connected, the engine starts a recording.
 *
 * If the consent is given, recordings that wait for it begin. If it is refused, the call's
 * recordings end or are discarded (`consent.on_refusal`).
 *
 * @param call The call.
 * @param info The new properties. Must not be NULL. NULL and 0 leave a property unchanged, and
 *   "" clears it. `call_id` cannot change; `related_call_id` adds an id.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_EXISTS` (the line already has a call with one of the call's ids),
 * `REC_ERR_LIMIT` (the call has 16 related ids), `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_BAD_HANDLE` (the call has ended), `REC_ERR_UNAVAILABLE`
 * (unless the update refuses consent), `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_call_update(rec_call call, const rec_call_info *info, rec_error *error);

/**
 * Makes a call private, or ends its privacy. Audio that is passed in while a call is private
 * is never written to a file.
 *
 * The call need not be recorded. A recording that begins while the call is private begins
 * paused. A recording writes audio only while it is not paused and its call is not private. So
 * a resume does not end the privacy, and the end of the privacy does not resume a recording
 * that was paused. Privacy does not change what `rec_pause_…` and `rec_resume_…` return.
 *
 * In the file, the manifest and the events, privacy looks like a pause. `REC_EVENT_PAUSED` is
 * raised when a recording stops writing audio because of a pause or of privacy, and
 * `REC_EVENT_RESUMED` when neither lasts any longer. While its call is private, a recording's
 * `rec_recording.state` is `REC_STATE_PAUSED`, even if the recording itself has been resumed.
 * The manifest's `call` and the JSON of a list then contain `"private":true`.
 *
 * @param call The call.
 * @param on 1 makes the call private, and 0 ends its privacy. If the call is already in that
 *   state, the function returns `REC_OK`.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (`on` is neither 0 nor 1), `REC_ERR_BAD_HANDLE` (the call
 * has ended), `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_call_private(rec_call call, uint32_t on, rec_error *error);

/**
 * Ends a call. The handles of its feeds become stale, and its recordings end with
 * `REC_END_CALL_ENDED`.
 *
 * @param call The call.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any, even while another thread passes in audio.
 * Blocking: never, except while another thread passes in a packet to a feed of the call.
 * In callbacks: yes.
 * Ownership: the call and its feeds no longer exist.
 * Errors: `REC_ERR_BAD_HANDLE` (the call has ended), `REC_ERR_FORKED`,
 * `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_call_end(rec_call call, rec_error *error);

/**
 * Returns the id of a call, which the host gave or callrec generated.
 *
 * @param call The call.
 * @param[out] text A buffer for the id and its NUL. Must not be NULL.
 * @param size The size of the buffer in bytes. 1,024 bytes always suffice.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the buffer remains the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (the buffer is too small, and nothing is written),
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_call_id(rec_call call, char *text, size_t size, rec_error *error);

/**
 * Says which parties are heard on a leg of a call from now on.
 *
 * One leg may carry several parties, for example a conference that a switch mixes, or a call that
 * is forwarded. The manifest's `call` lists in `parties` who was heard on which leg, and from when
 * to when; so does the vCon (`storage.sidecar`). A recording that begins later has the earlier
 * parties of its call, too. `REC_EVENT_CALL_UPDATED` reports a change, and
 * `rec_call_view.parties_json` has them all. The audio is not affected.
 *
 * @param call The call.
 * @param leg `REC_LEG_…`. A feed of the leg need not be open.
 * @param parties_json All parties that are heard on the leg now: a JSON array of at most 256
 *   objects with at most 16 members, whose values are strings of at most 1,023 bytes; at most
 *   65,536 bytes in all. The members `name`, `number`, `uri` and `id` are recommended; others are
 *   kept as well. A party that is the same as before stays with the time at which it came. NULL,
 *   "" or "[]": nobody is.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (also for JSON of another form), `REC_ERR_BAD_HANDLE` (the
 * call has ended), `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_call_parties(rec_call call, int32_t leg, const char *parties_json, rec_error *error);

/** @} */
/** @addtogroup feeds
 *  @{ */

/**
 * Registers a codec that the host decodes, for RTP packets.
 *
 * The codec is used for the payload types that `rec_feed_sdp` finds with this encoding name,
 * and for those that `rec_feed_payload` sets to `codec`. A name that the library decodes
 * itself, such as "opus", may be registered too: from then on, `rec_feed_sdp` uses the host's
 * decoder for it.
 *
 * The static payload types of RFC 3551 that the library does not decode need no `rtpmap`, and
 * no declaration at all in feeds that are opened after the registration: 3 (GSM), 4 (G723), 5,
 * 6, 16 and 17 (DVI4), 7 (LPC), 12 (QCELP), 15 (G728) and 18 (G729). Without an `rtpmap`, 0, 8,
 * 9, 10 and 11 stay the library's.
 *
 * The codec stays registered until `rec_close`. It can be registered at any time, also during
 * calls, and applies to payload types that are set afterwards.
 *
 * The host's functions run on a thread of their own, one for each registered codec. Passing in
 * a packet never waits for them, and they do not delay recordings of other codecs. A packet that
 * is not decoded within 2 s is lost and counts as `decoder_timeout`. Until the decoder returns,
 * further packets of that stream are lost at once. If a function does not return within 1 s while
 * other streams of the codec wait, another thread continues with these: see `rec_codec_ops`. A
 * recording that is stopped ends up to 2 s later if packets are still being decoded.
 *
 * @param engine The engine.
 * @param encoding_name The encoding name as in `rtpmap`, for example "AMR". Upper and lower
 *   case are the same. Must not be NULL or "". Printable ASCII without "/", at most 127 bytes;
 *   not "telephone-event", "tone", "red" or "CN".
 * @param ops The host's functions. Must not be NULL. The library copies the struct.
 * @param[out] codec The value for `rec_feed_format.codec` in `rec_feed_payload`. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: until the codec's thread is started.
 * In callbacks: yes.
 * Ownership: `encoding_name` and `ops` remain the caller's. callrec uses `ops->user_data` and
 * the functions until it calls `ops->user_data_free`, or, if that is NULL, until `rec_close`
 * has returned `REC_OK`. After an error, it uses none of them.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_EXISTS` (a codec with this name is registered
 * already), `REC_ERR_LIMIT` (the engine has 64 registered codecs), `REC_ERR_IO` (the thread
 * cannot be started), `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_codec_register(rec_engine engine,
                              const char *encoding_name,
                              const rec_codec_ops *ops,
                              int32_t *codec,
                              rec_error *error);

/** @} */
/** @addtogroup configuration
 *  @{ */

/**
 * Creates a configuration in which every key has its default value.
 *
 * @param[out] config The new configuration. Must not be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the caller owns the configuration until `rec_config_free`.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (`config` is NULL).
 * Since: 0.1.0
 */
rec_status rec_config_new(rec_config **config);

/**
 * Sets one key.
 *
 * The keys, with their defaults:
 *
 * - `storage.directory` (`recordings`): Directory of the recordings, 1 to 3000 bytes. It
 *   is created if it does not exist. Only one engine at a time can open it.
 * - `storage.name` (`{date}_{time}_{id}`): Template of a file's name without its
 *   extension, at most 500 bytes, with the placeholders {id} {call_id} {device} {number}
 *   {user} {remote} {ani} {dnis} {date} {time} {host} {contact_center} {layout} {attr:KEY}
 *   {gsip_rec_fn} {gsip_host}. "/" creates directories.
 * - `storage.host` (empty): Value of the placeholder {host}, at most 255 bytes.
 * - `storage.flush_ms` (`700`): How often a recording's audio is written to its file, 100
 *   to 10000 ms.
 * - `storage.durability` (`finish`): When data is synced to the disk. "process": never.
 *   "finish": before a recording's terminal event. "power": also before its
 *   REC_EVENT_STARTED and, while it is live, as storage.sync_interval_ms says.
 * - `storage.sync_interval_ms` (`1000`): With storage.durability "power", a power cut
 *   costs at most this much audio while the disk keeps up, 100 to 60000 ms. For less than
 *   storage.flush_ms + 180, shorten storage.flush_ms too.
 * - `storage.digest` (`sha256`): Digest of the finished file in its manifest: "sha256" or
 *   "none".
 * - `storage.sidecar` (empty): Files that callrec makes beside the finished audio: a
 *   comma-separated list of "json" (the manifest, which is always made) and "vcon" (a
 *   vCon, made after the terminal event). Empty: only the manifest.
 * - `storage.backlog_ms` (`15000`): Maximum audio of one recording that is queued for a
 *   slow disk, 1000 to 600000 ms. Further audio becomes silence and is counted as lost.
 *   Audio from before a start (media.lookback_ms) is not limited by this: it waits in the
 *   memory of its call.
 * - `storage.backlog_bytes` (`536870912`): Maximum audio of all recordings that is queued
 *   for the disk, at least 1048576 bytes. Further audio becomes silence and is counted as
 *   lost, except audio from before a start (media.lookback_ms), which waits in the memory
 *   of its call instead.
 * - `storage.max_open_files` (`0`): Maximum number of recordings that keep their file
 *   open, 0 to 1000000. Other files are opened and closed for each write. 0: half of the
 *   soft limit on open files of the process.
 * - `storage.min_free_bytes` (`104857600`): While the disk has less free space than this,
 *   in bytes, no recording is started (REC_ERR_NO_SPACE).
 * - `media.clock` (`real`): "real": the engine uses the system's clock. "stream": time
 *   advances with the audio that is passed in, so that replays and tests can run faster
 *   than real time.
 * - `media.reorder_ms` (`60`): How long the engine waits for a late packet before it
 *   writes silence in its place, 0 to 1000 ms.
 * - `media.leg_wait_ms` (`2000`): With media.clock "stream": how far the audio of one leg
 *   may be ahead of the other, 100 to 60000 ms.
 * - `media.workers` (`0`): Number of media threads, 0 to 64. 0: half the number of cores,
 *   at least one.
 * - `media.encoders` (`0`): Number of threads that encode recordings of compressed
 *   formats, 0 to 64. 0: half the number of cores, at least one. Threads that are too slow
 *   for their recordings lose nothing, but these recordings end later.
 * - `media.overflow_bytes` (`268435456`): Maximum memory for bursts of audio that exceed a
 *   feed's own memory (at least 400 ms), in all feeds together, 0 to 68719476736 bytes. In
 *   real time, enough for a burst of 5 s on every open feed is allocated in advance, up to
 *   this limit.
 * - `media.ahead_bytes` (`268435456`): Maximum audio that feeds with an ahead_ms above
 *   2000 may have ahead of the clock, all together, 0 to 68719476736 bytes. A feed that
 *   needs more is refused with REC_ERR_LIMIT.
 * - `media.lookback_ms` (`0`): How much of the latest audio of each call is kept in
 *   memory, for recordings that begin earlier than they are started
 *   (rec_start_options.lookback_ms, rec_call_keep), 0 to 600000 ms. 0: nothing. Only with
 *   media.clock "real".
 * - `media.lookback_bytes` (`1073741824`): Maximum memory for the audio that
 *   media.lookback_ms keeps, of all calls together, 1048576 to 68719476736 bytes. If they
 *   need more, each call keeps less.
 * - `media.silent_ms` (`10000`): In real time, when a leg of a connected call has had no
 *   decoded audio for this long, REC_EVENT_LEG_SILENT is raised, 0 to 86400000 ms. 0:
 *   never.
 * - `media.concealment` (`off`): "on": at most 60 ms of each gap that missing packets
 *   leave are filled with audio like that before it, and silences that their sender
 *   describes (RFC 3389) with noise. "off": both are silent.
 * - `media.dtmf` (`keep`): What is recorded while a DTMF digit is keyed in: "keep" records
 *   the audio as it is, "mask" records silence on all legs, from 100 ms before to 100 ms
 *   after each tone. docs/timeline.md says how tones are found.
 * - `calls.hold_audio` (`keep`): What is recorded while a call is held: "keep" records the
 *   audio that is passed in, "silence" records silence.
 * - `calls.max` (`0`): Maximum number of live calls. 0: no limit.
 * - `calls.idle_ms` (`14400000`): A call that has had no media for this many milliseconds
 *   is ended, because the host may have forgotten it. 0: never.
 * - `consent.required` (`false`): "true": no audio of a call is recorded before
 *   rec_call_info.consent is REC_CONSENT_GIVEN. A recording that starts before waits for
 *   it.
 * - `consent.on_refusal` (`stop`): What happens to the live recordings of a call when its
 *   consent becomes REC_CONSENT_REFUSED: "stop" ends them and keeps what they have,
 *   "discard" deletes it.
 * - `recordings.max` (`0`): Maximum number of live recordings. 0: no limit.
 * - `recordings.max_per_call` (`16`): When a call has this many live recordings, callers
 *   below level 10 cannot start another one. 0: no limit.
 * - `lines.strict` (`false`): "true": a line without a policy is not monitorable.
 * - `audit.enabled` (`true`): "true": every start, pause, resume, stop, discard, download,
 *   deletion and refusal is written to the audit log in the storage directory.
 * - `recording.format` (`wav`): Default format of automatic recordings and of HTTP starts
 *   that do not specify one: "wav", "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw",
 *   "flac", "opus", "mp3".
 * - `recording.layout` (`stereo`): Default layout of automatic recordings and of HTTP
 *   starts that do not specify one: "stereo", "mono", "local", "remote".
 * - `recording.pause_mode` (`silence`): Default pause mode of automatic recordings and of
 *   HTTP starts that do not specify one: "silence" or "skip".
 * - `recording.pause_max_ms` (`0`): When a recording has been paused for this many
 *   milliseconds, REC_EVENT_PAUSE_OVERDUE is raised. The pause does not end. 0: never.
 * - `recording.max_duration_ms` (`0`): Default maximum duration of automatic recordings
 *   and of HTTP starts that do not specify one, 0 to 4294967295 ms. 0: no limit.
 * - `recording.sample_rate` (`0`): Sample rate of files, 8000 to 48000 Hz; G.711 files
 *   always have 8000 Hz. 0: the rate of the first audio. "opus" and "mp3" files have the
 *   next higher rate that their format has.
 * - `recording.tags` (`0`): 1: WAV and AU files name the call, its parties and its start
 *   before the audio, in a header of 1024 bytes. FLAC, Opus and MP3 files always do.
 *   Default of starts without the parameter "tags".
 * - `recording.flac_level` (`5`): Compression of "flac" files of starts that do not
 *   specify it, 0 to 8. A higher level makes smaller files and needs more CPU time.
 * - `recording.mp3_bitrate` (`0`): Default bit rate of "mp3" files, 8000 to 320000 bit/s;
 *   the next higher one that exists at the file's sample rate is used. 0: for each
 *   channel, 16000 at 8000 Hz, 32000 at 16000 Hz, 64000 from 32000 Hz on.
 * - `recording.keep_raw` (`never`): Which RTP packets are kept as they arrived, in a
 *   pcapng file beside the recording: "never", "undecodable", "always". "undecodable":
 *   those that neither this build nor a registered codec decodes. Telephone events are
 *   never kept. Default of all starts that do not specify it.
 * - `recording.opus_bitrate` (`0`): Bits per second of "opus" files, 6000 to 256000. 0:
 *   chosen by sample rate and channels. Default of starts without the parameter "bitrate".
 * - `recording.opus_complexity` (`5`): Effort of the encoder for "opus" files, 0 to 10.
 *   More takes more CPU time and sounds better. Default of starts without the parameter
 *   "complexity".
 * - `recording.opus_dtx` (`0`): 1: silence takes almost no space in "opus" files. Default
 *   of starts without the parameter "dtx".
 * - `recording.on_transfer` (`continue`): What happens to the live recordings of a call
 *   that rec_call_update moves to another line: "continue": they record the call on its
 *   new line. "stop": they end. "new": they end, and each is followed by a new one with
 *   the same options.
 * - `recording.url_base` (empty): A recording's url is this text followed by
 *   "ID.EXTENSION", at most 1000 bytes.
 * - `upload.url` (empty): Where finished recordings are uploaded to: s3://bucket/prefix,
 *   gs://bucket/prefix, az://container/prefix, or file:///directory. Empty: nowhere. Needs
 *   a build with the feature "upload".
 * - `upload.key` (empty): Template of an object's key without its extension, at most 500
 *   bytes, with the placeholders of storage.name. Empty: the path of the file below
 *   storage.directory.
 * - `upload.endpoint` (empty): URL of a compatible store, http:// or https://. Empty: that
 *   of Amazon, Google or Azure.
 * - `upload.region` (empty): Region of an S3 bucket. Empty: the environment's AWS_REGION,
 *   or us-east-1.
 * - `upload.access_key_id` (empty): Access key ID for S3. Empty: that of the environment
 *   (AWS_ACCESS_KEY_ID) or of the machine.
 * - `upload.secret_access_key` (empty): Secret access key for S3, at most 8192 bytes. It
 *   is never logged.
 * - `upload.session_token` (empty): Session token for S3, at most 8192 bytes. It is never
 *   logged.
 * - `upload.google_credentials` (empty): Path of the JSON file with the key of a Google
 *   service account. Empty: that of the environment (GOOGLE_SERVICE_ACCOUNT) or of the
 *   machine.
 * - `upload.azure_account` (empty): Name of the Azure storage account. Empty: that of the
 *   environment (AZURE_STORAGE_ACCOUNT_NAME).
 * - `upload.azure_access_key` (empty): Access key of the Azure storage account, at most
 *   8192 bytes. It is never logged. Empty: that of the environment
 *   (AZURE_STORAGE_ACCOUNT_KEY) or of the machine.
 * - `upload.verify` (`metadata`): How an uploaded object is compared with the local file.
 *   "metadata": by its size and the digest in its metadata. "content": by reading it back.
 * - `upload.delete_local` (`false`): "true": the local copy of a recording that is not
 *   held is removed once its uploaded copy is complete and verified. Its manifest stays.
 * - `upload.parallel` (`4`): Maximum number of recordings that are uploaded concurrently,
 *   1 to 64.
 * - `upload.bytes_per_second` (`0`): Maximum rate of all uploads together, in bytes per
 *   second. 0: no limit.
 * - `upload.timeout_ms` (`30000`): Longest time without progress of a request to the
 *   store, 100 to 600000 ms.
 * - `upload.retry_ms` (`1000`): Delay before the second attempt to upload a recording, 10
 *   to 3600000 ms. Each further attempt doubles it. Up to a half of each delay is left out
 *   at random.
 * - `upload.retry_max_ms` (`300000`): The longest delay between two attempts, 10 to
 *   86400000 ms.
 * - `upload.give_up_ms` (`0`): A recording that cannot be uploaded for this long stays
 *   local, and REC_EVENT_UPLOAD_FAILED is raised, 0 to 9223372036854 ms. 0: never.
 * - `upload.encryption` (empty): Server-side encryption that is requested from S3:
 *   "AES256" or "aws:kms". Empty: as the bucket is configured.
 * - `upload.kms_key` (empty): ID of the KMS key for upload.encryption "aws:kms".
 * - `upload.lock_mode` (empty): Object lock of each object in S3: "GOVERNANCE" or
 *   "COMPLIANCE". The bucket must have object lock enabled. Empty: as the bucket is
 *   configured.
 * - `upload.lock_days` (`0`): Days for which upload.lock_mode retains an object, 0 to
 *   36500.
 * - `upload.hold_objects` (`false`): "true": while a recording is under a legal hold
 *   (rec_hold), its objects in S3 are as well. The bucket must have object lock enabled.
 * - `gateway.apis` (`imagicle,genesys,vobiz`): The published HTTP APIs that are offered,
 *   separated by commas: imagicle, genesys, vobiz, plivo.
 * - `gateway.public_url` (empty): Scheme, host and path prefix of the URLs in responses,
 *   as clients see them. Empty: http:// and the address that the gateway listens on.
 * - `gateway.url_lifetime_ms` (`0`): How long the recording URLs in responses and
 *   callbacks give access to the audio without a login, 0 to 31622400000 ms. Each URL
 *   contains its expiry time and a signature. 0: the URLs always need a login.
 * - `gateway.threads` (`2`): Number of threads that handle requests, 1 to 64.
 * - `gateway.max_connections` (`4096`): Maximum number of open connections, 1 to 1000000,
 *   but at most a quarter of the files that the process may have open. A further
 *   connection is answered with 503 and closed.
 * - `gateway.max_connections_per_source` (`1024`): Maximum number of open connections from
 *   one client address (IPv6: from one /64 network), 1 to 1000000. The last eighth of
 *   gateway.max_connections is never given to one address. The limit does not apply to
 *   gateway.trusted_proxies.
 * - `gateway.max_header_bytes` (`16384`): Maximum size of a request's first line and
 *   headers, 8192 to 1048576 bytes.
 * - `gateway.max_body_bytes` (`65536`): Maximum size of a request's body, 1024 to 16777216
 *   bytes.
 * - `gateway.request_ms` (`10000`): Time limit for receiving the headers of a request, for
 *   receiving its body, and for each write of a response, 100 to 600000 ms.
 * - `gateway.json_depth` (`32`): Maximum nesting depth of a request's JSON, 4 to 100.
 * - `gateway.auth_delay_ms` (`100`): Delay after a failed login before the next attempt
 *   with the same name from the same client address, 0 to 60000 ms. Each further failure
 *   doubles it. 0: logins are never delayed.
 * - `gateway.auth_delay_max_ms` (`5000`): The longest delay of a login, 0 to 600000 ms. An
 *   attempt that would have to wait longer is refused with 503.
 * - `gateway.auth_parallel` (`64`): Maximum number of concurrent logins (calls of
 *   rec_authenticate_fn), 2 to 1000. One client address gets at most half of them. Further
 *   logins are queued.
 * - `gateway.archive_parallel` (`16`): Maximum number of requests that search for finished
 *   recordings concurrently, 1 to 256. Further requests are queued.
 * - `gateway.trusted_proxies` (empty): IP addresses of reverse proxies, separated by
 *   commas. For requests from these, X-Forwarded-For gives the client's address.
 * - `callbacks.allow` (empty): Receivers that callbacks may be sent to, separated by
 *   commas: scheme://host or scheme://host:port. A "*." before a domain allows its
 *   subdomains, ":*" allows any port. Empty: no callbacks.
 * - `callbacks.timeout_ms` (`3000`): Time limit for a receiver to respond, 100 to 600000
 *   ms.
 * - `callbacks.retry_ms` (`1000`): Delay before the second attempt of a callback, 10 to
 *   3600000 ms. Each further attempt doubles it.
 * - `callbacks.retry_max_ms` (`300000`): The longest delay between two attempts of a
 *   callback, 10 to 86400000 ms.
 * - `callbacks.give_up_ms` (`86400000`): A callback that has not been answered for this
 *   long is dropped and logged, 0 to 9223372036854 ms. 0: never.
 * - `callbacks.parallel` (`16`): Maximum number of concurrent callbacks, 1 to 1000.
 * - `vobiz.signature_v3` (`page`): What X-Vobiz-Signature-V3 of a callback covers, in
 *   addition to the nonce. "page": the URL without its query, as Vobiz documents it.
 *   "sdk": the URL, its query and all fields, as the SDKs of Vobiz and Plivo compute it.
 * - `plivo.signature_v3` (`sdk`): What X-Plivo-Signature-V3 of a callback covers: "page"
 *   or "sdk", as for vobiz.signature_v3.
 * - `gateway.imagicle_path` (`/fw/Apps/Recorder/WebAPI`): Base path of the Imagicle API, 1
 *   to 200 bytes that begin with "/".
 * - `imagicle.cors_origins` (empty): Sites whose pages may use the Imagicle API in a
 *   browser, separated by commas: scheme://host or scheme://host:port. Empty: none.
 * - `gateway.genesys_path` (`/api/v2`): Base path of the Genesys API, 1 to 200 bytes that
 *   begin with "/".
 * - `gateway.cometd_path` (`/genesys/cometd`): Path of CometD for Genesys clients, 1 to
 *   200 bytes that begin with "/".
 * - `genesys.csrf` (`false`): "true": POST, PUT and DELETE require the token and the
 *   cookie that GET /me returns.
 * - `genesys.capabilities`
 *   (`UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup`):
 *   The capabilities of a call besides those of recording, separated by commas.
 * - `genesys.contact_center_id` (`<cont_center_id>`): The contact center id: the last
 *   field of GSIP_REC_FN, which has it percent-encoded, at most 255 bytes.
 * - `genesys.cors_origins` (empty): Sites whose pages may use the Genesys API and CometD
 *   in a browser, separated by commas: scheme://host or scheme://host:port. Empty: none.
 * - `cometd.timeout_ms` (`30000`): How long a /meta/connect waits for a message before it
 *   is answered, 100 to 600000 ms.
 * - `cometd.session_ms` (`10000`): A session without a /meta/connect for this long is
 *   closed, 100 to 600000 ms.
 * - `cometd.max_sessions` (`10000`): Maximum number of sessions, 1 to 1000000.
 * - `cometd.max_sessions_per_user` (`100`): Maximum number of sessions of one user, 1 to
 *   1000000. A further session closes the one that has gone longest without a poll. If all
 *   sessions are being polled, the further session is refused.
 * - `cometd.max_sessions_per_browser` (`1`): Maximum number of sessions of one browser
 *   (identified by its cookie) whose /meta/connect waits for a message, 1 to 1000000. Its
 *   other sessions poll.
 * - `cometd.multi_session_interval_ms` (`2000`): Interval at which the other sessions of a
 *   browser poll (cometd.max_sessions_per_browser), 50 to 60000 ms, but at most half of
 *   cometd.session_ms.
 * - `cometd.max_queue` (`1000`): Maximum number of messages queued for one session, 10 to
 *   1000000. If there are more, the session is closed and its client must repeat the
 *   handshake.
 * - `cometd.max_queue_bytes` (`4194304`): Maximum size of the messages queued for one
 *   session, 65536 to 1073741824 bytes. A single message may be longer.
 * - `gateway.vobiz_path` (`/api/v1`): Base path of the Vobiz API, 1 to 200 bytes that
 *   begin with "/".
 * - `vobiz.cors_origins` (empty): Sites whose pages may use the Vobiz API and the audio of
 *   recordings in a browser, separated by commas: scheme://host or scheme://host:port.
 *   Empty: none.
 * - `gateway.plivo_path` (`/v1`): Base path of the Plivo look-alike, 1 to 200 bytes that
 *   begin with "/".
 * - `plivo.cors_origins` (empty): Sites whose pages may use the Plivo look-alike and the
 *   audio of recordings in a browser, separated by commas: scheme://host or
 *   scheme://host:port. Empty: none.
 * - `cluster.url` (empty): The Redis or Valkey server (7.0 or newer) that holds the list
 *   of live recordings of all nodes: redis://host:port/db, rediss://host:port/db for TLS,
 *   or redis+sentinel://host:port,host:port/service/db (rediss+sentinel:// for TLS) with
 *   the addresses of the Sentinels. user:password@ may stand before the host. Empty: no
 *   cluster. Needs a build with the feature `cluster`.
 * - `cluster.node` (empty): The name of this node: at most 64 letters, digits, `-`, `_`
 *   and `.`, and different on each node. Needed with cluster.url.
 * - `cluster.namespace` (`callrec`): The nodes with the same namespace form a cluster. All
 *   keys in Redis begin with it, in braces: 1 to 64 letters, digits, `-`, `_` and `.`.
 * - `cluster.lease_ms` (`5000`): A node that Redis has not heard from for this long counts
 *   as dead, 200 to 600000 ms. Each node reports three times in this time.
 * - `cluster.grace_ms` (`30000`): How long lists still show the recordings of a dead node,
 *   flagged as unreachable, 0 to 86400000 ms.
 * - `cluster.timeout_ms` (`2000`): How long a request of an HTTP API waits for Redis and
 *   for the node that has the recording, 10 to 60000 ms.
 * - `cluster.stream_length` (`100000`): About how many entries the stream of ended
 *   recordings keeps, 100 to 100000000. Entries that a consumer group has not acknowledged
 *   are kept beyond that, for seven days at most.
 * - `cluster.username` (empty): The user at Redis, instead of one in cluster.url. At most
 *   255 bytes.
 * - `cluster.password` (empty): The password at Redis, instead of one in cluster.url. At
 *   most 1023 bytes.
 * - `cluster.sentinel_username` (empty): The user at the Sentinels. At most 255 bytes.
 * - `cluster.sentinel_password` (empty): The password at the Sentinels. At most 1023
 *   bytes.
 * - `cluster.ca_file` (empty): With TLS: a PEM file with the certificates that sign the
 *   server's. Empty: those of the system. At most 4095 bytes.
 * - `cluster.cert_file` (empty): With TLS: a PEM file with this node's own certificate,
 *   together with cluster.key_file. At most 4095 bytes.
 * - `cluster.key_file` (empty): With TLS: a PEM file with the key of cluster.cert_file. At
 *   most 4095 bytes.
 *
 * @param config The configuration. Must not be NULL.
 * @param key The name of the key. Must not be NULL.
 * @param value The new value. Must not be NULL; "" is a value.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any, but only one at a time for the same configuration.
 * Blocking: never, except that the first `recording.format` "mp3" of a process loads a
 * library, as `rec_start`.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_CONFIG` (the key is unknown, or the value is not allowed: the message names
 * both, and nothing changes), `REC_ERR_UNSUPPORTED` (the key belongs to a cargo feature that this
 * build lacks: `upload.*`, `cluster.*`), `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_config_set(rec_config *config,
                          const char *key,
                          const char *value,
                          rec_error *error);

/**
 * Sets keys from a JSON file.
 *
 * The file contains one object, either flat (`"media.clock": "stream"`) or nested (`"media":
 * {"clock": "stream"}`). If a key or a value is wrong, no key of the file is set.
 *
 * @param config The configuration. Must not be NULL.
 * @param path The path of a regular file of at most 1 MiB. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any, but only one at a time for the same configuration.
 * Blocking: reads the file.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_IO` (the file cannot be read), `REC_ERR_CONFIG` (the file does not contain
 * such an object, or a key or a value is wrong), `REC_ERR_UNSUPPORTED` (as `rec_config_set`),
 * `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_config_load(rec_config *config, const char *path, rec_error *error);

/**
 * Frees a configuration. An engine that was opened with it has a copy.
 *
 * @param config The configuration. NULL is allowed.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the configuration no longer exists.
 * Errors: none.
 * Since: 0.1.0
 */
void rec_config_free(rec_config *config);

/** @} */
/** @addtogroup recordings
 *  @{ */

/**
 * Stops a recording. `REC_EVENT_FINISHED` is delivered once its file is published.
 *
 * If several threads stop the same recording, exactly one of them gets `REC_OK`. The others
 * get `REC_ERR_NOT_LIVE`.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
 * also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host),
 * `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2).
 * Since: 0.1.0
 * Source: Imagicle, Stop Recording by id.
 */
rec_status rec_stop_by_id(rec_engine engine,
                          const rec_caller *caller,
                          const char *id,
                          rec_error *error);

/**
 * Stops a recording and deletes its audio. No file remains. `REC_EVENT_FINISHED` with
 * `REC_END_DISCARDED` is delivered once the audio is deleted.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
 * also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host),
 * `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2).
 * Since: 0.1.0
 */
rec_status rec_discard_by_id(rec_engine engine,
                             const rec_caller *caller,
                             const char *id,
                             rec_error *error);

/**
 * Pauses a recording. `REC_EVENT_PAUSED` is delivered once the manifest on disk shows the
 * pause.
 *
 * Audio that is passed in from now on until a resume is never written. Neither is audio that
 * is passed in after the resume, but may have been spoken during the pause. No line policy
 * refuses a pause.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
 * also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED`.
 * Since: 0.1.0
 * Source: Imagicle, Pause by id; Genesys, PauseCallRecording.
 */
rec_status rec_pause_by_id(rec_engine engine,
                           const rec_caller *caller,
                           const char *id,
                           rec_error *error);

/**
 * Resumes a recording. `REC_EVENT_RESUMED` is delivered once the manifest on disk shows the
 * end of the pause. No line policy refuses a resume.
 *
 * If the timestamps of a sender stood still during the pause, the audio that arrives now may
 * have been spoken during the pause. Up to 5 s of that leg are then discarded, and the
 * manifest counts them as `pause_unclear`. Nothing is discarded for this reason if the
 * timestamps stood still for more than 5 s, or if one of these proves when the audio was
 * spoken: a new SSRC, a feed that was closed and opened again, an RTCP sender report, the age
 * given to `rec_feed_rtp_at`, or packets that arrived during the pause.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
 * also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED`.
 * Since: 0.1.0
 * Source: Imagicle, Resume by id; Genesys, ResumeCallRecording.
 */
rec_status rec_resume_by_id(rec_engine engine,
                            const rec_caller *caller,
                            const char *id,
                            rec_error *error);

/**
 * Stops every live recording on a line. `REC_EVENT_FINISHED` is delivered for each recording
 * once its file is published.
 *
 * If `device_name` is given, recordings with `REC_START_MANUAL_DIAL_IN` are refused, even if
 * `directory_number` is given too. If no recording is stopped, the status says why the newest
 * one was refused. If several threads stop the same recording, exactly one of them counts it
 * in `changed`. A thread that finds no live recording gets `REC_ERR_NOT_LIVE`.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param device_name The device name of the line, or NULL.
 * @param directory_number The directory number of the line, or NULL. At least one of the two
 *   is needed. If both are given, the line must have both.
 * @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
 *   May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
 * `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host), `REC_ERR_NOT_MONITORABLE`
 * (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2), `REC_ERR_DIAL_IN`.
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
 * Stops every live recording on a line and deletes its audio. No files remain.
 * `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered for each recording once its audio
 * is deleted.
 *
 * If `device_name` is given, recordings with `REC_START_MANUAL_DIAL_IN` are refused, even if
 * `directory_number` is given too. If no recording is discarded, the status says why the
 * newest one was refused.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param device_name The device name of the line, or NULL.
 * @param directory_number The directory number of the line, or NULL. At least one of the two
 *   is needed. If both are given, the line must have both.
 * @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
 *   May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
 * `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host), `REC_ERR_NOT_MONITORABLE`
 * (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2), `REC_ERR_DIAL_IN`.
 * Since: 0.1.0
 */
rec_status rec_discard_by_device(rec_engine engine,
                                 const rec_caller *caller,
                                 const char *device_name,
                                 const char *directory_number,
                                 rec_counts *counts,
                                 rec_error *error);

/**
 * Pauses every live recording on a line. `REC_EVENT_PAUSED` is delivered for each recording
 * once its manifest on disk shows the pause.
 *
 * Audio that is passed in from now on until a resume is never written. Neither is audio that
 * is passed in after the resume, but may have been spoken during the pause. `REC_OK` means
 * that all live recordings on the line are paused now. No line policy refuses a pause.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param device_name The device name of the line, or NULL.
 * @param directory_number The directory number of the line, or NULL. At least one of the two
 *   is needed. If both are given, the line must have both.
 * @param[out] counts How many recordings changed, and how many were already in the requested
 *   state; `refused` is 0. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
 * `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED` (all live recordings are paused).
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
 * Resumes every live recording on a line. `REC_EVENT_RESUMED` is delivered for each recording
 * once its manifest on disk shows the end of the pause. `rec_resume_by_id` says which audio
 * may still be discarded. No line policy refuses a resume.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param device_name The device name of the line, or NULL.
 * @param directory_number The directory number of the line, or NULL. At least one of the two
 *   is needed. If both are given, the line must have both.
 * @param[out] counts How many recordings changed, and how many were already in the requested
 *   state; `refused` is 0. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
 * `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED` (no live recording is paused).
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
 * Stops all live recordings of the calls with an id, or one of these recordings.
 * `REC_EVENT_FINISHED` is delivered for each recording once its file is published.
 *
 * If several threads stop the same recording, exactly one of them counts it in `changed`. The
 * only line policy that refuses the stop is `REC_LINE_MANDATORY`, and it never refuses the
 * host. If it refuses every recording, the status is `REC_ERR_MANDATORY`; otherwise `counts`
 * gives the number of refused recordings.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param call_id The id of the calls. Must not be absent.
 * @param url The URL of one recording (`rec_recording.url`), or NULL for all. If no live
 *   recording has this URL, or none is live, the function returns `REC_OK`.
 * @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
 *   May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, `REC_ERR_MANDATORY` (never
 * for the host).
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
 * Stops all live recordings of the calls with an id, or one of these recordings, and deletes
 * their audio. No files remain. `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered for
 * each recording once its audio is deleted.
 *
 * Line policies refuse the discard as they refuse a discard by id, but they never refuse the
 * host. If no recording is discarded, the status says why the newest one was refused;
 * otherwise `counts` gives the number of refused recordings. In 0.1.0, no line policy refused
 * the discard.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param call_id The id of the calls. Must not be absent.
 * @param url The URL of one recording (`rec_recording.url`), or NULL for all. If no live
 *   recording has this URL, or none is live, the function returns `REC_OK`.
 * @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
 *   May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, and unless the caller is
 * the host, `REC_ERR_MANDATORY`, `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name),
 * `REC_ERR_AUTOMATIC` (reason 2).
 * Since: 0.1.0
 */
rec_status rec_discard_by_call(rec_engine engine,
                               const rec_caller *caller,
                               const char *call_id,
                               const char *url,
                               rec_counts *counts,
                               rec_error *error);

/**
 * Pauses every live recording of the calls with an id. `REC_EVENT_PAUSED` is delivered for
 * each recording once its manifest on disk shows the pause.
 *
 * Audio that is passed in from now on until a resume is never written. Neither is audio that
 * is passed in after the resume, but may have been spoken during the pause. No line policy
 * refuses a pause.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param call_id The id of the calls. Must not be absent.
 * @param[out] counts How many recordings changed, and how many were already in the requested
 *   state; `refused` is 0. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, `REC_ERR_NOT_LIVE` (the
 * calls have no live recording), `REC_ERR_ALREADY_PAUSED` (all live recordings are paused).
 * Since: 0.1.0
 * Source: Genesys, PauseCallRecording.
 */
rec_status rec_pause_by_call(rec_engine engine,
                             const rec_caller *caller,
                             const char *call_id,
                             rec_counts *counts,
                             rec_error *error);

/**
 * Resumes every live recording of the calls with an id. `REC_EVENT_RESUMED` is delivered for
 * each recording once its manifest on disk shows the end of the pause. `rec_resume_by_id` says
 * which audio may still be discarded. No line policy refuses a resume.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param call_id The id of the calls. Must not be absent.
 * @param[out] counts How many recordings changed, and how many were already in the requested
 *   state; `refused` is 0. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, `REC_ERR_NOT_LIVE` (the
 * calls have no live recording), `REC_ERR_NOT_PAUSED` (no live recording is paused).
 * Since: 0.1.0
 * Source: Genesys, ResumeCallRecording.
 */
rec_status rec_resume_by_call(rec_engine engine,
                              const rec_caller *caller,
                              const char *call_id,
                              rec_counts *counts,
                              rec_error *error);

/**
 * Starts a recording of this call. The function is `rec_start` without a search for the call:
 * the rules, the rights and the events are the same.
 *
 * Members of `options` that name a target may be absent. If they are present, the call must match
 * all of them. With `REC_LOOKBACK_ALL` as `options->lookback_ms`, the whole call is kept, as with
 * `rec_call_keep`.
 *
 * @param call The call.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param options What to record, and how. Must not be NULL. All members but `struct_size` may be
 *   zero.
 * @param[out] id The new recording's id. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never, except that the first start in "mp3" of a process loads a library.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended) and
 * `REC_ERR_FORKED`; then those of `rec_start` in the same order, without `REC_ERR_NO_TARGET`.
 * `REC_ERR_FORBIDDEN`: a caller below level 10 does not own the call. `REC_ERR_NO_CALL`: the call
 * is not connected, or does not match `options`.
 * Since: 0.2.0
 * Source: Imagicle, Start Recording; Vobiz, Record a Call.
 */
rec_status rec_call_start(rec_call call,
                          const rec_caller *caller,
                          const rec_start_options *options,
                          rec_id *id,
                          rec_error *error);

/**
 * Stops all live recordings of this call. `REC_EVENT_FINISHED` is delivered for each recording
 * once its file is published.
 *
 * The function is `rec_stop_by_call` for this call alone: another call with the same id is not
 * affected. If no recording is live, it returns `REC_OK`, and all counts are 0. The only line
 * policy that refuses the stop is `REC_LINE_MANDATORY`. To stop one of several recordings, use
 * `rec_stop_by_id`.
 *
 * @param call The call.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
 *   May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
 * `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
 * `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), `REC_ERR_MANDATORY` (never
 * for the host).
 * Since: 0.2.0
 */
rec_status rec_call_stop(rec_call call,
                         const rec_caller *caller,
                         rec_counts *counts,
                         rec_error *error);

/**
 * Stops all live recordings of this call and deletes their audio. No files remain.
 * `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered for each recording once its audio is
 * deleted.
 *
 * The function is `rec_discard_by_call` for this call alone: another call with the same id is
 * not affected. If no recording is live, it returns `REC_OK`, and all counts are 0. If no recording
 * is discarded, the status says why the newest one was refused.
 *
 * @param call The call.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
 *   May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
 * `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
 * `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), and unless the caller
 * is the host, `REC_ERR_MANDATORY`, `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name),
 * `REC_ERR_AUTOMATIC` (reason 2).
 * Since: 0.2.0
 */
rec_status rec_call_discard(rec_call call,
                            const rec_caller *caller,
                            rec_counts *counts,
                            rec_error *error);

/**
 * Pauses every live recording of this call. `REC_EVENT_PAUSED` is delivered for each recording
 * once its manifest on disk shows the pause.
 *
 * The function is `rec_pause_by_call` for this call alone: another call with the same id is not
 * affected. `REC_OK` means that all live recordings of the call are paused now. No line policy
 * refuses a pause.
 *
 * @param call The call.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param[out] counts How many recordings changed, and how many were already in the requested
 *   state; `refused` is 0. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
 * `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
 * `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), `REC_ERR_NOT_LIVE` (the
 * call has no live recording), `REC_ERR_ALREADY_PAUSED` (all live recordings are paused).
 * Since: 0.2.0
 */
rec_status rec_call_pause(rec_call call,
                          const rec_caller *caller,
                          rec_counts *counts,
                          rec_error *error);

/**
 * Resumes every live recording of this call. `REC_EVENT_RESUMED` is delivered for each recording
 * once its manifest on disk shows the end of the pause.
 *
 * The function is `rec_resume_by_call` for this call alone: another call with the same id is not
 * affected. `rec_resume_by_id` says which audio may still be discarded. No line policy refuses a
 * resume.
 *
 * @param call The call.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param[out] counts How many recordings changed, and how many were already in the requested
 *   state; `refused` is 0. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
 * `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
 * `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), `REC_ERR_NOT_LIVE` (the
 * call has no live recording), `REC_ERR_NOT_PAUSED` (no live recording is paused).
 * Since: 0.2.0
 */
rec_status rec_call_resume(rec_call call,
                           const rec_caller *caller,
                           rec_counts *counts,
                           rec_error *error);

/**
 * Deletes a finished recording: its audio, its kept packets, its manifest, its sidecars and
 * its pending jobs, such as a callback. Directories of `storage.name` that are empty then go
 * too, because their names may say who called. The audit log gets a line with the caller, the
 * time and the recording's id, and with nothing of the call; lines that it has had before stay.
 * Backups and copies that others have made are not deleted. `REC_EVENT_DELETED` is delivered.
 *
 * With the key `upload.url`, a job removes the uploaded objects later: it is on the disk when the
 * function returns, and is repeated until the store has removed them. Until then, `REC_OK` does
 * not mean that they are gone; `rec_statistics.upload_removals_pending` counts these jobs.
 *
 * When the function returns `REC_OK`, the files are gone, also after a power cut, unless
 * `storage.durability` is "process". If the process dies before that, the next `rec_open`
 * completes the deletion. After `REC_ERR_IO` and `REC_ERR_NO_SPACE`, a part of the files may
 * be gone: another call, or the next `rec_open`, deletes the rest. If `REC_EVENT_FINISHED` or
 * `REC_EVENT_FAILED` of the recording is still owed, it is delivered, by a later process
 * without the call and the path.
 *
 * An attempt at a callback that has begun before is not withdrawn. Who has opened the audio
 * before can read it to its end. The recording is searched for below the storage directory,
 * wherever its files were moved: first among the names that contain its id, then in all
 * manifests. So a deletion takes long in a large directory if `storage.name` does not contain
 * `{id}`, or if there is no such recording.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. Of several threads that delete the same recording, exactly one gets `REC_OK`,
 * and the others `REC_ERR_NOT_FOUND`.
 * Blocking: waits for the disk: reads directories and manifests, removes files and syncs. On
 * Windows, waits up to 2 s for a file that another process holds open, such as a virus scanner,
 * then fails with `REC_ERR_IO`. Never call it on a thread that passes in audio. Other functions
 * do not wait for it, except that `rec_close` does.
 * In callbacks: yes, but later events wait until the function returns.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10), `REC_ERR_INVALID_ID` (reason 0; also for NULL), `REC_ERR_LIVE` (the
 * recording has not ended: stop it first; or its file is not published yet),
 * `REC_ERR_NOT_FOUND` (also for a recording that is deleted already), `REC_ERR_HELD`,
 * `REC_ERR_IO`, `REC_ERR_NO_SPACE`. Line policies do not matter: they concern live recordings.
 * Since: 0.2.0
 * Source: Vobiz, Delete a Recording.
 */
rec_status rec_delete(rec_engine engine,
                      const rec_caller *caller,
                      const char *id,
                      rec_error *error);

/**
 * Puts a recording under a legal hold, or releases it. While a recording is held, callrec
 * destroys nothing of it: `rec_delete` and the discards of all functions fail with
 * `REC_ERR_HELD`, deletions through an HTTP API are answered with 403, and a bulk deletion
 * leaves it out. If consent is refused with `consent.on_refusal` "discard", a held live
 * recording ends and is kept, as with "stop". A hold does not change what is recorded: pauses,
 * privacy and a stop are still possible.
 *
 * The recording may be live, finishing or finished, also of an earlier process. The hold is
 * part of the recording: it lasts until it is released, whatever happens to the process, and
 * moves with the recording's files. `rec_recording.held` and the member `held` of the manifest
 * show it. Nobody else's access to the files is restricted. With the key `upload.hold_objects`,
 * the uploaded objects in S3 get the hold as well, by a job that is on the disk when the function
 * returns and that is repeated until the store has accepted it.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param on 1 holds the recording, 0 releases it. Holding a held recording, and releasing one
 *   that is not held, succeed and change nothing.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: waits for the disk: when the function returns `REC_OK`, the hold or the release is
 * on the disk, as `storage.durability` says, and a power cut or a kill does not undo it. While
 * the recording is being published, also waits for that. Finds the recording as `rec_delete`
 * does, and waits like it for a manifest that another process holds open. Never call it on a
 * thread that passes in audio.
 * In callbacks: yes, but later events wait until the function returns.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
 * `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
 * caller below level 10), `REC_ERR_INVALID_ID` (reason 0; also for NULL), `REC_ERR_NOT_FOUND`
 * (also for a recording that is discarded), `REC_ERR_IO`, `REC_ERR_NO_SPACE`.
 * Since: 0.2.0
 */
rec_status rec_hold(rec_engine engine,
                    const rec_caller *caller,
                    const char *id,
                    uint32_t on,
                    rec_error *error);

/** @} */
/** @addtogroup engine
 *  @{ */

/**
 * Opens an engine on a storage directory.
 *
 * The function locks the directory, reads its contents, and starts the engine's threads. The
 * engine finishes recordings that an earlier process left unfinished in the background, and
 * reports them with events.
 *
 * @param config The configuration, or NULL for the defaults. The engine copies it.
 * @param[out] engine The new engine. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: creates and locks the directory, and waits for the disk.
 * In callbacks: yes.
 * Ownership: the caller owns the engine until `rec_close`. `config` remains the caller's.
 * Errors: `REC_ERR_UNAVAILABLE` (another engine, of this or another process, holds the
 * directory), `REC_ERR_IO`, `REC_ERR_NO_SPACE`, `REC_ERR_CONFIG`, `REC_ERR_LIMIT`,
 * `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_open(const rec_config *config, rec_engine *engine, rec_error *error);

/**
 * Closes an engine. It ends all calls, finishes and publishes their recordings, delivers all
 * events and releases the storage directory.
 *
 * When the function returns, the handles of all calls, feeds, subscriptions and gateways of
 * the engine are stale, even after a timeout. Gateways answer requests until all recordings
 * are published, and are then stopped. If the end of a recording cannot be written, the engine
 * retries until the timeout; after that, the next `rec_open` finishes and reports the
 * recording. The engine stays open only if the function returns `REC_ERR_IN_CALLBACK` or
 * `REC_ERR_INVALID_ARGUMENT`.
 *
 * After `REC_ERR_TIMEOUT`, no further callback begins. A callback that is still running may
 * use its `user_data`, which is released after the callback has returned. The remaining work
 * continues in the background and in the next `rec_open`. While a thread of the closed engine
 * is stuck in a write, `rec_open` returns `REC_ERR_UNAVAILABLE`. Because threads of callrec
 * may still run, the shared library stays loaded after dlclose or FreeLibrary, and a module that
 * links the static library must not be unloaded. On Windows, the first `rec_open` pins the module.
 *
 * @param engine The engine.
 * @param timeout_ms The maximum wait in milliseconds. With 0 the function does not wait.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: until everything is finished and all events are delivered, at most `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in a callback of the engine nor in any
 * `rec_authenticate_fn` or function of a `rec_codec_ops`.
 * Ownership: the engine and all its calls, feeds, subscriptions, gateways and registered codecs
 * no longer exist.
 * Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`,
 * `REC_ERR_INVALID_ARGUMENT` (`error` has a wrong `struct_size`).
 * Since: 0.1.0
 */
rec_status rec_close(rec_engine engine, uint32_t timeout_ms, rec_error *error);

/**
 * Adopts the storage directory of a process that has died: recovers its recordings there,
 * reports how they ended, and performs their jobs. The directory may be on storage that machines
 * share, or on a disk that was moved.
 *
 * The recordings are recovered as by `rec_open` on that directory, with the settings of this
 * engine, and stay there. The subscribers of this engine get their terminal events, in which
 * `path` names the files. Callbacks are sent if a gateway runs, and sidecars, uploads and the
 * entries in the stream of a cluster are made if this engine makes them for its own recordings.
 * A cluster does not list the recordings any more once their ends are in its stream.
 *
 * The function waits until all ends are delivered and all these jobs are done, and then releases
 * the directory. What is left after `timeout_ms` is done by the next `rec_adopt` or `rec_open`,
 * which reports ends again, with `REC_EVENT_FLAG_REPEATED`, that this one may not have
 * delivered. An engine without subscribers keeps the events for the first one; the next
 * `rec_adopt` or `rec_open` reports these again too. Calls and recordings of this engine do not
 * wait for an adoption.
 *
 * No two engines have a directory at the same time. A lock ensures that, on a shared file system
 * only if that file system has locks that reach over machines, as NFS 4 has. If it has none,
 * make sure that the other process has ended.
 *
 * @param engine The engine that reports the ends.
 * @param directory The storage directory of the dead process (its `storage.directory`). Must not
 *   be NULL.
 * @param timeout_ms How long the work may take, in milliseconds.
 * @param[out] recordings The number of recordings whose ends were reported. Written with
 *   `REC_OK`, `REC_ERR_TIMEOUT` and `REC_ERR_IO`. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. Several threads may adopt different directories at the same time.
 * Blocking: for the disk, the subscribers and the receivers of jobs, at most `timeout_ms` and
 * about five seconds to release the directory. `rec_close` ends it within the time that
 * `rec_close` has.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_TIMEOUT` (something is left), `REC_ERR_NOT_FOUND` (there is no such
 * directory, or no engine has ever used it), `REC_ERR_UNAVAILABLE` (an engine of this or another
 * process, perhaps this one, has the directory, or this engine is closing), `REC_ERR_IO` (the
 * directory cannot be used, or some recordings cannot be recovered now), `REC_ERR_IN_CALLBACK`,
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_adopt(rec_engine engine,
                     const char *directory,
                     uint32_t timeout_ms,
                     uint32_t *recordings,
                     rec_error *error);

/**
 * Returns what is live in an engine now, and counters since the engine was opened.
 *
 * @param engine The engine.
 * @param[out] statistics The statistics. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_stats(rec_engine engine, rec_statistics *statistics, rec_error *error);

/** @} */
/** @addtogroup errors
 *  @{ */

/**
 * Sets the callback that receives the engine's log lines, in place of the previous one. It
 * first receives the lines that no callback has received yet, at most the latest 1,024.
 *
 * @param engine The engine.
 * @param callback The callback, or NULL for none.
 * @param user_data Passed to `callback`.
 * @param user_data_free Called once with `user_data` after `callback` has run for the last
 *   time. May be NULL. Must be NULL if `callback` is NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never. The previous callback may still be running when the function returns.
 * In callbacks: yes.
 * Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error, it uses
 * neither.
 * Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`, `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_set_log(rec_engine engine,
                       rec_log_fn callback,
                       void *user_data,
                       rec_free_fn user_data_free,
                       rec_error *error);

/** @} */
/** @addtogroup events
 *  @{ */

/**
 * Subscribes to an engine's events.
 *
 * The subscription first receives the events that were raised while there was no subscription:
 * those of all recovered recordings, and the latest 4,096 of the others. Older events are
 * dropped and counted in `events_dropped`, terminal events last. To miss no event, subscribe
 * right after `rec_open`.
 *
 * At most 65,536 events are queued while the callback does not return. Beyond that, events are
 * dropped, which leaves a gap in `sequence`. `REC_EVENT_FINISHED`, `REC_EVENT_FAILED`, and
 * `REC_EVENT_START_FAILED` with a recording are never dropped.
 *
 * @param engine The engine.
 * @param callback Receives the events: see `rec_event_fn`. Must not be NULL.
 * @param user_data Passed to `callback`.
 * @param user_data_free Called once with `user_data` after `callback` has run for the last
 *   time. May be NULL.
 * @param[out] subscription The new subscription. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error, it uses
 * neither. The caller owns the subscription until `rec_unsubscribe` or `rec_close`.
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
 * Subscribes to an engine's events, as `rec_subscribe` does, with options.
 *
 * With `REC_SUBSCRIBE_CALLS`, the subscription also receives `REC_EVENT_CALL_BEGAN`,
 * `REC_EVENT_CALL_UPDATED` and `REC_EVENT_CALL_ENDED`. After the events that were raised while
 * there was no subscription, it receives one `REC_EVENT_CALL_BEGAN` with `REC_EVENT_FLAG_LIVE`
 * for each call that is live now, however many there are, and then the changes from now on. So
 * a subscriber can keep an exact list of calls: `REC_EVENT_CALL_BEGAN` adds a call under its
 * `call_number`, `REC_EVENT_CALL_UPDATED` replaces it, and `REC_EVENT_CALL_ENDED` removes it.
 * These three kinds of events are not stored while there is no subscription.
 *
 * While 65,536 events are queued, events about calls are dropped, which leaves a gap in
 * `sequence`. To get an exact list again, unsubscribe, clear the list, and subscribe again.
 *
 * @param engine The engine.
 * @param options The options, or NULL for those of `rec_subscribe`.
 * @param callback Receives the events: see `rec_event_fn`. Must not be NULL.
 * @param user_data Passed to `callback`.
 * @param user_data_free Called once with `user_data` after `callback` has run for the last
 *   time. May be NULL.
 * @param[out] subscription The new subscription. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error, it uses
 * neither. The caller owns the subscription until `rec_unsubscribe` or `rec_close`.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (also for an unknown flag), `REC_ERR_LIMIT`,
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
 * Ends a subscription. Its queued events are dropped.
 *
 * When the function returns, the callback is not running and will not run again, and
 * `user_data_free` has been called. If the callback itself calls the function, the function
 * returns immediately, and `user_data_free` is called after the callback has returned.
 *
 * @param subscription The subscription.
 *
 * Threads: any.
 * Blocking: until a running callback of this subscription has returned, unless that callback
 * calls the function.
 * In callbacks: yes.
 * Ownership: the subscription no longer exists.
 * Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_unsubscribe(rec_subscription subscription);

/** @} */
/** @addtogroup feeds
 *  @{ */

/**
 * Opens a feed: the source of one leg's audio.
 *
 * If the leg already has a feed, the new one replaces it, and the handle of the old one
 * becomes stale. A feed may be closed and opened again during a call: recordings continue, and
 * have silence for the time between.
 *
 * While `REC_LEG_MIXED` has a feed, the other two legs cannot have one. While one of these has
 * a feed, `REC_LEG_MIXED` cannot have one. With `format.channels` 2, a feed of `REC_LEG_LOCAL`
 * is the source of both legs: it replaces a feed of `REC_LEG_REMOTE`, and while it is open, no
 * feed of `REC_LEG_REMOTE` can be opened. A feed that these rules forbid is refused with
 * `REC_ERR_INVALID_ARGUMENT`.
 *
 * @param call The call.
 * @param leg `REC_LEG_…`
 * @param format The format of the audio. Must not be NULL.
 * @param[out] feed The new feed. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the caller owns the feed until `rec_feed_close`, until a newer feed replaces it,
 * or until the call ends. `format` remains the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_UNSUPPORTED` (the build lacks the codec),
 * `REC_ERR_LIMIT` (there are too many feeds, or `format.ahead_ms` needs more than is left of
 * `media.ahead_bytes`), `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_open(rec_call call,
                         int32_t leg,
                         const rec_feed_format *format,
                         rec_feed *feed,
                         rec_error *error);

/**
 * Changes the format of a feed, for example because the codec changes during the call. The new
 * format applies to audio that is passed in from now on.
 *
 * @param feed The feed.
 * @param format The new format. Must not be NULL. The number of channels must be that of the
 *   open feed.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
 * Blocking: never, except while another thread passes in a packet to the feed.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_UNSUPPORTED` (the build lacks the codec),
 * `REC_ERR_LIMIT` (`format.ahead_ms` needs more than is left of `media.ahead_bytes`),
 * `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`. After an error, the feed is unchanged.
 * Since: 0.1.0
 */
rec_status rec_feed_set_format(rec_feed feed, const rec_feed_format *format, rec_error *error);

/**
 * Sets the format of an RTP payload type for a feed, usually of a dynamic payload type (96 to
 * 127).
 *
 * These static payload types of RFC 3551 are set already: 0 is PCMU, 8 is PCMA, 9 is G.722, 10
 * is L16 with two channels at 44100 Hz, and 11 is L16 with one; so are those of the codecs that
 * `rec_codec_register` had registered when the feed was opened. They may be set to another
 * format. A feed that is opened again has lost its payload types: set them again.
 *
 * The feed's memory grows if this format needs more. If a feed of 8000 Hz may receive type 10
 * or 11, set it too, so that the memory for bursts is large enough.
 *
 * @param feed The feed.
 * @param payload_type The payload type, 0 to 127.
 * @param format The format. Must not be NULL. `channels` is the number of channels of the
 *   codec: 1 to 8 for PCM16 (L16) and registered codecs, 1 or 2 for Opus, 1 for the others; 0
 *   means 1. More than one channel is mixed down to the leg. `ahead_ms` is ignored. For a codec
 *   of `rec_codec_register`, `codec` is the value that it has returned, and `sample_rate` the
 *   clock rate of the RTP timestamps; 0 means 8000. Its decoder receives no `fmtp`.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
 * Blocking: never, except while another thread passes in a packet to the feed.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (also for a feed with two channels, which accepts no
 * packets), `REC_ERR_UNSUPPORTED` (the build lacks the codec), `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_LIMIT` (memory is exhausted), `REC_ERR_FORKED`. After an error, the feed is unchanged.
 * Since: 0.1.0
 */
rec_status rec_feed_payload(rec_feed feed,
                            uint32_t payload_type,
                            const rec_feed_format *format,
                            rec_error *error);

/**
 * Sets the payload types that a session description (SDP, RFC 8866) declares.
 *
 * Pass in what both sides have agreed on for the direction of this feed: usually the answer,
 * or only its audio section from the `m=` line on. The first audio section counts. Known
 * encodings are PCMU, PCMA, G722, opus and L16, and the registered codecs
 * (`rec_codec_register`), which take precedence and receive the `fmtp` line. Payload types that
 * are declared with another encoding are not decoded any more, whatever they were before: among
 * them telephone events. Payload types
 * that were set before and are not declared stay set. A recording that keeps packets
 * (`recording.keep_raw`) never keeps those that are declared as telephone events.
 *
 * @param feed The feed.
 * @param sdp The description, UTF-8. Must not be NULL. Lines end with LF or CRLF. At most
 *   65,536 bytes.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
 * Blocking: never, except while another thread passes in a packet to the feed.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (`sdp` is no description with an audio section; also for
 * a feed with two channels, which accepts no packets), `REC_ERR_UNSUPPORTED` (the section has
 * no encoding that this build or a registered codec decodes; its payload types count as
 * declared), `REC_ERR_BAD_HANDLE`, `REC_ERR_LIMIT` (memory is exhausted; the payload types may be
 * set in part), `REC_ERR_FORKED`. After any other error, the feed is unchanged.
 * Since: 0.2.0
 */
rec_status rec_feed_sdp(rec_feed feed, const char *sdp, rec_error *error);

/**
 * Passes in samples (PCM16, in native byte order) or a payload: of G.711, or one packet of
 * G.722 or Opus. They follow those of the previous write.
 *
 * A packet that cannot be decoded is counted in `frames_ignored`; the function still returns
 * `REC_OK`.
 *
 * In real time, an interruption of at most 100 ms leaves no silence. A longer one becomes
 * silence, unless `format.ahead_ms` is 0 and the host then passes in all the audio that it
 * held back, up to 5 s, within 200 ms. With `format.ahead_ms` 0, callrec also follows a drift
 * of the host's clock of up to 2 %, by repeating or omitting single samples. Bursts are stored
 * in memory that all feeds share (`media.overflow_bytes`).
 *
 * In real time with `format.ahead_ms` 0, a host that was late by 100 to 500 ms, and did not make
 * up for it, may be behind by this time from then on. So after a resume, that much audio is
 * discarded, because it may have been spoken during the pause. Several such delays add up, to
 * at most 5 s; after an interruption of more than 1 s, they count as at most 500 ms. A host
 * whose audio has gaps, and that counts its samples, loses nothing with `rec_feed_write_at`.
 * Likewise, a host that has once been ahead of the clock, for example by a burst at the beginning,
 * and is less ahead at the resume, may have been late since, by the difference: that much audio is
 * discarded. A host that writes audio before it is played sets `format.ahead_ms`, and loses none.
 *
 * In real time, a feed may be ahead of the clock by `format.ahead_ms`. If that is 0, the limit
 * is 2 s: beyond it, the function returns `REC_ERR_OVERRUN`, and the audio is lost and counted
 * in `frames_lost`. If it is more than 0, `REC_ERR_OVERRUN` means that the audio was not
 * accepted and nothing was lost: wait with `rec_feed_wait`, then pass it in again.
 * `rec_feed_clear` removes audio that lies ahead of the clock.
 *
 * In stream time, audio may be passed in as fast as it is accepted. After `REC_ERR_OVERRUN`,
 * wait with `rec_feed_wait`, then pass it in again.
 *
 * @param feed The feed.
 * @param data The samples, or the payload. May be NULL if `size` is 0.
 * @param size The size in bytes: a whole number of frames, or one packet of G.722 or Opus. At
 *   most 2,048 bytes or 100 ms of the format, whichever is more, but never more than 16,360
 *   bytes.
 *
 * Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
 * Blocking: never. The function takes no lock, allocates no memory and makes no system call.
 * In callbacks: yes.
 * Ownership: `data` remains the caller's. The library copies it.
 * Errors: `REC_ERR_OVERRUN` (the memory is full, or the audio is too far ahead of the clock:
 * see above), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_write(rec_feed feed, const void *data, size_t size);

/**
 * Passes in samples or a payload, as `rec_feed_write` does, with a position that the host
 * counts in frames.
 *
 * In real time, the first write is placed at its arrival, and later writes relative to it. If
 * a position is more than 2 s away from the arrival, callrec assumes that the host's count has
 * jumped: it places the write at its arrival, or at the end of the leg if that is later, and
 * later writes relative to that. There are two exceptions: a position up to 5 s in the past is
 * accepted if the leg has no later audio, and a feed with `format.ahead_ms` above 2000 may be
 * that far ahead. With `format.ahead_ms` 0, a host that is less ahead of the clock after a resume
 * than it was once before loses that much audio, as with `rec_feed_write`.
 *
 * In stream time, the first write is placed at the end of the leg, and later writes relative
 * to it. If a position is more than 30 minutes away from the end of the leg, callrec places
 * the write at that end, and later writes relative to that.
 *
 * @param feed The feed.
 * @param at The position of the first sample, in frames at the feed's sample rate. The first
 *   write may have any position.
 * @param data The samples, or the payload. May be NULL if `size` is 0.
 * @param size The size in bytes: a whole number of frames, or one packet of G.722 or Opus. At
 *   most 2,048 bytes or 100 ms of the format, whichever is more, but never more than 16,360
 *   bytes.
 *
 * Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
 * Blocking: never. The function takes no lock, allocates no memory and makes no system call.
 * In callbacks: yes.
 * Ownership: `data` remains the caller's. The library copies it.
 * Errors: `REC_ERR_OVERRUN` (the memory is full), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_write_at(rec_feed feed, uint64_t at, const void *data, size_t size);

/**
 * Passes in one RTP packet that has just been received. Its timestamp determines its position.
 *
 * Lost packets become silence and are counted, unless Opus has sent a copy of their audio
 * in the next packet. Late and reordered packets are put in their place. The payload type
 * alone determines how a packet is decoded, not the feed's format. Payload types that are
 * not audio are ignored. CSRCs, header extensions and padding are allowed; SRTP must be
 * decrypted first. RTCP may be passed in too (RFC 5761): a sender report can prove when
 * audio was spoken, so that less audio is discarded after a pause (`rec_resume_by_id`).
 * Other RTCP packets are ignored.
 *
 * The first packet of a feed is placed at its arrival. This aligns the legs, whose SSRCs,
 * timestamps and sequence numbers are unrelated and may change during a call. If the first
 * packets arrive in one burst, the newest is placed at its arrival. If the SSRC changes, or
 * the sequence numbers start again, the first packet is held until a second one confirms it,
 * at most 300 ms. docs/timeline.md describes what happens to each packet.
 *
 * Delayed packets may be passed in as one burst: bursts of up to 5 s, on any number of feeds,
 * are stored in memory that all feeds share (`media.overflow_bytes`).
 *
 * @param feed The feed.
 * @param packet The packet, from the first byte of its RTP header.
 * @param size The size in bytes. At most 2,048 bytes or 100 ms of the format, whichever is
 *   more, but never more than 16,360 bytes.
 *
 * Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
 * Blocking: never. The function takes no lock, allocates no memory and makes no system call.
 * In callbacks: yes.
 * Ownership: `packet` remains the caller's. The library copies it.
 * Errors: `REC_ERR_OVERRUN` (the memory is full), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_INVALID_ARGUMENT` (also for a feed with two channels, which accepts no packets),
 * `REC_ERR_FORKED`. Data that is not RTP is counted in `frames_ignored`; the function still
 * returns `REC_OK`.
 * Since: 0.1.0
 */
rec_status rec_feed_rtp(rec_feed feed, const void *packet, size_t size);

/**
 * Passes in one RTP packet that was received some time ago.
 *
 * callrec relies on the age near a pause. A packet that was received while the recording was
 * paused is not recorded, even if it is passed in after the resume. A packet that was received
 * after the resume counts as spoken after it, and is recorded. So use this function only if
 * the age is known. Otherwise use `rec_feed_rtp`, which allows for audio that is older.
 *
 * @param feed The feed.
 * @param age_us The time since the packet was received, in microseconds. 0 states that it was
 *   received now.
 * @param packet The packet, from the first byte of its RTP header.
 * @param size The size in bytes. At most 2,048 bytes or 100 ms of the format, whichever is
 *   more, but never more than 16,360 bytes.
 *
 * Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
 * Blocking: never. The function takes no lock, allocates no memory and makes no system call.
 * In callbacks: yes.
 * Ownership: `packet` remains the caller's. The library copies it.
 * Errors: `REC_ERR_OVERRUN` (the memory is full), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_INVALID_ARGUMENT` (also for a feed with two channels, which accepts no packets),
 * `REC_ERR_FORKED`. Data that is not RTP is counted in `frames_ignored`; the function still
 * returns `REC_OK`.
 * Since: 0.1.0
 */
rec_status rec_feed_rtp_at(rec_feed feed, uint32_t age_us, const void *packet, size_t size);

/**
 * Waits after `REC_ERR_OVERRUN` until a feed accepts audio again: until its memory has free
 * space for the largest write, and in real time until the refused write is no longer too far
 * ahead of the clock.
 *
 * @param feed The feed.
 * @param timeout_ms The maximum wait in milliseconds.
 *
 * Threads: any.
 * Blocking: until the feed accepts audio again, at most `timeout_ms`.
 * In callbacks: yes, but later events wait until the function returns.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE` (the feed is closed, or was closed during
 * the wait), `REC_ERR_BUSY` (another thread is passing in audio: call again),
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_wait(rec_feed feed, uint32_t timeout_ms);

/**
 * Removes the audio of a feed that lies ahead of the clock, for example because a caller
 * interrupts a voice bot.
 *
 * Audio up to now stays in the recording. Later audio is not recorded, and does not count as
 * lost. The next write begins now. With two channels, both legs are cleared. In stream time,
 * no audio is ahead of the clock, so the function changes nothing.
 *
 * @param feed The feed.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
 * Blocking: never, except while another thread passes in a packet to the feed.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_feed_clear(rec_feed feed, rec_error *error);

/**
 * Reports that a DTMF digit was pressed, when the host learns of it from signalling such as SIP
 * INFO or KPML (RFC 4730). The function does not take the digit itself.
 *
 * With `media.dtmf` set to "mask", all legs of the call are silent in the recordings while the
 * tone may be audible in the audio: from `duration_ms` + 100 ms before this call of the function
 * to `duration_ms` + 100 ms after it, because the message may be sent when the key is pressed or
 * when it is released. Call the function as soon as the message arrives: audio that is more
 * than 1,300 ms old can no longer be masked. Tones that a detector finds in the audio, and those
 * of telephone events in RTP (RFC 4733), are masked without this function. With "keep", the
 * function changes nothing.
 *
 * @param feed The feed of the party that keyed the digit in.
 * @param duration_ms The duration of the tone in milliseconds, at most 10,000. 0: unknown; 250 ms
 * are assumed.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
 * Blocking: never, except while another thread passes in a packet to the feed.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_INVALID_ARGUMENT` (`duration_ms`),
 * `REC_ERR_FORKED`.
 * Since: 0.2.0
 */
rec_status rec_feed_dtmf(rec_feed feed, uint32_t duration_ms, rec_error *error);

/**
 * Closes a feed. Audio that was passed in is still recorded; from now on the leg is silent.
 *
 * @param feed The feed.
 *
 * Threads: any, even while another thread passes in audio.
 * Blocking: never, except while another thread passes in a packet to the feed.
 * In callbacks: yes.
 * Ownership: the feed no longer exists.
 * Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_feed_close(rec_feed feed);

/** @} */
/** @addtogroup gateway
 *  @{ */

/**
 * Starts a gateway: a server with the HTTP APIs that Imagicle, Genesys (with CometD) and Vobiz
 * publish.
 *
 * The `gateway.…` keys of `rec_config_set` choose the APIs, their paths and their limits.
 * callrec does not terminate TLS; put a reverse proxy in front. `rec_close` also stops the
 * gateway.
 *
 * @param engine The engine.
 * @param options The options, or NULL for the defaults: the address 127.0.0.1, any free port,
 *   and no client that is let in.
 * @param[out] gateway The new gateway. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: until the gateway listens, never for a disk or a client.
 * In callbacks: yes.
 * Ownership: the caller owns the gateway until `rec_gateway_stop` or `rec_close`. `options`
 * and its strings remain the caller's. callrec uses `user_data` until it calls
 * `user_data_free`; after an error, it uses neither.
 * Errors: `REC_ERR_UNSUPPORTED` (the build lacks the feature `gateway`), `REC_ERR_IO` (the
 * port is in use, or the address is not one of this machine), `REC_ERR_INVALID_ARGUMENT`,
 * `REC_ERR_LIMIT`, `REC_ERR_UNAVAILABLE` (the engine is closing), `REC_ERR_BAD_HANDLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_gateway_start(rec_engine engine,
                             const rec_gateway_options *options,
                             rec_gateway *gateway,
                             rec_error *error);

/**
 * Returns the port on which a gateway listens.
 *
 * @param gateway The gateway.
 * @param[out] port The port, or 0 with `REC_GATEWAY_NO_SOCKET`. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`,
 * `REC_ERR_UNSUPPORTED`.
 * Since: 0.1.0
 */
rec_status rec_gateway_port(rec_gateway gateway, uint32_t *port, rec_error *error);

/**
 * Stops a gateway. Its port is closed, and pending long polls are answered. Callbacks that are
 * not delivered yet stay on the disk for the next gateway.
 *
 * When the function returns `REC_OK`, no `rec_http_handle` and no `rec_authenticate_fn` of the
 * gateway is running, and `user_data_free` has been called.
 *
 * @param gateway The gateway.
 * @param timeout_ms The maximum wait, in milliseconds, for requests that are being answered.
 *   After that time, their connections are closed, `rec_http_handle` returns
 *   `REC_ERR_UNAVAILABLE`, and no further `rec_authenticate_fn` begins.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: at most `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in a callback of the engine nor in any
 * `rec_authenticate_fn`.
 * Ownership: the gateway no longer exists, even after `REC_ERR_TIMEOUT`. After
 * `REC_ERR_IN_CALLBACK`, it still exists.
 * Errors: `REC_ERR_TIMEOUT` (requests were cut off; `user_data_free` is called once a running
 * `rec_authenticate_fn` has returned), `REC_ERR_BAD_HANDLE` (also after `rec_close`, which
 * stops the gateway), `REC_ERR_INVALID_ARGUMENT` (`error` has a wrong `struct_size`),
 * `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`, `REC_ERR_UNSUPPORTED`.
 * Since: 0.1.0
 */
rec_status rec_gateway_stop(rec_gateway gateway, uint32_t timeout_ms, rec_error *error);

/**
 * Answers one request of the HTTP APIs without a socket, for a host that has its own HTTP
 * server.
 *
 * The function returns `REC_OK` whenever there is an HTTP response, even if its status is 401,
 * 404 or 500.
 *
 * @param gateway The gateway.
 * @param request The request. It, its `method` and its `target` must not be NULL.
 * @param[out] response The response. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: may wait for a disk, for `rec_authenticate_fn`, and for a CometD `/meta/connect`
 * up to `cometd.timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: the caller owns the response until `rec_http_response_free`. `request` and all
 * that it points to remain the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (not HTTP: an invalid method, target or header line, or a
 * body larger than `gateway.max_body_bytes`), `REC_ERR_UNAVAILABLE` (the gateway is being
 * stopped, or was stopped before the response was complete), `REC_ERR_IO` (audio could not be
 * read to its end), `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`,
 * `REC_ERR_UNSUPPORTED`.
 * Since: 0.1.0
 */
rec_status rec_http_handle(rec_gateway gateway,
                           const rec_http_request *request,
                           rec_http_response **response,
                           rec_error *error);

/**
 * Returns the HTTP status of a response.
 *
 * @param response The response, or NULL.
 * @return The status, such as 200. 0 if `response` is NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: none.
 * Since: 0.1.0
 */
int32_t rec_http_response_status(const rec_http_response *response);

/**
 * Returns the headers of a response: "Name: value" lines, each ending with CR LF.
 *
 * @param response The response, or NULL.
 * @return The headers, never NULL. "" if `response` is NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the string lives as long as the response.
 * Errors: none.
 * Since: 0.1.0
 */
const char *rec_http_response_headers(const rec_http_response *response);

/**
 * Returns the body of a response. The body does not end with a NUL.
 *
 * @param response The response, or NULL.
 * @param[out] size The size of the body in bytes. May be NULL.
 * @return The body. NULL only if `response` is NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the body lives as long as the response.
 * Errors: none.
 * Since: 0.1.0
 */
const void *rec_http_response_body(const rec_http_response *response, size_t *size);

/**
 * Frees a response.
 *
 * @param response The response. NULL is allowed.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the response no longer exists.
 * Errors: none.
 * Since: 0.1.0
 */
void rec_http_response_free(rec_http_response *response);

/** @} */
/** @addtogroup lines
 *  @{ */

/**
 * Sets the policy of a line, in place of its previous one.
 *
 * A policy with a device name applies to calls with that device name, one with a directory
 * number to calls with that number, and one with both to calls with both. If several policies
 * apply to a call, their flags are combined.
 *
 * `REC_LINE_NOT_MONITORABLE` and `REC_LINE_AUTOMATIC` follow Imagicle's rules. They refuse
 * starts (`REC_LINE_AUTOMATIC` not those with `REC_START_ADDITIONAL`), and stops and discards
 * by id and by device. They refuse a discard by call unless the caller is the host. They never
 * refuse a stop by call, or a pause.
 *
 * `REC_LINE_MANDATORY` refuses every stop and discard of a recording of the line's calls, by
 * id, by device and by call, unless the caller is the host. It does not refuse pauses. The end
 * of the call and a time limit end recordings as on other lines.
 *
 * `REC_LINE_AUTOMATIC` records every call from the moment it is connected. Calls that are
 * connected on the line now are recorded from now on. Removing the policy does not end a
 * recording. After an automatic recording was stopped, no other one starts while the call
 * stays on the line. If an automatic recording cannot begin, or fails while its call
 * continues, the engine starts another one after 1 s, then after 2, 4, … s, at most 60 s;
 * after a recording that lasted 60 s, the delay is 1 s again. The new recording begins paused
 * if the last one was paused when it failed, or if the call is private.
 *
 * @param engine The engine.
 * @param line The line and its policy. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_NO_TARGET` (neither a device name nor a directory number is given),
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Start and Stop Recording, BadRequestReason 1, 2 and 4.
 */
rec_status rec_line_set(rec_engine engine, const rec_line_info *line, rec_error *error);

/**
 * Removes the policy of a line. If the line has no policy, the function returns `REC_OK`.
 *
 * @param engine The engine.
 * @param line The line, with the same device name and directory number as in `rec_line_set`.
 *   Must not be NULL. `flags` must be 0.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_NO_TARGET` (neither a device name nor a directory number is given),
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_line_remove(rec_engine engine, const rec_line_info *line, rec_error *error);

/** @} */
/** @addtogroup lists
 *  @{ */

/**
 * Lists the live recordings that match a filter, the newest last. If no recording matches, the
 * list is empty.
 *
 * The list contains every matching recording that was started before the function was called,
 * and none that was stopped before.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself. Below level 10,
 *   `filter->username` must be the caller's own.
 * @param filter The filter, or NULL for all recordings.
 * @param[out] snapshot The list. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never. A long list does not delay other functions.
 * In callbacks: yes.
 * Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `filter`
 * remain the caller's.
 * Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (the username of the filter is not
 * the caller's), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 * Source: Imagicle, Get Active Recordings.
 */
rec_status rec_list(rec_engine engine,
                    const rec_caller *caller,
                    const rec_filter *filter,
                    rec_snapshot **snapshot,
                    rec_error *error);

/**
 * Finds a recording by its id. The recording must be live or finishing, or must have ended
 * less than a minute ago.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param[out] snapshot A snapshot with that one recording. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `id` remain
 * the caller's.
 * Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a caller below level 10 owns no such
 * recording), `REC_ERR_INVALID_ID` (reason 0; also for NULL), `REC_ERR_NOT_LIVE` (there is no
 * such recording), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
 * `REC_ERR_FORKED`.
 * Since: 0.1.0
 */
rec_status rec_get(rec_engine engine,
                   const rec_caller *caller,
                   const char *id,
                   rec_snapshot **snapshot,
                   rec_error *error);

/**
 * Returns the number of recordings in a snapshot.
 *
 * @param snapshot The snapshot, or NULL for an empty one.
 * @return The number of recordings.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: none.
 * Since: 0.1.0
 */
size_t rec_snapshot_count(const rec_snapshot *snapshot);

/**
 * Returns one recording of a snapshot.
 *
 * @param snapshot The snapshot, or NULL for an empty one.
 * @param index The index of the recording, from 0.
 * @return The recording, or NULL if `index` is past the end.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the recording lives as long as the snapshot.
 * Errors: none.
 * Since: 0.1.0
 */
const rec_recording *rec_snapshot_get(const rec_snapshot *snapshot, size_t index);

/**
 * Returns a snapshot as Imagicle's JSON array of active recordings. Recordings that a line's
 * policy started also have `"automatic":true`.
 *
 * @param snapshot The snapshot, or NULL for an empty one.
 * @return The array, never NULL. "[]" for an empty snapshot.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the string lives as long as the snapshot.
 * Errors: none.
 * Since: 0.1.0
 * Source: Imagicle, Get Active Recordings, response body.
 */
const char *rec_snapshot_json(const rec_snapshot *snapshot);

/**
 * Returns where the next page of a list over a cluster begins, for `rec_filter.cursor`.
 *
 * @param snapshot The snapshot, or NULL for an empty one.
 * @return The cursor, never NULL. "" if this was the last page, and for a snapshot of another
 *   function than `rec_cluster_list`.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the string lives as long as the snapshot.
 * Errors: none.
 * Since: 0.2.0
 */
const char *rec_snapshot_cursor(const rec_snapshot *snapshot);

/**
 * Frees a snapshot, with all recordings and strings that came from it.
 *
 * @param snapshot The snapshot. NULL is allowed.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the snapshot no longer exists.
 * Errors: none.
 * Since: 0.1.0
 */
void rec_snapshot_free(rec_snapshot *snapshot);

/** @} */
/** @addtogroup cluster
 *  @{ */

/**
 * Lists the live recordings of all nodes of a cluster that match a filter, the newest last.
 *
 * The recordings of this engine are listed as by `rec_list`. Those of other nodes are listed as
 * their nodes have written them to Redis, usually within a tenth of a second of each change; their
 * lengths are computed by the clock. The recordings of a node whose lease has expired are
 * listed with `rec_recording.unreachable`, until `cluster.grace_ms` is over. A list with
 * `rec_filter.limit` is a page; recordings that start or end between two pages may be in one of
 * them or in none, and all others are in exactly one. A list of more than 250000 recordings of
 * other nodes fails with `REC_ERR_LIMIT`; read it in pages.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself. Below level 10,
 *   `filter->username` must be the caller's own.
 * @param filter The filter, or NULL for all recordings.
 * @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
 * @param[out] snapshot The list. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: for Redis, at most about `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `filter`
 * remain the caller's.
 * Errors: `REC_ERR_UNSUPPORTED` (`cluster.url` is not set, or the build lacks the feature
 * `cluster`), `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (the username of the filter is not
 * the caller's), `REC_ERR_UNAVAILABLE` (Redis cannot be reached, or has lost its data and is being
 * filled again; or the engine is closing), `REC_ERR_TIMEOUT`, `REC_ERR_IN_CALLBACK`,
 * `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`,
 * `REC_ERR_LIMIT` (the list is too long, or there is no memory for it).
 * Since: 0.2.0
 */
rec_status rec_cluster_list(rec_engine engine,
                            const rec_caller *caller,
                            const rec_filter *filter,
                            uint32_t timeout_ms,
                            rec_snapshot **snapshot,
                            rec_error *error);

/**
 * Finds a recording of any node of a cluster by its id. A recording of this engine is found as by
 * `rec_get`, and one of another node while it is live.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
 * @param[out] snapshot A snapshot with that one recording. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: for Redis, at most about `timeout_ms`. Not at all for a recording of this engine.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: the caller owns the snapshot until `rec_snapshot_free`. `caller` and `id` remain
 * the caller's.
 * Errors: those of `rec_get`, and `REC_ERR_UNSUPPORTED` (`cluster.url` is not set, or the build
 * lacks the feature `cluster`), `REC_ERR_UNAVAILABLE` (Redis cannot be reached),
 * `REC_ERR_TIMEOUT`, `REC_ERR_IN_CALLBACK`.
 * Since: 0.2.0
 */
rec_status rec_cluster_get(rec_engine engine,
                           const rec_caller *caller,
                           const char *id,
                           uint32_t timeout_ms,
                           rec_snapshot **snapshot,
                           rec_error *error);

/**
 * Controls a recording of any node of a cluster: stops, discards, pauses or resumes it.
 *
 * The node that has the recording applies its own rules, in the same order as the functions for
 * one engine, and writes the line of its audit log. If several nodes stop the same recording,
 * exactly one of them gets `REC_OK`. After `REC_ERR_TIMEOUT`, a node that was stopped or cut off
 * does not carry out the request any more when it goes on; in rare cases it has carried it out,
 * and only its response came too late.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param operation `REC_CONTROL_…`
 * @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
 *   braces, in upper or lower case.
 * @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: for Redis and the node that has the recording, at most about `timeout_ms`. Not at all
 * for a recording of this engine.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: all arguments remain the caller's.
 * Errors: those of `rec_stop_by_id`, `rec_discard_by_id`, `rec_pause_by_id` or
 * `rec_resume_by_id`, and `REC_ERR_UNSUPPORTED` (`cluster.url` is not set, or the build lacks the
 * feature `cluster`), `REC_ERR_UNAVAILABLE` (the node or Redis cannot be reached),
 * `REC_ERR_TIMEOUT` (the node did not respond in time), `REC_ERR_IN_CALLBACK`.
 * Since: 0.2.0
 */
rec_status rec_cluster_control_by_id(rec_engine engine,
                                     const rec_caller *caller,
                                     int32_t operation,
                                     const char *id,
                                     uint32_t timeout_ms,
                                     rec_error *error);

/**
 * Controls every live recording on a line, on all nodes of a cluster: stops, discards, pauses or
 * resumes it.
 *
 * `counts` has the sums of all nodes. If no recording changed, the status is that of the newest
 * recording, as on one node, or `REC_ERR_UNAVAILABLE` or `REC_ERR_TIMEOUT` if a node that has
 * such recordings did not respond. If this engine changed recordings of its own and Redis cannot be
 * reached, the status is `REC_OK`. Only recordings are looked for on other nodes, so a call
 * that is not recorded counts on its own node only.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param operation `REC_CONTROL_…`
 * @param device_name The device name of the line, or NULL.
 * @param directory_number The directory number of the line, or NULL. At least one of the two
 *   is needed. If both are given, the line must have both.
 * @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
 * @param[out] counts How many recordings changed, were already in the requested state, or were
 *   refused. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: for Redis and the nodes that have recordings on the line, at most about `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: all arguments remain the caller's.
 * Errors: those of `rec_stop_by_device`, `rec_discard_by_device`, `rec_pause_by_device` or
 * `rec_resume_by_device`, and `REC_ERR_UNSUPPORTED`, `REC_ERR_UNAVAILABLE`, `REC_ERR_TIMEOUT` and
 * `REC_ERR_IN_CALLBACK` as for `rec_cluster_control_by_id`.
 * Since: 0.2.0
 */
rec_status rec_cluster_control_by_device(rec_engine engine,
                                         const rec_caller *caller,
                                         int32_t operation,
                                         const char *device_name,
                                         const char *directory_number,
                                         uint32_t timeout_ms,
                                         rec_counts *counts,
                                         rec_error *error);

/**
 * Controls all live recordings of the calls with an id, on all nodes of a cluster, or one of these
 * recordings: stops, discards, pauses or resumes them. The results of the nodes are put together
 * as for `rec_cluster_control_by_device`.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param operation `REC_CONTROL_…`
 * @param call_id The id of the calls. Must not be absent.
 * @param url The URL of one recording (`rec_recording.url`), or NULL for all.
 * @param timeout_ms The maximum wait in milliseconds, or 0 for `cluster.timeout_ms`.
 * @param[out] counts How many recordings changed, were already in the requested state, or were
 *   refused. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: for Redis and the nodes that have recordings of the calls, at most about `timeout_ms`.
 * In callbacks: no (`REC_ERR_IN_CALLBACK`).
 * Ownership: all arguments remain the caller's.
 * Errors: those of `rec_stop_by_call`, `rec_discard_by_call`, `rec_pause_by_call` or
 * `rec_resume_by_call`, and `REC_ERR_UNSUPPORTED`, `REC_ERR_UNAVAILABLE`, `REC_ERR_TIMEOUT` and
 * `REC_ERR_IN_CALLBACK` as for `rec_cluster_control_by_id`.
 * Since: 0.2.0
 */
rec_status rec_cluster_control_by_call(rec_engine engine,
                                       const rec_caller *caller,
                                       int32_t operation,
                                       const char *call_id,
                                       const char *url,
                                       uint32_t timeout_ms,
                                       rec_counts *counts,
                                       rec_error *error);

/** @} */
/** @addtogroup recordings
 *  @{ */

/**
 * Starts a recording of a call.
 *
 * `REC_OK` means that the start is accepted. Then `REC_EVENT_STARTED` is delivered once the
 * file and its manifest exist, or `REC_EVENT_START_FAILED` if they cannot be created. Audio
 * that is passed in until then is part of the recording.
 *
 * The call must be connected, not held or alerting. If several calls match, callrec chooses
 * the one that began first if `options->call_id` is given, and otherwise the one that was
 * connected last.
 *
 * While the call is private, or waits for consent (`consent.required`), the start is accepted,
 * but no audio is recorded: the recording begins paused.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param options What to record, and how. Must not be NULL. A call id, a device name or a
 *   directory number is needed.
 * @param[out] id The new recording's id. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never, except that the first start in "mp3" of a process loads a library. Without
 * the library, that is attempted again, at most once a second.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` and `REC_ERR_FORKED`; then,
 * in this order, `REC_ERR_UNAVAILABLE`, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
 * `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_INVALID_MODE` (reason 2), `REC_ERR_UNSUPPORTED`,
 * `REC_ERR_INVALID_ARGUMENT` (`callback_url`), `REC_ERR_NOT_MONITORABLE` (reason 1),
 * `REC_ERR_AUTOMATIC` (reason 4; not with `REC_START_ADDITIONAL`), `REC_ERR_NO_CALL`,
 * `REC_ERR_CONSENT`, `REC_ERR_ALREADY_RECORDING` (not with `REC_START_ADDITIONAL`),
 * `REC_ERR_IO` (the path `storage.directory` no longer leads to the open directory),
 * `REC_ERR_NO_SPACE`, `REC_ERR_LIMIT`.
 * Since: 0.1.0
 * Source: Imagicle, Start Recording; Vobiz, Record a Call (which allows several recordings of
 * a call at a time).
 */
rec_status rec_start(rec_engine engine,
                     const rec_caller *caller,
                     const rec_start_options *options,
                     rec_id *id,
                     rec_error *error);

/**
 * Starts a recording of a call with all of the call's audio that is kept: from the beginning of
 * the call, or as far back as `media.lookback_ms` allows (Imagicle's Live Keep).
 *
 * A call for which neither this function nor another start is used leaves nothing on the disk. The
 * function is `rec_start` with `REC_LOOKBACK_ALL` as `options->lookback_ms`.
 * `rec_recording.lookback_ms` of `REC_EVENT_STARTED` says how much there was from before.
 *
 * @param engine The engine.
 * @param caller The user who makes the request, or NULL for the host itself.
 * @param options What to record, and how. Must not be NULL. A call id, a device name or a
 *   directory number is needed. `lookback_ms` must be 0 or `REC_LOOKBACK_ALL`.
 * @param[out] id The new recording's id. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: never, except as `rec_start`.
 * In callbacks: yes.
 * Ownership: all arguments remain the caller's.
 * Errors: those of `rec_start`, and `REC_ERR_INVALID_ARGUMENT` for another `lookback_ms`.
 * Since: 0.2.0
 * Source: Imagicle, Live Keep.
 */
rec_status rec_call_keep(rec_engine engine,
                         const rec_caller *caller,
                         const rec_start_options *options,
                         rec_id *id,
                         rec_error *error);

/** @} */
/** @addtogroup configuration
 *  @{ */

/**
 * Sets functions that run at the beginning and at the end of each thread of an engine that is
 * opened with this configuration.
 *
 * Some libraries require that each thread registers with them before it uses them, for example
 * PJLIB (`pj_thread_register`). With `on_start`, the callbacks of events and log lines,
 * `rec_authenticate_fn`, and the functions of a codec may use such a library.
 *
 * Both functions run on the thread itself: `on_start` before anything else, and `on_end` after
 * everything else. Each thread calls both once. These are all threads whose names begin with
 * "callrec-": the engine's own, those of its gateways and its registered codecs, and the one
 * that works during `rec_close`. docs/architecture.md lists them. Several threads may call the
 * functions at the same time. `rec_open` does not wait for `on_start`.
 *
 * When `rec_close` has returned `REC_OK`, `on_end` has returned on every thread of the engine.
 * After `REC_ERR_TIMEOUT`, threads may still end later.
 *
 * @param config The configuration. Must not be NULL. Engines that are open do not change.
 * @param on_start Called at the beginning of each thread. May be NULL.
 * @param on_end Called at the end of each thread. May be NULL. If both are NULL, the functions
 *   that were set before are removed.
 * @param user_data Passed to both.
 * @param user_data_free Called once with `user_data` when neither a configuration nor an engine
 *   nor a thread uses it any longer, on the thread that ends its last use. May be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any, but only one at a time for the same configuration.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: `user_data` is the library's until `user_data_free`. After a failure, it remains
 * the caller's.
 * Errors: `REC_ERR_INVALID_ARGUMENT` (`config` is NULL).
 * Since: 0.2.0
 */
rec_status rec_config_set_thread_hooks(rec_config *config,
                                       rec_thread_fn on_start,
                                       rec_thread_fn on_end,
                                       void *user_data,
                                       rec_free_fn user_data_free,
                                       rec_error *error);

/** @} */
/** @addtogroup verification
 *  @{ */

/**
 * Reads a finished recording and compares its size and its digest with its manifest, the file
 * beside it that has the same name and the extension `.json`.
 *
 * @param path The path of the audio file. Must not be NULL.
 * @param[out] error The details of a failure. May be NULL.
 *
 * Threads: any.
 * Blocking: reads the whole file.
 * In callbacks: yes, but later events wait until the function returns.
 * Ownership: all arguments remain the caller's.
 * Errors: `REC_ERR_IO` (the file or its manifest cannot be read, or the file differs from the
 * manifest: the message says which), `REC_ERR_UNSUPPORTED` (the manifest has no digest),
 * `REC_ERR_INVALID_ARGUMENT`.
 * Since: 0.1.0
 */
rec_status rec_verify(const char *path, rec_error *error);

/** @} */
/** @addtogroup version
 *  @{ */

/**
 * Returns the library's version. `REC_VERSION_STRING` is the version of the header.
 *
 * @return The version, such as "0.1.0", never NULL.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the string is static.
 * Errors: none.
 * Since: 0.1.0
 */
const char *rec_version(void);

/**
 * Returns the library's version as a number. A program may assert that it is at least
 * `REC_VERSION_NUMBER`.
 *
 * @return major << 16 | minor << 8 | patch.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: nothing is transferred.
 * Errors: none.
 * Since: 0.1.0
 */
uint32_t rec_version_number(void);

/** @} */
/** @addtogroup errors
 *  @{ */

/**
 * Describes a status in words.
 *
 * @param status Any number.
 * @return The text, never NULL. "unknown status" if the number is not a status.
 *
 * Threads: any.
 * Blocking: never.
 * In callbacks: yes.
 * Ownership: the string is static.
 * Errors: none.
 * Since: 0.1.0
 */
const char *rec_status_text(rec_status status);

/** @} */

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CALLREC_H */
