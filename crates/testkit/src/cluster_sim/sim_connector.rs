//! The client's end of a connection to the simulated Redis.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use callrec_cluster::simulation::{CommandConnection, MessageConnection, NodeConnections, NodeConnector};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::{Cmd, RedisFuture, RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::host_network::HostNetwork;
use super::sim_redis::SimRedis;
use super::wire::{Wire, WireDelivery};

const CONNECT_WAIT: Duration = Duration::from_secs(4);

struct SentCommand {
    arrival: Instant,
    number: u64,
    args: Vec<String>,
}

/// Brings commands to the server, until the client has gone.
async fn serve(wire: Arc<Wire>, server: Arc<SimRedis>, mut commands: mpsc::UnboundedReceiver<SentCommand>) {
    while let Some(command) = commands.recv().await {
        sleep_until(command.arrival).await;
        wire.network.outward.passed().await;
        server.running.passed().await;
        if wire.is_reset() {
            break;
        }
        let result = server.execute(&wire, &command.args);
        wire.send(WireDelivery::Reply(command.number, result));
    }
    // The end is a packet too.
    wire.network.outward.passed().await;
    server.forget(wire.id);
    wire.send(WireDelivery::End);
}

/// The client's end. Without it, the connection is closed.
pub struct ClientEnd {
    wire: Arc<Wire>,
    to_server: mpsc::UnboundedSender<SentCommand>,
    received: mpsc::UnboundedReceiver<String>,
    numbers: AtomicU64,
    response_wait: Duration,
}

fn failed<T>(kind: io::ErrorKind) -> RedisResult<T> {
    Err(io::Error::from(kind).into())
}

impl ClientEnd {
    fn open(connector: &SimConnector) -> ClientEnd {
        let (to_server, commands) = mpsc::unbounded_channel();
        let (messages, received) = mpsc::unbounded_channel();
        let id = connector.server.next_connection();
        let (wire, deliveries) = Wire::new(id, &connector.network, messages);
        connector.server.accept(&wire);
        tokio::spawn(serve(wire.clone(), connector.server.clone(), commands));
        tokio::spawn(wire.clone().bring_back(deliveries));
        ClientEnd {
            wire,
            to_server,
            received,
            numbers: AtomicU64::new(0),
            response_wait: connector.response_wait,
        }
    }

    /// Sends a command and waits for its response.
    pub async fn send(&self, args: Vec<String>) -> RedisResult<Value> {
        if self.wire.has_ended() {
            return failed(io::ErrorKind::ConnectionReset);
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let response = self.wire.expect_reply(number);
        let arrival = self.wire.network.arrival();
        let command = SentCommand {
            arrival,
            number,
            args,
        };
        if self.to_server.send(command).is_err() {
            // The other end has gone: what is sent now is answered with the end.
            self.wire.send(WireDelivery::End);
        }
        match timeout(self.response_wait, response).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => failed(io::ErrorKind::ConnectionReset),
            Err(_) => failed(io::ErrorKind::TimedOut),
        }
    }
}

impl CommandConnection for ClientEnd {
    fn request<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        let args = command.args_iter().map(|arg| match arg {
            redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        });
        // Sent in the order of the calls, as soon as the future is polled.
        self.send(args.collect()).boxed()
    }
}

impl MessageConnection for ClientEnd {
    fn subscribe(&mut self, channel: String) -> RedisFuture<'_, ()> {
        let args = vec!["SUBSCRIBE".to_owned(), channel];
        self.send(args).map(|result| result.map(drop)).boxed()
    }

    fn next_message(&mut self) -> BoxFuture<'_, Option<RedisResult<String>>> {
        self.received.recv().map(|message| message.map(Ok)).boxed()
    }
}

/// Connects a host to the simulated Redis.
pub struct SimConnector {
    pub network: Arc<HostNetwork>,
    pub server: Arc<SimRedis>,
    pub response_wait: Duration,
}

impl SimConnector {
    /// Opens a connection: there and back.
    pub async fn open(&self) -> RedisResult<ClientEnd> {
        let opening = async {
            sleep_until(self.network.arrival()).await;
            self.network.outward.passed().await;
            let is_refused = !self.server.is_up();
            if !is_refused {
                self.server.running.passed().await;
            }
            sleep_until(self.network.arrival()).await;
            self.network.inward.passed().await;
            match is_refused {
                true => failed(io::ErrorKind::ConnectionRefused),
                false => Ok(ClientEnd::open(self)),
            }
        };
        let opened = timeout(CONNECT_WAIT, opening).await;
        opened.unwrap_or_else(|_| failed(io::ErrorKind::TimedOut))
    }
}

impl NodeConnector for SimConnector {
    fn connect(&self) -> RedisFuture<'_, NodeConnections> {
        Box::pin(async move {
            Ok(NodeConnections {
                commands: Box::new(self.open().await?),
                messages: Box::new(self.open().await?),
            })
        })
    }

    fn shown(&self) -> &str {
        "the simulated Redis"
    }
}
