using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Callrec;

/// <summary>Codecs that C# decodes.</summary>
internal static partial class Tests
{
    private const string Sdp = "m=audio 9 RTP/AVP 96\r\na=rtpmap:96 upside/8000\r\na=fmtp:96 mode=2\r\n";

    /// <summary>Each byte stands for one sample: 256 times its value.</summary>
    private sealed class Upside : IConcealingDecoder
    {
        internal static int Made, Disposed, Concealed;

        internal Upside(StreamFormat format)
        {
            Check(format.SampleRate == 8000 && format.Channels == 1 && format.Fmtp == "mode=2", format.Fmtp);
            Interlocked.Increment(ref Made);
        }

        public int Decode(byte[] payload, short[] samples)
        {
            if (payload[0] == 99)
                throw new InvalidOperationException("a fault of the decoder");
            if (payload[0] == 98)
                return samples.Length + 1;
            for (int n = 0; n < payload.Length; n++)
                samples[n] = (short)(256 * payload[n]);
            return payload.Length;
        }

        public void Conceal(short[] samples, int count)
        {
            Interlocked.Increment(ref Concealed);
            for (int n = 0; n < count; n++)
                samples[n] = 77;
        }

        public void Dispose()
        {
            Interlocked.Increment(ref Disposed);
        }
    }

    private static short[] Record(string directory, IEnumerable<int> packets, CodecOptions options, Func<StreamFormat, IDecoder> factory, Func<int, byte> value)
    {
        var events = new BlockingCollection<CallrecEvent>();
        var settings = Settings(directory);
        settings["media.concealment"] = options.Conceals ? "on" : "off";
        using (var engine = new Engine(settings))
        {
            engine.Subscribe(events.Add);
            Check(engine.RegisterCodec("upside", factory, options) >= Codec.Registered, "the codec has a number");
            Check(Refused(() => engine.RegisterCodec("UPSIDE", factory)).Status == Status.Exists, "there is one already");
            using (Call call = engine.BeginCall(new CallInfo { CallId = "c" }))
            using (Feed feed = call.OpenFeed(Leg.Local, Codec.Pcm16))
            {
                feed.Sdp(Sdp);
                call.Start(new StartOptions { Layout = Layout.Local });
                foreach (int packet in packets)
                {
                    byte[] rtp = Rtp(packet, Enumerable.Repeat(value(packet), Samples).ToArray());
                    rtp[1] = 96;
                    Accept(feed, () => feed.Rtp(rtp, rtp.Length));
                }
            }
        }
        byte[] file = File.ReadAllBytes(WaitFor(events, EventKind.Finished).Recording.Path);
        int size = 2 * Samples * (packets.Max() + 1);
        var samples = new short[size / 2];
        Buffer.BlockCopy(file, file.Length - size, samples, 0, size);
        return samples;
    }

    private static IEnumerable<short> Levels(IEnumerable<int> levels)
    {
        return levels.SelectMany(level => Enumerable.Repeat((short)(256 * level), Samples));
    }

    private static void CodecsDecode(string directory)
    {
        int before = Registered();
        short[] samples = Record(directory, Enumerable.Range(0, 20), new CodecOptions(), format => new Upside(format), n => (byte)(n + 1));
        Check(samples.SequenceEqual(Levels(Enumerable.Range(1, 20))), "every sample is in the file");
        Check(Registered() == before, "all is released");
    }

    private static void FaultsCostAPacket(string directory)
    {
        var faults = new ConcurrentQueue<Exception>();
        Engine.UnhandledException = faults.Enqueue;
        Upside.Made = Upside.Disposed = 0;
        bool refuses = true;
        Func<StreamFormat, IDecoder> factory = format =>
        {
            if (!refuses)
                return new Upside(format);
            refuses = false;
            throw new InvalidOperationException("no decoder left");
        };
        short[] samples = Record(directory, Enumerable.Range(0, 20), new CodecOptions(), factory, n => (byte)(n == 5 ? 99 : n == 10 ? 98 : n + 1));
        Engine.UnhandledException = null;
        IEnumerable<int> levels = Enumerable.Range(1, 20).Select(n => n == 1 || n == 6 || n == 11 ? 0 : n);
        Check(samples.SequenceEqual(Levels(levels)), "the other packets are in the file");
        Check(faults.Count == 3, string.Join(", ", faults.Select(fault => fault.Message)));
        Check(Upside.Made == Upside.Disposed && Upside.Made >= 3, Upside.Made + " were made, and " + Upside.Disposed + " disposed");
    }

    private static void GapsAreConcealed(string directory)
    {
        Upside.Concealed = 0;
        IEnumerable<int> packets = Enumerable.Range(0, 20).Where(n => n != 10);
        short[] samples = Record(directory, packets, new CodecOptions { Conceals = true }, format => new Upside(format), n => 1);
        Check(Upside.Concealed > 0 && samples.Contains((short)77), "the codec fills the gap");
    }
}
