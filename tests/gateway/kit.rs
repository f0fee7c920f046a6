//! An engine with a gateway, and a client.
#![allow(dead_code, unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};
use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use ureq::http;

use crate::support::{Answer, Arg, Call, Engine, ask, init, string};

pub const FIRST: &str = "01RCC3N118B1V0SL8O7GK2LAES00000V";
pub const SECOND: &str = "01RCC3N118B1V0SL8O7GK2LAES00000W";

/// What the vendors' own clients take for an account.
pub const PLIVO_ACCOUNT: &str = "MADEMO00000000000000";

/// (scheme, name, secret, level): those of examples-c/gateway.c.
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
    let shown = unsafe { &*credentials };
    let text = |at| unsafe { CStr::from_ptr(at) }.to_str().unwrap();
    let (name, secret) = (text(shown.name), text(shown.secret));
    if name == "broken" {
        return REC_ERR_IO;
    }
    // As many users as a test wants.
    if (shown.scheme, name.starts_with("agent"), secret) == (REC_AUTH_BASIC, true, "secret") {
        let identity = unsafe { &mut *identity };
        identity.level = 2;
        put(&mut identity.username, name);
        return REC_OK;
    }
    let signs = shown.scheme == REC_AUTH_SIGNATURE;
    let scheme = if signs { REC_AUTH_TOKEN } else { shown.scheme };
    let found = USERS
        .iter()
        .find(|user| (user.0, user.1) == (scheme, name) && (signs || user.2 == secret));
    let Some(user) = found else {
        return REC_ERR_UNAUTHENTICATED;
    };
    let identity = unsafe { &mut *identity };
    identity.level = user.3;
    put(&mut identity.username, name);
    if signs {
        put(&mut identity.signature_key, user.2);
    }
    REC_OK
}

fn put(to: &mut [std::ffi::c_char], text: &str) {
    for (to, from) in to.iter_mut().zip(text.bytes()) {
        *to = from as std::ffi::c_char;
    }
}

/// An engine, its gateway, and two calls as in examples-c/gateway.c.
pub struct House {
    pub engine: Engine,
    pub gateway: rec_gateway,
    pub base: String,
    pub calls: [rec_call; 2],
    pub dir: ScratchDir,
    agent: ureq::Agent,
}

impl House {
    pub fn open(settings: &[(&str, &str)]) -> House {
        House::open_in(ScratchDir::new(), settings)
    }

    /// Where there may be recordings already.
    pub fn open_in(dir: ScratchDir, settings: &[(&str, &str)]) -> House {
        let engine = Engine::open(&dir.0, settings);
        House::of(dir, engine)
    }

    pub fn of(dir: ScratchDir, engine: Engine) -> House {
        let gateway = start_gateway(&engine);
        let mut port = 0;
        ask(|e| unsafe { rec_gateway_port(gateway, &mut port, e) }).unwrap();
        let first = Call {
            call_id: Some(FIRST),
            device: Some("SEP123456789ABC"),
            number: Some("101"),
            user: Some("user1"),
            ..Call::default()
        };
        let second = Call {
            call_id: Some(SECOND),
            device: Some("SEP123456789DEF"),
            number: Some("102"),
            user: Some("user2"),
            ..Call::default()
        };
        let calls = [engine.begin(&first).unwrap(), engine.begin(&second).unwrap()];
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(1000)
            .max_idle_connections_per_host(1000);
        House {
            gateway,
            base: format!("http://127.0.0.1:{port}"),
            calls,
            agent: config.build().into(),
            engine,
            dir,
        }
    }

    /// From the engine's first line on, if it is asked for once.
    pub fn log(&self) -> &'static Log {
        let log: &'static Log = Box::leak(Box::default());
        let data = std::ptr::from_ref(log).cast_mut().cast();
        ask(|e| unsafe { rec_set_log(self.engine.handle, Some(note), data, None, e) }).unwrap();
        log
    }

    pub fn stop_gateway(&self) {
        stop_gateway(self.gateway);
    }

    /// With a new gateway where the old one was.
    pub fn reopened(self) -> House {
        let port = self.base.rsplit_once(':').unwrap().1.parse().unwrap();
        let gateway = start_gateway_at(&self.engine, c"127.0.0.1", port);
        House { gateway, ..self }
    }

    /// With a new gateway on another port, while something else has the old one's.
    pub fn moved(self) -> House {
        let old = self.base.rsplit_once(':').unwrap().1.parse().unwrap();
        let _kept = std::net::TcpListener::bind(("127.0.0.1", old));
        let gateway = start_gateway(&self.engine);
        let mut port = 0;
        ask(|e| unsafe { rec_gateway_port(gateway, &mut port, e) }).unwrap();
        let base = format!("http://127.0.0.1:{port}");
        House {
            gateway,
            base,
            ..self
        }
    }

    /// Sends a request with these headers; the body "" is none.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if body.is_empty() {
            self.agent.run(request.body(()).unwrap()).unwrap()
        } else {
            let request = self
                .agent
                .configure_request(request.body(body.to_owned()).unwrap());
            self.agent
                .run(request.allow_non_standard_methods(true).build())
                .unwrap()
        };
        let (head, mut body) = response.into_parts();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.read_to_vec().unwrap(),
        }
    }
}

/// A request without a socket.
pub fn handle(
    gateway: rec_gateway,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer<Reply> {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let (method, target, lines) = (Arg::from(method), Arg::from(target), Arg::from(lines.as_str()));
    let mut request: rec_http_request = init();
    request.method = method.ptr();
    request.target = target.ptr();
    request.headers = lines.ptr();
    request.body = body.as_ptr().cast();
    request.body_size = body.len();
    let mut response = std::ptr::null_mut();
    ask(|e| unsafe { rec_http_handle(gateway, &request, &mut response, e) })?;
    Ok(unsafe { reply_of(response) })
}

/// # Safety
/// `response` was made by `rec_http_handle`; it is freed here.
unsafe fn reply_of(response: *mut rec_http_response) -> Reply {
    let status = unsafe { rec_http_response_status(response) } as u16;
    let lines = unsafe { CStr::from_ptr(rec_http_response_headers(response)) };
    let mut headers = http::HeaderMap::new();
    for line in lines.to_str().unwrap().split_terminator("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let mut size = 0;
    let body = unsafe { rec_http_response_body(response, &mut size) };
    let body = unsafe { std::slice::from_raw_parts(body.cast::<u8>(), size) }.to_vec();
    unsafe { rec_http_response_free(response) };
    Reply {
        status,
        headers,
        body,
    }
}

pub fn stop_gateway(gateway: rec_gateway) {
    ask(|e| unsafe { rec_gateway_stop(gateway, 5000, e) }).unwrap();
}

pub fn close_feed(feed: rec_feed) {
    assert_eq!(unsafe { rec_feed_close(feed) }, REC_OK);
}

pub fn start_gateway(engine: &Engine) -> rec_gateway {
    start_gateway_at(engine, c"127.0.0.1", 0)
}

pub fn start_gateway_at(engine: &Engine, address: &CStr, port: u32) -> rec_gateway {
    let mut options: rec_gateway_options = init();
    options.port = port;
    options.address = address.as_ptr();
    options.authenticate = Some(authenticate);
    let mut gateway = rec_gateway { id: 0 };
    ask(|e| unsafe { rec_gateway_start(engine.handle, &options, &mut gateway, e) }).unwrap();
    gateway
}

/// What an engine has logged.
#[derive(Default)]
pub struct Log(Mutex<Vec<String>>);

impl Log {
    pub fn has(&self, text: &str) -> bool {
        self.0.lock().iter().any(|line| line.contains(text))
    }
}

unsafe extern "C" fn note(log: *mut c_void, _: i32, message: *const c_char) {
    let log = unsafe { &*log.cast::<Log>() };
    log.0.lock().push(string(message));
}

/// `Authorization: Basic …`
pub fn basic(name: &str, secret: &str) -> String {
    use base64::Engine as _;
    let coded = base64::prelude::BASE64_STANDARD.encode(format!("{name}:{secret}"));
    format!("Basic {coded}")
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// An engine that is closing until it is let go: a callback does not return.
pub struct Closing {
    gate: Arc<Gate>,
    closed: Option<std::thread::JoinHandle<Answer<()>>>,
}

#[derive(Default)]
struct Gate {
    /// (somebody is held, nobody is held any more)
    state: Mutex<(bool, bool)>,
    signal: Condvar,
}

unsafe extern "C" fn hold(gate: *mut c_void, _: *const rec_event) {
    let gate = unsafe { &*gate.cast::<Gate>() };
    let mut state = gate.state.lock();
    state.0 = true;
    gate.signal.notify_all();
    while !state.1 {
        gate.signal.wait(&mut state);
    }
}

unsafe extern "C" fn release(gate: *mut c_void) {
    drop(unsafe { Arc::from_raw(gate.cast::<Gate>()) });
}

impl Closing {
    /// `act` makes something happen that is told of.
    pub fn of(house: &House, act: impl FnOnce()) -> Closing {
        let gate = Arc::new(Gate::default());
        let data = Arc::into_raw(gate.clone()).cast_mut().cast();
        let mut subscription = rec_subscription { id: 0 };
        let (engine, to) = (house.engine.handle, &mut subscription);
        ask(|e| unsafe { rec_subscribe(engine, Some(hold), data, Some(release), to, e) }).unwrap();
        act();
        let mut state = gate.state.lock();
        while !state.0 {
            assert!(!gate.signal.wait_for(&mut state, PATIENCE).timed_out());
        }
        drop(state);
        let timeout_ms = PATIENCE.as_millis() as u32;
        let closed = std::thread::spawn(move || ask(|e| unsafe { rec_close(engine, timeout_ms, e) }));
        until("it is closing", || {
            house.send("GET", "/healthz", &[], "").status == 503
        });
        let closed = Some(closed);
        Closing { gate, closed }
    }

    /// The engine's end is waited for.
    pub fn end(mut self) {
        self.let_go();
        let closed = self.closed.take().unwrap();
        assert_eq!(closed.join().unwrap(), Ok(()));
    }

    fn let_go(&self) {
        self.gate.state.lock().1 = true;
        self.gate.signal.notify_all();
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.let_go();
    }
}
