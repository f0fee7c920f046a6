using System;
using System.Collections.Generic;

namespace Callrec
{
    /// <summary>A subscription to events. <see cref="Dispose"/> ends it; so does closing the engine.</summary>
    public sealed class Subscription : IDisposable
    {
        private readonly Abi.rec_subscription handle;

        internal Subscription(Abi.rec_subscription handle)
        {
            this.handle = handle;
        }

        public void Dispose()
        {
            int status = Abi.rec_unsubscribe(handle);
            if ((Status)status != Status.BadHandle)
                CallrecException.Check(status);
        }
    }

    /// <summary>One storage directory, and the threads of the library that record to it.</summary>
    public sealed partial class Engine : IDisposable
    {
        private readonly Abi.rec_engine handle;
        private static readonly List<Engine> Open = new List<Engine>();

        static Engine()
        {
            // An engine that is open at the end of the program would call code that is no longer there.
            AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => CloseAll();
        }

        private static void CloseAll()
        {
            Engine[] left;
            lock (Open)
                left = Open.ToArray();
            foreach (Engine engine in left)
                engine.Dispose();
        }

        /// <summary>Gets the exceptions of callbacks. Without it, they are printed to standard error.</summary>
        public static Action<Exception> UnhandledException;

        /// <summary>Opens an engine with keys of the configuration, such as storage.directory.</summary>
        public Engine(IDictionary<string, string> settings)
        {
            IntPtr config;
            CallrecException.Check(Abi.rec_config_new(out config));
            try
            {
                var error = CallrecException.NewError();
                foreach (var setting in settings)
                {
                    using (var memory = new NativeMemory())
                    {
                        IntPtr key = memory.Text(setting.Key), value = memory.Text(setting.Value);
                        CallrecException.Check(Abi.rec_config_set(config, key, value, ref error), error);
                    }
                }
                CallrecException.Check(Abi.rec_open(config, ref handle, ref error), error);
                lock (Open)
                    Open.Add(this);
            }
            finally
            {
                Abi.rec_config_free(config);
            }
        }

        /// <summary>The version of the library.</summary>
        public static string Version
        {
            get { return Native.Text(Abi.rec_version()); }
        }

        /// <summary>Ends all calls, finishes their recordings and delivers every event.</summary>
        public void Close(int timeoutMs)
        {
            Forget();
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_close(handle, (uint)timeoutMs, ref error), error);
        }

        /// <summary>Closes the engine within ten seconds, unless it is closed.</summary>
        public void Dispose()
        {
            Forget();
            var error = CallrecException.NewError();
            int status = Abi.rec_close(handle, 10000, ref error);
            if ((Status)status != Status.BadHandle)
                CallrecException.Check(status, error);
        }

        private void Forget()
        {
            lock (Open)
                Open.Remove(this);
        }

        /// <summary>Calls a function with each event, one at a time, on a thread of the library.</summary>
        public Subscription Subscribe(Action<CallrecEvent> callback, bool calls = false)
        {
            using (var memory = new NativeMemory())
            {
                IntPtr options = memory.Put(new Abi.rec_subscribe_options
                {
                    struct_size = Native.Size<Abi.rec_subscribe_options>(),
                    flags = calls ? (uint)SubscribeFlag.Calls : 0,
                });
                var subscription = new Abi.rec_subscription();
                var error = CallrecException.NewError();
                IntPtr number = Callbacks.Register(callback);
                int status = Abi.rec_subscribe_with(handle, options, Callbacks.OnEvent, number, Callbacks.OnFree, ref subscription, ref error);
                if (status != 0)
                    Callbacks.Free(number);
                CallrecException.Check(status, error);
                return new Subscription(subscription);
            }
        }

        /// <summary>Calls a function with each log line; null: none.</summary>
        public void SetLog(Action<LogLevel, string> callback)
        {
            var error = CallrecException.NewError();
            if (callback == null)
            {
                CallrecException.Check(Abi.rec_set_log(handle, null, IntPtr.Zero, null, ref error), error);
                return;
            }
            IntPtr number = Callbacks.Register(callback);
            int status = Abi.rec_set_log(handle, Callbacks.OnLog, number, Callbacks.OnFree, ref error);
            if (status != 0)
                Callbacks.Free(number);
            CallrecException.Check(status, error);
        }

        /// <summary>Announces a call.</summary>
        public Call BeginCall(CallInfo info)
        {
            using (var memory = new NativeMemory())
            {
                var call = new Abi.rec_call();
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_call_begin(handle, info.Put(memory), ref call, ref error), error);
                return new Call(call);
            }
        }

        /// <summary>Sets the policy of a line.</summary>
        public void SetLine(string deviceName, string directoryNumber, LineFlag flags)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_line_set(handle, Line(memory, deviceName, directoryNumber, flags), ref error), error);
            }
        }

        public void RemoveLine(string deviceName, string directoryNumber)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_line_remove(handle, Line(memory, deviceName, directoryNumber, 0), ref error), error);
            }
        }

        private static IntPtr Line(NativeMemory memory, string deviceName, string directoryNumber, LineFlag flags)
        {
            return memory.Put(new Abi.rec_line_info
            {
                struct_size = Native.Size<Abi.rec_line_info>(),
                flags = (uint)flags,
                device_name = memory.Text(deviceName),
                directory_number = memory.Text(directoryNumber),
            });
        }
    }
}
