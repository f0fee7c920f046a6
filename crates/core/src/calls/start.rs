//! The start of a recording: by a caller, or by a line's mark.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::book::Inner;
use super::call::CallState;
use super::control::no_target;
use super::filter::Filter;
use super::founding::Founding;
use super::recording::{ADDITIONAL, Newest, Recording};
use super::registry::Registry;
use super::rules::{self, Caller};
use crate::text::Text;
use crate::words::{Error, Result, Status};

/// Where to start.
pub struct StartRequest<'a> {
    pub call_id: &'a Text,
    pub device_name: &'a Text,
    pub directory_number: &'a Text,
    /// Whose calls alone; empty: anybody's.
    pub username: &'a Text,
    pub flags: u32,
}

impl Registry {
    /// `arguments` is what the engine found wrong with the other arguments, told
    /// at its place in the order of checks; `room` whether the disk has room.
    /// `found` makes the recording and starts its tap, under the registry's lock.
    pub fn start(
        &self,
        caller: &Caller,
        request: &StartRequest,
        arguments: Result<()>,
        room: Result<()>,
        found: impl FnOnce(Founding) -> Arc<Recording>,
    ) -> Result<Arc<Recording>> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let filter = Filter {
            call_id: request.call_id.clone(),
            username: request.username.clone(),
            ..Filter::line(request.device_name, request.directory_number)
        };
        let calls = inner.allowed(caller, &filter)?;
        if filter.is_empty() {
            return Err(no_target());
        }
        arguments?;
        let target = inner.pick(&calls, request);
        inner.heed_marks(target, request)?;
        let Some(number) = target else {
            return Err(Error::new(
                Status::NoCall,
                format!(
                    "device_name \"{}\", directory_number \"{}\", call_id \"{}\": no connected call there",
                    request.device_name, request.directory_number, request.call_id
                ),
            ));
        };
        if request.flags & ADDITIONAL == 0 && inner.is_recorded(number) {
            return Err(Error::new(
                Status::AlreadyRecording,
                "the call is being recorded already; REC_START_ADDITIONAL starts one more",
            ));
        }
        room?;
        if caller.is_limited() {
            inner.heed_limit(number, self.limits.per_call)?;
        }
        self.found(&mut inner, number, false, found)
    }

    /// The recording that a line's mark asks for. `None`: no longer wanted.
    pub fn start_automatic(
        &self,
        number: u64,
        room: Result<()>,
        found: impl FnOnce(Founding) -> Arc<Recording>,
    ) -> Result<Option<Arc<Recording>>> {
        let mut inner = self.lock();
        if !inner.owed.contains(&number) || !inner.wants_automatic(number) {
            return Ok(None);
        }
        room?;
        let paused = inner.is_automatic_paused(number);
        let recording = self.found(&mut inner, number, paused, found)?;
        inner.owed.remove(&number);
        if let Some(call) = inner.calls.get_mut(&number) {
            call.had_automatic = true;
        }
        Ok(Some(recording))
    }

    fn found(
        &self,
        inner: &mut Inner,
        number: u64,
        paused: bool,
        found: impl FnOnce(Founding) -> Arc<Recording>,
    ) -> Result<Arc<Recording>> {
        if self.limits.recordings != 0 && inner.live >= self.limits.recordings {
            return Err(Error::new(
                Status::Limit,
                format!(
                    "recordings.max {}: so many recordings are live",
                    self.limits.recordings
                ),
            ));
        }
        inner.order += 1;
        let order = inner.order;
        let Inner {
            calls,
            book,
            by_id,
            live,
            ..
        } = inner;
        let Some(call) = calls.get_mut(&number) else {
            return Err(Error::new(Status::NoCall, "the call has ended"));
        };
        let recording = found(Founding {
            order,
            call: number,
            previous: call.newest.as_ref().map(|newest| (newest.order, newest.id)),
            info: &call.info,
            lines: &call.lines,
            paused,
        });
        let Some(slot) = book.insert(&self.slots, &recording) else {
            call.wire.stop(recording.id, crate::words::EndReason::Discarded);
            return Err(Error::new(Status::Limit, "no more room in the registry"));
        };
        recording.slot.store(slot, Ordering::Relaxed);
        call.live.push(recording.clone());
        call.before = call.newest.replace(Newest {
            id: recording.id,
            order,
            started_at_ms: recording.started_at_ms,
            info: call.info.clone(),
        });
        by_id.insert(recording.id, recording.clone());
        *live += 1;
        Ok(recording)
    }
}

impl Inner {
    /// By line: the call that became connected last; by call id: the one begun
    /// first. Held and alerting calls do not count.
    fn pick(&self, calls: &[u64], request: &StartRequest) -> Option<u64> {
        let connected = calls
            .iter()
            .filter_map(|number| self.calls.get(number))
            .filter(|call| call.info.state == CallState::Connected);
        let picked = if request.call_id.is_empty() {
            connected.max_by_key(|call| call.connected)
        } else {
            connected.min_by_key(|call| call.number)
        };
        picked.map(|call| call.number)
    }

    /// The marks of the call found, or of the fields asked for if none was found.
    fn heed_marks(&self, target: Option<u64>, request: &StartRequest) -> Result<()> {
        let (device, number) = match target.and_then(|number| self.calls.get(&number)) {
            Some(call) => (&call.info.device_name, &call.info.directory_number),
            None => (request.device_name, request.directory_number),
        };
        if target.is_none() && device.is_empty() && number.is_empty() {
            return Ok(());
        }
        let flags = self.marks.flags(device, number);
        if flags & rules::NOT_MONITORABLE != 0 {
            return Err(rules::not_monitorable(device, number));
        }
        if flags & rules::AUTOMATIC != 0 && request.flags & ADDITIONAL == 0 {
            return Err(rules::automatic(device, number, 4));
        }
        Ok(())
    }

    /// Else one of those who may record their own calls alone could fill the disk by one.
    fn heed_limit(&self, number: u64, limit: u64) -> Result<()> {
        let live = self.calls.get(&number).map_or(0, |call| call.live.len() as u64);
        if limit == 0 || live < limit {
            return Ok(());
        }
        Err(Error::new(
            Status::Limit,
            format!("recordings.max_per_call {limit}: {live} recordings of the call are live"),
        ))
    }

    fn is_recorded(&self, number: u64) -> bool {
        self.calls.get(&number).is_some_and(|call| !call.live.is_empty())
    }
}
