//! Handles of feeds. A packet enters the slot of its feed here, without waiting.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{current, current_or_error, refusal};
use super::table::NotEntered;
use crate::engine::{Call, FeedSlot, OpenFeed};
use crate::host_codecs::HostCodecs;
use crate::media::{OtherPayload, PayloadFormat};
use crate::types::{Error, FeedOptions, Leg, Result, Status};

#[derive(Clone)]
struct TableSlot(Handle);

impl FeedSlot for TableSlot {
    fn take(&self) -> Option<OpenFeed> {
        current()?.feeds.remove(self.0).flatten()
    }
}

/// Opens a feed and gives it a handle. An open feed of the same leg is closed, and its handle
/// becomes stale.
pub fn open(call: &Arc<Call>, leg: Leg, options: impl Into<FeedOptions>) -> Result<Handle> {
    let process = current_or_error()?;
    // The handle comes first: a feed without a handle must not replace another one.
    let handle = process.feeds.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many feeds: no handle is free"))?;
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

/// Enters a feed. Never waits: fails with `BUSY` while another thread is in the feed.
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

/// Enters a feed for control. Waits for a packet that is just being copied. `None` if the feed is
/// closed.
fn with<R>(handle: Handle, act: impl FnOnce(&mut OpenFeed) -> R) -> Option<R> {
    let enter = |slot: &mut Option<OpenFeed>| slot.as_mut().map(act);
    current()?.feeds.with(handle, enter).flatten()
}

fn change(handle: Handle, act: impl FnOnce(&mut OpenFeed) -> Result<()>) -> Result<()> {
    let closed = || {
        Err(Error::new(
            refusal(handle),
            "feed: the handle is invalid, or the feed is closed",
        ))
    };
    with(handle, act).unwrap_or_else(closed)
}

pub fn set_format(handle: Handle, options: FeedOptions) -> Result<()> {
    change(handle, |open| open.set_format(options))
}

pub fn set_payload(handle: Handle, payload_type: u8, format: impl Into<PayloadFormat>) -> Result<()> {
    change(handle, |open| open.set_payload(payload_type, format))
}

pub fn set_other_payload(handle: Handle, payload_type: u8, payload: OtherPayload) -> Result<()> {
    change(handle, |open| {
        open.set_other_payload(payload_type, payload);
        Ok(())
    })
}

/// The codecs that the host has registered with the feed's engine.
pub fn codecs(handle: Handle) -> Result<Arc<HostCodecs>> {
    let mut codecs = None;
    change(handle, |open| {
        codecs = Some(open.siblings().codecs().clone());
        Ok(())
    })?;
    codecs.ok_or_else(|| Error::new(Status::BadHandle, "feed: it is closed"))
}

/// A payload type is declared for a registered codec that cannot decode it.
pub(super) fn report_unusable_codec(handle: Handle, cause: &str) -> Result<()> {
    let mut found = None;
    change(handle, |open| {
        found = Some((open.siblings().clone(), open.feed.leg()));
        Ok(())
    })?;
    // A packet must not wait for the report.
    if let Some((feeds, leg)) = found {
        feeds.report_unusable_codec(leg, cause);
    }
    Ok(())
}

pub fn clear(handle: Handle) -> Result<()> {
    change(handle, |open| {
        open.clear();
        Ok(())
    })
}

/// The maximum duration of a digit.
const DIGIT_MS: u32 = 10_000;

pub fn note_digit(handle: Handle, length_ms: u32) -> Result<()> {
    if length_ms > DIGIT_MS {
        let message = format!("duration_ms: {length_ms} is above {DIGIT_MS}");
        return Err(Error::new(Status::InvalidArgument, message));
    }
    change(handle, |open| {
        open.note_digit(length_ms);
        Ok(())
    })
}

pub fn close(handle: Handle) -> Status {
    let found = with(handle, |open| (open.siblings().clone(), open.number()));
    let Some((feeds, number)) = found else {
        return refusal(handle);
    };
    // `with` has left the slot: closing must lock the call's feeds before a slot.
    if feeds.close(number) {
        Status::Ok
    } else {
        Status::BadHandle
    }
}

/// Waits, outside the slot, until the feed's ring has free space.
pub fn wait(handle: Handle, timeout: Duration) -> Result<()> {
    let refused = |status: Status| Error::new(status, "feed: waiting for free space failed");
    let mut waiter = None;
    let entered = try_with(handle, |open| {
        waiter = Some(open.feed.waiter());
        Status::Ok
    });
    let Some(waiter) = waiter else {
        return Err(refused(entered));
    };
    let has_space = waiter.wait(timeout);
    if with(handle, |_| ()).is_none() {
        return Err(refused(refusal(handle)));
    }
    if has_space {
        Ok(())
    } else {
        Err(refused(Status::Timeout))
    }
}
