//! A command on its way to one node or several, and its errors.

use std::sync::Arc;

use callrec_core::calls::ControlCounts;
use callrec_core::types::{Error, Result, Status};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::command::ClusterCommand;
use super::link::ClusterLink;
use super::shared_registry::CommandDelivery;

/// A command that is sent to one node or several.
#[derive(Clone)]
pub struct PendingCommand {
    pub command: ClusterCommand,
    pub link: Arc<ClusterLink>,
    pub until: Instant,
    /// `until` by the clock of Redis. Nobody begins the command later.
    pub deadline: u64,
}

impl PendingCommand {
    /// Sends the command to a node and waits for its response. After an error, nobody begins the
    /// command any more.
    pub async fn send(mut self, node: &str) -> Result<ControlCounts> {
        self.command.request = Uuid::new_v4().as_simple().to_string();
        let reply = self.link.expect_reply(&self.command.request);
        let _expected = ExpectedReply(&self.link, &self.command.request);
        let sent = self
            .link
            .registry()?
            .command(node, self.deadline, &self.command.to_text())
            .await;
        let unanswered = match sent {
            Ok(CommandDelivery::Sent) => {
                Error::new(Status::Timeout, format!("node \"{node}\": no response in time"))
            }
            Ok(CommandDelivery::NoReceiver) => return Err(unreachable(node)),
            Ok(CommandDelivery::Late) => return Err(late()),
            // Redis may have the command all the same, or may still get it.
            Err(error) => self.link.failure(&error),
        };
        match timeout_at(self.until, reply).await {
            Ok(Ok(reply)) => reply.result,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(unanswered),
        }
    }
}

pub fn unreachable(node: &str) -> Error {
    Error::new(
        Status::Unavailable,
        format!("node \"{node}\": it cannot be reached"),
    )
}

pub fn late() -> Error {
    Error::new(Status::Timeout, "Redis did not respond in time")
}

pub fn stopping() -> Error {
    Error::new(Status::Unavailable, "the cluster is stopping")
}

/// Forgets the request if nobody waits for its response any more.
struct ExpectedReply<'a>(&'a ClusterLink, &'a str);

impl Drop for ExpectedReply<'_> {
    fn drop(&mut self) {
        self.0.forget_reply(self.1);
    }
}
