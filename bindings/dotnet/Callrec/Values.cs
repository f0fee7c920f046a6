using System;
using System.Runtime.InteropServices;

namespace Callrec
{
    /// <summary>The user who makes a request. Without one, the host itself makes it.</summary>
    public sealed class Caller
    {
        /// <summary>The user reaches the calls with this username.</summary>
        public string Username = "";

        /// <summary>1 to 10, such as the values of <see cref="Callrec.Level"/>.</summary>
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
        /// <summary>Recordings whose state the operation changed.</summary>
        public int Changed;

        /// <summary>Recordings that were already in the requested state.</summary>
        public int Already;

        /// <summary>Recordings for which a line's policy or REC_ERR_DIAL_IN refused the operation.</summary>
        public int Refused;
    }

    /// <summary>A call, for <see cref="Engine.BeginCall"/> and <see cref="Call.Update"/>: rec_call_info of the header.</summary>
    public sealed class CallInfo
    {
        /// <summary>The state; 0 for connected.</summary>
        public CallState State;

        /// <summary>Who called.</summary>
        public Direction Direction;

        /// <summary>A number of the program, which events and recordings repeat.</summary>
        public ulong Tag;

        /// <summary>When the call was connected, in milliseconds since 1970; 0 for now.</summary>
        public long ConnectedAtMs;

        /// <summary>The call's id. If absent, callrec generates one. An update cannot change it.</summary>
        public string CallId;

        /// <summary>The id of the call in the switch: Genesys' connId, Cisco's global call id.</summary>
        public string SwitchCallId;

        /// <summary>The device name of the line.</summary>
        public string DeviceName;

        /// <summary>The directory number of the line.</summary>
        public string DirectoryNumber;

        /// <summary>The username of the line's owner. A caller with this username owns the call.</summary>
        public string Username;

        /// <summary>The owner's numeric user id.</summary>
        public string NumericUserId;

        /// <summary>The remote party's first name.</summary>
        public string RemoteFirstName;

        /// <summary>The remote party's last name.</summary>
        public string RemoteLastName;

        /// <summary>The remote party's telephone number.</summary>
        public string RemotePhoneNumber;

        /// <summary>The number that calls (automatic number identification).</summary>
        public string Ani;

        /// <summary>The number that was dialled (dialled number identification service).</summary>
        public string Dnis;

        /// <summary>Genesys' call type, such as "Internal", "Inbound", "Outbound" or "Consult".</summary>
        public string CallType;

        /// <summary>A JSON object whose values are strings.</summary>
        public string AttributesJson;

        /// <summary>Whether the parties consent to a recording.</summary>
        public Consent Consent;

        /// <summary>How the consent was given.</summary>
        public string ConsentSource;

        /// <summary>Since when it holds, in milliseconds since 1970; 0 for now.</summary>
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

        /// <summary>The call's id. call_id, device_name or directory_number is needed, and the call must match all of these that are present.</summary>
        public string CallId;

        /// <summary>The device name of the call's line.</summary>
        public string DeviceName;

        /// <summary>The directory number of the call's line.</summary>
        public string DirectoryNumber;

        /// <summary>"wav" (default), "wav-ulaw", "wav-alaw", "au", "au-ulaw", "au-alaw", "flac", "opus" or "mp3".</summary>
        public string Format;

        /// <summary>The URL that a running gateway requests when the recording has ended and its file exists. These requests are not signed. A URL that callbacks.allow does not list is REC_ERR_INVALID_ARGUMENT. In a build without the feature gateway, a URL is REC_ERR_UNSUPPORTED.</summary>
        public string CallbackUrl;

        /// <summary>"POST" (default) sends a form in the body. "GET" sends the fields in the query.</summary>
        public string CallbackMethod;

        /// <summary>The channels of the file.</summary>
        public Layout Layout;

        /// <summary>What a pause leaves in the file.</summary>
        public PauseMode PauseMode;

        /// <summary>Such as <see cref="StartFlag.Additional"/>.</summary>
        public StartFlag Flags;

        /// <summary>Maximum length of the audio in the file, silence included, in milliseconds. 0 means no limit.</summary>
        public uint MaxDurationMs;

        /// <summary>How much audio from before the start the recording begins with, in milliseconds, or REC_LOOKBACK_ALL. Only what media.lookback_ms has kept is given, and nothing from before the end of the latest pause of any recording of the call or of a time when the call was private or on a line that was not monitorable (REC_LINE_NOT_MONITORABLE), nor from before rec_call_info.consent_from_ms. A start while the call is private or waits for consent is given nothing. rec_recording.lookback_ms says how much was given. While media.lookback_ms is 0, or in stream time, any value but 0 is REC_ERR_UNSUPPORTED.</summary>
        public uint LookbackMs;

        /// <summary>Whether the packets are kept as they came.</summary>
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

    /// <summary>Functions that run at the beginning and at the end of each thread of the library. They get its name.</summary>
    public sealed class ThreadHooks
    {
        /// <summary>Run on the thread itself; they must not use the library. May be null.</summary>
        public Action<string> OnStart;

        /// <summary>As <see cref="OnStart"/>, at the end of the thread.</summary>
        public Action<string> OnEnd;
    }
}
