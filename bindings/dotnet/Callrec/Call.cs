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

        private delegate int ByHandle(Abi.rec_call call, IntPtr caller, ref Abi.rec_counts counts, ref Abi.rec_error error);

        /// <summary>Starts a recording of this call, and returns its id.</summary>
        public string Start(StartOptions options, Caller caller = null)
        {
            using (var memory = new NativeMemory())
            {
                var id = new Abi.rec_id();
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_call_start(handle, Caller.Put(caller, memory), options.Put(memory), ref id, ref error), error);
                return Native.Text(id.text);
            }
        }

        /// <summary>Stops the recordings of this call.</summary>
        public Counts Stop(Caller caller = null) { return Control(Abi.rec_call_stop, caller); }

        /// <summary>Stops the recordings of this call and deletes them.</summary>
        public Counts Discard(Caller caller = null) { return Control(Abi.rec_call_discard, caller); }

        /// <summary>Pauses the recordings of this call.</summary>
        public Counts Pause(Caller caller = null) { return Control(Abi.rec_call_pause, caller); }

        /// <summary>Resumes the recordings of this call.</summary>
        public Counts Resume(Caller caller = null) { return Control(Abi.rec_call_resume, caller); }

        private Counts Control(ByHandle function, Caller caller)
        {
            using (var memory = new NativeMemory())
            {
                var counts = new Abi.rec_counts { struct_size = Native.Size<Abi.rec_counts>() };
                var error = CallrecException.NewError();
                CallrecException.Check(function(handle, Caller.Put(caller, memory), ref counts, ref error), error);
                return new Counts { Changed = (int)counts.changed, Already = (int)counts.already, Refused = (int)counts.refused };
            }
        }

        /// <summary>Says who is heard on a leg from now on: a JSON array of objects.</summary>
        public void SetParties(Leg leg, string partiesJson)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_call_parties(handle, (int)leg, memory.Text(partiesJson), ref error), error);
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
