//! The sockets that receive the packets of a real sender.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use callrec_testkit::wait::PATIENCE;

/// How long one receive waits.
const TURN: Duration = Duration::from_millis(20);

/// An even port for RTP and the next one for RTCP, as RFC 3550 pairs them. Reports that a sender
/// sends to the second do not reach another test.
pub struct MediaSocket {
    rtp: UdpSocket,
    _rtcp: UdpSocket,
}

impl MediaSocket {
    pub fn bind() -> MediaSocket {
        let pair = || {
            let rtp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let port = rtp.local_addr().ok()?.port();
            let rtcp = (port % 2 == 0).then(|| UdpSocket::bind(("127.0.0.1", port + 1)))?;
            Some((rtp, rtcp.ok()?))
        };
        let (rtp, _rtcp) = (0..1000).find_map(|_| pair()).expect("two free ports");
        rtp.set_read_timeout(Some(TURN)).expect("a timeout");
        MediaSocket { rtp, _rtcp }
    }

    pub fn port(&self) -> u16 {
        self.rtp.local_addr().expect("an address").port()
    }

    pub fn send(&self, packet: &[u8], to: SocketAddr) {
        self.rtp.send_to(packet, to).expect("a datagram");
    }

    /// Passes each packet and its sender to `take`, until `is_over` and nothing is left.
    pub fn receive(&self, is_over: impl Fn() -> bool, mut take: impl FnMut(&[u8], SocketAddr)) {
        let (begun, mut packet) = (Instant::now(), [0; 4096]);
        loop {
            assert!(begun.elapsed() < PATIENCE, "the sender does not end");
            // What was sent before that is in the socket.
            let is_over = is_over();
            match self.rtp.recv_from(&mut packet) {
                Ok((size, from)) => take(&packet[..size], from),
                Err(_) if is_over => return,
                Err(_) => {}
            }
        }
    }
}
