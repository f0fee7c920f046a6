//! A command on its way to one node or several, and its errors.

use std::sync::Arc;
use std::time::Instant;

use callrec_core::calls::ControlCounts;
use callrec_core::types::{Error, Result, Status};
use tokio::time::timeout;
use uuid::Uuid;

use super::command::ClusterCommand;
use super::link::ClusterLink;

/// A command that is sent to one node or several.
#[derive(Clone)]
pub struct PendingCommand {
    pub command: ClusterCommand,
    pub link: Arc<ClusterLink>,
    pub until: Instant,
}

impl PendingCommand {
    /// Sends the command to a node and waits for its response.
    pub async fn send(mut self, node: &str) -> Result<ControlCounts> {
        self.command.request = Uuid::new_v4().as_simple().to_string();
        let left = self.until.saturating_duration_since(Instant::now());
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let reply = self.link.expect_reply(&self.command.request);
        let _expected = ExpectedReply(&self.link, &self.command.request);
        let sent = self
            .link
            .registry()?
            .command(node, left_ms, &self.command.to_text())
            .await;
        if !sent.map_err(|error| self.link.failure(&error))? {
            return Err(unreachable(node));
        }
        match timeout(left, reply).await {
            Ok(Ok(reply)) => reply.result,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(Error::new(
                Status::Timeout,
                format!("node \"{node}\": no response in time"),
            )),
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
