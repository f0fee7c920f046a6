//! The entries of `callbacks.allow`.

use std::net::IpAddr;

/// One entry, for example `https://*.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackTarget {
    secure: bool,
    /// In lower case; an IPv6 address without brackets.
    host: String,
    /// Covers the subdomains of the host, not the host itself.
    subdomains: bool,
    /// `None`: any port.
    port: Option<u16>,
}

/// Which addresses the name of an allowed host may resolve to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressScope {
    /// The entry is this address.
    Literal(IpAddr),
    /// `localhost`: only loopback addresses.
    Loopback,
    /// Any other name: only public addresses.
    Public,
}

impl CallbackTarget {
    pub fn parse(entry: &str) -> Result<CallbackTarget, String> {
        let invalid = || format!("\"{entry}\": scheme://host or scheme://host:port is needed");
        let lower = entry.to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://").ok_or_else(invalid)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(format!("\"{entry}\": only http and https are supported")),
        };
        let (host, port) = split_port(rest).ok_or_else(invalid)?;
        let (host, subdomains) = match host.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (host, false),
        };
        let is_address = host.parse::<IpAddr>().is_ok();
        if !(is_address || is_name(host)) || (is_address && subdomains) {
            return Err(invalid());
        }
        let port = match port {
            None => Some(if secure { 443 } else { 80 }),
            Some("*") => None,
            Some(port) => Some(port.parse().map_err(|_| invalid())?),
        };
        Ok(CallbackTarget {
            secure,
            host: host.to_owned(),
            subdomains,
            port,
        })
    }

    /// `host` is in lower case, without brackets.
    pub fn covers(&self, secure: bool, host: &str, port: u16) -> bool {
        let same_host = if self.subdomains {
            let below = host
                .strip_suffix(&self.host)
                .and_then(|rest| rest.strip_suffix('.'));
            below.is_some_and(|label| !label.is_empty())
        } else {
            same(host, &self.host)
        };
        self.secure == secure && same_host && self.port.is_none_or(|own| own == port)
    }

    pub fn scope(&self) -> AddressScope {
        match self.host.parse() {
            Ok(address) => AddressScope::Literal(address),
            Err(_) if self.host == "localhost" && !self.subdomains => AddressScope::Loopback,
            Err(_) => AddressScope::Public,
        }
    }
}

/// Compares hosts. One IPv6 address has many spellings.
fn same(host: &str, own: &str) -> bool {
    match (host.parse::<IpAddr>(), own.parse::<IpAddr>()) {
        (Ok(host), Ok(own)) => host == own,
        _ => host == own,
    }
}

/// Splits `host`, `host:port`, `[::1]` or `[::1]:port`.
pub fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((host, None)),
            _ => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

/// Whether it is a valid host name: no spaces, path or user.
pub fn is_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(plain)
        && host.split('.').all(|label| !label.is_empty())
}

impl AddressScope {
    /// Whether a connection to this address is permitted.
    pub fn permits(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            AddressScope::Literal(own) => own.to_canonical() == address,
            AddressScope::Loopback => address.is_loopback(),
            AddressScope::Public => is_public(address),
        }
    }
}

/// Whether the address is public: not local, private or reserved.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = matches!(
                (a, b, c),
                (0 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _)
            );
            !(special || v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast())
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            // NAT64 and 6to4 addresses contain an IPv4 address.
            if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] = segments {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                return is_public(IpAddr::from([a, b, c, d]));
            }
            // All public unicast addresses lie in 2000::/3.
            segments[0] & 0xe000 == 0x2000
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(entry: &str, secure: bool, host: &str, port: u16) -> bool {
        CallbackTarget::parse(entry)
            .unwrap_or_else(|reason| panic!("{reason}"))
            .covers(secure, host, port)
    }

    #[test]
    fn an_entry_is_scheme_host_and_port() {
        assert!(covers("https://Example.com", true, "example.com", 443));
        assert!(
            !covers("https://example.com", false, "example.com", 443),
            "scheme"
        );
        assert!(!covers("https://example.com", true, "example.com", 8443), "port");
        assert!(
            !covers("https://example.com", true, "a.example.com", 443),
            "subdomain"
        );
        assert!(!covers("https://example.com", true, "badexample.com", 443));
        assert!(covers("http://127.0.0.1:*", false, "127.0.0.1", 9));
        assert!(covers("http://[::1]:9", false, "0:0::1", 9));
    }

    #[test]
    fn a_star_covers_only_subdomains() {
        let below = |host| covers("https://*.example.com:8443", true, host, 8443);
        assert!(below("a.example.com") && below("a.b.example.com"));
        for other in [
            "example.com",
            ".example.com",
            "badexample.com",
            "example.com.evil.net",
        ] {
            assert!(!below(other), "{other}");
        }
    }

    #[test]
    fn an_invalid_entry_is_refused() {
        for invalid in [
            "",
            "*",
            "example.com",
            "ftp://example.com",
            "http://",
            "http://*",
            "http://*.127.0.0.1",
            "http://a..b",
            "http://host/path",
            "http://user@host",
            "http://host:70000",
            "http://host:",
            "http://[::1",
            "http://[host]",
        ] {
            assert!(CallbackTarget::parse(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_public_name_may_not_resolve_to_a_private_address() {
        let public = CallbackTarget::parse("https://example.com").map(|target| target.scope());
        assert_eq!(public, Ok(AddressScope::Public));
        for inside in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
        ] {
            let address = inside.parse().unwrap_or_else(|_| panic!("{inside}"));
            assert!(!AddressScope::Public.permits(address), "{inside}");
        }
        for outside in [
            "93.184.215.14",
            "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
            "172.15.0.1",
        ] {
            let address = outside.parse().unwrap_or_else(|_| panic!("{outside}"));
            assert!(AddressScope::Public.permits(address), "{outside}");
        }
    }

    #[test]
    fn an_address_and_localhost_allow_only_themselves() {
        let scope = |entry| CallbackTarget::parse(entry).map(|target| target.scope());
        let own = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(scope("http://10.0.0.1"), Ok(AddressScope::Literal(own)));
        assert!(AddressScope::Literal(own).permits(own));
        assert!(!AddressScope::Literal(own).permits(IpAddr::from([10, 0, 0, 2])));
        assert_eq!(scope("http://localhost"), Ok(AddressScope::Loopback));
        assert!(AddressScope::Loopback.permits(IpAddr::from([127, 0, 0, 1])));
        assert!(!AddressScope::Loopback.permits(own));
    }
}
