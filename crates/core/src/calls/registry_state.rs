//! The data that the registry's lock guards: calls, indexes and line policies.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::automatic::AutomaticState;
use super::call::{CallInfo, CallState, LineStay};
use super::filter::Filter;
use super::key::Key;
use super::media_control::MediaControl;
use super::recording::{NewestRecording, Recording};
use super::rules::LinePolicies;
use super::slots::SlotAllocator;
use crate::memory::{self, PieceQueue, ShardedMap};
use crate::text::Text;
use crate::types::{Error, Result, Status};

pub(super) struct CallEntry {
    pub number: u64,
    pub info: Arc<CallInfo>,
    pub media: Arc<dyn MediaControl>,
    /// Position in the order of calls becoming connected; 0 if it was never connected.
    pub connected: u64,
    pub begun_ns: u64,
    pub live: Vec<Arc<Recording>>,
    /// The newest recording, live or not.
    pub newest: Option<NewestRecording>,
    /// Becomes the newest again if that one cannot begin.
    pub previous: Option<NewestRecording>,
    pub lines: Arc<Vec<LineStay>>,
    pub automatic: AutomaticState,
    /// Since when nothing has interrupted the call; `None` during an interruption.
    pub kept_since_ns: Option<u64>,
    /// How many reasons interrupt it now, and when the latest one began.
    pub interruptions: usize,
    pub interrupted_ns: Option<u64>,
    /// Its line is not monitorable, which is an interruption.
    pub line_forbids_past: bool,
    /// The media were told to keep nothing.
    pub media_forbid_past: bool,
}

#[derive(Default)]
pub(super) struct RegistryState {
    pub calls: ShardedMap<u64, CallEntry>,
    indexes: [ShardedMap<Text, Vec<u64>>; Key::ALL.len()],
    /// Calls with a pending automatic recording.
    pub pending_automatic: BTreeSet<u64>,
    /// Start time and number of the calls that the watch has not seen yet.
    pub new_calls: PieceQueue<(u64, u64)>,
    pub by_id: ShardedMap<Uuid, Arc<Recording>>,
    pub ended: VecDeque<(u64, Uuid)>,
    pub policies: LinePolicies,
    pub allocator: SlotAllocator,
    pub live: u64,
    pub order: u64,
}

impl RegistryState {
    pub fn index(&mut self, number: u64, info: &CallInfo) {
        for key in Key::ALL {
            info.keys(key).for_each(|value| self.put(key, number, value));
        }
    }

    /// Reserves memory for one more call, so that adding it cannot fail. Fails with `Limit`.
    pub fn grow_for_call(&mut self, number: u64, info: &CallInfo) -> Result<()> {
        self.calls.grow(&number)?;
        self.grow_indexes(info)
    }

    /// Reserves memory for indexing one more call. Fails with `Limit`.
    pub fn grow_indexes(&mut self, info: &CallInfo) -> Result<()> {
        for key in Key::ALL {
            let index = &mut self.indexes[key as usize];
            for value in info.keys(key) {
                match index.get_mut(value) {
                    Some(numbers) => memory::grow_vec(numbers, 1)?,
                    None if value.is_empty() => {}
                    None => index.grow(value)?,
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, key: Key, number: u64, value: &Text) {
        if value.is_empty() {
            return;
        }
        let index = &mut self.indexes[key as usize];
        match index.get_mut(value) {
            Some(numbers) => numbers.push(number),
            None => drop(index.insert(value.clone(), vec![number])),
        }
    }

    pub fn unindex(&mut self, number: u64, info: &CallInfo) {
        for key in Key::ALL {
            info.keys(key).for_each(|value| self.take(key, number, value));
        }
    }

    fn take(&mut self, key: Key, number: u64, value: &Text) {
        let index = &mut self.indexes[key as usize];
        if let Some(numbers) = index.get_mut(value) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                index.remove(value);
            }
        }
    }

    pub fn reindex(&mut self, number: u64, before: &CallInfo, after: &CallInfo) {
        let has = |info: &CallInfo, key, value: &Text| info.keys(key).any(|own| own == value);
        for key in Key::ALL {
            for value in before.keys(key).filter(|value| !has(after, key, value)) {
                self.take(key, number, value);
            }
            for value in after.keys(key).filter(|value| !has(before, key, value)) {
                self.put(key, number, value);
            }
        }
    }

    /// The calls that match a non-empty filter, found by its rarest field.
    pub fn matching(&self, filter: &Filter) -> Vec<u64> {
        let mut rarest: Option<&Vec<u64>> = None;
        for key in Key::ALL {
            let value = filter.field(key);
            if value.is_empty() {
                continue;
            }
            let Some(numbers) = self.indexes[key as usize].get(value) else {
                return Vec::new();
            };
            if rarest.is_none_or(|shortest| numbers.len() < shortest.len()) {
                rarest = Some(numbers);
            }
        }
        let matches = |number: &u64| {
            self.calls
                .get(number)
                .is_some_and(|call| filter.matches(&call.info))
        };
        rarest.into_iter().flatten().copied().filter(matches).collect()
    }

    /// Fails if another call on the line has one of the call's ids.
    pub fn refuse_duplicate(&self, info: &CallInfo, except: Option<u64>) -> Result<()> {
        let same = |number: &u64| {
            Some(*number) != except
                && self
                    .calls
                    .get(number)
                    .is_some_and(|call| call.info.same_line(info))
        };
        let taken = |id: &&Text| self.matching(&Filter::call(id)).iter().any(same);
        let Some(id) = info.keys(Key::Call).find(taken) else {
            return Ok(());
        };
        Err(Error::new(
            Status::Exists,
            format!(
                "call_id \"{id}\": line \"{}\"/\"{}\" already has a call with this id",
                info.device_name, info.directory_number
            ),
        ))
    }

    pub fn note_connected(&mut self, number: u64) {
        self.order += 1;
        let order = self.order;
        if let Some(call) = self.calls.get_mut(&number)
            && call.info.state == CallState::Connected
        {
            call.connected = order;
        }
    }
}

impl CallEntry {
    pub fn has_automatic(&self) -> bool {
        self.live.iter().any(|live| live.spec.is_automatic())
    }
}
