//! Feeds: the audio sources of a call's legs.

use std::sync::Arc;

use super::ahead::{AheadBudget, AheadShare};
use super::call_reporter::CallReporter;
use crate::clock::NS_PER_MS;
use crate::host_codecs::HostCodecs;
use crate::media::{CallTap, Feed, FeedMemory, OtherPayload};
use crate::sync::Mutex;
use crate::types::{Error, FeedOptions, Leg, Result, Status};
use callrec_media::external::PayloadFormat;

/// An open feed: the producer side of its ring, and the call it belongs to. The user of the
/// engine keeps it in a [`FeedSlot`], where packets enter it directly. `feed` is the first field
/// because packets need it.
#[repr(C)]
pub struct OpenFeed {
    pub feed: Feed,
    siblings: Arc<CallFeeds>,
    /// The feed's share of `media.ahead_bytes`.
    ahead: AheadShare,
    /// The feed's number among the feeds of its call.
    number: u64,
}

/// The place of an open feed while packets may enter it.
pub trait FeedSlot: Send + Sync {
    /// Takes the feed out. Waits for a packet that is just being copied; no packet enters the
    /// feed after this has returned. Returns `None` if the feed was taken out before.
    fn take(&self) -> Option<OpenFeed>;
}

/// An open feed as its call sees it.
struct PlacedFeed {
    number: u64,
    slot: Box<dyn FeedSlot>,
}

/// The feeds of a call.
pub struct CallFeeds {
    tap: Arc<CallTap>,
    codecs: Arc<HostCodecs>,
    report: Arc<CallReporter>,
    legs: Mutex<LegFeeds>,
}

/// The open feed of each leg.
#[derive(Default)]
struct LegFeeds {
    open: [Option<PlacedFeed>; 3],
    /// How many feeds have been opened so far.
    count: u64,
    /// The local leg's feed also carries the remote leg.
    stereo: bool,
    ended: bool,
}

impl LegFeeds {
    /// Fails if a feed of this kind cannot be opened beside the feeds that are open.
    fn check_allowed(&self, leg: Leg, options: FeedOptions) -> Result<()> {
        let refused = |why: &str| {
            let message = format!("leg {}: {why}", leg as i32);
            Err(Error::new(Status::InvalidArgument, message))
        };
        let [local, remote, mixed] = self.open.each_ref().map(Option::is_some);
        if options.is_stereo() && leg != Leg::Local {
            return refused("a feed with two channels must be opened for the local leg (0)");
        }
        if self.stereo && local && leg == Leg::Remote {
            return refused("the open feed of the local leg already carries the remote leg");
        }
        let excluded = match leg {
            Leg::Mixed => local || remote,
            Leg::Local | Leg::Remote => mixed,
        };
        if excluded {
            return refused("a call cannot have a mixed leg and single legs at the same time");
        }
        Ok(())
    }
}

impl CallFeeds {
    pub(super) fn new(
        tap: Arc<CallTap>,
        codecs: Arc<HostCodecs>,
        report: Arc<CallReporter>,
    ) -> Arc<CallFeeds> {
        Arc::new(CallFeeds {
            tap,
            codecs,
            report,
            legs: Mutex::default(),
        })
    }

    /// The codecs that the host has registered.
    pub fn codecs(&self) -> &Arc<HostCodecs> {
        &self.codecs
    }

    /// A payload type of a leg is declared for a registered codec that cannot decode it.
    pub fn report_unusable_codec(&self, leg: Leg, cause: &str) {
        self.report.unusable_codec(leg, cause);
    }

    /// Opens a feed. An open feed of the same leg is closed and taken out of its slot. `place`
    /// moves the new feed into a free slot; it returns `None` if there is none.
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
        let home = self.tap.lease_ring(options)?;
        let also = options.is_stereo().then_some(Leg::Remote);
        for leg in [Some(leg), also].into_iter().flatten() {
            if let Some(old) = legs.open[leg as usize].take() {
                self.detach(&old);
            }
        }
        legs.count += 1;
        let number = legs.count;
        let mut unplaced = Some(OpenFeed {
            feed: self.attach(leg, options, home)?,
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
                Err(Error::new(Status::Limit, "too many feeds: no handle is free"))
            }
        }
    }

    /// Begins a feed. Static payload types of registered codecs need no declaration.
    fn attach(&self, leg: Leg, options: FeedOptions, memory: FeedMemory) -> Result<Feed> {
        let mut feed = self.tap.attach(leg, options, memory);
        if options.is_stereo() {
            return Ok(feed);
        }
        for (number, format) in self.codecs.static_formats() {
            if let Err(error) = self.tap.payload(leg, &mut feed, number, format) {
                self.tap.detach(leg, feed);
                return Err(error);
            }
        }
        Ok(feed)
    }

    fn detach(&self, placed: &PlacedFeed) {
        if let Some(open) = placed.slot.take() {
            self.tap.detach(open.feed.leg(), open.feed);
        }
    }

    /// Closes one feed. Returns false if it is not open.
    pub fn close(&self, number: u64) -> bool {
        let mut legs = self.legs.lock();
        let is_it = |open: &&mut Option<PlacedFeed>| open.as_ref().is_some_and(|open| open.number == number);
        let Some(placed) = legs.open.iter_mut().find(is_it).and_then(Option::take) else {
            return false;
        };
        self.detach(&placed);
        true
    }

    /// Takes the feeds out of their slots and calls `closed` after each. Waits for packets that
    /// are just being copied. Returns false if another thread has begun to end the call.
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
    /// All feeds of the call.
    pub fn siblings(&self) -> &Arc<CallFeeds> {
        &self.siblings
    }

    /// The number to pass to [`CallFeeds::close`].
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Changes how the feed is coded from now on, and how far ahead the host may write.
    pub fn set_format(&mut self, options: FeedOptions) -> Result<()> {
        if options.is_stereo() != self.feed.is_stereo() {
            return Err(Error::new(
                Status::InvalidArgument,
                "format.channels: an open feed cannot change its number of channels",
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

    /// Declares the format of an RTP payload type.
    pub fn set_payload(&mut self, payload_type: u8, format: impl Into<PayloadFormat>) -> Result<()> {
        if self.feed.is_stereo() {
            return Err(Error::new(
                Status::InvalidArgument,
                "feed: a feed with two channels does not accept RTP packets",
            ));
        }
        let leg = self.feed.leg();
        self.siblings
            .tap
            .payload(leg, &mut self.feed, payload_type, format)
    }

    /// Declares an RTP payload type that is no audio.
    pub fn set_other_payload(&mut self, payload_type: u8, payload: OtherPayload) {
        let leg = self.feed.leg();
        self.siblings.tap.other_payload(leg, payload_type, payload);
    }

    /// Removes audio that was written ahead of the clock and is not due yet.
    pub fn clear(&mut self) {
        self.feed.clear(self.siblings.tap.now_ns());
        self.siblings.tap.clear(self.feed.leg());
    }

    /// A digit was keyed in; `length_ms` 0: of unknown length.
    pub fn note_digit(&self, length_ms: u32) {
        let length_ns = u64::from(length_ms) * NS_PER_MS;
        self.siblings.tap.note_digit(self.feed.leg(), length_ns);
    }
}
