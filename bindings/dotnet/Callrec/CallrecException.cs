using System;

namespace Callrec
{
    /// <summary>A function of the library has failed.</summary>
    public sealed class CallrecException : Exception
    {
        /// <summary>Why it has failed. A later library may return values that this version does not know.</summary>
        public Status Status { get; }

        /// <summary>Imagicle's BadRequestReason, or -1.</summary>
        public int Reason { get; }

        /// <summary>The line that may not be recorded, or "".</summary>
        public string DeviceName { get; }

        private CallrecException(int status, string message, int reason, string deviceName)
            : base(message.Length == 0 ? StatusText(status) : StatusText(status) + ": " + message)
        {
            Status = (Status)status;
            Reason = reason;
            DeviceName = deviceName;
        }

        private static string StatusText(int status)
        {
            return Native.Text(Abi.rec_status_text(status));
        }

        internal static Abi.rec_error NewError()
        {
            return new Abi.rec_error { struct_size = Native.Size<Abi.rec_error>() };
        }

        internal static void Check(int status, Abi.rec_error error)
        {
            if (status != 0)
                throw new CallrecException(status, Native.Text(error.message), error.reason, Native.Text(error.device_name));
        }

        internal static void Check(int status)
        {
            if (status != 0)
                throw new CallrecException(status, "", -1, "");
        }
    }
}
