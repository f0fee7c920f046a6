using System;
using System.Collections.Generic;

namespace Callrec
{
    public sealed partial class Engine
    {
        private delegate int ById(Abi.rec_engine engine, IntPtr caller, IntPtr id, ref Abi.rec_error error);
        private delegate int ByDevice(Abi.rec_engine engine, IntPtr caller, IntPtr device, IntPtr number, ref Abi.rec_counts counts, ref Abi.rec_error error);
        private delegate int ByCall(Abi.rec_engine engine, IntPtr caller, IntPtr call, ref Abi.rec_counts counts, ref Abi.rec_error error);

        /// <summary>Starts a recording of a call, and returns its id.</summary>
        public string Start(StartOptions options, Caller caller = null)
        {
            return Start(options, caller, false);
        }

        /// <summary>Starts a recording with all that is kept of the call.</summary>
        public string Keep(StartOptions options, Caller caller = null)
        {
            return Start(options, caller, true);
        }

        private string Start(StartOptions options, Caller caller, bool keeps)
        {
            using (var memory = new NativeMemory())
            {
                var id = new Abi.rec_id();
                var error = CallrecException.NewError();
                IntPtr by = Caller.Put(caller, memory), what = options.Put(memory);
                int status = keeps
                    ? Abi.rec_call_keep(handle, by, what, ref id, ref error)
                    : Abi.rec_start(handle, by, what, ref id, ref error);
                CallrecException.Check(status, error);
                return Native.Text(id.text);
            }
        }

        /// <summary>Stops a recording.</summary>
        public void Stop(string id, Caller caller = null) { Control(Abi.rec_stop_by_id, id, caller); }

        /// <summary>Stops a recording and deletes it.</summary>
        public void Discard(string id, Caller caller = null) { Control(Abi.rec_discard_by_id, id, caller); }

        /// <summary>Pauses a recording.</summary>
        public void Pause(string id, Caller caller = null) { Control(Abi.rec_pause_by_id, id, caller); }

        /// <summary>Resumes a recording.</summary>
        public void Resume(string id, Caller caller = null) { Control(Abi.rec_resume_by_id, id, caller); }

        /// <summary>As <see cref="Stop"/>, for all recordings of a line.</summary>
        public Counts StopByDevice(string deviceName, string directoryNumber, Caller caller = null) { return Control(Abi.rec_stop_by_device, deviceName, directoryNumber, caller); }

        /// <summary>As <see cref="Discard"/>, for all recordings of a line.</summary>
        public Counts DiscardByDevice(string deviceName, string directoryNumber, Caller caller = null) { return Control(Abi.rec_discard_by_device, deviceName, directoryNumber, caller); }

        /// <summary>As <see cref="Pause"/>, for all recordings of a line.</summary>
        public Counts PauseByDevice(string deviceName, string directoryNumber, Caller caller = null) { return Control(Abi.rec_pause_by_device, deviceName, directoryNumber, caller); }

        /// <summary>As <see cref="Resume"/>, for all recordings of a line.</summary>
        public Counts ResumeByDevice(string deviceName, string directoryNumber, Caller caller = null) { return Control(Abi.rec_resume_by_device, deviceName, directoryNumber, caller); }

        /// <summary>As <see cref="Stop"/>, for all recordings of a call, or only for the one with this URL.</summary>
        public Counts StopByCall(string callId, string url = null, Caller caller = null) { return Control(Abi.rec_stop_by_call, callId, url, caller); }

        /// <summary>As <see cref="Discard"/>, for all recordings of a call, or only for the one with this URL.</summary>
        public Counts DiscardByCall(string callId, string url = null, Caller caller = null) { return Control(Abi.rec_discard_by_call, callId, url, caller); }

        /// <summary>As <see cref="Pause"/>, for all recordings of a call.</summary>
        public Counts PauseByCall(string callId, Caller caller = null) { return Control(Abi.rec_pause_by_call, callId, caller); }

        /// <summary>As <see cref="Resume"/>, for all recordings of a call.</summary>
        public Counts ResumeByCall(string callId, Caller caller = null) { return Control(Abi.rec_resume_by_call, callId, caller); }

        private void Control(ById function, string id, Caller caller)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                int status = function(handle, Caller.Put(caller, memory), memory.Text(id), ref error);
                CallrecException.Check(status, error);
            }
        }

        /// <summary>Two texts: of a line, or a call's id and a recording's URL.</summary>
        private Counts Control(ByDevice function, string first, string second, Caller caller)
        {
            return Control(caller, (IntPtr by, NativeMemory memory, ref Abi.rec_counts counts, ref Abi.rec_error error) =>
                function(handle, by, memory.Text(first), memory.Text(second), ref counts, ref error));
        }

        private Counts Control(ByCall function, string callId, Caller caller)
        {
            return Control(caller, (IntPtr by, NativeMemory memory, ref Abi.rec_counts counts, ref Abi.rec_error error) =>
                function(handle, by, memory.Text(callId), ref counts, ref error));
        }

        private delegate int Operation(IntPtr caller, NativeMemory memory, ref Abi.rec_counts counts, ref Abi.rec_error error);

        private static Counts Control(Caller caller, Operation operation)
        {
            using (var memory = new NativeMemory())
            {
                var counts = new Abi.rec_counts { struct_size = Native.Size<Abi.rec_counts>() };
                var error = CallrecException.NewError();
                CallrecException.Check(operation(Caller.Put(caller, memory), memory, ref counts, ref error), error);
                return new Counts { Changed = (int)counts.changed, Already = (int)counts.already, Refused = (int)counts.refused };
            }
        }

        /// <summary>Deletes a finished recording: its files, its manifest and what waits for it.</summary>
        public void Delete(string id, Caller caller = null) { Control(Abi.rec_delete, id, caller); }

        /// <summary>Holds a recording, so that nothing deletes or discards it, or releases it.</summary>
        public void Hold(string id, bool on, Caller caller = null)
        {
            Control((Abi.rec_engine engine, IntPtr by, IntPtr which, ref Abi.rec_error error) =>
                Abi.rec_hold(engine, by, which, on ? 1u : 0u, ref error), id, caller);
        }

        /// <summary>Adopts the storage directory of a process that has died. Events report how its recordings ended. Returns the number of these recordings.</summary>
        public int Adopt(string directory, int timeoutMs = 60000)
        {
            using (var memory = new NativeMemory())
            {
                uint recordings;
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_adopt(handle, memory.Text(directory), (uint)timeoutMs, out recordings, ref error), error);
                return (int)recordings;
            }
        }

        /// <summary>The live recordings of the calls that match every text that is not null, newest last.</summary>
        public IList<Recording> List(string deviceName = null, string directoryNumber = null, string username = null, string callId = null, Caller caller = null, string numericUserId = null, string switchCallId = null)
        {
            using (SnapshotHandle snapshot = Snapshot(deviceName, directoryNumber, username, callId, caller, numericUserId, switchCallId))
                return Recordings(snapshot);
        }

        /// <summary>As <see cref="List"/>: a JSON array of the recordings as events describe them.</summary>
        public string ListJson(string deviceName = null, string directoryNumber = null, string username = null, string callId = null, Caller caller = null, string numericUserId = null, string switchCallId = null)
        {
            using (SnapshotHandle snapshot = Snapshot(deviceName, directoryNumber, username, callId, caller, numericUserId, switchCallId))
                return Native.Text(Abi.rec_snapshot_json(snapshot));
        }

        private SnapshotHandle Snapshot(string deviceName, string directoryNumber, string username, string callId, Caller caller, string numericUserId, string switchCallId)
        {
            using (var memory = new NativeMemory())
            {
                IntPtr filter = memory.Put(new Abi.rec_filter
                {
                    struct_size = Native.Size<Abi.rec_filter>(),
                    device_name = memory.Text(deviceName),
                    directory_number = memory.Text(directoryNumber),
                    username = memory.Text(username),
                    numeric_user_id = memory.Text(numericUserId),
                    call_id = memory.Text(callId),
                    switch_call_id = memory.Text(switchCallId),
                });
                SnapshotHandle snapshot;
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_list(handle, Caller.Put(caller, memory), filter, out snapshot, ref error), error);
                return snapshot;
            }
        }

        /// <summary>One recording: live, finishing, or ended in the last minute.</summary>
        public Recording Get(string id, Caller caller = null)
        {
            using (var memory = new NativeMemory())
            {
                SnapshotHandle snapshot;
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_get(handle, Caller.Put(caller, memory), memory.Text(id), out snapshot, ref error), error);
                using (snapshot)
                    return Recordings(snapshot)[0];
            }
        }

        private static IList<Recording> Recordings(SnapshotHandle snapshot)
        {
            var found = new List<Recording>();
            ulong count = Abi.rec_snapshot_count(snapshot).ToUInt64();
            for (ulong index = 0; index < count; index++)
                found.Add(new Recording(Abi.rec_snapshot_get(snapshot, new UIntPtr(index))));
            return found;
        }

        /// <summary>What is live, and counters since the engine was opened.</summary>
        public Statistics Stats()
        {
            var read = new Abi.rec_statistics { struct_size = Native.Size<Abi.rec_statistics>() };
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_stats(handle, ref read, ref error), error);
            return new Statistics
            {
                LiveCalls = read.live_calls,
                LiveRecordings = read.live_recordings,
                FinishingRecordings = read.finishing_recordings,
                FramesIn = read.frames_in,
                FramesLost = read.frames_lost,
                FramesIgnored = read.frames_ignored,
                BytesOut = read.bytes_out,
                BytesDropped = read.bytes_dropped,
                BacklogBytes = read.backlog_bytes,
                EventsDropped = read.events_dropped,
                WorkerLagUs = read.worker_lag_us,
                FreeBytes = read.free_bytes,
                RecordingsDeleted = read.recordings_deleted,
                UploadsPending = read.uploads_pending,
                UploadsOldestMs = read.uploads_oldest_ms,
                UploadsDone = read.uploads_done,
                UploadsFailed = read.uploads_failed,
                UploadRemovalsPending = read.upload_removals_pending,
                ClusterConnected = read.cluster_connected != 0,
                ClusterLosses = read.cluster_losses,
                ClusterRecordings = read.cluster_recordings,
                ClusterCommands = read.cluster_commands,
                ClusterLateCommands = read.cluster_late_commands,
                ClusterPendingEnds = read.cluster_pending_ends,
            };
        }
    }
}
