//! A stream of the simulated Redis, with its groups of consumers.

use std::collections::BTreeMap;
use std::ops::Bound;

use redis::Value;

use super::reply::{RedisReply, int, text, texts};

type EntryId = (u64, u64);

#[derive(Clone, Debug, Default)]
struct ConsumerGroup {
    last_delivered: EntryId,
    /// Entries that were delivered and not acknowledged, with their consumer.
    pending: BTreeMap<EntryId, String>,
}

/// The entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct EventStream {
    entries: BTreeMap<EntryId, Vec<String>>,
    last: EntryId,
    groups: BTreeMap<String, ConsumerGroup>,
}

fn shown(entry: EntryId) -> String {
    format!("{}-{}", entry.0, entry.1)
}

fn parse(entry: &str) -> EntryId {
    let (ms, part) = entry.split_once('-').unwrap_or((entry, "0"));
    (ms.parse().unwrap_or_default(), part.parse().unwrap_or_default())
}

fn no_group(name: &str) -> String {
    format!("NOGROUP No such group {name}")
}

fn row(entry: EntryId, fields: &[String]) -> Value {
    Value::Array(vec![text(&shown(entry)), texts(fields)])
}

impl EventStream {
    /// Appends an entry. Ids only grow, even if the clock jumps back.
    pub fn append(&mut self, now_ms: u64, fields: Vec<String>) -> String {
        self.last = match now_ms > self.last.0 {
            true => (now_ms, 0),
            false => (self.last.0, self.last.1 + 1),
        };
        self.entries.insert(self.last, fields);
        shown(self.last)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries have this field with this value.
    pub fn count(&self, field: &str, value: &str) -> usize {
        let has = |fields: &&Vec<String>| {
            let mut pairs = fields.chunks_exact(2);
            pairs.any(|pair| pair[0] == field && pair[1] == value)
        };
        self.entries.values().filter(has).count()
    }

    pub fn create_group(&mut self, name: &str) -> RedisReply {
        if self.groups.contains_key(name) {
            return Err("BUSYGROUP Consumer Group name already exists".to_owned());
        }
        self.groups.insert(name.to_owned(), ConsumerGroup::default());
        Ok(Value::Okay)
    }

    pub fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    fn group(&mut self, name: &str) -> Result<&mut ConsumerGroup, String> {
        let group = self.groups.get_mut(name);
        group.ok_or_else(|| no_group(name))
    }

    /// New entries if `from` is ">", else those that the consumer has not acknowledged.
    pub fn read_group(&mut self, name: &str, consumer: &str, from: &str, count: usize) -> RedisReply {
        let entries = &self.entries;
        let group = self.groups.get_mut(name);
        let group = group.ok_or_else(|| no_group(name))?;
        let rows: Vec<Value> = if from == ">" {
            let after = group.last_delivered;
            let new = entries.range((Bound::Excluded(after), Bound::Unbounded));
            let new: Vec<_> = new.take(count).collect();
            for (entry, _) in &new {
                group.last_delivered = **entry;
                group.pending.insert(**entry, consumer.to_owned());
            }
            new.into_iter()
                .map(|(entry, fields)| row(*entry, fields))
                .collect()
        } else {
            let own = group.pending.iter().filter(|(_, owner)| *owner == consumer);
            let fields = own.filter_map(|(entry, _)| Some((*entry, entries.get(entry)?)));
            fields
                .take(count)
                .map(|(entry, fields)| row(entry, fields))
                .collect()
        };
        Ok(Value::Array(rows))
    }

    pub fn groups(&self) -> Value {
        let shown = self.groups.iter().map(|(name, group)| {
            let last = shown(group.last_delivered);
            texts(&[
                "name".to_owned(),
                name.clone(),
                "last-delivered-id".to_owned(),
                last,
            ])
        });
        Value::Array(shown.collect())
    }

    pub fn range(&self, from: &str, to: &str, count: usize) -> Value {
        let (first, last) = match (from, to) {
            ("-", "+") => ((0, 0), (u64::MAX, u64::MAX)),
            _ => (parse(from), parse(to)),
        };
        let found = self.entries.range(first..=last).take(count);
        Value::Array(found.map(|(entry, fields)| row(*entry, fields)).collect())
    }

    /// The summary of what is not acknowledged: count, first and last.
    pub fn pending(&mut self, name: &str) -> RedisReply {
        let pending = &self.group(name)?.pending;
        let end = |entry: Option<&EntryId>| entry.map_or(Value::Nil, |entry| text(&shown(*entry)));
        let (first, last) = (end(pending.keys().next()), end(pending.keys().next_back()));
        Ok(Value::Array(vec![int(pending.len()), first, last, Value::Nil]))
    }

    /// One entry if it is not acknowledged.
    pub fn pending_entry(&mut self, name: &str, entry: &str) -> RedisReply {
        let consumer = self.group(name)?.pending.get(&parse(entry));
        Ok(Value::Array(
            consumer.into_iter().map(|name| text(name)).collect(),
        ))
    }

    pub fn acknowledge(&mut self, name: &str, entry: &str) -> RedisReply {
        let was_pending = self.group(name)?.pending.remove(&parse(entry)).is_some();
        Ok(int(usize::from(was_pending)))
    }
}
