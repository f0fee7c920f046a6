using System;

namespace Callrec
{
    /// <summary>The audio of one leg. Rtp and Write never wait. <see cref="Dispose"/> closes the feed.</summary>
    public sealed class Feed : IDisposable
    {
        private readonly Abi.rec_feed handle;

        internal Feed(Abi.rec_feed handle)
        {
            this.handle = handle;
        }

        internal static IntPtr Format(NativeMemory memory, Codec codec, int sampleRate, int channels, int aheadMs)
        {
            return memory.Put(new Abi.rec_feed_format
            {
                struct_size = Native.Size<Abi.rec_feed_format>(),
                codec = (int)codec,
                sample_rate = (uint)sampleRate,
                channels = (uint)channels,
                ahead_ms = (uint)aheadMs,
            });
        }

        /// <summary>Passes in an RTP packet. Returns false if it was lost, because its memory is full.</summary>
        public bool Rtp(byte[] packet, int size)
        {
            return Accepted(Abi.rec_feed_rtp(handle, packet, Length(packet, size)));
        }

        /// <summary>As <see cref="Rtp(byte[], int)"/>, for a packet in native memory.</summary>
        public bool Rtp(IntPtr packet, int size)
        {
            return Accepted(Abi.rec_feed_rtp(handle, packet, Length(size)));
        }

        /// <summary>As <see cref="Rtp(byte[], int)"/>, for a packet that arrived a while ago.</summary>
        public bool RtpAt(uint ageUs, byte[] packet, int size)
        {
            return Accepted(Abi.rec_feed_rtp_at(handle, ageUs, packet, Length(packet, size)));
        }

        /// <summary>As <see cref="RtpAt(uint, byte[], int)"/>, for a packet in native memory.</summary>
        public bool RtpAt(uint ageUs, IntPtr packet, int size)
        {
            return Accepted(Abi.rec_feed_rtp_at(handle, ageUs, packet, Length(size)));
        }

        /// <summary>Passes in samples. Returns false if there is no room for them now; Wait waits for it.</summary>
        public bool Write(byte[] samples, int size)
        {
            return Accepted(Abi.rec_feed_write(handle, samples, Length(samples, size)));
        }

        /// <summary>As <see cref="Write(byte[], int)"/>, for samples in native memory, such as a wave buffer.</summary>
        public bool Write(IntPtr samples, int size)
        {
            return Accepted(Abi.rec_feed_write(handle, samples, Length(size)));
        }

        /// <summary>Passes in samples at a position of the host's own sample clock.</summary>
        public bool WriteAt(ulong at, byte[] samples, int size)
        {
            return Accepted(Abi.rec_feed_write_at(handle, at, samples, Length(samples, size)));
        }

        /// <summary>As <see cref="WriteAt(ulong, byte[], int)"/>, for samples in native memory.</summary>
        public bool WriteAt(ulong at, IntPtr samples, int size)
        {
            return Accepted(Abi.rec_feed_write_at(handle, at, samples, Length(size)));
        }

        /// <summary>Waits until a write is accepted again. Returns false at the timeout.</summary>
        public bool Wait(int timeoutMs)
        {
            int status = Abi.rec_feed_wait(handle, (uint)timeoutMs);
            if ((Status)status == Status.Timeout)
                return false;
            CallrecException.Check(status);
            return true;
        }

        /// <summary>Changes how the samples of later writes are coded.</summary>
        public void SetFormat(Codec codec, int sampleRate = 0, int channels = 0, int aheadMs = 0)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                IntPtr format = Format(memory, codec, sampleRate, channels, aheadMs);
                CallrecException.Check(Abi.rec_feed_set_format(handle, format, ref error), error);
            }
        }

        /// <summary>Drops audio that was written ahead of the clock.</summary>
        public void Clear()
        {
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_feed_clear(handle, ref error), error);
        }

        /// <summary>Declares an RTP payload type.</summary>
        public void Payload(int payloadType, Codec codec, int sampleRate = 0, int channels = 0)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                IntPtr format = Format(memory, codec, sampleRate, channels, 0);
                CallrecException.Check(Abi.rec_feed_payload(handle, (uint)payloadType, format, ref error), error);
            }
        }

        /// <summary>Declares the payload types of a session description.</summary>
        public void Sdp(string text)
        {
            using (var memory = new NativeMemory())
            {
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_feed_sdp(handle, memory.Text(text), ref error), error);
            }
        }

        /// <summary>Says that a digit was keyed in (SIP INFO, KPML).</summary>
        public void Dtmf(int durationMs)
        {
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_feed_dtmf(handle, (uint)durationMs, ref error), error);
        }

        /// <summary>Closes the feed. The call goes on.</summary>
        public void Close()
        {
            CallrecException.Check(Abi.rec_feed_close(handle));
        }

        /// <summary>Closes the feed, unless it is closed.</summary>
        public void Dispose()
        {
            int status = Abi.rec_feed_close(handle);
            if ((Status)status != Status.BadHandle)
                CallrecException.Check(status);
        }

        private static UIntPtr Length(int size)
        {
            if (size < 0)
                throw new ArgumentOutOfRangeException("size");
            return new UIntPtr((uint)size);
        }

        private static UIntPtr Length(byte[] bytes, int size)
        {
            if (size < 0 || size > bytes.Length)
                throw new ArgumentOutOfRangeException("size");
            return new UIntPtr((uint)size);
        }

        private static bool Accepted(int status)
        {
            if ((Status)status == Status.Overrun)
                return false;
            CallrecException.Check(status);
            return true;
        }
    }
}
