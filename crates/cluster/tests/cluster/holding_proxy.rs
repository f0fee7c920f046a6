//! A TCP proxy that holds up one direction of a connection from a certain request on, as a stalled
//! network or server does. What it has held up still arrives later.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use callrec_core::sync::Mutex;
use callrec_testkit::wait::until;

/// What is held up, from the first request with the text on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HeldDirection {
    Requests,
    Responses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HoldStage {
    /// No request with the text has come yet.
    Watching,
    Held,
    Released,
    /// After the release, the server has responded, or its response has been passed on.
    Answered,
}

struct HoldState {
    stage: Mutex<HoldStage>,
    text: &'static str,
    direction: HeldDirection,
}

/// A proxy on a port of its own.
pub struct HoldingProxy {
    port: u16,
    state: Arc<HoldState>,
}

impl HoldingProxy {
    pub fn start(target: u16, direction: HeldDirection, text: &'static str) -> HoldingProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let stage = Mutex::new(HoldStage::Watching);
        let state = Arc::new(HoldState {
            stage,
            text,
            direction,
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    join(&shared, &client, &server);
                }
            }
        });
        HoldingProxy { port, state }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn is_holding(&self) -> bool {
        *self.state.stage.lock() == HoldStage::Held
    }

    /// Lets everything through, and returns once the server has answered the request that was held up.
    pub fn release(&self) {
        *self.state.stage.lock() = HoldStage::Released;
        until("the answer", || *self.state.stage.lock() == HoldStage::Answered);
    }
}

fn join(state: &Arc<HoldState>, client: &TcpStream, server: &TcpStream) {
    let cloned = |stream: &TcpStream| stream.try_clone().expect("a socket");
    // Whether this connection is the one that is held up.
    let held = Arc::new(Mutex::new(false));
    let (requests, responses) = ((cloned(client), cloned(server)), (cloned(server), cloned(client)));
    let (shared, is_held) = (state.clone(), held.clone());
    std::thread::spawn(move || {
        pass(requests, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let mut stage = shared.stage.lock();
            if *stage == HoldStage::Watching && text.contains(shared.text) {
                *stage = HoldStage::Held;
                *is_held.lock() = true;
            }
            drop(stage);
            if shared.direction == HeldDirection::Requests && *is_held.lock() {
                wait_for_release(&shared);
            }
        })
    });
    let shared = state.clone();
    std::thread::spawn(move || {
        pass(responses, |_| {
            if !*held.lock() {
                return;
            }
            if shared.direction == HeldDirection::Responses {
                wait_for_release(&shared);
            }
            let mut stage = shared.stage.lock();
            if *stage == HoldStage::Released {
                *stage = HoldStage::Answered;
            }
        })
    });
}

fn wait_for_release(state: &HoldState) {
    until("the release", || *state.stage.lock() != HoldStage::Held);
}

/// Passes bytes on, each part after `before` has seen it. A receiver that has gone away does not end
/// this, as what was sent before still arrives.
fn pass((mut from, mut to): (TcpStream, TcpStream), mut before: impl FnMut(&[u8])) {
    let mut buffer = [0; 16384];
    while let Ok(length) = from.read(&mut buffer) {
        before(&buffer[..length]);
        if length == 0 {
            break;
        }
        let _ = to.write_all(&buffer[..length]);
    }
    let _ = to.shutdown(Shutdown::Write);
}
