//! What the cluster needs of a connection to Redis. The simulator of the tests has one of its own.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Cmd, RedisFuture, RedisResult, Value};

/// Connects a node to the server.
pub trait NodeConnector: Send + Sync {
    /// Connects to the server that is the master now.
    fn connect(&self) -> RedisFuture<'_, NodeConnections>;

    /// The server, for messages.
    fn shown(&self) -> &str;
}

/// The two connections of a node: commands cannot be sent on the one that receives messages.
pub struct NodeConnections {
    pub commands: Box<dyn CommandConnection>,
    pub messages: Box<dyn MessageConnection>,
}

/// A connection for commands. The server gets the requests in the order in which they begin.
pub trait CommandConnection: Send + Sync {
    fn request<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value>;
}

/// A connection that receives messages.
pub trait MessageConnection: Send {
    fn subscribe(&mut self, channel: String) -> RedisFuture<'_, ()>;

    /// The next message. It is an error if it is no text, and `None` if the connection has ended.
    fn next_message(&mut self) -> BoxFuture<'_, Option<RedisResult<String>>>;
}

impl CommandConnection for MultiplexedConnection {
    fn request<'a>(&'a self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move { self.clone().send_packed_command(command).await })
    }
}

impl MessageConnection for PubSub {
    fn subscribe(&mut self, channel: String) -> RedisFuture<'_, ()> {
        Box::pin(PubSub::subscribe(self, channel))
    }

    fn next_message(&mut self) -> BoxFuture<'_, Option<RedisResult<String>>> {
        Box::pin(async move {
            let message = self.on_message().next().await?;
            Some(message.get_payload())
        })
    }
}
