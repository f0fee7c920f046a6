//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The peer, or whom the trusted proxies name: each has added to the list who asked it,
/// so its last one that is no trusted proxy itself. `peer` and `trusted` in their own
/// form: no IPv4 in an IPv6 address.
pub fn source_of(headers: &HeaderMap, peer: IpAddr, trusted: &[IpAddr]) -> IpAddr {
    let mut source = peer;
    let lists = headers.get_all("x-forwarded-for").iter().rev();
    let mut named = lists.flat_map(|list| list.to_str().unwrap_or_default().rsplit(','));
    while trusted.contains(&source) {
        let Some(before) = named.next().and_then(address) else {
            break;
        };
        source = before;
    }
    source
}

/// Some proxies name the port too, and then put brackets around IPv6.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

/// Whose tries and connections are one source's: an address, or all of IPv6 that one
/// customer is given.
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

/// What host the client asked for is believed of a trusted proxy alone.
pub fn drop_forwarded_host(headers: &mut HeaderMap, peer: IpAddr, trusted: &[IpAddr]) {
    if !trusted.contains(&peer) {
        headers.remove("x-forwarded-host");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header::HeaderName};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn source(peer: &str, lists: &[&'static str]) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let lists = lists
            .iter()
            .map(|list| (name.clone(), HeaderValue::from_static(list)));
        let headers: HeaderMap = lists.fold(HeaderMap::new(), |mut headers, (name, list)| {
            headers.append(name, list);
            headers
        });
        let trusted = [ip("127.0.0.1"), ip("192.0.2.1")];
        source_of(&headers, ip(peer), &trusted).to_string()
    }

    #[test]
    fn a_trusted_proxy_says_who_asked_it() {
        assert_eq!(source("127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("127.0.0.1", &["1.1.1.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("127.0.0.1", &["1.1.1.1", "198.51.100.7"]), "198.51.100.7");
        let two = ["1.1.1.1, 198.51.100.7", "192.0.2.1"];
        assert_eq!(
            source("127.0.0.1", &two),
            "198.51.100.7",
            "behind another trusted one"
        );
        assert_eq!(source("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(source("127.0.0.1", &["1.1.1.1, nonsense"]), "127.0.0.1");
    }

    #[test]
    fn nobody_else_does() {
        assert_eq!(source("198.51.100.8", &["198.51.100.7"]), "198.51.100.8");
    }

    #[test]
    fn an_address_may_have_a_port_and_be_an_ipv4_one_in_ipv6() {
        for (text, expected) in [
            ("198.51.100.7:5678", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:5678", "2001:db8::1"),
        ] {
            assert_eq!(source("127.0.0.1", &[text]), expected, "{text}");
        }
    }

    #[test]
    fn what_one_customer_is_given_is_one_source() {
        let network = |text: &str| network(ip(text)).to_string();
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
