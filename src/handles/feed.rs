//! Feeds by their handles. A packet enters its feed's slot here, and waits for nothing.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{current, current_or_error, refusal};
use super::table::NotEntered;
use crate::engine::{Call, FeedSlot, OpenFeed};
use crate::types::{Error, FeedFormat, FeedOptions, Leg, Result, Status};

#[derive(Clone)]
struct TableSlot(Handle);

impl FeedSlot for TableSlot {
    fn take(&self) -> Option<OpenFeed> {
        current()?.feeds.remove(self.0).flatten()
    }
}

/// Opens a feed and gives it a handle. A leg's newer feed displaces the older one, whose
/// handle becomes stale.
pub fn open(call: &Arc<Call>, leg: Leg, options: impl Into<FeedOptions>) -> Result<Handle> {
    let process = current_or_error()?;
    // First: a feed that could not be named must not displace another.
    let handle = process.feeds.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many feeds"))?;
    let place = |open: &mut Option<OpenFeed>| {
        process.feeds.with(handle, |slot| *slot = open.take());
        Some(TableSlot(handle))
    };
    let opened = call.open_feed(leg, options, place);
    if opened.is_err() {
        process.feeds.remove(handle);
    }
    opened.map(|TableSlot(handle)| handle)
}

/// Enters a feed without ever waiting.
#[inline]
pub fn try_with(handle: Handle, act: impl FnOnce(&mut OpenFeed) -> Status) -> Status {
    let Some(process) = current() else {
        return Status::Forked;
    };
    let enter = |slot: &mut Option<OpenFeed>| slot.as_mut().map_or(Status::BadHandle, act);
    match process.feeds.try_with(handle, enter) {
        Ok(status) => status,
        Err(NotEntered::Busy) => Status::Busy,
        Err(NotEntered::BadHandle) => refusal(handle),
    }
}

/// For control: waits for a packet that is just being copied. `None`: the feed is closed.
fn with<R>(handle: Handle, act: impl FnOnce(&mut OpenFeed) -> R) -> Option<R> {
    let enter = |slot: &mut Option<OpenFeed>| slot.as_mut().map(act);
    current()?.feeds.with(handle, enter).flatten()
}

fn change(handle: Handle, act: impl FnOnce(&mut OpenFeed) -> Result<()>) -> Result<()> {
    let closed = || Err(Error::new(refusal(handle), "feed: it is closed"));
    with(handle, act).unwrap_or_else(closed)
}

pub fn set_format(handle: Handle, options: FeedOptions) -> Result<()> {
    change(handle, |open| open.set_format(options))
}

pub fn set_payload(handle: Handle, payload_type: u8, format: FeedFormat) -> Result<()> {
    change(handle, |open| open.set_payload(payload_type, format))
}

pub fn clear(handle: Handle) -> Result<()> {
    change(handle, |open| {
        open.clear();
        Ok(())
    })
}

pub fn close(handle: Handle) -> Status {
    let found = with(handle, |open| (open.siblings().clone(), open.number()));
    let Some((feeds, number)) = found else {
        return refusal(handle);
    };
    // The slot has been left: whoever closes feeds locks the call's feeds before a slot.
    if feeds.close(number) {
        Status::Ok
    } else {
        Status::BadHandle
    }
}

/// Waits, outside the slot, until the feed's ring has room.
pub fn wait(handle: Handle, timeout: Duration) -> Result<()> {
    let refused = |status: Status| Error::new(status, "feed: it cannot be waited for");
    let mut waiter = None;
    let entered = try_with(handle, |open| {
        waiter = Some(open.feed.waiter());
        Status::Ok
    });
    let Some(waiter) = waiter else {
        return Err(refused(entered));
    };
    let has_room = waiter.wait(timeout);
    if with(handle, |_| ()).is_none() {
        return Err(refused(refusal(handle)));
    }
    if has_room {
        Ok(())
    } else {
        Err(refused(Status::Timeout))
    }
}
