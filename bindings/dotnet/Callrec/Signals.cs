using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Callrec
{
    /// <summary>
    /// Mono and .NET stop a thread for the garbage collector with a real-time signal, and wait until the
    /// thread handles it. The threads of the library block all signals, so that a collection would wait for
    /// ever once one of them has run a callback. A callback therefore unblocks these signals first.
    /// </summary>
    internal static class Signals
    {
        private const int Unblock = 1;
        private static readonly bool IsLinux = Environment.OSVersion.Platform == PlatformID.Unix && File.Exists("/proc/self/status");

        [ThreadStatic]
        private static bool unblocked;

        [DllImport("libc")]
        private static extern int pthread_sigmask(int how, ulong[] set, IntPtr old);

        /// <summary>Lets the runtime stop this thread.</summary>
        internal static void UnblockOnce()
        {
            if (unblocked || !IsLinux)
                return;
            unblocked = true;
            // A sigset_t has 1024 bits. The real-time signals begin with 34 (glibc) or 35 (musl).
            var set = new ulong[16];
            set[0] = ~0ul << 33;
            pthread_sigmask(Unblock, set, IntPtr.Zero);
        }
    }
}
