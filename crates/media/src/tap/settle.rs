//! Settles the file of a recording: handles refused blocks and fills the ledger.

use std::sync::atomic::Ordering::Relaxed;

use super::account::{LegContext, RefusedFrames};
use super::{Phase, Tap};
use crate::Leg;
use crate::grid;
use crate::ledger::{DropReason, OutsideReason};
use crate::leg::{EntryKind, LedgerEntry};
use crate::legs::Legs;
use crate::sink_queue::SinkCommand;
use crate::time::NS_PER_MS;
use callrec_codec::Shape;

/// The minimum interval between ledgers without a control point. Copying a ledger costs as much as
/// a block, and in stream time blocks come as fast as they are written.
const PUBLISH_NS: u64 = 500 * NS_PER_MS;

impl Tap {
    /// Real time: passes pending output to the sink, and notes refused frames.
    pub(super) fn deliver(&mut self) {
        if !self.is_real_time {
            return;
        }
        self.sink_queue.flush_real();
        for (only, from_frame, to_frame) in self.sink_queue.refused.drain(..) {
            let legs = (0..3).filter(|leg| only.is_none_or(|only| only == *leg));
            for leg in legs {
                let same = |last: &&mut RefusedFrames| last.leg == leg && last.to_frame == from_frame;
                match self.account.refused_frames.iter_mut().rev().find(same) {
                    Some(last) => last.to_frame = to_frame,
                    None => self.account.refused_frames.push(RefusedFrames {
                        leg,
                        from_frame,
                        to_frame,
                    }),
                }
            }
        }
    }

    pub fn flush(&mut self, now_ns: u64, backlog_ns: u64) {
        match self.is_real_time {
            true => self.deliver(),
            false => self.sink_queue.flush_stream(now_ns, backlog_ns),
        }
    }

    /// Settles the file up to `to_ns`: nothing before it changes any more.
    pub fn settle(&mut self, to_ns: u64, now_ns: u64, legs: &Legs) {
        let Some(shape) = self.shape.filter(|_| self.phase != Phase::Over) else {
            return;
        };
        let to_ns = to_ns.min(self.position_ns());
        if to_ns <= self.settled_ns {
            return;
        }
        self.settle_legs(to_ns, Some(shape), legs);
        self.settled_ns = to_ns;
        let settled = self.frame_at(to_ns, shape);
        self.account
            .refused_frames
            .retain(|range| range.to_frame > settled);
        if shape.file_frame_bytes().is_none() {
            self.sink_queue.push(SinkCommand::Settled(settled));
        }
        if now_ns >= self.published_ns + PUBLISH_NS || !self.account.spans.is_empty() {
            self.published_ns = now_ns;
            self.publish(shape, settled, legs);
        }
    }

    /// Publishes the ledger up to the settled frontier.
    pub fn publish_ledger(&mut self, legs: &Legs) {
        if let Some(shape) = self.shape.filter(|_| self.phase != Phase::Over) {
            let settled = self.frame_at(self.settled_ns, shape);
            self.publish(shape, settled, legs);
        }
    }

    /// Counts the audio between the settled frontier and `to_ns`. No shape: the file has no frames.
    fn settle_legs(&mut self, to_ns: u64, shape: Option<Shape>, legs: &Legs) {
        for (leg, media) in self.recorded_legs(legs) {
            let track = media.track();
            let context = LegContext {
                leg,
                segments: &self.segments,
                file_rate: shape.map_or(track.rate(), |shape| shape.rate),
            };
            let mut begin = 0;
            for past in &media.timeline.past {
                if self.settled_ns < past.end_ns() {
                    let to = if to_ns >= past.end_ns() {
                        u64::MAX
                    } else {
                        grid::index(to_ns, past.rate())
                    };
                    let from = grid::index(self.settled_ns, past.rate());
                    self.account.settle(context, past, from, to);
                }
                begin = past.end_ns();
            }
            if to_ns >= begin {
                let from = if self.settled_ns < begin {
                    0
                } else {
                    grid::index(self.settled_ns, track.rate())
                };
                self.account
                    .settle(context, track, from, grid::index(to_ns, track.rate()));
            }
            self.account.settle_pending(context, to_ns, false);
            self.account.note_silence(leg, media);
        }
    }

    /// The frame of the file at a time.
    fn frame_at(&self, at_ns: u64, shape: Shape) -> u64 {
        let behind = self.cursor.saturating_sub(grid::index(at_ns, shape.rate));
        self.frames.saturating_sub(behind)
    }

    /// Publishes the ledger in [`Progress`](crate::Progress), and new spans of loss to the sink.
    fn publish(&mut self, shape: Shape, settled_frames: u64, legs: &Legs) {
        for (leg, media) in self.recorded_legs(legs) {
            self.account.update_totals(leg, media, shape.rate);
        }
        self.progress.lost_ns.store(self.account.lost_ns(), Relaxed);
        self.progress
            .set_ledger(self.account.ledger(settled_frames).clone());
        let spans = std::mem::take(&mut self.account.spans);
        if !spans.is_empty() {
            self.sink_queue
                .push(SinkCommand::Losses(self.account.lost_ns(), spans));
        }
    }

    /// Counts all audio that the legs still hold, including audio after the end.
    pub(super) fn close_account(&mut self, at_ns: u64, legs: &Legs) {
        let Some(shape) = self.shape else {
            return;
        };
        self.settle_legs(at_ns, Some(shape), legs);
        self.settled_ns = at_ns;
        for (leg, media) in self.recorded_legs(legs) {
            let context = LegContext {
                leg,
                segments: &self.segments,
                file_rate: shape.rate,
            };
            let track = media.track();
            let from = grid::index(at_ns, track.rate());
            self.account.count_after_stop(context, track, from);
            for (at, len, epoch) in media.unconfirmed() {
                let entry = LedgerEntry {
                    from: at,
                    to: at + len,
                    rate: track.rate(),
                    epoch,
                    kind: EntryKind::Dropped(DropReason::Unconfirmed),
                };
                self.account.add_entry(context, entry, at_ns);
            }
            // Possible only at the maximum duration. Before a stop, all held audio is placed.
            for (at, len, epoch) in media.unplaced() {
                let entry = LedgerEntry {
                    from: at,
                    to: at + len,
                    rate: track.rate(),
                    epoch,
                    kind: EntryKind::Outside(OutsideReason::AfterStop),
                };
                self.account.add_entry(context, entry, at_ns);
            }
            // Before a stop, packets are decoded, or their decoder has not answered in time.
            for entry in media.timeline.undecoded_entries() {
                self.account.add_entry(context, entry, at_ns);
            }
            let end = track.end().min(from);
            let refused = LedgerEntry {
                from: end.saturating_sub(media.refused_samples()),
                to: end,
                rate: track.rate(),
                epoch: media.timeline.epoch,
                kind: EntryKind::Refused(DropReason::Overflow),
            };
            self.account.add_entry(context, refused, at_ns);
            self.account.settle_pending(context, at_ns, true);
        }
        self.publish(shape, self.frames, legs);
    }

    /// Settles what the legs are about to discard. The recording is paused, and none of it is in a
    /// recorded segment.
    pub fn settle_discarded(&mut self, to_ns: u64, legs: &Legs) {
        if self.phase != Phase::Over && to_ns > self.settled_ns {
            self.settle_legs(to_ns, self.shape, legs);
            self.settled_ns = to_ns;
        }
    }

    /// Settles everything before the legs discard it. None of it is in a recorded segment.
    pub fn settle_all(&mut self, legs: &Legs) {
        if self.phase == Phase::Over {
            return;
        }
        for (leg, media) in self.recorded_legs(legs) {
            let track = media.track();
            let context = LegContext {
                leg,
                segments: &self.segments,
                file_rate: self.shape.map_or(track.rate(), |shape| shape.rate),
            };
            for past in &media.timeline.past {
                let from = grid::index(self.settled_ns, past.rate());
                self.account.settle(context, past, from, u64::MAX);
            }
            let from = grid::index(self.settled_ns, track.rate());
            self.account.settle(context, track, from, u64::MAX);
        }
    }

    /// Counts a range that a leg's timeline does not hold.
    pub fn add_entry(&mut self, leg: Leg, entry: LedgerEntry) {
        if self.phase == Phase::Over || !self.includes_leg(leg as usize) {
            return;
        }
        let context = LegContext {
            leg,
            segments: &self.segments,
            file_rate: self.shape.map_or(entry.rate, |shape| shape.rate),
        };
        self.account.add_entry(context, entry, self.settled_ns);
    }
}
