//! A receiver of callbacks with whatever manners a test wants.

use callrec_testkit::watched::Watched;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

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

#[derive(Debug)]
struct ReceiverState {
    manner: Manner,
    received: Vec<CallbackRequest>,
    released: bool,
    over: bool,
}

pub struct Receiver {
    pub port: u16,
    state: Arc<Watched<ReceiverState>>,
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
        let state = Arc::new(Watched::new(ReceiverState {
            manner,
            received: Vec::new(),
            released: false,
            over: false,
        }));
        let accepting = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.lock().over {
                    return;
                }
                let state = accepting.clone();
                std::thread::spawn(move || answer_one(&state, &stream.unwrap()));
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

    /// Sets the manner of the next requests.
    pub fn become_(&self, manner: Manner) {
        self.state.lock().manner = manner;
    }

    /// Answers the held requests.
    pub fn release(&self) {
        self.state.change(|state| state.released = true);
    }

    pub fn received(&self) -> Vec<CallbackRequest> {
        self.state.lock().received.clone()
    }

    /// Waits until `count` requests have arrived, and returns all.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<CallbackRequest> {
        self.state.wait_for("callbacks", |state| {
            (state.received.len() >= count).then(|| state.received.clone())
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.lock().over = true;
        self.release();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn answer_one(state: &Watched<ReceiverState>, stream: &TcpStream) {
    let Some(request) = read(stream) else { return };
    let manner = state.change(|state| {
        state.received.push(request);
        state.manner.clone()
    });
    let mut stream = stream;
    let answer = match manner {
        Manner::Answers(status) => answer_of(status, ""),
        Manner::Redirects(to) => answer_of(302, &format!("location: {to}\r\n")),
        Manner::ClosesHalfWay => "HTTP/1.1 2".to_owned(),
        Manner::Holds => {
            state.block_while(|state| !state.released);
            answer_of(200, "")
        }
    };
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
