//! How fast logins are taken, by whom, and that one client's do not harm another's.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_void};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::wait::PATIENCE;
use parking_lot::{Condvar, Mutex};

use crate::kit::{House, basic, stop_gateway};
use crate::support::{ask, init};

/// So long that nobody's turn comes while a test runs.
const FOR_EVER: [(&str, &str); 2] = [
    ("gateway.auth_delay_ms", "60000"),
    ("gateway.auth_delay_max_ms", "60000"),
];

/// The host's function, which a test may hold.
#[derive(Default)]
struct Host {
    state: Mutex<State>,
    signal: Condvar,
}

#[derive(Default)]
struct State {
    held: bool,
    inside: usize,
    /// Whose tries it has heard: source and name.
    heard: Vec<(String, String)>,
}

impl Host {
    fn hold(&self, held: bool) {
        self.state.lock().held = held;
        self.signal.notify_all();
    }

    fn expect_inside(&self, number: usize) {
        let mut state = self.state.lock();
        while state.inside != number {
            assert!(!self.signal.wait_for(&mut state, PATIENCE).timed_out());
        }
    }

    fn heard(&self) -> Vec<(String, String)> {
        self.state.lock().heard.clone()
    }
}

unsafe extern "C" fn authenticate(
    host: *mut c_void,
    credentials: *const rec_credentials,
    identity: *mut rec_identity,
) -> rec_status {
    let (host, shown) = unsafe { (&*host.cast::<Host>(), &*credentials) };
    let text = |at| unsafe { CStr::from_ptr(at) }.to_str().unwrap().to_owned();
    let mut state = host.state.lock();
    state.heard.push((text(shown.source), text(shown.name)));
    state.inside += 1;
    host.signal.notify_all();
    while state.held {
        host.signal.wait(&mut state);
    }
    state.inside -= 1;
    host.signal.notify_all();
    if text(shown.secret) != "secret" {
        return REC_ERR_UNAUTHENTICATED;
    }
    unsafe { (*identity).level = 10 };
    REC_OK
}

unsafe extern "C" fn release(host: *mut c_void) {
    drop(unsafe { Arc::from_raw(host.cast::<Host>()) });
}

/// A second gateway in a house, whose host the test holds.
struct Door {
    house: House,
    host: Arc<Host>,
    gateway: rec_gateway,
    address: String,
}

impl Door {
    /// Each client says its own source.
    fn open(settings: &[(&str, &str)]) -> Door {
        let proxy = [("gateway.trusted_proxies", "127.0.0.1")];
        Door::at("127.0.0.1", &[settings, &proxy].concat())
    }

    fn at(address: &str, settings: &[(&str, &str)]) -> Door {
        let house = House::open(settings);
        let host = Arc::new(Host::default());
        let address = CString::new(address).unwrap();
        let mut options: rec_gateway_options = init();
        options.address = address.as_ptr();
        options.authenticate = Some(authenticate);
        options.user_data = Arc::into_raw(host.clone()).cast_mut().cast();
        options.user_data_free = Some(release);
        let (mut gateway, mut port) = (rec_gateway { id: 0 }, 0);
        ask(|e| unsafe { rec_gateway_start(house.engine.handle, &options, &mut gateway, e) }).unwrap();
        ask(|e| unsafe { rec_gateway_port(gateway, &mut port, e) }).unwrap();
        Door {
            house,
            host,
            gateway,
            address: format!("127.0.0.1:{port}"),
        }
    }

    /// A login that is not waited for.
    fn knock(&self, source: &str, name: &str, secret: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET /fw/Apps/Recorder/WebAPI/LiveRecordings HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             x-forwarded-for: {source}\r\nauthorization: {}\r\n\r\n",
            basic(name, secret)
        )
        .unwrap();
        stream
    }

    fn status(&self, source: &str, name: &str, secret: &str) -> u16 {
        status_of(self.knock(source, name, secret))
    }

    /// The answers of these, as they come.
    fn answers(&self, streams: Vec<TcpStream>) -> Receiver<u16> {
        let (tell, told) = channel();
        for stream in streams {
            let tell = tell.clone();
            std::thread::spawn(move || tell.send(status_of(stream)));
        }
        told
    }
}

fn status_of(mut stream: TcpStream) -> u16 {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap_or_default();
    status.parse().unwrap_or_else(|_| panic!("{text:?}"))
}

const ONE: &str = "198.51.100.1";
const OTHER: &str = "198.51.100.2";

#[test]
fn tries_that_are_given_up_lock_nobody_out() {
    let delay = ("gateway.auth_delay_ms", "500");
    let door = Door::open(&[delay, ("gateway.auth_delay_max_ms", "500")]);
    assert_eq!(door.status(ONE, "admin", "wrong"), 401);
    for _ in 0..100 {
        let given_up = door.knock(ONE, "admin", "secret");
        given_up.shutdown(Shutdown::Both).unwrap();
    }
    // Until the server has seen that they are gone, they stand in line.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match door.status(ONE, "admin", "secret") {
            200 => break,
            503 => assert!(Instant::now() < deadline, "nobody is heard any more"),
            status => panic!("the right secret is {status}"),
        }
    }
}

#[test]
fn what_the_host_says_counts_though_nobody_waits_for_it() {
    // A place for each source: the next try comes when the first is through.
    let door = Door::open(&[FOR_EVER.as_slice(), &[("gateway.auth_parallel", "2")]].concat());
    door.host.hold(true);
    let given_up = door.knock(ONE, "admin", "wrong");
    door.host.expect_inside(1);
    given_up.shutdown(Shutdown::Both).unwrap();
    let next = (0..2).map(|_| door.knock(ONE, "admin", "secret")).collect();
    let answers = door.answers(next);
    door.host.hold(false);
    // One stands in line for its minute, so the other would have to wait two.
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), 503);
    assert_eq!(door.host.heard().len(), 1);
}

#[test]
fn of_many_guesses_at_once_few_are_heard_and_other_sources_are() {
    let door = Door::open(&[FOR_EVER.as_slice(), &[("gateway.auth_parallel", "6")]].concat());
    door.host.hold(true);
    let guesses = (0..20).map(|_| door.knock(ONE, "admin", "wrong")).collect();
    let guesses = door.answers(guesses);
    door.host.expect_inside(3);
    let other = door.answers(vec![door.knock(OTHER, "admin", "secret")]);
    door.host.expect_inside(4);
    door.host.hold(false);
    assert_eq!(other.recv_timeout(PATIENCE).unwrap(), 200);
    let mut statuses: Vec<u16> = (0..19).map(|_| guesses.recv_timeout(PATIENCE).unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 3].as_slice(), &[503; 16]].concat());
    let heard = door.host.heard();
    assert_eq!(heard.iter().filter(|(source, _)| source == ONE).count(), 3);
    // Who shares the source, and nothing else, is let in.
    assert_eq!(door.status(ONE, "user1", "secret"), 200);
    // The one that stands in line does not hold up the end, and is told.
    stop_gateway(door.gateway);
    assert_eq!(guesses.recv_timeout(PATIENCE).unwrap(), 503);
}

#[test]
fn the_longest_delay_is_the_longest() {
    let longest = ("gateway.auth_delay_max_ms", "1");
    let door = Door::open(&[("gateway.auth_delay_ms", "60000"), longest]);
    for _ in 0..5 {
        assert_eq!(door.status(ONE, "admin", "wrong"), 401);
    }
}

#[test]
fn the_source_is_the_peer_or_whom_a_trusted_proxy_names() {
    for (proxies, expected) in [("127.0.0.1", ONE), ("::ffff:127.0.0.1", ONE), ("", "127.0.0.1")] {
        // An IPv4 peer has an IPv6 address there.
        let door = Door::at("::", &[("gateway.trusted_proxies", proxies)]);
        for named in [ONE, &format!("{ONE}:5678"), &format!("{OTHER}, ::ffff:{ONE}")] {
            assert_eq!(door.status(named, "admin", "secret"), 200);
            let (source, _) = door.host.heard().pop().unwrap();
            assert_eq!(source, expected, "{named} by {proxies:?}");
        }
        stop_gateway(door.gateway);
        drop(door.house);
    }
}
