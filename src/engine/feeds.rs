//! Feeds: the sources of a call's legs, opened, displaced and closed.

use std::sync::Arc;
use std::time::Duration;

use super::call::Call;
use super::process;
use super::slots::Id;
use super::too_many_forks;
use crate::media::Feed;
use crate::words::{Error, FeedFormat, Leg, Result, Status};

/// A feed in its slot: the producer side, first, and whose it is.
#[repr(C)]
pub struct OpenFeed {
    pub feed: Feed,
    call: Arc<Call>,
}

/// Which legs have a feed.
#[derive(Default)]
pub struct CallFeeds {
    open: [Option<Id>; 3],
    ended: bool,
}

impl Call {
    /// A leg's newer feed displaces the older one, whose handle becomes stale.
    pub fn open_feed(self: &Arc<Call>, leg: Leg, format: FeedFormat) -> Result<Id> {
        self.engine.ready()?;
        let process = process::current().ok_or_else(too_many_forks)?;
        let mut feeds = self.feeds.lock();
        if feeds.ended {
            return Err(Error::new(Status::BadHandle, "call: it has ended"));
        }
        let [local, remote, mixed] = feeds.open;
        let excluded = match leg {
            Leg::Mixed => local.or(remote),
            Leg::Local | Leg::Remote => mixed,
        };
        if excluded.is_some() {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "leg {}: a mixed leg and single legs exclude each other",
                    leg as i32
                ),
            ));
        }
        if let Some(old) = feeds.open[leg as usize].take() {
            self.detach(old);
        }
        let feed = self.tap.attach(leg, format);
        let open = OpenFeed {
            feed,
            call: self.clone(),
        };
        let mut unplaced = Some(open);
        let id = process.feeds.insert(|_| unplaced.take());
        match id {
            Some(id) => {
                feeds.open[leg as usize] = Some(id);
                Ok(id)
            }
            None => {
                if let Some(open) = unplaced {
                    self.tap.detach(leg, open.feed);
                }
                Err(Error::new(Status::Limit, "too many feeds"))
            }
        }
    }

    fn detach(&self, id: Id) {
        if let Some(open) = process::current()
            .and_then(|process| process.feeds.remove(id))
            .flatten()
        {
            self.tap.detach(open.feed.leg(), open.feed);
        }
    }

    /// Makes the feeds' handles stale; waits for a packet that is just being handed
    /// in. False if another thread has begun to end the call.
    pub(super) fn close_feeds(&self) -> bool {
        let mut feeds = self.feeds.lock();
        if std::mem::replace(&mut feeds.ended, true) {
            return false;
        }
        for id in std::mem::take(&mut feeds.open).into_iter().flatten() {
            self.detach(id);
            self.engine.fault("detach");
        }
        true
    }
}

/// Closes one feed by its id.
pub fn close(id: Id) -> Status {
    let Some(call) = call_of(id) else {
        return process::refusal(id);
    };
    let mut feeds = call.feeds.lock();
    match feeds.open.iter_mut().find(|open| **open == Some(id)) {
        Some(open) => *open = None,
        None => return Status::BadHandle,
    }
    call.detach(id);
    Status::Ok
}

pub fn set_format(id: Id, format: FeedFormat) -> Result<()> {
    let done = with(id, |open| {
        let leg = open.feed.leg();
        open.call.tap.set_format(leg, &mut open.feed, format)
    });
    done.ok_or_else(|| Error::new(process::refusal(id), "feed: it is closed"))
}

pub fn payload(id: Id, payload_type: u8, format: FeedFormat) -> Result<()> {
    let done = with(id, |open| {
        let leg = open.feed.leg();
        open.call.tap.payload(leg, &mut open.feed, payload_type, format)
    });
    done.ok_or_else(|| Error::new(process::refusal(id), "feed: it is closed"))
}

fn call_of(id: Id) -> Option<Arc<Call>> {
    with(id, |open| open.call.clone())
}

fn with<R>(id: Id, act: impl FnOnce(&mut OpenFeed) -> R) -> Option<R> {
    process::current()?
        .feeds
        .with(id, |slot| slot.as_mut().map(act))
        .flatten()
}

/// Waits, outside the slot, until the ring has room.
pub fn wait(id: Id, timeout: Duration) -> Result<()> {
    let refused = |status: Status| Error::new(status, "feed: it cannot be waited for");
    let mut waiter = None;
    let entered = process::with_feed(id, |open| {
        waiter = Some(open.feed.waiter());
        Status::Ok
    });
    let Some(waiter) = waiter else {
        return Err(refused(entered));
    };
    let room = waiter.wait(timeout);
    if call_of(id).is_none() {
        return Err(refused(process::refusal(id)));
    }
    if room {
        Ok(())
    } else {
        Err(refused(Status::Timeout))
    }
}
