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

        /// <summary>Ends the subscription. Its function is not running any more when this returns.</summary>
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
            {
                try
                {
                    engine.Close(ExitTimeoutMs);
                }
                catch (CallrecException)
                {
                    // The other engines are closed all the same.
                }
            }
        }

        /// <summary>Gets the exceptions of callbacks. Without it, they are printed to standard error.</summary>
        public static Action<Exception> UnhandledException;

        /// <summary>How long the end of the program waits for an engine that is still open, in milliseconds.</summary>
        public static int ExitTimeoutMs = 10000;

        /// <summary>Opens an engine with keys of the configuration, such as storage.directory.</summary>
        public Engine(IDictionary<string, string> settings, ThreadHooks hooks = null)
            : this(config => Set(config, settings), hooks)
        {
        }

        /// <summary>Opens an engine with the configuration of a JSON file.</summary>
        public Engine(string settingsFile, ThreadHooks hooks = null)
            : this(config => Load(config, settingsFile), hooks)
        {
        }

        private Engine(Action<ConfigHandle> configure, ThreadHooks hooks)
        {
            ConfigHandle config;
            CallrecException.Check(Abi.rec_config_new(out config));
            using (config)
            {
                configure(config);
                if (hooks != null)
                    Set(config, hooks);
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_open(config, ref handle, ref error), error);
                lock (Open)
                    Open.Add(this);
            }
        }

        private static void Set(ConfigHandle config, IDictionary<string, string> settings)
        {
            foreach (var setting in settings)
            {
                using (var memory = new NativeMemory())
                {
                    var error = CallrecException.NewError();
                    IntPtr key = memory.Text(setting.Key), value = memory.Text(setting.Value);
                    CallrecException.Check(Abi.rec_config_set(config, key, value, ref error), error);
                }
            }
        }

        private static void Set(ConfigHandle config, ThreadHooks hooks)
        {
            var error = CallrecException.NewError();
            IntPtr number = Callbacks.Register(hooks);
            int status = Abi.rec_config_set_thread_hooks(config, Callbacks.OnThreadStart, Callbacks.OnThreadEnd, number, Callbacks.OnFree, ref error);
            if (status != 0)
                Callbacks.Free(number);
            CallrecException.Check(status, error);
        }

        private static void Load(ConfigHandle config, string path)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_config_load(config, memory.Text(path), ref error), error);
            }
        }

        /// <summary>The version of the library.</summary>
        public static Version Version
        {
            get
            {
                uint number = Abi.rec_version_number();
                return new Version((int)(number >> 16), (int)(number >> 8 & 0xFF), (int)(number & 0xFF));
            }
        }

        /// <summary>The version of the library as text, which may say more.</summary>
        public static string VersionText
        {
            get { return Native.Text(Abi.rec_version()); }
        }

        /// <summary>Ends all calls, finishes their recordings and delivers every event.</summary>
        public void Close(int timeoutMs)
        {
            var error = CallrecException.NewError();
            int status = Abi.rec_close(handle, (uint)timeoutMs, ref error);
            // In a callback, it stays open.
            if ((Status)status != Status.InCallback)
            {
                lock (Open)
                    Open.Remove(this);
            }
            CallrecException.Check(status, error);
        }

        /// <summary>Closes the engine within ten seconds, unless it is closed.</summary>
        public void Dispose()
        {
            try
            {
                Close(10000);
            }
            catch (CallrecException refused) when (refused.Status == Status.BadHandle)
            {
            }
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

        /// <summary>
        /// Registers a codec that this program decodes, and returns its number for <see cref="Feed.Payload"/>.
        /// The function makes the decoder of each stream, or returns null. It runs on a thread of the library.
        /// </summary>
        public Codec RegisterCodec(string encodingName, Func<StreamFormat, IDecoder> factory, CodecOptions options = null)
        {
            using (var memory = new NativeMemory())
            {
                int codec;
                var error = CallrecException.NewError();
                IntPtr number = Callbacks.Register(factory);
                IntPtr ops = memory.Put(Codecs.Ops(options ?? new CodecOptions(), number));
                int status = Abi.rec_codec_register(handle, memory.Text(encodingName), ops, out codec, ref error);
                if (status != 0)
                    Callbacks.Free(number);
                CallrecException.Check(status, error);
                return (Codec)codec;
            }
        }

        /// <summary>
        /// Starts a server with the HTTP APIs. The function identifies the clients, on threads of the library; for
        /// credentials that are wrong, it returns null. Without it, no client is let in. Throws with
        /// <see cref="Status.Unsupported"/> if the library was built without the feature "gateway".
        /// </summary>
        public Gateway StartGateway(Func<Credentials, Identity> authenticate, GatewayOptions options = null)
        {
            return new Gateway(handle, authenticate, options ?? new GatewayOptions());
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

        /// <summary>Removes the policy of a line.</summary>
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
