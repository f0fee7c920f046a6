//! The end of a gateway: what has ended when `rec_gateway_stop` or `rec_close` returns.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::c_void;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};
use callrec_testkit::watched::Watched;
use socket2::{Domain, Socket, Type};

use crate::imagicle::{BASE, as_admin, start_on_first};
use crate::server::{TestServer, basic, close_feed, gateway_port, handle, start_gateway_with};
use crate::support::{TestEngine, checked, feed, init, write_bytes};

const LONG_TIMEOUT_MS: u32 = PATIENCE.as_millis() as u32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HostState {
    /// The authentication function does not return.
    blocking: bool,
    /// The engine that the function closes, and the status that `rec_close` returns.
    closes: Option<(u64, rec_status)>,
    /// Calls of the function.
    calls: u32,
    /// Calls that have not returned.
    active: u32,
    freed: u32,
}

/// The host of a gateway. Never freed, because a failing test may leave a thread in its function.
#[derive(Default)]
struct BlockingHost(Watched<HostState>);

impl BlockingHost {
    fn new(blocking: bool) -> &'static BlockingHost {
        let host: &'static BlockingHost = Box::leak(Box::default());
        host.0.lock().blocking = blocking;
        host
    }

    fn state(&self) -> HostState {
        self.0.get()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&HostState) -> bool) {
        self.0.wait_until(what, holds);
    }

    fn release(&self) {
        self.0.change(|state| state.blocking = false);
    }

    fn start(&'static self, engine: &TestEngine, flags: u32) -> rec_gateway {
        let mut options: rec_gateway_options = init();
        options.flags = flags;
        options.authenticate = Some(authenticate);
        options.user_data = std::ptr::from_ref(self).cast_mut().cast();
        options.user_data_free = Some(free);
        start_gateway_with(engine.handle, &options).unwrap()
    }
}

unsafe extern "C" fn authenticate(
    data: *mut c_void,
    _: *const rec_credentials,
    identity: *mut rec_identity,
) -> rec_status {
    let host = unsafe { &*data.cast::<BlockingHost>() };
    host.0.change(|state| {
        state.calls += 1;
        state.active += 1;
    });
    host.0.block_while(|state| state.blocking);
    host.0.change(|state| {
        if let Some((engine, status)) = &mut state.closes {
            *status = unsafe { rec_close(rec_engine { id: *engine }, 0, std::ptr::null_mut()) };
        }
        state.active -= 1;
    });
    unsafe { (*identity).level = REC_LEVEL_COMPLETE };
    REC_OK
}

unsafe extern "C" fn free(data: *mut c_void) {
    let host = unsafe { &*data.cast::<BlockingHost>() };
    host.0.change(|state| {
        assert_eq!(state.active, 0, "user_data is freed during a call");
        state.freed += 1;
    });
}

fn port_or_status(gateway: rec_gateway) -> Result<u16, rec_status> {
    gateway_port(gateway).map_err(|error| error.status)
}

fn stop(gateway: rec_gateway, timeout_ms: u32) -> rec_status {
    let result = checked(|e| unsafe { rec_gateway_stop(gateway, timeout_ms, e) });
    result.map_or_else(|error| error.status, |()| REC_OK)
}

fn close(engine: &TestEngine, timeout_ms: u32) -> rec_status {
    let result = checked(|e| unsafe { rec_close(engine.handle, timeout_ms, e) });
    result.map_or_else(|error| error.status, |()| REC_OK)
}

fn connect(gateway: rec_gateway) -> TcpStream {
    let port = port_or_status(gateway).unwrap();
    TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap()
}

fn write_request(stream: &mut TcpStream, path: &str) {
    let login = basic("admin", "secret");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: {login}\r\n\r\n"
    )
    .unwrap();
}

fn list_by_handle(gateway: rec_gateway) -> Result<u16, rec_status> {
    let login = basic("admin", "secret");
    let path = format!("{BASE}LiveRecordings");
    let result = handle(gateway, "GET", &path, &[("authorization", &login)], "");
    result
        .map(|response| response.status)
        .map_err(|error| error.status)
}

#[test]
fn a_stop_times_out_while_the_authentication_function_runs() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(true);
    let gateway = host.start(&engine, REC_GATEWAY_NO_SOCKET);
    let request = std::thread::spawn(move || list_by_handle(gateway));
    host.wait("a call of authenticate", |state| state.active == 1);
    assert_eq!(stop(gateway, 300), REC_ERR_TIMEOUT);
    // The request is aborted although the function has not returned.
    assert_eq!(request.join().unwrap(), Err(REC_ERR_UNAVAILABLE));
    assert_eq!((host.state().active, host.state().freed), (1, 0));
    assert_eq!(port_or_status(gateway), Err(REC_ERR_BAD_HANDLE));
    host.release();
    host.wait("freed", |state| state.freed == 1);
    assert_eq!(host.state().calls, 1);
}

#[test]
fn a_stop_waits_for_the_authentication_of_a_disconnected_client() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(true);
    let gateway = host.start(&engine, 0);
    let mut client = connect(gateway);
    write_request(&mut client, &format!("{BASE}LiveRecordings"));
    host.wait("a call of authenticate", |state| state.active == 1);
    drop(client);
    assert_eq!(stop(gateway, 300), REC_ERR_TIMEOUT);
    host.release();
    host.wait("freed", |state| state.freed == 1);
}

#[test]
fn a_stop_frees_user_data_once_before_it_returns() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    for flags in [0, REC_GATEWAY_NO_SOCKET].repeat(10) {
        let host = BlockingHost::new(false);
        let gateway = host.start(&engine, flags);
        assert_eq!(list_by_handle(gateway), Ok(200));
        assert_eq!(stop(gateway, LONG_TIMEOUT_MS), REC_OK);
        assert_eq!((host.state().calls, host.state().freed), (1, 1));
    }
}

#[test]
fn a_failed_start_does_not_free_user_data() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(false);
    let gateway = host.start(&engine, 0);
    let mut options: rec_gateway_options = init();
    options.port = port_or_status(gateway).unwrap().into();
    options.authenticate = Some(authenticate);
    options.user_data = std::ptr::from_ref(host).cast_mut().cast();
    options.user_data_free = Some(free);
    let start = |options: &rec_gateway_options| {
        let mut second = rec_gateway { id: 7 };
        let result = checked(|e| unsafe { rec_gateway_start(engine.handle, options, &mut second, e) });
        assert_eq!(second.id, 7);
        result.unwrap_err().status
    };
    assert_eq!(start(&options), REC_ERR_IO, "the port is in use");
    options.port = 0;
    options.authenticate = None;
    assert_eq!(
        start(&options),
        REC_ERR_INVALID_ARGUMENT,
        "user_data_free without authenticate"
    );
    assert_eq!(host.state().freed, 0);
    assert_eq!(stop(gateway, LONG_TIMEOUT_MS), REC_OK);
    assert_eq!(host.state().freed, 1);
}

/// Makes a recording that is larger than the buffers of a connection to a slow client; returns the path of its audio.
fn record_large_file(server: &TestServer) -> String {
    let id = start_on_first(server);
    let feed = feed(server.calls[0], 0, REC_CODEC_PCM16, 16_000).unwrap();
    for _ in 0..600 {
        write_bytes(feed, &[7; 16_000]);
    }
    close_feed(feed);
    let response = as_admin(server, "DELETE", &format!("LiveRecordings/{id}"), "");
    assert_eq!(response.0, 204);
    server.engine.events.wait_terminal(&id);
    format!("{BASE}Recordings/{id}/Media")
}

/// Connects a socket whose receive buffer stays small: a system may let it grow to 32 MiB.
fn connect_with_small_buffer(gateway: rec_gateway) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1 << 16).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port_or_status(gateway).unwrap()));
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// Opens a client that reads only the head of its response; returns it with the length of the body.
fn slow_client(gateway: rec_gateway, path: &str) -> (TcpStream, u64) {
    let mut client = connect_with_small_buffer(gateway);
    write_request(&mut client, path);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let length = head.split("content-length: ").nth(1).unwrap();
    (client, length.lines().next().unwrap().parse().unwrap())
}

fn remaining_bytes(mut client: TcpStream) -> u64 {
    let mut bytes = Vec::new();
    // A reset ends the response as well.
    let _ = client.read_to_end(&mut bytes);
    bytes.len() as u64
}

#[test]
fn a_slow_client_does_not_delay_a_stop_or_a_close() {
    let server = TestServer::open(&[("gateway.request_ms", "600000")]);
    let path = record_large_file(&server);
    let host = BlockingHost::new(false);
    let gateway = host.start(&server.engine, 0);
    let (client, length) = slow_client(gateway, &path);
    assert_eq!(stop(gateway, 100), REC_ERR_TIMEOUT);
    host.wait("freed", |state| state.freed == 1);
    assert!(remaining_bytes(client) < length, "the response was not cut off");

    let host = BlockingHost::new(false);
    let gateway = host.start(&server.engine, 0);
    let (client, length) = slow_client(gateway, &path);
    assert_eq!(close(&server.engine, LONG_TIMEOUT_MS), REC_OK);
    assert_eq!(host.state().freed, 1);
    assert!(remaining_bytes(client) < length, "the response was not cut off");
}

#[test]
fn a_close_stops_the_gateway() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(false);
    let gateway = host.start(&engine, 0);
    assert_eq!(close(&engine, LONG_TIMEOUT_MS), REC_OK);
    assert_eq!(host.state().freed, 1);
    assert_eq!(port_or_status(gateway), Err(REC_ERR_BAD_HANDLE));
    assert_eq!(stop(gateway, 0), REC_ERR_BAD_HANDLE);
    assert_eq!(list_by_handle(gateway), Err(REC_ERR_BAD_HANDLE));
}

#[test]
fn a_close_that_times_out_still_stops_the_gateways() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let (subscriber, host, other) = (
        BlockingHost::new(true),
        BlockingHost::new(false),
        BlockingHost::new(false),
    );
    let mut subscription = rec_subscription { id: 0 };
    let data = std::ptr::from_ref(subscriber).cast_mut().cast();
    checked(|e| unsafe {
        rec_subscribe(
            engine.handle,
            Some(block_on_event),
            data,
            Some(free),
            &mut subscription,
            e,
        )
    })
    .unwrap();
    let (gateway, socketless) = (
        host.start(&engine, 0),
        other.start(&engine, REC_GATEWAY_NO_SOCKET),
    );
    // This connection is open and has been served.
    let mut client = connect(gateway);
    write_request(&mut client, &format!("{BASE}LiveRecordings"));
    let mut byte = [0];
    client.read_exact(&mut byte).unwrap();
    let port = port_or_status(gateway).unwrap();
    let call = crate::support::CallFields {
        device: Some("SEP1"),
        ..Default::default()
    };
    engine.begin(&call).unwrap();
    engine
        .start(
            None,
            &crate::support::StartFields {
                device: Some("SEP1"),
                ..Default::default()
            },
        )
        .unwrap();
    subscriber.wait("an event", |state| state.active == 1);
    assert_eq!(close(&engine, 1), REC_ERR_TIMEOUT);
    assert_eq!(port_or_status(gateway), Err(REC_ERR_BAD_HANDLE));
    assert_eq!(list_by_handle(socketless), Err(REC_ERR_BAD_HANDLE));
    // The gateway closes the connection although the engine is still closing.
    let login = basic("admin", "secret");
    let request = format!("GET {BASE}LiveRecordings HTTP/1.1\r\nhost: a\r\nauthorization: {login}\r\n\r\n");
    let _ = client.write_all(request.as_bytes());
    remaining_bytes(client);
    until("the port is closed", || {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err()
    });
    host.wait("freed", |state| state.freed == 1);
    other.wait("freed", |state| state.freed == 1);
    assert_eq!((host.state().calls, other.state().calls), (1, 0));
    subscriber.release();
    subscriber.wait("freed", |state| state.freed == 1);
}

/// The callback of a subscription, which blocks while `HostState::blocking` is true.
unsafe extern "C" fn block_on_event(data: *mut c_void, _: *const rec_event) {
    let host = unsafe { &*data.cast::<BlockingHost>() };
    host.0.change(|state| state.active += 1);
    host.0.block_while(|state| state.blocking);
    host.0.change(|state| state.active -= 1);
}

#[test]
fn a_close_within_the_authentication_function_is_refused() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(false);
    host.0.lock().closes = Some((engine.handle.id, REC_OK));
    let gateway = host.start(&engine, 0);
    assert_eq!(list_by_handle(gateway), Ok(200));
    let status = host.state().closes.map(|(_, status)| status);
    assert_eq!(status, Some(REC_ERR_IN_CALLBACK));
    // The engine is still open.
    assert_eq!(engine.stats().live_calls, 0);
    assert_eq!(stop(gateway, LONG_TIMEOUT_MS), REC_OK);
}
