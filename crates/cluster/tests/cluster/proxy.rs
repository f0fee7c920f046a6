//! A TCP proxy in front of a server, which a test cuts and mends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callrec_core::sync::Mutex;

/// As it stands in a request.
const SUBSCRIBE: &[u8] = b"\r\nSUBSCRIBE\r\n";

/// The connections through the proxy. While it is cut, no new one is let through.
#[derive(Default)]
struct TcpProxyState {
    is_cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    subscribed: Mutex<Vec<Arc<ProxiedConnection>>>,
}

/// One connection through the proxy.
#[derive(Default)]
struct ProxiedConnection {
    /// What the server sends is lost, and the connection stays open.
    is_muted: AtomicBool,
}

/// A proxy on a port of its own.
pub struct TcpProxy {
    pub port: u16,
    state: Arc<TcpProxyState>,
}

impl TcpProxy {
    pub fn start(target: u16) -> TcpProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(TcpProxyState::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    join(&shared, client, server);
                }
            }
        });
        TcpProxy { port, state }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Loses what the server sends on the connections that have subscribed to messages.
    pub fn mute_messages(&self) {
        for connection in self.state.subscribed.lock().iter() {
            connection.is_muted.store(true, Ordering::SeqCst);
        }
    }

    pub fn mend(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
    }
}

fn join(state: &Arc<TcpProxyState>, client: TcpStream, server: TcpStream) {
    let connection = Arc::<ProxiedConnection>::default();
    for (from, to, is_server) in [(&client, &server, false), (&server, &client, true)] {
        let (mut from, mut to) = (
            from.try_clone().expect("a socket"),
            to.try_clone().expect("a socket"),
        );
        let (state, connection) = (state.clone(), connection.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(length) = from.read(&mut buffer) {
                let bytes = &buffer[..length];
                if !is_server && bytes.windows(SUBSCRIBE.len()).any(|words| words == SUBSCRIBE) {
                    state.subscribed.lock().push(connection.clone());
                }
                let is_lost = is_server && connection.is_muted.load(Ordering::SeqCst);
                if length == 0 || (!is_lost && to.write_all(bytes).is_err()) {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    let mut open = state.open.lock();
    open.extend([client, server]);
}
