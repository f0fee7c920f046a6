// The C ABI of callrec. Generated from include/callrec.h, which describes it; do not edit.

using System;
using System.Runtime.InteropServices;

namespace Callrec
{
    internal static class Abi
    {
        internal const string Library = "callrec";
        internal const uint LookbackAll = 4294967295;

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_engine
        {
            public ulong id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_chain_head
        {
            public uint struct_size;
            public uint reserved;
            public ulong sequence;
            public ulong waiting;
            public ulong dropped;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 72)] public byte[] hash;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_error
        {
            public uint struct_size;
            public int status;
            public int reason;
            public uint reserved;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)] public byte[] device_name;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 512)] public byte[] message;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_audit_report
        {
            public uint struct_size;
            public uint reserved;
            public ulong sequence;
            public ulong lines_after_head;
            public ulong unfinished;
            public ulong unfinished_bytes;
            public ulong dropped;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 72)] public byte[] hash;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_call_info
        {
            public uint struct_size;
            public int state;
            public int direction;
            public uint reserved;
            public ulong tag;
            public long connected_at_ms;
            public IntPtr call_id;
            public IntPtr switch_call_id;
            public IntPtr device_name;
            public IntPtr directory_number;
            public IntPtr username;
            public IntPtr numeric_user_id;
            public IntPtr remote_first_name;
            public IntPtr remote_last_name;
            public IntPtr remote_phone_number;
            public IntPtr ani;
            public IntPtr dnis;
            public IntPtr call_type;
            public IntPtr attributes_json;
            public int consent;
            public uint reserved2;
            public IntPtr consent_source;
            public long consent_from_ms;
            public IntPtr related_call_id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_call
        {
            public ulong id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_codec_ops
        {
            public uint struct_size;
            public uint sample_rate;
            public uint channels;
            public uint frame_bytes;
            public uint frame_samples;
            public uint reserved;
            public IntPtr user_data;
            public IntPtr user_data_free;
            public IntPtr create;
            public IntPtr decode;
            public IntPtr conceal;
            public IntPtr destroy;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_caller
        {
            public uint struct_size;
            public uint level;
            public IntPtr username;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_counts
        {
            public uint struct_size;
            public uint changed;
            public uint already;
            public uint refused;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_start_options
        {
            public uint struct_size;
            public uint flags;
            public int layout;
            public int pause_mode;
            public uint max_duration_ms;
            public uint lookback_ms;
            public IntPtr call_id;
            public IntPtr device_name;
            public IntPtr directory_number;
            public IntPtr format;
            public IntPtr callback_url;
            public IntPtr callback_method;
            public int keep_raw;
            public uint reserved;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_id
        {
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 37)] public byte[] text;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_statistics
        {
            public uint struct_size;
            public uint reserved;
            public ulong live_calls;
            public ulong live_recordings;
            public ulong finishing_recordings;
            public ulong frames_in;
            public ulong frames_lost;
            public ulong frames_ignored;
            public ulong bytes_out;
            public ulong bytes_dropped;
            public ulong backlog_bytes;
            public ulong events_dropped;
            public ulong worker_lag_us;
            public ulong free_bytes;
            public ulong recordings_deleted;
            public ulong uploads_pending;
            public ulong uploads_oldest_ms;
            public ulong uploads_done;
            public ulong uploads_failed;
            public ulong upload_removals_pending;
            public ulong cluster_connected;
            public ulong cluster_losses;
            public ulong cluster_recordings;
            public ulong cluster_commands;
            public ulong cluster_late_commands;
            public ulong cluster_pending_ends;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_recording
        {
            public uint struct_size;
            public int state;
            public int end_reason;
            public int error;
            public int layout;
            public int pause_mode;
            public uint flags;
            public uint sample_rate;
            public ulong call_tag;
            public rec_id id;
            public IntPtr call_id;
            public IntPtr switch_call_id;
            public IntPtr device_name;
            public IntPtr directory_number;
            public IntPtr username;
            public IntPtr numeric_user_id;
            public IntPtr remote_first_name;
            public IntPtr remote_last_name;
            public IntPtr remote_phone_number;
            public IntPtr format;
            public IntPtr url;
            public IntPtr path;
            public IntPtr digest;
            public long started_at_ms;
            public long ended_at_ms;
            public ulong duration_ms;
            public ulong paused_ms;
            public ulong lost_ms;
            public ulong bytes;
            public IntPtr raw_path;
            public IntPtr raw_digest;
            public ulong raw_bytes;
            public ulong raw_packets;
            public ulong lookback_ms;
            public uint held;
            public uint unreachable;
            public IntPtr node;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_call_view
        {
            public uint struct_size;
            public int state;
            public int direction;
            public uint is_private;
            public int end_reason;
            public uint reserved;
            public ulong number;
            public ulong tag;
            public long connected_at_ms;
            public IntPtr call_id;
            public IntPtr switch_call_id;
            public IntPtr device_name;
            public IntPtr directory_number;
            public IntPtr username;
            public IntPtr numeric_user_id;
            public IntPtr remote_first_name;
            public IntPtr remote_last_name;
            public IntPtr remote_phone_number;
            public IntPtr ani;
            public IntPtr dnis;
            public IntPtr call_type;
            public IntPtr attributes_json;
            public int consent;
            public uint reserved2;
            public IntPtr consent_source;
            public long consent_from_ms;
            public long consent_at_ms;
            public IntPtr related_call_ids_json;
            public IntPtr parties_json;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_event
        {
            public uint struct_size;
            public int kind;
            public uint flags;
            public uint reserved;
            public ulong sequence;
            public long time_ms;
            public IntPtr recording;
            public IntPtr json;
            public int status;
            public uint reserved2;
            public ulong call_tag;
            public ulong call_number;
            public IntPtr call;
            public ulong frame;
            public IntPtr object_url;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_subscription
        {
            public ulong id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_subscribe_options
        {
            public uint struct_size;
            public uint flags;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_feed_format
        {
            public uint struct_size;
            public int codec;
            public uint sample_rate;
            public uint reserved;
            public uint ahead_ms;
            public uint channels;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_feed
        {
            public ulong id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_credentials
        {
            public uint struct_size;
            public int scheme;
            public IntPtr name;
            public IntPtr secret;
            public IntPtr source;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_identity
        {
            public uint struct_size;
            public uint level;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)] public byte[] username;
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 256)] public byte[] signature_key;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_gateway_options
        {
            public uint struct_size;
            public uint port;
            public IntPtr address;
            public uint flags;
            public uint reserved;
            public IntPtr authenticate;
            public IntPtr user_data;
            public IntPtr user_data_free;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_gateway
        {
            public ulong id;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_http_request
        {
            public uint struct_size;
            public uint reserved;
            public IntPtr method;
            public IntPtr target;
            public IntPtr headers;
            public IntPtr body;
            public UIntPtr body_size;
            public IntPtr source;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_line_info
        {
            public uint struct_size;
            public uint flags;
            public IntPtr device_name;
            public IntPtr directory_number;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct rec_filter
        {
            public uint struct_size;
            public uint reserved;
            public IntPtr device_name;
            public IntPtr directory_number;
            public IntPtr username;
            public IntPtr numeric_user_id;
            public IntPtr call_id;
            public IntPtr switch_call_id;
            public uint limit;
            public uint reserved2;
            public IntPtr cursor;
        }

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void rec_free_fn(IntPtr user_data);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate IntPtr rec_codec_create_fn(IntPtr user_data, uint sample_rate, uint channels, IntPtr fmtp);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate int rec_codec_decode_fn(IntPtr state, IntPtr payload, UIntPtr size, IntPtr samples, UIntPtr capacity, IntPtr count);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate int rec_codec_conceal_fn(IntPtr state, IntPtr samples, UIntPtr count);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void rec_codec_destroy_fn(IntPtr state);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void rec_log_fn(IntPtr user_data, int level, IntPtr message);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void rec_event_fn(IntPtr user_data, IntPtr @event);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate int rec_authenticate_fn(IntPtr user_data, IntPtr credentials, IntPtr identity);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void rec_thread_fn(IntPtr user_data, IntPtr name);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_audit_head(rec_engine engine, ref rec_chain_head head, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_verify_audit(IntPtr directory, IntPtr known_head, ref rec_audit_report report, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_begin(rec_engine engine, IntPtr info, ref rec_call call, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_update(rec_call call, IntPtr info, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_private(rec_call call, uint on, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_end(rec_call call, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_id(rec_call call, IntPtr text, UIntPtr size, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_parties(rec_call call, int leg, IntPtr parties_json, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_codec_register(rec_engine engine, IntPtr encoding_name, IntPtr ops, out int codec, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_config_new(out ConfigHandle config);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_config_set(ConfigHandle config, IntPtr key, IntPtr value, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_config_load(ConfigHandle config, IntPtr path, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void rec_config_free(IntPtr config);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_stop_by_id(rec_engine engine, IntPtr caller, IntPtr id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_discard_by_id(rec_engine engine, IntPtr caller, IntPtr id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_pause_by_id(rec_engine engine, IntPtr caller, IntPtr id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_resume_by_id(rec_engine engine, IntPtr caller, IntPtr id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_stop_by_device(rec_engine engine, IntPtr caller, IntPtr device_name, IntPtr directory_number, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_discard_by_device(rec_engine engine, IntPtr caller, IntPtr device_name, IntPtr directory_number, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_pause_by_device(rec_engine engine, IntPtr caller, IntPtr device_name, IntPtr directory_number, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_resume_by_device(rec_engine engine, IntPtr caller, IntPtr device_name, IntPtr directory_number, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_stop_by_call(rec_engine engine, IntPtr caller, IntPtr call_id, IntPtr url, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_discard_by_call(rec_engine engine, IntPtr caller, IntPtr call_id, IntPtr url, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_pause_by_call(rec_engine engine, IntPtr caller, IntPtr call_id, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_resume_by_call(rec_engine engine, IntPtr caller, IntPtr call_id, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_start(rec_call call, IntPtr caller, IntPtr options, ref rec_id id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_stop(rec_call call, IntPtr caller, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_discard(rec_call call, IntPtr caller, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_pause(rec_call call, IntPtr caller, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_resume(rec_call call, IntPtr caller, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_delete(rec_engine engine, IntPtr caller, IntPtr id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_hold(rec_engine engine, IntPtr caller, IntPtr id, uint on, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_open(ConfigHandle config, ref rec_engine engine, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_close(rec_engine engine, uint timeout_ms, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_adopt(rec_engine engine, IntPtr directory, uint timeout_ms, out uint recordings, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_stats(rec_engine engine, ref rec_statistics statistics, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_set_log(rec_engine engine, rec_log_fn callback, IntPtr user_data, rec_free_fn user_data_free, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_subscribe(rec_engine engine, rec_event_fn callback, IntPtr user_data, rec_free_fn user_data_free, ref rec_subscription subscription, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_subscribe_with(rec_engine engine, IntPtr options, rec_event_fn callback, IntPtr user_data, rec_free_fn user_data_free, ref rec_subscription subscription, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_unsubscribe(rec_subscription subscription);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_open(rec_call call, int leg, IntPtr format, ref rec_feed feed, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_set_format(rec_feed feed, IntPtr format, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_payload(rec_feed feed, uint payload_type, IntPtr format, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_sdp(rec_feed feed, IntPtr sdp, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_write(rec_feed feed, IntPtr data, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_write(rec_feed feed, byte[] data, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_write_at(rec_feed feed, ulong at, IntPtr data, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_write_at(rec_feed feed, ulong at, byte[] data, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_rtp(rec_feed feed, IntPtr packet, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_rtp(rec_feed feed, byte[] packet, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_rtp_at(rec_feed feed, uint age_us, IntPtr packet, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_rtp_at(rec_feed feed, uint age_us, byte[] packet, UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_wait(rec_feed feed, uint timeout_ms);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_clear(rec_feed feed, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_dtmf(rec_feed feed, uint duration_ms, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_feed_close(rec_feed feed);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_gateway_start(rec_engine engine, IntPtr options, ref rec_gateway gateway, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_gateway_port(rec_gateway gateway, out uint port, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_gateway_stop(rec_gateway gateway, uint timeout_ms, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_http_handle(rec_gateway gateway, IntPtr request, out HttpResponseHandle response, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_http_response_status(HttpResponseHandle response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_http_response_headers(HttpResponseHandle response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_http_response_body(HttpResponseHandle response, out UIntPtr size);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void rec_http_response_free(IntPtr response);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_line_set(rec_engine engine, IntPtr line, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_line_remove(rec_engine engine, IntPtr line, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_list(rec_engine engine, IntPtr caller, IntPtr filter, out SnapshotHandle snapshot, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_get(rec_engine engine, IntPtr caller, IntPtr id, out SnapshotHandle snapshot, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern UIntPtr rec_snapshot_count(SnapshotHandle snapshot);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_snapshot_get(SnapshotHandle snapshot, UIntPtr index);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_snapshot_json(SnapshotHandle snapshot);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_snapshot_cursor(SnapshotHandle snapshot);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void rec_snapshot_free(IntPtr snapshot);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_cluster_list(rec_engine engine, IntPtr caller, IntPtr filter, uint timeout_ms, out SnapshotHandle snapshot, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_cluster_get(rec_engine engine, IntPtr caller, IntPtr id, uint timeout_ms, out SnapshotHandle snapshot, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_cluster_control_by_id(rec_engine engine, IntPtr caller, int operation, IntPtr id, uint timeout_ms, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_cluster_control_by_device(rec_engine engine, IntPtr caller, int operation, IntPtr device_name, IntPtr directory_number, uint timeout_ms, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_cluster_control_by_call(rec_engine engine, IntPtr caller, int operation, IntPtr call_id, IntPtr url, uint timeout_ms, ref rec_counts counts, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_start(rec_engine engine, IntPtr caller, IntPtr options, ref rec_id id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_call_keep(rec_engine engine, IntPtr caller, IntPtr options, ref rec_id id, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_config_set_thread_hooks(ConfigHandle config, rec_thread_fn on_start, rec_thread_fn on_end, IntPtr user_data, rec_free_fn user_data_free, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int rec_verify(IntPtr path, ref rec_error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern uint rec_version_number();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr rec_status_text(int status);
    }
}
