//! What the tests of the TAPI bridge on each system share.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::sleep_until;

/// The sources of the bridge that know no TAPI.
pub const SOURCES: [&str; 10] = [
    "tapi_bridge.c",
    "tapi/bridge.c",
    "tapi/bridge_config.c",
    "tapi/call_logic.c",
    "tapi/call_message.c",
    "tapi/call_table.c",
    "tapi/control_pipe.c",
    "tapi/conversation.c",
    "tapi/rtp_ports.c",
    "tapi/script_line.c",
];

/// The first of 40 ports that nobody uses: below the range from which the system chooses, and others for
/// each call, because a bridge binds its ports only when it needs them.
pub fn free_ports() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let seed = (std::process::id() as u16).wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed));
    let mut first = 12_000 + seed % 500 * 40;
    while (first..first + 40).any(|port| UdpSocket::bind(("127.0.0.1", port)).is_err()) {
        first = if first > 31_900 { 12_000 } else { first + 40 };
    }
    first
}

/// The lines of a program, as they come.
pub fn lines_of(source: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A device that sends copies of both parties' audio in µ-law, one byte value for each party.
pub struct ForkedCall {
    socket: UdpSocket,
    ports: [u16; 2],
    senders: [RtpSender; 2],
    next: Instant,
}

impl ForkedCall {
    /// A session that begins now. Each has streams of its own.
    pub fn new(ports: [u16; 2], ssrc: u32) -> ForkedCall {
        ForkedCall {
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            ports,
            senders: [RtpSender::new(0, ssrc), RtpSender::new(0, ssrc + 1)],
            next: Instant::now(),
        }
    }

    /// Sends `packets` packets of 20 ms in real time.
    pub fn speak(&mut self, packets: usize, values: [u8; 2]) {
        for _ in 0..packets {
            let legs = self.senders.iter_mut().zip(self.ports).zip(values);
            for ((sender, port), value) in legs {
                let packet = sender.packet(&[value; 160], 160);
                self.socket.send_to(&packet, ("127.0.0.1", port)).unwrap();
            }
            self.next += Duration::from_millis(20);
            sleep_until(self.next);
        }
    }
}
