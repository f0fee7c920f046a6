//! Feeds: the sources of a call's legs, opened, displaced and closed.

use std::sync::Arc;

use super::ahead::{AheadBudget, AheadShare};
use crate::media::{CallTap, Feed};
use crate::sync::Mutex;
use crate::words::{Error, FeedFormat, FeedOptions, Leg, Result, Status};

/// An open feed: the producer side, first, and whose it is. It lies in a slot of whoever
/// stands above the engine, where packets reach it without a detour.
#[repr(C)]
pub struct OpenFeed {
    pub feed: Feed,
    siblings: Arc<CallFeeds>,
    /// Of `media.ahead_bytes`.
    ahead: AheadShare,
    /// Which of its call's feeds it is.
    number: u64,
}

/// Where an open feed lies while packets may enter it.
pub trait FeedSlot: Send + Sync {
    /// Takes the feed out. No packet enters it once this has returned. Waits for a packet that
    /// is just being copied. `None`: it has been taken out already.
    fn take(&self) -> Option<OpenFeed>;
}

/// A feed of a call, as the call knows it.
struct PlacedFeed {
    number: u64,
    slot: Box<dyn FeedSlot>,
}

/// The feeds of a call.
pub struct CallFeeds {
    tap: Arc<CallTap>,
    legs: Mutex<LegFeeds>,
}

/// Which legs have a feed.
#[derive(Default)]
struct LegFeeds {
    open: [Option<PlacedFeed>; 3],
    /// How many have been opened so far.
    count: u64,
    /// The local leg's feed is the remote leg's, too.
    stereo: bool,
    ended: bool,
}

impl LegFeeds {
    /// Whether a feed of this kind may be opened beside those that are open.
    fn check_allowed(&self, leg: Leg, options: FeedOptions) -> Result<()> {
        let refused = |why: &str| {
            let message = format!("leg {}: {why}", leg as i32);
            Err(Error::new(Status::InvalidArgument, message))
        };
        let [local, remote, mixed] = self.open.each_ref().map(Option::is_some);
        if options.is_stereo() && leg != Leg::Local {
            return refused("a feed with two channels is opened for the local leg, 0");
        }
        if self.stereo && local && leg == Leg::Remote {
            return refused("the open feed of the local leg has both channels");
        }
        let excluded = match leg {
            Leg::Mixed => local || remote,
            Leg::Local | Leg::Remote => mixed,
        };
        if excluded {
            return refused("a mixed leg and single legs exclude each other");
        }
        Ok(())
    }
}

impl CallFeeds {
    pub(super) fn new(tap: Arc<CallTap>) -> Arc<CallFeeds> {
        let legs = Mutex::default();
        Arc::new(CallFeeds { tap, legs })
    }

    /// A leg's newer feed displaces the older one, which is taken out of its slot. `place`
    /// puts the new one into a free slot; `None`: there is none.
    pub(super) fn open<S: FeedSlot + Clone + 'static>(
        self: &Arc<CallFeeds>,
        leg: Leg,
        options: FeedOptions,
        budget: &Arc<AheadBudget>,
        place: impl FnOnce(&mut Option<OpenFeed>) -> Option<S>,
    ) -> Result<S> {
        let mut legs = self.legs.lock();
        if legs.ended {
            return Err(Error::new(Status::BadHandle, "call: it has ended"));
        }
        legs.check_allowed(leg, options)?;
        let ahead = budget.share(options.ahead_bytes())?;
        let home = self.tap.lease_home(options)?;
        let also = options.is_stereo().then_some(Leg::Remote);
        for leg in [Some(leg), also].into_iter().flatten() {
            if let Some(old) = legs.open[leg as usize].take() {
                self.detach(&old);
            }
        }
        legs.count += 1;
        let number = legs.count;
        let mut unplaced = Some(OpenFeed {
            feed: self.tap.attach(leg, options, home),
            siblings: self.clone(),
            ahead,
            number,
        });
        match place(&mut unplaced) {
            Some(slot) => {
                let boxed = Box::new(slot.clone());
                legs.open[leg as usize] = Some(PlacedFeed { number, slot: boxed });
                if leg == Leg::Local {
                    legs.stereo = options.is_stereo();
                }
                Ok(slot)
            }
            None => {
                if let Some(open) = unplaced {
                    self.tap.detach(leg, open.feed);
                }
                Err(Error::new(Status::Limit, "too many feeds"))
            }
        }
    }

    fn detach(&self, placed: &PlacedFeed) {
        if let Some(open) = placed.slot.take() {
            self.tap.detach(open.feed.leg(), open.feed);
        }
    }

    /// Closes one feed. False if it is not open any more.
    pub fn close(&self, number: u64) -> bool {
        let mut legs = self.legs.lock();
        let is_it = |open: &&mut Option<PlacedFeed>| open.as_ref().is_some_and(|open| open.number == number);
        let Some(placed) = legs.open.iter_mut().find(is_it).and_then(Option::take) else {
            return false;
        };
        self.detach(&placed);
        true
    }

    /// Takes the feeds out of their slots, and calls `closed` after each; waits for a packet
    /// that is just being handed in. False if another thread has begun to end the call.
    pub(super) fn end(&self, closed: impl Fn()) -> bool {
        let mut legs = self.legs.lock();
        if std::mem::replace(&mut legs.ended, true) {
            return false;
        }
        for placed in std::mem::take(&mut legs.open).into_iter().flatten() {
            self.detach(&placed);
            closed();
        }
        true
    }
}

impl OpenFeed {
    /// All feeds of its call.
    pub fn siblings(&self) -> &Arc<CallFeeds> {
        &self.siblings
    }

    /// For [`CallFeeds::close`].
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How it is coded from here on, and how far ahead it is written.
    pub fn set_format(&mut self, options: FeedOptions) -> Result<()> {
        if options.is_stereo() != self.feed.is_stereo() {
            return Err(Error::new(
                Status::InvalidArgument,
                "format.channels: they stay as they were when the feed was opened",
            ));
        }
        let before = self.ahead.bytes();
        self.ahead.resize(options.ahead_bytes())?;
        let leg = self.feed.leg();
        let changed = self.siblings.tap.set_format(leg, &mut self.feed, options);
        if changed.is_err() && before < self.ahead.bytes() {
            self.ahead.resize(before)?;
        }
        changed
    }

    /// What an RTP payload type means.
    pub fn set_payload(&mut self, payload_type: u8, format: FeedFormat) -> Result<()> {
        if self.feed.is_stereo() {
            return Err(Error::new(
                Status::InvalidArgument,
                "feed: one with two channels takes no RTP packets",
            ));
        }
        let leg = self.feed.leg();
        self.siblings
            .tap
            .payload(leg, &mut self.feed, payload_type, format)
    }

    /// What was written ahead and has not been heard yet is taken back.
    pub fn clear(&mut self) {
        self.feed.clear(self.siblings.tap.now_ns());
        self.siblings.tap.clear(self.feed.leg());
    }
}
