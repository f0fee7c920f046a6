//! A registrar and proxy between two SIP user agents on loopback. It sends the media of both through
//! its own sockets.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callrec_testkit::wait::PATIENCE;

use crate::media_socket::MediaSocket;
use crate::sip_message::SipMessage;

/// How long one receive waits.
const TURN: Duration = Duration::from_millis(20);

/// One user agent of the call.
pub struct SipParty {
    user: &'static str,
    /// Where it registered from.
    address: Option<SocketAddr>,
    /// The socket that receives its packets, and sends it those of the other.
    pub socket: Arc<MediaSocket>,
    /// The session description that it has sent.
    pub description: Option<String>,
    /// Where it expects RTP, and sends it from.
    pub media: Option<SocketAddr>,
}

impl SipParty {
    fn new(user: &'static str) -> SipParty {
        SipParty {
            user,
            address: None,
            socket: Arc::new(MediaSocket::bind()),
            description: None,
            media: None,
        }
    }

    pub fn is_registered(&self) -> bool {
        self.address.is_some()
    }
}

/// The proxy of one call between two parties.
pub struct SipProxy {
    socket: UdpSocket,
    pub parties: [SipParty; 2],
    /// Whether an INVITE has been answered, and the answer passed on.
    pub is_answered: bool,
    /// Whether a BYE has been answered.
    pub is_ended: bool,
}

impl SipProxy {
    pub fn new(users: [&'static str; 2]) -> SipProxy {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(TURN)).expect("a timeout");
        SipProxy {
            socket,
            parties: users.map(SipParty::new),
            is_answered: false,
            is_ended: false,
        }
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("an address").port()
    }

    /// Passes messages on until the condition holds.
    #[track_caller]
    pub fn run_until(&mut self, what: &str, holds: impl Fn(&SipProxy) -> bool) {
        let (begun, mut datagram) = (Instant::now(), [0; 8192]);
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
            if let Ok((size, from)) = self.socket.recv_from(&mut datagram)
                && let Some(message) = SipMessage::parse(&datagram[..size])
            {
                self.handle(message, from);
            }
        }
    }

    fn handle(&mut self, message: SipMessage, from: SocketAddr) {
        if message.is_request() && message.method() == "REGISTER" {
            let party = self.parties.iter_mut();
            if let Some(party) = party
                .into_iter()
                .find(|party| message.sender_user() == Some(party.user))
            {
                party.address = Some(from);
                self.send(&message.registered(), from);
            }
            return;
        }
        let sender = self.parties.iter().position(|party| party.address == Some(from));
        if let Some(sender) = sender {
            self.pass_on(message, sender);
        }
    }

    fn pass_on(&mut self, mut message: SipMessage, sender: usize) {
        let receiver = 1 - sender;
        if let (Some(media), Some(description)) = (message.media(), message.description()) {
            let party = &mut self.parties[sender];
            (party.media, party.description) = (Some(media), Some(description.to_owned()));
            message.set_media_port(self.parties[receiver].socket.port());
        }
        message.pass_on(self.port());
        if let Some(address) = self.parties[receiver].address {
            self.send(&message, address);
        }
        self.is_answered |= message.is_success() && message.method() == "INVITE";
        self.is_ended |= message.is_success() && message.method() == "BYE";
    }

    fn send(&self, message: &SipMessage, to: SocketAddr) {
        self.socket.send_to(&message.bytes(), to).expect("a datagram");
    }
}
