//! How fast logins are taken, by whom, and that one client's do not harm another's.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_void};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::gate::Gate;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::watched::Watched;

use crate::server::{
    TestServer, basic, gateway_port, read_to_close, send_raw, start_gateway_with, stop_gateway,
};
use crate::support::init;

/// So long that nobody's turn comes while a test runs.
const FOR_EVER: [(&str, &str); 2] = [
    ("gateway.auth_delay_ms", "60000"),
    ("gateway.auth_delay_max_ms", "60000"),
];

/// The host's authentication function, which a test may block.
#[derive(Default)]
struct LoginHost {
    gate: Gate,
    state: Watched<LoginState>,
}

#[derive(Debug, Default)]
struct LoginState {
    inside: usize,
    /// The source and the name of each login.
    received: Vec<(String, String)>,
}

impl LoginHost {
    fn hold(&self, held: bool) {
        match held {
            true => self.gate.shut(),
            false => self.gate.open(),
        }
    }

    #[track_caller]
    fn expect_inside(&self, number: usize) {
        self.state
            .wait_until("logins in the function", |state| state.inside == number);
    }

    fn received(&self) -> Vec<(String, String)> {
        self.state.lock().received.clone()
    }
}

unsafe extern "C" fn authenticate(
    host: *mut c_void,
    credentials: *const rec_credentials,
    identity: *mut rec_identity,
) -> rec_status {
    let (host, credentials) = unsafe { (&*host.cast::<LoginHost>(), &*credentials) };
    let text = |at| unsafe { CStr::from_ptr(at) }.to_str().unwrap().to_owned();
    let login = (text(credentials.source), text(credentials.name));
    host.state.change(|state| {
        state.received.push(login);
        state.inside += 1;
    });
    host.gate.pass();
    host.state.change(|state| state.inside -= 1);
    if text(credentials.secret) != "secret" {
        return REC_ERR_UNAUTHENTICATED;
    }
    unsafe { (*identity).level = 10 };
    REC_OK
}

unsafe extern "C" fn release(host: *mut c_void) {
    drop(unsafe { Arc::from_raw(host.cast::<LoginHost>()) });
}

/// A second gateway of a server, whose authentication blocks while the test wants.
struct LoginServer {
    server: TestServer,
    host: Arc<LoginHost>,
    gateway: rec_gateway,
    address: String,
}

impl LoginServer {
    /// Each client says its own source.
    fn open(settings: &[(&str, &str)]) -> LoginServer {
        let proxy = [("gateway.trusted_proxies", "127.0.0.1")];
        LoginServer::at("127.0.0.1", &[settings, &proxy].concat())
    }

    fn at(address: &str, settings: &[(&str, &str)]) -> LoginServer {
        let server = TestServer::open(settings);
        let host = Arc::new(LoginHost::default());
        let address = CString::new(address).unwrap();
        let mut options: rec_gateway_options = init();
        options.address = address.as_ptr();
        options.authenticate = Some(authenticate);
        options.user_data = Arc::into_raw(host.clone()).cast_mut().cast();
        options.user_data_free = Some(release);
        let gateway = start_gateway_with(server.engine.handle, &options).unwrap();
        let port = gateway_port(gateway).unwrap();
        LoginServer {
            server,
            host,
            gateway,
            address: format!("127.0.0.1:{port}"),
        }
    }

    /// Sends a login without reading its response.
    fn send_login(&self, source: &str, name: &str, secret: &str) -> TcpStream {
        let request = format!(
            "GET /fw/Apps/Recorder/WebAPI/LiveRecordings HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             x-forwarded-for: {source}\r\nauthorization: {}\r\n\r\n",
            basic(name, secret)
        );
        send_raw(&self.address, &request)
    }

    fn status(&self, source: &str, name: &str, secret: &str) -> u16 {
        status_of(self.send_login(source, name, secret))
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

fn status_of(stream: TcpStream) -> u16 {
    let text = read_to_close(stream);
    let status = text.split(' ').nth(1).unwrap_or_default();
    status.parse().unwrap_or_else(|_| panic!("{text:?}"))
}

const ONE: &str = "198.51.100.1";
const OTHER: &str = "198.51.100.2";

#[test]
fn tries_that_are_given_up_lock_nobody_out() {
    let delay = ("gateway.auth_delay_ms", "500");
    let logins = LoginServer::open(&[delay, ("gateway.auth_delay_max_ms", "500")]);
    assert_eq!(logins.status(ONE, "admin", "wrong"), 401);
    for _ in 0..100 {
        let given_up = logins.send_login(ONE, "admin", "secret");
        given_up.shutdown(Shutdown::Both).unwrap();
    }
    // Until the server has seen that they are gone, they stand in line.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match logins.status(ONE, "admin", "secret") {
            200 => break,
            503 => assert!(Instant::now() < deadline, "nobody is heard any more"),
            status => panic!("the right secret is {status}"),
        }
    }
}

#[test]
fn what_the_host_says_counts_though_nobody_waits_for_it() {
    // A place for each source: the next try comes when the first is through.
    let logins = LoginServer::open(&[FOR_EVER.as_slice(), &[("gateway.auth_parallel", "2")]].concat());
    logins.host.hold(true);
    let given_up = logins.send_login(ONE, "admin", "wrong");
    logins.host.expect_inside(1);
    given_up.shutdown(Shutdown::Both).unwrap();
    let next = (0..2)
        .map(|_| logins.send_login(ONE, "admin", "secret"))
        .collect();
    let answers = logins.answers(next);
    logins.host.hold(false);
    // One stands in line for its minute, so the other would have to wait two.
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), 503);
    assert_eq!(logins.host.received().len(), 1);
}

#[test]
fn of_many_guesses_at_once_few_are_heard_and_other_sources_are() {
    let logins = LoginServer::open(&[FOR_EVER.as_slice(), &[("gateway.auth_parallel", "6")]].concat());
    logins.host.hold(true);
    let guesses = (0..20)
        .map(|_| logins.send_login(ONE, "admin", "wrong"))
        .collect();
    let guesses = logins.answers(guesses);
    logins.host.expect_inside(3);
    let other = logins.answers(vec![logins.send_login(OTHER, "admin", "secret")]);
    logins.host.expect_inside(4);
    logins.host.hold(false);
    assert_eq!(other.recv_timeout(PATIENCE).unwrap(), 200);
    let mut statuses: Vec<u16> = (0..19).map(|_| guesses.recv_timeout(PATIENCE).unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 3].as_slice(), &[503; 16]].concat());
    let heard = logins.host.received();
    assert_eq!(heard.iter().filter(|(source, _)| source == ONE).count(), 3);
    // Who shares the source, and nothing else, is let in.
    assert_eq!(logins.status(ONE, "user1", "secret"), 200);
    // The one that stands in line does not hold up the end, and is told.
    stop_gateway(logins.gateway);
    assert_eq!(guesses.recv_timeout(PATIENCE).unwrap(), 503);
}

#[test]
fn the_longest_delay_is_the_longest() {
    let longest = ("gateway.auth_delay_max_ms", "1");
    let logins = LoginServer::open(&[("gateway.auth_delay_ms", "60000"), longest]);
    for _ in 0..5 {
        assert_eq!(logins.status(ONE, "admin", "wrong"), 401);
    }
}

#[test]
fn the_source_is_the_peer_or_whom_a_trusted_proxy_names() {
    for (proxies, expected) in [("127.0.0.1", ONE), ("::ffff:127.0.0.1", ONE), ("", "127.0.0.1")] {
        // An IPv4 peer has an IPv6 address there.
        let logins = LoginServer::at("::", &[("gateway.trusted_proxies", proxies)]);
        for named in [ONE, &format!("{ONE}:5678"), &format!("{OTHER}, ::ffff:{ONE}")] {
            assert_eq!(logins.status(named, "admin", "secret"), 200);
            let (source, _) = logins.host.received().pop().unwrap();
            assert_eq!(source, expected, "{named} by {proxies:?}");
        }
        stop_gateway(logins.gateway);
        drop(logins.server);
    }
}
