//! The address of the client that sent a request.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The client's address: the peer's, or for a trusted proxy the last address in `X-Forwarded-For`
/// that is not a trusted proxy itself. `peer` and `trusted` are canonical: no IPv4-mapped IPv6
/// addresses.
pub fn client_address_of(headers: &HeaderMap, peer: IpAddr, trusted: &[IpAddr]) -> IpAddr {
    let mut client = peer;
    let lists = headers.get_all("x-forwarded-for").iter().rev();
    let mut named = lists.flat_map(|list| list.to_str().unwrap_or_default().rsplit(','));
    while trusted.contains(&client) {
        let Some(previous) = named.next().and_then(address) else {
            break;
        };
        client = previous;
    }
    client
}

/// Some proxies add the port, and then put IPv6 addresses in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

/// The network that limits apply to: one IPv4 address, or the IPv6 /64 network that one customer
/// has.
pub fn client_network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

/// `X-Forwarded-Host` is believed only from a trusted proxy.
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

    fn address_of(peer: &str, lists: &[&'static str]) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let lists = lists
            .iter()
            .map(|list| (name.clone(), HeaderValue::from_static(list)));
        let headers: HeaderMap = lists.fold(HeaderMap::new(), |mut headers, (name, list)| {
            headers.append(name, list);
            headers
        });
        let trusted = [ip("127.0.0.1"), ip("192.0.2.1")];
        client_address_of(&headers, ip(peer), &trusted).to_string()
    }

    #[test]
    fn a_trusted_proxy_names_its_client() {
        assert_eq!(address_of("127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            address_of("127.0.0.1", &["1.1.1.1, 198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(
            address_of("127.0.0.1", &["1.1.1.1", "198.51.100.7"]),
            "198.51.100.7"
        );
        let two = ["1.1.1.1, 198.51.100.7", "192.0.2.1"];
        assert_eq!(
            address_of("127.0.0.1", &two),
            "198.51.100.7",
            "behind another trusted one"
        );
        assert_eq!(address_of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(address_of("127.0.0.1", &["1.1.1.1, nonsense"]), "127.0.0.1");
    }

    #[test]
    fn an_untrusted_peer_cannot_name_another_client() {
        assert_eq!(address_of("198.51.100.8", &["198.51.100.7"]), "198.51.100.8");
    }

    #[test]
    fn a_port_is_removed_and_a_mapped_ipv4_address_is_unwrapped() {
        for (text, expected) in [
            ("198.51.100.7:5678", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:5678", "2001:db8::1"),
        ] {
            assert_eq!(address_of("127.0.0.1", &[text]), expected, "{text}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let network_of = |text: &str| client_network(ip(text)).to_string();
        assert_eq!(network_of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network_of("192.0.2.7"), "192.0.2.7");
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
