//! The configuration keys of the cluster.

use callrec_core::config_keys;
use callrec_core::keys::checks::{checked_by, number, text};
use callrec_core::keys::{self, KeyDescription};
use callrec_core::types::{Error, Result, Status};

use super::address::{Password, RedisAddress};

config_keys! {
    /// How an engine takes part in a cluster.
    pub struct ClusterSettings {
        "cluster.url" = "" => address: Option<RedisAddress>, checked_by(RedisAddress::parse),
            "The Redis or Valkey server (7.0 or newer) that holds the list of live recordings of all nodes: redis://host:port/db, rediss://host:port/db for TLS, or redis+sentinel://host:port,host:port/service/db (rediss+sentinel:// for TLS) with the addresses of the Sentinels. user:password@ may stand before the host. Empty: no cluster. Needs a build with the feature `cluster`.";
        "cluster.node" = "" => node: String, checked_by(node_name),
            "The name of this node: at most 64 letters, digits, `-`, `_` and `.`, and different on each node. Needed with cluster.url.";
        "cluster.namespace" = "callrec" => namespace: String, checked_by(namespace_name),
            "The nodes with the same namespace form a cluster. All keys in Redis begin with it, in braces: 1 to 64 letters, digits, `-`, `_` and `.`.";
        "cluster.lease_ms" = "5000" => lease_ms: u32, number(200..=600_000),
            "A node that Redis has not heard from for this long counts as dead, {range} ms. Each node reports three times in this time.";
        "cluster.grace_ms" = "30000" => grace_ms: u32, number(0..=86_400_000),
            "How long lists still show the recordings of a dead node, flagged as unreachable, {range} ms.";
        "cluster.timeout_ms" = "2000" => timeout_ms: u32, number(10..=60_000),
            "How long a request of an HTTP API waits for Redis and for the node that has the recording, {range} ms.";
        "cluster.stream_length" = "100000" => stream_length: u64, number(100..=100_000_000),
            "About how many entries the stream of ended recordings keeps, {range}. Entries that a consumer group has not acknowledged are kept beyond that, for seven days at most.";
        "cluster.username" = "" => username: String, text(0..=255),
            "The user at Redis, instead of one in cluster.url. At most 255 bytes.";
        "cluster.password" = "" => password: Password, checked_by(Password::parse),
            "The password at Redis, instead of one in cluster.url. At most 1023 bytes.";
        "cluster.sentinel_username" = "" => sentinel_username: String, text(0..=255),
            "The user at the Sentinels. At most 255 bytes.";
        "cluster.sentinel_password" = "" => sentinel_password: Password, checked_by(Password::parse),
            "The password at the Sentinels. At most 1023 bytes.";
        "cluster.ca_file" = "" => ca_file: String, text(0..=4095),
            "With TLS: a PEM file with the certificates that sign the server's. Empty: those of the system. At most 4095 bytes.";
        "cluster.cert_file" = "" => cert_file: String, text(0..=4095),
            "With TLS: a PEM file with this node's own certificate, together with cluster.key_file. At most 4095 bytes.";
        "cluster.key_file" = "" => key_file: String, text(0..=4095),
            "With TLS: a PEM file with the key of cluster.cert_file. At most 4095 bytes.";
    }
}

/// Why a value that contains a password is refused. Unlike the error of other keys, the reason does
/// not quote the value, because hosts log it. `None`: the key contains no password.
fn refusal_of_secret(name: &str, value: &str) -> Option<String> {
    match name {
        "cluster.url" => RedisAddress::parse(value).err(),
        "cluster.password" | "cluster.sentinel_password" => Password::parse(value).err(),
        _ => None,
    }
}

impl ClusterSettings {
    /// All keys, in the order of the documentation.
    pub fn keys() -> impl Iterator<Item = KeyDescription> {
        ClusterSettings::described().into_iter()
    }

    /// Sets a key. Returns `None` if it is not a key of the cluster.
    pub fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        let stored = keys::set_key(self, ClusterSettings::KEYS, name, value)?;
        Some(stored.map_err(|error| match refusal_of_secret(name, value) {
            Some(why) => Error::new(Status::Config, format!("key \"{name}\": {why}")),
            None => error,
        }))
    }

    /// Fails if a key is missing that others need.
    pub fn check(&self) -> Result<()> {
        if self.is_enabled() && self.node.is_empty() {
            let message = "key \"cluster.node\" is missing: each node of a cluster needs a name";
            return Err(Error::new(Status::Config, message));
        }
        Ok(())
    }

    /// Whether the engine takes part in a cluster.
    pub fn is_enabled(&self) -> bool {
        self.address.is_some()
    }
}

const NAME_MAX: usize = 64;

fn node_name(name: &str) -> std::result::Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match name.len() <= NAME_MAX && name.bytes().all(plain) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "at most {NAME_MAX} letters, digits, -, _ and . are needed"
        )),
    }
}

fn namespace_name(name: &str) -> std::result::Result<String, String> {
    match name {
        "" => Err("a name is needed".to_owned()),
        name => node_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let mut settings = ClusterSettings::default();
        let mut set = |key: &str, value: &str| settings.set_known(key, value).expect("a key").is_ok();
        assert!(set("cluster.node", "node-1.example"));
        assert!(!set("cluster.node", "node 1"));
        assert!(!set("cluster.node", &"n".repeat(65)));
        assert!(!set("cluster.namespace", ""));
        assert!(!set("cluster.namespace", "a}b"));
        assert!(settings.set_known("cluster.other", "").is_none());
    }

    #[test]
    fn no_message_quotes_a_password() {
        let long = "s3cret".repeat(200);
        for (key, value) in [
            ("cluster.url", "redis://:s3cret@host:bad"),
            ("cluster.url", "redis://:s3cret/b@host"),
            ("cluster.url", "redis://:a/s3cret@host"),
            ("cluster.url", "redis+sentinel://me:77/s3cret@host/calls"),
            ("cluster.url", "redis+sentinel://me:77/calls/s3cret@host"),
            ("cluster.url", "s3cret"),
            ("cluster.password", &long),
            ("cluster.sentinel_password", &long),
        ] {
            let mut settings = ClusterSettings::default();
            let refused = settings.set_known(key, value).expect("a key");
            let error = refused.expect_err(value);
            assert_eq!(error.status, Status::Config);
            assert!(error.message.starts_with(&format!("key \"{key}\": ")), "{error}");
            assert!(!error.message.contains("s3cret"), "{error}");
        }
    }
}
