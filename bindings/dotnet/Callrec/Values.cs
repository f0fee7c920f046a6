using System;
using System.Runtime.InteropServices;

namespace Callrec
{
    /// <summary>The user who makes a request. Without one, the host itself makes it.</summary>
    public sealed class Caller
    {
        public string Username = "";
        public int Level;

        internal static IntPtr Put(Caller caller, NativeMemory memory)
        {
            if (caller == null)
                return IntPtr.Zero;
            return memory.Put(new Abi.rec_caller
            {
                struct_size = Native.Size<Abi.rec_caller>(),
                level = (uint)caller.Level,
                username = memory.Text(caller.Username),
            });
        }
    }

    /// <summary>How many recordings an operation has changed, left as they were, and was refused for.</summary>
    public struct Counts
    {
        public int Changed, Already, Refused;
    }

    /// <summary>A call, for <see cref="Engine.BeginCall"/> and <see cref="Call.Update"/>: rec_call_info of the header.</summary>
    public sealed class CallInfo
    {
        public CallState State;
        public Direction Direction;
        public ulong Tag;
        public long ConnectedAtMs;
        public string CallId, SwitchCallId, DeviceName, DirectoryNumber, Username, NumericUserId;
        public string RemoteFirstName, RemoteLastName, RemotePhoneNumber, Ani, Dnis, CallType;
        /// <summary>A JSON object whose values are strings.</summary>
        public string AttributesJson;
        public Consent Consent;
        public string ConsentSource;
        public long ConsentFromMs;
        /// <summary>A further id of the call.</summary>
        public string RelatedCallId;

        internal IntPtr Put(NativeMemory memory)
        {
            return memory.Put(new Abi.rec_call_info
            {
                struct_size = Native.Size<Abi.rec_call_info>(),
                state = (int)State,
                direction = (int)Direction,
                tag = Tag,
                connected_at_ms = ConnectedAtMs,
                call_id = memory.Text(CallId),
                switch_call_id = memory.Text(SwitchCallId),
                device_name = memory.Text(DeviceName),
                directory_number = memory.Text(DirectoryNumber),
                username = memory.Text(Username),
                numeric_user_id = memory.Text(NumericUserId),
                remote_first_name = memory.Text(RemoteFirstName),
                remote_last_name = memory.Text(RemoteLastName),
                remote_phone_number = memory.Text(RemotePhoneNumber),
                ani = memory.Text(Ani),
                dnis = memory.Text(Dnis),
                call_type = memory.Text(CallType),
                attributes_json = memory.Text(AttributesJson),
                consent = (int)Consent,
                consent_source = memory.Text(ConsentSource),
                consent_from_ms = ConsentFromMs,
                related_call_id = memory.Text(RelatedCallId),
            });
        }
    }

    /// <summary>What to record, and how: rec_start_options of the header.</summary>
    public sealed class StartOptions
    {
        /// <summary>As <see cref="LookbackMs"/>: all that is kept of the call.</summary>
        public const uint LookbackAll = Abi.LookbackAll;

        public string CallId, DeviceName, DirectoryNumber, Format, CallbackUrl, CallbackMethod;
        public Layout Layout;
        public PauseMode PauseMode;
        public StartFlag Flags;
        public uint MaxDurationMs, LookbackMs;
        public KeepRaw KeepRaw;

        internal IntPtr Put(NativeMemory memory)
        {
            return memory.Put(new Abi.rec_start_options
            {
                struct_size = Native.Size<Abi.rec_start_options>(),
                flags = (uint)Flags,
                layout = (int)Layout,
                pause_mode = (int)PauseMode,
                max_duration_ms = MaxDurationMs,
                lookback_ms = LookbackMs,
                call_id = memory.Text(CallId),
                device_name = memory.Text(DeviceName),
                directory_number = memory.Text(DirectoryNumber),
                format = memory.Text(Format),
                callback_url = memory.Text(CallbackUrl),
                callback_method = memory.Text(CallbackMethod),
                keep_raw = (int)KeepRaw,
            });
        }
    }

    /// <summary>A recording, as it was when this object was made: rec_recording of the header.</summary>
    public sealed class Recording
    {
        public readonly string Id, CallId, SwitchCallId, DeviceName, DirectoryNumber, Username, RemotePhoneNumber;
        public readonly string Format, Url, Path, Digest;
        public readonly State State;
        public readonly EndReason EndReason;
        public readonly Status Error;
        public readonly Layout Layout;
        public readonly PauseMode PauseMode;
        public readonly StartFlag Flags;
        public readonly int SampleRate;
        public readonly ulong CallTag;
        public readonly long StartedAtMs, EndedAtMs;
        public readonly ulong DurationMs, PausedMs, LostMs, Bytes, LookbackMs;

        internal Recording(IntPtr at)
        {
            var read = Native.Read<Abi.rec_recording>(at);
            Id = Native.Text(read.id.text);
            CallId = Native.Text(read.call_id);
            SwitchCallId = Native.Text(read.switch_call_id);
            DeviceName = Native.Text(read.device_name);
            DirectoryNumber = Native.Text(read.directory_number);
            Username = Native.Text(read.username);
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
            Bytes = read.bytes;
            LookbackMs = read.lookback_ms;
        }
    }

    /// <summary>An event: rec_event of the header.</summary>
    public sealed class CallrecEvent
    {
        public readonly EventKind Kind;
        public readonly EventFlag Flags;
        public readonly ulong Sequence, CallTag, CallNumber;
        public readonly long TimeMs;
        public readonly Status Status;
        /// <summary>The recording that the event is about, or null.</summary>
        public readonly Recording Recording;
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
            Status = (Status)read.status;
            Recording = read.recording == IntPtr.Zero ? null : new Recording(read.recording);
            Json = Native.Text(read.json);
        }
    }

    /// <summary>What is live, and counters since the engine was opened: rec_statistics of the header.</summary>
    public struct Statistics
    {
        public ulong LiveCalls, LiveRecordings, FinishingRecordings, FramesIn, FramesLost, FramesIgnored;
        public ulong BytesOut, BytesDropped, BacklogBytes, EventsDropped, WorkerLagUs, FreeBytes;
    }
}
