//! A receiver of callbacks whose behavior a test sets.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use callrec_testkit::watched::Watched;

/// How the receiver answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// Responds with this status.
    Answers(u16),
    /// Reads the request, waits for `release`, and responds with 200.
    Holds,
    /// Closes the connection within the status line.
    ClosesHalfWay,
    /// Responds with 302 and this location.
    Redirects(String),
}

/// A request that was read to its end.
#[derive(Clone, Debug)]
pub struct CallbackRequest {
    pub method: String,
    pub target: String,
    pub headers: HashMap<String, String>,
    pub body: String,
    pub at: Instant,
}

impl CallbackRequest {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The fields of the query of a GET, otherwise those of the form.
    pub fn fields(&self) -> HashMap<String, String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let form = if self.method == "GET" { query } else { &self.body };
        form_urlencoded::parse(form.as_bytes()).into_owned().collect()
    }

    /// The idempotency key.
    pub fn key(&self) -> String {
        self.header("idempotency-key").to_owned()
    }
}

#[derive(Debug)]
struct ReceiverState {
    behavior: Behavior,
    received: Vec<CallbackRequest>,
    released: bool,
    stopping: bool,
}

pub struct Receiver {
    pub port: u16,
    state: Arc<Watched<ReceiverState>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A port that no socket is listening on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Receiver {
    pub fn new(behavior: Behavior) -> Receiver {
        Receiver::at(0, behavior)
    }

    pub fn at(port: u16, behavior: Behavior) -> Receiver {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Watched::new(ReceiverState {
            behavior,
            received: Vec::new(),
            released: false,
            stopping: false,
        }));
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().stopping {
                    return;
                }
                let state = shared.clone();
                std::thread::spawn(move || respond_to(&state, &stream.unwrap()));
            }
        });
        Receiver {
            port,
            state,
            thread: Some(thread),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sets the behavior for later requests.
    pub fn set_behavior(&self, behavior: Behavior) {
        self.state.lock().behavior = behavior;
    }

    /// Lets the held requests be answered.
    pub fn release(&self) {
        self.state.change(|state| state.released = true);
    }

    pub fn received(&self) -> Vec<CallbackRequest> {
        self.state.lock().received.clone()
    }

    /// Waits until at least `count` requests have arrived, and returns all of them.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<CallbackRequest> {
        self.state.wait_for("callbacks", |state| {
            (state.received.len() >= count).then(|| state.received.clone())
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.lock().stopping = true;
        self.release();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn respond_to(state: &Watched<ReceiverState>, stream: &TcpStream) {
    let Some(request) = read(stream) else { return };
    let behavior = state.change(|state| {
        state.received.push(request);
        state.behavior.clone()
    });
    let mut stream = stream;
    let response = match behavior {
        Behavior::Answers(status) => response_of(status, ""),
        Behavior::Redirects(to) => response_of(302, &format!("location: {to}\r\n")),
        Behavior::ClosesHalfWay => "HTTP/1.1 2".to_owned(),
        Behavior::Holds => {
            state.block_while(|state| !state.released);
            response_of(200, "")
        }
    };
    let _ = stream.write_all(response.as_bytes());
}

fn response_of(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
}

fn read(stream: &TcpStream) -> Option<CallbackRequest> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(CallbackRequest {
        method,
        target,
        headers,
        body: String::from_utf8(body).unwrap(),
        at: Instant::now(),
    })
}
