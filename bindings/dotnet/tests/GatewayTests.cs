using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Net;
using System.Text;
using Callrec;

/// <summary>The HTTP APIs. A library without them refuses to start a gateway.</summary>
internal static partial class Tests
{
    private const string List = "/fw/Apps/Recorder/WebAPI/LiveRecordings";
    private static readonly string Login = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:secret"));

    private static Gateway Start(Engine engine, Func<Credentials, Identity> authenticate, GatewayFlag flags)
    {
        try
        {
            return engine.StartGateway(authenticate, new GatewayOptions { Flags = flags });
        }
        catch (CallrecException refused) when (refused.Status == Status.Unsupported)
        {
            Check(refused.Message.Contains("gateway"), refused.Message);
            return null;
        }
    }

    private static void RequestsAreAnswered(string directory)
    {
        var seen = new ConcurrentQueue<Credentials>();
        Func<Credentials, Identity> authenticate = sent =>
        {
            seen.Enqueue(sent);
            return sent.Secret == "secret" ? new Identity { Level = Level.Complete, Username = sent.Name } : null;
        };
        using (Engine engine = Open(directory))
        using (Gateway closed = Start(engine, authenticate, GatewayFlag.NoSocket))
        using (Gateway open = Start(engine, authenticate, 0))
        using (Call call = engine.BeginCall(new CallInfo { CallId = "a" }))
        {
            if (open == null)
                return;
            string id = call.Start(new StartOptions());
            Check(closed.Port == 0 && open.Port > 0, "one of them listens");
            Check(closed.Handle(new HttpRequest { Target = List }).StatusCode == 401, "nobody is let in");
            HttpResponse response = closed.Handle(new HttpRequest { Target = List, Source = "192.0.2.7" }.Add("Authorization", Login));
            Check(response.StatusCode == 200 && Encoding.UTF8.GetString(response.Body).Contains(id), "the recording is listed");
            Check(response.Headers.Any(header => header.Key == "content-type" && header.Value.StartsWith("application/json")), "the headers are there");
            var posted = new HttpRequest { Method = "POST", Target = List, Body = Encoding.UTF8.GetBytes("{\"deviceName\": \"SEP1\"}") };
            posted.Add("Authorization", Login).Add("Content-Type", "application/json");
            Check(closed.Handle(posted).StatusCode == 409, "the phone has no call");
            Check(seen.Last().Name == "admin" && seen.Last().Scheme == AuthMethod.Basic && seen.First().Source == "192.0.2.7", "the credentials are told");
            using (var client = new WebClient())
            {
                client.Headers["Authorization"] = Login;
                Check(client.DownloadString("http://127.0.0.1:" + open.Port + List).Contains(id), "so it is over the socket");
            }
            Check(engine.ListJson().Contains(id), "and in the program's own list");
            closed.Stop(60000);
            Check(Refused(() => closed.Handle(new HttpRequest())).Status == Status.BadHandle, "it has stopped");
        }
    }

    private static void FaultsLetNobodyIn(string directory)
    {
        var faults = new ConcurrentQueue<Exception>();
        Engine.UnhandledException = faults.Enqueue;
        var answers = new Func<Identity>[]
        {
            () => { throw new InvalidOperationException("the directory is away"); },
            () => new Identity { Level = Level.Complete, Username = new string('a', 256) },
        };
        foreach (Func<Identity> answer in answers)
        {
            using (Engine engine = Open(directory))
            using (Gateway gateway = Start(engine, sent => answer(), GatewayFlag.NoSocket))
            {
                if (gateway != null)
                    Check(gateway.Handle(new HttpRequest { Target = List }.Add("Authorization", Login)).StatusCode == 500, "nobody is let in");
                Check(gateway == null || faults.Count > 0, "the exception is told");
            }
        }
        Engine.UnhandledException = null;
    }
}
