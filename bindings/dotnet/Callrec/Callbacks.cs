using System;
using System.Collections.Generic;
using System.Threading;

namespace Callrec
{
    /// <summary>
    /// Functions that the library calls. It gets a number instead of an object, and calls
    /// user_data_free with it once it will not call the function again.
    /// </summary>
    internal static class Callbacks
    {
        private static readonly Dictionary<long, Delegate> Targets = new Dictionary<long, Delegate>();
        private static long latest;

        // Static, so that they are never collected while the library has their addresses.
        internal static readonly Abi.rec_event_fn OnEvent = Event;
        internal static readonly Abi.rec_log_fn OnLog = Log;
        internal static readonly Abi.rec_free_fn OnFree = Free;

        internal static IntPtr Register(Delegate target)
        {
            long number = Interlocked.Increment(ref latest);
            lock (Targets)
                Targets[number] = target;
            return new IntPtr(number);
        }

        internal static void Free(IntPtr userData)
        {
            lock (Targets)
                Targets.Remove(userData.ToInt64());
        }

        /// <summary>How many functions the library may call.</summary>
        internal static int Registered
        {
            get
            {
                lock (Targets)
                    return Targets.Count;
            }
        }

        private static Delegate Find(IntPtr userData)
        {
            Delegate target;
            lock (Targets)
                return Targets.TryGetValue(userData.ToInt64(), out target) ? target : null;
        }

        private static void Event(IntPtr userData, IntPtr at)
        {
            var target = Find(userData) as Action<CallrecEvent>;
            if (target != null)
                Contain(() => target(new CallrecEvent(at)));
        }

        private static void Log(IntPtr userData, int level, IntPtr message)
        {
            var target = Find(userData) as Action<LogLevel, string>;
            if (target != null)
                Contain(() => target((LogLevel)level, Native.Text(message)));
        }

        /// <summary>An exception must not reach the library.</summary>
        private static void Contain(Action act)
        {
            try
            {
                act();
            }
            catch (Exception fault)
            {
                Action<Exception> handler = Engine.UnhandledException;
                try
                {
                    if (handler != null)
                        handler(fault);
                    else
                        Console.Error.WriteLine("callrec: an exception in a callback: " + fault);
                }
                catch (Exception)
                {
                    // Nobody is left who could be told.
                }
            }
        }
    }
}
