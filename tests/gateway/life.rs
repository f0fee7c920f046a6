//! A gateway's end: what is over when `rec_gateway_stop` or `rec_close` has returned.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::c_void;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};
use callrec_testkit::watched::Watched;

use crate::imagicle::{BASE, as_admin, on_first};
use crate::server::{TestServer, basic, close_feed, gateway_port, handle, start_gateway_with};
use crate::support::{TestEngine, checked, feed, init, write_bytes};

const LONG: u32 = PATIENCE.as_millis() as u32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HostState {
    /// The function does not return.
    holds: bool,
    /// The engine that the function closes, and the status of that close.
    closes: Option<(u64, rec_status)>,
    asked: u32,
    inside: u32,
    freed: u32,
}

/// The host's side of a gateway. Never freed: a failing test may leave a thread inside.
#[derive(Default)]
struct BlockingHost(Watched<HostState>);

impl BlockingHost {
    fn new(holds: bool) -> &'static BlockingHost {
        let host: &'static BlockingHost = Box::leak(Box::default());
        host.0.lock().holds = holds;
        host
    }

    fn now(&self) -> HostState {
        self.0.get()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&HostState) -> bool) {
        self.0.wait_until(what, holds);
    }

    fn release(&self) {
        self.0.change(|state| state.holds = false);
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
        state.asked += 1;
        state.inside += 1;
    });
    host.0.block_while(|state| state.holds);
    host.0.change(|state| {
        if let Some((engine, status)) = &mut state.closes {
            *status = unsafe { rec_close(rec_engine { id: *engine }, 0, std::ptr::null_mut()) };
        }
        state.inside -= 1;
    });
    unsafe { (*identity).level = REC_LEVEL_COMPLETE };
    REC_OK
}

unsafe extern "C" fn free(data: *mut c_void) {
    let host = unsafe { &*data.cast::<BlockingHost>() };
    host.0.change(|state| {
        assert_eq!(state.inside, 0, "the data is still in use");
        state.freed += 1;
    });
}

fn port_of(gateway: rec_gateway) -> Result<u16, rec_status> {
    gateway_port(gateway).map_err(|error| error.status)
}

fn stop(gateway: rec_gateway, timeout_ms: u32) -> rec_status {
    let told = checked(|e| unsafe { rec_gateway_stop(gateway, timeout_ms, e) });
    told.map_or_else(|refusal| refusal.status, |()| REC_OK)
}

fn close(engine: &TestEngine, timeout_ms: u32) -> rec_status {
    let told = checked(|e| unsafe { rec_close(engine.handle, timeout_ms, e) });
    told.map_or_else(|refusal| refusal.status, |()| REC_OK)
}

fn connect(gateway: rec_gateway) -> TcpStream {
    let port = port_of(gateway).unwrap();
    TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap()
}

fn write_request(stream: &mut TcpStream, path: &str) {
    let who = basic("admin", "secret");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: {who}\r\n\r\n"
    )
    .unwrap();
}

fn list_by_handle(gateway: rec_gateway) -> Result<u16, rec_status> {
    let who = basic("admin", "secret");
    let path = format!("{BASE}LiveRecordings");
    let told = handle(gateway, "GET", &path, &[("authorization", &who)], "");
    told.map(|reply| reply.status).map_err(|refusal| refusal.status)
}

#[test]
fn a_stop_does_not_say_that_it_is_over_while_the_host_is_asked() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(true);
    let gateway = host.start(&engine, REC_GATEWAY_NO_SOCKET);
    let asking = std::thread::spawn(move || list_by_handle(gateway));
    host.wait("asked", |seen| seen.inside == 1);
    assert_eq!(stop(gateway, 300), REC_ERR_TIMEOUT);
    // Cut off, though the host still thinks about it.
    assert_eq!(asking.join().unwrap(), Err(REC_ERR_UNAVAILABLE));
    assert_eq!((host.now().inside, host.now().freed), (1, 0));
    assert_eq!(port_of(gateway), Err(REC_ERR_BAD_HANDLE));
    host.release();
    host.wait("freed", |seen| seen.freed == 1);
    assert_eq!(host.now().asked, 1);
}

#[test]
fn a_client_that_has_gone_leaves_nobody_behind_in_the_hosts_function() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(true);
    let gateway = host.start(&engine, 0);
    let mut client = connect(gateway);
    write_request(&mut client, &format!("{BASE}LiveRecordings"));
    host.wait("asked", |seen| seen.inside == 1);
    drop(client);
    assert_eq!(stop(gateway, 300), REC_ERR_TIMEOUT);
    host.release();
    host.wait("freed", |seen| seen.freed == 1);
}

#[test]
fn after_a_stop_what_is_the_hosts_has_been_given_back() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    for flags in [0, REC_GATEWAY_NO_SOCKET].repeat(10) {
        let host = BlockingHost::new(false);
        let gateway = host.start(&engine, flags);
        assert_eq!(list_by_handle(gateway), Ok(200));
        assert_eq!(stop(gateway, LONG), REC_OK);
        assert_eq!((host.now().asked, host.now().freed), (1, 1));
    }
}

#[test]
fn what_could_not_be_started_gives_nothing_back() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(false);
    let gateway = host.start(&engine, 0);
    let mut options: rec_gateway_options = init();
    options.port = port_of(gateway).unwrap().into();
    options.authenticate = Some(authenticate);
    options.user_data = std::ptr::from_ref(host).cast_mut().cast();
    options.user_data_free = Some(free);
    let start = |options: &rec_gateway_options| {
        let mut second = rec_gateway { id: 7 };
        let told = checked(|e| unsafe { rec_gateway_start(engine.handle, options, &mut second, e) });
        assert_eq!(second.id, 7);
        told.unwrap_err().status
    };
    assert_eq!(start(&options), REC_ERR_IO, "the port is taken");
    options.port = 0;
    options.authenticate = None;
    assert_eq!(
        start(&options),
        REC_ERR_INVALID_ARGUMENT,
        "who would be called last?"
    );
    assert_eq!(host.now().freed, 0);
    assert_eq!(stop(gateway, LONG), REC_OK);
    assert_eq!(host.now().freed, 1);
}

/// A finished recording of more than any socket holds, and the path of its audio.
fn long_recording(server: &TestServer) -> String {
    let id = on_first(server);
    let feed = feed(server.calls[0], 0, REC_CODEC_PCM16, 16_000).unwrap();
    for _ in 0..600 {
        write_bytes(feed, &[7; 16_000]);
    }
    close_feed(feed);
    let stopped = as_admin(server, "DELETE", &format!("LiveRecordings/{id}"), "");
    assert_eq!(stopped.0, 204);
    server.engine.events.wait_terminal(&id);
    format!("{BASE}Recordings/{id}/Media")
}

/// A client that has begun to take its answer, and takes no more; how long the answer is.
fn slow_client(gateway: rec_gateway, path: &str) -> (TcpStream, u64) {
    let mut client = connect(gateway);
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

fn rest(mut client: TcpStream) -> u64 {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = client.read_to_end(&mut bytes);
    bytes.len() as u64
}

#[test]
fn who_takes_an_answer_slowly_holds_no_end_up() {
    let server = TestServer::open(&[("gateway.request_ms", "600000")]);
    let path = long_recording(&server);
    let host = BlockingHost::new(false);
    let gateway = host.start(&server.engine, 0);
    let (client, length) = slow_client(gateway, &path);
    assert_eq!(stop(gateway, 100), REC_ERR_TIMEOUT);
    host.wait("freed", |seen| seen.freed == 1);
    assert!(rest(client) < length, "it was not cut off");

    let host = BlockingHost::new(false);
    let gateway = host.start(&server.engine, 0);
    let (client, length) = slow_client(gateway, &path);
    assert_eq!(close(&server.engine, LONG), REC_OK);
    assert_eq!(host.now().freed, 1);
    assert!(rest(client) < length, "it was not cut off");
}

#[test]
fn after_a_close_the_gateway_is_gone() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(false);
    let gateway = host.start(&engine, 0);
    assert_eq!(close(&engine, LONG), REC_OK);
    assert_eq!(host.now().freed, 1);
    assert_eq!(port_of(gateway), Err(REC_ERR_BAD_HANDLE));
    assert_eq!(stop(gateway, 0), REC_ERR_BAD_HANDLE);
    assert_eq!(list_by_handle(gateway), Err(REC_ERR_BAD_HANDLE));
}

#[test]
fn a_close_without_time_ends_the_gateway_all_the_same() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let (held, host, other) = (
        BlockingHost::new(true),
        BlockingHost::new(false),
        BlockingHost::new(false),
    );
    let mut subscription = rec_subscription { id: 0 };
    let data = std::ptr::from_ref(held).cast_mut().cast();
    checked(|e| unsafe { rec_subscribe(engine.handle, Some(hold), data, Some(free), &mut subscription, e) })
        .unwrap();
    let (gateway, plain) = (
        host.start(&engine, 0),
        other.start(&engine, REC_GATEWAY_NO_SOCKET),
    );
    // A connection that is open already, and served.
    let mut client = connect(gateway);
    write_request(&mut client, &format!("{BASE}LiveRecordings"));
    let mut byte = [0];
    client.read_exact(&mut byte).unwrap();
    let port = port_of(gateway).unwrap();
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
    held.wait("held", |seen| seen.inside == 1);
    assert_eq!(close(&engine, 1), REC_ERR_TIMEOUT);
    assert_eq!(port_of(gateway), Err(REC_ERR_BAD_HANDLE));
    assert_eq!(list_by_handle(plain), Err(REC_ERR_BAD_HANDLE));
    // Closed by the gateway, though the engine's end has not come.
    let who = basic("admin", "secret");
    let again = format!("GET {BASE}LiveRecordings HTTP/1.1\r\nhost: a\r\nauthorization: {who}\r\n\r\n");
    let _ = client.write_all(again.as_bytes());
    rest(client);
    until("its port is closed", || {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err()
    });
    host.wait("freed", |seen| seen.freed == 1);
    other.wait("freed", |seen| seen.freed == 1);
    assert_eq!((host.now().asked, other.now().asked), (1, 0));
    held.release();
    held.wait("freed", |seen| seen.freed == 1);
}

/// A subscription's callback that does not return.
unsafe extern "C" fn hold(data: *mut c_void, _: *const rec_event) {
    let host = unsafe { &*data.cast::<BlockingHost>() };
    host.0.change(|state| state.inside += 1);
    host.0.block_while(|state| state.holds);
    host.0.change(|state| state.inside -= 1);
}

#[test]
fn who_is_asked_who_it_is_must_not_close() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let host = BlockingHost::new(false);
    host.0.lock().closes = Some((engine.handle.id, REC_OK));
    let gateway = host.start(&engine, 0);
    assert_eq!(list_by_handle(gateway), Ok(200));
    let told = host.now().closes.map(|(_, told)| told);
    assert_eq!(told, Some(REC_ERR_IN_CALLBACK));
    // It is open as before.
    assert_eq!(engine.stats().live_calls, 0);
    assert_eq!(stop(gateway, LONG), REC_OK);
}
