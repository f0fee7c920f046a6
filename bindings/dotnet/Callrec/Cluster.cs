using System;
using System.Collections.Generic;

namespace Callrec
{
    /// <summary>A page of a list over a cluster.</summary>
    public sealed class ClusterPage
    {
        /// <summary>The recordings, the newest last.</summary>
        public readonly IList<Recording> Recordings;

        /// <summary>Where the next page begins; empty after the last one.</summary>
        public readonly string Cursor;

        internal ClusterPage(IList<Recording> recordings, string cursor)
        {
            Recordings = recordings;
            Cursor = cursor;
        }
    }

    // The recordings of all nodes of a cluster. A timeout of 0 is that of the configuration.
    public sealed partial class Engine
    {
        /// <summary>The live recordings of all nodes that match every text that is not null.</summary>
        public ClusterPage ClusterList(string deviceName = null, string directoryNumber = null, string username = null, string callId = null, int limit = 0, string cursor = null, int timeoutMs = 0, Caller caller = null)
        {
            using (var memory = new NativeMemory())
            {
                IntPtr filter = memory.Put(new Abi.rec_filter
                {
                    struct_size = Native.Size<Abi.rec_filter>(),
                    device_name = memory.Text(deviceName),
                    directory_number = memory.Text(directoryNumber),
                    username = memory.Text(username),
                    call_id = memory.Text(callId),
                    limit = (uint)limit,
                    cursor = memory.Text(cursor),
                });
                SnapshotHandle snapshot;
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_cluster_list(handle, Caller.Put(caller, memory), filter, (uint)timeoutMs, out snapshot, ref error), error);
                using (snapshot)
                    return new ClusterPage(Recordings(snapshot), Native.Text(Abi.rec_snapshot_cursor(snapshot)));
            }
        }

        /// <summary>One recording of any node.</summary>
        public Recording ClusterGet(string id, int timeoutMs = 0, Caller caller = null)
        {
            using (var memory = new NativeMemory())
            {
                SnapshotHandle snapshot;
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_cluster_get(handle, Caller.Put(caller, memory), memory.Text(id), (uint)timeoutMs, out snapshot, ref error), error);
                using (snapshot)
                    return Recordings(snapshot)[0];
            }
        }

        /// <summary>Applies an operation to a recording of any node.</summary>
        public void ClusterControl(ControlOperation operation, string id, int timeoutMs = 0, Caller caller = null)
        {
            Control((Abi.rec_engine engine, IntPtr by, IntPtr which, ref Abi.rec_error error) =>
                Abi.rec_cluster_control_by_id(engine, by, (int)operation, which, (uint)timeoutMs, ref error), id, caller);
        }

        /// <summary>Applies an operation to the live recordings on a line, on all nodes.</summary>
        public Counts ClusterControlByDevice(ControlOperation operation, string deviceName, string directoryNumber, int timeoutMs = 0, Caller caller = null)
        {
            return Control(caller, (IntPtr by, NativeMemory memory, ref Abi.rec_counts counts, ref Abi.rec_error error) =>
                Abi.rec_cluster_control_by_device(handle, by, (int)operation, memory.Text(deviceName), memory.Text(directoryNumber), (uint)timeoutMs, ref counts, ref error));
        }

        /// <summary>Applies an operation to the live recordings of a call, or to the one with this URL, on all nodes.</summary>
        public Counts ClusterControlByCall(ControlOperation operation, string callId, string url = null, int timeoutMs = 0, Caller caller = null)
        {
            return Control(caller, (IntPtr by, NativeMemory memory, ref Abi.rec_counts counts, ref Abi.rec_error error) =>
                Abi.rec_cluster_control_by_call(handle, by, (int)operation, memory.Text(callId), memory.Text(url), (uint)timeoutMs, ref counts, ref error));
        }
    }
}
