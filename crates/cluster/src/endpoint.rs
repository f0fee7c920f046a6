//! Finds the Redis server and connects to it: directly, or through Sentinels.

use std::fs;
use std::time::Duration;

use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo,
    RedisFuture, RedisResult, TlsCertificates,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::address::{RedisAddress, ServerAddress};
use super::connection::{NodeConnections, NodeConnector};
use super::settings::ClusterSettings;
use callrec_core::types::{Error, Result, Status};

/// How long connecting may take.
const CONNECT_WAIT: Duration = Duration::from_secs(2);

/// The way to the server.
pub struct RedisEndpoint {
    way: EndpointWay,
    response_wait: Duration,
    /// For messages.
    shown: String,
}

enum EndpointWay {
    Direct(Client),
    /// Asked for the present master before each connection.
    Sentinels(Mutex<SentinelClient>),
}

impl RedisEndpoint {
    /// Fails with `CONFIG` if a certificate cannot be read or used. Connects to nothing yet.
    pub fn open(
        settings: &ClusterSettings,
        address: &RedisAddress,
        response_wait: Duration,
    ) -> Result<RedisEndpoint> {
        let certificates = certificates(settings)?;
        if certificates.is_some() && !address.is_tls {
            return Err(wrong(
                "cluster.ca_file and cluster.cert_file need rediss:// in cluster.url",
            ));
        }
        let (username, password) = (
            or_other(&settings.username, &address.username),
            settings.password.reveal().or(address.password.reveal()),
        );
        let way = match &address.service {
            Some(service) => sentinels(settings, address, service, username, password, certificates),
            None => direct(address, username, password, certificates),
        };
        Ok(RedisEndpoint {
            way: way.map_err(|error| wrong(format!("cluster.url: {error}")))?,
            response_wait,
            shown: address.shown(),
        })
    }

    async fn connect_now(&self) -> RedisResult<NodeConnections> {
        let client = match &self.way {
            EndpointWay::Direct(client) => client.clone(),
            EndpointWay::Sentinels(client) => client.lock().await.async_get_client().await?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(Some(self.response_wait));
        let commands = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let messages = client.get_async_pubsub().await?;
        Ok(NodeConnections {
            commands: Box::new(commands),
            messages: Box::new(messages),
        })
    }
}

impl NodeConnector for RedisEndpoint {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn connect(&self) -> RedisFuture<'_, NodeConnections> {
        Box::pin(async move {
            match timeout(2 * CONNECT_WAIT, self.connect_now()).await {
                Ok(connected) => connected,
                Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

fn wrong(why: impl Into<String>) -> Error {
    Error::new(Status::Config, why)
}

fn or_other<'a>(first: &'a str, other: &'a str) -> Option<&'a str> {
    [first, other].into_iter().find(|text| !text.is_empty())
}

fn login(database: i64, username: Option<&str>, password: Option<&str>) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_db(database);
    if let Some(username) = username {
        info = info.set_username(username);
    }
    if let Some(password) = password {
        info = info.set_password(password);
    }
    info
}

fn connection_address(address: &RedisAddress, server: &ServerAddress) -> ConnectionAddr {
    let (host, port) = (server.host.clone(), server.port);
    match address.is_tls {
        false => ConnectionAddr::Tcp(host, port),
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
    }
}

fn direct(
    address: &RedisAddress,
    username: Option<&str>,
    password: Option<&str>,
    certificates: Option<TlsCertificates>,
) -> RedisResult<EndpointWay> {
    // The parser has made sure that there is one.
    let server = connection_address(address, &address.servers[0]);
    let info = server
        .into_connection_info()?
        .set_redis_settings(login(address.database, username, password));
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates)?,
        None => Client::open(info)?,
    };
    Ok(EndpointWay::Direct(client))
}

fn sentinels(
    settings: &ClusterSettings,
    address: &RedisAddress,
    service: &str,
    username: Option<&str>,
    password: Option<&str>,
    certificates: Option<TlsCertificates>,
) -> RedisResult<EndpointWay> {
    let servers = address
        .servers
        .iter()
        .map(|server| connection_address(address, server));
    let mut builder = SentinelClientBuilder::new(servers, service, SentinelServerType::Master)?
        .set_client_to_redis_db(address.database);
    if let Some(username) = username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_redis_password(password);
    }
    if !settings.sentinel_username.is_empty() {
        builder = builder.set_client_to_sentinel_username(&settings.sentinel_username);
    }
    if let Some(password) = settings.sentinel_password.reveal() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if address.is_tls {
        builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    Ok(EndpointWay::Sentinels(Mutex::new(builder.build()?)))
}

/// The certificates that the keys name. `None`: those of the system.
fn certificates(settings: &ClusterSettings) -> Result<Option<TlsCertificates>> {
    let read = |key: &str, path: &str| match path {
        "" => Ok(None),
        path => match fs::read(path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => Err(wrong(format!("{key} \"{path}\": {error}"))),
        },
    };
    let root_cert = read("cluster.ca_file", &settings.ca_file)?;
    let client_cert = read("cluster.cert_file", &settings.cert_file)?;
    let client_key = read("cluster.key_file", &settings.key_file)?;
    let client_tls = match (client_cert, client_key) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig {
            client_cert,
            client_key,
        }),
        (None, None) => None,
        _ => return Err(wrong("cluster.cert_file and cluster.key_file need each other")),
    };
    let any = root_cert.is_some() || client_tls.is_some();
    Ok(any.then_some(TlsCertificates {
        client_tls,
        root_cert,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(keys: &[(&str, &str)]) -> Result<RedisEndpoint> {
        let mut settings = ClusterSettings::default();
        for (key, value) in keys {
            settings.set_known(key, value).expect("a key").expect("valid");
        }
        let address = settings.address.clone().expect("an address");
        RedisEndpoint::open(&settings, &address, Duration::from_secs(1))
    }

    fn refusal(keys: &[(&str, &str)]) -> String {
        let error = open(keys).err().expect("refused");
        assert_eq!(error.status, Status::Config);
        error.message
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_refused_when_opening() {
        let tls = ("cluster.url", "rediss://localhost");
        let missing = refusal(&[tls, ("cluster.ca_file", "/no/such/file")]);
        assert!(missing.contains("/no/such/file"), "{missing}");
        assert!(refusal(&[tls, ("cluster.cert_file", "/dev/null")]).contains("need each other"));
        let plain = ("cluster.url", "redis://localhost");
        assert!(refusal(&[plain, ("cluster.ca_file", "/dev/null")]).contains("rediss"));
        assert!(open(&[plain]).is_ok() && open(&[tls]).is_ok());
        assert!(open(&[("cluster.url", "redis+sentinel://a,b/calls")]).is_ok());
    }
}
