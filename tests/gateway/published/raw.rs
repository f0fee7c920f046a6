//! Requests that are written byte for byte, each on its own connection.

use crate::server::{TestServer, basic, read_to_close, send_raw};

/// A response that was read until the server closed the connection.
#[derive(Debug)]
pub struct RawResponse {
    /// As in the status line: `200 OK`.
    pub status: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl RawResponse {
    /// The value of a header; "" if the response does not have it.
    pub fn header(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// Asserts this status, no body and no content type.
    pub fn expect_empty(&self, status: &str) {
        assert_eq!((self.status.as_str(), self.body.as_str()), (status, ""));
        assert_eq!(self.header("content-type"), "", "{self:?}");
        let length = if status.starts_with("204") { "" } else { "0" };
        assert_eq!(self.header("content-length"), length, "{self:?}");
    }

    /// Asserts this status and JSON; returns the body.
    pub fn expect_json(&self, status: &str) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        &self.body
    }
}

/// The header line with the credentials of this user.
pub fn authorization(user: &str) -> String {
    format!("Authorization: {}", basic(user, "secret"))
}

/// Sends `line` (method and path), these header lines and the body unchanged.
pub fn send_lines(server: &TestServer, line: &str, headers: &[&str], body: &str) -> RawResponse {
    let mut request = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
        server.address()
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    parse(&read_to_close(send_raw(server.address(), &request)))
}

fn parse(text: &str) -> RawResponse {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let (status, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    let mut response = RawResponse {
        status: status.strip_prefix("HTTP/1.1 ").unwrap().to_owned(),
        headers: lines.split_terminator("\r\n").map(header).collect(),
        body: body.to_owned(),
    };
    if response.header("transfer-encoding") == "chunked" {
        response.body = unchunked(body);
    }
    response
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").unwrap();
    }
}
