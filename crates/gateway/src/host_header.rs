//! Checks the `Host` header.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Version};

/// Returns why the request's `Host` header is invalid (RFC 9112, 3.2). HTTP/1.0 requests may omit
/// it.
pub fn check_host(version: Version, headers: &HeaderMap) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version <= Version::HTTP_10 => Ok(()),
        (None, _) => Err("The header Host is missing"),
        (Some(_), Some(_)) => Err("The header Host is there twice"),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err("The header Host names no host"),
    }
}

/// A host with an optional port and without a user name, or an empty value.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn is_refused(version: Version, hosts: &[&'static str]) -> bool {
        let hosts = hosts.iter().map(|host| (HOST, HeaderValue::from_static(host)));
        let mut headers = HeaderMap::new();
        for (name, host) in hosts {
            headers.append(name, host);
        }
        check_host(version, &headers).is_err()
    }

    #[test]
    fn a_request_names_its_host_once() {
        for host in ["pbx.example", "pbx.example:8080", "[::1]:80", "127.0.0.1", ""] {
            assert!(!is_refused(Version::HTTP_11, &[host]), "{host}");
        }
        for host in ["user@pbx.example", "pbx example", "pbx.example/path", "a, b"] {
            assert!(is_refused(Version::HTTP_11, &[host]), "{host}");
        }
        assert!(is_refused(Version::HTTP_11, &[]));
        assert!(is_refused(Version::HTTP_11, &["a", "a"]));
        assert!(!is_refused(Version::HTTP_10, &[]));
        assert!(is_refused(Version::HTTP_10, &["a", "a"]));
    }
}
