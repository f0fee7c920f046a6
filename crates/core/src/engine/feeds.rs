//! Feeds: the sources of a call's legs, opened, displaced and closed.

use std::sync::Arc;
use std::time::Duration;

use super::ahead::AheadShare;
use super::call::Call;
use super::process;
use super::slots::Id;
use super::too_many_forks;
use crate::media::Feed;
use crate::words::{Error, FeedFormat, FeedOptions, Leg, Result, Status};

/// A feed in its slot: the producer side, first, and whose it is.
#[repr(C)]
pub struct OpenFeed {
    pub feed: Feed,
    call: Arc<Call>,
    /// Of `media.ahead_bytes`.
    ahead: AheadShare,
}

/// Which legs have a feed.
#[derive(Default)]
pub struct CallFeeds {
    open: [Option<Id>; 3],
    /// The local leg's feed is the remote leg's, too.
    stereo: bool,
    ended: bool,
}

impl CallFeeds {
    /// Whether a feed of this kind may be opened beside those that are open.
    fn admits(&self, leg: Leg, options: FeedOptions) -> Result<()> {
        let refused = |why: &str| {
            let message = format!("leg {}: {why}", leg as i32);
            Err(Error::new(Status::InvalidArgument, message))
        };
        let [local, remote, mixed] = self.open;
        if options.is_stereo() && leg != Leg::Local {
            return refused("a feed with two channels is opened for the local leg, 0");
        }
        if self.stereo && local.is_some() && leg == Leg::Remote {
            return refused("the open feed of the local leg has both channels");
        }
        let excluded = match leg {
            Leg::Mixed => local.or(remote),
            Leg::Local | Leg::Remote => mixed,
        };
        match excluded {
            Some(_) => refused("a mixed leg and single legs exclude each other"),
            None => Ok(()),
        }
    }
}

impl Call {
    /// A leg's newer feed displaces the older one, whose handle becomes stale.
    pub fn open_feed(self: &Arc<Call>, leg: Leg, options: impl Into<FeedOptions>) -> Result<Id> {
        let options = options.into();
        self.engine.ready()?;
        let process = process::current().ok_or_else(too_many_forks)?;
        let mut feeds = self.feeds.lock();
        if feeds.ended {
            return Err(Error::new(Status::BadHandle, "call: it has ended"));
        }
        feeds.admits(leg, options)?;
        let ahead = self.engine.ahead.share(options.ahead_bytes())?;
        let also = options.is_stereo().then_some(Leg::Remote);
        for leg in [Some(leg), also].into_iter().flatten() {
            if let Some(old) = feeds.open[leg as usize].take() {
                self.detach(old);
            }
        }
        let feed = self.tap.attach(leg, options);
        let open = OpenFeed {
            feed,
            call: self.clone(),
            ahead,
        };
        let mut unplaced = Some(open);
        let id = process.feeds.insert(|_| unplaced.take());
        match id {
            Some(id) => {
                feeds.open[leg as usize] = Some(id);
                if leg == Leg::Local {
                    feeds.stereo = options.is_stereo();
                }
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

/// How it is coded from here on, and how far ahead it is written.
pub fn set_format(id: Id, options: FeedOptions) -> Result<()> {
    changed(id, |open| {
        if options.is_stereo() != open.feed.is_stereo() {
            return Err(Error::new(
                Status::InvalidArgument,
                "format.channels: they stay as they were when the feed was opened",
            ));
        }
        open.ahead.resize(options.ahead_bytes())?;
        let leg = open.feed.leg();
        open.call.tap.set_format(leg, &mut open.feed, options);
        Ok(())
    })
}

pub fn payload(id: Id, payload_type: u8, format: FeedFormat) -> Result<()> {
    changed(id, |open| {
        if open.feed.is_stereo() {
            return Err(Error::new(
                Status::InvalidArgument,
                "feed: one with two channels takes no RTP packets",
            ));
        }
        let leg = open.feed.leg();
        open.call.tap.payload(leg, &mut open.feed, payload_type, format);
        Ok(())
    })
}

/// What was written ahead and has not been heard yet is taken back.
pub fn clear(id: Id) -> Result<()> {
    changed(id, |open| {
        open.feed.clear();
        open.call.tap.clear(open.feed.leg());
        Ok(())
    })
}

fn changed(id: Id, act: impl FnOnce(&mut OpenFeed) -> Result<()>) -> Result<()> {
    let closed = || Err(Error::new(process::refusal(id), "feed: it is closed"));
    with(id, act).unwrap_or_else(closed)
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
