using System;

namespace Callrec
{
    /// <summary>A live call. <see cref="Dispose"/> ends it.</summary>
    public sealed class Call : IDisposable
    {
        private readonly Abi.rec_call handle;

        internal Call(Abi.rec_call handle)
        {
            this.handle = handle;
        }

        /// <summary>The id of the call.</summary>
        public string CallId
        {
            get
            {
                const int size = 4096;
                using (var memory = new NativeMemory())
                {
                    IntPtr text = memory.Allocate(size);
                    var error = CallrecException.NewError();
                    CallrecException.Check(Abi.rec_call_id(handle, text, new UIntPtr(size), ref error), error);
                    return Native.Text(text);
                }
            }
        }

        /// <summary>Changes the members that are not null or 0; the others stay.</summary>
        public void Update(CallInfo info)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_call_update(handle, info.Put(memory), ref error), error);
            }
        }

        /// <summary>Makes the call private: nothing of it is recorded meanwhile.</summary>
        public void SetPrivate(bool on)
        {
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_call_private(handle, on ? 1u : 0u, ref error), error);
        }

        /// <summary>Opens the feed of a leg, through which its audio is passed in.</summary>
        public Feed OpenFeed(Leg leg, Codec codec, int sampleRate = 0, int channels = 0, int aheadMs = 0)
        {
            using (var memory = new NativeMemory())
            {
                var feed = new Abi.rec_feed();
                var error = CallrecException.NewError();
                IntPtr format = Feed.Format(memory, codec, sampleRate, channels, aheadMs);
                CallrecException.Check(Abi.rec_feed_open(handle, (int)leg, format, ref feed, ref error), error);
                return new Feed(feed);
            }
        }

        /// <summary>Ends the call and its recordings.</summary>
        public void End()
        {
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_call_end(handle, ref error), error);
        }

        /// <summary>Ends the call, unless it has ended.</summary>
        public void Dispose()
        {
            var error = CallrecException.NewError();
            int status = Abi.rec_call_end(handle, ref error);
            if ((Status)status != Status.BadHandle)
                CallrecException.Check(status, error);
        }
    }
}
