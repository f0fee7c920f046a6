//! An HTTP client for tests, and requests that are written byte by byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use ureq::http::Request;
pub use ureq::http::{HeaderMap, HeaderName};

use crate::wait::PATIENCE;

/// A response that was read to its end.
#[derive(Debug)]
pub struct ClientResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl ClientResponse {
    /// The value of a header; "" if the response does not have it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A client that keeps its connections open and returns every status as a response.
pub struct HttpClient(ureq::Agent);

impl HttpClient {
    #[allow(clippy::new_without_default)]
    pub fn new() -> HttpClient {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(1000)
            .max_idle_connections_per_host(1000);
        HttpClient(config.build().into())
    }

    /// Sends one request and reads its response. An empty `body` sends none.
    pub fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> ClientResponse {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if body.is_empty() {
            self.0.run(request.body(()).unwrap()).unwrap()
        } else {
            let request = self.0.configure_request(request.body(body.to_owned()).unwrap());
            self.0
                .run(request.allow_non_standard_methods(true).build())
                .unwrap()
        };
        let (head, mut body) = response.into_parts();
        ClientResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.read_to_vec().unwrap(),
        }
    }
}

/// Opens a connection to `address` and writes `request` as it stands.
pub fn send_raw(address: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Everything that the peer sends until it closes the connection, or until reading fails.
pub fn read_to_close(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `Authorization: Basic …`
pub fn basic(name: &str, secret: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{name}:{secret}"));
    format!("Basic {encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one connection with `response`; returns its address.
    fn answer_once(response: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(response.as_bytes()).unwrap();
        });
        address
    }

    const RESPONSE: &str =
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\nx-a: b\r\n\r\n{}";

    #[test]
    fn every_status_is_a_response() {
        let url = format!("http://{}/", answer_once(RESPONSE));
        let response = HttpClient::new().send("GET", &url, &[], "");
        assert_eq!(
            (response.status, response.header("x-a"), response.header("x-b")),
            (404, "b", "")
        );
        assert_eq!(response.json(), serde_json::json!({}));
    }

    #[test]
    fn a_raw_request_reads_the_bytes_of_its_response() {
        let stream = send_raw(&answer_once(RESPONSE), "GET / HTTP/1.1\r\n\r\n");
        assert_eq!(read_to_close(stream), RESPONSE);
    }

    #[test]
    fn basic_credentials_are_encoded() {
        assert_eq!(basic("user1", "secret"), "Basic dXNlcjE6c2VjcmV0");
    }
}
