using System;
using System.Runtime.InteropServices;

namespace Callrec
{
    /// <summary>What a decoder must write, and the parameters of its payload type.</summary>
    public sealed class StreamFormat
    {
        /// <summary>The sample rate in Hz.</summary>
        public readonly int SampleRate;

        /// <summary>The number of channels.</summary>
        public readonly int Channels;

        /// <summary>The value of the fmtp line, or "".</summary>
        public readonly string Fmtp;

        internal StreamFormat(uint sampleRate, uint channels, string fmtp)
        {
            SampleRate = (int)sampleRate;
            Channels = (int)channels;
            Fmtp = fmtp;
        }
    }

    /// <summary>
    /// Decodes one stream. If a function throws, the packet counts as undecodable, and the next one gets a
    /// new decoder. The decoder is disposed when its stream has ended.
    /// </summary>
    public interface IDecoder : IDisposable
    {
        /// <summary>
        /// Writes the samples of one RTP packet, with those of several channels interleaved, and returns how
        /// many each channel has. The array has space for 200 ms.
        /// </summary>
        int Decode(byte[] payload, short[] samples);
    }

    /// <summary>A decoder that conceals missing packets.</summary>
    public interface IConcealingDecoder : IDecoder
    {
        /// <summary>Writes <paramref name="count"/> samples of each channel in place of missing packets.</summary>
        void Conceal(short[] samples, int count);
    }

    /// <summary>The sizes of a codec: rec_codec_ops of the header.</summary>
    public sealed class CodecOptions
    {
        /// <summary>Sample rate in Hz of the samples that decode writes: 8000 to 48000, and a multiple of the clock rate of the RTP timestamps. 0 means the clock rate. The two differ only for a codec such as G.722, whose timestamps count 8000 for a second of 16000 samples.</summary>
        public int SampleRate;

        /// <summary>Number of channels that decode writes, at most 8. 0 means the number in rtpmap, or in rec_feed_format.channels. More than one channel is mixed down to the leg.</summary>
        public int Channels;

        /// <summary>Size of a frame in bytes, at most 16384, if all frames of the codec have the same size: for example 10 for G.729, and 33 for GSM. A packet of n bytes is then expected to have n / frame_bytes frames, rounded up. 0 if the size varies: a packet is then expected to be as long as the latest one that was decoded, and the first one as long as ptime says, or 20 ms. In either case, no packet is expected to be longer than 200 ms. If decode writes fewer samples than expected, the rest is silence and counts as undecodable.</summary>
        public int FrameBytes;

        /// <summary>Number of samples of each channel in a frame, at most 9600. For example 80 for G.729. 0 if frame_bytes is 0.</summary>
        public int FrameSamples;

        /// <summary>The decoders are <see cref="IConcealingDecoder"/>.</summary>
        public bool Conceals;
    }

    /// <summary>The functions of a rec_codec_ops.</summary>
    internal static class Codecs
    {
        private static readonly Abi.rec_codec_create_fn OnCreate = Create;
        private static readonly Abi.rec_codec_decode_fn OnDecode = Decode;
        private static readonly Abi.rec_codec_conceal_fn OnConceal = Conceal;
        private static readonly Abi.rec_codec_destroy_fn OnDestroy = Destroy;

        /// <summary>The decoder of a stream, and memory for its samples.</summary>
        private sealed class State
        {
            internal IDecoder Decoder;
            internal int Channels;
            internal short[] Samples = new short[0];

            internal short[] Room(int count)
            {
                if (Samples.Length < count * Channels)
                    Samples = new short[count * Channels];
                return Samples;
            }
        }

        internal static Abi.rec_codec_ops Ops(CodecOptions options, IntPtr number)
        {
            return new Abi.rec_codec_ops
            {
                struct_size = Native.Size<Abi.rec_codec_ops>(),
                sample_rate = (uint)options.SampleRate,
                channels = (uint)options.Channels,
                frame_bytes = (uint)options.FrameBytes,
                frame_samples = (uint)options.FrameSamples,
                user_data = number,
                user_data_free = Marshal.GetFunctionPointerForDelegate(Callbacks.OnFree),
                create = Marshal.GetFunctionPointerForDelegate(OnCreate),
                decode = Marshal.GetFunctionPointerForDelegate(OnDecode),
                conceal = options.Conceals ? Marshal.GetFunctionPointerForDelegate(OnConceal) : IntPtr.Zero,
                destroy = Marshal.GetFunctionPointerForDelegate(OnDestroy),
            };
        }

        private static IntPtr Create(IntPtr userData, uint sampleRate, uint channels, IntPtr fmtp)
        {
            return Callbacks.Contain(IntPtr.Zero, () =>
            {
                var factory = Callbacks.Find<Func<StreamFormat, IDecoder>>(userData);
                IDecoder decoder = factory(new StreamFormat(sampleRate, channels, Native.Text(fmtp)));
                if (decoder == null)
                    return IntPtr.Zero;
                return Callbacks.Register(new State { Decoder = decoder, Channels = (int)channels });
            });
        }

        private static int Decode(IntPtr userData, IntPtr payload, UIntPtr size, IntPtr samples, UIntPtr capacity, IntPtr count)
        {
            return Callbacks.Contain((int)Status.Internal, () =>
            {
                var state = Callbacks.Find<State>(userData);
                var bytes = new byte[(int)size.ToUInt64()];
                Marshal.Copy(payload, bytes, 0, bytes.Length);
                int room = (int)capacity.ToUInt64();
                short[] decoded = state.Room(room);
                int written = state.Decoder.Decode(bytes, decoded);
                if (written < 0 || written > room)
                    throw new InvalidOperationException("a decoder says that it wrote " + written + " of at most " + room + " samples");
                Marshal.Copy(decoded, 0, samples, written * state.Channels);
                Marshal.WriteIntPtr(count, new IntPtr(written));
                return (int)Status.Ok;
            });
        }

        private static int Conceal(IntPtr userData, IntPtr samples, UIntPtr count)
        {
            return Callbacks.Contain((int)Status.Internal, () =>
            {
                var state = Callbacks.Find<State>(userData);
                int wanted = (int)count.ToUInt64();
                short[] concealed = state.Room(wanted);
                ((IConcealingDecoder)state.Decoder).Conceal(concealed, wanted);
                Marshal.Copy(concealed, 0, samples, wanted * state.Channels);
                return (int)Status.Ok;
            });
        }

        private static void Destroy(IntPtr userData)
        {
            Callbacks.Contain(0, () =>
            {
                var state = Callbacks.Find<State>(userData);
                Callbacks.Free(userData);
                state.Decoder.Dispose();
                return 0;
            });
        }
    }
}
