//! Where a callback goes, and whether it may.

use std::net::IpAddr;

use http::Uri;

use crate::config::callbacks::{Reach, Target, is_name};
use callrec_core::types::{Error, Result, Status};

/// A callback's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub secure: bool,
    /// In lower case; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
    /// As it stands in the URL: `host` or `host:port`.
    pub authority: String,
    /// With the query.
    pub path: String,
    /// The URL as it was given, without query and fragment: what is signed.
    pub base: String,
}

/// A longer URL is none that anybody needs.
const URL_MAX: usize = 2048;

impl Address {
    pub fn parse(url: &str) -> Result<Address> {
        let wrong = |why: &str| {
            Error::new(
                Status::InvalidArgument,
                format!("callback_url \"{}\": {why}", shortened(url)),
            )
        };
        if url.len() > URL_MAX {
            return Err(wrong("too long"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("no URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("http:// or https:// is needed")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user name or password does not belong here"));
        }
        let host = authority.host().to_ascii_lowercase();
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match literal {
            Some(address) if address.parse::<IpAddr>().is_ok() => address.to_owned(),
            None if is_name(&host) => host,
            _ => return Err(wrong("no host")),
        };
        let said = authority.as_str().len() > authority.host().len();
        let port = match uri.port_u16() {
            Some(port) => port,
            None if said => return Err(wrong("no port")),
            None if secure => 443,
            None => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Address {
            secure,
            host,
            port,
            authority: authority.as_str().to_owned(),
            path,
            base: url.split(['?', '#']).next().unwrap_or_default().to_owned(),
        })
    }

    /// Which addresses `allow` lets it have.
    pub fn reach(&self, allow: &[Target]) -> Option<Reach> {
        let covering = allow
            .iter()
            .filter(|target| target.covers(self.secure, &self.host, self.port));
        // A name has one reach, whichever entry names it.
        covering.map(Target::reach).next()
    }

    /// Scheme, host and port: receivers are told apart by it.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

/// A URL for a start, if it may be called.
pub fn permitted(url: &str, allow: &[Target]) -> Result<()> {
    let address = Address::parse(url)?;
    match address.reach(allow) {
        Some(_) => Ok(()),
        None => Err(Error::new(
            Status::InvalidArgument,
            format!("callback_url: {} is not among callbacks.allow", address.origin()),
        )),
    }
}

fn shortened(url: &str) -> &str {
    &url[..url.floor_char_boundary(100)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let address = Address::parse("https://Example.com:8443/a/b?c=d#retry=1").unwrap();
        assert_eq!((address.secure, address.port), (true, 8443));
        assert_eq!(address.host, "example.com");
        assert_eq!(address.path, "/a/b?c=d");
        assert_eq!(address.base, "https://Example.com:8443/a/b");
        assert_eq!(address.origin(), "https://example.com:8443");
        let address = Address::parse("http://[::1]?x=1").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
        assert_eq!(address.path, "/?x=1");
        assert_eq!(address.authority, "[::1]");
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for wrong in [
            "",
            "/path",
            "example.com",
            "example.com:80",
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://",
            "http:///path",
            "http://user:secret@example.com/",
            "http://example.com@evil.net/",
            "http://a b/",
            "http://exa mple.com/",
            "http://example.com:/",
            "http://example.com:99999/",
            "http://[::1/",
            "http://a..b/",
            "http://ex%61mple.com/",
            "http://example.com\\@evil.net/",
            "http://example.com/\r\nx: y",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong:?}");
        }
        let long = format!("http://example.com/{}", "x".repeat(URL_MAX));
        assert!(Address::parse(&long).is_err_and(|why| why.message.len() < 200));
    }

    #[test]
    fn only_what_is_allowed_may_be_called() {
        let allow = [
            Target::parse("https://*.example.com").unwrap(),
            Target::parse("http://127.0.0.1:*").unwrap(),
        ];
        assert!(permitted("https://a.example.com/x", &allow).is_ok());
        assert!(permitted("http://127.0.0.1:4711/x", &allow).is_ok());
        for other in [
            "https://example.com/",
            "http://a.example.com/",
            "https://a.example.com.evil.net/",
            "https://a.example.com:444/",
            "http://127.1/",
            "http://localhost/",
        ] {
            let refused = permitted(other, &allow);
            assert!(
                refused.is_err_and(|why| why.message.contains("callbacks.allow")),
                "{other}"
            );
        }
        assert!(permitted("http://127.0.0.1/", &[]).is_err());
    }
}
