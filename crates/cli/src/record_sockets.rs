//! Records RTP that arrives at UDP ports.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use callrec::types::{Codec, FeedFormat, FeedOptions, Leg, Status};
use indicatif::ProgressBar;

use crate::command_line::RecordOptions;
use crate::level::{LegLevel, bar};
use crate::output::{CommandResult, ErrorContext, Output, because, clock};
use crate::payloads::DeclaredPayloads;
use crate::record_session::{open_session, report};
use crate::session::{CallFeed, RecordedCall};

/// The largest datagram.
const DATAGRAM_MAX: usize = 1 << 16;
/// How often a thread looks whether the recording ends, and how often the levels are shown.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long the file may take after the end of the call.
const CLOSING: Duration = Duration::from_secs(60);

/// The socket of one leg, and the thread that reads it.
struct LegReceiver {
    name: &'static str,
    level: Arc<Mutex<LegLevel>>,
    thread: JoinHandle<()>,
}

pub fn record(options: &RecordOptions, output: &Output) -> CommandResult<()> {
    let addresses = [
        (Leg::Local, "local", options.local),
        (Leg::Remote, "remote", options.remote),
    ];
    if addresses.iter().all(|(_, _, address)| address.is_none()) {
        return because("name a capture, or the address of --local, of --remote or of both");
    }
    let payloads = DeclaredPayloads::of_options(options)?;
    // Bound first: a port that is taken leaves no recording.
    let mut sockets = Vec::new();
    for (leg, name, address) in addresses {
        if let Some(address) = address {
            sockets.push((leg, name, bind(address)?));
        }
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let stopping = is_over.clone();
    ctrlc::set_handler(move || stopping.store(true, Ordering::SeqCst)).about("the handler of interrupts")?;
    let session = open_session(options, "real")?;
    let call = session.begin(options, 0)?;
    let mut receivers = Vec::new();
    for (leg, name, socket) in sockets {
        let address = socket.local_addr().about(name)?;
        receivers.push(receive(&call, leg, name, socket, &payloads, &is_over)?);
        output.remark(format_args!("the {name} leg is expected at {address}"));
    }
    let bar = output.progress(0, "{msg}");
    wait(options, &receivers, &is_over, &bar);
    bar.finish_and_clear();
    is_over.store(true, Ordering::SeqCst);
    for receiver in receivers {
        let name = receiver.name;
        if receiver.thread.join().is_err() {
            output.remark(format_args!("the thread of the {name} leg has failed"));
        }
    }
    call.end()?;
    session.close(CLOSING)?;
    report(&session, &call, output)
}

fn bind(address: SocketAddr) -> CommandResult<UdpSocket> {
    let socket = UdpSocket::bind(address).about(address)?;
    socket.set_read_timeout(Some(INTERVAL)).about(address)?;
    Ok(socket)
}

fn receive(
    call: &RecordedCall,
    leg: Leg,
    name: &'static str,
    socket: UdpSocket,
    payloads: &DeclaredPayloads,
    is_over: &Arc<AtomicBool>,
) -> CommandResult<LegReceiver> {
    let format = FeedFormat {
        codec: Codec::Pcmu,
        rate: 8000,
    };
    let feed = call.open_feed(leg, FeedOptions::from(format))?;
    payloads.declare(&feed)?;
    let level = Arc::new(Mutex::new(LegLevel::new(payloads.clone())));
    let (shown, is_over) = (level.clone(), is_over.clone());
    let read = move || read(&socket, &feed, &shown, &is_over);
    let thread = thread::Builder::new().name(format!("rtp-{name}")).spawn(read);
    Ok(LegReceiver {
        name,
        level,
        thread: thread.about("a thread")?,
    })
}

/// Passes on datagrams until the recording ends.
fn read(socket: &UdpSocket, feed: &CallFeed, level: &Mutex<LegLevel>, is_over: &AtomicBool) {
    let mut datagram = vec![0; DATAGRAM_MAX];
    while !is_over.load(Ordering::SeqCst) {
        match socket.recv(&mut datagram) {
            Ok(length) => {
                if feed.rtp(&datagram[..length]) == Status::BadHandle {
                    return;
                }
                let mut level = level.lock().unwrap_or_else(PoisonError::into_inner);
                level.packet(&datagram[..length]);
            }
            // Also after the process was stopped and continued.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            // The sender's port was closed; its packets may come from another one.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(_) => return,
        }
    }
}

/// Shows the levels until the user interrupts or the time is over.
fn wait(options: &RecordOptions, receivers: &[LegReceiver], is_over: &AtomicBool, shown: &ProgressBar) {
    let begun = Instant::now();
    let most = options.seconds.map(Duration::from_secs);
    while !is_over.load(Ordering::SeqCst) && most.is_none_or(|most| begun.elapsed() < most) {
        let legs = receivers.iter().map(|receiver| {
            let mut level = receiver.level.lock().unwrap_or_else(PoisonError::into_inner);
            format!("{} {}", receiver.name, bar(level.take_db()))
        });
        let legs = legs.collect::<Vec<_>>().join("  ");
        shown.set_message(format!("{}  {legs}", clock(begun.elapsed().as_millis() as u64)));
        thread::sleep(INTERVAL);
    }
}
