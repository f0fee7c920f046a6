//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The peer, or whom the trusted proxies name: each has added to the list who asked it,
/// so its last one that is no trusted proxy itself. `peer` and `trusted` in their own
/// form: no IPv4 in an IPv6 address.
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
pub fn client_network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
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
