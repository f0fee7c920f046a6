//! Callback URLs, and whether they are allowed.

use std::net::IpAddr;

use http::Uri;

use crate::config::callbacks::{AddressScope, CallbackTarget, is_name};
use callrec_core::types::{Error, Result, Status};

/// A parsed callback URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackUrl {
    pub secure: bool,
    /// In lower case; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// As in the URL: `host` or `host:port`.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// The URL as given, without query and fragment. Signatures cover it.
    pub base: String,
}

/// Maximum length of a URL in bytes.
const URL_MAX: usize = 2048;

impl CallbackUrl {
    pub fn parse(url: &str) -> Result<CallbackUrl> {
        let invalid = |reason: &str| {
            Error::new(
                Status::InvalidArgument,
                format!("callback_url \"{}\": {reason}", shortened(url)),
            )
        };
        if url.len() > URL_MAX {
            return Err(invalid("too long"));
        }
        let uri: Uri = url.parse().map_err(|_| invalid("no URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid("http:// or https:// is needed")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("a user name or password does not belong here"));
        }
        let host = authority.host().to_ascii_lowercase();
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match literal {
            Some(address) if address.parse::<IpAddr>().is_ok() => address.to_owned(),
            None if is_name(&host) => host,
            _ => return Err(invalid("no host")),
        };
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match uri.port_u16() {
            Some(port) => port,
            None if has_port => return Err(invalid("no port")),
            None if secure => 443,
            None => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(CallbackUrl {
            secure,
            host,
            port,
            authority: authority.as_str().to_owned(),
            path,
            base: url.split(['?', '#']).next().unwrap_or_default().to_owned(),
        })
    }

    /// Which addresses `allow` permits for this host; `None` if the URL is not allowed.
    pub fn scope(&self, allow: &[CallbackTarget]) -> Option<AddressScope> {
        let covering = allow
            .iter()
            .filter(|target| target.covers(self.secure, &self.host, self.port));
        // Every entry for the same name has the same scope.
        covering.map(CallbackTarget::scope).next()
    }

    /// Scheme, host and port, which identify a receiver.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

/// Returns an error if this URL of a start is not allowed.
pub fn check_allowed(url: &str, allow: &[CallbackTarget]) -> Result<()> {
    let address = CallbackUrl::parse(url)?;
    match address.scope(allow) {
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
    fn a_url_is_parsed() {
        let address = CallbackUrl::parse("https://Example.com:8443/a/b?c=d#retry=1").unwrap();
        assert_eq!((address.secure, address.port), (true, 8443));
        assert_eq!(address.host, "example.com");
        assert_eq!(address.path, "/a/b?c=d");
        assert_eq!(address.base, "https://Example.com:8443/a/b");
        assert_eq!(address.origin(), "https://example.com:8443");
        let address = CallbackUrl::parse("http://[::1]?x=1").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
        assert_eq!(address.path, "/?x=1");
        assert_eq!(address.authority, "[::1]");
    }

    #[test]
    fn an_invalid_url_is_refused() {
        for invalid in [
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
            assert!(CallbackUrl::parse(invalid).is_err(), "{invalid:?}");
        }
        let long = format!("http://example.com/{}", "x".repeat(URL_MAX));
        assert!(CallbackUrl::parse(&long).is_err_and(|reason| reason.message.len() < 200));
    }

    #[test]
    fn only_allowed_urls_may_be_called() {
        let allow = [
            CallbackTarget::parse("https://*.example.com").unwrap(),
            CallbackTarget::parse("http://127.0.0.1:*").unwrap(),
        ];
        assert!(check_allowed("https://a.example.com/x", &allow).is_ok());
        assert!(check_allowed("http://127.0.0.1:4711/x", &allow).is_ok());
        for other in [
            "https://example.com/",
            "http://a.example.com/",
            "https://a.example.com.evil.net/",
            "https://a.example.com:444/",
            "http://127.1/",
            "http://localhost/",
        ] {
            let refused = check_allowed(other, &allow);
            assert!(
                refused.is_err_and(|reason| reason.message.contains("callbacks.allow")),
                "{other}"
            );
        }
        assert!(check_allowed("http://127.0.0.1/", &[]).is_err());
    }
}
