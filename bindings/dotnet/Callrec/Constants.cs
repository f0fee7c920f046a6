// The constants of callrec. Generated from include/callrec.h; do not edit.

using System;

namespace Callrec
{
    /// <summary>REC_EVENT_FLAG_… of callrec.h.</summary>
    [Flags]
    public enum EventFlag
    {
        /// <summary>An earlier engine on the directory may already have delivered the event, with the same state, end reason, error and lost_ms.</summary>
        Repeated = 1,
        /// <summary>The recording has ended, and its file has no audio: only silence, or no frame. Set with REC_EVENT_FINISHED and REC_EVENT_FAILED only, and never for a discarded recording. After a crash, the flag is not set if the content of the last part of the file is not known.</summary>
        NoAudio = 2,
        /// <summary>The recording has ended, and at least one of its legs received packets, but none that could be decoded (for example only G.729 or AMR). In json, undecoded names these legs, and legs gives the payload types of their packets. Set with REC_EVENT_FINISHED and REC_EVENT_FAILED only.</summary>
        LegUndecoded = 4,
        /// <summary>The call was already live when the subscription began. call describes it at that moment. Set with REC_EVENT_CALL_BEGAN only.</summary>
        Live = 8,
    }

    /// <summary>REC_EVENT_… of callrec.h.</summary>
    public enum EventKind
    {
        /// <summary>The file and its manifest exist. Exactly one terminal event will follow.</summary>
        Started = 1,
        /// <summary>The recording has stopped writing audio: it was paused, its call became private, or it began while its call waits for consent. frame says from where.</summary>
        Paused = 2,
        /// <summary>The recording writes audio again: it is not paused, and its call is neither private nor waits for consent. frame says from where.</summary>
        Resumed = 3,
        /// <summary>Terminal. The file has its final name, or the recording was discarded.</summary>
        Finished = 4,
        /// <summary>Terminal. A write failed, or nothing could be saved. What was written is kept.</summary>
        Failed = 5,
        /// <summary>Audio was lost. The event is raised when the loss is certain, at most 6.5 s after the lost audio. The member loss of json gives the leg, the range of frames, and the cause. There is at most one such event for each block of audio that is written (storage.flush_ms), none before REC_EVENT_STARTED and none after the terminal event.</summary>
        Loss = 6,
        /// <summary>A recording that was accepted, or that a line's policy started, could not begin. Nothing was kept, and no terminal event follows. status gives the cause. recording is NULL if the failure came before the recording had an id.</summary>
        StartFailed = 7,
        /// <summary>The free space of the disk fell below storage.min_free_bytes. recording is NULL.</summary>
        DiskLow = 8,
        /// <summary>A call had no media for calls.idle_ms, so the engine ended it. The handles of the call and its feeds are stale. recording is NULL; call_tag and json identify the call. Each of its recordings has its own terminal event.</summary>
        CallIdle = 9,
        /// <summary>A feed receives RTP packets that this build cannot decode, so the call's recordings have silence in place of this audio. The event is raised and logged at the first such packet, once for each leg and payload type of a call. recording is NULL; call_tag and json identify the call. json also has the leg, the payload_type, the name of the codec, and the remedy: what to do, in words.</summary>
        MediaIgnored = 10,
        /// <summary>In real time only: a leg of a connected call has had no decoded audio for media.silent_ms. The event is raised and logged once for each leg of a call; the call and its recordings continue. Silence that was received counts as audio. Time during which the call is alerting or held, or the leg has no feed, does not count. recording is NULL; call_tag and json identify the call, and json has the leg.</summary>
        LegSilent = 11,
        /// <summary>A call has begun. This event, REC_EVENT_CALL_UPDATED and REC_EVENT_CALL_ENDED are delivered only to subscriptions with REC_SUBSCRIBE_CALLS. recording is NULL, and call describes the call. Each call has one REC_EVENT_CALL_BEGAN, then any number of REC_EVENT_CALL_UPDATED, then one REC_EVENT_CALL_ENDED, in the order of the changes. REC_EVENT_STARTED or REC_EVENT_START_FAILED of an automatic recording follows REC_EVENT_CALL_BEGAN.</summary>
        CallBegan = 12,
        /// <summary>rec_call_update, rec_call_private or rec_call_parties changed a call. call describes the call after the change. In json, changed lists the members of call whose values are new.</summary>
        CallUpdated = 13,
        /// <summary>A call has ended, and its handles are stale. call describes its last state; call-&gt;end_reason gives the cause. Events about its recordings can follow, and so can REC_EVENT_CALL_IDLE, and REC_EVENT_MEDIA_IGNORED and REC_EVENT_LEG_SILENT about media from before the end.</summary>
        CallEnded = 14,
        /// <summary>recording.pause_max_ms has passed since REC_EVENT_PAUSED, and the recording still writes no audio. The event is raised once for each pause, at most a second late. The pause goes on: callrec never resumes a recording by itself.</summary>
        PauseOverdue = 15,
        /// <summary>A recording was deleted, by rec_delete or through an HTTP API. Of recording, only id says anything; json has the id alone as well. With REC_EVENT_FLAG_REPEATED, an earlier process began the deletion and this one has completed it. The event is not terminal, and not owed: .callrec/audit.log is the lasting record.</summary>
        Deleted = 16,
        /// <summary>A recording was uploaded to the store of upload.url, completely, and the copy was verified. object_url names the object with the audio. In json, recording.uploaded lists all objects and says whether the local copy was removed (upload.delete_local). The event is not terminal, and not owed: the manifest is the lasting record. It may be delivered again after a crash.</summary>
        Uploaded = 17,
        /// <summary>The upload of a recording was given up: another object has its key, its file has changed since it was published, or upload.give_up_ms is over. Its local copy stays. In json, error says why. The event is not terminal, and not owed.</summary>
        UploadFailed = 18,
        /// <summary>The engine is in a cluster, and has lost Redis: it cannot be reached, or it refuses the login or the node. In json, error says why. Recordings go on, and callrec tries again until REC_EVENT_CLUSTER_RESTORED. Functions without cluster in their names never notice it.</summary>
        ClusterLost = 19,
        /// <summary>After REC_EVENT_CLUSTER_LOST, all live recordings of this engine are in Redis again. In json, recordings is their number.</summary>
        ClusterRestored = 20,
        /// <summary>A node of the cluster has not renewed its lease (cluster.lease_ms). In json, node is its name, and recordings has the ids of its live recordings. Exactly one node of the cluster raises the event, and it is once in the stream of the cluster. How the recordings ended, their own node says when an engine opens its directory again.</summary>
        NodeLost = 21,
    }

    /// <summary>REC_LEVEL_… of callrec.h.</summary>
    public enum Level
    {
        /// <summary>Not authenticated: every operation returns REC_ERR_UNAUTHENTICATED.</summary>
        None = 0,
        /// <summary>Imagicle's "Record Only": the caller can reach only their own live calls.</summary>
        RecordOnly = 1,
        /// <summary>Imagicle's "Base Access": the caller can reach only their own live calls.</summary>
        Base = 2,
        /// <summary>Imagicle's "Complete Management": the caller can reach every call.</summary>
        Complete = 10,
    }

    /// <summary>REC_CALL_… of callrec.h.</summary>
    public enum CallState
    {
        /// <summary>The parties are connected.</summary>
        Connected = 1,
        /// <summary>The call is on hold. calls.hold_audio says whether its audio is recorded meanwhile.</summary>
        Held = 2,
        /// <summary>The call is ringing and has not been answered.</summary>
        Alerting = 3,
    }

    /// <summary>REC_CONSENT_… of callrec.h.</summary>
    public enum Consent
    {
        /// <summary>Nothing is known of a consent. With consent.required "true", recordings of the call wait: they write no audio, and their state is REC_STATE_PAUSED.</summary>
        Unknown = 0,
        /// <summary>The parties agree that the call is recorded, from rec_call_info.consent_from_ms on.</summary>
        Given = 1,
        /// <summary>A party refuses the recording. The call's recordings end, or are discarded, as consent.on_refusal says; starts are refused with REC_ERR_CONSENT, and the line's policy starts none. If consent is given later, recordings may start again.</summary>
        Refused = 2,
    }

    /// <summary>REC_DIRECTION_… of callrec.h.</summary>
    public enum Direction
    {
        /// <summary>The direction is not known.</summary>
        Unknown = 0,
        /// <summary>The remote party called.</summary>
        Incoming = 1,
        /// <summary>The local party called.</summary>
        Outgoing = 2,
    }

    /// <summary>REC_LEG_… of callrec.h.</summary>
    public enum Leg
    {
        /// <summary>The local party: the owner of the line.</summary>
        Local = 0,
        /// <summary>The remote party.</summary>
        Remote = 1,
        /// <summary>Both parties, already mixed into one stream. A call with this leg cannot have the other two.</summary>
        Mixed = 2,
    }

    /// <summary>REC_LINE_… of callrec.h.</summary>
    [Flags]
    public enum LineFlag
    {
        /// <summary>Starts, and stops and discards by id or by device, are refused with REC_ERR_NOT_MONITORABLE. rec_line_set gives all rules.</summary>
        NotMonitorable = 1,
        /// <summary>Every call on the line is recorded from the moment it is connected.</summary>
        Automatic = 2,
        /// <summary>Only the host (NULL as caller) may stop or discard recordings of the line's calls, whoever started them. The policy does not restrict pauses.</summary>
        Mandatory = 4,
    }

    /// <summary>REC_START_… of callrec.h.</summary>
    [Flags]
    public enum StartFlag
    {
        /// <summary>A person started the recording by dialling in. rec_stop_by_device and rec_discard_by_device refuse it if they are given a device name (REC_ERR_DIAL_IN).</summary>
        ManualDialIn = 1,
        /// <summary>Starts a further recording of a call that is already being recorded.</summary>
        Additional = 2,
        /// <summary>The line's policy started the recording. Only rec_recording.flags has this flag; rec_start refuses it.</summary>
        Automatic = 4,
    }

    /// <summary>REC_LAYOUT_… of callrec.h.</summary>
    public enum Layout
    {
        /// <summary>Two channels: the local leg on the left, the remote leg on the right.</summary>
        Stereo = 0,
        /// <summary>One channel with both legs.</summary>
        Mono = 1,
        /// <summary>One channel with the local leg only.</summary>
        Local = 2,
        /// <summary>One channel with the remote leg only.</summary>
        Remote = 3,
    }

    /// <summary>REC_PAUSE_… of callrec.h.</summary>
    public enum PauseMode
    {
        /// <summary>The file has silence for as long as the pause lasted.</summary>
        Silence = 0,
        /// <summary>The file has nothing for the time of the pause.</summary>
        Skip = 1,
    }

    /// <summary>REC_KEEP_RAW_… of callrec.h.</summary>
    public enum KeepRaw
    {
        /// <summary>The recording keeps packets as the key recording.keep_raw says.</summary>
        Default = 0,
        /// <summary>The recording keeps no packets.</summary>
        Never = 1,
        /// <summary>The recording keeps the RTP packets that cannot be decoded, neither by this build nor by a registered codec. Telephone events and packets that may hold a masked tone are not kept.</summary>
        Undecodable = 2,
        /// <summary>The recording keeps every RTP packet, except telephone events and, with media.dtmf "mask", packets that may hold a tone.</summary>
        Always = 3,
    }

    /// <summary>REC_CODEC_… of callrec.h.</summary>
    public enum Codec
    {
        /// <summary>16-bit linear PCM: native byte order in rec_feed_write, network byte order in RTP.</summary>
        Pcm16 = 1,
        /// <summary>G.711 µ-law.</summary>
        Pcmu = 2,
        /// <summary>G.711 A-law.</summary>
        Pcma = 3,
        /// <summary>G.722 at 64 kbit/s, decoded to 16000 Hz. REC_ERR_UNSUPPORTED in a build without the feature g722.</summary>
        G722 = 4,
        /// <summary>Opus, decoded to 48000 Hz. REC_ERR_UNSUPPORTED in a build without the feature opus.</summary>
        Opus = 5,
        /// <summary>The first value that rec_codec_register returns. Values from here on are registered codecs.</summary>
        Registered = 1000,
    }

    /// <summary>REC_STATE_… of callrec.h.</summary>
    public enum State
    {
        /// <summary>The recording writes audio.</summary>
        Recording = 1,
        /// <summary>The recording is paused, or its call is private (rec_call_private), or the call waits for consent (consent.required).</summary>
        Paused = 2,
        /// <summary>The recording has ended, and its file is not published yet.</summary>
        Finishing = 3,
        /// <summary>The file is published, or the recording was discarded.</summary>
        Finished = 4,
        /// <summary>The recording failed: see rec_recording.error.</summary>
        Failed = 5,
    }

    /// <summary>REC_END_… of callrec.h.</summary>
    public enum EndReason
    {
        /// <summary>The recording was stopped.</summary>
        Stopped = 1,
        /// <summary>The call ended.</summary>
        CallEnded = 2,
        /// <summary>The recording reached its time limit.</summary>
        Limit = 3,
        /// <summary>rec_close ended the call or the recording.</summary>
        EngineClosed = 4,
        /// <summary>A write to the file failed.</summary>
        WriteError = 5,
        /// <summary>The process died. The next rec_open finished what was on disk.</summary>
        Recovered = 6,
        /// <summary>The recording was discarded.</summary>
        Discarded = 7,
        /// <summary>Consent to the recording was refused (REC_CONSENT_REFUSED), with consent.on_refusal "stop". With "discard", the reason is REC_END_DISCARDED.</summary>
        ConsentRefused = 8,
        /// <summary>The call moved to another line, with recording.on_transfer "stop" or "new".</summary>
        Transferred = 9,
    }

    /// <summary>REC_SUBSCRIBE_… of callrec.h.</summary>
    [Flags]
    public enum SubscribeFlag
    {
        /// <summary>Also delivers REC_EVENT_CALL_BEGAN, REC_EVENT_CALL_UPDATED and REC_EVENT_CALL_ENDED.</summary>
        Calls = 1,
    }

    /// <summary>REC_LOG_… of callrec.h.</summary>
    public enum LogLevel
    {
        /// <summary>An error.</summary>
        Error = 1,
        /// <summary>A warning.</summary>
        Warning = 2,
        /// <summary>Information.</summary>
        Info = 3,
    }

    /// <summary>REC_GATEWAY_… of callrec.h.</summary>
    [Flags]
    public enum GatewayFlag
    {
        /// <summary>The gateway opens no socket. It receives requests through rec_http_handle only.</summary>
        NoSocket = 1,
    }

    /// <summary>REC_AUTH_… of callrec.h.</summary>
    public enum AuthMethod
    {
        /// <summary>HTTP Basic: name and secret are the user's name and password.</summary>
        Basic = 1,
        /// <summary>X-Auth-ID and X-Auth-Token (Vobiz): name is the account, and secret is its token.</summary>
        Token = 2,
        /// <summary>Not a login: callrec is about to call this account's receiver and needs its signature_key. secret is "", and level is ignored.</summary>
        Signature = 3,
        /// <summary>Authorization: Bearer (Vobiz): secret is the token. name is the account in the request's path, or "" if the path has none, as for audio below /recordings/. The host must check that the token belongs to that account. A host that does not know this scheme returns REC_ERR_UNAUTHENTICATED.</summary>
        Bearer = 4,
    }

    /// <summary>REC_CONTROL_… of callrec.h.</summary>
    public enum ControlOperation
    {
        /// <summary>Stop a recording. What it does is that of rec_stop_by_id, rec_stop_by_device and rec_stop_by_call.</summary>
        Stop = 1,
        /// <summary>Stop a recording and delete its audio, as rec_discard_by_id does.</summary>
        Discard = 2,
        /// <summary>Pause a recording, as rec_pause_by_id does.</summary>
        Pause = 3,
        /// <summary>Resume a recording, as rec_resume_by_id does.</summary>
        Resume = 4,
    }

    /// <summary>REC_ERR_… of callrec.h.</summary>
    public enum Status
    {
        /// <summary>Success.</summary>
        Ok = 0,
        /// <summary>An argument breaks the rules of the API: a NULL that is not allowed, a wrong struct_size, an unknown value or flag, invalid UTF-8, or a string that is too long.</summary>
        InvalidArgument = -1,
        /// <summary>The id is not a GUID. HTTP: 400, reason 0.</summary>
        InvalidId = -2,
        /// <summary>Neither a device name nor a directory number was given. HTTP: 400, reason 0.</summary>
        NoTarget = -3,
        /// <summary>The format is unknown. HTTP: 400, reason 2.</summary>
        InvalidMode = -4,
        /// <summary>The line's policy is REC_LINE_NOT_MONITORABLE. HTTP: 400, reason 1.</summary>
        NotMonitorable = -5,
        /// <summary>The line's policy is REC_LINE_AUTOMATIC. HTTP: 400, reason 4 (start) or 2 (stop).</summary>
        Automatic = -6,
        /// <summary>The caller's level is 0. HTTP: 401.</summary>
        Unauthenticated = -7,
        /// <summary>A caller below level 10 owns no live call that matches the target, or lists another user's recordings. HTTP: 403.</summary>
        Forbidden = -8,
        /// <summary>The target has no live recording. HTTP: 409.</summary>
        NotLive = -9,
        /// <summary>No call matches the target, or none that does is connected. HTTP: 409.</summary>
        NoCall = -10,
        /// <summary>A stop or a discard by device names the device of a recording with REC_START_MANUAL_DIAL_IN. HTTP: 409.</summary>
        DialIn = -11,
        /// <summary>The call is already being recorded. HTTP: 429.</summary>
        AlreadyRecording = -12,
        /// <summary>Every recording of the target is already paused. HTTP: 429.</summary>
        AlreadyPaused = -13,
        /// <summary>No recording of the target is paused. HTTP: 429.</summary>
        NotPaused = -14,
        /// <summary>The handle is zero, stale, invented, or of another kind.</summary>
        BadHandle = -15,
        /// <summary>There are too many calls, recordings, feeds, engines, subscriptions or gateways, or too little of media.ahead_bytes is left, or the system refuses memory. HTTP: 503.</summary>
        Limit = -16,
        /// <summary>The disk has less free space than storage.min_free_bytes, or the disk or a quota is full. HTTP: 503.</summary>
        NoSpace = -17,
        /// <summary>The operating system returned an error, which the message gives. From rec_verify: the file differs from its manifest.</summary>
        Io = -18,
        /// <summary>The feed's memory is full, or the write is too far ahead of the clock. In real time with rec_feed_format.ahead_ms 0, the audio is lost and counted: do not retry. Otherwise the audio was not accepted: wait with rec_feed_wait, then pass it in again.</summary>
        Overrun = -19,
        /// <summary>The engine or the gateway is closing, or another engine holds the directory. HTTP: 504.</summary>
        Unavailable = -20,
        /// <summary>The feature is defined, but not in this build. HTTP: 501.</summary>
        Unsupported = -21,
        /// <summary>The function would wait for the callback that called it.</summary>
        InCallback = -22,
        /// <summary>The object belongs to the parent process, from which this process was forked.</summary>
        Forked = -23,
        /// <summary>The configuration key is unknown, or its value is out of range.</summary>
        Config = -24,
        /// <summary>The time limit passed.</summary>
        Timeout = -25,
        /// <summary>A fault inside callrec. HTTP: 500.</summary>
        Internal = -26,
        /// <summary>The line already has a call with this id, or the engine already has a codec with this name.</summary>
        Exists = -27,
        /// <summary>Another thread is using this feed. The audio was neither accepted nor counted: pass it in again, or the recording lacks it.</summary>
        Busy = -28,
        /// <summary>The line's recordings are mandatory: only the host may stop or discard them. HTTP: 403.</summary>
        Mandatory = -29,
        /// <summary>The audit log was changed after it was written, or its end is missing. The message gives the line.</summary>
        Audit = -30,
        /// <summary>Consent to the recording of this call was refused: see REC_CONSENT_REFUSED. HTTP: 403.</summary>
        Consent = -31,
        /// <summary>There is no recording with this id, live or finished. HTTP: 404.</summary>
        NotFound = -32,
        /// <summary>A recording that has not ended, or whose file is not published yet, cannot be deleted: stop it first. HTTP: 409.</summary>
        Live = -33,
        /// <summary>The recording is under a legal hold (rec_hold). HTTP: 403.</summary>
        Held = -34,
    }
}
