//! Where Redis is: the value of `cluster.url`.

use std::fmt;

use percent_encoding::percent_decode_str;

/// A secret of the configuration, which is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    const MAX: usize = 1023;

    pub fn parse(text: &str) -> Result<Password, String> {
        match text.len() <= Password::MAX && !text.contains('\0') {
            true => Ok(Password(text.to_owned())),
            false => Err(format!("0 to {} bytes of text are needed", Password::MAX)),
        }
    }

    /// `None` if it is empty.
    pub fn reveal(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|password| !password.is_empty())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "none" } else { "(hidden)" })
    }
}

/// The address of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// A parsed `cluster.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAddress {
    pub is_tls: bool,
    /// One server, or the Sentinels.
    pub servers: Vec<ServerAddress>,
    /// The name of the master that the Sentinels watch. `None`: the server itself is given.
    pub service: Option<String>,
    pub database: i64,
    pub username: String,
    pub password: Password,
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
const URL_MAX: usize = 2047;

impl RedisAddress {
    /// `None` for an empty text.
    pub fn parse(url: &str) -> Result<Option<RedisAddress>, String> {
        if url.is_empty() {
            return Ok(None);
        }
        if url.len() > URL_MAX {
            return Err(format!("at most {URL_MAX} bytes are allowed"));
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(form)?;
        let (is_tls, is_sentinel) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            _ => return Err(form()),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Otherwise a part of the password would be taken for a host or a service, and be shown.
        if path.contains('@') {
            return Err("the path contains @; a / in the user or the password is written %2F".to_owned());
        }
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (username, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let port = if is_sentinel { SENTINEL_PORT } else { REDIS_PORT };
        let servers: Result<Vec<ServerAddress>, String> =
            hosts.split(',').map(|host| server(host, port)).collect();
        let servers = servers?;
        if servers.len() > 1 && !is_sentinel {
            return Err("several servers are possible only with redis+sentinel://".to_owned());
        }
        let (service, database) = match is_sentinel {
            true => path.split_once('/').unwrap_or((path, "")),
            false => ("", path),
        };
        if is_sentinel && service.is_empty() {
            return Err("the name of the service is missing: redis+sentinel://host:port/service".to_owned());
        }
        Ok(Some(RedisAddress {
            is_tls,
            servers,
            service: is_sentinel.then(|| service.to_owned()),
            database: database_number(database)?,
            username: decoded(username)?,
            password: Password::parse(&decoded(password)?)?,
        }))
    }

    /// The address as a message may show it, without credentials.
    pub fn shown(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(ServerAddress::to_string).collect();
        match &self.service {
            Some(service) => format!("Redis \"{service}\" of the Sentinels {}", servers.join(", ")),
            None => format!("Redis at {}", servers.join(", ")),
        }
    }
}

fn form() -> String {
    "redis://host:port, rediss://host:port or redis+sentinel://host:port/service is needed".to_owned()
}

fn server(text: &str, default_port: u16) -> Result<ServerAddress, String> {
    // An IPv6 address stands in brackets.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => Some(default_port),
        Some(port) => port.parse().ok().filter(|port| *port > 0),
    };
    let is_plain =
        |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
    match port {
        Some(port) if is_plain(host) => Ok(ServerAddress {
            host: host.to_owned(),
            port,
        }),
        _ => Err("host:port is needed".to_owned()),
    }
}

fn database_number(text: &str) -> Result<i64, String> {
    match text.trim_end_matches('/') {
        "" => Ok(0),
        number => number
            .parse()
            .ok()
            .filter(|number| (0..=65_535).contains(number))
            .ok_or_else(|| "the number of the database after the last / is not one".to_owned()),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(|text| text.into_owned())
        .map_err(|_| "the user or the password is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> RedisAddress {
        RedisAddress::parse(url).expect("valid").expect("not empty")
    }

    #[test]
    fn every_form_is_parsed() {
        assert_eq!(RedisAddress::parse(""), Ok(None));
        let plain = parsed("redis://redis.example");
        assert_eq!((plain.is_tls, plain.database, plain.service), (false, 0, None));
        assert_eq!(plain.servers[0].to_string(), "redis.example:6379");
        let full = parsed("rediss://me:p%40ss@[::1]:7000/3");
        assert_eq!(
            full.servers[0],
            ServerAddress {
                host: "::1".into(),
                port: 7000
            }
        );
        assert_eq!(
            (full.is_tls, full.database, full.username.as_str()),
            (true, 3, "me")
        );
        assert_eq!(full.password.reveal(), Some("p@ss"));
        let sentinels = parsed("redis+sentinel://:pw@a:1,b/calls/2");
        assert_eq!(sentinels.service.as_deref(), Some("calls"));
        assert_eq!(
            sentinels.servers[1],
            ServerAddress {
                host: "b".into(),
                port: 26379
            }
        );
        assert_eq!((sentinels.database, sentinels.password.reveal()), (2, Some("pw")));
        assert!(!format!("{sentinels:?} {}", sentinels.shown()).contains("pw"));
    }

    #[test]
    fn a_wrong_url_says_what_is_needed() {
        for (url, why) in [
            ("localhost:6379", "redis://"),
            ("http://a", "redis://"),
            ("redis://", "host:port"),
            ("redis://a:0", "host:port"),
            ("redis://a:x", "host:port"),
            ("redis://a,b", "redis+sentinel"),
            ("redis://a/x", "database"),
            ("redis://a/-1", "database"),
            ("redis+sentinel://a", "service"),
            ("redis://a:1/b@c", "%2F"),
            ("redis://%ff@a", "UTF-8"),
        ] {
            let error = RedisAddress::parse(url).expect_err(url);
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
