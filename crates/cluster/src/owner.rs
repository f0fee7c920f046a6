//! Receives the messages for this node: commands of other nodes, and responses to its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callrec_core::events::LogLevel;
use callrec_core::recorder::Recorder;
use redis::RedisResult;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::command::{ClusterCommand, CommandReply};
use super::connection::MessageConnection;
use super::link::ClusterLink;
use super::planted::{ClusterFault, is_planted};
use super::shared_registry::{CommandClaim, SharedRegistry};

/// Commands that are carried out at the same time. One beyond that is not answered.
const PARALLEL: usize = 256;

/// The message that Redis sends with each renewal of the lease.
const BEAT: &str = "beat";

/// Carries out the commands for this node.
pub struct CommandOwner {
    pub recorder: Arc<dyn Recorder>,
    pub link: Arc<ClusterLink>,
    pub registry: SharedRegistry,
}

impl CommandOwner {
    /// Returns when the connection is broken.
    pub async fn run(self: Arc<Self>, mut messages: Box<dyn MessageConnection>) {
        let slots = Arc::new(Semaphore::new(PARALLEL));
        while let Some(message) = messages.next_message().await {
            let Ok(text) = message else {
                self.link.note_damage("a message to this node");
                continue;
            };
            if text == BEAT {
                self.link.hear_beat();
                continue;
            }
            if let Some(reply) = CommandReply::parse(&text) {
                self.link.deliver(reply);
                continue;
            }
            let command = text.split_once(' ').and_then(|(deadline, command)| {
                let deadline = deadline.parse::<u64>().ok()?;
                Some((deadline, ClusterCommand::parse(command)?))
            });
            let Some((deadline, command)) = command else {
                self.link.note_damage("a message to this node");
                continue;
            };
            if let Ok(slot) = slots.clone().try_acquire_owned() {
                let owner = self.clone();
                self.link.spawn(async move {
                    owner.answer(deadline, &command).await;
                    drop(slot);
                });
            }
        }
    }

    async fn answer(&self, deadline: u64, command: &ClusterCommand) {
        if let Err(error) = self.carry_out(deadline, command).await {
            // Without the claim nothing was done, and the sender's deadline passes.
            let message = format!("command {} of node {}: {error}", command.request, command.from);
            self.link.log(LogLevel::Warning, message);
            self.link.suspect();
        }
    }

    async fn carry_out(&self, deadline: u64, command: &ClusterCommand) -> RedisResult<()> {
        let counters = &self.link.counters;
        let claim = self
            .registry
            .claim(&command.request, &deadline.to_string())
            .await?;
        match claim {
            CommandClaim::Granted(until) if Instant::now() < until => {}
            CommandClaim::Granted(_) if is_planted(ClusterFault::LateGrantCarriedOut) => {}
            CommandClaim::Taken => return Ok(()),
            // Late at Redis, or late here because this process or the response was held up.
            CommandClaim::Late | CommandClaim::Granted(_) => {
                counters.late_commands.fetch_add(1, Ordering::Relaxed);
                let message = format!(
                    "command {} of node {} came after its deadline and is refused",
                    command.request, command.from
                );
                self.link.log(LogLevel::Warning, message);
                return Ok(());
            }
        }
        let result = command
            .target
            .control(&*self.recorder, &command.caller, command.operation);
        counters.commands.fetch_add(1, Ordering::Relaxed);
        // The list shows the change before the sender can ask for it.
        self.link.changed.notify_one();
        let reply = CommandReply {
            request: command.request.clone(),
            result,
        };
        self.registry.publish(&command.from, &reply.to_text()).await
    }
}
