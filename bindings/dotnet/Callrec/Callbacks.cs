using System;
using System.Collections.Generic;
using System.Threading;

namespace Callrec
{
    /// <summary>
    /// Objects that the library calls. It gets a number instead of an object, and calls user_data_free
    /// with it once it will not call the object again.
    /// </summary>
    internal static class Callbacks
    {
        private static readonly Dictionary<long, object> Targets = new Dictionary<long, object>();
        private static long latest;

        // Static, so that they are never collected while the library has their addresses.
        internal static readonly Abi.rec_event_fn OnEvent = Event;
        internal static readonly Abi.rec_log_fn OnLog = Log;
        internal static readonly Abi.rec_thread_fn OnThreadStart = ThreadStart;
        internal static readonly Abi.rec_thread_fn OnThreadEnd = ThreadEnd;
        internal static readonly Abi.rec_free_fn OnFree = number => Contain(() => Free(number));

        internal static IntPtr Register(object target)
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

        /// <summary>How many objects the library may call.</summary>
        internal static int Registered
        {
            get
            {
                lock (Targets)
                    return Targets.Count;
            }
        }

        /// <summary>The object of a number, or null.</summary>
        internal static T Find<T>(IntPtr userData) where T : class
        {
            object target;
            lock (Targets)
                return Targets.TryGetValue(userData.ToInt64(), out target) ? target as T : null;
        }

        private static void Event(IntPtr userData, IntPtr at)
        {
            Contain(() =>
            {
                var target = Find<Action<CallrecEvent>>(userData);
                if (target != null)
                    target(new CallrecEvent(at));
            });
        }

        private static void Log(IntPtr userData, int level, IntPtr message)
        {
            Contain(() =>
            {
                var target = Find<Action<LogLevel, string>>(userData);
                if (target != null)
                    target((LogLevel)level, Native.Text(message));
            });
        }

        private static void ThreadStart(IntPtr userData, IntPtr name)
        {
            Contain(() =>
            {
                var hooks = Find<ThreadHooks>(userData);
                if (hooks != null && hooks.OnStart != null)
                    hooks.OnStart(Native.Text(name));
            });
        }

        private static void ThreadEnd(IntPtr userData, IntPtr name)
        {
            Contain(() =>
            {
                var hooks = Find<ThreadHooks>(userData);
                if (hooks != null && hooks.OnEnd != null)
                    hooks.OnEnd(Native.Text(name));
            });
        }

        private static void Contain(Action act)
        {
            Contain(0, () =>
            {
                act();
                return 0;
            });
        }

        /// <summary>What a function returns, or another value if it throws: an exception must not reach the library.</summary>
        internal static T Contain<T>(T otherwise, Func<T> act)
        {
            try
            {
                Signals.UnblockOnce();
                return act();
            }
            catch (ThreadAbortException)
            {
                // Mono and .NET Framework end the program. Without a reset, this exception would reach the library.
                Thread.ResetAbort();
                return otherwise;
            }
            catch (Exception fault)
            {
                Report(fault);
                return otherwise;
            }
        }

        private static void Report(Exception fault)
        {
            try
            {
                Action<Exception> handler = Engine.UnhandledException;
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
