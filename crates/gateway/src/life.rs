//! A gateway's end: who is still inside, how long they have, and that nobody comes in
//! any more. What belongs to the host is let go before anybody is told that it is over.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::{Credentials, Doorkeeper, Identity};
use callrec_core::sync::thread::JoinHandle;
use callrec_core::sync::{self, Condvar, Mutex};
use callrec_core::words::Status;

sync::thread_local! {
    /// This thread is inside a function of the host's that a gateway has called.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether whoever asks must not wait for a gateway: it waits for them.
pub fn is_inside() -> bool {
    INSIDE.with(Cell::get)
}

/// While it lives, this thread is inside one of the host's functions.
struct Inside;

impl Inside {
    fn enter() -> Inside {
        INSIDE.with(|inside| inside.set(true));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.set(false));
    }
}

#[derive(Default)]
struct State {
    stopping: bool,
    /// Requests without a socket that are being answered.
    requests: u32,
    ended: bool,
}

/// How far a gateway's end has come.
pub struct Life {
    state: Mutex<State>,
    changed: Condvar,
    /// When what is still being answered is cut off.
    until: watch::Sender<Option<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Life {
    pub fn new() -> Arc<Life> {
        Arc::new(Life {
            state: Mutex::default(),
            changed: Condvar::new(),
            until: watch::channel(None).0,
            thread: Mutex::default(),
        })
    }

    /// The gateway's own thread, for whoever waits for its end.
    pub fn keep(&self, thread: JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// A request without a socket; `None`: none is taken any more.
    pub fn enter(self: &Arc<Life>) -> Option<UnderWay> {
        let mut state = self.state.lock();
        if state.stopping {
            return None;
        }
        state.requests += 1;
        Some(UnderWay(self.clone()))
    }

    /// No request is taken any more, and at `until` they are cut off. Told twice, the
    /// earlier time counts.
    pub fn stop(&self, until: Instant) {
        self.state.lock().stopping = true;
        self.until.send_modify(|known| {
            *known = Some(known.map_or(until, |known| known.min(until)));
        });
    }

    /// Returns when what is still being answered is to be cut off.
    pub async fn cut(&self) {
        let mut known = self.until.subscribe();
        loop {
            let until = *known.borrow_and_update();
            let changed = match until {
                Some(until) => tokio::time::timeout_at(until.into(), known.changed()).await,
                None => Ok(known.changed().await),
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Waits until no request without a socket is being answered.
    pub fn wait_empty(&self) {
        let mut state = self.state.lock();
        while state.requests > 0 {
            self.changed.wait(&mut state);
        }
    }

    pub fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for the end, also of the thread; `false`: it has not come by then.
    pub fn wait_until_ended(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while !state.ended {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() && !state.ended {
                        return false;
                    }
                }
            }
        }
        drop(state);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // It has said so, and is about to return.
            let _ = thread.join();
        }
        true
    }
}

/// One request without a socket.
pub struct UnderWay(Arc<Life>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state.lock().requests -= 1;
        self.0.changed.notify_all();
    }
}

struct DoorState {
    host: Option<Arc<dyn Doorkeeper>>,
    now: u32,
    shut: bool,
}

/// The host's function, and who is inside it.
pub struct Door {
    state: Mutex<DoorState>,
    quiet: Condvar,
}

impl Door {
    pub fn new(host: Option<Arc<dyn Doorkeeper>>) -> Door {
        Door {
            state: Mutex::new(DoorState {
                host,
                now: 0,
                shut: false,
            }),
            quiet: Condvar::new(),
        }
    }

    /// What is the host's is lent to the gateway from here on.
    pub fn open(&self) {
        if let Some(host) = &self.state.lock().host {
            host.lent();
        }
    }

    /// The host is not asked any more from here on.
    pub fn shut(&self) {
        self.state.lock().shut = true;
    }

    /// Waits until the host's function has returned, and lets go of what is the host's.
    pub fn let_go(&self) {
        let mut state = self.state.lock();
        state.shut = true;
        while state.now > 0 {
            self.quiet.wait(&mut state);
        }
        let host = state.host.take();
        drop(state);
        let _inside = Inside::enter();
        drop(host);
    }
}

impl Doorkeeper for Door {
    fn identify(&self, credentials: &Credentials) -> Result<Identity, Status> {
        let mut state = self.state.lock();
        if state.shut {
            return Err(Status::Unavailable);
        }
        let host = state.host.clone().ok_or(Status::Unauthenticated)?;
        state.now += 1;
        drop(state);
        // Let go of in the order from right to left.
        let (_leaves, _inside, host) = (Leaves(self), Inside::enter(), host);
        host.identify(credentials)
    }
}

/// However the host's function returns.
struct Leaves<'a>(&'a Door);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.state.lock().now -= 1;
        self.0.quiet.notify_all();
    }
}
