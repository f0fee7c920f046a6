//! A model of the leases, independent of the function library: who may write, and who is lost.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::data_set::DataSet;
use super::reply::{RedisReply, members, text_of};

#[derive(Clone)]
struct Tenure {
    epoch: String,
    instance: String,
    lease_end_ms: u64,
    is_lost: bool,
}

/// The nodes that have registered, as one server knows them.
#[derive(Clone, Default)]
pub struct Tenures {
    nodes: BTreeMap<String, Tenure>,
    /// Entries `node-lost` in the stream.
    lost: usize,
}

/// The stream of the cluster of the simulation.
pub const STREAM: &str = "{callrec}:events";

fn lease(args: &[&str]) -> u64 {
    args.get(2).and_then(|ms| ms.parse().ok()).unwrap_or_default()
}

impl Tenures {
    /// Compares a call of a function with the model, and follows it. Returns the nodes that the call
    /// has found dead.
    pub fn note(
        &mut self,
        data: &DataSet,
        name: &str,
        args: &[&str],
        result: &RedisReply,
    ) -> Result<BTreeSet<String>, String> {
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return Err(format!("{name}: {error}")),
        };
        if name == "callrec_beat" {
            return self.beat(data, args, reply);
        }
        self.note_other(data, name, args, reply)?;
        Ok(BTreeSet::new())
    }

    fn note_other(&mut self, data: &DataSet, name: &str, args: &[&str], reply: &Value) -> Result<(), String> {
        match name {
            "callrec_register" => self.register(data, args, reply),
            "callrec_upsert" | "callrec_remove" => {
                self.check_write(data.now_ms, args, &text_of(reply) == "OK", name)
            }
            "callrec_leave" if text_of(reply) == "OK" => {
                let left = self.nodes.remove(args[0]);
                match left.is_some_and(|tenure| tenure.epoch == args[1]) {
                    true => Ok(()),
                    false => Err(format!("{} leaves under a lost epoch", args[0])),
                }
            }
            "callrec_ended" => match data
                .stream(STREAM)
                .map_or(0, |stream| stream.count("id", args[0]))
            {
                1 => Ok(()),
                count => Err(format!("the end of {} is in the stream {count} times", args[0])),
            },
            _ => Ok(()),
        }
    }

    fn register(&mut self, data: &DataSet, args: &[&str], reply: &Value) -> Result<(), String> {
        let (node, instance) = (args[0], args[1]);
        let holder = self.nodes.get(node);
        let holder = holder.filter(|holder| !holder.is_lost && holder.lease_end_ms > data.now_ms);
        let is_taken = holder.is_some_and(|holder| holder.instance != instance);
        let [word, epoch @ ..] = members(reply) else {
            return Err(format!("{node}: a strange registration"));
        };
        if is_taken != (text_of(word) == "TAKEN") {
            return Err(format!("{node} {instance}: registered: {}", text_of(word)));
        }
        if let [epoch] = epoch {
            let tenure = Tenure {
                epoch: text_of(epoch),
                instance: instance.to_owned(),
                lease_end_ms: data.now_ms + lease(args),
                is_lost: false,
            };
            self.nodes.insert(node.to_owned(), tenure);
        }
        Ok(())
    }

    fn check_write(&self, now_ms: u64, args: &[&str], is_written: bool, name: &str) -> Result<(), String> {
        let tenure = self.nodes.get(args[0]);
        let may_write = tenure
            .is_some_and(|tenure| !tenure.is_lost && tenure.epoch == args[1] && tenure.lease_end_ms > now_ms);
        match may_write == is_written {
            true => Ok(()),
            false => Err(format!(
                "{} {name}: written {is_written}, may {may_write}",
                args[0]
            )),
        }
    }

    fn beat(&mut self, data: &DataSet, args: &[&str], reply: &Value) -> Result<BTreeSet<String>, String> {
        let [word, lost] = members(reply) else {
            return Err("a strange beat".to_owned());
        };
        let is_renewed = text_of(word) == "OK";
        self.check_write(data.now_ms, args, is_renewed, "callrec_beat")?;
        if let (true, Some(tenure)) = (is_renewed, self.nodes.get_mut(args[0])) {
            tenure.lease_end_ms = data.now_ms + lease(args);
        }
        let mut expected = BTreeSet::new();
        for (name, tenure) in &mut self.nodes {
            if !tenure.is_lost && tenure.lease_end_ms <= data.now_ms {
                tenure.is_lost = true;
                expected.insert(name.clone());
            }
        }
        // Besides, there may be reports that were not confirmed.
        let told = members(lost)
            .iter()
            .map(|report| members(report).get(1).map(text_of));
        let told: BTreeSet<String> = told.flatten().collect();
        self.lost += expected.len();
        let appended = data
            .stream(STREAM)
            .map_or(0, |stream| stream.count("event", "node-lost"));
        if !told.is_superset(&expected) {
            return Err(format!("lost nodes {told:?}, expected {expected:?}"));
        }
        match appended == self.lost {
            true => Ok(expected),
            false => Err(format!("{appended} entries node-lost for {} deaths", self.lost)),
        }
    }
}
