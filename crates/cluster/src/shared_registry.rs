//! The functions inside Redis (`registry.lua`), with typed arguments and results.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisError, RedisResult, Value, cmd};
use tokio::time::Instant;
use uuid::Uuid;

use super::connection::CommandConnection;
use super::settings::ClusterSettings;

const LIBRARY: &str = include_str!("registry.lua");

/// How long a recording's end is remembered, in seconds, so that it is appended only once.
const END_LIFE_S: u64 = 7 * 24 * 3600;

/// What makes a write of a node valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch(String);

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    Written,
    /// The node has lost its lease, so it has to register again.
    Stale,
}

/// A node whose lease has expired. The process that found it is given it until it confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostNode {
    /// The entry in the stream.
    pub entry: String,
    pub name: String,
    /// A JSON array of the ids of its recordings.
    pub recordings: String,
}

/// The clock of Redis, as a response showed it.
#[derive(Clone, Copy, Debug)]
pub struct RedisTime {
    ms: u64,
    received: Instant,
}

impl RedisTime {
    fn new(ms: u64) -> RedisTime {
        RedisTime {
            ms,
            received: Instant::now(),
        }
    }

    /// The time at Redis, in milliseconds, when `until` has come here. It is early by the time that
    /// the response was on its way, and never late.
    pub fn at(&self, until: Instant) -> u64 {
        let left = until.saturating_duration_since(self.received).as_millis();
        self.ms.saturating_add(u64::try_from(left).unwrap_or(u64::MAX))
    }
}

/// What has become of a command that was given to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandDelivery {
    Sent,
    /// No node receives it.
    NoReceiver,
    /// Its deadline has passed.
    Late,
}

/// Whether a command may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandClaim {
    /// It may be begun until then.
    Granted(Instant),
    /// Its deadline has passed.
    Late,
    /// It has been carried out, or is being carried out.
    Taken,
}

/// A recording as it is in Redis.
#[derive(Clone, Debug)]
pub struct RegistryRow {
    pub place: String,
    pub node: String,
    /// The node has its lease.
    pub is_reachable: bool,
    pub json: String,
}

/// A page of recordings.
#[derive(Clone, Debug)]
pub struct RegistryPage {
    pub rows: Vec<RegistryRow>,
    /// Where the next page begins. `None`: this is the last one.
    pub next: Option<String>,
    pub time: RedisTime,
    /// What is not listed is nowhere. False while nodes write their recordings again after Redis
    /// has lost its data.
    pub is_complete: bool,
}

/// What Redis knows of one recording.
#[derive(Clone, Debug)]
pub struct FoundRow {
    pub row: Option<RegistryRow>,
    pub time: RedisTime,
    /// As in [`RegistryPage`].
    pub is_complete: bool,
}

/// A recording to write.
#[derive(Clone, Debug)]
pub struct RowUpdate {
    pub place: String,
    pub json: String,
    pub indexes: String,
}

/// Calls the functions on one connection. Cheap to clone.
#[derive(Clone)]
pub struct SharedRegistry {
    connection: Arc<dyn CommandConnection>,
    prefix: String,
    node: String,
    lease_ms: u32,
    grace_ms: u32,
    stream_length: u64,
}

/// The end of a recording in the stream.
pub struct StreamEntry<'a> {
    /// `finished`, `failed` or the like.
    pub event: &'a str,
    pub id: &'a str,
    pub json: &'a str,
    /// The directory that the node has adopted. Empty for its own.
    pub directory: &'a str,
}

impl SharedRegistry {
    pub fn new(connection: Box<dyn CommandConnection>, settings: &ClusterSettings) -> SharedRegistry {
        SharedRegistry {
            connection: connection.into(),
            prefix: format!("{{{}}}", settings.namespace),
            node: settings.node.clone(),
            lease_ms: settings.lease_ms,
            grace_ms: settings.grace_ms,
            stream_length: settings.stream_length,
        }
    }

    /// The channel on which messages for a node are sent.
    pub fn channel(&self, node: &str) -> String {
        format!("{}:to:{node}", self.prefix)
    }

    /// Puts the functions into the server. They are the same for all nodes.
    pub async fn load(&self) -> RedisResult<()> {
        let mut load = cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(LIBRARY);
        self.request(&load).await.map(drop)
    }

    /// Takes the node's name. `None`: another process has it. What `process` wrote before stays.
    /// `before`: the epoch that it had.
    pub async fn register(
        &self,
        instance: &str,
        process: &str,
        before: Option<&Epoch>,
    ) -> RedisResult<Option<Epoch>> {
        let before = before.map_or("", |epoch| epoch.0.as_str());
        let lease = self.lease_ms.to_string();
        let args = [self.node.as_str(), instance, &lease, process, before];
        let reply: Vec<String> = self.call("callrec_register", &args).await?;
        match reply.as_slice() {
            [word, epoch] if word == "OK" => Ok(Some(Epoch(epoch.clone()))),
            [word] if word == "TAKEN" => Ok(None),
            _ => Err(unexpected("callrec_register")),
        }
    }

    /// Renews the lease, and returns the nodes that this process has found dead and not `confirmed`.
    pub async fn beat(
        &self,
        epoch: &Epoch,
        process: &str,
        confirmed: &[String],
    ) -> RedisResult<(WriteOutcome, Vec<LostNode>)> {
        let (lease, grace) = (self.lease_ms.to_string(), self.grace_ms.to_string());
        let length = self.stream_length.to_string();
        let mut args = vec![self.node.as_str(), &epoch.0, &lease, &grace, &length, process];
        args.extend(confirmed.iter().map(String::as_str));
        let (word, lost): (String, Vec<(String, String, String)>) = self.call("callrec_beat", &args).await?;
        let lost = lost.into_iter().map(|(entry, name, recordings)| LostNode {
            entry,
            name,
            recordings,
        });
        Ok((outcome(&word)?, lost.collect()))
    }

    pub async fn leave(&self, epoch: &Epoch) -> RedisResult<WriteOutcome> {
        let word: String = self.call("callrec_leave", &[&self.node, &epoch.0]).await?;
        outcome(&word)
    }

    pub async fn upsert(&self, epoch: &Epoch, rows: &[RowUpdate]) -> RedisResult<WriteOutcome> {
        let mut args = vec![self.node.as_str(), &epoch.0];
        for row in rows {
            args.extend([row.place.as_str(), &row.json, &row.indexes]);
        }
        let word: String = self.call("callrec_upsert", &args).await?;
        outcome(&word)
    }

    pub async fn remove(&self, epoch: &Epoch, ids: &[String]) -> RedisResult<WriteOutcome> {
        let mut args = vec![self.node.as_str(), &epoch.0];
        args.extend(ids.iter().map(String::as_str));
        let word: String = self.call("callrec_remove", &args).await?;
        outcome(&word)
    }

    /// The ids of this node's recordings in Redis.
    pub async fn held(&self) -> RedisResult<Vec<String>> {
        self.call("callrec_held", &[&self.node]).await
    }

    /// The recordings that have all these indexes, from the one after the place `after` on.
    pub async fn list(&self, indexes: &[String], after: &str, limit: usize) -> RedisResult<RegistryPage> {
        let limit_text = limit.to_string();
        let mut args = vec![self.node.as_str(), after, limit_text.as_str()];
        args.extend(indexes.iter().map(String::as_str));
        let (last, rows, has_more, ms, is_complete): (String, Vec<Value>, bool, u64, bool) =
            self.call("callrec_list", &args).await?;
        Ok(RegistryPage {
            rows: rows.into_iter().filter_map(row).collect(),
            next: has_more.then_some(last),
            time: RedisTime::new(ms),
            is_complete,
        })
    }

    pub async fn find(&self, id: Uuid) -> RedisResult<FoundRow> {
        let id = id.as_hyphenated().to_string();
        let args = [self.node.as_str(), &id];
        let (found, ms, is_complete): (Value, u64, bool) = self.call("callrec_find", &args).await?;
        Ok(FoundRow {
            row: row(found),
            time: RedisTime::new(ms),
            is_complete,
        })
    }

    /// Sends a command that nobody may begin once `deadline`, a time at Redis, has passed.
    pub async fn command(&self, node: &str, deadline: u64, text: &str) -> RedisResult<CommandDelivery> {
        let deadline = deadline.to_string();
        let word: String = self.call("callrec_command", &[node, &deadline, text]).await?;
        match word.as_str() {
            "OK" => Ok(CommandDelivery::Sent),
            "NOBODY" => Ok(CommandDelivery::NoReceiver),
            "LATE" => Ok(CommandDelivery::Late),
            _ => Err(unexpected("callrec_command")),
        }
    }

    /// Sends a response to a command.
    pub async fn publish(&self, node: &str, text: &str) -> RedisResult<()> {
        let mut publish = cmd("PUBLISH");
        publish.arg(self.channel(node)).arg(text);
        self.request(&publish).await.map(drop)
    }

    pub async fn claim(&self, request: &str, deadline: &str) -> RedisResult<CommandClaim> {
        // The time that is left counts from here, so that a response that was held up grants nothing.
        let asked = Instant::now();
        let (word, left_ms): (String, u64) = self.call("callrec_claim", &[request, deadline]).await?;
        match word.as_str() {
            "OK" => Ok(CommandClaim::Granted(asked + Duration::from_millis(left_ms))),
            "LATE" => Ok(CommandClaim::Late),
            "TAKEN" => Ok(CommandClaim::Taken),
            _ => Err(unexpected("callrec_claim")),
        }
    }

    /// Appends a recording's end to the stream unless it is there. Returns whether every group of
    /// consumers has acknowledged it. `directory`: where its file is, if this node has adopted it.
    pub async fn ended(&self, end: &StreamEntry<'_>) -> RedisResult<bool> {
        let (length, life) = (self.stream_length.to_string(), END_LIFE_S.to_string());
        let args = [
            end.id,
            end.event,
            &self.node,
            end.json,
            &length,
            &life,
            end.directory,
        ];
        self.call("callrec_ended", &args).await
    }

    async fn call<T: FromRedisValue>(&self, function: &str, args: &[&str]) -> RedisResult<T> {
        let mut call = cmd("FCALL");
        call.arg(function).arg(1).arg(&self.prefix).arg(args);
        Ok(redis::from_redis_value(self.request(&call).await?)?)
    }

    async fn request(&self, command: &Cmd) -> RedisResult<Value> {
        self.connection.request(command).await?.extract_error()
    }
}

fn outcome(word: &str) -> RedisResult<WriteOutcome> {
    match word {
        "OK" => Ok(WriteOutcome::Written),
        "STALE" => Ok(WriteOutcome::Stale),
        _ => Err(unexpected("a write")),
    }
}

fn unexpected(function: &'static str) -> RedisError {
    (
        redis::ErrorKind::UnexpectedReturnType,
        "unexpected response to a function",
        function.to_owned(),
    )
        .into()
}

/// A damaged row is left out, as it may come from a foreign program.
fn row(value: Value) -> Option<RegistryRow> {
    let (place, node, reachable, json) = redis::from_redis_value(value).ok()?;
    let reachable: u8 = reachable;
    Some(RegistryRow {
        place,
        node,
        is_reachable: reachable == 1,
        json,
    })
}
