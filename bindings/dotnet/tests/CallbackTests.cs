using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;
using Callrec;

/// <summary>Functions that the library calls.</summary>
internal static partial class Tests
{
    /// <summary>How many objects the library may call.</summary>
    private static int Registered()
    {
        PropertyInfo property = typeof(Engine).Assembly.GetType("Callrec.Callbacks").GetProperty("Registered", BindingFlags.Static | BindingFlags.NonPublic);
        return (int)property.GetValue(null, null);
    }

    private static void ExceptionsAreContained(string directory)
    {
        var faults = new ConcurrentQueue<Exception>();
        Engine.UnhandledException = fault =>
        {
            faults.Enqueue(fault);
            throw new Exception("a fault of the handler");
        };
        using (Engine engine = Open(directory))
        {
            engine.Subscribe(seen => { throw new InvalidOperationException(seen.Kind.ToString()); });
            using (engine.BeginCall(new CallInfo { CallId = "a" }))
                engine.Start(new StartOptions { CallId = "a" });
            engine.Close(60000);
        }
        Engine.UnhandledException = null;
        string[] kinds = faults.Select(fault => fault.Message).ToArray();
        Check(kinds.SequenceEqual(new[] { "Started", "Finished" }), string.Join(", ", kinds));
    }

    private static void CallbacksCannotClose(string directory)
    {
        var refused = new BlockingCollection<Status>();
        using (Engine engine = Open(directory))
        {
            engine.Subscribe(seen =>
            {
                if (seen.Kind == EventKind.Started)
                    refused.Add(Refused(engine.Dispose).Status);
            });
            using (Call call = engine.BeginCall(new CallInfo { CallId = "a" }))
                call.Start(new StartOptions());
            Status status;
            Check(refused.TryTake(out status, Patience) && status == Status.InCallback, "it is refused");
            Check(engine.Stats().LiveCalls == 0, "the engine is open");
        }
    }

    private static void FunctionsStay(string directory)
    {
        int before = Registered();
        using (Engine engine = Open(directory))
        {
            var seen = new BlockingCollection<CallrecEvent>();
            Listen(engine, seen);
            engine.SetLog((level, text) => { });
            Check(Registered() == before + 2, "two functions are registered");
            for (int round = 0; round < 10; round++)
            {
                using (Call call = engine.BeginCall(new CallInfo { CallId = round.ToString(), Tag = 7 }))
                    call.Start(new StartOptions());
                GC.Collect();
                GC.WaitForPendingFinalizers();
                CallrecEvent began = WaitFor(seen, EventKind.CallBegan);
                Check(began.Call.CallId == round.ToString() && began.Call.Tag == 7 && began.Call.State == CallState.Connected, "the call is described");
                WaitFor(seen, EventKind.Finished);
            }
            engine.SetLog(null);
            Check(Registered() == before + 1, "one function is released");
        }
        Check(Registered() == before, "all are released");
    }

    /// <summary>Nothing but the library refers to the function that it registers.</summary>
    private static void Listen(Engine engine, BlockingCollection<CallrecEvent> seen)
    {
        engine.Subscribe(one => seen.Add(one), true);
    }

    private static void HooksRun(string directory)
    {
        int before = Registered();
        var faults = new ConcurrentQueue<Exception>();
        var begun = new ConcurrentQueue<string>();
        var ended = new ConcurrentQueue<string>();
        Engine.UnhandledException = faults.Enqueue;
        var hooks = new ThreadHooks
        {
            OnStart = name =>
            {
                begun.Enqueue(Thread.CurrentThread.ManagedThreadId + name);
                throw new Exception("a fault of the hook");
            },
            OnEnd = name => ended.Enqueue(Thread.CurrentThread.ManagedThreadId + name),
        };
        using (Engine engine = Open(directory, hooks))
        using (Call call = engine.BeginCall(new CallInfo { CallId = "a" }))
            call.Start(new StartOptions());
        Engine.UnhandledException = null;
        Check(begun.Count > 0 && begun.OrderBy(name => name).SequenceEqual(ended.OrderBy(name => name)), string.Join(", ", begun.Concat(ended)));
        Check(begun.All(name => name.Contains("callrec-")), "the names begin as the library says");
        Check(faults.Count == begun.Count, "every exception is told");
        Check(Registered() == before, "the hooks are released");
    }

    /// <summary>Runs this program again, which leaves an engine open.</summary>
    private static void ProgramsEnd(string directory, string how)
    {
        var start = new ProcessStartInfo("mono", "\"" + Assembly.GetExecutingAssembly().Location + "\" leave \"" + directory + "\" " + how)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using (Process program = Process.Start(start))
        {
            string printed = program.StandardOutput.ReadToEnd() + program.StandardError.ReadToEnd();
            program.WaitForExit();
            Check(program.ExitCode == 0 && printed == "end\n", program.ExitCode + " " + printed);
        }
    }

    /// <summary>The program that ProgramsEnd runs.</summary>
    private static void Leave(string directory, string how)
    {
        Engine.ExitTimeoutMs = how == "nothing" ? 10000 : 100;
        var begun = new ManualResetEvent(false);
        var never = new ManualResetEvent(false);
        Engine engine = Open(directory, new ThreadHooks { OnStart = name => { }, OnEnd = name => { } });
        engine.SetLog((level, text) => { });
        engine.RegisterCodec("upside", format => null);
        engine.Subscribe(seen =>
        {
            begun.Set();
            if (how == "waits")
                never.WaitOne();
            while (how == "works")
            {
            }
        });
        for (int n = 0; n < 30; n++)
        {
            Call call = engine.BeginCall(new CallInfo { CallId = n.ToString() });
            call.OpenFeed(Leg.Local, Codec.Pcm16).Sdp("m=audio 9 RTP/AVP 96\r\na=rtpmap:96 upside/8000\r\n");
            call.Start(new StartOptions());
            if (n % 2 == 0)
                call.End();
        }
        begun.WaitOne();
        Console.WriteLine("end");
    }
}
