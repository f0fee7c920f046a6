//! Whether a packet belongs into a recording.

use std::collections::BTreeSet;

use super::model::{Known, KnownCall, KnownRecording, Packet, Want};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Must,
    May,
    Never,
}

/// A packet is handed in within this of when it came, in ticks.
const BLUR_TICKS: u64 = 1;

/// A packet finds its place no later than this, in ticks; whether the call is held is asked
/// then.
const PLACED_TICKS: u64 = 20;

impl KnownRecording {
    /// What it did with what was handed in at this tick.
    fn want_at(&self, tick: u64) -> Want {
        let before = self.wants.iter().rev().find(|(from, _)| *from < tick);
        before.map_or(Want::Leave, |(_, want)| *want)
    }

    /// Whether that changed behind the first of these ticks and before the last one.
    fn changed(&self, from: u64, to: u64) -> bool {
        self.wants.iter().any(|(at, _)| (from..to).contains(at))
    }

    /// Whether it did only this at these ticks.
    fn only(&self, want: Want, from: u64, to: u64) -> bool {
        self.want_at(from) == want && !self.changed(from, to)
    }

    /// Whether the call is held at any of these ticks, and nothing of that kept.
    fn is_silenced(&self, from: u64, to: u64) -> bool {
        let begins = |(at, want): &(u64, Want)| *want == Want::Silence && (from..to).contains(at);
        self.want_at(from) == Want::Silence || self.wants.iter().any(begins)
    }

    pub fn verdict(&self, packet: &Packet, steady: bool) -> Verdict {
        let Some(handed) = packet.handed else {
            return Verdict::Never;
        };
        let said = packet.said;
        let now = self.want_at(handed);
        if now == Want::Leave {
            return Verdict::Never;
        }
        // What was said before the start may come in after it.
        let had_begun = self.wants.first().is_some_and(|(from, _)| *from < said);
        if let Some(late) = packet.late
            && had_begun
            && self.only(Want::Leave, said, said + late + BLUR_TICKS)
        {
            return Verdict::Never;
        }
        let (from, to) = (said.saturating_sub(PLACED_TICKS), handed + PLACED_TICKS);
        if self.is_silenced(from, to) {
            return match self.only(Want::Silence, from, to) {
                true => Verdict::Never,
                false => Verdict::May,
            };
        }
        // A stream that is moved to where it can have been said lies there by the clock's ticks.
        let moved = u64::from(!steady && packet.late.is_some());
        let unclear_from = said.saturating_sub(packet.early + moved);
        // What changes after it was handed in cannot make it a secret: it is kept, or told as lost.
        match self.changed(unclear_from, handed) {
            true => Verdict::May,
            false => Verdict::Must,
        }
    }
}

impl Known {
    fn is_wanted(&self, call: &KnownCall, packet: &Packet) -> bool {
        call.recordings.iter().any(|id| {
            let recording = &self.recordings[id];
            recording.verdict(packet, call.steady) != Verdict::Never
        })
    }

    /// Finds the marks that belong into no recording, as far as all is told of them.
    pub fn find_secrets(&mut self) {
        let mut secret = BTreeSet::new();
        for call in &self.calls {
            let never = call.packets.iter().filter(|packet| !self.is_wanted(call, packet));
            secret.extend(never.map(|packet| packet.mark));
        }
        self.secret = secret;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(said: u64, handed: u64, late: Option<u64>) -> Packet {
        Packet {
            mark: 1,
            leg: 0,
            stream: 0,
            said,
            handed: Some(handed),
            late,
            early: 0,
        }
    }

    /// Kept from 10 on, paused at 30, resumed at 50, ended at 100.
    fn recording() -> KnownRecording {
        KnownRecording {
            wants: vec![
                (10, Want::Keep),
                (30, Want::Leave),
                (50, Want::Keep),
                (100, Want::Leave),
            ],
            ..KnownRecording::default()
        }
    }

    #[test]
    fn what_is_handed_in_at_once_is_clear() {
        let expect = |said: u64, verdict: Verdict| {
            for late in [None, Some(0)] {
                let found = recording().verdict(&packet(said, said, late), true);
                assert_eq!(found, verdict, "{said} {late:?}");
            }
        };
        for (said, verdict) in [
            (10, Verdict::Never),
            (11, Verdict::Must),
            (30, Verdict::Must),
            (31, Verdict::Never),
            (50, Verdict::Never),
            (51, Verdict::Must),
            (100, Verdict::Must),
            (101, Verdict::Never),
        ] {
            expect(said, verdict);
        }
    }

    #[test]
    fn what_was_said_in_a_pause_and_comes_after_it_is_secret_where_it_says_so() {
        let verdict = |late| recording().verdict(&packet(40, 60, late), false);
        assert_eq!(verdict(Some(2)), Verdict::Never);
        assert_eq!(verdict(Some(20)), Verdict::May, "it may seem to be of after it");
        assert_eq!(verdict(None), Verdict::May, "nobody can know");
        let before = recording().verdict(&packet(25, 60, Some(2)), false);
        assert_eq!(before, Verdict::May, "from before the pause");
        let lost = Packet {
            handed: None,
            ..packet(20, 0, None)
        };
        assert_eq!(recording().verdict(&lost, true), Verdict::Never);
    }

    #[test]
    fn what_is_handed_in_before_a_pause_is_kept_or_told_wherever_it_may_lie() {
        for steady in [false, true] {
            for late in [None, Some(0), Some(30)] {
                let verdict = |early| {
                    let packet = Packet {
                        early,
                        ..packet(25, 30, late)
                    };
                    recording().verdict(&packet, steady)
                };
                assert_eq!(verdict(0), Verdict::Must, "{steady} {late:?}");
                assert_eq!(verdict(6), Verdict::Must, "{steady} {late:?}");
                assert_eq!(verdict(15), Verdict::May, "from before the start");
            }
        }
    }

    #[test]
    fn what_is_said_while_the_call_is_held_is_secret_away_from_the_edges() {
        let mut held = recording();
        held.wants = vec![(1, Want::Keep), (30, Want::Silence), (130, Want::Keep)];
        let verdict = |said: u64| held.verdict(&packet(said, said, None), true);
        assert_eq!(verdict(1), Verdict::Never);
        assert_eq!(verdict(2), Verdict::Must);
        assert_eq!(verdict(11), Verdict::May);
        assert_eq!(verdict(30), Verdict::May);
        assert_eq!(verdict(45), Verdict::May);
        assert_eq!(verdict(80), Verdict::Never);
        assert_eq!(verdict(120), Verdict::May);
    }
}
