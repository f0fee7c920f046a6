//! Session descriptions in the SIP messages of a capture.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use sdp_types::Session;

use super::Datagram;

/// The first words of SIP messages that carry session descriptions.
const BEGINNINGS: [&[u8]; 6] = [
    b"SIP/2.0 ",
    b"INVITE ",
    b"ACK ",
    b"UPDATE ",
    b"PRACK ",
    b"MESSAGE ",
];

/// The session descriptions, by the address at which each expects audio. RTP to that address has the
/// payload types of the description.
#[derive(Default)]
pub struct SessionDescriptions(HashMap<SocketAddr, String>);

impl SessionDescriptions {
    /// Takes a datagram, which may be a SIP message.
    pub fn take(&mut self, datagram: &Datagram<'_>) {
        if let Some(body) = body_of(datagram.payload)
            && let Some(address) = audio_address(body)
        {
            self.0.insert(address, String::from_utf8_lossy(body).into_owned());
        }
    }

    /// The latest description of what arrives at an address.
    pub fn of(&self, address: SocketAddr) -> Option<&str> {
        self.0.get(&address).map(String::as_str)
    }
}

/// The body of a SIP message that is a session description.
fn body_of(payload: &[u8]) -> Option<&[u8]> {
    if !BEGINNINGS.iter().any(|beginning| payload.starts_with(beginning)) {
        return None;
    }
    let end = payload.windows(4).position(|window| window == b"\r\n\r\n")?;
    let body = &payload[end + 4..];
    body.starts_with(b"v=0").then_some(body)
}

/// Where the description's first audio section expects its audio.
fn audio_address(body: &[u8]) -> Option<SocketAddr> {
    let session = Session::parse(body).ok()?;
    let audio = session.medias.iter().find(|media| media.media == "audio")?;
    let connection = audio.connections.first().or(session.connection.as_ref())?;
    let address: IpAddr = connection.connection_address.split('/').next()?.parse().ok()?;
    (audio.port != 0).then_some(SocketAddr::new(address, audio.port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_audio_address_of_an_invite_is_found() {
        let message = "INVITE sip:b@example.com SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n\
                       v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                       m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n";
        let from: SocketAddr = "192.0.2.1:5060".parse().expect("an address");
        let mut descriptions = SessionDescriptions::default();
        for payload in [message.as_bytes(), b"OPTIONS sip:b SIP/2.0\r\n\r\n", b"\x80\x00"] {
            descriptions.take(&Datagram {
                at: Duration::ZERO,
                from,
                to: from,
                payload,
            });
        }
        let audio = "192.0.2.1:4000".parse().expect("an address");
        assert!(
            descriptions
                .of(audio)
                .is_some_and(|text| text.contains("opus/48000/2"))
        );
        assert!(descriptions.of(from).is_none());
    }
}
