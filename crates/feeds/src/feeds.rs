//! Opens and closes a call's feeds and sets their formats.

use std::sync::Arc;

use super::OtherPayload;
use super::call_tap::{CallTap, PointAction};
use super::feed::{Feed, FeedMemory};
use callrec_base::types::{FeedOptions, Leg, Result};
use callrec_media::external::PayloadFormat;

impl CallTap {
    /// Reserves the memory for a feed. Fails with `Limit`.
    pub fn lease_ring(&self, options: impl Into<FeedOptions>) -> Result<FeedMemory> {
        FeedMemory::lease(self, options)
    }

    /// Opens a feed. `memory`: leased for these options.
    pub fn attach(self: &Arc<Self>, leg: Leg, options: impl Into<FeedOptions>, memory: FeedMemory) -> Feed {
        self.attach_clocked(leg, options, memory, || self.now_ns())
    }

    /// Closes a feed. The audio that it has stored is still consumed.
    pub fn detach(&self, leg: Leg, feed: Feed) {
        self.detach_clocked(leg, feed, || self.now_ns());
    }

    /// Changes a feed's format, except for the number of channels.
    pub fn set_format(&self, leg: Leg, feed: &mut Feed, options: impl Into<FeedOptions>) -> Result<()> {
        self.set_format_clocked(leg, feed, options, || self.now_ns())
    }

    /// Maps an RTP payload type of this leg to a format.
    pub fn payload(
        &self,
        leg: Leg,
        feed: &mut Feed,
        payload_type: u8,
        format: impl Into<PayloadFormat>,
    ) -> Result<()> {
        self.payload_clocked(leg, feed, payload_type, format, || self.now_ns())
    }

    /// Declares an RTP payload type of this leg that is no audio.
    pub fn other_payload(&self, leg: Leg, payload_type: u8, payload: OtherPayload) {
        self.other_payload_clocked(leg, payload_type, payload, || self.now_ns());
    }

    pub(super) fn attach_clocked(
        self: &Arc<Self>,
        leg: Leg,
        options: impl Into<FeedOptions>,
        memory: FeedMemory,
        clock: impl Fn() -> u64,
    ) -> Feed {
        let options = options.into();
        let (feed, ring, waiter) = Feed::new(self.clone(), leg, options, memory);
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

    pub(super) fn other_payload_clocked(
        &self,
        leg: Leg,
        payload_type: u8,
        payload: OtherPayload,
        clock: impl Fn() -> u64,
    ) {
        let action = PointAction::OtherPayload {
            leg,
            payload_type,
            payload,
        };
        self.set(action, clock);
    }

    pub(super) fn payload_clocked(
        &self,
        leg: Leg,
        feed: &mut Feed,
        payload_type: u8,
        format: impl Into<PayloadFormat>,
        clock: impl Fn() -> u64,
    ) -> Result<()> {
        let format = format.into();
        let ring = feed.fit_format(format.format)?;
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
