//! Web origins: the site that a browser's page comes from.

use std::fmt;

use super::callbacks::{is_name, split_port};

/// Scheme, host and port of a site, for example `https://pbx.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    secure: bool,
    /// In lower case; an IPv6 address without brackets, in its shortest form.
    host: String,
    port: u16,
}

impl WebOrigin {
    /// Parses an origin. `*` is refused, since the APIs use credentials and any site could use
    /// those that a browser has stored. `null` is refused too, since every sandboxed page sends it.
    pub fn parse(text: &str) -> Result<WebOrigin, String> {
        let invalid = || format!("\"{text}\": scheme://host or scheme://host:port is needed");
        let lower = text.to_ascii_lowercase();
        let (scheme, authority) = lower.split_once("://").ok_or_else(invalid)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(format!("\"{text}\": only http and https are supported")),
        };
        WebOrigin::of(secure, authority).ok_or_else(invalid)
    }

    /// The origin of a URL, whatever its path.
    pub fn of_url(url: &str) -> Option<WebOrigin> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next().unwrap_or_default();
        WebOrigin::parse(&format!("{scheme}://{authority}")).ok()
    }

    /// The origin of this host with an optional port, over https if `secure`.
    pub fn of(secure: bool, authority: &str) -> Option<WebOrigin> {
        let lower = authority.to_ascii_lowercase();
        let (host, port) = split_port(&lower)?;
        let host = match host.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) if is_name(host) => host.to_owned(),
            Err(_) => return None,
        };
        let port = match port {
            None => default_port(secure),
            Some(port) => port.parse().ok()?,
        };
        Some(WebOrigin { secure, host, port })
    }

    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// The form that browsers send.
impl fmt::Display for WebOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(out, "{scheme}://[{}]", self.host)?,
            false => write!(out, "{scheme}://{}", self.host)?,
        }
        if self.port != default_port(self.secure) {
            write!(out, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let written = |text| WebOrigin::parse(text).map(|origin| origin.to_string());
        for (text, expected) in [
            ("https://PBX.example", "https://pbx.example"),
            ("https://pbx.example:443", "https://pbx.example"),
            ("http://pbx.example:443", "http://pbx.example:443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[0:0::1]:80", "http://[::1]"),
        ] {
            assert_eq!(written(text).as_deref(), Ok(expected));
        }
        assert_ne!(WebOrigin::parse("http://a"), WebOrigin::parse("https://a"));
        assert_eq!(WebOrigin::of(true, "a"), WebOrigin::parse("https://a:443").ok());
    }

    #[test]
    fn anything_but_a_single_site_is_refused() {
        for invalid in [
            "*",
            "null",
            "",
            "pbx.example",
            "https://",
            "https://*",
            "https://*.example",
            "https://pbx.example/",
            "https://pbx.example/path",
            "https://user@pbx.example",
            "https://pbx.example:*",
            "https://pbx.example:",
            "ftp://pbx.example",
            "https://a https://b",
        ] {
            assert!(WebOrigin::parse(invalid).is_err(), "{invalid}");
        }
    }
}
