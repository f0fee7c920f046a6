using System;

namespace Callrec
{
    /// <summary>A recording, as it was when this object was made: rec_recording of the header.</summary>
    public sealed class Recording
    {
        /// <summary>The id of the recording.</summary>
        public readonly string Id;

        /// <summary>The call's id.</summary>
        public readonly string CallId;

        /// <summary>The id of the call in the switch.</summary>
        public readonly string SwitchCallId;

        /// <summary>The device name of the line.</summary>
        public readonly string DeviceName;

        /// <summary>The directory number of the line.</summary>
        public readonly string DirectoryNumber;

        /// <summary>The username of the line's owner.</summary>
        public readonly string Username;

        /// <summary>The owner's numeric user id.</summary>
        public readonly string NumericUserId;

        /// <summary>The remote party's first name.</summary>
        public readonly string RemoteFirstName;

        /// <summary>The remote party's last name.</summary>
        public readonly string RemoteLastName;

        /// <summary>The remote party's telephone number.</summary>
        public readonly string RemotePhoneNumber;

        /// <summary>The file's format, as in rec_start_options.format.</summary>
        public readonly string Format;

        /// <summary>The recording's URL. rec_stop_by_call and rec_discard_by_call can select one recording by it.</summary>
        public readonly string Url;

        /// <summary>Absolute path of the finished file, or "" until it is published.</summary>
        public readonly string Path;

        /// <summary>Digest of the finished file: "sha256:" and hexadecimal digits. "" until the file is published, and if storage.digest is "none".</summary>
        public readonly string Digest;

        /// <summary>What the recording is doing.</summary>
        public readonly State State;

        /// <summary>Why it has ended; 0 before.</summary>
        public readonly EndReason EndReason;

        /// <summary>Why it has failed.</summary>
        public readonly Status Error;

        /// <summary>The channels of the file.</summary>
        public readonly Layout Layout;

        /// <summary>What a pause leaves in the file.</summary>
        public readonly PauseMode PauseMode;

        /// <summary>How the recording was started.</summary>
        public readonly StartFlag Flags;

        /// <summary>The sample rate of the file in Hz.</summary>
        public readonly int SampleRate;

        /// <summary>The tag of the call.</summary>
        public readonly ulong CallTag;

        /// <summary>Time of the first sample, Unix time in milliseconds. With lookback_ms, it is before the start.</summary>
        public readonly long StartedAtMs;

        /// <summary>Time of the end, Unix time in milliseconds, or 0 while the recording is live.</summary>
        public readonly long EndedAtMs;

        /// <summary>Length of the audio in the file so far, in milliseconds.</summary>
        public readonly ulong DurationMs;

        /// <summary>Total time during which the recording was paused, in milliseconds.</summary>
        public readonly ulong PausedMs;

        /// <summary>Sum of the lost audio of all legs, in milliseconds: audio that never arrived (gaps in the sequence numbers), that was dropped, or that a failing recording could not write. Duplicates, and audio from a pause, from a hold, or from outside the recording do not count. The manifest gives the amount and the cause for each leg.</summary>
        public readonly ulong LostMs;

        /// <summary>How much of the audio at the beginning of the file was passed in before the start, in milliseconds. See rec_start_options.lookback_ms.</summary>
        public readonly ulong LookbackMs;

        /// <summary>The size of the file.</summary>
        public readonly ulong Bytes;

        /// <summary>Absolute path of the finished file of kept packets (recording.keep_raw), or "" until it is published, and if no packet was kept.</summary>
        public readonly string RawPath;

        /// <summary>Digest of that file, in the form of digest.</summary>
        public readonly string RawDigest;

        /// <summary>Size of that file in bytes.</summary>
        public readonly ulong RawBytes;

        /// <summary>The number of packets in that file.</summary>
        public readonly ulong RawPackets;

        /// <summary>Nothing deletes the recording: <see cref="Engine.Hold"/>.</summary>
        public readonly bool Held;

        /// <summary>The node that has the recording cannot be reached: <see cref="Engine.ClusterList"/>.</summary>
        public readonly bool Unreachable;

        /// <summary>The node that has the recording, from a list of a cluster; otherwise empty.</summary>
        public readonly string Node;

        internal Recording(IntPtr at)
        {
            var read = Native.Read<Abi.rec_recording>(at);
            Id = Native.Text(read.id.text);
            CallId = Native.Text(read.call_id);
            SwitchCallId = Native.Text(read.switch_call_id);
            DeviceName = Native.Text(read.device_name);
            DirectoryNumber = Native.Text(read.directory_number);
            Username = Native.Text(read.username);
            NumericUserId = Native.Text(read.numeric_user_id);
            RemoteFirstName = Native.Text(read.remote_first_name);
            RemoteLastName = Native.Text(read.remote_last_name);
            RemotePhoneNumber = Native.Text(read.remote_phone_number);
            Format = Native.Text(read.format);
            Url = Native.Text(read.url);
            Path = Native.Text(read.path);
            Digest = Native.Text(read.digest);
            State = (State)read.state;
            EndReason = (EndReason)read.end_reason;
            Error = (Status)read.error;
            Layout = (Layout)read.layout;
            PauseMode = (PauseMode)read.pause_mode;
            Flags = (StartFlag)read.flags;
            SampleRate = (int)read.sample_rate;
            CallTag = read.call_tag;
            StartedAtMs = read.started_at_ms;
            EndedAtMs = read.ended_at_ms;
            DurationMs = read.duration_ms;
            PausedMs = read.paused_ms;
            LostMs = read.lost_ms;
            LookbackMs = read.lookback_ms;
            Bytes = read.bytes;
            RawPath = Native.Text(read.raw_path);
            RawDigest = Native.Text(read.raw_digest);
            RawBytes = read.raw_bytes;
            RawPackets = read.raw_packets;
            Held = read.held != 0;
            Unreachable = read.unreachable != 0;
            Node = Native.Text(read.node);
        }
    }

    /// <summary>A call, as it was when an event was raised: rec_call_view of the header.</summary>
    public sealed class CallView
    {
        /// <summary>The state of the call.</summary>
        public readonly CallState State;

        /// <summary>Who called.</summary>
        public readonly Direction Direction;

        /// <summary>Nothing of the call is recorded.</summary>
        public readonly bool IsPrivate;

        /// <summary>Why it has ended; 0 before.</summary>
        public readonly EndReason EndReason;

        /// <summary>The number that the engine gave the call, from 1. No two calls of an open engine have the same number.</summary>
        public readonly ulong Number;

        /// <summary>The number that the host chose for the call: rec_call_info.tag.</summary>
        public readonly ulong Tag;

        /// <summary>In milliseconds since 1970.</summary>
        public readonly long ConnectedAtMs;

        /// <summary>The call's id.</summary>
        public readonly string CallId;

        /// <summary>The id of the call in the switch.</summary>
        public readonly string SwitchCallId;

        /// <summary>The device name of the line.</summary>
        public readonly string DeviceName;

        /// <summary>The directory number of the line.</summary>
        public readonly string DirectoryNumber;

        /// <summary>The username of the line's owner.</summary>
        public readonly string Username;

        /// <summary>The owner's numeric user id.</summary>
        public readonly string NumericUserId;

        /// <summary>The remote party's first name.</summary>
        public readonly string RemoteFirstName;

        /// <summary>The remote party's last name.</summary>
        public readonly string RemoteLastName;

        /// <summary>The remote party's telephone number.</summary>
        public readonly string RemotePhoneNumber;

        /// <summary>The number that calls.</summary>
        public readonly string Ani;

        /// <summary>The number that was dialled.</summary>
        public readonly string Dnis;

        /// <summary>Genesys' call type.</summary>
        public readonly string CallType;

        /// <summary>A JSON object whose values are strings.</summary>
        public readonly string AttributesJson;

        /// <summary>Whether the parties consent to a recording.</summary>
        public readonly Consent Consent;

        /// <summary>How the consent was given.</summary>
        public readonly string ConsentSource;

        /// <summary>Since when the consent or the refusal holds: Unix time in milliseconds, or 0.</summary>
        public readonly long ConsentFromMs;

        /// <summary>When the host reported it: Unix time in milliseconds, or 0.</summary>
        public readonly long ConsentAtMs;

        /// <summary>A JSON array of the other ids of the call.</summary>
        public readonly string RelatedCallIdsJson;

        /// <summary>A JSON array of the parties that are or were heard on the legs.</summary>
        public readonly string PartiesJson;

        internal CallView(IntPtr at)
        {
            var read = Native.Read<Abi.rec_call_view>(at);
            State = (CallState)read.state;
            Direction = (Direction)read.direction;
            IsPrivate = read.is_private != 0;
            EndReason = (EndReason)read.end_reason;
            Number = read.number;
            Tag = read.tag;
            ConnectedAtMs = read.connected_at_ms;
            CallId = Native.Text(read.call_id);
            SwitchCallId = Native.Text(read.switch_call_id);
            DeviceName = Native.Text(read.device_name);
            DirectoryNumber = Native.Text(read.directory_number);
            Username = Native.Text(read.username);
            NumericUserId = Native.Text(read.numeric_user_id);
            RemoteFirstName = Native.Text(read.remote_first_name);
            RemoteLastName = Native.Text(read.remote_last_name);
            RemotePhoneNumber = Native.Text(read.remote_phone_number);
            Ani = Native.Text(read.ani);
            Dnis = Native.Text(read.dnis);
            CallType = Native.Text(read.call_type);
            AttributesJson = Native.Text(read.attributes_json);
            Consent = (Consent)read.consent;
            ConsentSource = Native.Text(read.consent_source);
            ConsentFromMs = read.consent_from_ms;
            ConsentAtMs = read.consent_at_ms;
            RelatedCallIdsJson = Native.Text(read.related_call_ids_json);
            PartiesJson = Native.Text(read.parties_json);
        }
    }

    /// <summary>An event: rec_event of the header.</summary>
    public sealed class CallrecEvent
    {
        /// <summary>What has happened.</summary>
        public readonly EventKind Kind;

        /// <summary>More about it.</summary>
        public readonly EventFlag Flags;

        /// <summary>Number of the event. A gap between the numbers that a subscription receives means that events were dropped. The number counts all events since the engine was opened that match the subscription's options. So a later subscription does not begin at 1, and subscriptions with different options may give the same event different numbers.</summary>
        public readonly ulong Sequence;

        /// <summary>The number that the host chose for the call that the event is about, even if recording is NULL. 0 if there is none.</summary>
        public readonly ulong CallTag;

        /// <summary>The number that the engine gave the call that the event or its recording belongs to. 0 if there is no such call, or if an earlier engine on the directory began the recording.</summary>
        public readonly ulong CallNumber;

        /// <summary>In milliseconds since 1970.</summary>
        public readonly long TimeMs;

        /// <summary>The frame of the file from which a pause or its end holds.</summary>
        public readonly ulong Frame;

        /// <summary>The URL of the uploaded object with the audio, or of the store if the upload was given up. Otherwise empty.</summary>
        public readonly string ObjectUrl;

        /// <summary>Why something has failed.</summary>
        public readonly Status Status;

        /// <summary>The recording that the event is about, or null.</summary>
        public readonly Recording Recording;

        /// <summary>The call that the event is about, or null.</summary>
        public readonly CallView Call;

        /// <summary>The whole event as one JSON object.</summary>
        public readonly string Json;

        internal CallrecEvent(IntPtr at)
        {
            var read = Native.Read<Abi.rec_event>(at);
            Kind = (EventKind)read.kind;
            Flags = (EventFlag)read.flags;
            Sequence = read.sequence;
            CallTag = read.call_tag;
            CallNumber = read.call_number;
            TimeMs = read.time_ms;
            Frame = read.frame;
            ObjectUrl = Native.Text(read.object_url);
            Status = (Status)read.status;
            Recording = read.recording == IntPtr.Zero ? null : new Recording(read.recording);
            Call = read.call == IntPtr.Zero ? null : new CallView(read.call);
            Json = Native.Text(read.json);
        }
    }

    /// <summary>What is live, and counters since the engine was opened: rec_statistics of the header.</summary>
    public struct Statistics
    {
        /// <summary>Live calls.</summary>
        public ulong LiveCalls;

        /// <summary>Recordings that are recording or paused.</summary>
        public ulong LiveRecordings;

        /// <summary>Recordings that have ended and are not published yet.</summary>
        public ulong FinishingRecordings;

        /// <summary>Accepted packets and writes: those with audio, and packets of comfort noise.</summary>
        public ulong FramesIn;

        /// <summary>Packets that are missing (gaps in the sequence numbers), and packets and writes whose audio was dropped because it was lost with REC_ERR_OVERRUN, came too late, overlapped earlier audio, or was not decoded by its decoder. A missing packet that arrives after all, or that is recovered from a later packet of Opus, no longer counts.</summary>
        public ulong FramesLost;

        /// <summary>Packets without audio that callrec can decode: unknown payload types, RTCP, and data that is not RTP.</summary>
        public ulong FramesIgnored;

        /// <summary>Bytes of audio written to disk. Late audio that replaces silence counts again.</summary>
        public ulong BytesOut;

        /// <summary>Bytes of audio that became silence because too much audio was pending for the disk (storage.backlog_ms, storage.backlog_bytes).</summary>
        public ulong BytesDropped;

        /// <summary>Bytes of audio that are pending for the disk now.</summary>
        public ulong BacklogBytes;

        /// <summary>Events that were dropped because a subscription's queue was full, or because there was no subscription.</summary>
        public ulong EventsDropped;

        /// <summary>The longest delay of a media thread in the last second, in microseconds.</summary>
        public ulong WorkerLagUs;

        /// <summary>Free space of the storage directory's file system in bytes, updated every second.</summary>
        public ulong FreeBytes;

        /// <summary>Recordings that were deleted, including deletions of an earlier process that this engine has completed.</summary>
        public ulong RecordingsDeleted;

        /// <summary>Recordings that are not uploaded yet.</summary>
        public ulong UploadsPending;

        /// <summary>How long the oldest of them has been waiting, in milliseconds.</summary>
        public ulong UploadsOldestMs;

        /// <summary>Recordings that were uploaded and verified.</summary>
        public ulong UploadsDone;

        /// <summary>Recordings whose upload was given up. Their local copies stay.</summary>
        public ulong UploadsFailed;

        /// <summary>Deleted recordings whose uploaded copies are not removed yet.</summary>
        public ulong UploadRemovalsPending;

        /// <summary>Whether the list of the cluster shows the recordings of this engine.</summary>
        public bool ClusterConnected;

        /// <summary>How often the connection to Redis was lost.</summary>
        public ulong ClusterLosses;

        /// <summary>Live recordings of this engine that the list of the cluster shows.</summary>
        public ulong ClusterRecordings;

        /// <summary>Requests of other nodes that this engine has carried out or refused by its rules.</summary>
        public ulong ClusterCommands;

        /// <summary>Requests of other nodes that came after their deadline, and were not carried out.</summary>
        public ulong ClusterLateCommands;

        /// <summary>Ended recordings whose end is not yet in the stream of the cluster, or not acknowledged.</summary>
        public ulong ClusterPendingEnds;
    }
}
