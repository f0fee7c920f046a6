//! The rate of logins, their source, and the isolation of one source from another.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_void};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use callrec::capi::*;
use callrec_testkit::gate::Gate;
use callrec_testkit::wait::{PATIENCE, until};
use callrec_testkit::watched::Watched;

use crate::server::{
    TestServer, basic, gateway_port, read_to_close, send_raw, start_gateway_with, stop_gateway,
};
use crate::support::init;

/// Delays that are longer than any test.
const ENDLESS_DELAYS: [(&str, &str); 2] = [
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
    /// Logins within the function.
    active: usize,
    /// The source and the name of each login.
    received: Vec<(String, String)>,
}

impl LoginHost {
    #[track_caller]
    fn wait_for_active(&self, count: usize) {
        self.state
            .wait_until("logins in the function", |state| state.active == count);
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
        state.active += 1;
    });
    host.gate.pass();
    host.state.change(|state| state.active -= 1);
    if text(credentials.secret) != "secret" {
        return REC_ERR_UNAUTHENTICATED;
    }
    unsafe { (*identity).level = 10 };
    REC_OK
}

unsafe extern "C" fn release(host: *mut c_void) {
    drop(unsafe { Arc::from_raw(host.cast::<LoginHost>()) });
}

/// A second gateway of a server, with an authentication function that a test may block.
struct LoginServer {
    server: TestServer,
    host: Arc<LoginHost>,
    gateway: rec_gateway,
    address: String,
}

impl LoginServer {
    /// Each client names its source in `x-forwarded-for`.
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

    /// The statuses of the responses, in the order in which they arrive.
    fn statuses(&self, streams: Vec<TcpStream>) -> Receiver<u16> {
        let (sender, statuses) = channel();
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || sender.send(status_of(stream)));
        }
        statuses
    }
}

fn status_of(stream: TcpStream) -> u16 {
    let text = read_to_close(stream);
    let status = text.split(' ').nth(1).unwrap_or_default();
    status.parse().unwrap_or_else(|_| panic!("{text:?}"))
}

const FIRST_SOURCE: &str = "198.51.100.1";
const SECOND_SOURCE: &str = "198.51.100.2";

#[test]
fn logins_of_disconnected_clients_do_not_lock_out_the_source() {
    let delay = ("gateway.auth_delay_ms", "500");
    let logins = LoginServer::open(&[delay, ("gateway.auth_delay_max_ms", "500")]);
    assert_eq!(logins.status(FIRST_SOURCE, "admin", "wrong"), 401);
    for _ in 0..100 {
        let abandoned = logins.send_login(FIRST_SOURCE, "admin", "secret");
        abandoned.shutdown(Shutdown::Both).unwrap();
    }
    // The abandoned logins are queued until the server notices that their clients are gone.
    until("the next login is accepted", || {
        let status = logins.status(FIRST_SOURCE, "admin", "secret");
        assert!([200, 503].contains(&status), "{status}");
        status == 200
    });
}

#[test]
fn a_failed_login_of_a_disconnected_client_delays_the_next() {
    // Each source has one place, so the next login waits for the first.
    let logins = LoginServer::open(&[ENDLESS_DELAYS.as_slice(), &[("gateway.auth_parallel", "2")]].concat());
    logins.host.gate.shut();
    let abandoned = logins.send_login(FIRST_SOURCE, "admin", "wrong");
    logins.host.wait_for_active(1);
    abandoned.shutdown(Shutdown::Both).unwrap();
    let later = (0..2)
        .map(|_| logins.send_login(FIRST_SOURCE, "admin", "secret"))
        .collect();
    let later = logins.statuses(later);
    logins.host.gate.open();
    // One login is queued for a minute. The other would wait for two and is refused.
    assert_eq!(later.recv_timeout(PATIENCE).unwrap(), 503);
    assert_eq!(logins.host.received().len(), 1);
}

#[test]
fn of_many_simultaneous_guesses_few_are_checked_and_other_sources_are_served() {
    let logins = LoginServer::open(&[ENDLESS_DELAYS.as_slice(), &[("gateway.auth_parallel", "6")]].concat());
    logins.host.gate.shut();
    let guesses = (0..20)
        .map(|_| logins.send_login(FIRST_SOURCE, "admin", "wrong"))
        .collect();
    let guesses = logins.statuses(guesses);
    logins.host.wait_for_active(3);
    let other = logins.statuses(vec![logins.send_login(SECOND_SOURCE, "admin", "secret")]);
    logins.host.wait_for_active(4);
    logins.host.gate.open();
    assert_eq!(other.recv_timeout(PATIENCE).unwrap(), 200);
    let mut statuses: Vec<u16> = (0..19).map(|_| guesses.recv_timeout(PATIENCE).unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 3].as_slice(), &[503; 16]].concat());
    let received = logins.host.received();
    assert_eq!(
        received
            .iter()
            .filter(|(source, _)| source == FIRST_SOURCE)
            .count(),
        3
    );
    // Another user from the same source is let in.
    assert_eq!(logins.status(FIRST_SOURCE, "user1", "secret"), 200);
    // A stop does not wait for the queued login, which is refused.
    stop_gateway(logins.gateway);
    assert_eq!(guesses.recv_timeout(PATIENCE).unwrap(), 503);
}

#[test]
fn no_delay_is_longer_than_the_maximum() {
    let longest = ("gateway.auth_delay_max_ms", "1");
    let logins = LoginServer::open(&[("gateway.auth_delay_ms", "60000"), longest]);
    for _ in 0..5 {
        assert_eq!(logins.status(FIRST_SOURCE, "admin", "wrong"), 401);
    }
}

#[test]
fn the_source_is_the_peer_or_the_address_that_a_trusted_proxy_names() {
    for (proxies, expected) in [
        ("127.0.0.1", FIRST_SOURCE),
        ("::ffff:127.0.0.1", FIRST_SOURCE),
        ("", "127.0.0.1"),
    ] {
        // The socket gives IPv4 peers an IPv6 address.
        let logins = LoginServer::at("::", &[("gateway.trusted_proxies", proxies)]);
        for named in [
            FIRST_SOURCE,
            &format!("{FIRST_SOURCE}:5678"),
            &format!("{SECOND_SOURCE}, ::ffff:{FIRST_SOURCE}"),
        ] {
            assert_eq!(logins.status(named, "admin", "secret"), 200);
            let (source, _) = logins.host.received().pop().unwrap();
            assert_eq!(source, expected, "{named} by {proxies:?}");
        }
        stop_gateway(logins.gateway);
        drop(logins.server);
    }
}
