using System;
using System.Runtime.InteropServices;

namespace Callrec
{
    /// <summary>An object of the library that must be freed.</summary>
    internal abstract class LibraryHandle : SafeHandle
    {
        protected LibraryHandle() : base(IntPtr.Zero, true)
        {
        }

        public override bool IsInvalid
        {
            get { return handle == IntPtr.Zero; }
        }
    }

    internal sealed class ConfigHandle : LibraryHandle
    {
        protected override bool ReleaseHandle()
        {
            Abi.rec_config_free(handle);
            return true;
        }
    }

    internal sealed class SnapshotHandle : LibraryHandle
    {
        protected override bool ReleaseHandle()
        {
            Abi.rec_snapshot_free(handle);
            return true;
        }
    }

    internal sealed class HttpResponseHandle : LibraryHandle
    {
        protected override bool ReleaseHandle()
        {
            Abi.rec_http_response_free(handle);
            return true;
        }
    }
}
