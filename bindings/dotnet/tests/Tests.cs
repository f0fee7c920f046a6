using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Callrec;

/// <summary>
/// Tests of the binding. Prints one line for each. The argument names a file with the layout of the C
/// structs, as the program that "generate.py --layout" prints writes it.
/// </summary>
internal static partial class Tests
{
    private const int Samples = 160;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static int failures;

    private static int Main(string[] arguments)
    {
        if (arguments[0] == "leave")
        {
            Leave(arguments[1], arguments[2]);
            return 0;
        }
        Run("samples are recorded as they were written", SamplesAreRecorded);
        Run("RTP of arrays and of native memory is recorded", RtpIsRecorded);
        Run("what is said in a pause is not kept", PausesAreLeftOut);
        Run("lists and controls reach the recordings of a line", LinesAreControlled);
        Run("a call is controlled by its handle, and a held recording stays", HandlesAndHolds);
        Run("errors carry what the library says", ErrorsAreExceptions);
        Run("the audit log is intact until somebody changes it", AuditLogsAreVerified);
        Run("an engine is opened with a file of settings", SettingsAreLoaded);
        Run("an exception in a callback does no harm", ExceptionsAreContained);
        Run("a callback cannot close its engine", CallbacksCannotClose);
        Run("functions stay while the library may call them", FunctionsStay);
        Run("thread hooks run on each thread", HooksRun);
        Run("a program that closes nothing ends as usual", directory => ProgramsEnd(directory, "nothing"));
        Run("a program ends while a callback waits", directory => ProgramsEnd(directory, "waits"));
        Run("a program ends while a callback works", directory => ProgramsEnd(directory, "works"));
        Run("a codec in C# decodes a call", CodecsDecode);
        Run("a fault of a decoder costs the packet alone", FaultsCostAPacket);
        Run("gaps are concealed by the codec", GapsAreConcealed);
        Run("requests are answered", RequestsAreAnswered);
        Run("a fault while a client is identified lets nobody in", FaultsLetNobodyIn);
        Run("structs have the layout of the compiler", directory => LayoutIsThatOfC(arguments[0]));
        Run("every function is offered", directory => EveryFunctionIsOffered());
        Run("every member is offered", directory => EveryMemberIsOffered());
        return failures == 0 ? 0 : 1;
    }

    private static void Run(string name, Action<string> test)
    {
        string directory = Path.Combine(Path.GetTempPath(), "callrec-dotnet-" + Guid.NewGuid());
        Directory.CreateDirectory(directory);
        try
        {
            test(directory);
            Console.WriteLine("ok      " + name);
            Directory.Delete(directory, true);
        }
        catch (Exception fault)
        {
            failures++;
            Console.WriteLine("FAILED  " + name + ": " + fault);
        }
    }

    private static void Check(bool holds, string what)
    {
        if (!holds)
            throw new Exception("not so: " + what);
    }

    private static Engine Open(string directory, ThreadHooks hooks = null)
    {
        return new Engine(Settings(directory), hooks);
    }

    private static Dictionary<string, string> Settings(string directory)
    {
        return new Dictionary<string, string>
        {
            { "storage.directory", directory },
            { "storage.name", "{call_id}" },
            { "storage.min_free_bytes", "0" },
            { "media.clock", "stream" },
        };
    }

    /// <summary>20 ms of a square wave, which tells packets apart.</summary>
    private static byte[] Tone(int packet)
    {
        var bytes = new byte[2 * Samples];
        for (int n = 0; n < Samples; n++)
            BitConverter.GetBytes((short)(n / 10 % 2 == 0 ? 8000 + packet : -8000 - packet)).CopyTo(bytes, 2 * n);
        return bytes;
    }

    private static byte[] Rtp(int sequence, byte[] payload)
    {
        int timestamp = sequence * Samples;
        var header = new byte[] { 0x80, 0, (byte)(sequence >> 8), (byte)sequence, (byte)(timestamp >> 24), (byte)(timestamp >> 16), (byte)(timestamp >> 8), (byte)timestamp, 0, 0, 0, 7 };
        return header.Concat(payload).ToArray();
    }

    /// <summary>In stream time, a test is faster than the engine.</summary>
    private static void Accept(Feed feed, Func<bool> pass)
    {
        while (!pass())
            Check(feed.Wait((int)Patience.TotalMilliseconds), "the feed accepts audio");
    }

    private static CallrecEvent WaitFor(BlockingCollection<CallrecEvent> events, EventKind kind)
    {
        CallrecEvent seen;
        while (events.TryTake(out seen, Patience))
            if (seen.Kind == kind)
                return seen;
        throw new Exception("no event " + kind);
    }

    private static void SamplesAreRecorded(string directory)
    {
        var events = new BlockingCollection<CallrecEvent>();
        byte[] written = Enumerable.Range(0, 50).SelectMany(packet => Tone(packet)).ToArray();
        using (Engine engine = Open(directory))
        {
            engine.Subscribe(events.Add);
            string id;
            using (Call call = engine.BeginCall(new CallInfo { CallId = "c1", Username = "Jürgen", AttributesJson = "{\"queue\":\"sales\"}" }))
            {
                Check(call.CallId == "c1", "the call has its id");
                Feed feed = call.OpenFeed(Leg.Local, Codec.Pcm16);
                id = engine.Start(new StartOptions { CallId = "c1", Layout = Layout.Local });
                for (int packet = 0; packet < 50; packet++)
                    Accept(feed, () => feed.Write(Tone(packet), 2 * Samples));
            }
            CallrecEvent finished = WaitFor(events, EventKind.Finished);
            Check(finished.Recording.Id == id && finished.Recording.Username == "Jürgen", "the event is about the recording");
            Check(finished.Recording.DurationMs == 1000 && finished.Recording.EndReason == EndReason.CallEnded, "it has one second");
            Check(finished.Json.Contains("\"queue\":\"sales\""), "the JSON has the attributes");
            Check(finished.Recording.Path == Path.Combine(directory, "c1.wav"), finished.Recording.Path);
            byte[] file = File.ReadAllBytes(finished.Recording.Path);
            Check(file.Skip(file.Length - written.Length).SequenceEqual(written), "every sample is in the file");
            Engine.Verify(finished.Recording.Path);
        }
    }

    private static void RtpIsRecorded(string directory)
    {
        var events = new BlockingCollection<CallrecEvent>();
        byte[][] payloads = Enumerable.Range(0, 50).Select(n => Enumerable.Repeat((byte)(0x80 + n), Samples).ToArray()).ToArray();
        IntPtr native = Marshal.AllocHGlobal(12 + Samples);
        using (Engine engine = Open(directory))
        {
            engine.Subscribe(events.Add);
            using (Call call = engine.BeginCall(new CallInfo { CallId = "c2" }))
            {
                Feed feed = call.OpenFeed(Leg.Remote, Codec.Pcmu);
                feed.Sdp("m=audio 9 RTP/AVP 0\r\n");
                engine.Start(new StartOptions { CallId = "c2", Layout = Layout.Remote, Format = "wav-ulaw" });
                for (int n = 0; n < payloads.Length; n++)
                {
                    byte[] packet = Rtp(n, payloads[n]);
                    Marshal.Copy(packet, 0, native, packet.Length);
                    if (n % 2 == 0)
                        Accept(feed, () => feed.Rtp(packet, packet.Length));
                    else
                        Accept(feed, () => feed.Rtp(native, packet.Length));
                }
            }
            byte[] all = payloads.SelectMany(payload => payload).ToArray();
            byte[] file = File.ReadAllBytes(WaitFor(events, EventKind.Finished).Recording.Path);
            Check(file.Skip(file.Length - all.Length).SequenceEqual(all), "every packet is in the file");
        }
        Marshal.FreeHGlobal(native);
    }

    private static void PausesAreLeftOut(string directory)
    {
        var events = new BlockingCollection<CallrecEvent>();
        using (Engine engine = Open(directory))
        {
            engine.Subscribe(events.Add);
            using (Call call = engine.BeginCall(new CallInfo { CallId = "c3" }))
            {
                Feed feed = call.OpenFeed(Leg.Local, Codec.Pcm16);
                string id = engine.Start(new StartOptions { CallId = "c3", Layout = Layout.Local, PauseMode = PauseMode.Skip });
                Accept(feed, () => feed.Write(Tone(1), 2 * Samples));
                engine.Pause(id);
                Check(Status.AlreadyPaused == Refused(() => engine.Pause(id)).Status, "it is paused already");
                Accept(feed, () => feed.Write(Tone(2), 2 * Samples));
                engine.Resume(id);
                Accept(feed, () => feed.Write(Tone(3), 2 * Samples));
                engine.Stop(id);
            }
            Recording recording = WaitFor(events, EventKind.Finished).Recording;
            byte[] file = File.ReadAllBytes(recording.Path);
            byte[] expected = Tone(1).Concat(Tone(3)).ToArray();
            Check(file.Skip(file.Length - expected.Length).SequenceEqual(expected), "only what was said outside of the pause");
            Check(recording.PausedMs == 20 && recording.DurationMs == 40, "it was paused for 20 ms");
        }
    }

    private static void LinesAreControlled(string directory)
    {
        using (Engine engine = Open(directory))
        using (engine.BeginCall(new CallInfo { CallId = "a", DeviceName = "SEP1", DirectoryNumber = "101", Username = "anna", Tag = 7 }))
        {
            string id = engine.Start(new StartOptions { CallId = "a" });
            Recording found = engine.List(username: "anna").Single();
            Check(found.Id == id && found.CallTag == 7 && found.State == State.Recording, "it is listed");
            Check(engine.List(username: "ben").Count == 0, "nothing of others is");
            Check(engine.PauseByDevice("SEP1", "101").Changed == 1, "its line is paused");
            Check(engine.Get(id).State == State.Paused, "so it is");
            Check(engine.ResumeByCall("a").Changed == 1, "its call is resumed");
            Check(engine.StopByCall("a", null, new Caller { Username = "anna", Level = 10 }).Changed == 1, "its call is stopped");
            Check(engine.Stats().LiveRecordings == 0, "nothing is live");
        }
    }

    private static void HandlesAndHolds(string directory)
    {
        var events = new BlockingCollection<CallrecEvent>();
        using (Engine engine = Open(directory))
        {
            engine.Subscribe(events.Add);
            string id;
            using (Call call = engine.BeginCall(new CallInfo { CallId = "a", RelatedCallId = "b" }))
            {
                call.SetParties(Leg.Remote, "[{\"name\": \"Ada\"}]");
                id = call.Start(new StartOptions());
                Check(engine.List(callId: "b").Single().Id == id, "it is found by the related id");
                Check(call.Pause().Changed == 1 && call.Resume().Changed == 1, "it is paused and resumed");
                engine.Hold(id, true);
                Check(Refused(() => engine.Discard(id)).Status == Status.Held, "it is held");
                Check(Refused(() => engine.ClusterList(limit: 1)).Status == Status.Unsupported, "it is in no cluster");
                Check(Refused(() => engine.ClusterGet(id)).Status == Status.Unsupported, "nothing is found there");
                Check(Refused(() => engine.ClusterControl(ControlOperation.Stop, id)).Status == Status.Unsupported, "nothing is stopped there");
                Check(Refused(() => engine.ClusterControlByDevice(ControlOperation.Stop, null, "1")).Status == Status.Unsupported, "nor by line");
                Check(Refused(() => engine.ClusterControlByCall(ControlOperation.Stop, "a")).Status == Status.Unsupported, "nor by call");
                Check(call.Stop().Changed == 1, "it is stopped");
            }
            CallrecEvent finished = WaitFor(events, EventKind.Finished);
            Check(finished.Json.Contains("Ada"), "the parties are in the manifest");
            Check(Refused(() => engine.Delete(id)).Status == Status.Held, "it is still held");
            Check(Refused(() => engine.Adopt(directory)).Status == Status.Unavailable, "it is its own directory");
            engine.Hold(id, false);
            engine.Delete(id);
            Check(!File.Exists(finished.Recording.Path), "it is gone");
            Check(WaitFor(events, EventKind.Deleted).Recording.Id == id, "the deletion is told");
        }
    }

    private static CallrecException Refused(Action act)
    {
        try
        {
            act();
        }
        catch (CallrecException refused)
        {
            return refused;
        }
        throw new Exception("nothing was refused");
    }

    private static void ErrorsAreExceptions(string directory)
    {
        using (Engine engine = Open(directory))
        {
            engine.SetLine("SEP9", null, LineFlag.NotMonitorable);
            using (Call call = engine.BeginCall(new CallInfo { DeviceName = "SEP9" }))
            {
                CallrecException refused = Refused(() => engine.Start(new StartOptions { DeviceName = "SEP9" }));
                Check(refused.Status == Status.NotMonitorable && refused.Reason == 1 && refused.DeviceName == "SEP9", refused.Message);
                call.End();
                Check(Refused(() => call.End()).Status == Status.BadHandle, "the call has ended");
            }
        }
        var wrong = new Dictionary<string, string> { { "no.such.key", "1" } };
        Check(Refused(() => new Engine(wrong)).Status == Status.Config, "the key does not exist");
    }

    private static void AuditLogsAreVerified(string directory)
    {
        ChainHead head;
        using (Engine engine = Open(directory))
        using (Call call = engine.BeginCall(new CallInfo { CallId = "a" }))
        {
            engine.Stop(call.Start(new StartOptions()));
            head = engine.AuditHead();
        }
        Check(Engine.VerifyAudit(directory, head).Sequence >= head.Sequence, "the log is intact");
        string log = Path.Combine(directory, ".callrec", "audit.log");
        File.WriteAllText(log, File.ReadAllText(log).Replace("\"a\"", "\"b\""));
        Check(Refused(() => Engine.VerifyAudit(directory)).Status == Status.Audit, "the change is found");
    }

    private static void SettingsAreLoaded(string directory)
    {
        string settings = Path.Combine(directory, "settings.json");
        string recordings = Path.Combine(directory, "recordings");
        File.WriteAllText(settings, "{\"storage\": {\"directory\": \"" + recordings + "\", \"min_free_bytes\": 0}}");
        using (new Engine(settings))
            Check(Directory.Exists(recordings), "the directory is that of the file");
        Check(Refused(() => new Engine(settings + "x")).Status == Status.Io, "there is no such file");
        Check(Engine.VersionText == Engine.Version.ToString(3), Engine.VersionText);
    }
}
