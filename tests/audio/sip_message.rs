//! SIP messages (RFC 3261), as far as a proxy that moves the media to its own sockets needs them.

use std::net::SocketAddr;

/// A request or a response.
pub struct SipMessage {
    /// The request line or the status line.
    start: String,
    headers: Vec<String>,
    body: String,
}

impl SipMessage {
    /// `None` for anything else, for example a keep-alive of empty lines.
    pub fn parse(datagram: &[u8]) -> Option<SipMessage> {
        let text = std::str::from_utf8(datagram).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n").map(str::to_owned);
        Some(SipMessage {
            start: lines.next().filter(|start| start.contains("SIP/2.0"))?,
            headers: lines.collect(),
            body: body.to_owned(),
        })
    }

    pub fn bytes(&self) -> Vec<u8> {
        let headers = self.headers.join("\r\n");
        format!("{}\r\n{headers}\r\n\r\n{}", self.start, self.body).into_bytes()
    }

    /// The value of the first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| value_of(line, name))
    }

    /// The method of the request, or of the request that a response belongs to.
    pub fn method(&self) -> &str {
        let sequence = self.header("CSeq").unwrap_or_default();
        sequence.split(' ').nth(1).unwrap_or_default()
    }

    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/2.0 ")
    }

    /// Whether this is a response of success.
    pub fn is_success(&self) -> bool {
        self.start.starts_with("SIP/2.0 2")
    }

    /// The user of a request's sender.
    pub fn sender_user(&self) -> Option<&str> {
        let (_, uri) = self.header("From")?.split_once("sip:")?;
        Some(uri.split_once('@')?.0)
    }

    /// The registrar's answer to a REGISTER.
    pub fn registered(&self) -> SipMessage {
        let copied = ["Via", "From", "To", "Call-ID", "CSeq", "Contact"];
        let copy = |name: &&str| {
            let tag = if *name == "To" { ";tag=registrar" } else { "" };
            Some(format!("{name}: {}{tag}", self.header(name)?))
        };
        let mut headers: Vec<String> = copied.iter().filter_map(copy).collect();
        headers.push("Content-Length: 0".to_owned());
        SipMessage {
            start: "SIP/2.0 200 OK".to_owned(),
            headers,
            body: String::new(),
        }
    }

    /// Changes a message as a proxy on this port does: a request comes back by its `Via`, and
    /// `Record-Route` keeps the requests of the dialog on the way through the proxy.
    pub fn pass_on(&mut self, proxy_port: u16) {
        if self.is_request() {
            let via = self.header("Via").unwrap_or_default();
            let branch = via.split(';').find_map(|part| part.strip_prefix("branch="));
            let via = format!(
                "Via: SIP/2.0/UDP 127.0.0.1:{proxy_port};branch={}-proxy",
                branch.unwrap_or_default()
            );
            let route = format!("Record-Route: <sip:127.0.0.1:{proxy_port};lr>");
            self.headers.splice(0..0, [via, route]);
        } else if let Some(at) = self
            .headers
            .iter()
            .position(|line| value_of(line, "Via").is_some())
        {
            self.headers.remove(at);
        }
    }

    /// The session description.
    pub fn description(&self) -> Option<&str> {
        let kind = self.header("Content-Type")?;
        (kind == "application/sdp").then_some(&*self.body)
    }

    /// Where the sender of the description expects RTP.
    pub fn media(&self) -> Option<SocketAddr> {
        let mut lines = self.description()?.lines();
        let host = lines.find_map(|line| line.strip_prefix("c=IN IP4 "))?;
        let section = lines.find_map(|line| line.strip_prefix("m=audio "))?;
        let port = section.split(' ').next()?;
        format!("{host}:{port}").parse().ok()
    }

    /// Replaces the port of the audio section.
    pub fn set_media_port(&mut self, port: u16) {
        let line = |line: &str| match line
            .strip_prefix("m=audio ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((_, rest)) => format!("m=audio {port} {rest}\r\n"),
            None => format!("{line}\r\n"),
        };
        self.body = self.body.lines().map(line).collect();
        let length = format!("Content-Length: {}", self.body.len());
        for header in &mut self.headers {
            if value_of(header, "Content-Length").is_some() {
                header.clone_from(&length);
            }
        }
    }
}

fn value_of<'line>(line: &'line str, name: &str) -> Option<&'line str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}
