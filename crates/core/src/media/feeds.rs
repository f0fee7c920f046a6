//! The feeds of a call: opened, closed, and what their hosts say of them.

use std::sync::Arc;

use super::call_tap::{CallTap, PointAction};
use super::feed::{Feed, FeedMemory};
use crate::types::{FeedFormat, FeedOptions, Leg, Result};

impl CallTap {
    /// The memory for a feed; `LIMIT` if there is none.
    pub fn lease_ring(&self, options: impl Into<FeedOptions>) -> Result<FeedMemory> {
        FeedMemory::lease(self, options)
    }

    /// `home`: leased for these options.
    pub fn attach(self: &Arc<Self>, leg: Leg, options: impl Into<FeedOptions>, home: FeedMemory) -> Feed {
        self.attach_clocked(leg, options, home, || self.now_ns())
    }

    /// Takes the producer: what it has handed in is still consumed.
    pub fn detach(&self, leg: Leg, feed: Feed) {
        self.detach_clocked(leg, feed, || self.now_ns());
    }

    /// Not the number of channels: that is the feed's for as long as it is open.
    pub fn set_format(&self, leg: Leg, feed: &mut Feed, options: impl Into<FeedOptions>) -> Result<()> {
        self.set_format_clocked(leg, feed, options, || self.now_ns())
    }

    /// What a dynamic RTP payload type means on this leg.
    pub fn payload(&self, leg: Leg, feed: &mut Feed, payload_type: u8, format: FeedFormat) -> Result<()> {
        self.payload_clocked(leg, feed, payload_type, format, || self.now_ns())
    }

    pub(super) fn attach_clocked(
        self: &Arc<Self>,
        leg: Leg,
        options: impl Into<FeedOptions>,
        home: FeedMemory,
        clock: impl Fn() -> u64,
    ) -> Feed {
        let options = options.into();
        let (feed, ring, waiter) = Feed::new(self.clone(), leg, options, home);
        let also = if options.is_stereo() { Leg::Remote } else { leg };
        self.note_feed([leg, also], &waiter);
        let action = PointAction::Attach {
            leg,
            options,
            ring,
            waiter,
        };
        self.set(action, clock);
        feed
    }

    pub(super) fn detach_clocked(&self, leg: Leg, feed: Feed, clock: impl Fn() -> u64) {
        feed.waiter().close();
        self.set(PointAction::Detach(leg), clock);
    }

    pub(super) fn set_format_clocked(
        &self,
        leg: Leg,
        feed: &mut Feed,
        options: impl Into<FeedOptions>,
        clock: impl Fn() -> u64,
    ) -> Result<()> {
        let options = options.into();
        let ring = feed.change_format(options)?;
        self.set(PointAction::Format { leg, options, ring }, clock);
        Ok(())
    }

    pub(super) fn payload_clocked(
        &self,
        leg: Leg,
        feed: &mut Feed,
        payload_type: u8,
        format: FeedFormat,
        clock: impl Fn() -> u64,
    ) -> Result<()> {
        let ring = feed.make_room(format)?;
        let action = PointAction::Payload {
            leg,
            payload_type,
            format,
            ring,
        };
        self.set(action, clock);
        Ok(())
    }
}
