using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Callrec
{
    /// <summary>What a client of the gateway sent to be let in.</summary>
    public sealed class Credentials
    {
        /// <summary>How the client identified itself.</summary>
        public readonly AuthMethod Scheme;

        /// <summary>The name of the user or the account.</summary>
        public readonly string Name;

        /// <summary>The password or the token.</summary>
        public readonly string Secret;

        /// <summary>The client's IP address.</summary>
        public readonly string Source;

        internal Credentials(IntPtr at)
        {
            var read = Native.Read<Abi.rec_credentials>(at);
            Scheme = (AuthMethod)read.scheme;
            Name = Native.Text(read.name);
            Secret = Native.Text(read.secret);
            Source = Native.Text(read.source);
        }
    }

    /// <summary>The user to whom credentials belong.</summary>
    public sealed class Identity
    {
        /// <summary>What the user may do.</summary>
        public Level Level;

        /// <summary>The user owns the calls with this username. At most 255 bytes of UTF-8.</summary>
        public string Username = "";

        /// <summary>Signs the callbacks of this account; "": they are not signed. At most 255 bytes of UTF-8.</summary>
        public string SignatureKey = "";
    }

    /// <summary>How a gateway runs.</summary>
    public sealed class GatewayOptions
    {
        /// <summary>The TCP port; 0 for any free one.</summary>
        public int Port;

        /// <summary>The IP address to listen on; null for 127.0.0.1.</summary>
        public string Address;

        /// <summary>Such as <see cref="GatewayFlag.NoSocket"/>.</summary>
        public GatewayFlag Flags;
    }

    /// <summary>A request, for a program that has its own HTTP server.</summary>
    public sealed class HttpRequest
    {
        /// <summary>GET, POST or another method.</summary>
        public string Method = "GET";

        /// <summary>Path and query, as received.</summary>
        public string Target = "/";

        /// <summary>The headers.</summary>
        public readonly IList<KeyValuePair<string, string>> Headers = new List<KeyValuePair<string, string>>();

        /// <summary>The body.</summary>
        public byte[] Body = new byte[0];

        /// <summary>The client's IP address; null for 127.0.0.1.</summary>
        public string Source;

        /// <summary>Adds a header.</summary>
        public HttpRequest Add(string name, string value)
        {
            Headers.Add(new KeyValuePair<string, string>(name, value));
            return this;
        }

        internal IntPtr Put(NativeMemory memory)
        {
            var lines = new StringBuilder();
            foreach (var header in Headers)
            {
                string line = header.Key + ": " + header.Value;
                if (line.IndexOfAny(new[] { '\r', '\n' }) >= 0)
                    throw new ArgumentException("a header has a line break");
                lines.Append(line).Append("\r\n");
            }
            IntPtr body = memory.Allocate(Math.Max(1, Body.Length));
            Marshal.Copy(Body, 0, body, Body.Length);
            return memory.Put(new Abi.rec_http_request
            {
                struct_size = Native.Size<Abi.rec_http_request>(),
                method = memory.Text(Method),
                target = memory.Text(Target),
                headers = memory.Text(lines.ToString()),
                body = body,
                body_size = new UIntPtr((uint)Body.Length),
                source = memory.Text(Source),
            });
        }
    }

    /// <summary>A response.</summary>
    public sealed class HttpResponse
    {
        /// <summary>The status, such as 200.</summary>
        public readonly int StatusCode;

        /// <summary>The headers.</summary>
        public readonly IList<KeyValuePair<string, string>> Headers = new List<KeyValuePair<string, string>>();

        /// <summary>The body.</summary>
        public readonly byte[] Body;

        internal HttpResponse(HttpResponseHandle response)
        {
            StatusCode = Abi.rec_http_response_status(response);
            string lines = Native.Text(Abi.rec_http_response_headers(response));
            foreach (string line in lines.Split(new[] { "\r\n" }, StringSplitOptions.RemoveEmptyEntries))
            {
                int colon = line.IndexOf(':');
                Headers.Add(new KeyValuePair<string, string>(line.Substring(0, colon), line.Substring(colon + 1).Trim()));
            }
            UIntPtr size;
            IntPtr body = Abi.rec_http_response_body(response, out size);
            Body = new byte[(int)size.ToUInt64()];
            Marshal.Copy(body, Body, 0, Body.Length);
        }
    }

    /// <summary>A running HTTP gateway. <see cref="Dispose"/> stops it, and so does closing the engine.</summary>
    public sealed class Gateway : IDisposable
    {
        private static readonly Abi.rec_authenticate_fn OnAuthenticate = Authenticate;
        private readonly Abi.rec_gateway handle;

        internal Gateway(Abi.rec_engine engine, Func<Credentials, Identity> authenticate, GatewayOptions options)
        {
            using (var memory = new NativeMemory())
            {
                IntPtr number = authenticate == null ? IntPtr.Zero : Callbacks.Register(authenticate);
                IntPtr how = memory.Put(new Abi.rec_gateway_options
                {
                    struct_size = Native.Size<Abi.rec_gateway_options>(),
                    port = (uint)options.Port,
                    address = memory.Text(options.Address),
                    flags = (uint)options.Flags,
                    authenticate = authenticate == null ? IntPtr.Zero : Marshal.GetFunctionPointerForDelegate(OnAuthenticate),
                    user_data = number,
                    user_data_free = authenticate == null ? IntPtr.Zero : Marshal.GetFunctionPointerForDelegate(Callbacks.OnFree),
                });
                var error = CallrecException.NewError();
                int status = Abi.rec_gateway_start(engine, how, ref handle, ref error);
                if (status != 0)
                    Callbacks.Free(number);
                CallrecException.Check(status, error);
            }
        }

        /// <summary>The port on which the gateway listens; 0 without a socket.</summary>
        public int Port
        {
            get
            {
                uint port;
                var error = CallrecException.NewError();
                CallrecException.Check(Abi.rec_gateway_port(handle, out port, ref error), error);
                return (int)port;
            }
        }

        /// <summary>Answers one request without a socket.</summary>
        public HttpResponse Handle(HttpRequest request)
        {
            using (var memory = new NativeMemory())
            {
                HttpResponseHandle response;
                var error = CallrecException.NewError();
                int status = Abi.rec_http_handle(handle, request.Put(memory), out response, ref error);
                using (response)
                {
                    CallrecException.Check(status, error);
                    return new HttpResponse(response);
                }
            }
        }

        /// <summary>Closes the port and answers long polls. Callbacks not delivered yet wait for the next gateway.</summary>
        public void Stop(int timeoutMs)
        {
            var error = CallrecException.NewError();
            CallrecException.Check(Abi.rec_gateway_stop(handle, (uint)timeoutMs, ref error), error);
        }

        /// <summary>Stops the gateway within ten seconds, unless it is stopped.</summary>
        public void Dispose()
        {
            var error = CallrecException.NewError();
            int status = Abi.rec_gateway_stop(handle, 10000, ref error);
            if ((Status)status != Status.BadHandle)
                CallrecException.Check(status, error);
        }

        private static int Authenticate(IntPtr userData, IntPtr credentials, IntPtr identity)
        {
            return Callbacks.Contain((int)Status.Internal, () =>
            {
                Identity who = Callbacks.Find<Func<Credentials, Identity>>(userData)(new Credentials(credentials));
                if (who == null)
                    return (int)Status.Unauthenticated;
                Put(identity, "username", who.Username);
                Put(identity, "signature_key", who.SignatureKey);
                Marshal.WriteInt32(identity, (int)Marshal.OffsetOf(typeof(Abi.rec_identity), "level"), (int)who.Level);
                return (int)Status.Ok;
            });
        }

        /// <summary>Writes a text of a rec_identity, which has 256 bytes.</summary>
        private static void Put(IntPtr identity, string member, string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text ?? "");
            if (bytes.Length > 255 || Array.IndexOf(bytes, (byte)0) >= 0)
                throw new ArgumentException("an identity has a text of more than 255 bytes, or one with a NUL");
            IntPtr target = IntPtr.Add(identity, (int)Marshal.OffsetOf(typeof(Abi.rec_identity), member));
            Marshal.Copy(bytes, 0, target, bytes.Length);
            Marshal.WriteByte(target, bytes.Length, 0);
        }
    }
}
