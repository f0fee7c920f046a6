//! Where samples lie that the host writes: behind the last ones, as time goes.

use super::delay::{Lateness, Moment, STALL_NS, Verdict, samples};
use super::drift::Drift;
use super::{Audio, Out, Placing, Scene};
use crate::FeedFormat;
use crate::time::{NS_PER_MS, NS_PER_S};

/// A host that comes later than this has been silent, unless it makes up for it.
const SLACK_NS: u64 = 100 * NS_PER_MS;
/// The longest hiccup of a host that is promised to lose nothing.
const HICCUP_NS: u64 = 500 * NS_PER_MS;
/// A place further from its arrival is a jump of the host's clock, unless the host has asked
/// to write further ahead.
const JUMP_NS: u64 = 2 * NS_PER_S;
/// The same in stream time, from the leg's end.
const STREAM_JUMP_NS: u64 = 1800 * NS_PER_S;

/// One write, at the moment when it is handed in.
pub struct Written<'a> {
    pub payload: &'a [u8],
    pub format: FeedFormat,
    pub epoch: u32,
    /// In samples.
    pub len: i64,
    pub arrival: i64,
    /// How far the feed has asked to write ahead of the clock; 0: it has not.
    pub ahead_ns: u64,
}

#[derive(Debug)]
struct HeldWrite {
    payload: Vec<u8>,
    format: FeedFormat,
    epoch: u32,
    len: i64,
    wanted: i64,
    arrival: i64,
    ahead_ns: u64,
}

/// The cursor of a leg's writes.
#[derive(Debug)]
pub struct Writes {
    lateness: Lateness,
    drift: Drift,
    held: Vec<HeldWrite>,
    /// After the last write; `None` before the first one of a feed.
    end: Option<i64>,
    /// Samples by which a write may have been said before its place.
    early: i64,
    /// `write_at`: an index of the host's clock, and its place.
    anchor: Option<(u64, i64)>,
}

impl Default for Writes {
    fn default() -> Writes {
        Writes {
            lateness: Lateness::without_timestamps(SLACK_NS),
            drift: Drift::default(),
            held: Vec::new(),
            end: None,
            early: 0,
            anchor: None,
        }
    }
}

impl Writes {
    /// A new feed, another format, or what was written ahead was taken back.
    pub fn begin(&mut self) {
        (self.end, self.anchor, self.early) = (None, None, 0);
        self.lateness.reset();
        self.drift.reset();
    }

    pub fn write(&mut self, written: &Written<'_>, scene: &Scene, out: &mut impl Out) {
        let rate = written.format.rate;
        let leg_end = out.end(rate);
        if !scene.real {
            return self.place(written, leg_end, 0, out);
        }
        let Some(end) = self.end else {
            return self.place(written, leg_end.max(written.arrival), 0, out);
        };
        // Something else may have gone on with the leg meanwhile.
        let wanted = match self.held.last() {
            Some(last) => last.wanted + last.len,
            None => end.max(leg_end),
        };
        let moment = Moment {
            wanted,
            arrival: written.arrival,
            rate,
        };
        let verdict = match written.ahead() {
            // Whoever writes ahead begins again when it is heard.
            true if moment.excess() > samples(SLACK_NS, rate) => Verdict::Moved,
            true => Verdict::Place,
            false => self.lateness.judge(moment),
        };
        match verdict {
            Verdict::Hold => self.held.push(written.hold(wanted)),
            Verdict::Moved => {
                self.held.push(written.hold(wanted));
                self.settle(Verdict::Moved, out);
            }
            Verdict::Place => {
                self.settle(Verdict::Place, out);
                let live = !written.ahead() && self.lateness.is_steady();
                let step = if live {
                    self.drift.observe(moment, written.len)
                } else {
                    0
                };
                self.place(written, wanted, step, out);
            }
        }
    }

    fn settle(&mut self, verdict: Verdict, out: &mut impl Out) {
        let Some(first) = self.held.first() else {
            return;
        };
        let by = match verdict {
            Verdict::Moved => (first.arrival - first.wanted).max(0),
            _ => 0,
        };
        if by > 0 {
            self.drift.reset();
            let hiccup = samples(HICCUP_NS, first.format.rate);
            let stall = samples(STALL_NS, first.format.rate);
            self.early = match by {
                by if by <= hiccup => (self.early + by).min(stall),
                by if by <= stall => self.early,
                _ => 0,
            };
        }
        for held in std::mem::take(&mut self.held) {
            self.place(&held.written(), held.wanted + by, 0, out);
        }
    }

    /// `step`: samples by which the cursor moves before it, to follow the host's clock.
    fn place(&mut self, written: &Written<'_>, at: i64, step: i64, out: &mut impl Out) {
        let trim = (-step).max(0).min(written.len);
        let placing = Placing {
            at: at + step,
            trim: trim as u64,
            repeat: step.max(0) as u64,
            early: if written.ahead() { 0 } else { self.early as u64 },
            newest: true,
            ..Placing::default()
        };
        self.end = Some(at + step + written.len);
        out.audio(&written.audio(), placing);
    }

    /// Nothing more comes for now: what waits is decided. `force`: also what has not
    /// waited for long.
    pub fn tick(&mut self, now_ns: u64, force: bool, out: &mut impl Out) {
        let (Some(first), Some(last)) = (self.held.first(), self.held.last()) else {
            return;
        };
        let rate = last.format.rate;
        let waited = samples(now_ns, rate) - first.arrival;
        let due = waited >= samples(super::delay::HELD_NS, rate);
        if !force && !due {
            return;
        }
        let moment = Moment {
            wanted: last.wanted,
            arrival: last.arrival,
            rate,
        };
        let verdict = self.lateness.give_up(moment, !due);
        self.settle(verdict, out);
    }

    /// Writes that have no place yet: place, samples, rate and epoch.
    pub fn unplaced(&self) -> impl Iterator<Item = (i64, i64, u32, u32)> + '_ {
        let held = self.held.iter();
        held.map(|held| (held.arrival, held.len, held.format.rate, held.epoch))
    }

    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Samples at a place of the host's own clock of this leg.
    pub fn write_at(&mut self, position: u64, written: &Written<'_>, scene: &Scene, out: &mut impl Out) {
        let rate = written.format.rate;
        let end = out.end(rate);
        let begin = if scene.real { end.max(written.arrival) } else { end };
        let (index, place) = *self.anchor.get_or_insert((position, begin));
        let mut at = place.saturating_add(position.wrapping_sub(index) as i64);
        if is_jump(at, end, written, scene) {
            let late = begin.saturating_sub(at);
            let stall = samples(STALL_NS, rate);
            self.early = if scene.real && (0..=stall).contains(&late) {
                late
            } else {
                0
            };
            at = begin;
            self.anchor = Some((position, at));
        }
        self.end = Some(at + written.len);
        let placing = Placing {
            at,
            early: if written.ahead() { 0 } else { self.early as u64 },
            newest: true,
            ..Placing::default()
        };
        out.audio(&written.audio(), placing);
    }
}

fn is_jump(at: i64, end: i64, written: &Written<'_>, scene: &Scene) -> bool {
    let rate = written.format.rate;
    if !scene.real {
        return at.abs_diff(end) > samples(STREAM_JUMP_NS, rate) as u64;
    }
    let late = written.arrival.saturating_sub(at);
    let ahead = written.ahead_ns.max(JUMP_NS);
    let jump = samples(JUMP_NS, rate);
    let stalled = late <= samples(STALL_NS, rate) && at >= end;
    (late > jump && !stalled) || late.saturating_neg() > samples(ahead, rate)
}

impl Written<'_> {
    /// It is said when it is heard.
    fn ahead(&self) -> bool {
        self.ahead_ns > 0
    }

    fn audio(&self) -> Audio<'_> {
        Audio {
            payload: self.payload,
            format: self.format,
            network_order: false,
            epoch: self.epoch,
            ahead: self.ahead(),
        }
    }

    fn hold(&self, wanted: i64) -> HeldWrite {
        HeldWrite {
            payload: self.payload.to_vec(),
            format: self.format,
            epoch: self.epoch,
            len: self.len,
            wanted,
            arrival: self.arrival,
            ahead_ns: self.ahead_ns,
        }
    }
}

impl HeldWrite {
    fn written(&self) -> Written<'_> {
        Written {
            payload: &self.payload,
            format: self.format,
            epoch: self.epoch,
            len: self.len,
            arrival: self.arrival,
            ahead_ns: self.ahead_ns,
        }
    }
}
