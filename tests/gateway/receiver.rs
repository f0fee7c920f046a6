//! A receiver of callbacks with whatever manners a test wants.

use callrec_testkit::wait::PATIENCE;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// With this status.
    Answers(u16),
    /// Reads and holds the connection until `release`, then answers 200.
    Holds,
    /// Closes within the answer's first line.
    ClosesHalfWay,
    /// 302 to this place.
    Redirects(String),
}

/// One request that came in whole.
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

    /// The fields of the form or of the query.
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

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    manner: Manner,
    heard: Vec<CallbackRequest>,
    released: bool,
    over: bool,
}

pub struct Receiver {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Receiver {
    pub fn new(manner: Manner) -> Receiver {
        Receiver::at(0, manner)
    }

    pub fn at(port: u16, manner: Manner) -> Receiver {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                manner,
                heard: Vec::new(),
                released: false,
                over: false,
            }),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.state.lock().over {
                    return;
                }
                let shared = accepting.clone();
                std::thread::spawn(move || one(&shared, &stream.unwrap()));
            }
        });
        Receiver {
            port,
            shared,
            thread: Some(thread),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// From the next request on.
    pub fn become_(&self, manner: Manner) {
        self.shared.state.lock().manner = manner;
    }

    /// Whom it holds it answers now.
    pub fn release(&self) {
        self.shared.state.lock().released = true;
        self.shared.changed.notify_all();
    }

    pub fn heard(&self) -> Vec<CallbackRequest> {
        self.shared.state.lock().heard.clone()
    }

    /// Waits until so many requests have come.
    pub fn wait(&self, count: usize) -> Vec<CallbackRequest> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state.lock();
        while state.heard.len() < count {
            let waited = self.shared.changed.wait_until(&mut state, deadline);
            assert!(!waited.timed_out(), "only {:#?} came", state.heard);
        }
        state.heard.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.state.lock().over = true;
        self.release();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn one(shared: &Shared, stream: &TcpStream) {
    let Some(heard) = read(stream) else { return };
    let mut state = shared.state.lock();
    state.heard.push(heard);
    shared.changed.notify_all();
    let mut stream = stream;
    let answer = match state.manner.clone() {
        Manner::Answers(status) => answer_of(status, ""),
        Manner::Redirects(to) => answer_of(302, &format!("location: {to}\r\n")),
        Manner::ClosesHalfWay => "HTTP/1.1 2".to_owned(),
        Manner::Holds => {
            while !state.released {
                shared.changed.wait(&mut state);
            }
            answer_of(200, "")
        }
    };
    drop(state);
    let _ = stream.write_all(answer.as_bytes());
}

fn answer_of(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
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
