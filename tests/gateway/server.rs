//! An engine with a gateway, two calls and an HTTP client.
#![allow(dead_code, unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, c_char, c_void};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::gate::Gate;
use callrec_testkit::http::HttpClient;
pub use callrec_testkit::http::{ClientResponse, basic, read_to_close, send_raw};
use callrec_testkit::wait::{PATIENCE, until};

pub use crate::support::feeds::close_feed;
pub use crate::support::gateway::*;
use crate::support::*;

/// The call ids of a test server's calls.
pub const FIRST: &str = "01RCC3N118B1V0SL8O7GK2LAES00000V";
pub const SECOND: &str = "01RCC3N118B1V0SL8O7GK2LAES00000W";

/// The account that the SDKs of the vendors use.
pub const PLIVO_ACCOUNT: &str = "MADEMO00000000000000";

/// (scheme, name, secret, level), as in examples-c/gateway.c.
const USERS: &[(i32, &str, &str, u32)] = &[
    (REC_AUTH_BASIC, "admin", "secret", 10),
    (REC_AUTH_BASIC, "user1", "secret", 2),
    (REC_AUTH_BASIC, "user2", "secret", 2),
    (REC_AUTH_BASIC, "only", "secret", 1),
    (REC_AUTH_BASIC, "MA_DEMO", "secret", 10),
    (REC_AUTH_TOKEN, "MA_DEMO", "secret", 10),
    (REC_AUTH_TOKEN, "MA_OTHER", "secret", 10),
    (REC_AUTH_TOKEN, "user1", "secret", 2),
    (REC_AUTH_TOKEN, "only", "secret", 1),
    (REC_AUTH_BASIC, PLIVO_ACCOUNT, "secret", 10),
    (REC_AUTH_TOKEN, PLIVO_ACCOUNT, "secret", 10),
    (REC_AUTH_BEARER, "MA_DEMO", "bearer", 10),
    (REC_AUTH_BEARER, "", "bearer", 10),
];

unsafe extern "C" fn authenticate(
    _: *mut c_void,
    credentials: *const rec_credentials,
    identity: *mut rec_identity,
) -> rec_status {
    let credentials = unsafe { &*credentials };
    let text = |at| unsafe { CStr::from_ptr(at) }.to_str().unwrap();
    let (name, secret) = (text(credentials.name), text(credentials.secret));
    if name == "broken" {
        return REC_ERR_IO;
    }
    // Every name that begins with "agent" is a user.
    if (credentials.scheme, name.starts_with("agent"), secret) == (REC_AUTH_BASIC, true, "secret") {
        let identity = unsafe { &mut *identity };
        identity.level = 2;
        copy_text(&mut identity.username, name);
        return REC_OK;
    }
    let is_signature = credentials.scheme == REC_AUTH_SIGNATURE;
    let scheme = if is_signature {
        REC_AUTH_TOKEN
    } else {
        credentials.scheme
    };
    let found = USERS
        .iter()
        .find(|user| (user.0, user.1) == (scheme, name) && (is_signature || user.2 == secret));
    let Some(user) = found else {
        return REC_ERR_UNAUTHENTICATED;
    };
    let identity = unsafe { &mut *identity };
    identity.level = user.3;
    copy_text(&mut identity.username, name);
    if is_signature {
        copy_text(&mut identity.signature_key, user.2);
    }
    REC_OK
}

fn copy_text(destination: &mut [c_char], text: &str) {
    for (to, from) in destination.iter_mut().zip(text.bytes()) {
        *to = from as c_char;
    }
}

/// An engine, its gateway, and two calls as in examples-c/gateway.c.
pub struct TestServer {
    pub engine: TestEngine,
    pub gateway: rec_gateway,
    /// The gateway's URL, without a path.
    pub base: String,
    pub calls: [rec_call; 2],
    pub dir: ScratchDir,
    client: HttpClient,
}

impl TestServer {
    pub fn open(settings: &[(&str, &str)]) -> TestServer {
        TestServer::open_in(ScratchDir::new(), settings)
    }

    /// Opens a directory that may contain recordings.
    pub fn open_in(dir: ScratchDir, settings: &[(&str, &str)]) -> TestServer {
        let engine = TestEngine::open(&dir, settings);
        TestServer::of(dir, engine)
    }

    pub fn of(dir: ScratchDir, engine: TestEngine) -> TestServer {
        let gateway = start_gateway(&engine);
        let first = CallFields {
            call_id: Some(FIRST),
            device: Some("SEP123456789ABC"),
            number: Some("101"),
            user: Some("user1"),
            ..CallFields::default()
        };
        let second = CallFields {
            call_id: Some(SECOND),
            device: Some("SEP123456789DEF"),
            number: Some("102"),
            user: Some("user2"),
            ..CallFields::default()
        };
        let calls = [engine.begin(&first).unwrap(), engine.begin(&second).unwrap()];
        TestServer {
            gateway,
            base: base_of(gateway),
            calls,
            client: HttpClient::new(),
            engine,
            dir,
        }
    }

    /// The gateway's host and port.
    pub fn address(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    fn port(&self) -> u16 {
        self.address().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Opens a connection to the gateway.
    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).unwrap()
    }

    /// Collects the engine's log lines from now on.
    pub fn log(&self) -> Arc<EngineLog> {
        EngineLog::attach(self.engine.handle)
    }

    pub fn stop_gateway(&self) {
        stop_gateway(self.gateway);
    }

    /// Starts a new gateway on the port of the stopped one.
    pub fn reopened(self) -> TestServer {
        let gateway = start_gateway_at(&self.engine, c"127.0.0.1", self.port().into());
        TestServer { gateway, ..self }
    }

    /// Starts a new gateway on another port than the stopped one.
    pub fn moved(self) -> TestServer {
        let _occupied = TcpListener::bind(("127.0.0.1", self.port()));
        let gateway = start_gateway(&self.engine);
        TestServer {
            gateway,
            base: base_of(gateway),
            ..self
        }
    }

    /// Sends a request with these headers. An empty `body` sends none.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> ClientResponse {
        let url = format!("{}{path}", self.base);
        self.client.send(method, &url, headers, body)
    }
}

fn base_of(gateway: rec_gateway) -> String {
    format!("http://127.0.0.1:{}", gateway_port(gateway).unwrap())
}

/// Starts a gateway with the users of the tests.
pub fn start_gateway(engine: &TestEngine) -> rec_gateway {
    start_gateway_at(engine, c"127.0.0.1", 0)
}

pub fn start_gateway_at(engine: &TestEngine, address: &CStr, port: u32) -> rec_gateway {
    let mut options: rec_gateway_options = init();
    options.port = port;
    options.address = address.as_ptr();
    options.authenticate = Some(authenticate);
    start_gateway_with(engine.handle, &options).unwrap()
}

/// An engine that is closing until [`ClosingEngine::end`], because a callback does not return.
pub struct ClosingEngine {
    gate: Arc<Gate>,
    closed: Option<std::thread::JoinHandle<AbiResult<()>>>,
}

impl ClosingEngine {
    /// `cause_event` makes the engine report an event.
    pub fn of(server: &TestServer, cause_event: impl FnOnce()) -> ClosingEngine {
        let gate = Arc::new(Gate::new_shut());
        let (blocked, engine) = (gate.clone(), server.engine.handle);
        subscribe(engine, move |_| blocked.pass()).unwrap();
        cause_event();
        gate.wait_for_blocked(1);
        let timeout_ms = PATIENCE.as_millis() as u32;
        let closed = std::thread::spawn(move || checked(|e| unsafe { rec_close(engine, timeout_ms, e) }));
        until("the engine is closing", || {
            server.send("GET", "/healthz", &[], "").status == 503
        });
        let closed = Some(closed);
        ClosingEngine { gate, closed }
    }

    /// Lets the callback return, and waits until the engine is closed.
    pub fn end(mut self) {
        self.gate.open();
        let closed = self.closed.take().unwrap();
        assert_eq!(closed.join().unwrap(), Ok(()));
    }
}

impl Drop for ClosingEngine {
    fn drop(&mut self) {
        self.gate.open();
    }
}
