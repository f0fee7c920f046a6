//! Measures how fast the gateway answers a list of live recordings.
//!
//! `cargo bench --features gateway --bench gateway -- --live 1000 --connections 8 --seconds 10`.
//! The clients are threads of this program, each with one kept-alive connection, so that they share
//! the machine with the gateway, as in every number of this page's documentation. `--feed 1` gives
//! each recording audio in real time, `--changes 100` pauses and resumes a hundred recordings a
//! second meanwhile, and `--serve 60` only serves, for a load generator such as
//! `wrk -H "Authorization: Basic YTph" URL`.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/kit.rs"]
mod kit;

use std::ffi::c_void;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::{Cpu, thread_cpu};
use callrec_testkit::process;
use callrec_testkit::speech::Speech;
use callrec_testkit::times::Times;
use callrec_testkit::wait;
use kit::support::gateway::{gateway_port, start_gateway_with, stop_gateway};
use kit::support::{self, CText, CallFields, checked};
use kit::{BenchCall, BenchEngine, PACKET_TIME};

/// The list as the published API names it. The login is "a" with the password "a".
const PATH: &str = "/fw/Apps/Recorder/WebAPI/LiveRecordings";
const LOGIN: &str = "Basic YTph";

fn main() {
    let arguments = Arguments::read();
    println!("load at the beginning: {}", process::load());
    for live in arguments.numbers("live", "1000") {
        measure(&arguments, live);
    }
    println!("load at the end: {}", process::load());
}

/// Accepts every login at level 10.
unsafe extern "C" fn authenticate(
    _: *mut c_void,
    _: *const rec_credentials,
    identity: *mut rec_identity,
) -> rec_status {
    unsafe { (*identity).level = 10 };
    REC_OK
}

fn measure(arguments: &Arguments, live: u64) {
    let directory = kit::directory(arguments);
    let engine = BenchEngine::open(&directory.0, &kit::MANY_CALLS);
    let calls: Vec<BenchCall> = (0..live).map(|number| begin(&engine, number)).collect();
    let mut options: rec_gateway_options = support::init();
    options.address = c"127.0.0.1".as_ptr();
    options.authenticate = Some(authenticate);
    let gateway = start_gateway_with(engine.handle, &options).unwrap();
    let port = gateway_port(gateway).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (engine, calls, stop) = (&engine, &calls, &stop);
        if arguments.number("feed", 0) != 0 {
            scope.spawn(move || feed(calls, stop));
        }
        let changes = arguments.number("changes", 0);
        if changes != 0 {
            scope.spawn(move || change(engine, live, changes, stop));
        }
        match arguments.number("serve", 0) {
            0 => load(arguments, port, live),
            seconds => {
                println!("http://127.0.0.1:{port}{PATH} with \"Authorization: {LOGIN}\"");
                wait::sleep_until(Instant::now() + Duration::from_secs(seconds));
            }
        }
        stop.store(true, SeqCst);
    });
    stop_gateway(gateway);
    calls.iter().for_each(BenchCall::end);
    engine.await_ended(live);
    engine.close();
}

fn begin(engine: &BenchEngine, number: u64) -> BenchCall {
    let name = format!("call-{number}");
    let call = engine.begin(&CallFields {
        call_id: Some(&name),
        device: Some(&format!("SEP{number:012}")),
        number: Some(&format!("{number}")),
        user: Some(&format!("user{number}")),
        first: Some("Gianluca"),
        last: Some("Rossi"),
        phone: Some("+390584943232"),
        ..CallFields::default()
    });
    let feeds =
        [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| support::feed(call, leg, REC_CODEC_PCMU, 0).unwrap());
    engine.start(&name, "wav");
    BenchCall { call, feeds }
}

/// Feeds both legs of every call in real time.
fn feed(calls: &[BenchCall], stop: &AtomicBool) {
    let mut speech = Speech::new();
    let begin = Instant::now();
    for packet in 0.. {
        wait::sleep_until(begin + PACKET_TIME * packet as u32);
        for (number, call) in calls.iter().enumerate() {
            for (side, feed) in call.feeds.iter().enumerate() {
                kit::rtp(*feed, speech.packet(side, number, packet));
            }
        }
        if stop.load(SeqCst) {
            return;
        }
    }
}

/// Pauses and resumes one recording after the other, this often in a second.
fn change(engine: &BenchEngine, live: u64, changes: u64, stop: &AtomicBool) {
    let begin = Instant::now();
    for n in 0u64.. {
        wait::sleep_until(begin + Duration::from_secs(n) / changes as u32);
        if stop.load(SeqCst) {
            return;
        }
        let name = CText::from(format!("call-{}", n / 2 % live).as_str());
        let (nobody, no_url) = (std::ptr::null(), std::ptr::null_mut());
        checked(|e| unsafe {
            match n % 2 {
                0 => rec_pause_by_call(engine.handle, nobody, name.ptr(), no_url, e),
                _ => rec_resume_by_call(engine.handle, nobody, name.ptr(), no_url, e),
            }
        })
        .unwrap();
    }
}

/// What all clients have seen together.
#[derive(Default)]
struct ClientCounts {
    lists: AtomicU64,
    bytes: AtomicU64,
    /// CPU time of the clients, in ns.
    cpu: AtomicU64,
}

fn load(arguments: &Arguments, port: u16, live: u64) {
    let seconds = arguments.number("seconds", 10);
    for connections in arguments.numbers("connections", "4,8,16") {
        let counts = ClientCounts::default();
        // The first lists of a connection are not counted.
        let from = Instant::now() + Duration::from_millis(500);
        let until = from + Duration::from_secs(seconds);
        let (mut times, mut cpu) = (Times::new(), Cpu::now());
        std::thread::scope(|scope| {
            let counts = &counts;
            let clients: Vec<_> = (0..connections)
                .map(|_| scope.spawn(move || request(port, from, until, counts)))
                .collect();
            wait::sleep_until(from);
            cpu = Cpu::now();
            for client in clients {
                let own = client.join().expect("a client");
                own.into_iter().for_each(|ns| times.note(ns));
            }
        });
        let used = Cpu::now().since(cpu);
        let (lists, bytes) = (counts.lists.load(SeqCst).max(1), counts.bytes.load(SeqCst));
        let us = |time: Duration| time.as_secs_f64() * 1e6 / lists as f64;
        let clients = Duration::from_nanos(counts.cpu.load(SeqCst));
        println!(
            "\n{live} live, {connections} connections: {:.0} lists a second of {} bytes; CPU of a list {:.0} us ({:.0} user, {:.0} kernel), {:.0} of it the clients'",
            lists as f64 / seconds as f64,
            bytes / lists,
            us(used.all()),
            us(used.user),
            us(used.kernel),
            us(clients),
        );
        println!("  {}", times.row(0));
    }
}

/// One client: lists in a loop, and returns the time of each list in ns.
fn request(port: u16, from: Instant, until: Instant, counts: &ClientCounts) -> Vec<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {LOGIN}\r\n\r\n");
    let (mut buffer, mut times, mut cpu) = (vec![0; 1 << 20], Vec::new(), None);
    loop {
        let begin = Instant::now();
        if begin >= until {
            break;
        }
        if begin >= from && cpu.is_none() {
            cpu = Some(thread_cpu());
        }
        stream.write_all(request.as_bytes()).unwrap();
        let size = read_response(&mut stream, &mut buffer);
        if cpu.is_some() {
            times.push(begin.elapsed().as_nanos() as u64);
            counts.lists.fetch_add(1, SeqCst);
            counts.bytes.fetch_add(size as u64, SeqCst);
        }
    }
    let used = thread_cpu() - cpu.unwrap_or_default();
    counts.cpu.fetch_add(used.as_nanos() as u64, SeqCst);
    times
}

/// Reads one response; returns the length of its body.
fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut have = 0;
    let (head, length) = loop {
        have += read_some(stream, &mut buffer[have..]);
        let Some(end) = buffer[..have].windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let named = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length: "));
        break (end + 4, named.expect("a length").parse::<usize>().unwrap());
    };
    // The rest goes over the same bytes, because nobody looks at them.
    let mut rest = length - (have - head);
    while rest > 0 {
        let most = rest.min(buffer.len());
        rest -= read_some(stream, &mut buffer[..most]);
    }
    length
}

fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let read = stream.read(buffer).unwrap();
    assert!(read > 0, "the gateway has closed the connection");
    read
}
