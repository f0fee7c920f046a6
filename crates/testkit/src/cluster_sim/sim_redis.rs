//! The simulated Redis: its data, its functions, its clock, and what happens to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use redis::{ErrorKind, RedisResult, Value};

use super::data_set::DataSet;
use super::function_library::{FunctionLibrary, ServerData};
use super::host_network::Barrier;
use super::judge::Judge;
use super::library_fault::LibraryFault;
use super::reply::RedisReply;
use super::sim_time;
use super::tenures::Tenures;
use super::wire::Wire;

/// A copy of the data, as a replica has it.
#[derive(Clone, Default)]
struct ReplicaCopy {
    data: DataSet,
    tenures: Tenures,
    library: Option<String>,
}

#[derive(Default)]
struct RedisState {
    library: Option<FunctionLibrary>,
    library_text: Option<String>,
    tenures: Tenures,
    copy: ReplicaCopy,
    connections: BTreeMap<u64, Arc<Wire>>,
    next_connection: u64,
    is_down: bool,
    /// How far the clock is ahead of the simulated time, in milliseconds.
    clock_offset_ms: i64,
}

/// A server. Commands are carried out one at a time, in no time.
pub struct SimRedis {
    /// Closed while the server stands still.
    pub running: Barrier,
    judge: Arc<Judge>,
    planted: Option<LibraryFault>,
    data: Arc<Mutex<ServerData>>,
    state: Mutex<RedisState>,
}

impl SimRedis {
    pub fn new(judge: &Arc<Judge>, planted: Option<LibraryFault>) -> Arc<SimRedis> {
        Arc::new(SimRedis {
            running: Barrier::default(),
            judge: judge.clone(),
            planted,
            data: Arc::default(),
            state: Mutex::default(),
        })
    }

    pub fn is_up(&self) -> bool {
        !self.state.lock().is_down
    }

    pub fn next_connection(&self) -> u64 {
        let mut state = self.state.lock();
        state.next_connection += 1;
        state.next_connection
    }

    pub fn accept(&self, wire: &Arc<Wire>) {
        self.state.lock().connections.insert(wire.id, wire.clone());
    }

    pub fn forget(&self, connection: u64) {
        self.state.lock().connections.remove(&connection);
        self.data.lock().subscribers.retain(|(_, id)| *id != connection);
    }

    /// Breaks all connections that this host has.
    pub fn reset_host(&self, host: &str) {
        let mut state = self.state.lock();
        state.connections.retain(|id, wire| {
            let is_other = wire.network.name != host;
            if !is_other {
                wire.reset();
                self.data.lock().subscribers.retain(|(_, other)| other != id);
            }
            is_other
        });
    }

    /// Messages to this host are lost from now on, until it connects again.
    pub fn mute_host(&self, host: &str) {
        let state = self.state.lock();
        let wires = state.connections.values();
        wires
            .filter(|wire| wire.network.name == host)
            .for_each(|wire| wire.mute());
    }

    pub fn execute(&self, wire: &Arc<Wire>, args: &[String]) -> RedisResult<Value> {
        let mut state = self.state.lock();
        let offset_ms = state.clock_offset_ms;
        self.data.lock().data.now_ms = sim_time::unix_ms().saturating_add_signed(offset_ms);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let result = self.carry_out(&mut state, wire, &args);
        let outbox = std::mem::take(&mut self.data.lock().outbox);
        for (connection, message) in outbox {
            if let Some(receiver) = state.connections.get(&connection) {
                receiver.send_message(message);
            }
        }
        result.map_err(|error| (ErrorKind::Extension, "the server refuses it", error).into())
    }

    fn carry_out(&self, state: &mut RedisState, wire: &Arc<Wire>, args: &[&str]) -> RedisReply {
        match args {
            ["FUNCTION", "LOAD", "REPLACE", text] => {
                if state.library_text.as_deref() != Some(text) {
                    let planted = LibraryFault::plant(self.planted, text);
                    state.library = Some(FunctionLibrary::load(&planted, &self.data)?);
                    state.library_text = Some((*text).to_owned());
                }
                Ok(Value::Okay)
            }
            ["SUBSCRIBE", channel] => {
                let subscription = ((*channel).to_owned(), wire.id);
                self.data.lock().subscribers.push(subscription);
                Ok(Value::Okay)
            }
            ["FCALL", name, "1", key, args @ ..] => {
                let library = state.library.as_ref().ok_or("ERR Function not found")?;
                let result = library.call(name, key, args);
                let data = &self.data.lock().data;
                self.judge
                    .note_call(&mut state.tenures, data, name, args, &result);
                result
            }
            _ => self.data.lock().call(args),
        }
    }

    /// The server ends, and its data is lost.
    pub fn wipe(&self) {
        self.end(ReplicaCopy::default());
    }

    /// Another server, which has the data of the latest copy, takes over.
    pub fn fail_over(&self) {
        let copy = self.state.lock().copy.clone();
        self.end(copy);
    }

    fn end(&self, copy: ReplicaCopy) {
        let mut state = self.state.lock();
        let mut data = self.data.lock();
        state.is_down = true;
        state.connections.values().for_each(|wire| wire.reset());
        state.connections.clear();
        data.subscribers.clear();
        data.data = copy.data;
        state.tenures = copy.tenures;
        let load = |text: &String| {
            let planted = LibraryFault::plant(self.planted, text);
            FunctionLibrary::load(&planted, &self.data).ok()
        };
        drop(data);
        state.library = copy.library.as_ref().and_then(load);
        state.library_text = copy.library;
        self.judge.note_data_loss();
    }

    pub fn start_again(&self) {
        self.state.lock().is_down = false;
    }

    /// A replica gets all data.
    pub fn make_copy(&self) {
        let mut state = self.state.lock();
        state.copy = ReplicaCopy {
            data: self.data.lock().data.clone(),
            tenures: state.tenures.clone(),
            library: state.library_text.clone(),
        };
    }

    pub fn jump_clock(&self, ms: i64) {
        self.state.lock().clock_offset_ms += ms;
    }
}
