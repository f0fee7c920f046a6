//! The data of the simulated Redis, and the commands that the function library and consumers use.
//! Sets and hashes are sorted, so that each run has the same order.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::reply::{RedisReply, int, text, texts};
use super::stream::EventStream;

#[derive(Clone, Debug)]
enum StoredValue {
    Text(String),
    Hash(BTreeMap<String, String>),
    Set(BTreeSet<String>),
    Sorted(BTreeMap<String, f64>),
    Stream(EventStream),
}

/// All keys of a server.
#[derive(Clone, Debug, Default)]
pub struct DataSet {
    keys: BTreeMap<String, StoredValue>,
    /// When keys expire, by the server's clock.
    expiries: BTreeMap<String, u64>,
    /// The first of these times.
    next_expiry_ms: u64,
    /// The server's clock, in milliseconds, which stands still during a command.
    pub now_ms: u64,
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Finds a value of one kind, which is created if it is missing.
macro_rules! value_of {
    ($self:ident, $key:expr, $kind:ident) => {
        match $self
            .keys
            .entry(str::to_owned($key))
            .or_insert_with(|| StoredValue::$kind(Default::default()))
        {
            StoredValue::$kind(value) => Ok(value),
            _ => Err(WRONG_TYPE.to_owned()),
        }
    };
}

fn number<T: std::str::FromStr>(argument: &str) -> Result<T, String> {
    let parsed = argument.parse();
    parsed.map_err(|_| format!("ERR {argument}: no number"))
}

impl DataSet {
    /// Carries out a command. Commands that the library does not use are errors.
    pub fn call(&mut self, args: &[&str]) -> RedisReply {
        self.forget_expired();
        let done = match args {
            ["TIME"] => {
                let (seconds, micros) = (self.now_ms / 1000, self.now_ms % 1000 * 1000);
                Ok(texts(&[seconds.to_string(), micros.to_string()]))
            }
            ["DEL", key] => Ok(int(usize::from(self.keys.remove(*key).is_some()))),
            ["EXISTS", key] => Ok(int(usize::from(self.keys.contains_key(*key)))),
            ["GET", key] => match self.keys.get(*key) {
                Some(StoredValue::Text(value)) => Ok(text(value)),
                Some(_) => Err(WRONG_TYPE.to_owned()),
                None => Ok(Value::Nil),
            },
            ["EXPIRE", key, seconds] => {
                self.expire(key, 1000 * number::<u64>(seconds)?);
                Ok(int(1))
            }
            ["SET", key, value, options @ ..] => self.set(key, value, options),
            [name, key, rest @ ..] if name.starts_with('H') => self.call_hash(name, key, rest),
            [name, key, rest @ ..] if name.starts_with('S') => self.call_set(name, key, rest),
            [name, key, rest @ ..] if name.starts_with('Z') => self.call_sorted(name, key, rest),
            [name, rest @ ..] if name.starts_with('X') => self.call_stream(name, rest),
            _ => Err(format!("ERR unknown command {args:?}")),
        };
        self.forget_empty(args);
        done
    }

    /// The stream with this key.
    pub fn stream(&self, key: &str) -> Option<&EventStream> {
        match self.keys.get(key) {
            Some(StoredValue::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    fn forget_expired(&mut self) {
        let now_ms = self.now_ms;
        if now_ms < self.next_expiry_ms {
            return;
        }
        let keys = &mut self.keys;
        self.expiries.retain(|key, at_ms| {
            if *at_ms <= now_ms {
                keys.remove(key);
            }
            *at_ms > now_ms
        });
        let next_ms = self.expiries.values().min();
        self.next_expiry_ms = next_ms.copied().unwrap_or(u64::MAX);
    }

    /// Collections without members do not exist, except for streams.
    fn forget_empty(&mut self, args: &[&str]) {
        for key in args.iter().skip(1) {
            let is_empty = match self.keys.get(*key) {
                Some(StoredValue::Hash(hash)) => hash.is_empty(),
                Some(StoredValue::Set(set)) => set.is_empty(),
                Some(StoredValue::Sorted(sorted)) => sorted.is_empty(),
                _ => false,
            };
            if is_empty {
                self.keys.remove(*key);
            }
        }
    }

    fn expire(&mut self, key: &str, life_ms: u64) {
        let at_ms = self.now_ms + life_ms;
        self.next_expiry_ms = self.next_expiry_ms.min(at_ms);
        self.expiries.insert(key.to_owned(), at_ms);
    }

    fn set(&mut self, key: &str, value: &str, options: &[&str]) -> RedisReply {
        if options.contains(&"NX") && self.keys.contains_key(key) {
            return Ok(Value::Nil);
        }
        let unit = |name: &str| options.iter().skip_while(move |option| **option != name).nth(1);
        let life_ms = match (unit("PX"), unit("EX")) {
            (Some(ms), _) => Some(number::<f64>(ms)? as u64),
            (_, Some(seconds)) => Some(1000 * number::<u64>(seconds)?),
            _ => None,
        };
        self.expiries.remove(key);
        if let Some(life_ms) = life_ms {
            self.expire(key, life_ms);
        }
        self.keys
            .insert(key.to_owned(), StoredValue::Text(value.to_owned()));
        Ok(Value::Okay)
    }

    fn call_hash(&mut self, name: &str, key: &str, args: &[&str]) -> RedisReply {
        let hash = value_of!(self, key, Hash)?;
        let field = |field: &str| hash.get(field).map_or(Value::Nil, |value| text(value));
        match (name, args) {
            ("HGETALL", []) => Ok(texts(hash.iter().flat_map(|(name, value)| [name, value]))),
            ("HGET", [name]) => Ok(field(name)),
            ("HMGET", names) => Ok(Value::Array(names.iter().map(|name| field(name)).collect())),
            ("HDEL", [name]) => Ok(int(usize::from(hash.remove(*name).is_some()))),
            ("HSET", pairs) => {
                let pairs = pairs.chunks_exact(2);
                let written = pairs.map(|pair| hash.insert(pair[0].to_owned(), pair[1].to_owned()));
                Ok(int(written.filter(Option::is_none).count()))
            }
            _ => Err(format!("ERR unknown command {name}")),
        }
    }

    fn call_set(&mut self, name: &str, key: &str, args: &[&str]) -> RedisReply {
        if name == "SINTER" {
            let mut common = value_of!(self, key, Set)?.clone();
            for other in args {
                let other_set = value_of!(self, other, Set)?;
                common.retain(|member| other_set.contains(member));
            }
            return Ok(texts(&common));
        }
        let set = value_of!(self, key, Set)?;
        match (name, args) {
            ("SADD", [member]) => Ok(int(usize::from(set.insert((*member).to_owned())))),
            ("SREM", [member]) => Ok(int(usize::from(set.remove(*member)))),
            ("SMEMBERS", []) => Ok(texts(&*set)),
            _ => Err(format!("ERR unknown command {name}")),
        }
    }

    fn call_sorted(&mut self, name: &str, key: &str, args: &[&str]) -> RedisReply {
        let sorted = value_of!(self, key, Sorted)?;
        match (name, args) {
            ("ZADD", [score, member]) => {
                let before = sorted.insert((*member).to_owned(), number(score)?);
                Ok(int(usize::from(before.is_none())))
            }
            ("ZREM", [member]) => Ok(int(usize::from(sorted.remove(*member).is_some()))),
            ("ZSCORE", [member]) => {
                let score = sorted.get(*member);
                Ok(score.map_or(Value::Nil, |score| text(&score.to_string())))
            }
            ("ZRANGE", ["-inf", most, "BYSCORE"]) => {
                let most: f64 = number(most)?;
                let mut found: Vec<(&String, f64)> = sorted.iter().map(|(name, at)| (name, *at)).collect();
                found.retain(|(_, score)| *score <= most);
                found.sort_by(|a, b| a.1.total_cmp(&b.1));
                Ok(texts(found.into_iter().map(|(name, _)| name)))
            }
            ("ZRANGE", [from, "+", "BYLEX", "LIMIT", "0", count]) => {
                let after = from.strip_prefix('(').unwrap_or_default();
                let found = sorted.keys().filter(|name| name.as_str() > after);
                Ok(texts(found.take(number(count)?)))
            }
            _ => Err(format!("ERR unknown command {name} {args:?}")),
        }
    }

    fn call_stream(&mut self, name: &str, args: &[&str]) -> RedisReply {
        let now_ms = self.now_ms;
        match (name, args) {
            ("XADD", [key, "*", fields @ ..]) => {
                let fields = fields.iter().map(|field| (*field).to_owned()).collect();
                Ok(text(&value_of!(self, key, Stream)?.append(now_ms, fields)))
            }
            ("XGROUP", ["CREATE", key, group, "0", "MKSTREAM"]) => {
                value_of!(self, key, Stream)?.create_group(group)
            }
            ("XREADGROUP", ["GROUP", group, consumer, "COUNT", count, "STREAMS", key, from]) => {
                let stream = value_of!(self, key, Stream)?;
                stream.read_group(group, consumer, from, number(count)?)
            }
            ("XINFO", ["GROUPS", key]) => Ok(value_of!(self, key, Stream)?.groups()),
            ("XLEN", [key]) => Ok(int(value_of!(self, key, Stream)?.len())),
            ("XRANGE", [key, from, to, rest @ ..]) => {
                let count = match rest {
                    ["COUNT", count] => number(count)?,
                    _ => usize::MAX,
                };
                Ok(value_of!(self, key, Stream)?.range(from, to, count))
            }
            ("XPENDING", [key, group]) => value_of!(self, key, Stream)?.pending(group),
            ("XPENDING", [key, group, from, to, _]) if from == to => {
                value_of!(self, key, Stream)?.pending_entry(group, from)
            }
            ("XACK", [key, group, entry]) => value_of!(self, key, Stream)?.acknowledge(group, entry),
            _ => Err(format!("ERR unknown command {name} {args:?}")),
        }
    }
}
