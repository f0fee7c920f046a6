//! A TCP proxy that disturbs the connections to a server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use parking_lot::{Condvar, Mutex};

/// What the proxy does with connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    None,
    /// Closes a connection after it has carried this many bytes to the server.
    CutAfter(u64),
    /// Answers every request with this text instead of passing it on.
    Answer(String),
    /// Passes requests on, and closes the connection when the server responds.
    LoseResponses,
    /// Passes nothing on.
    Stall,
    /// Passes nothing on once the server has been sent this many bytes, on all connections together.
    StallAt(u64),
}

/// Bytes per read.
const CHUNK_BYTES: usize = 16 << 10;

struct ProxyState {
    server: Mutex<SocketAddr>,
    fault: Mutex<ProxyFault>,
    changed: Condvar,
    is_over: AtomicBool,
    /// Bytes that were passed on to the server.
    sent: AtomicU64,
    /// How often a fault has closed a connection or answered.
    disturbed: AtomicU64,
}

/// A proxy in front of one server. Dropping it closes its connections.
pub struct FaultProxy {
    port: u16,
    state: Arc<ProxyState>,
}

impl FaultProxy {
    pub fn new(server: SocketAddr) -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(ProxyState {
            server: Mutex::new(server),
            fault: Mutex::new(ProxyFault::None),
            changed: Condvar::new(),
            is_over: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            disturbed: AtomicU64::new(0),
        });
        let accepting = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let state = accepting.clone();
                thread::spawn(move || serve(&state, client));
            }
        });
        FaultProxy { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Holds for the connections that are open, too.
    pub fn set(&self, fault: ProxyFault) {
        *self.state.fault.lock() = fault;
        self.state.changed.notify_all();
    }

    /// Passes new connections on to another server.
    pub fn redirect(&self, server: SocketAddr) {
        *self.state.server.lock() = server;
    }

    /// Bytes that were passed on to the server.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// How often a fault has closed a connection or answered.
    pub fn disturbed(&self) -> u64 {
        self.state.disturbed.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        self.set(ProxyFault::CutAfter(0));
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl ProxyState {
    /// The fault, once the proxy does not stall.
    fn fault(&self) -> ProxyFault {
        let mut fault = self.fault.lock();
        loop {
            match *fault {
                ProxyFault::StallAt(limit) if self.sent.load(Ordering::SeqCst) < limit => break,
                ProxyFault::Stall | ProxyFault::StallAt(_) => self.changed.wait(&mut fault),
                _ => break,
            }
        }
        fault.clone()
    }

    fn disturb(&self) {
        self.disturbed.fetch_add(1, Ordering::SeqCst);
    }
}

fn serve(state: &Arc<ProxyState>, client: TcpStream) {
    if let ProxyFault::Answer(text) = state.fault() {
        return answer(state, client, &text);
    }
    let server = *state.server.lock();
    let Ok(upstream) = TcpStream::connect(server) else {
        return;
    };
    let (Ok(from_server), Ok(to_client)) = (upstream.try_clone(), client.try_clone()) else {
        return;
    };
    let back = state.clone();
    let responses = thread::spawn(move || pass_responses(&back, from_server, to_client));
    pass_requests(state, client, upstream);
    let _ = responses.join();
}

fn pass_requests(state: &ProxyState, mut client: TcpStream, mut upstream: TcpStream) {
    let (mut buffer, mut carried) = (vec![0; CHUNK_BYTES], 0);
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        match state.fault() {
            ProxyFault::CutAfter(limit) if carried + read as u64 > limit => {
                let rest = limit.saturating_sub(carried) as usize;
                let _ = upstream.write_all(&buffer[..rest]);
                state.sent.fetch_add(rest as u64, Ordering::SeqCst);
                state.disturb();
                break;
            }
            ProxyFault::Answer(text) => {
                let _ = upstream.shutdown(Shutdown::Both);
                return answer(state, client, &text);
            }
            _ => {}
        }
        if upstream.write_all(&buffer[..read]).is_err() {
            break;
        }
        carried += read as u64;
        state.sent.fetch_add(read as u64, Ordering::SeqCst);
    }
    let _ = upstream.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

fn pass_responses(state: &ProxyState, mut upstream: TcpStream, mut client: TcpStream) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = upstream.read(&mut buffer) {
        if state.fault() == ProxyFault::LoseResponses {
            state.disturb();
            break;
        }
        if client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = upstream.shutdown(Shutdown::Both);
}

/// Answers without reading the whole request, as an overloaded server does.
fn answer(state: &ProxyState, mut client: TcpStream, text: &str) {
    let mut buffer = vec![0; CHUNK_BYTES];
    let _ = client.set_read_timeout(Some(std::time::Duration::from_millis(100)));
    let _ = client.read(&mut buffer);
    let _ = client.write_all(text.as_bytes());
    let _ = client.shutdown(Shutdown::Write);
    state.disturb();
    // What the client still sends must not reset the connection before it has read the answer.
    while let Ok(1..) = client.read(&mut buffer) {}
}
